package identity

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// maxThrottled bounds how many accounts and addresses are remembered; a
	// new one then takes the place of the one seen longest ago.
	maxThrottled = 10_000
	// throttleWindow is the time in which attempts are counted, and the first delay.
	throttleWindow = time.Minute
	// maxThrottleDelay ends the growth of the delay. Who kept quiet for as
	// long after a delay starts anew.
	maxThrottleDelay = 16 * time.Minute
	// wideFactor is how much more a whole address or a whole account gets than
	// one account from one address: several people share an address, and a
	// stranger elsewhere must not lock the owner out cheaply.
	wideFactor = 10
)

// throttle slows down password guessing: so many attempts a minute for each
// account from each address, then a delay that doubles with every further
// attempt. It also counts, ten times as generously, all attempts from an
// address and all attempts on an account.
type throttle struct {
	limit int
	mu    sync.Mutex
	seen  *recent[attempts]
}

type attempts struct {
	count        int
	windowStart  time.Time
	blockedUntil time.Time
	delay        time.Duration
}

func newThrottle(limit int) *throttle {
	return &throttle{limit: limit, seen: newRecent[attempts](maxThrottled)}
}

// take counts one attempt. wait is how long the caller must wait first, 0
// when it may go on; newly is true when this attempt starts a delay, so that
// the trail gets one entry per delay and not one per attempt.
func (t *throttle) take(account, addr string, now time.Time) (wait time.Duration, newly bool) {
	keys, limits := throttleKeys(account, addr), [...]int{t.limit, t.limit * wideFactor, t.limit * wideFactor}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range keys {
		wait = max(wait, t.seen.touch(key).blockedUntil.Sub(now))
	}
	if wait > 0 {
		return wait, false
	}
	for i, key := range keys {
		d, started := t.seen.touch(key).add(limits[i], now)
		wait, newly = max(wait, d), newly || started
	}
	return wait, newly
}

// add counts an attempt that no delay holds back. The one beyond the limit
// starts a delay.
func (a *attempts) add(limit int, now time.Time) (wait time.Duration, started bool) {
	if a.delay > 0 && now.Sub(a.blockedUntil) >= maxThrottleDelay {
		*a = attempts{}
	}
	if a.delay == 0 && now.Sub(a.windowStart) >= throttleWindow {
		a.count, a.windowStart = 0, now
	}
	if a.delay > 0 {
		// One attempt after each delay; the next one waits twice as long.
		a.delay = min(2*a.delay, maxThrottleDelay)
		a.blockedUntil = now.Add(a.delay)
		return 0, false
	}
	if a.count++; a.count <= limit {
		return 0, false
	}
	a.delay = throttleWindow
	a.blockedUntil = now.Add(a.delay)
	return a.delay, true
}

// succeeded forgets what counts against the account from this address.
func (t *throttle) succeeded(account, addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen.forget(throttleKeys(account, addr)[0])
}

// throttleKeys returns the keys of the pair, the address and the account.
func throttleKeys(account, addr string) [3]string {
	addr = network(addr)
	return [3]string{"pair " + addr + " " + account, "addr " + addr, "user " + account}
}

// network returns what stands for one client: the IPv4 address, or the /64
// that one IPv6 subscriber usually has.
func network(clientAddr string) string {
	ip, err := netip.ParseAddr(clientAddr)
	if err != nil {
		withPort, err := netip.ParseAddrPort(clientAddr)
		if err != nil {
			return clientAddr
		}
		ip = withPort.Addr()
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if prefix, err := ip.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return ip.String()
}
