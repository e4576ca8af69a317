package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"granary/internal/platform/fault"
	"granary/internal/platform/fetch"
)

// Config says where a Library keeps documents and how it fetches them.
type Config struct {
	// Folder is the data folder; documents are kept below it.
	Folder string
	// Fetch makes the requests, at the pace that it is set to.
	Fetch *fetch.Client
	// Limits bound each document.
	Limits Limits
	// DownloadTimeout bounds the download of an archive or a PDF; other
	// requests have the client's timeout. Defaults to 2 h.
	DownloadTimeout time.Duration
	// IIIFMaxSide is the longest side that is asked of a picture server, in
	// pixels. Defaults to 2500.
	IIIFMaxSide int
	// IIIFMinSide is asked of a server that refuses IIIFMaxSide. Defaults to 1000.
	IIIFMinSide int
	// Threads bounds the pictures of one document that are fetched at once,
	// besides what Fetch grants a host. Defaults to 20.
	Threads int
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Library keeps the documents of the data folder. Safe for concurrent use, by
// several processes too.
type Library struct {
	cfg      Config
	limits   Limits
	root     *os.Root // of Config.Folder
	locks    locks
	decoding chan struct{} // one token for each picture that is decoded
	size     sizeCache
}

// decoders is how many pictures are decoded at once.
const decoders = 2

// Open makes the folders that are missing and removes what an interrupted
// download left. Close it.
func Open(cfg Config) (*Library, error) {
	cfg.DownloadTimeout = cmp.Or(max(cfg.DownloadTimeout, 0), 2*time.Hour)
	cfg.IIIFMaxSide = cmp.Or(max(cfg.IIIFMaxSide, 0), 2500)
	cfg.IIIFMinSide = cmp.Or(max(cfg.IIIFMinSide, 0), 1000)
	cfg.Threads = cmp.Or(max(cfg.Threads, 0), 20)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	folder, err := filepath.Abs(cfg.Folder)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open data folder: %w", err)
	}
	l := &Library{
		cfg: cfg, limits: cfg.Limits.withDefaults(), root: root,
		decoding: make(chan struct{}, decoders),
	}
	if err := root.MkdirAll(stagingDir, 0o755); err != nil {
		return nil, errors.Join(fmt.Errorf("make folder for downloads: %w", err), root.Close())
	}
	if err := l.sweep(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return l, nil
}

// Close lets go of the data folder.
func (l *Library) Close() error { return l.root.Close() }

// Progress is told how many pictures of a document are there; total is 0 while
// it is unknown. It may be nil and must not block for long.
type Progress func(done, total int64)

// Prepare returns the folder of a document, downloading it when there is no
// copy or the copy is out of date. It waits for a preparation of the same
// document, in this process or another. What was fetched before and has not
// changed is not fetched again:
//
//   - a list of addresses is asked for every time, since lists change under one
//     address; only pictures with a new address are fetched;
//   - anything else is asked for with the ETag and the date that its server
//     gave; when it gave none, the copy is good.
//
// When the source cannot be reached and there is a copy, the copy is used and
// Folder.Problems says so. A picture that cannot be had is left out and is a
// problem too; the next Prepare tries it again. Errors: fault.Invalid,
// fault.TooLarge, fault.Forbidden (address policy), fault.Unavailable.
func (l *Library) Prepare(ctx context.Context, d Document, progress Progress) (Folder, error) {
	d, err := d.Normal()
	if err != nil {
		return Folder{}, err
	}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	unlock, err := l.locks.acquire(ctx, l.root, lockName(d.Type, d.UID))
	if err != nil {
		return Folder{}, fmt.Errorf("wait for document %s: %w", d.UID, err)
	}
	defer unlock()
	if err := l.recover(d); err != nil {
		return Folder{}, fmt.Errorf("recover document %s: %w", d.UID, err)
	}
	old, err := l.copyOf(d)
	if err != nil {
		return Folder{}, fmt.Errorf("read document %s: %w", d.UID, err)
	}
	s, err := l.stage(d, old, progress)
	if err != nil {
		return Folder{}, fmt.Errorf("prepare document %s: %w", d.UID, err)
	}
	err = s.load(ctx)
	switch {
	case err == nil:
		if err = s.publish(); err != nil {
			return Folder{}, errors.Join(fmt.Errorf("keep document %s: %w", d.UID, err), s.discard())
		}
		l.size.forget()
		return l.folder(d, s.state.Problems), nil
	case errors.Is(err, errCurrent):
		return l.folder(d, old.state.Problems), errors.Join(s.discard(), l.used(d))
	case old != nil && ctx.Err() == nil && fault.Is(err, fault.Unavailable):
		problems := append([]string{"the copy from before is used: " + fault.Message(err)}, old.state.Problems...)
		return l.folder(d, problems), errors.Join(s.discard(), l.used(d))
	default:
		return Folder{}, errors.Join(err, s.discard())
	}
}

// errCurrent tells that the copy is the newest there is.
var errCurrent = errors.New("the copy is current")

// load fetches the document into the staging folder.
func (s *staging) load(ctx context.Context) error {
	switch s.document.Type {
	case TypeZip:
		return s.loadZip(ctx)
	case TypeIIIF:
		return s.loadManifest(ctx)
	case TypeURLList:
		return s.loadList(ctx)
	case TypePDF:
		return s.loadPDF(ctx)
	case TypeImage:
		return s.loadImage(ctx)
	default:
		return fault.New(fault.Invalid, "Unknown document type: %s", s.document.Type)
	}
}

// sizeCache remembers how much the documents take.
type sizeCache struct {
	mu    sync.Mutex
	bytes int64
	until time.Time
}

func (c *sizeCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = time.Time{}
}
