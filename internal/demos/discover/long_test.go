package discover

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"granary/internal/demos"
)

// A long output is sent as it is stored, under the same two members.
func TestLongStatus(t *testing.T) {
	t.Parallel()
	stored := `{"annotations":"` + strings.Repeat("x", 1<<20) + `"}`
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			output := demos.Content{Size: int64(len(stored)), Body: io.NopCloser(strings.NewReader(stored))}
			if err := sendLong(w, r, "a-b", output); err != nil {
				t.Errorf("sendLong: %v", err)
			}
		}))
		request, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		server.Close()
		want := `{"tracking_id":"a-b","log":` + stored + `}`
		if answer.ContentLength != int64(len(want)) || answer.Header.Get("Content-Type") != "application/json" || err != nil {
			t.Errorf("%s: header = %v, %v", method, answer.Header, err)
		}
		if method == http.MethodGet && string(body) != want {
			t.Errorf("body has %d bytes, want %d", len(body), len(want))
		}
	}
}
