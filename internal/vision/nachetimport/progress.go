package nachetimport

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progressEvery is the pause between two lines.
const progressEvery = 2 * time.Second

// progress writes a line now and then while pictures come over. Safe for
// concurrent use; without a writer it does nothing.
type progress struct {
	w     io.Writer
	now   func() time.Time
	total int

	mu          sync.Mutex
	done        int
	bytes       int64
	begun, last time.Time
}

// say writes a line about what is done now.
func (p *progress) say(format string, args ...any) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line(fmt.Sprintf(format, args...))
}

// step counts a picture that is done with, and the bytes that it brought.
func (p *progress) step(bytes int64) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.bytes += bytes
	now := p.now()
	if p.begun.IsZero() {
		p.begun, p.last = now, now
	}
	if p.done < p.total && now.Sub(p.last) < progressEvery {
		return
	}
	p.last = now
	rate := "-"
	if seconds := now.Sub(p.begun).Seconds(); seconds > 0 {
		rate = bytesText(int64(float64(p.bytes)/seconds)) + "/s"
	}
	p.line(fmt.Sprintf("pictures %d/%d, %s, %s", p.done, p.total, bytesText(p.bytes), rate))
}

// line ignores a writer that fails: a lost line is no reason to stop.
func (p *progress) line(text string) { _, _ = io.WriteString(p.w, text+"\n") }
