package pages

import (
	"bytes"
	"container/list"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"granary/internal/platform/fault"
)

// The sizes a thumbnail is served at, as the longer side in pixels: the grid,
// and the grid on dense screens.
const (
	thumbSmall = 176
	thumbLarge = 352
	// viewSide is the longer side of what stands in for formats that browsers
	// do not show.
	viewSide = 4096
)

// maxThumbBytes bounds the thumbnails kept in memory. Browsers keep their own
// copies for good, since a picture's bytes never change.
const maxThumbBytes = 8 << 20

// thumbnails makes and keeps small pictures; the one used longest ago goes
// first. Safe for concurrent use.
type thumbnails struct {
	// making bounds how many pictures are decoded at once: each may take
	// hundreds of megabytes.
	making *semaphore.Weighted

	mu    sync.Mutex
	size  int
	order *list.List // of *thumbnail, the latest used first
	byKey map[string]*list.Element
}

type thumbnail struct {
	key  string
	data []byte
}

func newThumbnails() *thumbnails {
	return &thumbnails{making: semaphore.NewWeighted(2), order: list.New(), byKey: map[string]*list.Element{}}
}

func (t *thumbnails) get(key string) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	el, ok := t.byKey[key]
	if !ok {
		return nil, false
	}
	t.order.MoveToFront(el)
	return value(el).data, true
}

func value(el *list.Element) *thumbnail {
	kept, _ := el.Value.(*thumbnail) // the list holds nothing else
	return kept
}

func (t *thumbnails) put(key string, data []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.byKey[key]; ok || len(data) > maxThumbBytes/8 {
		return
	}
	t.byKey[key] = t.order.PushFront(&thumbnail{key, data})
	t.size += len(data)
	for t.size > maxThumbBytes {
		last := t.order.Back()
		old := value(last)
		t.order.Remove(last)
		delete(t.byKey, old.key)
		t.size -= len(old.data)
	}
}

// thumb serves a picture at the size shown. The service is asked first, so
// that the cache never answers somebody who may not look.
func (p *pages) thumb(w http.ResponseWriter, r *http.Request) error {
	size, err := strconv.Atoi(r.URL.Query().Get("size"))
	if err != nil || size != thumbSmall && size != thumbLarge {
		return fault.New(fault.Invalid, "thumbnails come in sizes %d and %d", thumbSmall, thumbLarge)
	}
	picture, _, err := p.service.Picture(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if unchanged(w, r, picture.SHA256) {
		return nil
	}
	key := picture.ID + "/" + strconv.Itoa(size)
	data, ok := p.thumbs.get(key)
	if !ok {
		if data, err = p.shrink(r, picture.ID, size); err != nil {
			return err
		}
		p.thumbs.put(key, data)
	}
	serve(w, r, "image/jpeg", data)
	return nil
}

// view serves the picture's own file where browsers show its format, and a
// JPEG in its place where they do not.
func (p *pages) view(w http.ResponseWriter, r *http.Request) error {
	picture, _, err := p.service.Picture(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if unchanged(w, r, picture.SHA256) {
		return nil
	}
	switch picture.MediaType {
	case "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp":
		_, data, err := p.service.PictureBytes(r.Context(), picture.ID)
		if err != nil {
			return err
		}
		serve(w, r, picture.MediaType, data)
		return nil
	}
	data, err := p.shrink(r, picture.ID, viewSide)
	if err != nil {
		return err
	}
	serve(w, r, "image/jpeg", data)
	return nil
}

func (p *pages) shrink(r *http.Request, id string, size int) ([]byte, error) {
	if err := p.thumbs.making.Acquire(r.Context(), 1); err != nil {
		return nil, err
	}
	defer p.thumbs.making.Release(1)
	_, data, err := p.service.PictureBytes(r.Context(), id)
	if err != nil {
		return nil, err
	}
	picture, err := p.gate.Open(data)
	if err != nil {
		return nil, err
	}
	return picture.Thumbnail(size)
}

// unchanged sets the validators of an answer that never changes and answers
// 304 when the browser has it. Private: the next visitor may not see it.
func unchanged(w http.ResponseWriter, r *http.Request, digest string) bool {
	etag := `"` + digest + `"`
	w.Header().Set("ETag", etag)
	w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	return false
}

func serve(w http.ResponseWriter, r *http.Request, mediaType string, data []byte) {
	w.Header().Set("Content-Type", mediaType)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}
