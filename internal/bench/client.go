package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// client sends requests over kept connections, and never asks for
// compression by itself.
type client struct{ http *http.Client }

func newClient() client {
	return client{&http.Client{
		Timeout:   5 * time.Minute,
		Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
	}}
}

// statusError is an answer other than 200.
type statusError struct {
	path   string
	status int
	text   string
}

// Error names the route and what it said.
func (e *statusError) Error() string {
	return fmt.Sprintf("%s answered %d: %s", e.path, e.status, e.text)
}

// post sends a body and returns the answer, which must be a 200, and the
// time until its last byte was there.
func (c client) post(ctx context.Context, address string, body []byte, encoding string) ([]byte, time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	if encoding != "" {
		request.Header.Set("Accept-Encoding", encoding)
	}
	began := time.Now()
	response, err := c.http.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	took := time.Since(began)
	if err != nil {
		return nil, 0, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, 0, &statusError{request.URL.Path, response.StatusCode, fmt.Sprintf("%.300s", answer)}
	}
	return answer, took, nil
}

// repeat sends the same body count times from clients at once and returns
// the times of all requests and of the whole.
func (c client) repeat(ctx context.Context, address string, body []byte, clients, count int) ([]time.Duration, time.Duration, error) {
	group, ctx := errgroup.WithContext(ctx)
	took := make([]time.Duration, clients*(count/clients))
	began := time.Now()
	for worker := range clients {
		group.Go(func() error {
			for i := worker; i < len(took); i += clients {
				var err error
				if _, took[i], err = c.post(ctx, address, body, ""); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return took, time.Since(began), err
}
