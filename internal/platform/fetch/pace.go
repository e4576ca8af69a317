package fetch

import (
	"context"
	"sync"
	"time"
)

// Pace is how a host is treated. The zero value sets no limit.
type Pace struct {
	// Every is the least time between the starts of two requests.
	Every time.Duration
	// Connections is how many requests run at once; 0 for any number.
	Connections int
}

// maxIdleHosts is from how many hosts on those without a request are forgotten.
const maxIdleHosts = 1000

// pacer makes requests wait for their turn, host by host.
type pacer struct {
	common  Pace
	special map[string]Pace

	mu    sync.Mutex
	hosts map[string]*host
}

// host is what one host is owed.
type host struct {
	pace  Pace
	slots chan struct{} // nil without a limit
	next  time.Time     // when the next request may start
	users int           // requests that wait or run
}

// acquire waits for a connection to host and for its turn, and returns the
// function that frees the connection.
func (p *pacer) acquire(ctx context.Context, name string) (release func(), err error) {
	h := p.enter(name)
	if h.slots != nil {
		select {
		case h.slots <- struct{}{}:
		case <-ctx.Done():
			p.leave(h)
			return nil, ctx.Err()
		}
	}
	release = func() {
		if h.slots != nil {
			<-h.slots
		}
		p.leave(h)
	}
	if err := sleep(ctx, p.turn(h)); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// enter returns the host, which is not forgotten before leave.
func (p *pacer) enter(name string) *host {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hosts[name]
	if h == nil {
		p.forget()
		pace, special := p.special[name]
		if !special {
			pace = p.common
		}
		h = &host{pace: pace}
		if pace.Connections > 0 {
			h.slots = make(chan struct{}, pace.Connections)
		}
		p.hosts[name] = h
	}
	h.users++
	return h
}

func (p *pacer) leave(h *host) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h.users--
}

// turn reserves the next start and returns the time until it.
func (p *pacer) turn(h *host) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	start := h.next
	if start.Before(now) {
		start = now
	}
	h.next = start.Add(h.pace.Every)
	return start.Sub(now)
}

// forget drops hosts that are owed nothing any more when there are many.
func (p *pacer) forget() {
	if p.hosts == nil {
		p.hosts = map[string]*host{}
	}
	if len(p.hosts) < maxIdleHosts {
		return
	}
	now := time.Now()
	for name, h := range p.hosts {
		if h.users == 0 && h.next.Before(now) {
			delete(p.hosts, name)
		}
	}
}
