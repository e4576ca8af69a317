// Package clustering is the built-in app dticlustering: it groups pictures
// around prototypes. It owns the task, its parameters, and the archive that it
// leaves; package dti owns how pictures are grouped.
//
//	job ─► dataset.OpenView ─► squares of 128 pixels, kept as JPEG in the job's own folder
//	    ─► the background taken off, where asked ─► dti.Cluster on squares of 32
//	    ─► prototypes at 128 pixels, every picture as its prototype makes it
//	    ─► results/TASK.zip ─► {result_url}
//
// Memory is a few kilobytes a picture; the squares lie on disk.
package clustering
