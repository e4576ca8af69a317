package nachet

import "net/http"

func (d *Door) getHealth(w http.ResponseWriter, _ *http.Request) {
	writeHTML(w, d.cfg.HealthMessage)
}

func (d *Door) getPing(w http.ResponseWriter, _ *http.Request) {
	writeHTML(w, "<!doctype html>\n<html lang=en>\n<title>Granary</title>\n<p>server is running</p>\n</html>\n")
}

func (d *Door) getVersion(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"version": d.cfg.Version})
}

func (d *Door) getReady(w http.ResponseWriter, r *http.Request) {
	if err := d.ready(r.Context()); err != nil {
		d.unavailable(w, r, "not ready", err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}

func writeHTML(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write([]byte(text))
}
