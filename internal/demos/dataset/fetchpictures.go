package dataset

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"granary/internal/platform/fault"
	"granary/internal/platform/fetch"
)

const (
	// perDocument is how many pictures of one document are fetched at once:
	// as many as one host is asked for.
	perDocument = 5
	// maxFailures in a row end a document: its host is down.
	maxFailures = 50
)

// wanted is one picture to fetch.
type wanted struct {
	image Image // Path without a suffix
	// addresses are tried in order.
	addresses []string
	// keep turns the fetched file into the one that is kept and returns its name.
	keep func(root *os.Root, fetched, stem string) (string, error)
}

// fetchPictures fetches what is wanted, several at once, and returns what could
// be had, in order. A picture that the copy has from the same source is linked
// from there. One that cannot be had is a problem, which makes the document
// partial.
func (s *staging) fetchPictures(parent context.Context, list []wanted) ([]Image, error) {
	previous, err := s.previous()
	if err != nil {
		return nil, err
	}
	var done, failures atomic.Int64
	found := make([]string, len(list))
	group, ctx := errgroup.WithContext(parent)
	group.SetLimit(perDocument)
	for i, w := range list {
		if ctx.Err() != nil {
			break // the first error is the group's, or the caller gave up
		}
		group.Go(func() error {
			name, err := s.fetchPicture(ctx, w, previous)
			s.progress(done.Add(1), int64(len(list)))
			switch {
			case err == nil:
				found[i] = name
				failures.Store(0)
				return nil
			case ctx.Err() != nil:
				return ctx.Err()
			case fault.Of(err) == fault.Internal:
				return err // of this machine
			}
			s.problem(w.image.ID, err)
			s.partial()
			if failures.Add(1) >= maxFailures {
				return fault.New(fault.Unavailable, "%d pictures in a row could not be fetched, the last because: %w", maxFailures, err)
			}
			return nil
		})
	}
	if err := errors.Join(group.Wait(), parent.Err()); err != nil {
		return nil, err
	}
	var images []Image
	for i, w := range list {
		if found[i] != "" {
			w.image.Path = found[i]
			images = append(images, w.image)
		}
	}
	return images, nil
}

func (s *staging) partial() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Partial = true
}

// previous returns the files of the copy by the source of the picture.
func (s *staging) previous() (map[string]string, error) {
	if s.old == nil {
		return nil, nil
	}
	dir := documentDir(s.document.Type, s.document.UID)
	images, err := readImages(s.library.root, dir, s.document.UID)
	if err != nil {
		return nil, err
	}
	files := make(map[string]string, len(images))
	for _, i := range images {
		files[i.Src] = path.Join(dir, i.Path)
	}
	return files, nil
}

// fetchPicture fetches one picture and returns the name of its file.
func (s *staging) fetchPicture(ctx context.Context, w wanted, previous map[string]string) (string, error) {
	stem := w.image.Path
	if err := s.root.MkdirAll(path.Dir(stem), 0o755); err != nil {
		return "", err
	}
	if old, ok := previous[w.image.Src]; ok && w.image.Src != "" {
		name := stem + strings.ToLower(path.Ext(old))
		target := path.Join(stagedName(s.document.Type, s.document.UID), name)
		if err := link(s.library.root, old, s.library.root, target); err == nil {
			return name, s.count(name)
		}
	}
	fetched := stem + ".fetched"
	defer func() { _ = s.root.Remove(fetched) }() // what is kept has another name by now
	err := error(fault.New(fault.Invalid, "the picture has no address on the web"))
	for _, address := range w.addresses {
		if err = s.fetchFile(ctx, address, fetched); err == nil {
			var name string
			if name, err = s.keep(ctx, w, fetched); err == nil {
				return name, s.count(name)
			}
		}
		if !another(err) {
			break
		}
	}
	return "", err
}

// keep gives a fetched picture its place. Few are decoded at once: each may
// take hundreds of megabytes.
func (s *staging) keep(ctx context.Context, w wanted, fetched string) (string, error) {
	select {
	case s.library.decoding <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-s.library.decoding }()
	return w.keep(s.root, fetched, w.image.Path)
}

// count adds a file to the bytes of the document.
func (s *staging) count(name string) error {
	stat, err := s.root.Stat(name)
	if err != nil {
		return err
	}
	return s.spend(stat.Size())
}

// fetchFile downloads one address to a file and checks that it is a picture.
func (s *staging) fetchFile(ctx context.Context, address, name string) error {
	select {
	case s.library.threads <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.library.threads }()
	file, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = s.library.cfg.Fetch.Download(ctx, fetch.Request{Address: address, MaxBytes: s.library.limits.PictureBytes}, file)
	return errors.Join(err, file.Close())
}

// another reports whether a picture may be had from another address: the
// server does not have it, will not give it in this size, or gave something
// else.
func another(err error) bool {
	var status *fetch.StatusError
	if errors.As(err, &status) {
		return status.Code < 500 && status.Code != http.StatusTooManyRequests || status.Code == http.StatusNotImplemented
	}
	return fault.Is(err, fault.Invalid)
}
