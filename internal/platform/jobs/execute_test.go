package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
	"granary/internal/platform/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keeper answers every renewal with err.
type keeper struct{ err error }

func (k keeper) Renew(context.Context, jobs.Progress) error { return k.err }

func (k keeper) Commit(context.Context, jobs.Progress, func(context.Context, database.Tx) error) error {
	return k.err
}

func (k keeper) Save(context.Context, func(context.Context, database.Tx) error) error { return k.err }

func execute(t *testing.T, ctx context.Context, cfg jobs.Config, job jobs.Job, k keeper, //nolint:revive // the test's own context is not the attempt's
	fn func(context.Context, *jobs.Run, alpha) error,
) jobs.Outcome {
	t.Helper()
	reg := jobs.NewRegistry()
	policy := jobs.Policy{Backoff: func(n int) time.Duration { return time.Duration(n) * time.Second }, Timeout: time.Minute}
	if err := jobs.Register(reg, policy, fn); err != nil {
		t.Fatalf("Register: %v", err)
	}
	job.ID, job.MaxAttempts, job.Args = "id", 3, []byte("{}")
	return reg.Execute(ctx, cfg.WithDefaults(), job, "", k)
}

func TestExecuteVerdict(t *testing.T) {
	t.Parallel()
	foreign := errors.New("secret=hunter2")
	tests := map[string]struct {
		attempt int
		cause   error
		err     error
		want    jobs.Outcome
	}{
		"success":              {1, nil, nil, jobs.Outcome{Verdict: jobs.Done}},
		"failure":              {2, nil, foreign, jobs.Outcome{Verdict: jobs.Again, Wait: 2 * time.Second, Message: "internal error"}},
		"last failure":         {3, nil, foreign, jobs.Outcome{Verdict: jobs.GiveUp, Message: "internal error"}},
		"permanent":            {1, nil, fmt.Errorf("wrap: %w", jobs.Permanent(foreign)), jobs.Outcome{Verdict: jobs.GiveUp, Message: "internal error"}},
		"remote names a pause": {1, nil, fault.New(fault.RateLimited, "slow down").After(time.Hour), jobs.Outcome{Verdict: jobs.Again, Wait: time.Hour, Message: "slow down"}},
		"remote is too eager":  {2, nil, fault.New(fault.RateLimited, "slow down").After(1), jobs.Outcome{Verdict: jobs.Again, Wait: 2 * time.Second, Message: "slow down"}},
		"cancelled":            {3, jobs.ErrCancelled, foreign, jobs.Outcome{Verdict: jobs.Stopped, Message: "job cancelled"}},
		"cancelled too late":   {3, jobs.ErrCancelled, nil, jobs.Outcome{Verdict: jobs.Done}},
		"drained":              {3, jobs.ErrDraining, foreign, jobs.Outcome{Verdict: jobs.Returned, Message: "internal error"}},
		"drained for good":     {1, jobs.ErrDraining, jobs.Permanent(foreign), jobs.Outcome{Verdict: jobs.GiveUp, Message: "internal error"}},
		"lost":                 {1, jobs.ErrLost, nil, jobs.Outcome{Verdict: jobs.Abandoned}},
	}
	for name, test := range tests {
		ctx, cancel := context.WithCancelCause(t.Context())
		got := execute(t, ctx, jobs.Config{}, jobs.Job{Kind: "alpha", Attempt: test.attempt}, keeper{},
			func(context.Context, *jobs.Run, alpha) error {
				if test.cause != nil {
					cancel(test.cause)
				}
				return test.err
			})
		cancel(nil)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: Execute (-want +got):\n%s", name, diff)
		}
	}
}

func TestExecuteUnknownKind(t *testing.T) {
	t.Parallel()
	got := jobs.NewRegistry().Execute(t.Context(), jobs.Config{}.WithDefaults(), jobs.Job{Kind: "gone"}, "", keeper{})
	if got.Verdict != jobs.GiveUp || !strings.Contains(got.Message, "gone") {
		t.Errorf("Execute = %+v, want GiveUp that names the kind", got)
	}
}

// A database that is away for a whole lease ends the attempt, since another
// process may have taken over.
func TestExecuteEndsWithoutRenewal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err, cause error
		want       jobs.Verdict
	}{
		"database away": {errors.New("connection refused"), jobs.ErrLost, jobs.Abandoned},
		"lease lost":    {fmt.Errorf("renew: %w", jobs.ErrLost), jobs.ErrLost, jobs.Abandoned},
		"cancelled":     {jobs.ErrCancelled, jobs.ErrCancelled, jobs.Stopped},
	} {
		var cause error
		got := execute(t, t.Context(), jobs.Config{Lease: 30 * time.Millisecond}, jobs.Job{Kind: "alpha", Attempt: 1}, keeper{test.err},
			func(ctx context.Context, _ *jobs.Run, _ alpha) error {
				<-ctx.Done()
				cause = context.Cause(ctx)
				return ctx.Err()
			})
		if got.Verdict != test.want || !errors.Is(cause, test.cause) {
			t.Errorf("%s: Execute = %+v, cause %v, want verdict %d, cause %v", name, got, cause, test.want, test.cause)
		}
	}
}

func TestExecuteLogs(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cfg := jobs.Config{Log: telemetry.NewLogger(&out, telemetry.LogConfig{Format: "json"})}
	execute(t, t.Context(), cfg, jobs.Job{Kind: "alpha", Attempt: 3}, keeper{}, func(ctx context.Context, _ *jobs.Run, _ alpha) error {
		slog.New(cfg.Log.Handler()).InfoContext(ctx, "from the handler")
		panic("boom")
	})
	for _, want := range []string{`"from the handler","job_id":"id"`, `"job panicked"`, `"panic":"boom"`, `"final":true`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("log lacks %s:\n%s", want, out.String())
		}
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"short": "ok", "long": strings.Repeat("x", 5000), "on a border": strings.Repeat("é", 2000), "off a border": "x" + strings.Repeat("世", 2000),
	} {
		got := jobs.Clip(text)
		if !strings.HasPrefix(text, got) || !utf8.ValidString(got) || len(got) > 2048 || len(text) > 2048 && len(got) < 2045 {
			t.Errorf("%s: Clip = %d bytes, valid %t", name, len(got), utf8.ValidString(got))
		}
	}
}

func TestExecuteEndsAfterOneTimeout(t *testing.T) {
	t.Parallel()
	for final, want := range map[bool]jobs.Verdict{true: jobs.RanOut, false: jobs.Again} {
		reg := jobs.NewRegistry()
		policy := jobs.Policy{Timeout: time.Millisecond, TimeoutFinal: final}
		err := jobs.Register(reg, policy, func(ctx context.Context, _ *jobs.Run, _ alpha) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if err != nil {
			t.Fatalf("Register: %v", err)
		}
		job := jobs.Job{ID: "id", Kind: "alpha", Attempt: 1, MaxAttempts: 3, Args: []byte("{}")}
		if got := reg.Execute(t.Context(), jobs.Config{}.WithDefaults(), job, "", keeper{}); got.Verdict != want {
			t.Errorf("with TimeoutFinal %v: verdict = %s, want %s", final, got.Verdict, want)
		}
	}
}
