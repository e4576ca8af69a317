package dataset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"

	"granary/internal/demos/dataset/iiif"
	"granary/internal/platform/fault"
	"granary/internal/platform/fetch"
)

// loadManifest fetches the pictures of a IIIF manifest.
func (s *staging) loadManifest(ctx context.Context) error {
	request := fetch.Request{Address: s.document.Src, MaxBytes: s.library.limits.TextBytes}
	if err := s.condition(&request); err != nil {
		return err
	}
	text, err := s.fetchText(ctx, request)
	if err != nil {
		return err
	}
	manifest, err := iiif.Parse(text)
	if err != nil {
		return err
	}
	if len(manifest.Pages) > s.library.limits.Entries {
		return fault.New(fault.TooLarge, "the manifest has more than %d pictures", s.library.limits.Entries)
	}
	s.state.Title = manifest.Title
	list := make([]wanted, len(manifest.Pages))
	for i, page := range manifest.Pages {
		stem := fmt.Sprintf("%04d", i+1)
		metadata := map[string]any{"page": i + 1}
		if page.Label != "" {
			metadata["label"] = page.Label
		}
		list[i] = wanted{
			image:     Image{ID: stem + ".jpg", Src: page.Src(), Path: imagesDir + "/" + stem, Metadata: metadata},
			addresses: page.Addresses(s.library.cfg.IIIFMaxSide, s.library.cfg.IIIFMinSide), keep: keepJPEG,
		}
	}
	return s.finishPictures(ctx, list)
}

// loadList fetches the pictures of a list of addresses. The list is asked for
// every time; when it reads the same, the copy is current.
func (s *staging) loadList(ctx context.Context) error {
	text, err := s.fetchText(ctx, fetch.Request{Address: s.document.Src, MaxBytes: s.library.limits.TextBytes})
	if err != nil {
		return err
	}
	entries, err := ParseList(text, s.library.limits.Entries)
	if err != nil {
		return err
	}
	list := make([]wanted, len(entries))
	for i, e := range entries {
		list[i] = wanted{
			image:     Image{ID: e.Stem, Src: e.Address, Path: imagesDir + "/" + e.Stem},
			addresses: []string{e.Address}, keep: keepThumbnail,
		}
	}
	return s.finishPictures(ctx, list)
}

// fetchText fetches a manifest or list, and returns errCurrent when it reads
// as it did for the copy.
func (s *staging) fetchText(ctx context.Context, request fetch.Request) ([]byte, error) {
	text, response, err := s.library.cfg.Fetch.Fetch(ctx, request)
	if err != nil {
		return nil, err
	}
	if response.NotModified {
		return nil, errCurrent
	}
	sum := sha256.Sum256(text)
	s.state.Digest = hex.EncodeToString(sum[:])
	s.state.ETag, s.state.LastModified = response.ETag, response.LastModified
	if s.old != nil && s.old.state.Digest == s.state.Digest && s.old.state.Src == s.document.Src && !s.old.state.Partial {
		return nil, errCurrent
	}
	return text, nil
}

func (s *staging) finishPictures(ctx context.Context, list []wanted) error {
	images, err := s.fetchPictures(ctx, list)
	if err != nil {
		return err
	}
	return s.finish(images)
}

// loadImage fetches a document of one picture.
func (s *staging) loadImage(ctx context.Context) error {
	file, err := s.download(ctx)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	name, err := keepPicture(s.root, downloadFile, imagesDir+"/"+s.sourceStem())
	if err != nil {
		return err
	}
	if err := errors.Join(s.count(name), s.root.RemoveAll(downloadFile)); err != nil {
		return err
	}
	s.progress(1, 1)
	return s.finish([]Image{{ID: path.Base(name), Src: s.document.Src, Path: name}})
}

// sourceStem returns the file name of the source without its suffix, when it
// has one that can be used, else the uid.
func (s *staging) sourceStem() string {
	u, err := url.Parse(s.document.Src)
	if err != nil {
		return s.document.UID
	}
	base := path.Base(u.Path)
	stem := strings.TrimSuffix(base, path.Ext(base))
	if stem == "" || len(stem) > 100 || hidden(stem) || !safePath(stem) || strings.Contains(stem, "/") {
		return s.document.UID
	}
	return stem
}

// ListEntry is one picture of a list of addresses.
type ListEntry struct {
	// Stem names the picture; it may have slashes.
	Stem string
	// Address is an http or https URL, unchecked.
	Address string
}

// ParseList reads a JSON object of addresses by name, in its order. Of a name
// that comes twice the last counts. Errors: fault.Invalid for what is no such
// object or a name that cannot name a file, fault.TooLarge beyond limit entries.
func ParseList(text []byte, limit int) ([]ListEntry, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, fault.New(fault.Invalid, "the list is no JSON object of addresses by name")
	}
	var list []ListEntry
	at := map[string]int{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, fault.New(fault.Invalid, "the list cannot be read: %w", err)
		}
		e := ListEntry{Stem: fmt.Sprint(token)}
		if err := decoder.Decode(&e.Address); err != nil {
			return nil, fault.New(fault.Invalid, "the address of %.100q in the list cannot be read: %w", e.Stem, err)
		}
		if !safePath(e.Stem) || hidden(e.Stem) {
			return nil, fault.New(fault.Invalid, "the name %.100q in the list cannot name a file", e.Stem)
		}
		if i, twice := at[e.Stem]; twice {
			list[i] = e
			continue
		}
		if len(list) == limit {
			return nil, fault.New(fault.TooLarge, "the list has more than %d pictures", limit)
		}
		at[e.Stem] = len(list)
		list = append(list, e)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, fault.New(fault.Invalid, "the list cannot be read: %w", err)
	}
	return list, nil
}
