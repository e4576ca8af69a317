// Package pipeline owns the declarative inference pipelines: what a pipeline
// is, how its files are read, how it runs over a picture and how raw findings
// become the boxes that a user sees.
//
//	file ─► Read ─► Definition ─► Open(engines) ─► Runner
//	                                               │ Run(picture)
//	        detect ─► crop ─► classify ─► ensemble ─► PostProcess ─► Result
//
// It does not talk to models itself (see engine), stores nothing and seals no
// secrets: a Definition holds endpoints and keys in plain text, and the vision
// service seals them with MapSecrets before they reach a database.
package pipeline
