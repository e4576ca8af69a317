package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	koanfyaml "github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"
)

const (
	envPrefix = "GRANARY_"
	// configVariable names the file itself, so it is not a setting.
	configVariable = envPrefix + "CONFIG"
	// testPrefix marks variables that only tests read.
	testPrefix = envPrefix + "TEST_"
)

// layer is what one source says: raw values by path, and where each is from.
type layer struct {
	values  map[string]any
	origins map[string]string
}

func newLayer() layer { return layer{values: map[string]any{}, origins: map[string]string{}} }

func (l layer) set(path string, value any, origin string) {
	l.values[path], l.origins[path] = value, origin
}

// flatten copies koanf's leaves. A null, as a section whose keys are all
// commented out has, says nothing.
func (l layer) flatten(k *koanf.Koanf, origin func(path string) string) {
	for path, value := range k.All() {
		if section, isMap := value.(map[string]any); value != nil && (!isMap || len(section) > 0) {
			l.set(path, value, origin(path))
		}
	}
}

// fromFile reads a YAML file.
func fromFile(path string) (layer, error) {
	l := newLayer()
	k := koanf.New(".")
	if err := k.Load(file.Provider(path), koanfyaml.Parser()); err != nil {
		return l, fmt.Errorf("%s: %s", path, yamlDetail(err))
	}
	lines := map[string]int{}
	// The parse succeeded just now; without line numbers the origin is the
	// file alone.
	if raw, err := os.ReadFile(path); err == nil {
		var document yaml.Node
		if yaml.Unmarshal(raw, &document) == nil {
			findLines(&document, "", lines)
		}
	}
	l.flatten(k, func(key string) string {
		if line := lines[key]; line > 0 {
			return fmt.Sprintf("%s:%d", path, line)
		}
		return path
	})
	return l, nil
}

// findLines notes the line of every mapping key.
func findLines(node *yaml.Node, prefix string, lines map[string]int) {
	switch node.Kind {
	case yaml.DocumentNode:
		for _, child := range node.Content {
			findLines(child, prefix, lines)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			path := prefix + node.Content[i].Value
			lines[path] = node.Content[i].Line
			findLines(node.Content[i+1], path+".", lines)
		}
	}
}

// fromEnvironment reads the GRANARY_ variables of an environment. Names are
// matched against the known keys, because an underscore stands both for the
// dot between section and key and for itself.
func fromEnvironment(environ []string, where string) (layer, error) {
	l := newLayer()
	paths := map[string]string{}
	for path, k := range keys() {
		paths[k.variable()] = path
	}
	k := koanf.New(".")
	err := k.Load(env.Provider(".", env.Opt{
		Prefix:      envPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			if name == configVariable || strings.HasPrefix(name, testPrefix) {
				return "", nil
			}
			if path, ok := paths[name]; ok {
				return path, value
			}
			return name, value // reported as unknown by the merge
		},
	}), nil)
	if err != nil {
		return l, fmt.Errorf("%s: %w", where, err)
	}
	known := keys()
	l.flatten(k, func(path string) string {
		if key, ok := known[path]; ok {
			return where + " " + key.variable()
		}
		return where
	})
	return l, nil
}

// fromFlags reads what the command line set, by key path.
func fromFlags(flags map[string]string) (layer, error) {
	l := newLayer()
	values := make(map[string]any, len(flags))
	for path, value := range flags {
		values[path] = value
	}
	k := koanf.New(".")
	if err := k.Load(confmap.Provider(values, "."), nil); err != nil {
		return l, fmt.Errorf("flags: %w", err)
	}
	l.flatten(k, func(path string) string {
		return "flag --" + strings.ReplaceAll(path[strings.LastIndex(path, ".")+1:], "_", "-")
	})
	return l, nil
}

// fromDefaults reads the struct tags.
func fromDefaults() layer {
	l := newLayer()
	for path, k := range keys() {
		if k.fallback != "" {
			l.set(path, k.fallback, originDefault)
		}
	}
	return l
}

// readSecretFiles replaces each KEY_file of the layer by KEY with the file's
// content, less the line break at its end.
func (l layer) readSecretFiles(dir string) []error {
	var problems []error
	known := keys()
	for _, path := range slices.Sorted(maps.Keys(l.values)) {
		k := known[path]
		if k.fileOf == "" {
			continue
		}
		name, origin := fmt.Sprint(l.values[path]), l.origins[path]
		delete(l.values, path)
		if name == "" {
			continue
		}
		if _, both := l.values[k.fileOf]; both {
			problems = append(problems, fmt.Errorf("%s (%s): %s is set too; use one of them", path, origin, k.fileOf))
			continue
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s (%s): %w", path, origin, err))
			continue
		}
		l.set(k.fileOf, strings.TrimRight(string(raw), "\r\n"), fmt.Sprintf("file %s, %s", name, origin))
	}
	return problems
}
