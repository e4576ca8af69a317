// Package dataset owns the documents that the demo apps work on: their names,
// their cached copies, and the private data folder in which one job sees them.
//
//	Document ─► Library.Prepare ─► Folder        one download, shared by every job
//	            zip · iiif · url_list · pdf · img
//	Set ──────► Library.MakeView ─► data folder  private to a job: pictures by hard link
//	                                   │
//	            the app's process ─► OpenView ─► View ─► Image.Decode
//
// It does not know tasks, apps or HTTP routes, and it publishes nothing that
// an app writes.
//
// A Folder is replaced as a whole or not at all. Prepare works in a temporary
// folder, syncs it and renames it; jobs on the same document wait for one
// another, in this process and in others on the same disk. A view holds links
// to the files, so that it stays whole whatever happens to the cached copy.
//
// The layout under the data folder is that of the wire format, so that folders
// of existing installations are read as they are:
//
//	shared/documents/TYPE/UID/    images/ cropped/ annotations/ images.json metadata.json
//	shared/datasets/BASE_UID/     info.json crops_CROPSUID.json features/
//	APP/results/ APP/models/
package dataset
