package guest

import (
	"io"
	"sync"

	"granary/internal/platform/worker/wire"
)

// speaker writes whole lines, one at a time, and only of the job that runs.
type speaker struct {
	mu     sync.Mutex
	out    io.Writer
	job    *Job // nil between jobs
	broken error
}

// say writes r unless its job is over; job is nil for the worker itself.
func (s *speaker) say(job *Job, r wire.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if job == s.job {
		s.write(r)
	}
}

// begin makes job the one that may speak.
func (s *speaker) begin(job *Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.job = job
}

// end writes the last report of the job.
func (s *speaker) end(r wire.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.job = nil
	s.write(r)
}

// write keeps the first error: when the host does not listen any more there is
// nobody to tell.
func (s *speaker) write(r wire.Report) {
	if s.broken != nil {
		return
	}
	line, err := wire.Encode(r)
	if err == nil {
		_, err = s.out.Write(line)
	}
	s.broken = err
}

func (s *speaker) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// talking reports whether a job may still speak.
func (s *speaker) talking() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.job != nil
}
