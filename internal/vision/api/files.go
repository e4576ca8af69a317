package api

import (
	"io"
	"net/http"
	"strconv"

	"granary/internal/platform/identity"
	"granary/internal/platform/web"
	"granary/internal/vision"
)

// files are the operations that answer a file instead of JSON.
func (a *api) files() []web.Route {
	return []web.Route{
		{
			Method: http.MethodGet, Path: "/api/v1/vision/pictures/{id}/file", Access: web.SignedIn, Scope: identity.ScopeRead,
			Summary: "A picture's file as it was uploaded", Response: &web.Body{MediaType: "application/octet-stream"},
			Handler: http.HandlerFunc(a.pictureFile),
		},
		{
			Method: http.MethodGet, Path: "/api/v1/vision/export/{format}", Access: web.SignedIn, Scope: identity.ScopeRead,
			Summary: "The verified boxes as coco, yolo or csv", Response: &web.Body{MediaType: "application/octet-stream"},
			Handler: http.HandlerFunc(a.export),
		},
	}
}

func (a *api) pictureFile(w http.ResponseWriter, r *http.Request) {
	picture, file, err := a.vision.OpenPicture(r.Context(), r.PathValue("id"))
	if err != nil {
		web.WriteProblem(w, r, err)
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", picture.MediaType)
	w.Header().Set("Content-Length", strconv.FormatInt(picture.SizeBytes, 10))
	w.Header().Set("ETag", `"`+picture.SHA256+`"`)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if _, err := io.Copy(w, file); err != nil {
		web.LogError(r.Context(), err)
		panic(http.ErrAbortHandler) // a cut-off answer must not look whole
	}
}

func (a *api) export(w http.ResponseWriter, r *http.Request) {
	format := vision.ExportFormat(r.PathValue("format"))
	types := map[vision.ExportFormat]string{vision.COCO: "application/json", vision.YOLO: "application/zip", vision.CSV: "text/csv; charset=utf-8"}
	extensions := map[vision.ExportFormat]string{vision.COCO: "json", vision.YOLO: "zip", vision.CSV: "csv"}
	out := &lazyFile{w: w, header: func() {
		w.Header().Set("Content-Type", types[format])
		w.Header().Set("Content-Disposition", `attachment; filename="verified-boxes.`+extensions[format]+`"`)
	}}
	if err := a.vision.Export(r.Context(), format, out); err != nil {
		if out.begun {
			web.LogError(r.Context(), err)
			panic(http.ErrAbortHandler)
		}
		web.WriteProblem(w, r, err)
	}
}

// lazyFile sets its headers with the first byte, so that an error before it
// can still be answered as one.
type lazyFile struct {
	w      http.ResponseWriter
	header func()
	begun  bool
}

// Write implements io.Writer.
func (f *lazyFile) Write(p []byte) (int, error) {
	if !f.begun {
		f.begun = true
		f.header()
	}
	return f.w.Write(p)
}
