package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"granary/internal/platform/fault"
)

const (
	// pdfResolution and pdfSide are how a page is drawn: in dots an inch, and
	// at most this many pixels long.
	pdfResolution = "500"
	pdfSide       = "3000"
	// pdfBatch is how many pages one run of the renderer draws.
	pdfBatch = 8
	// pdfPageTime is what a page may take on average.
	pdfPageTime = time.Minute
	// maxOutput bounds what is kept of the renderer's words.
	maxOutput = 64 << 10
)

// errNoPoppler says what to install.
var errNoPoppler = fault.New(fault.Unavailable,
	"PDF documents need the programs pdftoppm and pdfinfo: install poppler (Debian: apt install poppler-utils) on the machine that runs the job")

// loadPDF downloads a PDF and draws its pages. The renderer is a program of its
// own, so that a hostile file can neither crash nor stall this one.
func (s *staging) loadPDF(ctx context.Context) error {
	file, err := s.download(ctx)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.library.cfg.DownloadTimeout)
	defer cancel()
	pages, err := s.countPages(ctx)
	if err != nil {
		return err
	}
	if pages > s.library.limits.Pages {
		return fault.New(fault.TooLarge, "the PDF has %d pages, more than %d", pages, s.library.limits.Pages)
	}
	stem := s.sourceStem()
	var images []Image
	for from := 1; from <= pages; from += pdfBatch {
		s.progress(int64(from-1), int64(pages))
		drawn, err := s.drawPages(ctx, from, min(from+pdfBatch-1, pages), stem)
		if err != nil {
			return err
		}
		images = append(images, drawn...)
	}
	if err := s.root.Remove(downloadFile); err != nil {
		return err
	}
	return s.finish(sorted(images))
}

var pagesLine = regexp.MustCompile(`(?m)^Pages:\s+(\d{1,9})\s*$`)

func (s *staging) countPages(ctx context.Context) (int, error) {
	text, err := s.poppler(ctx, "pdfinfo", downloadFile)
	if err != nil {
		return 0, err
	}
	line := pagesLine.FindSubmatch(text)
	if line == nil {
		return 0, fault.New(fault.Invalid, "the PDF does not say how many pages it has")
	}
	return strconv.Atoi(string(line[1]))
}

// drawPages draws the pages from … to as images/STEM_NNN.jpg.
func (s *staging) drawPages(ctx context.Context, from, to int, stem string) ([]Image, error) {
	const folder = ".pages"
	if err := errors.Join(s.root.RemoveAll(folder), s.root.Mkdir(folder, 0o755)); err != nil {
		return nil, err
	}
	_, err := s.poppler(ctx, "pdftoppm", "-q", "-r", pdfResolution, "-scale-to", pdfSide, "-jpeg", "-jpegopt", "quality="+strconv.Itoa(jpegQuality),
		"-forcenum", "-f", strconv.Itoa(from), "-l", strconv.Itoa(to), downloadFile, folder+"/page")
	if err != nil {
		return nil, err
	}
	drawn, err := fs.ReadDir(s.root.FS(), folder)
	if err != nil {
		return nil, err
	}
	var images []Image
	for _, entry := range drawn { // page-NNN.jpg
		_, digits, _ := strings.Cut(strings.TrimSuffix(entry.Name(), ".jpg"), "-")
		number, err := strconv.Atoi(digits)
		if err != nil {
			return nil, fmt.Errorf("read name of drawn page %s: %w", entry.Name(), err)
		}
		name := fmt.Sprintf("%s/%s_%03d.jpg", imagesDir, stem, number)
		if err := s.root.Rename(path.Join(folder, entry.Name()), name); err != nil {
			return nil, err
		}
		if err := s.count(name); err != nil {
			return nil, err
		}
		images = append(images, Image{ID: path.Base(name), Src: name, Path: name})
	}
	return images, s.root.Remove(folder)
}

// poppler runs one of its programs in the staging folder.
func (s *staging) poppler(ctx context.Context, program string, args ...string) ([]byte, error) {
	binary, err := exec.LookPath(program)
	if err != nil {
		return nil, errNoPoppler
	}
	limit, cancel := context.WithTimeout(ctx, pdfBatch*pdfPageTime)
	defer cancel()
	command := exec.CommandContext(limit, binary, args...) //nolint:gosec // a fixed program; the names are ours
	command.Dir = filepath.Join(s.library.root.Name(), filepath.FromSlash(stagedName(s.document.Type, s.document.UID)))
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + command.Dir, "LC_ALL=C.UTF-8"}
	command.WaitDelay = 5 * time.Second
	ownGroup(command)
	var said, complained clipped
	command.Stdout, command.Stderr = &said, &complained
	err = command.Run()
	switch {
	case err == nil:
		return said.Bytes(), nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limit.Err() != nil:
		return nil, fault.New(fault.TooLarge, "drawing %d pages of the PDF took longer than %s", pdfBatch, pdfBatch*pdfPageTime)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return nil, fmt.Errorf("run %s: %w", program, err)
	}
	lines := slices.Collect(strings.Lines(complained.String()))
	reason := "it gave no reason"
	if len(lines) > 0 {
		reason = strings.TrimSpace(lines[len(lines)-1])
	}
	return nil, fault.New(fault.Invalid, "the PDF cannot be read: %.200s", reason)
}

// clipped keeps the first bytes of an output and drops the rest.
type clipped struct{ bytes.Buffer }

func (c *clipped) Write(p []byte) (int, error) {
	c.Buffer.Write(p[:min(len(p), max(maxOutput-c.Len(), 0))])
	return len(p), nil
}
