package journal_test

import (
	"fmt"
	"testing"
	"time"

	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/journal"
)

// BenchmarkLine is what a line costs a job that floods its log, the storing
// of what is kept included.
func BenchmarkLine(b *testing.B) {
	j := journal.New(databasetest.Open(b, journal.Migrations()), journal.Config{})
	if err := j.Start(b.Context(), &table{}); err != nil {
		b.Fatal(err)
	}
	record := j.Open(running("a", 1))
	began := time.Now()
	for b.Loop() {
		record.Line(jobs.Info, "Processing page 17 of 212: 3 regions found, the best at 0.97")
	}
	record.Close(b.Context(), jobs.Outcome{Verdict: jobs.Done})
	j.Stop()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "lines/s")
}

// BenchmarkView is what a status request reads.
func BenchmarkView(b *testing.B) {
	j := journal.New(databasetest.Open(b, journal.Migrations()), journal.Config{})
	record := j.Open(running("a", 1))
	for i := range 40 {
		record.Line(jobs.Info, fmt.Sprintf("Processing page %d of 212", i))
		record.Bar(jobs.Bar{Key: fmt.Sprint(i % 3), Context: "Processing images", Current: int64(i), Total: 212})
	}
	record.Flush(b.Context())
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if v, err := j.View(b.Context(), "a"); err != nil || len(v.Infos) != journal.MaxInfos {
				b.Errorf("View = %d infos, %v", len(v.Infos), err)
			}
		}
	})
}
