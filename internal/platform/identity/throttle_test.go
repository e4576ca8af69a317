package identity

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestThrottleDelayGrows(t *testing.T) {
	t.Parallel()
	throttle := newThrottle(3)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for range 3 {
		if wait, _ := throttle.take("ada", "192.0.2.1", now); wait != 0 {
			t.Fatalf("take within the limit = %v, want 0", wait)
		}
	}
	var waits []time.Duration
	for range 7 {
		wait, _ := throttle.take("ada", "192.0.2.1", now)
		waits = append(waits, wait)
		now = now.Add(wait)
		if wait, _ := throttle.take("ada", "192.0.2.1", now); wait != 0 {
			t.Fatalf("take after the delay = %v, want 0", wait)
		}
	}
	want := []time.Duration{1, 2, 4, 8, 16, 16, 16}
	for i := range want {
		want[i] *= time.Minute
	}
	if diff := cmp.Diff(want, waits); diff != "" {
		t.Errorf("delays (-want +got):\n%s", diff)
	}
	now = now.Add(2 * maxThrottleDelay)
	for range 3 {
		if wait, _ := throttle.take("ada", "192.0.2.1", now); wait != 0 {
			t.Errorf("take after a long quiet = %v, want 0", wait)
		}
	}
}

func TestThrottleCountsWideKeys(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, take := range map[string]func(t *throttle, i int) time.Duration{
		"many accounts from one address": func(t *throttle, i int) time.Duration {
			wait, _ := t.take(fmt.Sprint(i), "192.0.2.1", now)
			return wait
		},
		"one account from many addresses": func(t *throttle, i int) time.Duration {
			wait, _ := t.take("ada", fmt.Sprintf("192.0.2.%d:99", i), now)
			return wait
		},
		"one IPv6 subscriber": func(t *throttle, i int) time.Duration {
			wait, _ := t.take(fmt.Sprint(i), fmt.Sprintf("[2001:db8::%x]:443", i+1), now)
			return wait
		},
	} {
		throttle := newThrottle(2)
		free := 0
		for take(throttle, free) == 0 {
			free++
		}
		if free != 2*wideFactor {
			t.Errorf("%s: %d attempts before a delay, want %d", name, free, 2*wideFactor)
		}
	}
}

func TestThrottleForgetsAfterSuccessAndStaysBounded(t *testing.T) {
	t.Parallel()
	throttle := newThrottle(2)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range 4 {
		if wait, _ := throttle.take("ada", "192.0.2.1", now); wait != 0 {
			t.Errorf("attempt %d with successes between = %v, want 0", i, wait)
		}
		throttle.succeeded("ada", "192.0.2.1")
	}
	for i := range 2 * maxThrottled {
		throttle.take(fmt.Sprint(i), fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), now)
	}
	if got := len(throttle.seen.byKey); got != maxThrottled || throttle.seen.order.Len() != got {
		t.Errorf("remembered keys = %d (%d in order), want %d", got, throttle.seen.order.Len(), maxThrottled)
	}
}

func TestRefusalsFold(t *testing.T) {
	t.Parallel()
	refusals := newRefusals()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	type answer struct {
		Folded int
		OK     bool
	}
	var got []answer
	for _, step := range []time.Duration{0, time.Second, time.Second, time.Minute} {
		now = now.Add(step)
		folded, ok := refusals.due("ada /api/v1/users", now)
		got = append(got, answer{folded, ok})
	}
	want := []answer{{0, true}, {0, false}, {0, false}, {2, true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("due (-want +got):\n%s", diff)
	}
}
