// Package search is the built-in app "search": it keeps an index of the
// pictures of a data set and looks pictures up in it. It owns the two tasks,
// the index file and the result documents of the wire format; descriptor owns
// what likeness is and the form of the numbers in an index file.
//
//	index_dataset ─► gallery.Look ─► index/INDEX_ID, indexing/EID.json
//	query_index   ─► index/INDEX_ID + gallery.Look ─► query/EID.json
//
// All paths are below the app's folder, the one that results/ lies in. The host
// lays the index that a query names into the job's folder before.
package search
