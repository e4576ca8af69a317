package web

import (
	"fmt"
	"testing"
	"time"
)

func TestLimiterRefillsAndForgets(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	l := newLimiter(10, 5, func() time.Time { return now })
	for range 5 {
		if wait := l.take("a"); wait != 0 {
			t.Fatalf("take within the burst = %v, want 0", wait)
		}
	}
	if wait := l.take("a"); wait != 100*time.Millisecond {
		t.Errorf("take over the burst = %v, want 100ms", wait)
	}
	if !l.exhausted("a") || l.exhausted("b") {
		t.Errorf("exhausted(a), exhausted(b) = %t, %t, want true, false", l.exhausted("a"), l.exhausted("b"))
	}
	now = now.Add(100 * time.Millisecond)
	if wait := l.take("a"); wait != 0 {
		t.Errorf("take after the wait = %v, want 0: a refused request must cost nothing", wait)
	}
	now = now.Add(time.Minute)
	l.take("b")
	if len(l.entries) != 1 {
		t.Errorf("table holds %d clients, want the full bucket of a forgotten", len(l.entries))
	}
}

func TestLimiterTableIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	l := newLimiter(1, 2, func() time.Time { return now })
	l.take("kept")
	for i := range 2 * maxClients {
		l.take(fmt.Sprint(i))
		if i%1000 == 0 {
			l.take("kept")
		}
	}
	if len(l.entries) > maxClients || l.order.Len() != len(l.entries) {
		t.Errorf("table holds %d clients in %d entries, want at most %d", len(l.entries), l.order.Len(), maxClients)
	}
	if l.take("kept") == 0 {
		t.Error("a busy client was forgotten in the flood")
	}
}

func BenchmarkLimiter(b *testing.B) {
	l := newLimiter(1e9, 1e9, time.Now)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.take("192.0.2.1|")
		}
	})
}
