package web_test

import (
	"bufio"
	"io"
	"net/http"
	"testing"
	"time"

	"granary/internal/platform/web"
)

// client returns a transport of its own, whose connections end with the test.
func client(t *testing.T) *http.Transport {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func TestFlushReachesTheClientAtOnce(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{"text/event-stream", "text/plain", "application/octet-stream"} {
		t.Run(contentType, func(t *testing.T) {
			t.Parallel()
			seen := make(chan struct{})
			door := &arrayDoor{"d", []web.Route{route("GET", "/stream", web.Public, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", contentType)
				_, _ = io.WriteString(w, "first\n")
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Errorf("Flush: %v", err)
				}
				<-seen
				_, _ = io.WriteString(w, "second\n")
			}))}}
			addr := setup(t, web.Config{}, web.Entry{Door: door}).start(t)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/stream", nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := client(t).RoundTrip(r) // asks for gzip and undoes it
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			lines := bufio.NewScanner(response.Body)
			for _, want := range []string{"first", "second"} {
				if !lines.Scan() || lines.Text() != want {
					t.Fatalf("line = %q, %v, want %q", lines.Text(), lines.Err(), want)
				}
				if want == "first" {
					close(seen)
				}
			}
		})
	}
}

// A body that comes slowly but steadily may take longer than the idle
// timeout in all.
func TestSlowBodyThatMakesProgressIsRead(t *testing.T) {
	t.Parallel()
	const pieces, pause, idle = 8, 150 * time.Millisecond, time.Second
	door := &arrayDoor{"d", []web.Route{route("POST", "/echo", web.Public, http.HandlerFunc(echo))}}
	addr := setup(t, web.Config{BodyIdleTimeout: idle}, web.Entry{Door: door}).start(t)
	reader, writer := io.Pipe()
	go func() {
		// Time itself is what is tested here.
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		for range pieces {
			<-ticker.C
			if _, err := io.WriteString(writer, "x"); err != nil {
				break
			}
		}
		_ = writer.Close()
	}()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/echo", reader)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client(t).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if got := bodyOf(t, response); response.StatusCode != 200 || len(got) != pieces {
		t.Errorf("slow upload = %d %q, want 200 and %d bytes", response.StatusCode, got, pieces)
	}
}
