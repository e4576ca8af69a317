package bench

import (
	"bytes"
	"context"
	"errors"
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
func (c client) post(ctx context.Context, address string, body []byte) ([]byte, time.Duration, error) {
	var answer bytes.Buffer
	_, took, err := c.postTo(ctx, &answer, address, body, "")
	return answer.Bytes(), took, err
}

// drain is post for answers so large that to keep them would take this
// process longer than the server needs to make them. It returns the length.
func (c client) drain(ctx context.Context, address string, body []byte, encoding string) (int64, time.Duration, error) {
	return c.postTo(ctx, io.Discard, address, body, encoding)
}

func (c client) postTo(ctx context.Context, w io.Writer, address string, body []byte, encoding string) (int64, time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	if encoding != "" {
		request.Header.Set("Accept-Encoding", encoding)
	}
	began := time.Now()
	response, err := c.http.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(response.Body, 300))
		return 0, 0, errors.Join(&statusError{request.URL.Path, response.StatusCode, string(text)}, err)
	}
	n, err := io.Copy(w, response.Body)
	return n, time.Since(began), err
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
				if _, took[i], err = c.post(ctx, address, body); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return took, time.Since(began), err
}
