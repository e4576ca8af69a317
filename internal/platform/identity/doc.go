// Package identity owns the answer to "who is calling": accounts, password
// sign-in and sessions, API tokens, the cookie of a Vouch proxy, first-run
// set-up, and the tamper-evident audit trail. It does not decide who may see
// which picture or record; each service does that for its own objects.
//
//	request ─► Chain{Session, Bearer, Vouch} ─► Principal in the context ─► service
//	                    │ cookie or token is hashed, the hash is the key
//	                    ▼
//	identity_users ◄─ identity_sessions, identity_tokens
//	every change ─► Audit.Record in the same transaction ─► identity_audit (hash chain)
//
// Operations that administer read the caller from the context (see From) and
// refuse anyone but an admin; work that no person asked for over HTTP, such
// as a command on the server's own machine, carries [System].
package identity
