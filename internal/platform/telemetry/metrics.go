package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrapeTimeout bounds what one group of samples may take per scrape, below
// Prometheus' default of 10 s.
const scrapeTimeout = 5 * time.Second

// Metrics is the registry of everything measured. Safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	log      *slog.Logger
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	received *prometheus.CounterVec
	sent     *prometheus.CounterVec
}

// Request is one finished HTTP request. Door, Route and Method come from the
// route table and are thus bounded. Its fields are those of web.Observation,
// so that one converts to the other.
type Request struct {
	Door   string
	Route  string
	Method string
	Status int
	// Sent and Received count body bytes.
	Sent, Received int64
	Duration       time.Duration
}

// NewMetrics returns a registry with the HTTP, build, Go and process metrics.
// The logger hears of samples that could not be taken.
func NewMetrics(build Build, log *slog.Logger) *Metrics {
	labels := []string{"door", "route", "method", "status_class"}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		log:      log,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "granary_http_requests_total", Help: "Finished HTTP requests.",
		}, labels),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "granary_http_request_duration_seconds", Help: "Time from a request's header to the last byte of its answer.",
			// From a cached list to an inference that waits for remote models.
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, labels),
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "granary_http_received_bytes_total", Help: "Bytes of request bodies.",
		}, []string{"door"}),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "granary_http_sent_bytes_total", Help: "Bytes of answers' bodies.",
		}, []string{"door"}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "granary_build_info", Help: "What is running; always 1.",
		ConstLabels: prometheus.Labels{"version": build.Version, "commit": build.Commit, "go_version": build.Go},
	})
	info.Set(1)
	m.registry.MustRegister(m.requests, m.duration, m.received, m.sent, info,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Observe counts one finished request.
func (m *Metrics) Observe(r Request) {
	class := strconv.Itoa(r.Status/100) + "xx"
	m.requests.WithLabelValues(r.Door, r.Route, r.Method, class).Inc()
	m.duration.WithLabelValues(r.Door, r.Route, r.Method, class).Observe(r.Duration.Seconds())
	m.received.WithLabelValues(r.Door).Add(float64(r.Received))
	m.sent.WithLabelValues(r.Door).Add(float64(r.Sent))
}

// InFlight adds the gauge of requests being worked on.
func (m *Metrics) InFlight(count func() int64) error {
	return m.Samples(SampleSet{
		Name: "granary_http_requests_in_flight", Help: "HTTP requests being worked on.",
		Read: func(context.Context) ([]Sample, error) { return []Sample{{Value: float64(count())}}, nil },
	})
}

// SampleSet is one gauge that is read at each scrape: the depth of queues,
// the size of stores.
type SampleSet struct {
	// Name begins with granary_ and ends with the base unit, if any.
	Name, Help string
	// Labels are the names of the labels, whose values must be bounded.
	Labels []string
	// Read returns the present values. It must end when ctx does, which is
	// after 5 s. On an error the scrape goes on without these samples.
	Read func(ctx context.Context) ([]Sample, error)
}

// Sample is one value with the values of its labels, in the set's order.
type Sample struct {
	Labels []string
	Value  float64
}

// Samples registers a set. Sets of the same name are refused.
func (m *Metrics) Samples(set SampleSet) error {
	collector := &sampler{set: set, log: m.log, desc: prometheus.NewDesc(set.Name, set.Help, set.Labels, nil)}
	if err := m.registry.Register(collector); err != nil {
		return fmt.Errorf("register metric %s: %w", set.Name, err)
	}
	return nil
}

// Add registers what a package counts by itself. Names that are taken are
// refused.
func (m *Metrics) Add(collectors ...prometheus.Collector) error {
	for _, c := range collectors {
		if err := m.registry.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}

// Handler answers GET /metrics. One group of metrics that fails does not hide
// the others.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: promLog{m.log},
		Registry: m.registry, MaxRequestsInFlight: 4,
	})
}

// Gatherer gives tests and pushes access to the values.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

type sampler struct {
	set  SampleSet
	desc *prometheus.Desc
	log  *slog.Logger
}

func (s *sampler) Describe(out chan<- *prometheus.Desc) { out <- s.desc }

func (s *sampler) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	samples, err := s.set.Read(ctx)
	if err != nil {
		s.log.Warn("metric could not be read", "metric", s.set.Name, "error", err)
		return
	}
	for _, sample := range samples {
		metric, err := prometheus.NewConstMetric(s.desc, prometheus.GaugeValue, sample.Value, sample.Labels...)
		if err != nil {
			metric = prometheus.NewInvalidMetric(s.desc, err)
		}
		out <- metric
	}
}

type promLog struct{ log *slog.Logger }

func (l promLog) Println(v ...any) { l.log.Warn("metrics scrape", "error", fmt.Sprint(v...)) }
