// Package nachetimport takes over an existing deployment of the original
// Nachet backend: its PostgreSQL tables and its Azure containers (nachet
// specification, section 7).
//
//	source, read only                          target
//	one snapshot ─► users, sets, seeds ──────► accounts, sets, seeds
//	             ─► pipelines ───────────────► pipelines, secrets sealed
//	             ─► pictures with what was said of them, page by page ─┐
//	containers ──► index, listed once ─► bytes ─► image gate ──────────┴► pictures
//
// Everything keeps its id, so a run may be repeated: what is held already is
// left alone, and a run that was cut off goes on. A picture appears together
// with everything said of it or not at all. What cannot be carried over is
// reported with its reason and never ends the run; only a store that fails
// does.
//
// It holds no SQL of the target's tables (vision.Importer does) and never
// writes to the source.
package nachetimport
