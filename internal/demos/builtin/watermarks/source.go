package watermarks

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"granary/internal/demos/builtin/descriptor"
	"granary/internal/demos/builtin/gallery"
	"granary/internal/demos/dataset"
	"granary/internal/demos/plane"
	"granary/internal/platform/fault"
)

// The files of a collection.
const (
	metadataFile = "metadata.json"
	indexFile    = "index.json"
	imagesFile   = "images.zip"
	featuresFile = "features.granary" // ours, made when it is first needed
)

// Bounds of a collection.
const (
	maxIndex      = 64 << 20
	maxMarks      = 20_000
	maxMarkBytes  = 40 << 20
	maxFlips      = 6
	maxSourceName = 200
)

// Mark is one picture of a collection; it lies in images.zip at Source/Name.
type Mark struct {
	Name   string `json:"name"`
	Source string `json:"source"`
	Page   any    `json:"page"`
}

// sourceIndex is index.json. Flips are names of transpositions; null is none.
type sourceIndex struct {
	Sources map[string]json.RawMessage `json:"sources"`
	Images  []Mark                     `json:"images"`
	Flips   []*string                  `json:"flips"`
}

// readIndex reads the text of index.json. Errors: fault.Invalid.
func readIndex(text []byte) (*sourceIndex, []plane.Turn, error) {
	index := &sourceIndex{}
	if err := json.Unmarshal(text, index); err != nil {
		return nil, nil, fault.New(fault.Invalid, "%s is damaged: %w", indexFile, err)
	}
	if len(index.Images) == 0 || len(index.Images) > maxMarks || len(index.Flips) > maxFlips {
		return nil, nil, fault.New(fault.Invalid, "%s lists %d pictures and %d flips; a collection has 1 to %d and at most %d",
			indexFile, len(index.Images), len(index.Flips), maxMarks, maxFlips)
	}
	var flips []plane.Turn
	for _, flip := range index.Flips {
		turn := plane.None
		if flip != nil && *flip != "" {
			var err error
			if turn, err = plane.ParseTurn(*flip); err != nil {
				return nil, nil, fault.New(fault.Invalid, "%s: %w", indexFile, err)
			}
		}
		flips = append(flips, turn)
	}
	if len(flips) == 0 {
		flips = []plane.Turn{plane.None}
	}
	return index, flips, nil
}

// source is an opened collection.
type source struct {
	flips      []plane.Turn
	collection *descriptor.Collection
}

// openSource opens the collection in a folder. Its marks are described at the
// first time, and again when its files have changed; progress tells how far
// that is and warn what could not be read. Errors: fault.NotFound, fault.Invalid.
func openSource(ctx context.Context, dir, tmp string, d *descriptor.Describer, progress func(done, total int), warn func(string)) (*source, error) {
	text, err := readBounded(filepath.Join(dir, indexFile), maxIndex)
	if err != nil {
		return nil, fault.New(fault.NotFound, "the collection %s has no readable %s", filepath.Base(dir), indexFile)
	}
	index, flips, err := readIndex(text)
	if err != nil {
		return nil, err
	}
	stamp, err := stampOf(dir)
	if err != nil {
		return nil, err
	}
	s := &source{flips: flips}
	if s.collection = readFeatures(dir, stamp, len(index.Images)); s.collection != nil {
		return s, nil
	}
	raw, err := describeMarks(ctx, filepath.Join(dir, imagesFile), tmp, index.Images, d, progress, warn)
	if err != nil {
		return nil, err
	}
	if s.collection, err = gallery.Collect(ctx, d, raw); err != nil {
		return nil, err
	}
	if err := writeFeatures(dir, stamp, s.collection); err != nil {
		warn("The collection's features could not be kept: " + fault.Message(err))
	}
	return s, nil
}

func readBounded(name string, limit int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fault.New(fault.TooLarge, "%s has more than %d bytes", filepath.Base(name), limit)
	}
	return data, err
}

// describeMarks returns the vectors of marks, one after the other; that of a
// mark that cannot be read is zero, which is like nothing.
func describeMarks(ctx context.Context, archive, tmp string, marks []Mark, d *descriptor.Describer, progress func(done, total int), warn func(string)) ([]float32, error) {
	files, err := zip.OpenReader(archive)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s cannot be read: %w", imagesFile, err)
	}
	defer files.Close()
	byName := make(map[string]*zip.File, len(files.File))
	for _, file := range files.File {
		byName[file.Name] = file
	}
	raw := make([]float32, len(marks)*descriptor.Size)
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, m := range marks {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			pixels, err := readMark(byName[m.Source+"/"+m.Name], tmp, i)
			if err != nil {
				warn(fmt.Sprintf("Mark %.100s of %.100s: %s", m.Name, m.Source, fault.Message(err)))
			} else {
				copy(raw[i*descriptor.Size:], feature(d, pixels))
			}
			progress(int(done.Add(1)), len(marks))
			return nil
		})
	}
	return raw, group.Wait()
}

// readMark unpacks a picture to a file of its own and decodes it, through the
// one gate that judges pictures.
func readMark(entry *zip.File, tmp string, number int) (g plane.Gray, err error) {
	if entry == nil {
		return g, fault.New(fault.NotFound, "not in %s", imagesFile)
	}
	in, err := entry.Open()
	if err != nil {
		return g, fault.New(fault.Invalid, "cannot be unpacked: %w", err)
	}
	defer in.Close()
	name := filepath.Join(tmp, fmt.Sprintf("mark-%d", number))
	out, err := os.Create(name)
	if err != nil {
		return g, fmt.Errorf("unpack mark: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(name)) }()
	size, err := io.Copy(out, io.LimitReader(in, maxMarkBytes+1))
	if err := errors.Join(err, out.Close()); err != nil {
		return g, fault.New(fault.Invalid, "cannot be unpacked: %w", err)
	}
	if size > maxMarkBytes {
		return g, fault.New(fault.TooLarge, "has more than %d bytes", maxMarkBytes)
	}
	pixels, err := dataset.Image{ID: entry.Name, File: name}.Decode()
	if err != nil {
		return g, err
	}
	return plane.From(pixels), nil
}

// sourceFolder returns the folder of a collection below the sources folder.
func sourceFolder(sources, uid string) (string, error) {
	dir := filepath.Join(sources, uid)
	if uid == "" || len(uid) > maxSourceName || strings.ContainsAny(uid, "/\\\x00") || strings.HasPrefix(uid, ".") {
		return "", fault.New(fault.NotFound, "Source UID not found")
	}
	if _, err := os.Stat(filepath.Join(dir, metadataFile)); err != nil {
		return "", fault.New(fault.NotFound, "Source UID not found")
	}
	return dir, nil
}
