package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"granary/internal/platform/fault"
)

func TestOfAndMessage(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk on fire")
	for _, tc := range []struct {
		name    string
		err     error
		kind    fault.Kind
		message string
	}{
		{"plain error stays private", cause, fault.Internal, "internal error"},
		{"own error", fault.New(fault.NotFound, "picture %s not found", "x"), fault.NotFound, "picture x not found"},
		{"wrapped own error", fmt.Errorf("read: %w", fault.New(fault.Conflict, "taken")), fault.Conflict, "taken"},
		{"deadline", fmt.Errorf("call: %w", context.DeadlineExceeded), fault.Unavailable, "internal error"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := fault.Of(tc.err); got != tc.kind {
				t.Errorf("Of(%v) = %v, want %v", tc.err, got, tc.kind)
			}
			if got := fault.Message(tc.err); got != tc.message {
				t.Errorf("Message(%v) = %q, want %q", tc.err, got, tc.message)
			}
		})
	}
	wrapped := fault.New(fault.Unavailable, "store: %w", cause).After(time.Second)
	if !errors.Is(wrapped, cause) || wrapped.RetryAfter != time.Second {
		t.Errorf("New(%%w).After kept cause %t and wait %v, want true and 1s", errors.Is(wrapped, cause), wrapped.RetryAfter)
	}
}
