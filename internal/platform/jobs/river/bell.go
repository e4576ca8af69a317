package river

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/riverqueue/river/riverdriver"
)

// bell tells all processes that lanes have work, at most once per fetchPause:
// River fetches no more often, and PostgreSQL lets transactions that notify
// commit only one after another, which is why callers' transactions do not.
type bell struct {
	mu      sync.Mutex
	lanes   []string
	ringing bool
	rings   sync.WaitGroup
}

// fetchPause is the least time between two fetches of a lane.
const fetchPause = 5 * time.Millisecond

// bellTimeout bounds one notification; what it misses is found by the poll.
const bellTimeout = 5 * time.Second

// ring announces work in the lane without waiting for it.
func (e *Engine) ring(lane string) {
	b := &e.bell
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(b.lanes, lane) {
		b.lanes = append(b.lanes, lane)
	}
	if !b.ringing {
		b.ringing = true
		b.rings.Go(e.ringAll)
	}
}

func (e *Engine) ringAll() {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		<-pause.C
		e.bell.mu.Lock()
		lanes := e.bell.lanes
		e.bell.lanes, e.bell.ringing = nil, len(lanes) > 0
		e.bell.mu.Unlock()
		if len(lanes) == 0 {
			return
		}
		if err := e.notify(lanes); err != nil {
			e.cfg.Log.Warn("job engine", "step", "announce jobs", slog.Any("error", err))
		}
		pause.Reset(fetchPause)
	}
}

func (e *Engine) notify(lanes []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), bellTimeout)
	defer cancel()
	payloads := make([]string, len(lanes))
	for i, lane := range lanes {
		text, err := json.Marshal(map[string]string{"queue": lane})
		if err != nil {
			return err
		}
		payloads[i] = string(text)
	}
	return e.driver.GetExecutor().NotifyMany(ctx, &riverdriver.NotifyManyParams{Topic: "river_insert", Payload: payloads})
}
