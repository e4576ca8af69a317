package config_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/config"
)

const connection = "DefaultEndpointsProtocol=https;AccountName=lab;AccountKey=canary-account;FileEndpoint=https://lab.file.example/;"

func TestLegacyVariables(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{".env": strings.Join([]string{
		`NACHET_AZURE_STORAGE_CONNECTION_STRING="` + connection + `"`,
		`NACHET_DATA=https://raw.example/data`,
		`NACHET_BLOB_PIPELINE_NAME=pipelines`,
		`NACHET_BLOB_PIPELINE_VERSION=0.1.4`,
		`NACHET_BLOB_PIPELINE_DECRYPTION_KEY=canary-fernet`,
		`NACHET_DB_URL="postgresql+psycopg://lab:canary-password@db.example:5432/nachet?options=-csearch_path%3Dx&sslmode=disable"`,
		`NACHET_SCHEMA=nachet_0.0.11`,
		`NACHET_STORAGE_URL=`,
		`DEV_USER_EMAIL=dev@example.org`,
		`NACHET_VALID_EXTENSION=["png","tiff"]`,
		`NACHET_VALID_DIMENSION='{"width": 800, "height": 600}'`,
		`NACHET_MAX_CONTENT_LENGTH=20`,
		`NACHET_FRONTEND_PUBLIC_URL="https://one.example, https://two.example:8443/"`,
		`NACHET_FRONTEND_DEV_URL=http://localhost:3000`,
		`NACHET_HEALTH_MESSAGE=fine`,
		`NACHET_SUBSCRIPTION_ID=x`,
		`NACHET_COFFEE=black`,
		`VITE_BACKEND_URL=/api`,
		`PORT=9999`,
	}, "\n")})
	cfg, origins := load(t, config.Options{Dir: dir, Environ: []string{"PORT=8081"}})

	want := &config.Config{}
	*want = *cfg // what is not listed here is at its default, as TestDefaults has it
	want.Listen = "0.0.0.0:8081"
	want.Database.URL = "postgresql://lab:canary-password@db.example:5432/nachet?search_path=granary&sslmode=disable"
	want.Blob = config.Blob{URL: connection, Container: "granary"}
	want.Vision.Pipelines.DecryptionKey = "canary-fernet"
	want.Vision.Legacy = config.Legacy{
		DatabaseURL:      "postgresql+psycopg://lab:canary-password@db.example:5432/nachet?options=-csearch_path%3Dx&sslmode=disable",
		Schema:           "nachet_0.0.11",
		ConnectionString: connection, PipelineContainer: "pipelines", PipelineVersion: "0.1.4",
	}
	n := &want.Vision.Nachet
	n.Environment, n.FallbackEmail, n.DevUserEmail = "production", "", "dev@example.org"
	n.CORSOrigins = []string{"https://one.example", "https://two.example:8443"}
	n.SeedDataURL, n.HealthMessage, n.MaxBodyBytes = "https://raw.example/data", "fine", 20<<20
	n.ValidExtensions, n.ValidWidth, n.ValidHeight = []string{"png", "tiff"}, 800, 600
	if diff := cmp.Diff(want, cfg); diff != "" {
		t.Errorf("translated (-want +got):\n%s", diff)
	}

	file := filepath.Join(dir, ".env")
	if got, want := origins.Of["blob.url"], file+" NACHET_AZURE_STORAGE_CONNECTION_STRING"; got != want {
		t.Errorf("origin of blob.url = %q, want %q", got, want)
	}
	if got, want := origins.Of["listen"], "environment PORT"; got != want {
		t.Errorf("origin of listen = %q, want %q", got, want)
	}
	wantWarnings := []string{
		file + " NACHET_FRONTEND_DEV_URL: no effect, because NACHET_ENV is not local",
		file + " NACHET_COFFEE: not known, so it has no effect",
		file + " NACHET_SUBSCRIPTION_ID: not used; describe the model in a pipeline file and list it in vision.pipelines.files",
	}
	if diff := cmp.Diff(wantWarnings, origins.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestLegacyLocalEnvironment(t *testing.T) {
	t.Parallel()
	environ := []string{"NACHET_ENV=local", "NACHET_FRONTEND_DEV_URL=http://localhost:3000", "NACHET_FRONTEND_PUBLIC_URL=https://one.example"}
	cfg, origins := load(t, config.Options{Dir: t.TempDir(), Environ: environ})
	n := cfg.Vision.Nachet
	if diff := cmp.Diff([]string{"http://localhost:3000"}, n.CORSOrigins); diff != "" {
		t.Errorf("cors_origins (-want +got):\n%s", diff)
	}
	if n.Environment != "local" || n.FallbackEmail != "example@gmail.com" {
		t.Errorf("environment, fallback = %q, %q, want local, example@gmail.com", n.Environment, n.FallbackEmail)
	}
	if len(origins.Warnings) != 1 || !strings.Contains(origins.Warnings[0], "NACHET_FRONTEND_PUBLIC_URL") {
		t.Errorf("warnings = %q, want one about NACHET_FRONTEND_PUBLIC_URL", origins.Warnings)
	}
	cfg, _ = load(t, config.Options{Dir: t.TempDir(), Environ: append(environ, "GRANARY_VISION_NACHET_FALLBACK_EMAIL=")})
	if got := cfg.Vision.Nachet.FallbackEmail; got != "" {
		t.Errorf("fallback_email = %q although it was switched off", got)
	}
}

func TestLegacyStorage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		environ  []string
		want     string
		warnings int
	}{
		"storage URL":        {[]string{"NACHET_STORAGE_URL=" + connection}, connection, 0},
		"account and key":    {[]string{"NACHET_BLOB_ACCOUNT=lab", "NACHET_BLOB_KEY=k"}, "DefaultEndpointsProtocol=https;AccountName=lab;AccountKey=k;EndpointSuffix=core.windows.net", 0},
		"emulator":           {[]string{"NACHET_AZURE_STORAGE_CONNECTION_STRING=UseDevelopmentStorage=true"}, "UseDevelopmentStorage=true", 0},
		"second account":     {[]string{"NACHET_AZURE_STORAGE_CONNECTION_STRING=" + connection, "NACHET_STORAGE_URL=AccountName=other;AccountKey=k"}, connection, 1},
		"same account twice": {[]string{"NACHET_AZURE_STORAGE_CONNECTION_STRING=" + connection, "NACHET_STORAGE_URL=" + connection}, connection, 0},
	} {
		cfg, origins := load(t, config.Options{Dir: t.TempDir(), Environ: test.environ})
		if cfg.Blob.URL != test.want || cfg.Vision.Legacy.ConnectionString != test.want {
			t.Errorf("%s: blob.url, legacy = %q, %q, want %q", name, cfg.Blob.URL, cfg.Vision.Legacy.ConnectionString, test.want)
		}
		if len(origins.Warnings) != test.warnings {
			t.Errorf("%s: warnings = %q, want %d", name, origins.Warnings, test.warnings)
		}
	}
}

