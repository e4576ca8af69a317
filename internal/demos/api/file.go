package api

import (
	"io"
	"net/http"
	"strconv"

	"granary/internal/platform/web"
)

func (a *api) file(w http.ResponseWriter, r *http.Request) {
	content, err := a.demos.TaskFile(r.Context(), r.PathValue("id"), r.PathValue("path"))
	if err != nil {
		web.WriteProblem(w, r, err)
		return
	}
	defer content.Body.Close()
	w.Header().Set("Content-Type", content.MediaType)
	w.Header().Set("Content-Length", strconv.FormatInt(content.Size, 10))
	w.Header().Set("ETag", `"`+content.Digest+`"`)
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if _, err := io.Copy(w, content.Body); err != nil {
		web.LogError(r.Context(), err)
		panic(http.ErrAbortHandler) // a cut-off answer must not look whole
	}
}
