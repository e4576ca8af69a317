package nachetimport_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"granary/internal/vision/nachetimport"
)

// through puts a proxy before the source's storage; meddle sees the answers to
// downloads.
func (l *legacy) through(meddle func(*http.Response)) {
	l.t.Helper()
	var parts []string
	for part := range strings.SplitSeq(l.source.ConnectionString, ";") {
		address, ok := strings.CutPrefix(part, "BlobEndpoint=")
		if !ok {
			parts = append(parts, part)
			continue
		}
		endpoint, err := url.Parse(address)
		if err != nil {
			l.t.Fatalf("parse endpoint: %v", err)
		}
		proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: endpoint.Scheme, Host: endpoint.Host})
		proxy.ModifyResponse = func(answer *http.Response) error {
			if answer.Request.Method == http.MethodGet && !answer.Request.URL.Query().Has("comp") {
				meddle(answer)
			}
			return nil
		}
		server := httptest.NewServer(proxy)
		l.t.Cleanup(server.Close)
		parts = append(parts, "BlobEndpoint="+server.URL+endpoint.Path)
	}
	l.source.ConnectionString = strings.Join(parts, ";")
}

// manyPictures is a deployment of one user with so many pictures.
func manyPictures(t *testing.T, pictures int) *legacy {
	t.Helper()
	l := newLegacy(t)
	l.user("alice", "alice@lab.example", "general")
	l.set("general", "alice", "General", 0)
	for i := range pictures {
		name := "p" + string(rune('A'+i))
		l.picture(name, "general", `{}`)
		l.put("alice", "General", name, pngOf(t, uint8(i)))
	}
	return l
}

func TestRunRepeatsADownloadThatWasCut(t *testing.T) {
	t.Parallel()
	to := newTarget(t, databasetestOpen(t))
	l := manyPictures(t, 3)
	var mu sync.Mutex
	cut := map[string]bool{}
	l.through(func(answer *http.Response) {
		mu.Lock()
		defer mu.Unlock()
		if path := answer.Request.URL.Path; !cut[path] {
			cut[path] = true
			answer.Body = half{answer.Body, io.LimitReader(answer.Body, answer.ContentLength/2)}
		}
	})
	report := run(t, l, to, nachetimport.Options{})
	to.check(t)
	if got := report.Kind("pictures"); got.Imported != 3 || len(cut) != 3 {
		t.Errorf("pictures = %+v after %d cut downloads, want 3 imported after 3", got, len(cut))
	}
}

// half ends a body early and closes the whole.
type half struct {
	io.Closer
	io.Reader
}

func TestRunEndsWhenTheStorageIsGone(t *testing.T) {
	t.Parallel()
	to := newTarget(t, databasetestOpen(t))
	l := manyPictures(t, 40)
	l.through(func(answer *http.Response) { answer.StatusCode = http.StatusForbidden })
	report, err := nachetimport.Run(t.Context(), l.source, to.Target, nachetimport.Options{})
	to.check(t)
	if err == nil || !strings.Contains(err.Error(), "in a row") {
		t.Errorf("Run = %v, want an error that says that the storage is gone", err)
	}
	if got := report.Kind("pictures"); got.Imported != 0 || got.Skipped < 20 || got.Skipped >= 40 {
		t.Errorf("pictures = %+v, want the run to end after 20 failures", got)
	}
}
