package journal

import (
	"sync"
	"time"
)

// A status is asked for thousands of times a second while it changes a few
// times, so what was read a moment ago is answered again.
const (
	viewAge  = 100 * time.Millisecond
	maxViews = 1024
)

// views are those read within viewAge. The zero value is empty.
type views struct {
	mu    sync.Mutex
	known map[string]readView
}

type readView struct {
	view View
	at   time.Time // when its reading began
}

func (v *views) get(jobID string, now time.Time) (View, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	known, ok := v.known[jobID]
	return known.view, ok && now.Sub(known.at) < viewAge
}

func (v *views) put(jobID string, view View, at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known == nil || len(v.known) >= maxViews {
		v.known = map[string]readView{}
	}
	v.known[jobID] = readView{view: view, at: at}
}

// drop forgets a job that said something new.
func (v *views) drop(jobID string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.known, jobID)
}
