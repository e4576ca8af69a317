package front

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Picture is a file with the name under which documents list it.
type Picture struct {
	Name string
	Data []byte
	// Width and Height are in pixels.
	Width, Height int
}

// Archive serves the pictures as a zip below /media/datasets and returns its
// address.
func (f *Front) Archive(t testing.TB, name string, pictures ...Picture) string {
	t.Helper()
	return f.File("/media/datasets/"+name+".zip", "application/zip", Zip(t, pictures...))
}

// Zip packs pictures.
func Zip(t testing.TB, pictures ...Picture) []byte {
	t.Helper()
	var out bytes.Buffer
	writer := zip.NewWriter(&out)
	for _, picture := range pictures {
		entry, err := writer.Create(picture.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write(picture.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// File serves bytes at a path and returns the address.
func (f *Front) File(path, mediaType string, data []byte) string {
	f.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		_, _ = w.Write(data) // the server may break off
	})
	return f.URL + path
}

// Hang serves a path that sends nothing until the caller has gone.
func (f *Front) Hang(path string) (address string, asked <-chan struct{}) {
	signal := make(chan struct{}, 100)
	f.mux.HandleFunc("GET "+path, func(_ http.ResponseWriter, r *http.Request) {
		signal <- struct{}{}
		<-r.Context().Done()
	})
	return f.URL + path, signal
}

// Manifest serves the pictures as a IIIF Presentation 2.1 manifest with an
// image service each, and returns the manifest's address.
func (f *Front) Manifest(t testing.TB, name string, pictures ...Picture) string {
	t.Helper()
	var canvases []any
	for i, picture := range pictures {
		service := fmt.Sprintf("%s/iiif/image/%s-%d", f.URL, name, i+1)
		data := picture.Data
		f.mux.HandleFunc(fmt.Sprintf("GET /iiif/image/%s-%d/full/{size}/0/default.jpg", name, i+1), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/jpeg")
			_, _ = w.Write(data) // the server may break off
		})
		canvases = append(canvases, map[string]any{
			"@type": "sc:Canvas", "label": fmt.Sprintf("f. %d", i+1), "width": picture.Width, "height": picture.Height,
			"images": []any{map[string]any{"@type": "oa:Annotation", "resource": map[string]any{
				"@id": service + "/full/full/0/default.jpg", "width": picture.Width, "height": picture.Height,
				"service": map[string]any{"@id": service, "profile": "http://iiif.io/api/image/2/level2.json"},
			}}},
		})
	}
	return f.json(t, "/iiif/"+name+"/manifest.json", map[string]any{
		"@context": "http://iiif.io/api/presentation/2/context.json", "@type": "sc:Manifest", "label": name,
		"sequences": []any{map[string]any{"canvases": canvases}},
	})
}

// List serves the pictures as AIKON's list of addresses by stem, in order.
func (f *Front) List(t testing.TB, ref string, pictures ...Picture) string {
	t.Helper()
	var out strings.Builder
	for i, picture := range pictures {
		stem, _, _ := strings.Cut(picture.Name, ".")
		address := f.File("/media/"+ref+"/"+picture.Name, "image/jpeg", picture.Data)
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "%q:%q", stem, address)
	}
	return f.File("/aikon/"+ref+"/list", "application/json", []byte("{"+out.String()+"}"))
}

func (f *Front) json(t testing.TB, path string, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return f.File(path, "application/json", data)
}

// unpacked are the endings of entries that the demo front unpacks.
var unpacked = []string{".json", ".jpg", ".jpeg", ".png", ".gif", ".tiff"}

// imageIDs reads a document's download as the demo front does: images.json
// names the pictures, each of which must be among the entries.
func imageIDs(data []byte) (map[string]bool, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	entries := map[string]*zip.File{}
	for _, entry := range archive.File {
		if slices.ContainsFunc(unpacked, func(suffix string) bool { return strings.HasSuffix(entry.Name, suffix) }) {
			entries[entry.Name] = entry
		}
	}
	index, ok := entries["images.json"]
	if !ok {
		return nil, fmt.Errorf("the download has no images.json among %d entries", len(entries))
	}
	reader, err := index.Open()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	var images []struct{ ID, Path string }
	if err := json.NewDecoder(reader).Decode(&images); err != nil {
		return nil, fmt.Errorf("read images.json: %w", err)
	}
	ids := map[string]bool{}
	for _, image := range images {
		if entries[image.Path] == nil {
			return nil, fmt.Errorf("image %s is not in the download at %q", image.ID, image.Path)
		}
		ids[image.ID] = true
	}
	return ids, nil
}
