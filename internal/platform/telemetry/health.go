package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"granary/internal/platform/fault"
)

const (
	// checkTimeout bounds one readiness check.
	checkTimeout = 3 * time.Second
	// reportAge is how long a report is reused, so that a flood of requests
	// to /readyz does not become a flood of checks.
	reportAge = 500 * time.Millisecond
)

// Health knows whether the process can serve. Safe for concurrent use.
type Health struct {
	log *slog.Logger
	now func() time.Time
	// timeout is checkTimeout outside tests.
	timeout time.Duration

	reporting chan struct{} // holds a token while a report is made
	last      Report

	mu       sync.Mutex
	checks   []*check
	draining bool
}

type check struct {
	name string
	run  func(context.Context) error
	busy bool // an earlier run has not come back
	// failing is what the last run said, so that only changes are logged.
	failing bool
}

// Report is the answer of /readyz.
type Report struct {
	// Status is ready, unready or draining.
	Status string            `json:"status"`
	Checks map[string]Result `json:"checks"`
	taken  time.Time
}

// Result is one dependency's state. The reason of a failure is in the log
// only: /readyz answers anybody.
type Result struct {
	// Status is ok, failed or timeout.
	Status string `json:"status"`
	// Milliseconds is how long the check took.
	Milliseconds int64 `json:"milliseconds"`
}

// NewHealth returns a Health without checks, which is ready.
func NewHealth(log *slog.Logger) *Health {
	return &Health{log: log, now: time.Now, timeout: checkTimeout, reporting: make(chan struct{}, 1)}
}

// Add registers a readiness check under a name. run must end when ctx does,
// which is after 3 s; a run that does not is reported as a timeout, and not
// started again until it came back. A name given twice is an error.
func (h *Health) Add(name string, run func(ctx context.Context) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.checks {
		if c.name == name {
			return fmt.Errorf("readiness check %q is registered twice", name)
		}
	}
	h.checks = append(h.checks, &check{name: name, run: run})
	return nil
}

// Drain makes the server unready from now on, so that a balancer sends no
// new requests while those in flight end.
func (h *Health) Drain() {
	h.mu.Lock()
	h.draining = true
	h.mu.Unlock()
}

// Ready returns nil when every check passes, else a fault.Unavailable error
// that names those which do not.
func (h *Health) Ready(ctx context.Context) error {
	report := h.Report(ctx)
	if report.Status == "ready" {
		return nil
	}
	because := []string{"the server is " + report.Status}
	for _, name := range slices.Sorted(maps.Keys(report.Checks)) {
		if status := report.Checks[name].Status; status != "ok" {
			because = append(because, name+": "+status)
		}
	}
	return fault.New(fault.Unavailable, "%s", strings.Join(because, ", "))
}

// Report runs every check at once and waits for all, at most 3 s.
func (h *Health) Report(ctx context.Context) Report {
	h.mu.Lock()
	draining := h.draining
	h.mu.Unlock()
	if draining {
		return Report{Status: "draining", Checks: map[string]Result{}}
	}

	h.reporting <- struct{}{}
	defer func() { <-h.reporting }()
	if age := h.now().Sub(h.last.taken); h.last.Status != "" && age >= 0 && age < reportAge {
		return h.last
	}
	h.mu.Lock()
	checks := append([]*check(nil), h.checks...)
	h.mu.Unlock()

	// The report serves all who wait for it, so one caller's leaving must not
	// end it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.timeout)
	defer cancel()
	results := make([]Result, len(checks))
	var wait sync.WaitGroup
	for i, c := range checks {
		wait.Go(func() { results[i] = h.observe(ctx, c) })
	}
	wait.Wait()

	report := Report{Status: "ready", Checks: make(map[string]Result, len(checks)), taken: h.now()}
	for i, c := range checks {
		report.Checks[c.name] = results[i]
		if results[i].Status != "ok" {
			report.Status = "unready"
		}
	}
	h.last = report
	return report
}

// observe runs one check and gives up on it when ctx ends.
func (h *Health) observe(ctx context.Context, c *check) Result {
	h.mu.Lock()
	busy := c.busy
	c.busy = true
	h.mu.Unlock()
	if busy {
		return Result{Status: "timeout"}
	}
	started := h.now()
	done := make(chan error, 1)
	go func() {
		err := c.run(ctx)
		h.mu.Lock()
		c.busy = false
		h.mu.Unlock()
		done <- err
	}()
	result := Result{Status: "ok"}
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		result.Status = "timeout"
	case err != nil:
		result.Status = "failed"
	}
	result.Milliseconds = h.now().Sub(started).Milliseconds()
	h.note(ctx, c, err)
	return result
}

// note logs a change for the worse or the better.
func (h *Health) note(ctx context.Context, c *check, err error) {
	h.mu.Lock()
	changed := c.failing != (err != nil)
	c.failing = err != nil
	h.mu.Unlock()
	switch {
	case changed && err != nil:
		h.log.ErrorContext(ctx, "dependency is not ready", "dependency", c.name, "error", err)
	case changed:
		h.log.InfoContext(ctx, "dependency is ready again", "dependency", c.name)
	}
}

// LiveHandler answers GET /healthz: the process serves requests.
func (h *Health) LiveHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
}

// ReadyHandler answers GET /readyz: 200 when every dependency answers, else
// 503, with each by name.
func (h *Health) ReadyHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		report := h.Report(r.Context())
		status := http.StatusOK
		if report.Status != "ready" {
			status = http.StatusServiceUnavailable
		}
		writeJSON(w, status, report)
	})
}
