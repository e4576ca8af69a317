package front

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Front is the machine of a front end: its pictures and its callback handlers
// on one loopback port. Safe for concurrent use.
type Front struct {
	// URL is the address without a slash at its end.
	URL string

	address string
	mux     *http.ServeMux

	mu        sync.Mutex
	server    *http.Server // nil while the front is down
	callbacks []*Callback
	ended     map[string]*Callback         // by tracking id: the accepted end
	open      map[string][]context.Context // by tracking id: the requests of handlers at work
	repeated  int
	faults    []string
	changed   chan struct{} // closed at every change
}

// New starts a front end. Its faults fail the test at the end.
func New(t testing.TB) *Front {
	t.Helper()
	f := &Front{
		address: "127.0.0.1:0", mux: http.NewServeMux(), ended: map[string]*Callback{}, open: map[string][]context.Context{}, changed: make(chan struct{}),
	}
	if err := f.Up(); err != nil {
		t.Fatal(err)
	}
	f.URL = "http://" + f.address
	t.Cleanup(func() {
		if err := f.Down(); err != nil {
			t.Errorf("stop the front: %v", err)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, fault := range f.faults {
			t.Errorf("the front found: %s", fault)
		}
	})
	return f
}

// Up lets the front answer, at the address that it had before.
func (f *Front) Up() error {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", f.address)
	if err != nil {
		return fmt.Errorf("start the front: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.address = listener.Addr().String()
	f.server = &http.Server{Handler: f.mux, ReadHeaderTimeout: time.Minute}
	server := f.server
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			f.fault("serve: %v", err)
		}
	}()
	return nil
}

// Down refuses connections and breaks off open ones, as a front that is being
// installed anew does.
func (f *Front) Down() error {
	f.mu.Lock()
	server := f.server
	f.server = nil
	f.mu.Unlock()
	if server == nil {
		return nil
	}
	return server.Close()
}

// fault keeps a broken rule; the test fails at its end.
func (f *Front) fault(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	const most = 50 // one broken rule breaks for every task
	if len(f.faults) < most {
		f.faults = append(f.faults, fmt.Sprintf(format, args...))
	}
}

// note wakes those who wait for a change. The lock is held.
func (f *Front) note() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// awaitLimit bounds every wait; tasks on small pictures take seconds.
const awaitLimit = 3 * time.Minute

// await waits until ok holds; it is asked under the front's lock.
func (f *Front) await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.NewTimer(awaitLimit)
	defer limit.Stop()
	for {
		f.mu.Lock()
		done, changed := ok(), f.changed
		f.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-limit.C:
			t.Fatalf("waited %s in vain: %s", awaitLimit, what)
		}
	}
}
