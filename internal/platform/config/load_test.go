package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/config"
)

// folder is a working directory with the given files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t *testing.T, opts config.Options) (*config.Config, config.Origins) {
	t.Helper()
	if opts.Environ == nil {
		opts.Environ = []string{}
	}
	cfg, origins, err := config.Load(opts)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return cfg, origins
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	cfg, origins := load(t, config.Options{Dir: t.TempDir()})
	want := map[string]any{
		"database": "sqlite:granary-data/granary.db", "blob": "file:granary-data/blobs",
		"key": "granary-data/secret.key", "listen": "127.0.0.1:8080", "drain": 20 * time.Second,
		"pixels": int64(64_000_000), "file": config.Bytes(40 << 20), "body": config.Bytes(16 << 20),
		"prefixes": []string{"/", "/api"}, "services": []string{"vision", "demos"}, "fallback": "",
	}
	got := map[string]any{
		"database": cfg.Database.URL, "blob": cfg.Blob.URL,
		"key": cfg.Secrets.KeyFile, "listen": cfg.Listen, "drain": cfg.Web.DrainTimeout,
		"pixels": cfg.Vision.MaxPixels, "file": cfg.Vision.MaxFileBytes, "body": cfg.Vision.Nachet.MaxBodyBytes,
		"prefixes": cfg.Vision.Nachet.Prefixes, "services": cfg.Services, "fallback": cfg.Vision.Nachet.FallbackEmail,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if origin := origins.Of["database.url"]; origin != "default" || origins.Set("database.url") {
		t.Errorf("origin of database.url = %q, want default", origin)
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"granary.yaml": "listen: 127.0.0.1:1\nweb:\n  max_body_bytes: 1MiB\n  rate_burst: 7\n  idle_timeout: 9s\ntelemetry:\n",
		".env":         "GRANARY_WEB_RATE_BURST=8\nGRANARY_WEB_IDLE_TIMEOUT=8s\nNACHET_MAX_CONTENT_LENGTH=3\nNACHET_HEALTH_MESSAGE=fine\nUNRELATED=1\n",
	})
	cfg, origins := load(t, config.Options{
		Dir:     dir,
		Environ: []string{"GRANARY_WEB_IDLE_TIMEOUT=7s", "GRANARY_JOBS_SLOTS=3", "GRANARY_TEST_POSTGRES=x", "HOME=/root"},
		Flags:   map[string]string{"jobs.slots": "5"},
	})
	type row struct {
		Value  any
		Origin string
	}
	got := map[string]row{
		"listen":                       {cfg.Listen, origins.Of["listen"]},
		"web.rate_burst":               {cfg.Web.RateBurst, origins.Of["web.rate_burst"]},
		"web.idle_timeout":             {cfg.Web.IdleTimeout, origins.Of["web.idle_timeout"]},
		"jobs.slots":                   {cfg.Jobs.Slots, origins.Of["jobs.slots"]},
		"vision.nachet.max_body_bytes": {cfg.Vision.Nachet.MaxBodyBytes, origins.Of["vision.nachet.max_body_bytes"]},
		"telemetry.log_level":          {cfg.Telemetry.LogLevel, origins.Of["telemetry.log_level"]},
	}
	file, dotenv := filepath.Join(dir, "granary.yaml"), filepath.Join(dir, ".env")
	want := map[string]row{
		"listen":                       {"127.0.0.1:1", file + ":1"},
		"web.rate_burst":               {8, dotenv + " GRANARY_WEB_RATE_BURST"},
		"web.idle_timeout":             {7 * time.Second, "environment GRANARY_WEB_IDLE_TIMEOUT"},
		"jobs.slots":                   {5, "flag --slots"},
		"vision.nachet.max_body_bytes": {config.Bytes(3 << 20), dotenv + " NACHET_MAX_CONTENT_LENGTH"},
		"telemetry.log_level":          {"info", "default"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{dotenv, file}, origins.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestFileIsFound(t *testing.T) {
	t.Parallel()
	elsewhere := folder(t, map[string]string{"other.yaml": "jobs: {slots: 1}", "granary.yaml": "jobs: {slots: 2}"})
	dir := folder(t, map[string]string{"data/granary.yaml": "jobs: {slots: 3}"})
	for name, test := range map[string]struct {
		opts config.Options
		want int
	}{
		"named":                {config.Options{Dir: dir, File: filepath.Join(elsewhere, "other.yaml")}, 1},
		"named by variable":    {config.Options{Dir: dir, Environ: []string{"GRANARY_CONFIG=" + filepath.Join(elsewhere, "other.yaml")}}, 1},
		"working directory":    {config.Options{Dir: elsewhere}, 2},
		"data folder by flag":  {config.Options{Dir: t.TempDir(), Flags: map[string]string{"data": filepath.Join(dir, "data")}}, 3},
		"data folder relative": {config.Options{Dir: dir, Environ: []string{"GRANARY_DATA=data"}}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if cfg, _ := load(t, test.opts); cfg.Jobs.Slots != test.want {
				t.Errorf("jobs.slots = %d, want %d", cfg.Jobs.Slots, test.want)
			}
		})
	}
}

func TestProblemsAreReportedTogether(t *testing.T) {
	t.Parallel()
	const secret = "canary-5e1f"
	dir := folder(t, map[string]string{
		"granary.yaml": strings.Join([]string{
			"listen: nowhere", "colour: blue", "database: {url: oracle://" + secret + "@x, max_conns: 0}",
			"web:", "  rate_burst: many", "  public_url: lab.example.org", "  header_timeout: 5",
			"  trusted_proxies: [10.0.0.0/33]", "  tls: {cert_file: a.pem}",
			"telemetry: loud", "services: [visions]", "jobs: {slots: 1.5}",
			"secrets: {key: " + secret + "}", "listeners: [{address: '127.0.0.1:1', door: x}]",
		}, "\n"),
		"both": "x",
	})
	_, _, err := config.Load(config.Options{
		Dir:     dir,
		Environ: []string{"GRANARY_WEB_MAX_BODY=1", "GRANARY_IDENTITY_VOUCH_SECRET_FILE=missing", "GRANARY_BLOB_URL=file:x", "GRANARY_BLOB_URL_FILE=both", "NACHET_BLOB_PIPELINE_VERSION=abc"},
		Flags:   map[string]string{"identity.session_idle": "9000h", "web.cors_origins": "*"},
	})
	if err == nil {
		t.Fatal("Load succeeded")
	}
	file := filepath.Join(dir, "granary.yaml")
	for _, want := range []string{
		`listen (` + file + `:1): "nowhere" is not an address such as 127.0.0.1:8080`,
		`colour (` + file + `:2): unknown key`,
		`database.url (` + file + `:3): must begin with sqlite: or postgres://`,
		`database.max_conns (` + file + `:3): must be at least 1`,
		`web.rate_burst (` + file + `:5): "many" is not a whole number`,
		`web.public_url (` + file + `:6): "lab.example.org" is not of the form`,
		`web.header_timeout (` + file + `:7): 5 is not a duration such as 30s or 12h`,
		`web.trusted_proxies (` + file + `:8): "10.0.0.0/33" is neither`,
		`web.tls.cert_file (` + file + `:9): cert_file and key_file are needed together`,
		`telemetry (` + file + `:10): is a section, not a value`,
		`services (` + file + `:11): "visions" is not one of vision`,
		`jobs.slots (` + file + `:12): 1.5 is not a whole number`,
		`secrets.key (` + file + `:13): a sealing key is 32 bytes in base64`,
		`listeners (` + file + `:14): not a list of listeners: field door not found`,
		`GRANARY_WEB_MAX_BODY (environment): unknown variable`,
		`identity.vouch.secret_file (environment GRANARY_IDENTITY_VOUCH_SECRET_FILE): open `,
		`blob.url_file (environment GRANARY_BLOB_URL_FILE): blob.url is set too; use one of them`,
		`Incorrect environment variable: PIPELINE_VERSION`,
		`identity.session_absolute (default): must be at least identity.session_idle`,
		`web.cors_origins (flag --cors-origins): "*" is not of the form`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("problems lack %q", want)
		}
	}
	if strings.Contains(err.Error(), secret) {
		t.Error("problems quote a secret")
	}
	if t.Failed() {
		t.Logf("problems:\n%v", err)
	}
}

