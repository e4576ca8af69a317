package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joho/godotenv"
)

// Options say where Load looks. The zero value is what the server uses when
// the command line says nothing.
type Options struct {
	// File is the configuration file of --config. Defaults to GRANARY_CONFIG,
	// else granary.yaml in Dir, else granary.yaml in the data folder; only a
	// file that was named must exist.
	File string
	// EnvFile is the variables file of --env-file. Defaults to .env in Dir;
	// only a file that was named must exist.
	EnvFile string
	// Environ is the process environment. Defaults to os.Environ().
	Environ []string
	// Flags are values from the command line by key path, such as
	// "web.public_url". A flag that was not given is absent.
	Flags map[string]string
	// Dir is the folder that relative file names start from. Defaults to the
	// working directory.
	Dir string
}

const originDefault = "default"

// Origins remembers where the effective values come from.
type Origins struct {
	// Of holds, by key path, "default", "granary.yaml:12", "environment
	// GRANARY_LISTEN", ".env NACHET_DATA" or "flag --listen".
	Of map[string]string
	// Files lists the files that were read.
	Files []string
	// Warnings are lines for the operator about things that have no effect
	// or a surprising one; none of them stops the server.
	Warnings []string
}

// Set reports whether any source but the defaults set the key.
func (o Origins) Set(path string) bool {
	origin, ok := o.Of[path]
	return ok && origin != originDefault
}

// Load reads every source, merges them and checks the result. The error joins
// all problems found, each naming its key and origin; then Config is nil.
func Load(opts Options) (*Config, Origins, error) {
	if opts.Environ == nil {
		opts.Environ = os.Environ()
	}
	origins := Origins{Of: map[string]string{}}
	var problems []error
	layers, err := collect(opts, &origins)
	problems = append(problems, err...)

	merged := newLayer()
	known := keys()
	for _, l := range layers {
		problems = append(problems, l.unknown(known)...)
		problems = append(problems, l.readSecretFiles(opts.Dir)...)
		maps.Copy(merged.values, l.values)
		maps.Copy(merged.origins, l.origins)
	}

	cfg := &Config{}
	broken := map[string]bool{}
	for _, path := range slices.Sorted(maps.Keys(merged.values)) {
		k, ok := known[path]
		if !ok {
			continue // reported by its layer
		}
		origins.Of[path] = merged.origins[path]
		if err := decode(k.field(cfg), merged.values[path]); err != nil {
			if k.secret != "" {
				err = errors.New("the value cannot be used") // never quoted
			}
			problems = append(problems, fmt.Errorf("%s (%s): %w", path, merged.origins[path], err))
			broken[path] = true
		}
	}
	cfg.derive(&origins)
	problems = append(problems, cfg.problems(origins, broken)...)
	if len(problems) > 0 {
		return nil, origins, errors.Join(problems...)
	}
	return cfg, origins, nil
}

// collect reads the sources, weakest first.
func collect(opts Options, origins *Origins) ([]layer, []error) {
	var problems []error
	layers := []layer{fromDefaults()}

	dotenvPath, dotenv, err := readDotenv(opts)
	if err != nil {
		problems = append(problems, err)
	}
	if dotenv != nil {
		origins.Files = append(origins.Files, dotenvPath)
	}
	legacy, warnings, errs := fromLegacy(legacyVariables(dotenv, dotenvPath, opts.Environ))
	origins.Warnings = append(origins.Warnings, warnings...)
	problems = append(problems, errs...)
	layers = append(layers, legacy)
	legacy, warnings, errs = fromLegacyDemos(legacyDemoVariables(dotenv, dotenvPath, opts.Environ))
	origins.Warnings = append(origins.Warnings, warnings...)
	problems = append(problems, errs...)
	layers = append(layers, legacy)

	dotenvLayer, err := fromEnvironment(environOf(dotenv), dotenvPath)
	if err != nil {
		problems = append(problems, err)
	}
	environment, err := fromEnvironment(opts.Environ, "environment")
	if err != nil {
		problems = append(problems, err)
	}
	flags, err := fromFlags(opts.Flags)
	if err != nil {
		problems = append(problems, err)
	}

	path, err := findFile(opts, []layer{layers[0], dotenvLayer, environment, flags})
	if err != nil {
		problems = append(problems, err)
	}
	if path != "" {
		origins.Files = append(origins.Files, path)
		fileLayer, err := fromFile(path)
		if err != nil {
			problems = append(problems, err)
		}
		layers = append(layers, fileLayer)
	}
	return append(layers, dotenvLayer, environment, flags), problems
}

