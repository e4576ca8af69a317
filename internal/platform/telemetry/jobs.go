package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// JobMetrics count and time the attempts of the job engine. They are made
// before the engine and added to Metrics where a process serves them. Safe
// for concurrent use.
type JobMetrics struct {
	started  *prometheus.CounterVec
	finished *prometheus.CounterVec
	duration *prometheus.HistogramVec
	wait     *prometheus.HistogramVec
}

// NewJobMetrics returns metrics at zero. Kinds are registered by the program,
// so that the label is bounded.
func NewJobMetrics() *JobMetrics {
	return &JobMetrics{
		started: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "granary_jobs_started_total", Help: "Attempts at jobs that began.",
		}, []string{"kind"}),
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "granary_jobs_finished_total", Help: "Attempts at jobs that ended, by how.",
		}, []string{"kind", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "granary_jobs_duration_seconds", Help: "Time that attempts at jobs took.",
			// From a lookup to a day of training.
			Buckets: []float64{.01, .1, .5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600},
		}, []string{"kind"}),
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "granary_jobs_wait_seconds", Help: "Time that jobs had been due when an attempt began.",
			Buckets: []float64{.005, .01, .03, .1, .5, 1, 5, 30, 120, 600, 3600, 24 * 3600},
		}, []string{"kind"}),
	}
}

// JobStarted counts an attempt that begins after the job was due for so long.
func (m *JobMetrics) JobStarted(kind string, waited time.Duration) {
	m.started.WithLabelValues(kind).Inc()
	m.wait.WithLabelValues(kind).Observe(max(waited, 0).Seconds())
}

// JobEnded counts an attempt that ended.
func (m *JobMetrics) JobEnded(kind, outcome string, took time.Duration) {
	m.finished.WithLabelValues(kind, outcome).Inc()
	m.duration.WithLabelValues(kind).Observe(took.Seconds())
}

// Describe implements prometheus.Collector.
func (m *JobMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(out)
	}
}

// Collect implements prometheus.Collector.
func (m *JobMetrics) Collect(out chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(out)
	}
}

func (m *JobMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.started, m.finished, m.duration, m.wait}
}

// AddJobs adds the metrics of the job engine. A second set is refused.
func (m *Metrics) AddJobs(jobs *JobMetrics) error { return m.registry.Register(jobs) }
