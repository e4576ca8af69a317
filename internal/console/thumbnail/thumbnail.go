// Package thumbnail keeps the small pictures that the console's sections show
// and answers them as browsers want it. Whose pictures they are, and who may
// see them, is the sections' affair: they ask their service first.
package thumbnail

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"granary/internal/platform/fault"
)

// The sizes at which pictures are served, as the longer side in pixels: a
// grid, a grid on dense screens, and what stands in for formats that browsers
// do not show.
const (
	Small = 176
	Large = 352
	View  = 4096
)

// maxBytes bounds the pictures kept in memory. Browsers keep their own copies.
const maxBytes = 8 << 20

// Cache makes and keeps small pictures; the one used longest ago goes first.
// Safe for concurrent use.
type Cache struct {
	// making bounds how many pictures are decoded at once: each may take
	// hundreds of megabytes.
	making *semaphore.Weighted

	mu    sync.Mutex
	size  int
	order *list.List // of *kept, the latest used first
	byKey map[string]*list.Element
}

type kept struct {
	key  string
	data []byte
}

// NewCache returns an empty cache.
func NewCache() *Cache {
	return &Cache{making: semaphore.NewWeighted(2), order: list.New(), byKey: map[string]*list.Element{}}
}

// Get returns the picture of that key, made when it is not kept.
func (c *Cache) Get(ctx context.Context, key string, draw func(context.Context) ([]byte, error)) ([]byte, error) {
	if data, ok := c.find(key); ok {
		return data, nil
	}
	data, err := c.Make(ctx, draw)
	if err != nil {
		return nil, err
	}
	c.keep(key, data)
	return data, nil
}

// Make makes a picture that is not kept. At most two are made at once.
func (c *Cache) Make(ctx context.Context, draw func(context.Context) ([]byte, error)) ([]byte, error) {
	if err := c.making.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer c.making.Release(1)
	return draw(ctx)
}

func (c *Cache) find(key string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el, ok := c.byKey[key]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(el)
	return value(el).data, true
}

func value(el *list.Element) *kept {
	v, _ := el.Value.(*kept) // the list holds nothing else
	return v
}

func (c *Cache) keep(key string, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byKey[key]; ok || len(data) > maxBytes/8 {
		return
	}
	c.byKey[key] = c.order.PushFront(&kept{key, data})
	c.size += len(data)
	for c.size > maxBytes {
		last := c.order.Back()
		old := value(last)
		c.order.Remove(last)
		delete(c.byKey, old.key)
		c.size -= len(old.data)
	}
}

// Size reads the size that a request asks for, Small or Large.
func Size(r *http.Request) (int, error) {
	size, err := strconv.Atoi(r.URL.Query().Get("size"))
	if err != nil || size != Small && size != Large {
		return 0, fault.New(fault.Invalid, "thumbnails come in sizes %d and %d", Small, Large)
	}
	return size, nil
}

// How long browsers keep a picture: for good under an address whose bytes
// never change, else until they have asked whether it changed. Private: the
// next visitor may not see it.
const (
	Forever    = "private, max-age=31536000, immutable"
	Revalidate = "private, no-cache"
)

// Unchanged sets an answer's validators and answers 304 when the browser has
// it. keeping is Forever or Revalidate.
func Unchanged(w http.ResponseWriter, r *http.Request, digest, keeping string) bool {
	etag := `"` + digest + `"`
	w.Header().Set("ETag", etag)
	w.Header().Set("Cache-Control", keeping)
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	return false
}

// Digest makes any key one that Unchanged takes.
func Digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// Serve answers a picture.
func Serve(w http.ResponseWriter, r *http.Request, mediaType string, data []byte) {
	w.Header().Set("Content-Type", mediaType)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}
