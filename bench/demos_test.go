package bench_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkStatusRequest is a whole status request of a running task, as front
// ends send one each second for each open page.
func BenchmarkStatusRequest(b *testing.B) {
	done := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }))
	l := open(b)
	b.Cleanup(slow.Close)
	b.Cleanup(func() { close(done) })
	body := fmt.Sprintf(`{"documents":[{"type":"zip","src":%q}]}`, slow.URL)
	response, err := http.Post(l.url+"/vectorization/start", "application/json", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	var started struct {
		ID string `json:"tracking_id"`
	}
	if err := json.NewDecoder(response.Body).Decode(&started); err != nil || started.ID == "" {
		b.Fatalf("start: %v, %v", started, err)
	}
	if err := response.Body.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		response, err := http.Get(l.url + "/vectorization/" + started.ID + "/status")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
			b.Fatalf("status = %d, %v", response.StatusCode, err)
		}
		if err := response.Body.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
