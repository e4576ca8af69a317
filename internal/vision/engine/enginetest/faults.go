package enginetest

import (
	"io"
	"net/http"
	"strconv"
	"sync"
)

// Fault answers one model call in place of, or before, the good server.
type Fault func(f *Faults, w http.ResponseWriter, r *http.Request)

// Faults is a server that meets the first calls with a plan of faults and
// hands all further ones to the good server.
type Faults struct {
	// Hanging gets a value when a call starts to wait, Left when a caller gave
	// up waiting.
	Hanging, Left chan struct{}

	good    http.Handler
	release chan struct{}
	once    sync.Once

	mu                      sync.Mutex
	plan                    []Fault
	calls, inFlight, mostOf int
}

// NewFaults returns a server that plays plan, one fault a call.
func NewFaults(good http.Handler, plan ...Fault) *Faults {
	return &Faults{
		Hanging: make(chan struct{}, 100), Left: make(chan struct{}, 100),
		good: good, release: make(chan struct{}), plan: plan,
	}
}

// Calls returns how many model calls arrived.
func (f *Faults) Calls() int { f.mu.Lock(); defer f.mu.Unlock(); return f.calls }

// Most returns the largest number of model calls at one time.
func (f *Faults) Most() int { f.mu.Lock(); defer f.mu.Unlock(); return f.mostOf }

// Release ends every wait.
func (f *Faults) Release() { f.once.Do(func() { close(f.release) }) }

// ServeHTTP plays the next fault for a POST request and passes the rest on.
func (f *Faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		f.good.ServeHTTP(w, r)
		return
	}
	f.mu.Lock()
	f.calls++
	f.inFlight++
	f.mostOf = max(f.mostOf, f.inFlight)
	next := Fault(func(f *Faults, w http.ResponseWriter, r *http.Request) { f.good.ServeHTTP(w, r) })
	if len(f.plan) > 0 {
		next, f.plan = f.plan[0], f.plan[1:]
	}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.inFlight--
		f.mu.Unlock()
	}()
	next(f, w, r)
}

// Status answers with a status code and no wait.
func Status(code int) Fault {
	return func(_ *Faults, w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(code)
	}
}

// RetryAfter answers 503 and asks for a wait of that many seconds.
func RetryAfter(seconds int) Fault {
	return func(_ *Faults, w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// Body answers 200 with a body.
func Body(text string) Fault {
	return func(_ *Faults, w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, text)
	}
}

// Redirect sends the caller to another path, which would be a second call.
func Redirect(_ *Faults, w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
}

// Cut closes the connection without an answer.
func Cut(_ *Faults, _ http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }

// Huge answers without end, until the caller stops reading.
func Huge(_ *Faults, w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	block := make([]byte, 64<<10)
	for i := range block {
		block[i] = ' '
	}
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// Hang answers only when the caller has left or the test is over.
func Hang(f *Faults, _ http.ResponseWriter, r *http.Request) {
	// The server notices that a caller left only once the body is read.
	_, _ = io.Copy(io.Discard, r.Body)
	f.Hanging <- struct{}{}
	select {
	case <-r.Context().Done():
		f.Left <- struct{}{}
	case <-f.release:
	}
}

// Hold waits for Release and then answers well.
func Hold(f *Faults, w http.ResponseWriter, r *http.Request) {
	f.Hanging <- struct{}{}
	<-f.release
	f.good.ServeHTTP(w, r)
}