// readDotenv returns nil variables when there is no file.
func readDotenv(opts Options) (path string, variables map[string]string, err error) {
	path = opts.EnvFile
	if path == "" {
		path = filepath.Join(opts.Dir, ".env")
	}
	variables, err = godotenv.Read(path)
	if err == nil {
		return path, variables, nil
	}
	if opts.EnvFile == "" && errors.Is(err, os.ErrNotExist) {
		return path, nil, nil
	}
	var pathError *os.PathError
	if !errors.As(err, &pathError) {
		// The parser's text quotes the line, which may hold a secret.
		err = fmt.Errorf("%s: not lines of NAME=value", path)
	}
	return path, nil, err
}

func environOf(variables map[string]string) []string {
	environ := make([]string, 0, len(variables))
	for name, value := range variables {
		environ = append(environ, name+"="+value)
	}
	return environ
}

// findFile returns "" when no file was named and none is in a usual place.
func findFile(opts Options, before []layer) (string, error) {
	named := opts.File
	if named == "" {
		named = lookup(opts.Environ, configVariable)
	}
	if named != "" {
		if _, err := os.Stat(named); err != nil {
			return "", fmt.Errorf("configuration file: %w", err)
		}
		return named, nil
	}
	data := ""
	for _, l := range before {
		if value, ok := l.values["data"]; ok {
			data = fmt.Sprint(value)
		}
	}
	if !filepath.IsAbs(data) {
		data = filepath.Join(opts.Dir, data)
	}
	for _, path := range []string{filepath.Join(opts.Dir, "granary.yaml"), filepath.Join(data, "granary.yaml")} {
		_, err := os.Stat(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("configuration file: %w", err)
		}
	}
	return "", nil
}

func lookup(environ []string, name string) string {
	for _, entry := range environ {
		if key, value, _ := strings.Cut(entry, "="); key == name {
			return value
		}
	}
	return ""
}

// unknown reports keys that no field has.
func (l layer) unknown(known map[string]key) []error {
	var problems []error
	for _, path := range slices.Sorted(maps.Keys(l.values)) {
		if _, ok := known[path]; ok {
			continue
		}
		reason := "unknown key"
		if strings.HasPrefix(path, envPrefix) {
			reason = "unknown variable"
		}
		for name := range known {
			if strings.HasPrefix(name, path+".") {
				reason = "is a section, not a value"
			}
		}
		problems = append(problems, fmt.Errorf("%s (%s): %s", path, l.origins[path], reason))
	}
	return problems
}

// derive fills the defaults that depend on other keys.
func (c *Config) derive(origins *Origins) {
	fill := func(path string, field *string, value string) {
		if *field == "" {
			*field = value
			origins.Of[path] = originDefault
		}
	}
	fill("database.url", &c.Database.URL, "sqlite:"+filepath.Join(c.Data, "granary.db"))
	fill("blob.url", &c.Blob.URL, "file:"+filepath.Join(c.Data, "blobs"))
	fill("demos.folder", &c.Demos.Folder, filepath.Join(c.Data, "demos"))
	fill("secrets.key_file", &c.Secrets.KeyFile, filepath.Join(c.Data, "secret.key"))
	if c.Vision.Nachet.Environment == "local" && !origins.Set("vision.nachet.fallback_email") {
		fill("vision.nachet.fallback_email", &c.Vision.Nachet.FallbackEmail, "example@gmail.com")
	}
}
