package demos

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"granary/internal/demos/manifest"
)

// Model is one model that a start request may name.
type Model struct {
	Stem string `json:"model"`
	Name string `json:"name"`
	Desc string `json:"desc"`
	// Date is when the file was changed last, ISO 8601; empty for built-ins.
	Date string `json:"date,omitempty"`
}

// maxSidecar bounds the file that describes a model.
const maxSidecar = 64 << 10

// Models lists an endpoint's models: the lab's own files first, by name, then
// the built-in ones. A file's sidecar STEM.json gives name and desc.
func (s *Service) Models(app *App, endpoint *manifest.Endpoint) ([]Model, error) {
	if endpoint.Models == nil {
		return []Model{}, nil
	}
	models, err := s.modelFiles(app, endpoint.Models)
	if err != nil {
		return nil, err
	}
	for _, builtin := range endpoint.Models.Builtin {
		i := slices.IndexFunc(models, func(m Model) bool { return m.Stem == builtin.Stem })
		if i < 0 {
			models = append(models, Model{Stem: builtin.Stem, Name: builtin.Name, Desc: builtin.Desc})
			continue
		}
		if models[i].Name == models[i].Stem {
			models[i].Name = builtin.Name
		}
		if models[i].Desc == "" {
			models[i].Desc = builtin.Desc
		}
	}
	return models, nil
}

func (s *Service) modelFiles(app *App, rule *manifest.Models) ([]Model, error) {
	models := []Model{}
	if rule.Folder == "" {
		return models, nil
	}
	root, err := os.OpenRoot(filepath.Join(s.cfg.Folder, app.Folder, filepath.FromSlash(rule.Folder)))
	if errors.Is(err, fs.ErrNotExist) {
		return models, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open models folder: %w", err)
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("read models folder: %w", err)
	}
	for _, entry := range entries {
		extension := filepath.Ext(entry.Name())
		info, err := entry.Info()
		if err != nil || entry.IsDir() || !slices.Contains(rule.Extensions, strings.ToLower(extension)) {
			continue
		}
		stem := strings.TrimSuffix(entry.Name(), extension)
		model := describe(root, stem)
		model.Date = info.ModTime().UTC().Format("2006-01-02")
		models = append(models, model)
	}
	return models, nil
}

// describe reads a model's sidecar; a damaged one is as good as none.
func describe(root *os.Root, stem string) Model {
	model := Model{Stem: stem, Name: stem}
	file, err := root.Open(stem + ".json")
	if err != nil {
		return model
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxSidecar))
	var sidecar struct{ Name, Desc string }
	if err != nil || json.Unmarshal(data, &sidecar) != nil {
		return model
	}
	if sidecar.Name != "" {
		model.Name = sidecar.Name
	}
	model.Desc = sidecar.Desc
	return model
}
