package dataset

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"granary/internal/platform/fault"
	"granary/internal/platform/fetch"
)

// downloadFile is where an archive or PDF lies until it is unpacked.
const downloadFile = ".download"

// kept reports whether an entry of an archive is unpacked.
func kept(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".jpg", ".jpeg", ".png", ".gif", ".json", ".tiff", ".pdf":
		return true
	}
	return false
}

// loadZip downloads an archive to disk, since its table of contents is at its
// end, and unpacks it from there.
func (s *staging) loadZip(ctx context.Context) error {
	file, err := s.download(ctx)
	if err != nil {
		return err
	}
	defer file.Close()
	images, err := s.unzip(ctx, file)
	if err != nil {
		return err
	}
	if err := s.root.Remove(downloadFile); err != nil {
		return err
	}
	return s.finish(images)
}

// download fetches the source to a file, unless the copy is current.
func (s *staging) download(ctx context.Context) (*os.File, error) {
	request := fetch.Request{
		Address: s.document.Src, MaxBytes: s.library.limits.DownloadBytes, Timeout: s.library.cfg.DownloadTimeout,
	}
	if err := s.condition(&request); err != nil {
		return nil, err
	}
	file, err := s.root.OpenFile(downloadFile, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	response, err := s.library.cfg.Fetch.Download(ctx, request, file)
	if err == nil && response.NotModified {
		err = errCurrent
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	s.state.ETag, s.state.LastModified = response.ETag, response.LastModified
	return file, nil
}

// condition makes a request one for a newer version than the copy. It returns
// errCurrent when the copy is good without asking.
func (s *staging) condition(request *fetch.Request) error {
	switch {
	case s.old == nil || s.old.state.Partial || s.old.state.Src != s.document.Src:
		return nil
	case !s.old.noted && !s.complete():
		return nil
	case s.old.state.ETag == "" && s.old.state.LastModified == "":
		return errCurrent
	}
	request.ETag, request.LastModified = s.old.state.ETag, s.old.state.LastModified
	return nil
}

// complete reports whether the copy of an existing installation has all the
// pictures that its list names.
func (s *staging) complete() bool {
	root, err := s.library.root.OpenRoot(documentDir(s.document.Type, s.document.UID))
	if err != nil {
		return false
	}
	defer root.Close()
	named, err := readImagesFile(root, imagesFile)
	if err != nil || len(named) == 0 {
		return false
	}
	there, err := readImages(root, ".", s.document.UID)
	return err == nil && len(there) == len(named)
}

// unzip unpacks the pictures and texts of an archive under images/, in
// sub-folders as they are. Hidden files are skipped; an archive with a link or
// a path that leaves the folder is refused. Bytes are counted as they come out,
// whatever the archive says about itself.
func (s *staging) unzip(ctx context.Context, file *os.File) ([]Image, error) {
	stat, err := file.Stat()
	if err != nil {
		return nil, err
	}
	archive, err := openZip(file, stat.Size(), s.library.limits.Entries)
	if err != nil {
		return nil, err
	}
	limit := s.library.limits.Ratio * stat.Size()
	var images []Image
	for i, entry := range archive.File {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.progress(int64(i), int64(len(archive.File)))
		name, safe := entryName(entry.Name)
		switch {
		case !safe, !entry.Mode().IsDir() && !entry.Mode().IsRegular():
			return nil, fault.New(fault.Invalid, "the archive has the entry %.100q, which is a link or leaves its folder", entry.Name)
		case entry.Mode().IsDir(), hidden(name), !kept(name):
			continue
		}
		target := imagesDir + "/" + name
		if err := s.extract(entry, target, limit); err != nil {
			return nil, err
		}
		if !listed(name) {
			continue
		}
		if err := s.admit(target); err != nil {
			s.problem(name, err)
			continue
		}
		images = append(images, Image{ID: name, Src: target, Path: target})
	}
	return sorted(images), nil
}

// entryName returns the name of an entry as a clean path. Archives made on
// Windows may have backslashes, old ones names that are not UTF-8.
func entryName(raw string) (name string, safe bool) {
	name = strings.ReplaceAll(strings.ToValidUTF8(raw, "_"), `\`, "/")
	if slices.Contains(strings.Split(name, "/"), "..") {
		return "", false
	}
	name = path.Clean(name)
	return name, safePath(name)
}

// extract unpacks one entry.
func (s *staging) extract(entry *zip.File, target string, limit int64) error {
	source, err := entry.Open()
	if err != nil {
		return fault.New(fault.Invalid, "the archive's entry %.100q cannot be read: %w", entry.Name, err)
	}
	defer source.Close()
	if err := s.root.MkdirAll(path.Dir(target), 0o755); err != nil {
		return unwritable(entry.Name, err)
	}
	file, err := s.root.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return unwritable(entry.Name, err)
	}
	left := min(limit, s.library.limits.UnpackedBytes) - s.bytes
	written, err := io.Copy(file, io.LimitReader(source, left+1))
	if closed := file.Close(); err == nil {
		err = closed
	}
	var ours *fs.PathError
	if errors.As(err, &ours) {
		return err
	}
	if err != nil {
		return fault.New(fault.Invalid, "the archive's entry %.100q cannot be unpacked: %w", entry.Name, err)
	}
	if written > left {
		return fault.New(fault.TooLarge, "the archive unpacks to more than %d bytes or %d times its size", s.library.limits.UnpackedBytes, s.library.limits.Ratio)
	}
	return s.spend(written)
}

// unwritable tells a name that cannot be a file beside the others from a
// fault of the disk.
func unwritable(name string, err error) error {
	if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) {
		return fault.New(fault.Invalid, "the archive's entry %.100q cannot be written beside the others", name)
	}
	return err
}

// directoryBytes is what an entry of the table of contents may take on
// average.
const directoryBytes = 1 << 10

// openZip reads the table of contents of an archive. What is read for it is
// bounded first, since the table may be far longer than the archive says.
func openZip(file io.ReaderAt, size int64, maxEntries int) (*zip.Reader, error) {
	bounded := &boundedReader{file: file}
	bounded.left.Store(int64(maxEntries)*directoryBytes + 1<<20)
	archive, err := zip.NewReader(bounded, size)
	if errors.Is(err, errTable) {
		return nil, fault.New(fault.TooLarge, "the archive has more than %d entries", maxEntries)
	}
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fault.New(fault.Invalid, "the archive cannot be read: %w", err)
	}
	if len(archive.File) > maxEntries {
		return nil, fault.New(fault.TooLarge, "the archive has more than %d entries", maxEntries)
	}
	bounded.open.Store(true)
	return archive, nil
}

var errTable = errors.New("the table of contents is too long")

// boundedReader allows a number of bytes to be read before it is opened.
type boundedReader struct {
	file io.ReaderAt
	left atomic.Int64
	open atomic.Bool
}

func (b *boundedReader) ReadAt(p []byte, at int64) (int, error) {
	if !b.open.Load() && b.left.Add(-int64(len(p))) < 0 {
		return 0, errTable
	}
	return b.file.ReadAt(p, at)
}

// admit looks at the header of a picture; one that is too large or none at all
// is removed.
func (s *staging) admit(name string) error {
	if _, err := inspect(s.root, name, s.library.limits.PictureBytes); err != nil {
		return errors.Join(fmt.Errorf("picture %s: %w", name, err), s.root.Remove(name))
	}
	return nil
}
