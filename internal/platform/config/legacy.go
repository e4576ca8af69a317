package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// variable is one variable of the original backend.
type variable struct{ name, value, origin string }

// legacyVariables gathers the original backend's variables (vision
// specification section 6) from .env and the process environment, which wins,
// as it does there. PORT and DEV_USER_EMAIL have no prefix of their own, so
// they count only beside a NACHET_ variable. Empty values count as unset.
func legacyVariables(dotenv map[string]string, dotenvPath string, environ []string) map[string]variable {
	found := map[string]variable{}
	nachet := false
	note := func(name, value, where string) {
		if value == "" || !strings.HasPrefix(name, "NACHET_") && name != "PORT" && name != "DEV_USER_EMAIL" {
			return
		}
		nachet = nachet || strings.HasPrefix(name, "NACHET_")
		found[name] = variable{name: name, value: value, origin: where + " " + name}
	}
	for name, value := range dotenv {
		note(name, value, dotenvPath)
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		note(name, value, "environment")
	}
	if !nachet {
		return nil
	}
	return found
}

// translation collects what the variables mean in our keys.
type translation struct {
	layer
	vars     map[string]variable
	warnings []string
	problems []error
}

// fromLegacy translates the variables. The rows and blobs of the original are
// only named under vision.legacy, for `granary import nachet`; our own go to
// the same engines, but to the schema "granary" and the container "granary",
// so that both backends can run side by side and neither disturbs the other.
func fromLegacy(vars map[string]variable) (layer, []string, []error) {
	t := &translation{layer: newLayer(), vars: vars}
	if len(vars) == 0 {
		return t.layer, nil, nil
	}
	t.stores()
	t.pipelines()
	t.limits()
	t.frontEnd()
	t.move("DEV_USER_EMAIL", "vision.nachet.dev_user_email")
	t.move("NACHET_DATA", "vision.nachet.seed_data_url")
	t.move("NACHET_HEALTH_MESSAGE", "vision.nachet.health_message")
	if v, ok := t.take("PORT"); ok {
		t.set("listen", net.JoinHostPort("0.0.0.0", v.value), v.origin)
	}
	t.rest()
	return t.layer, t.warnings, t.problems
}

func (t *translation) take(name string) (variable, bool) {
	v, ok := t.vars[name]
	delete(t.vars, name)
	return v, ok
}

func (t *translation) move(name, path string) {
	if v, ok := t.take(name); ok {
		t.set(path, v.value, v.origin)
	}
}

func (t *translation) warn(v variable, text string) {
	t.warnings = append(t.warnings, v.origin+": "+text)
}

func (t *translation) stores() {
	schema, hasSchema := t.take("NACHET_SCHEMA")
	if hasSchema {
		t.set("vision.legacy.schema", schema.value, schema.origin)
	}
	if v, ok := t.take("NACHET_DB_URL"); ok {
		t.set("vision.legacy.database_url", v.value, v.origin)
		if own, err := withSearchPath(v.value, "granary"); err != nil {
			t.problems = append(t.problems, fmt.Errorf("database.url (%s): %w", v.origin, err))
		} else {
			t.set("database.url", own, v.origin)
		}
	}

	azure, hasAzure := t.take("NACHET_AZURE_STORAGE_CONNECTION_STRING")
	storage, hasStorage := t.take("NACHET_STORAGE_URL")
	account, hasAccount := t.take("NACHET_BLOB_ACCOUNT")
	secret, hasKey := t.take("NACHET_BLOB_KEY")
	switch {
	case hasAzure:
	case hasStorage:
		azure = storage
	case hasAccount && hasKey:
		azure = account
		azure.value = "DefaultEndpointsProtocol=https;AccountName=" + account.value +
			";AccountKey=" + secret.value + ";EndpointSuffix=core.windows.net"
	default:
		return
	}
	t.set("blob.url", azure.value, azure.origin)
	t.set("vision.legacy.connection_string", azure.value, azure.origin)
	if hasStorage && storage.value != azure.value {
		t.warn(storage, "not used; pictures of every user, the archive included, are read through NACHET_AZURE_STORAGE_CONNECTION_STRING")
	}
}

// withSearchPath returns a PostgreSQL URL whose connections use the schema.
func withSearchPath(raw, schema string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "", errors.New("not a database URL of the form postgresql://USER:PASSWORD@HOST/NAME") // never quoted: it holds a password
	}
	scheme, _, _ := strings.Cut(u.Scheme, "+") // SQLAlchemy's driver part
	u.Scheme = scheme
	query := u.Query()
	query.Del("options") // may set the original's search_path
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

