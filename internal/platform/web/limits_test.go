package web_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"granary/internal/platform/web"
)

// dial opens a raw connection that is closed with the test.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatalf("send: %v", err)
	}
}

func TestStalledClientsAreCutOff(t *testing.T) {
	t.Parallel()
	door := &arrayDoor{name: "d", routes: []web.Route{
		route("POST", "/echo", web.Public, http.HandlerFunc(echo)),
		route("POST", "/ignore", web.Public, say("ignored")),
	}}
	b := setup(t, web.Config{HeaderTimeout: 50 * time.Millisecond, BodyIdleTimeout: 50 * time.Millisecond, IdleTimeout: 50 * time.Millisecond}, web.Entry{Door: door})
	addr := b.start(t)
	for _, tc := range []struct{ name, sent, want string }{
		{"header never ends", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", ""},
		{"body stalls while it is read", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab", "408 Request Timeout"},
		{"chunked body stalls", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "408 Request Timeout"},
		{"body stalls that nobody reads", "POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", ""},
		{"body stalls that is refused", "POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", ""},
		{"connection idles", "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", "405 Method Not Allowed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, addr)
			send(t, conn, tc.sent)
			got, err := io.ReadAll(conn) // ends only because the server closes
			if err != nil {
				t.Fatalf("the server kept a stalled connection: %v", err)
			}
			if !strings.Contains(string(got), tc.want) {
				t.Errorf("answer = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestClientThatTakesNothingIsCutOff(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	door := &arrayDoor{name: "d", routes: []web.Route{route("GET", "/big", web.Public, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		_, err := w.Write(make([]byte, 64<<20))
		ended <- err
	}))}}
	b := setup(t, web.Config{BodyIdleTimeout: 50 * time.Millisecond}, web.Entry{Door: door})
	conn := dial(t, b.start(t))
	send(t, conn, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case err := <-ended:
		if err == nil {
			t.Error("writing 64 MiB to a client that reads nothing succeeded, want an error")
		}
	case <-time.After(patience):
		t.Error("the handler still waits for a client that reads nothing")
	}
}

func TestBodyCap(t *testing.T) {
	t.Parallel()
	own := route("POST", "/own", web.Public, http.HandlerFunc(echo))
	own.MaxBody = 4
	door := &arrayDoor{name: "d", routes: []web.Route{own, route("POST", "/door", web.Public, http.HandlerFunc(echo))}}
	b := setup(t, web.Config{}, web.Entry{Door: door, MaxBody: 8})
	addr := b.start(t)
	for _, tc := range []struct {
		name, path string
		size       int
		chunked    bool
		status     int
	}{
		{"exactly the route's cap", "/own", 4, false, 200},
		{"exactly the route's cap, chunked", "/own", 4, true, 200},
		{"one more", "/own", 5, false, 413},
		{"one more, chunked", "/own", 5, true, 413},
		{"the door's cap", "/door", 8, false, 200},
		{"over the door's cap", "/door", 9, true, 413},
		{"far over, the client still sending", "/own", 3 << 20, false, 413},
		{"far over, chunked", "/own", 3 << 20, true, 413},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var body io.Reader = bytes.NewReader(make([]byte, tc.size))
			if tc.chunked {
				body = io.MultiReader(body) // hides the length
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+tc.path, body)
			if err != nil {
				t.Fatal(err)
			}
			transport := &http.Transport{}
			t.Cleanup(transport.CloseIdleConnections)
			response, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatalf("POST %s: %v", tc.path, err)
			}
			text := bodyOf(t, response)
			if response.StatusCode != tc.status {
				t.Errorf("POST %s with %d bytes = %d %q, want %d", tc.path, tc.size, response.StatusCode, text, tc.status)
			}
		})
	}
}

