package fetch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPaceSpacesTheRequestsOfAHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pacer{common: Pace{Every: 50 * time.Millisecond}, special: map[string]Pace{"slow.example": {Every: 12 * time.Second}}}
		begin := time.Now()
		var mu sync.Mutex
		got := map[string][]time.Duration{}
		var wait sync.WaitGroup
		for _, host := range []string{"a.example", "slow.example"} {
			for range 3 {
				wait.Go(func() {
					release, err := p.acquire(t.Context(), host)
					if err != nil {
						t.Error(err)
						return
					}
					defer release()
					mu.Lock()
					defer mu.Unlock()
					got[host] = append(got[host], time.Since(begin))
				})
			}
		}
		wait.Wait()
		want := map[string][]time.Duration{
			"a.example":    {0, 50 * time.Millisecond, 100 * time.Millisecond},
			"slow.example": {0, 12 * time.Second, 24 * time.Second},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("starts of requests (-want +got):\n%s", diff)
		}
	})
}

func TestPaceBoundsConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pacer{common: Pace{Connections: 2}}
		var held []func()
		for range 2 {
			release, err := p.acquire(t.Context(), "a.example")
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, release)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := p.acquire(ctx, "a.example"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("third acquire = %v, want it to wait in vain", err)
		}
		if release, err := p.acquire(ctx, "b.example"); err == nil || release != nil {
			t.Errorf("acquire with an ended context = %v, want its error", err)
		}
		held[0]()
		release, err := p.acquire(t.Context(), "a.example")
		if err != nil {
			t.Fatal(err)
		}
		release()
		held[1]()
	})
}

func TestPaceForgetsHosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pacer{common: Pace{Every: time.Second}}
		for i := range 3 * maxIdleHosts {
			release, err := p.acquire(t.Context(), fmt.Sprint(i))
			if err != nil {
				t.Fatal(err)
			}
			release()
			if i%maxIdleHosts == maxIdleHosts-1 {
				<-time.After(2 * time.Second)
			}
		}
		if len(p.hosts) > maxIdleHosts {
			t.Errorf("%d hosts are remembered, want at most %d", len(p.hosts), maxIdleHosts)
		}
	})
}