func TestLegacyValidationRevertsTogether(t *testing.T) {
	t.Parallel()
	const extension, dimension = `NACHET_VALID_EXTENSION=["png"]`, `NACHET_VALID_DIMENSION={"width":8,"height":6}`
	for name, environ := range map[string][]string{
		"only extension": {extension}, "only dimension": {dimension},
		"bad extension": {"NACHET_VALID_EXTENSION=png", dimension}, "empty extension": {"NACHET_VALID_EXTENSION=[]", dimension},
		"bad dimension": {extension, "NACHET_VALID_DIMENSION=8x6"}, "zero dimension": {extension, `NACHET_VALID_DIMENSION={"width":8}`},
	} {
		cfg, origins := load(t, config.Options{Dir: t.TempDir(), Environ: environ})
		n := cfg.Vision.Nachet
		if n.ValidWidth != 1920 || n.ValidHeight != 1080 || !slices.Contains(n.ValidExtensions, "webp") {
			t.Errorf("%s: %d×%d %v, want the defaults", name, n.ValidWidth, n.ValidHeight, n.ValidExtensions)
		}
		if len(origins.Warnings) != 1 {
			t.Errorf("%s: warnings = %q, want one", name, origins.Warnings)
		}
	}
}

func TestLegacyProblems(t *testing.T) {
	t.Parallel()
	for environ, want := range map[string]string{
		"NACHET_BLOB_PIPELINE_VERSION=latest":                            "Incorrect environment variable: PIPELINE_VERSION",
		"NACHET_MAX_CONTENT_LENGTH=16MB":                                 `"16MB" is not a number of mebibytes`,
		"NACHET_DB_URL=canary-password":                                  "not a database URL of the form",
		"NACHET_AZURE_STORAGE_CONNECTION_STRING=canary-password":         "blob.url (environment NACHET_AZURE_STORAGE_CONNECTION_STRING): must begin with",
		"NACHET_FRONTEND_PUBLIC_URL=*":                                   `vision.nachet.cors_origins (environment NACHET_FRONTEND_PUBLIC_URL): "*" is not of the form`,
		"NACHET_DATA=/srv/data":                                          "vision.nachet.seed_data_url (environment NACHET_DATA): must begin with http",
		"NACHET_DB_URL=postgres://u:canary-password@h:port/n\x00invalid": "not a database URL of the form",
	} {
		_, _, err := config.Load(config.Options{Dir: t.TempDir(), Environ: []string{environ}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load with %s = %v, want %q", environ, err, want)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("Load quotes a secret: %v", err)
		}
	}
}

func TestPortAloneIsNotLegacy(t *testing.T) {
	t.Parallel()
	cfg, origins := load(t, config.Options{Dir: t.TempDir(), Environ: []string{"PORT=1", "DEV_USER_EMAIL=a@b"}})
	if cfg.Listen != "127.0.0.1:8080" || len(origins.Warnings) != 0 {
		t.Errorf("listen = %q, warnings = %q; want the default, none", cfg.Listen, origins.Warnings)
	}
}
