package pages

import (
	"net/http"

	"granary/internal/platform/fault"
	"granary/internal/vision"
)

// export streams the verified boxes as a file to download.
func (p *pages) export(w http.ResponseWriter, r *http.Request) error {
	format := vision.ExportFormat(r.PathValue("format"))
	var name, mediaType string
	switch format {
	case vision.COCO:
		name, mediaType = "granary-coco.json", "application/json"
	case vision.YOLO:
		name, mediaType = "granary-yolo.zip", "application/zip"
	case vision.CSV:
		name, mediaType = "granary-boxes.csv", "text/csv; charset=utf-8"
	default:
		return fault.New(fault.NotFound, "there is no export format %q", string(format))
	}
	out := &lateHeader{w: w, name: name, mediaType: mediaType}
	err := p.service.Export(r.Context(), format, out)
	if err != nil && out.started {
		// The status has gone out: breaking the connection tells the client
		// that the file is not whole.
		panic(http.ErrAbortHandler)
	}
	if err == nil && !out.started {
		_, err = out.Write(nil)
	}
	return err
}

// lateHeader announces the file with its first byte, so that an error before
// it still gets an error page.
type lateHeader struct {
	w               http.ResponseWriter
	name, mediaType string
	started         bool
}

func (h *lateHeader) Write(data []byte) (int, error) {
	if !h.started {
		h.started = true
		h.w.Header().Set("Content-Type", h.mediaType)
		h.w.Header().Set("Content-Disposition", `attachment; filename="`+h.name+`"`)
		h.w.Header().Set("Cache-Control", "no-store")
	}
	return h.w.Write(data)
}