func TestUnreadableFiles(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"bad.yaml": "web: [", "twice.yaml": "listen: a\nlisten: b\n", "bad.env": "not a variable\n"})
	for name, test := range map[string]struct {
		opts config.Options
		want string
	}{
		"missing file":     {config.Options{File: filepath.Join(dir, "none.yaml")}, "none.yaml: no such file"},
		"missing env file": {config.Options{EnvFile: filepath.Join(dir, "none.env")}, "none.env: no such file"},
		"not yaml":         {config.Options{File: filepath.Join(dir, "bad.yaml")}, "bad.yaml: line 1"},
		"key twice":        {config.Options{File: filepath.Join(dir, "twice.yaml")}, `"listen" already defined`},
		"not variables":    {config.Options{EnvFile: filepath.Join(dir, "bad.env")}, "bad.env: not lines of NAME=value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.opts.Dir, test.opts.Environ = t.TempDir(), []string{}
			_, _, err := config.Load(test.opts)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Load = %v, want %q", err, test.want)
			}
		})
	}
}

func TestSecretFromFile(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"db": "postgres://u:p@h/n\n", "vouch": " spaces count \r\n"})
	cfg, origins := load(t, config.Options{
		Dir:     dir,
		Environ: []string{"GRANARY_DATABASE_URL_FILE=db", "GRANARY_IDENTITY_VOUCH_SECRET_FILE=" + filepath.Join(dir, "vouch")},
	})
	if got, want := cfg.Database.URL, "postgres://u:p@h/n"; got != want {
		t.Errorf("database.url = %q, want %q", got, want)
	}
	if got, want := cfg.Identity.Vouch.Secret, " spaces count "; got != want {
		t.Errorf("vouch secret = %q, want %q", got, want)
	}
	if got, want := origins.Of["database.url"], "file "+filepath.Join(dir, "db")+", environment GRANARY_DATABASE_URL_FILE"; got != want {
		t.Errorf("origin = %q, want %q", got, want)
	}
}

