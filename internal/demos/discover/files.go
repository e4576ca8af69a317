package discover

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"granary/internal/demos"
	"granary/internal/demos/dataset"
	"granary/internal/demos/manifest"
	"granary/internal/platform/fault"
	"granary/internal/platform/web"
)

func (d *Door) result(w http.ResponseWriter, r *http.Request, app *demos.App, e *manifest.Endpoint) error {
	content, err := d.demos.Result(r.Context(), app, e, r.PathValue("id"))
	if err != nil {
		return err
	}
	return d.send(w, r, content)
}

func (d *Door) source(w http.ResponseWriter, r *http.Request, app *demos.App) error {
	content, err := d.demos.SourceFile(r.Context(), app, r.PathValue("uid"), r.PathValue("file"))
	if err != nil {
		return err
	}
	return d.send(w, r, content)
}

// send answers a file, or tells nginx where it is. The body is closed.
func (d *Door) send(w http.ResponseWriter, r *http.Request, content demos.Content) (err error) {
	defer func() { err = errors.Join(err, content.Body.Close()) }()
	header := w.Header()
	header.Set("Content-Type", mediaType(content.MediaType))
	header.Set("X-Content-Type-Options", "nosniff")
	if d.cfg.AccelPrefix != "" {
		return d.accelerate(w, r, content)
	}
	header.Set("Content-Disposition", disposition("inline", path.Base(content.Path)))
	header.Set("Cache-Control", "no-cache") // a later task may publish under the same name
	if content.Digest != "" {
		header.Set("ETag", `"`+content.Digest+`"`)
	}
	if seeker, ok := content.Body.(io.ReadSeeker); ok {
		http.ServeContent(w, r, "", content.Modified, seeker)
		return nil
	}
	if unchanged(r, content) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	header.Set("Last-Modified", content.Modified.UTC().Format(http.TimeFormat))
	header.Set("Content-Length", strconv.FormatInt(content.Size, 10))
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(w, content.Body); err != nil {
		web.LogError(r.Context(), err)
		panic(http.ErrAbortHandler) // a cut-off answer must not look whole
	}
	return nil
}

// unchanged reports whether the client's copy is the same (RFC 9110 §13.1).
func unchanged(r *http.Request, content demos.Content) bool {
	if match := r.Header.Get("If-None-Match"); match != "" {
		return content.Digest != "" && (match == "*" || strings.Contains(match, `"`+content.Digest+`"`))
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	return err == nil && !content.Modified.Truncate(time.Second).After(since)
}

// accelerate leaves the bytes to nginx (X-Accel-Redirect), by a path below
// the folder that its location aliases.
func (d *Door) accelerate(w http.ResponseWriter, r *http.Request, content demos.Content) error {
	name, err := d.cfg.Accelerate(r.Context(), content)
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("X-Accel-Redirect", (&url.URL{Path: d.cfg.AccelPrefix + "/" + name}).EscapedPath()) // nginx reads an address
	header.Set("X-Accel-Buffering", "yes")
	header.Set("X-Accel-Charset", "utf-8")
	header.Set("Content-Disposition", disposition("attachment", path.Base(content.Path)))
	w.WriteHeader(http.StatusOK)
	return nil
}

// mediaType is the type that clients compare as a whole where it is JSON.
func mediaType(kind string) string {
	if base, _, err := mime.ParseMediaType(kind); err == nil && base == "application/json" {
		return base
	}
	return kind
}

func disposition(kind, name string) string {
	if text := mime.FormatMediaType(kind, map[string]string{"filename": name}); text != "" {
		return text
	}
	return kind
}

// documentEntry is a document with the addresses under which it is served.
type documentEntry struct {
	UID      string `json:"uid"`
	Type     string `json:"type"`
	Src      string `json:"src"`
	URL      string `json:"url"`
	Download string `json:"download"`
}

func entry(base string, document dataset.Document) documentEntry {
	address := base + "/datasets/document/" + document.Type + "/" + document.UID
	return documentEntry{document.UID, document.Type, document.Src, address, address + "/download"}
}

func (d *Door) base(r *http.Request) string {
	if base := d.demos.PublicURL(); base != "" {
		return base
	}
	return baseURL(r)
}

func (d *Door) dataset(r *http.Request) (any, error) {
	uid := r.PathValue("uid")
	documents, err := d.demos.Dataset(r.Context(), uid)
	if err != nil {
		return nil, err
	}
	base := d.base(r)
	entries := make([]documentEntry, len(documents))
	for i, document := range documents {
		entries[i] = entry(base, document)
	}
	return map[string]any{"uid": uid, "url": base + "/datasets/dataset/" + uid, "documents": entries}, nil
}

// document answers the three routes below a document: download as the last
// segment wins, else the last of several segments names an annotation file.
func (d *Door) document(w http.ResponseWriter, r *http.Request) error {
	kind, rest := r.PathValue("type"), strings.TrimSuffix(r.PathValue("rest"), "/")
	uid, last := rest, ""
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		uid, last = rest[:i], rest[i+1:]
	}
	switch last {
	case "":
		document, err := d.demos.Document(r.Context(), kind, uid)
		if err != nil {
			return err
		}
		writeJSON(w, http.StatusOK, entry(d.base(r), document))
		return nil
	case "download":
		return d.download(w, r, kind, uid)
	}
	content, err := d.demos.Open(r.Context(), "shared/documents/"+kind+"/"+uid+"/annotations/"+last+".json")
	if err != nil {
		return err
	}
	return d.send(w, r, content)
}

// download streams a document's pictures.
func (d *Door) download(w http.ResponseWriter, r *http.Request, kind, uid string) error {
	folder, err := d.demos.Folder(r.Context(), kind, uid)
	if err != nil {
		return err
	}
	images, err := folder.Images()
	if err != nil {
		return err
	}
	if len(images) == 0 {
		return fault.New(fault.NotFound, "No images found for document %s", uid)
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", disposition("attachment", uid+".zip"))
	if r.Method == http.MethodHead {
		return nil
	}
	if err := folder.WriteZip(r.Context(), w); err != nil {
		web.LogError(r.Context(), fmt.Errorf("stream document: %w", err))
		panic(http.ErrAbortHandler)
	}
	return nil
}
