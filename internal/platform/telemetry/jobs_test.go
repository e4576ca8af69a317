package telemetry_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"granary/internal/platform/telemetry"
)

func TestJobMetrics(t *testing.T) {
	t.Parallel()
	m, jobs := newMetrics(), telemetry.NewJobMetrics()
	if err := m.AddJobs(jobs); err != nil {
		t.Fatalf("AddJobs: %v", err)
	}
	if err := m.AddJobs(telemetry.NewJobMetrics()); err == nil {
		t.Error("second AddJobs = nil, want an error")
	}
	jobs.JobStarted("demo_regions", 20*time.Millisecond)
	jobs.JobStarted("demo_regions", -time.Second) // a clock that went back
	jobs.JobEnded("demo_regions", "timed_out", 2*time.Minute)
	got := scrape(t, m)
	for _, want := range []string{
		`granary_jobs_started_total{kind="demo_regions"} 2`,
		`granary_jobs_finished_total{kind="demo_regions",outcome="timed_out"} 1`,
		`granary_jobs_wait_seconds_bucket{kind="demo_regions",le="0.005"} 1`,
		`granary_jobs_wait_seconds_bucket{kind="demo_regions",le="0.03"} 2`,
		`granary_jobs_duration_seconds_bucket{kind="demo_regions",le="60"} 0`,
		`granary_jobs_duration_seconds_bucket{kind="demo_regions",le="300"} 1`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("GET /metrics lacks %s", want)
		}
	}
	problems, err := testutil.CollectAndLint(jobs)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint = %v, %v", problems, err)
	}
}
