package outbox_test

import (
	"bufio"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/fetch"
	"granary/internal/platform/jobs/outbox"
)

// raw is a receiver that speaks for itself: it hands each connection to serve.
func raw(t *testing.T, serve func(conn net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serve(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	return "http://" + listener.Addr().String()
}

func TestTheRequestIsExact(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ address, want string }{
		"token":           {"/r/4b/watch?token=a%2Fb+c&x", "/r/4b/watch?token=a%2Fb+c&x"},
		"double slash":    {"//api//watch/", "//api//watch/"},
		"dots":            {"/a/../b/./c", "/a/../b/./c"},
		"escapes":         {"/a%2fb/%7Euser/%5e@1,2=3", "/a%2fb/%7Euser/%5e@1,2=3"},
		"empty query":     {"/a?", "/a?"},
		"no path":         {"", "/"},
		"fragment":        {"/a#part", "/a"},
		"forbidden bytes": {"/a b?q=x y\"é|", "/a%20b?q=x%20y%22%C3%A9|"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			heads := make(chan []string, 1)
			address := raw(t, func(conn net.Conn) {
				var head []string
				for lines := bufio.NewScanner(conn); lines.Scan() && lines.Text() != ""; {
					head = append(head, lines.Text())
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				heads <- head
			})
			db := databasetest.Open(t, outbox.Migrations())
			o := start(t, db, quick())
			add(t, db, o, outbox.Message{Stream: "a", URL: address + tc.address, Body: []byte(`{"event":"STARTED"}`)})
			head := <-heads
			want := []string{
				"POST " + tc.want + " HTTP/1.1", "Host: " + strings.TrimPrefix(address, "http://"), "User-Agent: granary",
				"Content-Length: 19", "Content-Type: application/json",
			}
			awaitStates(t, o, "a", outbox.Delivered)
			want = append(want, "webhook-id: "+deliveries(t, o, "a")[0].ID, "Connection: close")
			if diff := cmp.Diff(want, head); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSignature(t *testing.T) {
	t.Parallel()
	// The example of the Standard Webhooks specification.
	secret, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	if got := outbox.Sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", `{"test": 2432232314}`); got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
	f := newFront(t, nil)
	db := databasetest.Open(t, outbox.Migrations())
	cfg := quick()
	cfg.Secret = secret
	o := start(t, db, cfg)
	add(t, db, o, f.message("a", "SUCCESS"))
	awaitStates(t, o, "a", outbox.Delivered)
	head := f.heads[0]
	id, at := head.Get("webhook-id"), head.Get("webhook-timestamp")
	if got, want := head.Get("webhook-signature"), outbox.Sign(secret, id, at, `{"event":"SUCCESS"}`); id == "" || at == "" || got != want {
		t.Errorf("id %q, timestamp %q, signature %q, want %q", id, at, got, want)
	}
}

func TestHostileFronts(t *testing.T) {
	t.Parallel()
	drain := func(conn net.Conn) {
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err == nil {
			_, _ = io.Copy(io.Discard, request.Body)
		}
	}
	for name, tc := range map[string]struct {
		serve func(conn net.Conn)
		// settled is false where the front is to be tried again.
		settled bool
	}{
		"says nothing": {func(conn net.Conn) { drain(conn) }, false},
		"speaks no HTTP": {func(conn net.Conn) {
			drain(conn)
			_, _ = io.WriteString(conn, "hello\r\n\r\n")
		}, false},
		"header without end": {func(conn net.Conn) {
			drain(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			for i := 0; i < 1<<16; i++ {
				if _, err := io.WriteString(conn, "X: "+strings.Repeat("x", 100)+"\r\n"); err != nil {
					return
				}
			}
		}, false},
		"body without end": {func(conn net.Conn) {
			drain(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
			for {
				if _, err := io.WriteString(conn, strings.Repeat("\xff", 100)); err != nil {
					return
				}
			}
		}, true},
		"body shorter than said": {func(conn net.Conn) {
			drain(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := databasetest.Open(t, outbox.Migrations())
			o := start(t, db, quick())
			add(t, db, o, outbox.Message{Stream: "a", URL: raw(t, tc.serve), Body: []byte(`{}`), Final: true})
			await(t, "the attempts", func() bool {
				d := deliveries(t, o, "a")[0]
				return d.State == outbox.Delivered && tc.settled || d.State == outbox.Pending && d.Attempts > 1 && !tc.settled
			})
		})
	}
}

func TestALongBodyThatIsRefusedEarlyIsNotSentAgain(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, outbox.Migrations())
	f := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1<<20)); err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	}))
	t.Cleanup(f.Close)
	o := start(t, db, quick())
	add(t, db, o, outbox.Message{Stream: "a", URL: f.URL, Body: []byte(`"` + strings.Repeat("x", 30<<20) + `"`)})
	awaitStates(t, o, "a", outbox.Refused)
	if d := deliveries(t, o, "a")[0]; d.Status != http.StatusRequestEntityTooLarge || d.Bytes != 30<<20+2 {
		t.Errorf("delivery = %+v, want status 413", d)
	}
}

func TestALongBodyArrivesWhole(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		f := newFront(t, nil)
		o := start(t, db, quick())
		body := `{"event":"SUCCESS","output":"` + strings.Repeat(`it's ü $1 ? \\`, 1<<18) + `"}`
		add(t, db, o, outbox.Message{Stream: "a", URL: f.URL, Body: []byte(body)})
		awaitStates(t, o, "a", outbox.Delivered)
		if got := f.lines[0]; got != "POST / "+body {
			t.Errorf("%d bytes arrived, want %d, the same", len(got), len(body)+7)
		}
	})
}

