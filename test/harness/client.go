package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Client speaks to one server as a browser page on another origin does. Every
// answer is held against the rules that all routes share.
type Client struct {
	// Base is the address that paths are put behind.
	Base string
	// Origin is the page's; empty for a script. A page's answers must carry
	// the CORS headers.
	Origin string
	// Header is sent with every request.
	Header http.Header

	http *http.Client
	// others are further servers; requests go round.
	others []string
	sent   *atomic.Uint32
}

// requestLimit bounds one exchange.
const requestLimit = time.Minute

// NewClient returns a client of the server at base.
func NewClient(base, origin string) *Client {
	return &Client{Base: base, Origin: origin, Header: http.Header{}, http: &http.Client{
		Timeout: requestLimit, Transport: &http.Transport{MaxIdleConnsPerHost: 16},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// WithHeader returns a copy of the client that sends one more header.
func (c *Client) WithHeader(name, value string) *Client {
	copied := *c
	copied.Header = c.Header.Clone()
	copied.Header.Add(name, value)
	return &copied
}

// At returns a copy of the client for another address, and for no other.
func (c *Client) At(base string) *Client {
	copied := *c
	copied.Base, copied.others = base, nil
	return &copied
}

// Alternating returns a copy of the client whose requests go to its own server
// and to the others in turn.
func (c *Client) Alternating(others ...string) *Client {
	copied := *c
	copied.others, copied.sent = others, new(atomic.Uint32)
	return &copied
}

// base returns the server of the next request.
func (c *Client) base() string {
	if len(c.others) == 0 {
		return c.Base
	}
	n := int(c.sent.Add(1)) % (len(c.others) + 1)
	if n == 0 {
		return c.Base
	}
	return c.others[n-1]
}

// WithCookies returns a copy of the client that keeps cookies.
func (c *Client) WithCookies(t testing.TB) *Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	copied, browser := *c, *c.http
	browser.Jar = jar
	copied.http = &browser
	return &copied
}

// Answer is what a server said.
type Answer struct {
	Request string // method and path, for messages
	Status  int
	Header  http.Header
	Body    []byte
}

// Do sends a request. Body may be nil, text or bytes as they are, or a value
// that is sent as JSON.
func (c *Client) Do(t testing.TB, method, path string, body any) Answer {
	t.Helper()
	answer, err := c.Try(t.Context(), t, method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

// Try is Do under a context of the caller's; an exchange that fails is
// returned instead of ending the test.
func (c *Client) Try(ctx context.Context, t testing.TB, method, path string, body any) (Answer, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, method, c.base()+path, c.body(t, body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range c.Header {
		request.Header[name] = values
	}
	if body != nil && request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.Origin != "" {
		request.Header.Set("Origin", c.Origin)
		// The front end sends this header of answers in its requests.
		request.Header.Set("Access-Control-Allow-Origin", "*")
		request.Header.Set("Sec-Fetch-Site", "same-site")
		request.Header.Set("Sec-Fetch-Mode", "cors")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{method + " " + path, response.StatusCode, response.Header, data}
	if c.Origin != "" {
		answer.checkCORS(t, c.Origin)
	}
	return answer, nil
}

func (c *Client) body(t testing.TB, body any) io.Reader {
	t.Helper()
	switch body := body.(type) {
	case nil:
		return http.NoBody
	case string:
		return strings.NewReader(body)
	case []byte:
		return bytes.NewReader(body)
	case io.Reader:
		return body
	}
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(data)
}

// checkCORS holds an ordinary answer against specification section 2.
func (a Answer) checkCORS(t testing.TB, origin string) {
	t.Helper()
	if got := a.Header.Get("Access-Control-Allow-Origin"); got != origin {
		t.Errorf("%s: Access-Control-Allow-Origin = %q, want %q", a.Request, got, origin)
	}
	if got := a.Header.Get("Access-Control-Allow-Credentials"); got != "true" {
		t.Errorf("%s: Access-Control-Allow-Credentials = %q, want true", a.Request, got)
	}
	if got := strings.Join(a.Header.Values("Vary"), ","); !strings.Contains(got, "Origin") {
		t.Errorf("%s: Vary = %q, want Origin in it", a.Request, got)
	}
}

// Post sends a value as JSON.
func (c *Client) Post(t testing.TB, path string, body any) Answer {
	t.Helper()
	return c.Do(t, http.MethodPost, path, body)
}

// Get asks for a path.
func (c *Client) Get(t testing.TB, path string) Answer {
	t.Helper()
	return c.Do(t, http.MethodGet, path, nil)
}

// OK checks for exactly 200, which is all that the front end takes for
// success, and decodes the body into v unless that is nil.
func (a Answer) OK(t testing.TB, v any) Answer {
	t.Helper()
	if a.Status != http.StatusOK {
		t.Fatalf("%s = %d %s, want 200", a.Request, a.Status, a.Short())
	}
	if v == nil {
		return a
	}
	if err := json.Unmarshal(a.Body, v); err != nil {
		t.Fatalf("%s: %v in %s", a.Request, err, a.Short())
	}
	return a
}

// Text returns the one text of an error body and fails for any other shape.
func (a Answer) Text(t testing.TB) string {
	t.Helper()
	var list []string
	if err := json.Unmarshal(a.Body, &list); err != nil || len(list) != 1 {
		t.Fatalf("%s = %d %s, want an array of one text", a.Request, a.Status, a.Short())
	}
	if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		t.Errorf("%s: Content-Type = %q, want application/json", a.Request, got)
	}
	return list[0]
}

// Refused checks for a status and an exact error text.
func (a Answer) Refused(t testing.TB, status int, text string) {
	t.Helper()
	if a.Status != status {
		t.Errorf("%s = %d %s, want %d", a.Request, a.Status, a.Short(), status)
		return
	}
	if got := a.Text(t); got != text {
		t.Errorf("%s = %q, want %q", a.Request, got, text)
	}
}

// RefusedLike checks for a status and how the error text begins.
func (a Answer) RefusedLike(t testing.TB, status int, prefix string) {
	t.Helper()
	if a.Status != status {
		t.Errorf("%s = %d %s, want %d", a.Request, a.Status, a.Short(), status)
		return
	}
	if got := a.Text(t); !strings.HasPrefix(got, prefix) {
		t.Errorf("%s = %q, want it to begin with %q", a.Request, got, prefix)
	}
}

// Short returns the beginning of the body, for messages.
func (a Answer) Short() string { return string(a.Body[:min(len(a.Body), 600)]) }
