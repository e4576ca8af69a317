package telemetry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/fault"
)

func add(t *testing.T, h *Health, name string, run func(context.Context) error) {
	t.Helper()
	if err := h.Add(name, run); err != nil {
		t.Fatal(err)
	}
}

func statuses(r Report) map[string]string {
	got := map[string]string{"": r.Status}
	for name, result := range r.Checks {
		got[name] = result.Status
	}
	return got
}

func TestReportNamesEachDependency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := NewHealth(slog.New(slog.DiscardHandler))
		release := make(chan struct{})
		add(t, h, "fine", func(context.Context) error { return nil })
		add(t, h, "broken", func(context.Context) error { return errors.New("refused by 10.0.0.7") })
		add(t, h, "slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		add(t, h, "stuck", func(context.Context) error { <-release; return nil })
		started := time.Now()
		got := statuses(h.Report(t.Context()))
		want := map[string]string{"": "unready", "fine": "ok", "broken": "failed", "slow": "timeout", "stuck": "timeout"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Report (-want +got):\n%s", diff)
		}
		if took := time.Since(started); took != checkTimeout {
			t.Errorf("Report took %s, want the checks side by side in %s", took, checkTimeout)
		}
		err := h.Ready(t.Context())
		if want := "the server is unready, broken: failed, slow: timeout, stuck: timeout"; !fault.Is(err, fault.Unavailable) || err.Error() != want {
			t.Errorf("Ready() = %v, want unavailable: %s", err, want)
		}
		close(release)
		synctest.Wait()
		time.Sleep(reportAge) //nolint:forbidigo // the bubble's clock
		if got := h.Report(t.Context()).Checks["stuck"].Status; got != "ok" {
			t.Errorf("stuck = %s after it came back, want ok", got)
		}
	})
}

func TestStuckCheckRunsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := NewHealth(slog.New(slog.DiscardHandler))
		release := make(chan struct{})
		var runs atomic.Int32
		add(t, h, "stuck", func(context.Context) error { runs.Add(1); <-release; return nil })
		for range 3 {
			if got := h.Report(t.Context()).Status; got != "unready" {
				t.Errorf("Status = %s, want unready", got)
			}
			time.Sleep(reportAge) //nolint:forbidigo // the bubble's clock
		}
		if got := runs.Load(); got != 1 {
			t.Errorf("check was started %d times, want 1", got)
		}
		close(release)
	})
}

func TestFloodSharesOneReport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := NewHealth(slog.New(slog.DiscardHandler))
		var runs atomic.Int32
		add(t, h, "database", func(context.Context) error {
			runs.Add(1)
			time.Sleep(100 * time.Millisecond) //nolint:forbidigo // the bubble's clock
			return nil
		})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for range 50 {
			go func() {
				if got := h.Report(gone).Status; got != "ready" {
					t.Errorf("Status = %s, want ready although a caller left", got)
				}
			}()
		}
		time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
		if got := runs.Load(); got != 1 {
			t.Errorf("50 reports ran the check %d times, want 1", got)
		}
	})
}

func TestHandlers(t *testing.T) {
	t.Parallel()
	get := func(handler http.Handler) (int, string) {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
		return recorder.Code, recorder.Body.String()
	}
	frozen := func() time.Time { return time.Unix(0, 0) }
	ready := NewHealth(slog.New(slog.DiscardHandler))
	ready.now = frozen
	add(t, ready, "blob", func(context.Context) error { return nil })
	broken := NewHealth(slog.New(slog.DiscardHandler))
	broken.now = frozen
	add(t, broken, "database", func(context.Context) error { return errors.New("password authentication failed for lab") })
	draining := NewHealth(slog.New(slog.DiscardHandler))
	draining.Drain()
	for name, test := range map[string]struct {
		handler http.Handler
		status  int
		body    string
	}{
		"live":     {broken.LiveHandler(), 200, `{"status":"ok"}`},
		"ready":    {ready.ReadyHandler(), 200, `{"status":"ready","checks":{"blob":{"status":"ok","milliseconds":0}}}`},
		"unready":  {broken.ReadyHandler(), 503, `{"status":"unready","checks":{"database":{"status":"failed","milliseconds":0}}}`},
		"draining": {draining.ReadyHandler(), 503, `{"status":"draining","checks":{}}`},
		"version":  {Build{Version: "v1", Commit: "c", Go: "go1.26"}.Handler(), 200, `{"version":"v1","commit":"c","go":"go1.26"}`},
	} {
		if status, body := get(test.handler); status != test.status || body != test.body {
			t.Errorf("%s answered %d %s, want %d %s", name, status, body, test.status, test.body)
		}
	}
}

func TestOnlyChangesAreLogged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	h := NewHealth(slog.New(slog.NewTextHandler(&out, nil)))
	clock := time.Unix(0, 0)
	h.now = func() time.Time { clock = clock.Add(time.Hour); return clock }
	var failure error
	add(t, h, "database", func(context.Context) error { return failure })
	for _, failure = range []error{nil, errors.New("gone"), errors.New("gone"), nil, nil} {
		h.Report(t.Context())
	}
	if got := strings.Count(out.String(), "\n"); got != 2 || !strings.Contains(out.String(), "error=gone") || !strings.Contains(out.String(), "ready again") {
		t.Errorf("five reports logged\n%swant one line when it broke and one when it came back", out.String())
	}
	if err := h.Add("database", nil); err == nil {
		t.Error("Add of the same name = nil, want an error")
	}
}

func TestReadBuild(t *testing.T) {
	t.Parallel()
	if got := ReadBuild("v9.9.9"); got.Version != "v9.9.9" || !strings.HasPrefix(got.Go, "go1") {
		t.Errorf("ReadBuild(v9.9.9) = %+v", got)
	}
	if got := ReadBuild(""); got.Version == "" || got.Version == "(devel)" {
		t.Errorf("ReadBuild(\"\").Version = %q", got.Version)
	}
}
