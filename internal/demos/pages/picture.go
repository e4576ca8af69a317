package pages

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"image"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"granary/internal/console/thumbnail"
	"granary/internal/console/ui"
	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
)

// maxPicture bounds a picture that is read to be shown.
const maxPicture = 64 << 20

// shown is a picture as pages show it.
type shown struct {
	Name string
	// Address serves the picture itself.
	Address string
}

// Small and Large are the addresses of thumbnails.
func (s shown) Small() string { return ui.WithQuery(s.Address, "size", strconv.Itoa(thumbnail.Small)) }

// Large is for dense screens.
func (s shown) Large() string { return ui.WithQuery(s.Address, "size", strconv.Itoa(thumbnail.Large)) }

// shown finds the picture of a document, or the part of one that a crop is.
func (w *work) shown(kind, uid string, picture dataset.Image) shown {
	out := shown{Name: picture.ID}
	crop, _ := picture.Metadata["crop"].(string) // only crops have it
	file := picture.Path
	if crop != "" {
		file = w.cropped(kind, uid, picture.Src)
	}
	out.Address = root + "/pictures/" + url.PathEscape(kind) + "/" + url.PathEscape(uid) + "/" + escapePath(file)
	if crop != "" {
		out.Address = ui.WithQuery(out.Address, "crop", crop)
	}
	return out
}

// cropped is the path of the picture that a crop was cut out of: it has the
// same source.
func (w *work) cropped(kind, uid, src string) string {
	key := kind + "/" + uid
	if w.sources == nil {
		w.sources = map[string]map[string]string{}
	}
	if w.sources[key] == nil {
		w.sources[key] = map[string]string{}
		images, err := w.images(kind, uid)
		if err != nil {
			return "" // its pictures are gone; the page shows the rest
		}
		for _, one := range images {
			w.sources[key][one.Src] = one.Path
		}
	}
	return w.sources[key][src]
}

func (w *work) images(kind, uid string) ([]dataset.Image, error) {
	folder, err := w.service.Folder(w.request.Context(), kind, uid)
	if err != nil {
		return nil, err
	}
	return folder.Images()
}

// escapePath escapes the parts of a path, not its slashes.
func escapePath(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

func noPicture() error { return fault.New(fault.NotFound, "there is no such picture") }

// picture serves a picture of a document.
func (p *pages) picture(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("path")
	if !strings.HasPrefix(name, "images/") || !filepath.IsLocal(name) || path.Clean(name) != name {
		return noPicture()
	}
	folder, err := p.service.Folder(r.Context(), r.PathValue("type"), r.PathValue("uid"))
	if err != nil {
		return err
	}
	dir, err := os.OpenRoot(folder.Dir)
	if err != nil {
		return noPicture()
	}
	defer dir.Close()
	info, err := dir.Stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxPicture {
		return noPicture()
	}
	key := fmt.Sprintf("%s/%s/%s/%d.%d", folder.Type, folder.UID, name, info.Size(), info.ModTime().UnixNano())
	return p.serve(w, r, key, thumbnail.Revalidate, func(context.Context) ([]byte, error) { return dir.ReadFile(name) })
}

// upload serves the picture that a task was started with.
func (p *pages) upload(w http.ResponseWriter, r *http.Request) error {
	task, err := p.service.Task(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return p.serve(w, r, task.ID+"/upload", thumbnail.Forever, func(ctx context.Context) ([]byte, error) {
		return p.service.Upload(ctx, task)
	})
}

// sourcePicture serves a picture of a collection.
func (p *pages) sourcePicture(w http.ResponseWriter, r *http.Request) error {
	app, err := p.service.App(r.PathValue("app"))
	if err != nil {
		return err
	}
	content, err := p.service.SourceFile(r.Context(), app, r.PathValue("uid"), "images.zip")
	if err != nil {
		return err
	}
	defer content.Body.Close()
	file, ok := content.Body.(io.ReaderAt)
	if !ok {
		return noPicture()
	}
	name := r.PathValue("entry")
	key := fmt.Sprintf("%s/%d/%s", content.Path, content.Modified.UnixNano(), name)
	return p.serve(w, r, key, thumbnail.Revalidate, func(context.Context) ([]byte, error) {
		archive, err := zip.NewReader(file, content.Size)
		if err != nil {
			return nil, fault.New(fault.Invalid, "the collection cannot be read: %w", err)
		}
		return readEntry(archive, name)
	})
}

// serve answers a picture, or a part of it, at the size that the address asks
// for; without a size as it is.
func (p *pages) serve(w http.ResponseWriter, r *http.Request, key, keeping string, read func(context.Context) ([]byte, error)) error {
	q := r.URL.Query()
	key += "?" + q.Get("size") + "&" + q.Get("crop")
	if thumbnail.Unchanged(w, r, thumbnail.Digest(key), keeping) {
		return nil
	}
	if !q.Has("size") && !q.Has("crop") {
		data, err := read(r.Context())
		if err != nil {
			return err
		}
		header, err := p.cfg.Gate.Inspect(data)
		if err != nil {
			return err
		}
		thumbnail.Serve(w, r, header.MediaType(), data)
		return nil
	}
	size := thumbnail.View
	if q.Has("size") {
		var err error
		if size, err = thumbnail.Size(r); err != nil {
			return err
		}
	}
	corners, err := readCrop(q.Get("crop"))
	if err != nil {
		return err
	}
	data, err := p.thumbs.Get(r.Context(), key, func(ctx context.Context) ([]byte, error) {
		data, err := read(ctx)
		if err != nil {
			return nil, err
		}
		picture, err := p.cfg.Gate.Open(data)
		if err != nil {
			return nil, err
		}
		if corners != nil {
			width, height := float64(picture.Header.Width), float64(picture.Header.Height)
			if picture, err = picture.Crop(image.Rect(
				int(corners[0]*width), int(corners[1]*height), int(corners[2]*width), int(corners[3]*height),
			)); err != nil {
				return nil, err
			}
		}
		return picture.Thumbnail(size)
	})
	if err != nil {
		return err
	}
	thumbnail.Serve(w, r, "image/jpeg", bytes.Clone(data))
	return nil
}

// readCrop reads x1,y1,x2,y2 in shares of a picture's sides; nil for none.
func readCrop(text string) ([]float64, error) {
	if text == "" {
		return nil, nil
	}
	var out []float64
	for part := range strings.SplitSeq(text, ",") {
		value, err := strconv.ParseFloat(part, 64)
		if err != nil || !(value >= 0 && value <= 1) {
			return nil, fault.New(fault.Invalid, "a part of a picture is x1,y1,x2,y2, each from 0 to 1")
		}
		out = append(out, value)
	}
	if len(out) != 4 {
		return nil, fault.New(fault.Invalid, "a part of a picture is x1,y1,x2,y2, each from 0 to 1")
	}
	return out, nil
}
