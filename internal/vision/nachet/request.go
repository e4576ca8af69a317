package nachet

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
)

// request is a JSON body, its long strings taken out.
type request struct {
	r    *http.Request
	body []byte
}

// read takes the whole body into memory, within the door's budget. release
// gives the room back once the request is done.
func (d *Door) read(r *http.Request) (in *request, release func(), err error) {
	size := r.ContentLength
	if size > d.cfg.MaxBody {
		return nil, nil, fault.New(fault.TooLarge, "the request body is larger than %d bytes", d.cfg.MaxBody)
	}
	if size < 0 {
		size = d.cfg.MaxBody // not announced: room for the largest
	}
	room := min(size, d.cfg.BodyBudget)
	ctx, cancel := context.WithTimeout(r.Context(), budgetWait)
	defer cancel()
	if err := d.budget.Acquire(ctx, room); err != nil {
		return nil, nil, fault.New(fault.Unavailable, "the server is busy with other uploads").After(5 * time.Second)
	}
	release = func() { d.budget.Release(room) }
	body, err := readAll(r)
	if err != nil {
		release()
		return nil, nil, err
	}
	return &request{r: r, body: body}, release, nil
}

func readAll(r *http.Request) ([]byte, error) {
	var body []byte
	var err error
	if r.ContentLength >= 0 {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(r.Body) // capped by the platform
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, fault.New(fault.TooLarge, "the request body is larger than %d bytes", tooLarge.Limit)
	case fault.Of(err) != fault.Internal:
		return nil, err
	case err != nil:
		return nil, fault.New(fault.Invalid, "the request body ended early: %w", err)
	}
	return body, nil
}

// decode fills v, whose hoisted fields are given too, from the body.
func (in *request) decode(v any, texts ...*hoisted) error {
	long, err := decodeBody(in.body, v)
	if err != nil {
		return &wireError{unhandled, fault.Message(err), err}
	}
	for _, h := range texts {
		if err := h.resolve(long); err != nil {
			return &wireError{unhandled, "the image is not a JSON string", fault.New(fault.Invalid, "image: %w", err)}
		}
	}
	return nil
}

// picture decodes the data URL of an image field.
func (h *hoisted) picture() ([]byte, error) {
	_, data, err := raster.ParseDataURL(h.text)
	if err != nil {
		return nil, &wireError{unhandled, fault.Message(err), err}
	}
	return data, nil
}
