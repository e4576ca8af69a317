// Package vision owns pictures of small objects, what models say about them
// and what experts say about the models.
//
//	picture set ─┬─ picture ── inference ── box ── guess ── seed
//	             │    bytes in the blob store       ▲
//	             │                                  └─ feedback (confirm, correct, reject, draw)
//	pipeline ────┴─ models behind engines                      │
//	                    ▲                                      ▼
//	                    └── model version ◄── retrain job ◄── verified boxes
//
// It does not know any wire format (package nachet and package pages do), how
// a model is run (package engine), or who a caller is (platform/identity).
// Every operation takes its caller from the context, decides with permit, and
// commits rows before it answers; bytes are written before the rows that name
// them and removed after the rows are gone.
package vision