func TestListeners(t *testing.T) {
	t.Parallel()
	want := []config.Listener{
		{Address: "127.0.0.1:9090", Doors: []string{"platform"}},
		{Address: "[::1]:9091", Prefix: "/lab", TLS: config.TLS{CertFile: "c.pem", KeyFile: "k.pem"}},
	}
	const text = "[{address: '127.0.0.1:9090', doors: [platform]}, {address: '[::1]:9091', prefix: /lab, tls: {cert_file: c.pem, key_file: k.pem}}]"
	dir := folder(t, map[string]string{"granary.yaml": "listeners: " + text})
	fromFile, _ := load(t, config.Options{Dir: dir})
	fromEnvironment, _ := load(t, config.Options{Dir: t.TempDir(), Environ: []string{"GRANARY_LISTENERS=" + text}})
	for name, got := range map[string][]config.Listener{"file": fromFile.Listeners, "environment": fromEnvironment.Listeners} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("listeners of the %s (-want +got):\n%s", name, diff)
		}
	}
}

func TestBind(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		address          string
		secret           string
		remote, accounts bool
		want             string
		refused          bool
	}{
		{address: "127.0.0.1:80", want: "127.0.0.1:80"},
		{address: "[::1]:80", want: "[::1]:80"},
		{address: "localhost:80", want: "localhost:80"},
		{address: "0.0.0.0:80", want: "127.0.0.1:80", refused: true},
		{address: ":80", want: "127.0.0.1:80", refused: true},
		{address: "lab.example.org:80", want: "127.0.0.1:80", refused: true},
		{address: ":80", accounts: true, want: ":80"},
		{address: ":80", secret: "x", want: ":80"},
		{address: ":80", remote: true, want: ":80"},
	} {
		cfg := &config.Config{}
		cfg.Identity.Vouch.Secret, cfg.Identity.AllowRemote = test.secret, test.remote
		got, err := cfg.Bind(test.address, test.accounts)
		if got != test.want || (err != nil) != test.refused {
			t.Errorf("Bind(%q, %t) with %+v = %q, %v; want %q, refused %t", test.address, test.accounts, cfg.Identity, got, err, test.want, test.refused)
		}
	}
}

func TestReferenceIsUpToDate(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	if err := config.WriteReference(&want); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("docs/configuration.md is not generated from the structs; run make generate (-want +got):\n%s", diff)
	}
}
