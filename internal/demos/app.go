package demos

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"granary/internal/demos/manifest"
	"granary/internal/platform/fault"
)

// App is one installed app.
type App struct{ manifest.Manifest }

// Endpoint returns the endpoint of that path.
func (a *App) Endpoint(path string) (*manifest.Endpoint, bool) {
	for i := range a.Endpoints {
		if a.Endpoints[i].Path == path {
			return &a.Endpoints[i], true
		}
	}
	return nil, false
}

// JobKind is the kind of the app's jobs.
func (a *App) JobKind() string { return "demo_" + a.Name }

// LoadApps returns the apps of the given names, in that order: from folder
// (each app a folder of its own; empty for none) or else from the built-in
// manifests. An unknown name, a bad manifest or two apps that claim one name,
// queue or prefix is an error that names every problem.
func LoadApps(builtin fs.FS, folder string, names []string) ([]*App, error) {
	known, err := readApps(builtin, "")
	if err != nil {
		return nil, err
	}
	if folder != "" {
		own, err := readApps(os.DirFS(folder), folder)
		if err != nil {
			return nil, err
		}
		known = append(own, known...) // the lab's own app of a name wins
	}
	var apps []*App
	var errs []error
	for _, name := range names {
		i := slices.IndexFunc(known, func(a *App) bool { return a.Name == name || slices.Contains(a.Names, name) })
		switch {
		case i < 0:
			errs = append(errs, fmt.Errorf("demos.apps: there is no app %q", name))
		case !slices.Contains(apps, known[i]):
			apps = append(apps, known[i])
		}
	}
	return apps, errors.Join(append(errs, clashes(apps))...)
}

// readApps reads every manifest of a folder of apps.
func readApps(files fs.FS, dir string) ([]*App, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("apps folder: %w", err)
	}
	var apps []*App
	for _, entry := range entries {
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		data, err := fs.ReadFile(files, entry.Name()+"/"+manifest.FileName)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("app %s: %w", entry.Name(), err)
		}
		m, err := manifest.Read(data)
		if err != nil {
			return nil, fmt.Errorf("app %s: %w", entry.Name(), err)
		}
		if dir != "" {
			if m.Dir, err = filepath.Abs(filepath.Join(dir, entry.Name())); err != nil {
				return nil, fmt.Errorf("app %s: %w", entry.Name(), err)
			}
		}
		apps = append(apps, &App{Manifest: *m})
	}
	return apps, nil
}

// clashes reports what two apps both claim.
func clashes(apps []*App) error {
	var errs []error
	owner := map[string]string{}
	for _, app := range apps {
		claims := []string{"name " + app.Name, "queue " + app.Queue, "folder " + app.Folder}
		for _, prefix := range app.Prefixes {
			claims = append(claims, "prefix "+prefix)
		}
		for _, claim := range claims {
			if other, taken := owner[claim]; taken {
				errs = append(errs, fmt.Errorf("apps %s and %s share the %s", other, app.Name, claim))
			}
			owner[claim] = app.Name
		}
	}
	return errors.Join(errs...)
}

// Apps returns the installed apps, in the order of the configuration.
func (s *Service) Apps() []*App { return s.apps }

// App returns the installed app of that name.
func (s *Service) App(name string) (*App, error) {
	for _, app := range s.apps {
		if app.Name == name {
			return app, nil
		}
	}
	return nil, fault.New(fault.NotFound, "the app %s is not installed", name)
}
