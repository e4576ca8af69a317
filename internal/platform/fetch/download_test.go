package fetch_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"granary/internal/platform/fault"
	"granary/internal/platform/fetch"
)

// serve starts a server whose answers depend on how often it was asked before.
func serve(t *testing.T, answer func(n int64, w http.ResponseWriter, r *http.Request)) (address string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(asked.Add(1), w, r) }))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func patient() *fetch.Client {
	return fetch.New(fetch.Config{Attempts: 4, Backoff: time.Millisecond, UserAgent: "test agent"})
}

func TestDownloadTriesAgainWhatMayPass(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		status   int
		attempts int64
	}{
		{"server error", http.StatusBadGateway, 4},
		{"too many requests", http.StatusTooManyRequests, 4},
		{"not found", http.StatusNotFound, 1},
		{"forbidden", http.StatusForbidden, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			address, asked := serve(t, func(_ int64, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(tc.status) })
			_, err := patient().Get(t.Context(), address, 10)
			var status *fetch.StatusError
			if !errors.As(err, &status) || status.Code != tc.status || !fault.Is(err, fault.Unavailable) {
				t.Errorf("Get = %v, want the status %d", err, tc.status)
			}
			if asked.Load() != tc.attempts {
				t.Errorf("%d attempts, want %d", asked.Load(), tc.attempts)
			}
		})
	}
	address, _ := serve(t, func(n int64, w http.ResponseWriter, r *http.Request) {
		if n < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(r.UserAgent()))
	})
	if body, err := patient().Get(t.Context(), address, 100); string(body) != "test agent" || err != nil {
		t.Errorf("Get of what works the third time = %q, %v", body, err)
	}
}

// A transfer that breaks is taken up where it ended if the file is the same,
// and else begun again.
func TestDownloadResumes(t *testing.T) {
	t.Parallel()
	first, second := make([]byte, 1<<20), make([]byte, 1<<20)
	for _, b := range [][]byte{first, second} {
		if _, err := rand.Read(b); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name, tag string
		then      []byte
		ranges    int
	}{
		{"same file", `"1"`, first, 1},
		{"another file", `"2"`, second, 0},
		{"weak tag", `W/"1"`, second, 0},
		{"no tag", "", second, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var partial atomic.Int64
			address, _ := serve(t, func(n int64, w http.ResponseWriter, r *http.Request) {
				if n == 1 {
					w.Header().Set("ETag", strings.Replace(tc.tag, "2", "1", 1))
					w.Header().Set("Content-Length", fmt.Sprint(len(first)))
					_, _ = w.Write(first[:len(first)/2])
					panic(http.ErrAbortHandler)
				}
				if tc.tag != "" {
					w.Header().Set("ETag", tc.tag)
				}
				if r.Header.Get("Range") != "" && r.Header.Get("If-Range") == tc.tag {
					partial.Add(1)
				}
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(tc.then))
			})
			name := filepath.Join(t.TempDir(), "file")
			file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			response, err := patient().Download(t.Context(), fetch.Request{Address: address, MaxBytes: 2 << 20}, file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(name)
			if err != nil || !bytes.Equal(got, tc.then) || response.Bytes != int64(len(got)) {
				t.Errorf("Download wrote %d bytes, %v, and says %d; want the %d of the file", len(got), err, response.Bytes, len(tc.then))
			}
			if int(partial.Load()) != tc.ranges {
				t.Errorf("%d answers were parts, want %d", partial.Load(), tc.ranges)
			}
		})
	}
}

func TestDownloadNotModified(t *testing.T) {
	t.Parallel()
	address, _ := serve(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader("x"))
	})
	for tag, same := range map[string]bool{`"1"`: true, `"0"`: false, "": false} {
		body, response, err := patient().Fetch(t.Context(), fetch.Request{Address: address, MaxBytes: 10, ETag: tag})
		if err != nil || response.NotModified != same || (len(body) == 0) != same || response.ETag != `"1"` {
			t.Errorf("Fetch with tag %s = %q, %+v, %v; want not modified: %v", tag, body, response, err, same)
		}
	}
}

func TestDownloadEndsWhenNoByteArrives(t *testing.T) {
	t.Parallel()
	address, _ := serve(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("x"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	_, err := fetch.New(fetch.Config{Timeout: time.Hour, Stall: 50 * time.Millisecond}).Get(t.Context(), address, 10)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "no byte arrived") {
		t.Errorf("Get of a stalled answer = %v, want it ended", err)
	}
}

func TestErrorsDoNotRepeatTheAddress(t *testing.T) {
	t.Parallel()
	_, err := fetch.New(fetch.Config{}).Get(t.Context(), "http://127.0.0.1:1/?token=secret", 10)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("Get = %v, want an error without the query", err)
	}
}
