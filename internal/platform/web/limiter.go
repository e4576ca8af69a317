package web

import (
	"container/list"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"granary/internal/platform/fault"
)

// maxClients bounds the limiter's table; the client unseen for longest makes
// room, which costs an attacker with many addresses more than it gives him.
const maxClients = 16384

// limiter holds one token bucket per client.
type limiter struct {
	rate  rate.Limit
	burst int
	now   func() time.Time

	mu      sync.Mutex
	entries map[string]*list.Element
	order   *list.List // of *bucket, latest use first
}

type bucket struct {
	key    string
	tokens *rate.Limiter
}

func newLimiter(perSecond float64, burst int, now func() time.Time) *limiter {
	return &limiter{rate: rate.Limit(perSecond), burst: burst, now: now, entries: map[string]*list.Element{}, order: list.New()}
}

// take counts one request of key and returns how long the client must wait;
// 0 when the request may go on.
func (l *limiter) take(key string) time.Duration {
	now := l.now()
	l.mu.Lock()
	b := l.bucket(key, now)
	l.mu.Unlock()
	reservation := b.tokens.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now) // a refused request costs nothing
	}
	return wait
}

// exhausted reports whether key has no request left, without counting one.
func (l *limiter) exhausted(key string) bool {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	element := l.entries[key]
	return element != nil && element.Value.(*bucket).tokens.TokensAt(now) < 1 //nolint:forcetypeassert // the list holds buckets only
}

// bucket finds or makes the bucket of key and forgets full ones, which say
// no more than a new one would. The caller holds the lock.
func (l *limiter) bucket(key string, now time.Time) *bucket {
	if element := l.entries[key]; element != nil {
		l.order.MoveToFront(element)
		return element.Value.(*bucket) //nolint:forcetypeassert // the list holds buckets only
	}
	// Two at most per newcomer: the table shrinks and no request pays for it.
	for range 2 {
		last := l.order.Back()
		if last == nil {
			break
		}
		b := last.Value.(*bucket) //nolint:forcetypeassert // the list holds buckets only
		if len(l.entries) < maxClients && b.tokens.TokensAt(now) < float64(l.burst) {
			break
		}
		l.order.Remove(last)
		delete(l.entries, b.key)
	}
	b := &bucket{key: key, tokens: rate.NewLimiter(l.rate, l.burst)}
	l.entries[key] = l.order.PushFront(b)
	return b
}

// addrKey groups an IPv6 client's whole /64, which one host has to itself.
func addrKey(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr().String()
		}
	}
	return a.String()
}

// clientKey names who a request counts for: the address and the user behind
// it, so that people behind one address do not share a budget.
func clientKey(a netip.Addr, userID string) string { return userID + "|" + addrKey(a) }

// charge applies the rate limit to a request without a route.
func (s *Server) charge(w http.ResponseWriter, r *http.Request, x *exchange) bool {
	if wait := s.limiter.take(clientKey(x.client, "")); wait > 0 {
		x.fail(w, r, busy(fault.RateLimited, wait, "too many requests, slow down"))
		return false
	}
	return true
}
