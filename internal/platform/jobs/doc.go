// Package jobs is the durable queue of work that outlives a request:
// retraining, imports, derived pictures. It owns the job kinds, their policy
// and the way one attempt is run; it does not own what a job does (the
// services' jobs.go) nor where its row lies (the engines in local and river).
//
//	service ── Enqueue(tx, args) ──► row, in the caller's transaction
//	                                  │ claimed: lease + fencing number
//	                                  ▼
//	engine ──► Registry.Execute ──► handler(ctx, run, args)
//	              │ renews the lease      │ run.Progress  stored on the row
//	              │ cancels ctx           │ run.Commit    result + success in one transaction
//	              ▼
//	           Outcome: succeeded, again later, failed, cancelled, returned
//
// Two engines pass one suite (jobstest): local keeps its rows in the SQLite
// file, river in PostgreSQL for any number of processes. Both promise that a
// job exists exactly if its transaction committed, that it runs at least
// once, and that only the live attempt's Commit is accepted.
package jobs
