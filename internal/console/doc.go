// Package console is the web console's door: the shell and the pages that no
// service owns (first run, sign in, home, users, tokens, jobs, audit). Each
// service brings its own pages as a Section; package ui holds the layout, the
// components, the messages and the style.
//
//	web.Server ─► Door ─► pages here          identity, jobs
//	                  └─► Section (vision/pages, …)  its own service
//
// A page decides nothing: it decodes, calls a service under the request's
// principal, and renders what that service allowed.
package console
