package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"granary/internal/platform/worker"
)

// workerScript is a worker that says as many messages as its job asks for, as
// fast as it is read. It is a shell's, so that the figure is the host's alone.
const workerScript = `echo '{"type":"ready","protocol":1,"name":"bench"}'
read -r job
yes '{"type":"progress","id":"bench","key":"pages","context":"Pages of the document","current":17,"total":320}' | head -n %d
echo '{"type":"result","id":"bench","value":null}'
read -r exit`

// WorkerMessages measures how many messages of a worker the host reads,
// checks and hands on in a second, and how long a job of a warm worker takes
// that says nothing.
func WorkerMessages(ctx context.Context, rounds, messages int) (section Section, err error) {
	section.Title = "worker protocol"
	temp, err := os.MkdirTemp("", "granary-bench-")
	if err != nil {
		return section, fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(temp)
	pool, err := worker.New(worker.Config{Temp: temp, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return section, err
	}
	defer func() {
		if closed := pool.Close(); err == nil {
			err = closed
		}
	}()
	spec := worker.Spec{Name: "bench", Argv: []string{"sh", "-c", fmt.Sprintf(workerScript, messages)}, Mode: worker.Oneshot}
	var rates []float64
	for range rounds {
		heard := &barCounter{}
		if _, err := pool.Run(ctx, spec, worker.Job{ID: "bench", Actor: "bench"}, heard); err != nil {
			return section, err
		}
		if heard.bars != messages {
			return section, fmt.Errorf("heard %d messages of %d", heard.bars, messages)
		}
		rates = append(rates, float64(messages)/heard.last.Sub(heard.first).Seconds())
	}
	section.add("messages of a worker", "1/s", rates...).atLeast(20_000)
	return section, nil
}

// barCounter is a sink that counts.
type barCounter struct {
	bars        int
	first, last time.Time
}

func (c *barCounter) Line(worker.Level, string) {}

func (c *barCounter) Bar(worker.Bar) {
	now := time.Now()
	if c.bars == 0 {
		c.first = now
	}
	c.bars, c.last = c.bars+1, now
}

func (c *barCounter) Event(context.Context, string, json.RawMessage) error { return nil }
