// Package harness lets tests drive the built binary from outside: it builds
// it, starts servers on free ports over fresh stores, runs commands beside
// them, plays the model endpoints that pipelines call, and speaks HTTP as the
// seed-classification front end does.
//
//	Build ─► Backend ─► Start ─► Client ─► answers
//	            │         └► Command (granary user create, check …)
//	            └ SQLite and a folder, or PostgreSQL and Azure Blob Storage
//	Models ◄── the server's calls (specification nachet, section 4.3)
//
// It knows nothing of what is right: the acceptance tests do.
package harness