func TestAnAddressThatMayNotBeReachedFailsAtOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		policy  fetch.Policy
		address string
		reason  string
	}{
		"cloud metadata":     {fetch.Policy{}, "http://169.254.169.254/", "the address 169.254.169.254 may not be reached"},
		"a private address":  {fetch.Policy{PublicOnly: true}, "http://127.0.0.1:1/", "the address 127.0.0.1 may not be reached"},
		"what a name led to": {fetch.Policy{PublicOnly: true}, "http://localhost:1/", "may not be reached"},
		"another host":       {fetch.Policy{Hosts: []string{".example.org"}}, "http://front.example/", "not among those"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := databasetest.Open(t, outbox.Migrations())
			cfg := quick()
			cfg.Policy = tc.policy
			o := start(t, db, cfg)
			add(t, db, o, outbox.Message{Stream: "a", URL: tc.address, Body: []byte(`{}`)})
			awaitStates(t, o, "a", outbox.Failed)
			if d := deliveries(t, o, "a")[0]; d.Attempts != 1 || !strings.Contains(d.Error, tc.reason) {
				t.Errorf("delivery = %+v, want one attempt and %q", d, tc.reason)
			}
		})
	}
}

func TestASlowAnswerDoesNotHoldOtherStreams(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, outbox.Migrations())
	release := make(chan struct{})
	f := newFront(t, func(event string, _ http.ResponseWriter, r *http.Request) {
		if event == "SLOW" {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
	})
	cfg := quick()
	cfg.Parallel = 2
	cfg.Lease = 3 * time.Second
	o := start(t, db, cfg)
	add(t, db, o, f.message("slow", "SLOW"), f.message("slow", "SUCCESS"))
	for _, stream := range []string{"a", "b", "c", "d"} {
		add(t, db, o, f.message(stream, "SUCCESS"))
	}
	for _, stream := range []string{"a", "b", "c", "d"} {
		awaitStates(t, o, stream, outbox.Delivered)
	}
	lease := func() (until time.Time) {
		if err := db.Reader().NewRaw("SELECT lease_until FROM outbox_messages WHERE stream = 'slow' AND seq = 1").Scan(t.Context(), &until); err != nil {
			t.Fatal(err)
		}
		return until
	}
	first := lease()
	await(t, "a renewal of the lease", func() bool { return lease().After(first) })
	if d := deliveries(t, o, "slow"); !d[0].Open || d[0].Attempts != 1 || d[1].Attempts != 0 {
		t.Errorf("deliveries = %+v, want the first open and the second waiting", d)
	}
	close(release)
	awaitStates(t, o, "slow", outbox.Delivered, outbox.Delivered)
}
