package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"

	"granary/internal/platform/fault"
)

const (
	saltBytes = 16 // RFC 9106, section 3.1
	keyBytes  = 32
	// maxHashWaiters bounds the queue for a hash slot; a flood beyond it is
	// answered Unavailable at once.
	maxHashWaiters = 32
	// maxHashWait bounds how long one caller stays in the queue.
	maxHashWait = 10 * time.Second
)

// Argon2 is the cost of one argon2id hash (RFC 9106).
type Argon2 struct {
	Time      uint32 // passes
	MemoryKiB uint32
	Threads   uint8
}

// hasher computes and checks password hashes, a few at a time, so that a
// login flood cannot take all memory.
type hasher struct {
	cost    Argon2
	slots   chan struct{}
	waiting atomic.Int64
}

func newHasher(cost Argon2, slots int) *hasher {
	return &hasher{cost: cost, slots: make(chan struct{}, slots)}
}

// hash returns the password's hash in the PHC string form
// ($argon2id$v=19$m=…,t=…,p=…$salt$key).
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails since Go 1.24
	key, err := h.key(ctx, password, salt, h.cost)
	if err != nil {
		return "", err
	}
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.cost.MemoryKiB, h.cost.Time, h.cost.Threads, encode(salt), encode(key)), nil
}

// verify reports whether password belongs to stored. An empty or unreadable
// stored hash costs the same time and never matches, so that an answer's
// delay does not tell whether the account exists.
func (h *hasher) verify(ctx context.Context, stored, password string) (bool, error) {
	cost, salt, want, ok := parseHash(stored)
	if !ok {
		cost, salt, want = h.cost, make([]byte, saltBytes), nil
	}
	got, err := h.key(ctx, password, salt, cost)
	if err != nil {
		return false, err
	}
	return ok && subtle.ConstantTimeCompare(got, want) == 1, nil
}

// key waits for a slot and computes.
func (h *hasher) key(ctx context.Context, password string, salt []byte, cost Argon2) ([]byte, error) {
	busy := fault.New(fault.Unavailable, "too many sign-ins at once").After(time.Second)
	if h.waiting.Add(1) > maxHashWaiters {
		h.waiting.Add(-1)
		return nil, busy
	}
	timer := time.NewTimer(maxHashWait)
	defer timer.Stop()
	select {
	case h.slots <- struct{}{}:
		h.waiting.Add(-1)
	case <-timer.C:
		h.waiting.Add(-1)
		return nil, busy
	case <-ctx.Done():
		h.waiting.Add(-1)
		return nil, fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
	defer func() { <-h.slots }()
	return argon2.IDKey([]byte(password), salt, cost.Time, cost.MemoryKiB, cost.Threads, keyBytes), nil
}

// parseHash reads the PHC string form. Costs beyond 1 GiB or 64 passes are not ours.
func parseHash(stored string) (cost Argon2, salt, key []byte, ok bool) {
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return Argon2{}, nil, nil, false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &cost.MemoryKiB, &cost.Time, &cost.Threads); err != nil {
		return Argon2{}, nil, nil, false
	}
	if cost.Time == 0 || cost.Time > 64 || cost.Threads == 0 || cost.MemoryKiB > 1<<20 {
		return Argon2{}, nil, nil, false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil || len(salt) < 8 {
		return Argon2{}, nil, nil, false
	}
	key, err = base64.RawStdEncoding.DecodeString(parts[5])
	return cost, salt, key, err == nil && len(key) == keyBytes
}
