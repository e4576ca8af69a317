package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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

// maxFailures in a row end a document: its host is down.
const maxFailures = 50

// wanted is one picture to fetch.
type wanted struct {
	image Image // Path without a suffix
	// addresses are tried in order.
	addresses []string
	// keep turns the fetched file into the one that is kept and returns its
	// name: the stem with a suffix.
	keep func(root *os.Root, fetched, stem string) (string, error)
}

// fetchPictures fetches what is wanted, several at once, and returns what could
// be had, in order. A picture that the copy has from the same source is linked
// from there. One that cannot be had is a problem, which makes the document
// partial. What was fetched outlives a failure: of a slow host the next attempt
// asks only for the rest.
func (s *staging) fetchPictures(parent context.Context, list []wanted) ([]Image, error) {
	previous, err := s.previous()
	if err != nil {
		return nil, err
	}
	parts, err := s.parts()
	if err != nil {
		return nil, err
	}
	defer parts.Close()
	var done, failures atomic.Int64
	found := make([]string, len(list))
	group, ctx := errgroup.WithContext(parent)
	group.SetLimit(s.library.cfg.Threads)
	for i, w := range list {
		if ctx.Err() != nil {
			break // the first error is the group's, or the caller gave up
		}
		group.Go(func() error {
			name, err := s.fetchPicture(ctx, w, parts, previous)
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

// parts opens the folder of what was fetched for a document that is not
// complete yet.
func (s *staging) parts() (*os.Root, error) {
	name := partsName(s.document.Type, s.document.UID)
	if err := s.library.root.MkdirAll(name, 0o755); err != nil {
		return nil, err
	}
	return s.library.root.OpenRoot(name)
}

// fetchPicture finds or fetches one picture and returns the name of its file.
func (s *staging) fetchPicture(ctx context.Context, w wanted, parts *os.Root, previous map[string]string) (string, error) {
	if err := s.root.MkdirAll(path.Dir(w.image.Path), 0o755); err != nil {
		return "", err
	}
	if old, ok := previous[w.image.Src]; ok {
		if name, err := s.place(old, w); err == nil {
			return name, nil
		}
	}
	sum := sha256.Sum256([]byte(w.image.Src + "\n" + w.image.ID))
	key, dir := hex.EncodeToString(sum[:]), partsName(s.document.Type, s.document.UID)
	for _, suffix := range []string{".jpg", ".png"} {
		// A crash of the machine may have left a name without its bytes.
		if _, err := inspect(parts, key+suffix, maxPicture); err == nil {
			return s.place(path.Join(dir, key+suffix), w)
		}
	}
	err := error(fault.New(fault.Invalid, "the picture has no address on the web"))
	for _, address := range w.addresses {
		if err = s.fetchFile(ctx, address, parts, key+".fetched"); err == nil {
			var name string
			if name, err = s.keep(ctx, w, parts, key); err == nil {
				return s.place(path.Join(dir, name), w)
			}
		}
		if !another(err) {
			break
		}
	}
	return "", err
}

// place links a file, named within the data folder, to where the document has
// the picture.
func (s *staging) place(file string, w wanted) (string, error) {
	name := w.image.Path + strings.ToLower(path.Ext(file))
	target := path.Join(stagedName(s.document.Type, s.document.UID), name)
	if err := link(s.library.root, file, s.library.root, target); err != nil {
		return "", err
	}
	return name, s.count(name)
}

// keep gives a fetched picture its form. Few are decoded at once: each may
// take hundreds of megabytes.
func (s *staging) keep(ctx context.Context, w wanted, parts *os.Root, key string) (string, error) {
	select {
	case s.library.decoding <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-s.library.decoding }()
	name, err := w.keep(parts, key+".fetched", key)
	return name, errors.Join(err, parts.RemoveAll(key+".fetched"))
}

// count adds a file to the bytes of the document.
func (s *staging) count(name string) error {
	stat, err := s.root.Stat(name)
	if err != nil {
		return err
	}
	return s.spend(stat.Size())
}

// fetchFile downloads one address to a file.
func (s *staging) fetchFile(ctx context.Context, address string, parts *os.Root, name string) error {
	file, err := parts.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = s.library.cfg.Fetch.Download(ctx, fetch.Request{Address: address, MaxBytes: s.library.limits.PictureBytes}, file)
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, parts.RemoveAll(name))
	}
	return nil
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