func TestContentTypeOfBodies(t *testing.T) {
	t.Parallel()
	wants := route("POST", "/json", web.Public, http.HandlerFunc(echo))
	wants.Consumes = []string{"application/json"}
	b := setup(t, web.Config{}, web.Entry{Door: &arrayDoor{"d", []web.Route{wants}}})
	for _, tc := range []struct {
		contentType, body string
		status            int
	}{
		{"application/json", "{}", 200},
		{"Application/JSON; charset=utf-8", "{}", 200},
		{"", "", 200},
		{"", "{}", 415},
		{"text/plain", "{}", 415},
		{"application/jsonx", "{}", 415},
		{";", "{}", 415},
	} {
		r := request("POST", "/json", tc.body)
		if tc.contentType != "" {
			r.Header.Set("Content-Type", tc.contentType)
		}
		if got := b.do(r).StatusCode; got != tc.status {
			t.Errorf("POST %q as %q = %d, want %d", tc.body, tc.contentType, got, tc.status)
		}
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	health := route("GET", "/health", web.Public, say("ok"))
	health.Unlimited = true
	door := &arrayDoor{"d", []web.Route{route("GET", "/a", web.Public, say("a")), route("GET", "/in", web.SignedIn, say("in")), health}}
	b := setup(t, web.Config{RatePerSecond: 1e-6, RateBurst: 2}, web.Entry{Door: door, Authenticate: byHeader("token"), CORSOrigins: []string{"https://front.example"}})
	from := func(addr, target string, header ...string) *http.Response {
		r := request("GET", target, "", header...)
		r.RemoteAddr = addr
		return b.do(r)
	}
	want := func(addr, target string, status int, header ...string) {
		t.Helper()
		if got := from(addr, target, header...).StatusCode; got != status {
			t.Errorf("GET %s from %s with %v = %d, want %d", target, addr, header, got, status)
		}
	}
	want("192.0.2.1:1", "/a", 200)
	want("192.0.2.1:2", "/a", 200)
	refused := from("192.0.2.1:3", "/a", "Origin", "https://front.example")
	if refused.StatusCode != 429 || refused.Header.Get("Retry-After") == "" || refused.Header.Get("Access-Control-Allow-Origin") != "https://front.example" {
		t.Errorf("third request = %d %v, want 429 with Retry-After and CORS headers", refused.StatusCode, refused.Header)
	}
	want("192.0.2.1:3", "/nothing", 429)
	want("192.0.2.1:3", "/health", 200)
	want("192.0.2.2:1", "/a", 200)
	want("192.0.2.1:4", "/in", 200, "Authorization", "member")
	want("192.0.2.1:4", "/in", 200, "Authorization", "member")
	want("192.0.2.1:4", "/in", 429, "Authorization", "member")
	want("192.0.2.1:4", "/in", 200, "Authorization", "admin")
	// One IPv6 host owns a /64.
	want("[2001:db8::1]:1", "/a", 200)
	want("[2001:db8::2]:1", "/a", 200)
	want("[2001:db8::3]:1", "/a", 429)
	// Refused credentials are counted for their address, and then not even tried.
	want("192.0.2.9:1", "/in", 401, "Authorization", "bad")
	want("192.0.2.9:1", "/in", 401, "Authorization", "bad")
	want("192.0.2.9:1", "/in", 429, "Authorization", "member")
}

func TestConcurrencyLimit(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	door := &arrayDoor{"d", []web.Route{
		route("GET", "/slow", web.Public, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-leave })),
		route("GET", "/a", web.Public, say("a")),
	}}
	b := setup(t, web.Config{MaxConcurrent: 1}, web.Entry{Door: door})
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.do(request("GET", "/slow", ""))
	}()
	<-entered
	if got := b.InFlight(); got != 1 {
		t.Errorf("InFlight = %d, want 1", got)
	}
	response := b.do(request("GET", "/a", ""))
	if response.StatusCode != 503 || response.Header.Get("Retry-After") != "1" {
		t.Errorf("request over the limit = %d, Retry-After %q, want 503 and 1", response.StatusCode, response.Header.Get("Retry-After"))
	}
	close(leave)
	<-done
	if got := b.do(request("GET", "/a", "")).StatusCode; got != 200 {
		t.Errorf("request after the slow one = %d, want 200", got)
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 4096)
	_, _ = rand.Read(noise)
	typed := func(contentType string, data []byte) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write(data)
		})
	}
	text := bytes.Repeat([]byte("wheat "), 1000)
	door := &arrayDoor{"d", []web.Route{
		route("GET", "/json", web.Public, typed("application/json", text)),
		route("GET", "/small", web.Public, typed("application/json", []byte("{}"))),
		route("GET", "/png", web.Public, typed("image/png", noise)),
		route("GET", "/events", web.Public, typed("text/event-stream", text)),
	}}
	b := setup(t, web.Config{}, web.Entry{Door: door})
	for _, tc := range []struct{ target, accept, want string }{
		{"/json", "gzip", "gzip"},
		{"/json", "gzip, zstd", "zstd"},
		{"/json", "", ""},
		{"/json", "br", ""},
		{"/small", "gzip", ""},
		{"/png", "gzip", ""},
		{"/events", "gzip", ""},
	} {
		response := b.do(request("GET", tc.target, "", "Accept-Encoding", tc.accept))
		if got := response.Header.Get("Content-Encoding"); got != tc.want {
			t.Errorf("GET %s with Accept-Encoding %q has Content-Encoding %q, want %q", tc.target, tc.accept, got, tc.want)
		}
		if size := len(bodyOf(t, response)); tc.want != "" && size > 500 {
			t.Errorf("GET %s compressed to %d bytes, want few", tc.target, size)
		}
	}
}

