package remote

import (
	"net/http"
	"testing"
	"time"

	"granary/internal/vision/engine"
)

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for in, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "99999999999": maxRetryAfter, "999999999999999999999": 0,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):       0,
		now.Add(48 * time.Hour).Format(http.TimeFormat):   maxRetryAfter,
	} {
		if got := parseRetryAfter(in, now); got != want {
			t.Errorf("parseRetryAfter(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestBackoffDoublesWithinItsBound(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		jitter  float64
		attempt int
		want    time.Duration
	}{
		{0, 0, 50 * time.Millisecond},
		{0.5, 0, 75 * time.Millisecond},
		{0, 3, 400 * time.Millisecond},
		{0, 60, maxBackoff / 2},
		{0.999, 1000, maxBackoff/2 + time.Duration(0.999*float64(maxBackoff/2))},
	} {
		c, err := New(engine.Spec{Endpoint: "http://x/"}, Config{Jitter: func() float64 { return tc.jitter }})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.backoff(tc.attempt); got != tc.want {
			t.Errorf("backoff(%d) with jitter %g = %s, want %s", tc.attempt, tc.jitter, got, tc.want)
		}
	}
}