var pipelineVersion = regexp.MustCompile(`^\d\.\d\.\d`)

func (t *translation) pipelines() {
	t.move("NACHET_BLOB_PIPELINE_NAME", "vision.legacy.pipeline_container")
	t.move("NACHET_BLOB_PIPELINE_DECRYPTION_KEY", "vision.pipelines.decryption_key")
	if v, ok := t.take("NACHET_BLOB_PIPELINE_VERSION"); ok {
		if !pipelineVersion.MatchString(v.value) {
			t.problems = append(t.problems, fmt.Errorf("Incorrect environment variable: PIPELINE_VERSION (%s: %q does not begin like 1.2.3)", v.origin, v.value)) //nolint:staticcheck // the original's text
			return
		}
		t.set("vision.legacy.pipeline_version", v.value, v.origin)
	}
}

func (t *translation) limits() {
	if v, ok := t.take("NACHET_MAX_CONTENT_LENGTH"); ok {
		if n, err := strconv.Atoi(v.value); err != nil || n < 1 {
			t.problems = append(t.problems, fmt.Errorf("vision.nachet.max_body_bytes (%s): %q is not a number of mebibytes", v.origin, v.value))
		} else {
			t.set("vision.nachet.max_body_bytes", v.value+"MiB", v.origin)
		}
	}

	// If either of the two is unset or bad, both revert to their defaults.
	extension, hasExtension := t.take("NACHET_VALID_EXTENSION")
	dimension, hasDimension := t.take("NACHET_VALID_DIMENSION")
	if !hasExtension && !hasDimension {
		return
	}
	var extensions []string
	var size struct{ Width, Height int }
	extensionErr := json.Unmarshal([]byte(extension.value), &extensions)
	dimensionErr := json.Unmarshal([]byte(dimension.value), &size)
	switch {
	case !hasExtension:
		t.warn(dimension, "no effect, because NACHET_VALID_EXTENSION is not set")
	case !hasDimension:
		t.warn(extension, "no effect, because NACHET_VALID_DIMENSION is not set")
	case extensionErr != nil || len(extensions) == 0:
		t.warn(extension, "no effect, nor has NACHET_VALID_DIMENSION: not a JSON list of picture types")
	case dimensionErr != nil || size.Width < 1 || size.Height < 1:
		t.warn(dimension, `no effect, nor has NACHET_VALID_EXTENSION: not JSON of the form {"width":1920,"height":1080}`)
	default:
		t.set("vision.nachet.valid_extensions", strings.Join(extensions, ","), extension.origin)
		t.set("vision.nachet.valid_width", size.Width, dimension.origin)
		t.set("vision.nachet.valid_height", size.Height, dimension.origin)
	}
}

func (t *translation) frontEnd() {
	environment, ok := t.take("NACHET_ENV")
	local := ok && environment.value == "local"
	if local {
		t.set("vision.nachet.environment", "local", environment.origin)
	}
	development, hasDevelopment := t.take("NACHET_FRONTEND_DEV_URL")
	public, hasPublic := t.take("NACHET_FRONTEND_PUBLIC_URL")
	switch {
	case local && hasDevelopment:
		t.set("vision.nachet.cors_origins", strings.TrimSuffix(development.value, "/"), development.origin)
	case !local && hasPublic:
		origins := strings.Split(public.value, ",")
		for i := range origins {
			origins[i] = strings.TrimSuffix(strings.TrimSpace(origins[i]), "/")
		}
		t.set("vision.nachet.cors_origins", strings.Join(origins, ","), public.origin)
	}
	if local && hasPublic {
		t.warn(public, "no effect, because NACHET_ENV is local")
	}
	if !local && hasDevelopment {
		t.warn(development, "no effect, because NACHET_ENV is not local")
	}
}

// rest reports what has no place here, by name.
func (t *translation) rest() {
	deprecated := map[string]bool{
		"NACHET_SUBSCRIPTION_ID": true, "NACHET_WORKSPACE": true,
		"NACHET_RESOURCE_GROUP": true, "NACHET_MODEL": true,
		"NACHET_MODEL_ENDPOINT_REST_URL": true, "NACHET_MODEL_ENDPOINT_ACCESS_KEY": true,
	}
	for _, name := range slices.Sorted(maps.Keys(t.vars)) {
		if deprecated[name] {
			t.warn(t.vars[name], "not used; describe the model in a pipeline file and list it in vision.pipelines.files")
		} else {
			t.warn(t.vars[name], "not known, so it has no effect")
		}
	}
}
