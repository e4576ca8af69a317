package identity

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"granary/internal/platform/fault"
)

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	const email = "Ada.Lovelace@lab.example"
	for _, tc := range []struct {
		name, password string
		ok             bool
	}{
		{"plain words", "seeds on a quiet field", true},
		{"ten characters", "qk2x9vbnma", true},
		{"ten characters of two bytes", "éàüöèçñâîô", true},
		{"128 characters", strings.Repeat("xyz0", 32), true},
		{"no rule about kinds of characters", "onlylowercaseletters", true},
		{"empty", "", false},
		{"nine characters", "qk2x9vbnm", false},
		{"nine characters of two bytes", "éàüöèçñâî", false},
		{"129 characters", strings.Repeat("xyz0", 32) + "x", false},
		{"the address", "ada.lovelace@LAB.example", false},
		{"the name in the address", "ADA.LOVELACE", false},
		{"common", "Password123", false},
		{"common keyboard row", "qwertyuiop", false},
		{"one character", "aaaaaaaaaaaa", false},
		{"broken text", "abcdefghij\xff", false},
	} {
		err := checkPassword(tc.password, email)
		if (err == nil) != tc.ok || (err != nil && !fault.Is(err, fault.Invalid)) {
			t.Errorf("checkPassword: %s = %v, want ok %t", tc.name, err, tc.ok)
		}
		if err != nil && tc.password != "" && strings.Contains(err.Error(), tc.password) {
			t.Errorf("checkPassword: %s quotes the password: %v", tc.name, err)
		}
	}
}

var cheap = Argon2{Time: 1, MemoryKiB: 8, Threads: 1}

func TestHashAndVerify(t *testing.T) {
	t.Parallel()
	h := newHasher(cheap, 2)
	stored, err := h.hash(t.Context(), "a password")
	if err != nil {
		t.Fatalf("hash: %v", err)
	}
	if !strings.HasPrefix(stored, "$argon2id$v=19$m=8,t=1,p=1$") {
		t.Errorf("hash = %q, want the PHC form", stored)
	}
	if again, err := h.hash(t.Context(), "a password"); err != nil || again == stored {
		t.Errorf("second hash = %q, %v, want another salt", again, err)
	}
	dearer := newHasher(Argon2{Time: 2, MemoryKiB: 16, Threads: 2}, 2)
	for _, tc := range []struct {
		name, stored, password string
		want                   bool
	}{
		{"right", stored, "a password", true},
		{"wrong", stored, "b password", false},
		{"empty password", stored, "", false},
		{"no hash", "", "a password", false},
		{"other kind", "$argon2i$" + stored[len("$argon2id$"):], "a password", false},
		{"absurd cost", strings.Replace(stored, "m=8", "m=4000000000", 1), "a password", false},
		{"no passes", strings.Replace(stored, "t=1", "t=0", 1), "a password", false},
		{"cut key", stored[:len(stored)-8], "a password", false},
	} {
		if got, err := dearer.verify(t.Context(), tc.stored, tc.password); got != tc.want || err != nil {
			t.Errorf("verify: %s = %t, %v, want %t", tc.name, got, err, tc.want)
		}
	}
}

func TestDefaultCostIsRecommended(t *testing.T) {
	t.Parallel()
	// RFC 9106, section 4, second recommended option.
	want := Argon2{Time: 3, MemoryKiB: 64 << 10, Threads: 4}
	if got := (Config{}).withDefaults(); got.Argon2 != want || got.HashSlots != 1 {
		t.Errorf("default cost = %+v with %d slots, want %+v with 1", got.Argon2, got.HashSlots, want)
	}
}

func TestHashFloodIsBounded(t *testing.T) {
	t.Parallel()
	h := newHasher(cheap, 1)
	h.slots <- struct{}{} // somebody is hashing
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	results := make(chan error, maxHashWaiters)
	var group sync.WaitGroup
	for range maxHashWaiters {
		group.Go(func() {
			_, err := h.verify(ctx, "", "x")
			results <- err
		})
	}
	for h.waiting.Load() < maxHashWaiters {
		runtime.Gosched() // the others are still on their way to the queue
	}
	_, err := h.hash(ctx, "one too many")
	var busy *fault.Error
	if !errors.As(err, &busy) || busy.Kind != fault.Unavailable || busy.RetryAfter <= 0 {
		t.Errorf("hash with a full queue = %v, want unavailable with a time to wait", err)
	}
	cancel()
	group.Wait()
	close(results)
	for err := range results {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("waiting verify after cancel = %v, want cancelled", err)
		}
	}
	if got := h.waiting.Load(); got != 0 {
		t.Errorf("waiting afterwards = %d, want 0", got)
	}
}
