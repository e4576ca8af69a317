// Package crash_test kills the built server at random moments under load and
// holds what it finds after each restart against what clients were told.
//
//	go test ./test/crash                          100 kills and what follows, about a minute
//	CRASH_TEST_KILLS=1000 go test -timeout 1h ./test/crash
//	                                              a long run
//	CRASH_TEST_KILLS=300 go test -timeout 1h -run Tasks ./test/crash
//	                                              of the demos alone
//
// A client remembers every acknowledgement. After a restart everything
// acknowledged is there with its bytes, everything acknowledged as deleted is
// gone, nothing is there by half, and granary check finds no fault. What was
// in flight at the kill may have happened or not, but wholly. Every task that
// was accepted ends, once, and its front end hears of it when it is back.
package crash_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"

	"granary/test/harness"
)

func TestMain(m *testing.M) {
	if os.Getenv(guestVariable) != "" {
		if err := serveGuest(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	remove, err := harness.Build(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// kills is how often the longest loop kills the server.
func kills(t *testing.T, otherwise int) int {
	t.Helper()
	text := os.Getenv("CRASH_TEST_KILLS")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("CRASH_TEST_KILLS = %q, want a number", text)
	}
	return n
}

// quiet are the settings of every server here: the pipeline with a fixed
// answer, no limit of rate, no training that nobody asked for.
func quiet() []string {
	return []string{
		"--set", "vision.nachet.test_pipeline=true", "--set", "vision.retrain_after=0",
		"--set", "web.rate_per_second=1000000", "--set", "web.rate_burst=1000000",
		"--set", "telemetry.log_level=warn",
	}
}

// start starts a server that may be killed.
func start(t *testing.T, store harness.Store) *harness.Server {
	t.Helper()
	return harness.Start(t, store, quiet()...)
}

// sound runs granary check, which must find nothing.
func sound(t *testing.T, store harness.Store) {
	t.Helper()
	if result := store.Try(t, "check"); result.Code != 0 {
		t.Errorf("granary check = exit %d, want 0:\n%s%s", result.Code, result.Stdout, result.Stderr)
	}
}
