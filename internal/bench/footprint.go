package bench

import (
	"context"
	"fmt"
	"os"
	"time"
)

// idle is how long a started server is left alone before its memory is read.
const idle = 2 * time.Second

// footprint measures the start on a filled database, the memory of a server
// that nobody asks anything, and the size of the binary.
func (b *bench) footprint(ctx context.Context) (Section, error) {
	section := Section{Title: "footprint, on the database with 100,000 pictures"}
	var ready, memory []float64
	for range b.rounds {
		err := b.withServer(ctx, b.large, func(s *server) error {
			ready = append(ready, s.Ready.Seconds())
			select {
			case <-time.After(idle):
			case <-ctx.Done():
				return ctx.Err()
			}
			now, _, err := resident(s.cmd.Process.Pid)
			memory = append(memory, now)
			return err
		})
		if err != nil {
			return section, err
		}
	}
	file, err := os.Stat(b.cfg.Binary)
	if err != nil {
		return section, fmt.Errorf("size of the binary: %w", err)
	}
	section.add("start to ready", "s", ready...).atMost(0.3)
	section.add("idle resident memory", "MB", memory...).atMost(60)
	section.add("binary", "MB", float64(file.Size())/1e6).atMost(60)
	return section, nil
}
