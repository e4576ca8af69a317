package crash_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"granary/test/harness"
)

// Guarantee: a write answered 2xx is durable, a blob is all or nothing, a
// deletion is for good, whenever the server dies.
func TestKillDuringRequests(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		killDuringRequests(t, harness.Local(t), kills(t, 100))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		killDuringRequests(t, harness.Services(t), max(10, kills(t, 0)/10))
	})
}

// never is the drain of a server that is only ever killed.
func never() bool { return false }

func killDuringRequests(t *testing.T, store harness.Store, times int) {
	t.Helper()
	const seed = 20260101
	rng := rand.New(rand.NewPCG(seed, 0))
	c := hire(t, store, 6, seed)
	server := start(t, store)
	prepare(t, server.URL)
	for round := range times {
		ctx, cancel := context.WithCancel(t.Context())
		c.release(ctx, t, server.URL, never)
		<-time.After(20*time.Millisecond + rand.N(180*time.Millisecond)) // the moment is what is tested
		server.Kill(t)
		cancel()
		c.running.Wait()
		if rng.IntN(8) == 0 { // a server that dies while it comes up
			half := harness.Launch(t, store, append([]string{"serve", "--listen", "127.0.0.1:0"}, quiet()...)...)
			<-time.After(rand.N(150 * time.Millisecond))
			half.Kill(t)
		}
		server = start(t, store)
		c.verify(t, server.URL, round == times-1)
		if round%10 == 9 || round == times-1 {
			sound(t, store)
		}
		if t.Failed() {
			t.Fatalf("after kill %d of %d and %d acknowledgements", round+1, times, c.acknowledged())
		}
	}
	t.Logf("%d kills, %d acknowledgements", times, c.acknowledged())
	server.Stop(t)
	sound(t, store)
}

// Guarantee: SIGTERM under load loses nothing that was acknowledged and ends
// with exit code 0 (which Stop checks).
func TestStopDuringRequests(t *testing.T) {
	t.Parallel()
	store := harness.Local(t)
	c := hire(t, store, 6, 7)
	server := start(t, store)
	prepare(t, server.URL)
	for range 5 {
		stopping := make(chan struct{})
		draining := func() bool {
			select {
			case <-stopping:
				return true
			default:
				return false
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		c.release(ctx, t, server.URL, draining)
		<-time.After(100*time.Millisecond + rand.N(200*time.Millisecond)) // the moment is what is tested
		close(stopping)
		server.Stop(t)
		cancel()
		c.running.Wait()
		sound(t, store)
		server = start(t, store)
		c.verify(t, server.URL, true)
	}
	if c.acknowledged() == 0 {
		t.Error("nothing was acknowledged: the test tested nothing")
	}
}
