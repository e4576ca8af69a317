package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what this process did.
type metrics struct {
	attempts *prometheus.CounterVec
	duration prometheus.Histogram
}

func newMetrics() *metrics {
	return &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "granary_outbox_attempts_total", Help: "Attempts to deliver a callback by outcome.",
		}, []string{"outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "granary_outbox_attempt_duration_seconds", Help: "Time from dialling to a callback's answer.",
			// Receivers may import results before they answer.
			Buckets: []float64{.01, .05, .1, .5, 1, 5, 15, 60, 300, 900},
		}),
	}
}

func (m *metrics) observe(what outcome, took time.Duration) {
	m.attempts.WithLabelValues(string(what)).Inc()
	m.duration.Observe(took.Seconds())
}

// Collectors returns the counters of this process' deliveries, for a
// Prometheus registry. How many messages wait is in Waiting.
func (o *Outbox) Collectors() []prometheus.Collector {
	return []prometheus.Collector{o.metrics.attempts, o.metrics.duration}
}

// Waiting tells how many messages of how many streams have yet to be
// delivered, and how long the oldest has waited past the time it was due.
type Waiting struct {
	Messages, Streams int64
	Oldest            time.Duration
}

// Waiting reads the backlog.
func (o *Outbox) Waiting(ctx context.Context) (Waiting, error) {
	var found struct {
		Messages, Streams int64
		Expires           *time.Time
	}
	err := o.db.Reader().NewSelect().Model((*messageRow)(nil)).
		ColumnExpr("count(*) AS messages").ColumnExpr("count(DISTINCT stream) AS streams").ColumnExpr("min(expires_at) AS expires").
		Where("state = 'pending'").Scan(ctx, &found)
	if err != nil {
		return Waiting{}, fmt.Errorf("count callbacks: %w", err)
	}
	w := Waiting{Messages: found.Messages, Streams: found.Streams}
	if found.Expires != nil {
		// When a message expires is when it was due first plus GiveUp.
		w.Oldest = max(0, o.now().Sub(found.Expires.Add(-o.cfg.GiveUp)))
	}
	return w, nil
}