func TestDrainFinishesWhatRunsAndRefusesNew(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	door := &arrayDoor{"d", []web.Route{route("GET", "/slow", web.Public, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		_, _ = io.WriteString(w, "whole")
	}))}}
	b := setup(t, web.Config{}, web.Entry{Door: door})
	addr := b.start(t)
	conn := dial(t, addr)
	send(t, conn, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
	<-entered
	stopped := make(chan struct{})
	go func() { defer close(stopped); b.Stop() }()
	for { // until the listener is closed
		var d net.Dialer
		c, err := d.DialContext(t.Context(), "tcp", addr)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	select {
	case <-stopped:
		t.Fatal("Stop returned before the request ended")
	default:
	}
	close(leave)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("read answer: %v", err)
	}
	if got := bodyOf(t, response); got != "whole" {
		t.Errorf("drained request answered %q, want %q", got, "whole")
	}
	<-stopped
	b.Stop() // a second time does nothing
}

func TestDrainTimeoutCancelsWhatIsLeft(t *testing.T) {
	t.Parallel()
	entered, cancelled := make(chan struct{}), make(chan struct{})
	door := &arrayDoor{"d", []web.Route{route("GET", "/stuck", web.Public, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(cancelled)
	}))}}
	ctx, cancel := context.WithCancel(t.Context())
	b := setup(t, web.Config{DrainTimeout: time.Millisecond}, web.Entry{Door: door})
	if err := b.Start(ctx); err != nil {
		t.Fatal(err)
	}
	conn := dial(t, b.Addrs()[0].String())
	send(t, conn, "GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n")
	<-entered
	cancel() // the end of Start's context alone stops nothing
	select {
	case <-cancelled:
		t.Fatal("the request was cancelled before Stop")
	default:
	}
	b.Stop()
	<-cancelled
}

func TestStartReportsWhatItCannotBind(t *testing.T) {
	t.Parallel()
	taken := httptest.NewServer(say(""))
	defer taken.Close()
	door := &arrayDoor{"d", []web.Route{route("GET", "/a", web.Public, say("a"))}}
	b := setup(t, web.Config{Listeners: []web.Listener{{Address: "127.0.0.1:0"}, {Address: taken.Listener.Addr().String()}}}, web.Entry{Door: door})
	if err := b.Start(t.Context()); err == nil {
		b.Stop()
		t.Fatal("Start on a taken address succeeded, want an error")
	}
	if got := b.Addrs(); len(got) != 0 {
		t.Errorf("Addrs after a failed Start = %v, want none", got)
	}
	b.Stop()
}

// A client that asks before it sends gets the refusal at once and sends
// nothing.
func TestExpectContinueIsRefusedBeforeTheBody(t *testing.T) {
	t.Parallel()
	door := &arrayDoor{"d", []web.Route{route("POST", "/in", web.SignedIn, http.HandlerFunc(echo)), route("POST", "/echo", web.Public, http.HandlerFunc(echo))}}
	b := setup(t, web.Config{}, web.Entry{Door: door, MaxBody: 8})
	addr := b.start(t)
	for _, tc := range []struct{ path, length, want string }{
		{"/in", "5", "401 Unauthorized"},
		{"/echo", "500", "413 Request Entity Too Large"},
		{"/echo", "5", "100 Continue"},
	} {
		conn := dial(t, addr)
		send(t, conn, "POST "+tc.path+" HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: "+tc.length+"\r\n\r\n")
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.Contains(line, tc.want) {
			t.Errorf("POST %s asking to send %s bytes = %q, %v, want %q", tc.path, tc.length, line, err, tc.want)
		}
		_ = conn.Close()
	}
}

// A path of thousands of segments must not cost more than any other.
func TestLongUnknownPath(t *testing.T) {
	t.Parallel()
	b := setup(t, web.Config{}, web.Entry{Door: &arrayDoor{"d", []web.Route{route("GET", "/a/b", web.Public, say("a"))}}})
	for _, path := range []string{"/" + strings.Repeat("a/", 30_000), "/" + strings.Repeat("x", 60_000), "/a/b/c"} {
		if got := b.do(request("GET", path, "")).StatusCode; got != 404 {
			t.Errorf("GET of %d bytes = %d, want 404", len(path), got)
		}
	}
}
