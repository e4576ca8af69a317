package ui

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

//go:embed templates messages assets vendor/htmx/htmx.min.js
var own embed.FS

// Root is where the console lives; every page and asset is below it.
const Root = "/console"

// Bundle is what one package adds to the console.
type Bundle struct {
	// Name prefixes the bundle's pages ("vision/folder") and asset folder.
	Name string
	// FS holds templates/*.html (one page each; a leading underscore marks
	// partials shared by the bundle's pages), messages/en.json and fr.json, and
	// optionally assets/.
	FS fs.FS
	// Nav is the bundle's groups in the rail, in order.
	Nav []NavGroup
	// Results says where what a job of a kind works on, and then its result, is
	// to be seen; {job} in the address stands for the job's id.
	Results map[string]NavItem
	// Errors are texts for errors that pages may show; the first match counts.
	Errors []ErrorText
}

// NavGroup is a headed list of links in the rail. The heading is a message key.
type NavGroup struct {
	Heading string
	Items   []NavItem
}

// NavItem is one link of the rail.
type NavItem struct {
	// ID is compared with Page.Active.
	ID string
	// Text is a message key.
	Text string
	Href string
	Icon string
	// Needs hides the link from lesser roles: "" (everyone signed in),
	// "steward" or "admin". The routes themselves are guarded by their access.
	Needs string
}

// Config tunes a Kit.
type Config struct {
	// Logger receives template errors. Required.
	Logger *slog.Logger
	// Version is shown in the rail's foot.
	Version string
	// Now is the clock for relative times. Defaults to time.Now.
	Now func() time.Time
}

// Kit renders the console. Safe for concurrent use.
type Kit struct {
	cfg     Config
	nav     []NavGroup
	results map[string]NavItem
	errors  []ErrorText
	locales map[string]*Locale
	// pages is by language, then by page name such as "vision/folder".
	pages  map[string]map[string]*template.Template
	assets *assets
}

// New parses every bundle. An unknown message key is found by the bundles'
// tests (see package uitest), a broken template here.
func New(cfg Config, bundles ...Bundle) (*Kit, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	k := &Kit{cfg: cfg, pages: map[string]map[string]*template.Template{}, results: map[string]NavItem{}}
	for _, b := range bundles {
		k.nav = append(k.nav, b.Nav...)
		maps.Copy(k.results, b.Results)
		k.errors = append(k.errors, b.Errors...)
	}
	var err error
	if k.assets, err = loadAssets(own, bundles); err != nil {
		return nil, err
	}
	icons, err := loadIcons(own)
	if err != nil {
		return nil, err
	}
	all := append([]Bundle{{Name: "ui", FS: own}}, bundles...)
	if k.locales, err = loadLocales(all); err != nil {
		return nil, err
	}
	for language, locale := range k.locales {
		base, err := template.New("base").Funcs(k.funcs(locale, icons)).ParseFS(own, "templates/*.html")
		if err != nil {
			return nil, fmt.Errorf("parse layout: %w", err)
		}
		pages := map[string]*template.Template{}
		for _, b := range bundles {
			if err := parsePages(base, b, pages); err != nil {
				return nil, err
			}
		}
		k.pages[language] = pages
	}
	return k, nil
}

func parsePages(base *template.Template, b Bundle, into map[string]*template.Template) error {
	files, err := fs.Glob(b.FS, "templates/*.html")
	if err != nil {
		return fmt.Errorf("list templates of %s: %w", b.Name, err)
	}
	partials := slices.DeleteFunc(slices.Clone(files), func(f string) bool { return !isPartial(f) })
	for _, file := range files {
		if isPartial(file) {
			continue
		}
		t, err := base.Clone()
		if err != nil {
			return fmt.Errorf("clone layout: %w", err)
		}
		if t, err = t.ParseFS(b.FS, append(slices.Clone(partials), file)...); err != nil {
			return fmt.Errorf("parse %s of %s: %w", file, b.Name, err)
		}
		into[b.Name+"/"+strings.TrimSuffix(path.Base(file), ".html")] = t
	}
	return nil
}

func isPartial(file string) bool { return strings.HasPrefix(path.Base(file), "_") }
