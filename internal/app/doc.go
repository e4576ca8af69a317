// Package app is the composition root: it turns the configuration into the
// platform, the services on it and the listeners before them. It is the only
// package that knows everything, and it holds no rule of any of them.
//
//	config ─► Open: database, blobs, secrets, identity, jobs, services
//	       └► Serve: doors, listeners, background loops; stops them in reverse
package app
