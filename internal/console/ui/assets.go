package ui

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// assets holds every static file under one digest of them all. One digest
// instead of one a file lets script modules import each other by relative
// path, and a page never mixes files of two releases.
type assets struct {
	digest string
	files  map[string][]byte
}

func loadAssets(own fs.FS, bundles []Bundle) (*assets, error) {
	a := &assets{files: map[string][]byte{}}
	if err := a.add(own, "assets", ""); err != nil {
		return nil, err
	}
	if err := a.add(own, "vendor/htmx", ""); err != nil {
		return nil, err
	}
	for _, b := range bundles {
		if _, err := fs.Stat(b.FS, "assets"); err != nil {
			continue // a bundle without assets
		}
		if err := a.add(b.FS, "assets", b.Name+"/"); err != nil {
			return nil, err
		}
	}
	names := make([]string, 0, len(a.files))
	for name := range a.files {
		names = append(names, name)
	}
	slices.Sort(names)
	sum := sha256.New()
	for _, name := range names {
		fmt.Fprintf(sum, "%s %d\n", name, len(a.files[name]))
		sum.Write(a.files[name])
	}
	a.digest = hex.EncodeToString(sum.Sum(nil))[:12]
	return a, nil
}

func (a *assets) add(from fs.FS, folder, prefix string) error {
	return fs.WalkDir(from, folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(from, name)
		if err != nil {
			return fmt.Errorf("read asset %s: %w", name, err)
		}
		a.files[prefix+strings.TrimPrefix(name, folder+"/")] = data
		return nil
	})
}

// Asset returns the address of a static file: "app.css", "vision/picture.js".
func (k *Kit) Asset(name string) (string, error) {
	if _, ok := k.assets.files[name]; !ok {
		return "", fmt.Errorf("no asset %q", name)
	}
	return Root + "/assets/" + k.assets.digest + "/" + name, nil
}

// AssetHandler serves GET /console/assets/{digest}/{name...}. The address
// names the content, so the answer never expires; another digest is not found.
func (k *Kit) AssetHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		data, ok := k.assets.files[name]
		if !ok || r.PathValue("digest") != k.assets.digest {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("ETag", `"`+k.assets.digest+`"`)
		if kind := contentType(name); kind != "" {
			h.Set("Content-Type", kind)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
}

// contentType answers for the few kinds served here without asking the
// operating system, whose table differs between machines.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}
