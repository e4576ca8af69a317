package bench_test

import (
	"testing"

	"granary/internal/bench"
)

// BenchmarkWorkerMessages is one message of a worker, read, checked and handed
// on by the host; a tenth of the time the process itself is started and ended.
func BenchmarkWorkerMessages(b *testing.B) {
	section, err := bench.WorkerMessages(b.Context(), 1, max(b.N, 1000))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(section.Figures[0].Median, "messages/s")
}
