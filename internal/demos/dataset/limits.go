package dataset

import "cmp"

// Limits bound what one document may be. A zero field has its default.
type Limits struct {
	// Entries bounds the entries of an archive, and the pictures of a manifest
	// or list. Defaults to 10,000.
	Entries int
	// DownloadBytes bounds an archive or a PDF as it is downloaded. Defaults
	// to 4 GiB.
	DownloadBytes int64
	// UnpackedBytes bounds the files of one document together. Defaults to 4 GiB.
	UnpackedBytes int64
	// Ratio bounds how many times larger than itself an archive unpacks.
	// Defaults to 100.
	Ratio int64
	// PictureBytes bounds one picture's file. Defaults to 40 MiB.
	PictureBytes int64
	// TextBytes bounds a manifest or list. Defaults to 32 MiB.
	TextBytes int64
	// Pages bounds a PDF. Defaults to 2,000.
	Pages int
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Entries:       cmp.Or(max(l.Entries, 0), 10_000),
		DownloadBytes: cmp.Or(max(l.DownloadBytes, 0), 4<<30),
		UnpackedBytes: cmp.Or(max(l.UnpackedBytes, 0), 4<<30),
		Ratio:         cmp.Or(max(l.Ratio, 0), 100),
		PictureBytes:  cmp.Or(max(l.PictureBytes, 0), 40<<20),
		TextBytes:     cmp.Or(max(l.TextBytes, 0), 32<<20),
		Pages:         cmp.Or(max(l.Pages, 0), 2000),
	}
}
