package crash_test

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// fate is what a client knows of something that it asked for.
type fate int

const (
	asked  fate = iota // in flight when the connection broke: may be or not
	exists             // acknowledged, or seen since
	gone               // acknowledged as deleted, or seen to be
)

// folder is a picture set as its client remembers it.
type folder struct {
	id       string
	batch    bool
	deleting bool // asked to be deleted, not answered
	fate     fate

	pictures map[string]*picture // by id
	// uploads are the digests of files sent to a batch or for classification
	// whose picture id is not known: true when acknowledged.
	uploads map[string]bool
}

// picture is one acknowledged picture.
type picture struct {
	id, inference, box string
	digest             string
	confirmed          fate
	fresh              bool // since the last restart
}

// memory is everything that one client was told. Each client works in folders
// of its own, so that no two of them race for one.
type memory struct {
	mu      sync.Mutex
	folders []*folder

	acknowledged int // requests answered 200
}

// any returns a folder that exists for all the client knows, or nil.
func (m *memory) any(rng *rand.Rand, batch bool) *folder {
	var open []*folder
	for _, f := range m.folders {
		if f.fate == exists && !f.deleting && f.batch == batch {
			open = append(open, f)
		}
	}
	if len(open) == 0 {
		return nil
	}
	return open[rng.IntN(len(open))]
}

// unconfirmed returns a picture without feedback, or nil.
func (f *folder) unconfirmed() *picture {
	for _, p := range f.pictures {
		if p.confirmed == gone {
			return p
		}
	}
	return nil
}

// forget drops folders that were seen to be gone, but for the newest few.
func (m *memory) forget() {
	const keep = 20
	var dead int
	for _, f := range slices.Backward(m.folders) {
		if f.fate != gone {
			continue
		}
		if dead++; dead > keep {
			f.pictures = nil
		}
	}
	m.folders = slices.DeleteFunc(m.folders, func(f *folder) bool { return f.fate == gone && f.pictures == nil })
}
