package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/platform/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// arrayDoor is a plain door with the error shape of spec nachet: an array
// with one string, and HTML for 404 and 405.
type arrayDoor struct {
	name   string
	routes []web.Route
}

func (d *arrayDoor) Name() string        { return d.name }
func (d *arrayDoor) Routes() []web.Route { return d.routes }

func (d *arrayDoor) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	status := web.ErrorHeader(w, r, err)
	if status == http.StatusNotFound || status == http.StatusMethodNotAllowed {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<h1>"+http.StatusText(status)+"</h1>")
		return
	}
	web.WriteJSON(w, status, []string{fault.Message(err)})
}

// logBuffer is a log that tests can read while the server writes.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// lines returns the log entries with the given message.
func (b *logBuffer) lines(t *testing.T, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(b.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if entry["msg"] == message {
			found = append(found, entry)
		}
	}
	return found
}

// bundle is a server with what its tests look at.
type bundle struct {
	*web.Server
	log      *logBuffer
	observed chan web.Observation
	refused  chan string // "user METHOD path"
}

func setup(t *testing.T, config web.Config, entries ...web.Entry) *bundle {
	t.Helper()
	if len(config.Listeners) == 0 {
		config.Listeners = []web.Listener{{Address: "127.0.0.1:0"}}
	}
	b := &bundle{log: &logBuffer{}, observed: make(chan web.Observation, 4096), refused: make(chan string, 64)}
	server, err := web.New(config, web.Hooks{
		Logger:  slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(o web.Observation) { b.observed <- o },
		Refused: func(ctx context.Context, route string) {
			p, _ := identity.From(ctx)
			b.refused <- string(p.Role) + " " + route
		},
	}, entries...)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	b.Server = server
	return b
}

// start serves on real sockets until the test ends and returns the first
// listener's host:port.
func (b *bundle) start(t *testing.T) string {
	t.Helper()
	if err := b.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(b.Stop)
	return b.Addrs()[0].String()
}

// do sends a request to the first listener without a socket.
func (b *bundle) do(r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	b.Handler(0).ServeHTTP(w, r)
	return w.Result()
}

func request(method, target, body string, header ...string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	if body == "" {
		r = httptest.NewRequestWithContext(context.Background(), method, target, nil)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func bodyOf(t *testing.T, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("read answer: %v", err)
	}
	return string(data)
}

func problemOf(t *testing.T, response *http.Response) web.Problem {
	t.Helper()
	var p web.Problem
	text := bodyOf(t, response)
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatalf("answer %q is no problem: %v", text, err)
	}
	if got, want := response.Header.Get("Content-Type"), "application/problem+json"; got != want {
		t.Errorf("Content-Type = %q, want %q", got, want)
	}
	return p
}

// say answers text.
func say(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, text)
	})
}

// echo answers the body, or its error in the door's shape.
func echo(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		web.WriteProblem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(data)
}

func route(method, path string, access web.Access, handler http.Handler) web.Route {
	return web.Route{Method: method, Path: path, Access: access, Summary: "Test " + path, Handler: handler}
}

// byHeader authenticates by Authorization: ROLE, refuses "bad".
func byHeader(method string) web.Authenticator {
	return func(r *http.Request) (identity.Principal, bool, error) {
		switch role := r.Header.Get("Authorization"); role {
		case "":
			return identity.Principal{}, false, nil
		case "bad":
			return identity.Principal{}, false, fault.New(fault.Unauthenticated, "the token is not valid")
		default:
			return identity.Principal{UserID: "user-" + role, Role: identity.Role(role), Method: method}, true, nil
		}
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

const patience = 10 * time.Second

// origin is scheme and host of the address that the client used, as a handler
// sees them.
func origin(r *http.Request) string {
	if web.IsSecure(r) {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
