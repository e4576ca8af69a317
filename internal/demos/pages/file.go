package pages

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"granary/internal/demos"
	"granary/internal/platform/web"
)

// publishedFile is a result's file.
type publishedFile = demos.File

func fileHref(taskID, name string) string { return taskHref(taskID) + "/files/" + escapePath(name) }

// sandbox lets a file that an app wrote do nothing in the browser but be
// looked at: a drawing may bring its own styles and pictures, no script.
const sandbox = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"

// file serves what a task has published.
func (p *pages) file(w http.ResponseWriter, r *http.Request) (err error) {
	content, err := p.service.TaskFile(r.Context(), r.PathValue("id"), r.PathValue("path"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, content.Body.Close()) }()
	header := w.Header()
	header.Set("Content-Security-Policy", sandbox)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Type", content.MediaType)
	header.Set("Cache-Control", "private, no-cache") // a later task may publish under the same name
	header.Set("ETag", `"`+content.Digest+`"`)
	header.Set("Content-Disposition", mime.FormatMediaType(disposition(content.MediaType), map[string]string{"filename": path.Base(content.Path)}))
	if r.Header.Get("If-None-Match") == header.Get("ETag") {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	header.Set("Content-Length", strconv.FormatInt(content.Size, 10))
	if _, err := io.Copy(w, content.Body); err != nil {
		web.LogError(r.Context(), err)
		panic(http.ErrAbortHandler) // a cut-off answer must not look whole
	}
	return nil
}

// disposition lets browsers show what is harmless to show.
func disposition(mediaType string) string {
	if strings.HasPrefix(mediaType, "image/") || strings.HasPrefix(mediaType, "application/json") {
		return "inline"
	}
	return "attachment"
}
