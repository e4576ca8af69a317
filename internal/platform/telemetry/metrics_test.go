package telemetry_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"granary/internal/platform/telemetry"
)

func newMetrics() *telemetry.Metrics {
	return telemetry.NewMetrics(telemetry.Build{Version: "v1", Commit: "c", Go: "go1"}, slog.New(slog.DiscardHandler))
}

func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	m.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if recorder.Code != http.StatusOK {
		t.Fatalf("GET /metrics = %d %s", recorder.Code, recorder.Body)
	}
	body, err := io.ReadAll(recorder.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestMetricsCountRequests(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	request := telemetry.Request{Door: "nachet", Route: "/inf", Method: "POST", Status: 200, Received: 10, Sent: 5, Duration: 30 * time.Millisecond}
	m.Observe(request)
	request.Status = 204
	m.Observe(request)
	request.Status = 503
	m.Observe(request)
	if err := m.InFlight(func() int64 { return 7 }); err != nil {
		t.Fatal(err)
	}
	got := scrape(t, m)
	for _, want := range []string{
		`granary_http_requests_total{door="nachet",method="POST",route="/inf",status_class="2xx"} 2`,
		`granary_http_requests_total{door="nachet",method="POST",route="/inf",status_class="5xx"} 1`,
		`granary_http_request_duration_seconds_bucket{door="nachet",method="POST",route="/inf",status_class="2xx",le="0.05"} 2`,
		`granary_http_received_bytes_total{door="nachet"} 30`,
		`granary_http_sent_bytes_total{door="nachet"} 15`,
		`granary_http_requests_in_flight 7`,
		`granary_build_info{commit="c",go_version="go1",version="v1"} 1`,
		`go_goroutines `,
		`process_resident_memory_bytes `,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("GET /metrics lacks %s", want)
		}
	}
}

func TestSamplesAreReadAtScrape(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	depth, broken := 1.0, false
	set := telemetry.SampleSet{
		Name: "granary_jobs_queued", Help: "Jobs that wait.", Labels: []string{"queue"},
		Read: func(ctx context.Context) ([]telemetry.Sample, error) {
			if _, bounded := ctx.Deadline(); !bounded {
				t.Error("Read has no deadline")
			}
			if broken {
				return nil, errors.New("database is gone")
			}
			return []telemetry.Sample{{Labels: []string{"default"}, Value: depth}}, nil
		},
	}
	if err := m.Samples(set); err != nil {
		t.Fatal(err)
	}
	if err := m.Samples(set); err == nil {
		t.Error("Samples of the same name = nil, want an error")
	}
	depth = 3
	if got, want := scrape(t, m), `granary_jobs_queued{queue="default"} 3`; !strings.Contains(got, want) {
		t.Errorf("GET /metrics lacks %s", want)
	}
	broken = true
	got := scrape(t, m)
	if strings.Contains(got, "granary_jobs_queued{") || !strings.Contains(got, "granary_build_info") {
		t.Error("a set that fails must be absent and leave the others")
	}
}

func TestWrongSamplesLeaveTheOthers(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	err := m.Samples(telemetry.SampleSet{
		Name: "granary_odd", Help: "Wrong number of labels.", Labels: []string{"a"},
		Read: func(context.Context) ([]telemetry.Sample, error) { return []telemetry.Sample{{Value: 1}}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := scrape(t, m); !strings.Contains(got, "granary_build_info") {
		t.Error("one wrong set hides the others")
	}
}

func TestMetricsLint(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	m.Observe(telemetry.Request{Door: "platform", Route: "/version", Method: "GET", Status: 200})
	if err := m.InFlight(func() int64 { return 0 }); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(m.Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
