package config_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/config"
)

func TestShowMasksAndRoundTrips(t *testing.T) {
	t.Parallel()
	const canary = "canary-91d0"
	environ := []string{
		"GRANARY_DATABASE_URL=postgres://lab:" + canary + "@db.example/n?sslpassword=" + canary + "&search_path=s",
		"GRANARY_BLOB_URL=DefaultEndpointsProtocol=https;AccountName=lab;AccountKey=" + canary + ";SharedAccessSignature=sig%3D" + canary,
		"GRANARY_IDENTITY_VOUCH_SECRET=" + canary,
		"GRANARY_VISION_PIPELINES_DECRYPTION_KEY=" + canary,
		"GRANARY_SECRETS_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"GRANARY_LISTENERS=[{address: '127.0.0.1:9090', doors: [platform]}]",
		"GRANARY_WEB_TRUSTED_PROXIES=10.0.0.0/8,::1",
	}
	cfg, origins := load(t, config.Options{Dir: t.TempDir(), Environ: environ})
	var out bytes.Buffer
	if err := cfg.Show(&out, origins); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if strings.Contains(got, canary) || strings.Contains(got, "AAAA") {
		t.Errorf("Show prints a secret:\n%s", got)
	}
	for _, want := range []string{
		"data: ./granary-data # default\n",
		"  url: postgres://lab:********@db.example/n?sslpassword=********&search_path=s # environment GRANARY_DATABASE_URL\n",
		"AccountName=lab;AccountKey=********;SharedAccessSignature=********",
		"    secret: '********' # environment GRANARY_IDENTITY_VOUCH_SECRET\n",
		"  trusted_proxies: [10.0.0.0/8, '::1'] # environment GRANARY_WEB_TRUSTED_PROXIES\n",
		"  session_absolute: 168h # default\n",
		"  max_file_bytes: 40MiB # default\n",
		"# environment GRANARY_LISTENERS\nlisteners:\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("Show lacks %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", got)
	}

	// What is shown is a configuration file, but for the masked values.
	dir := folder(t, map[string]string{"granary.yaml": got})
	again, _ := load(t, config.Options{Dir: dir, Environ: []string{
		environ[4], "GRANARY_DATABASE_URL=sqlite:x", "GRANARY_BLOB_URL=file:x",
	}})
	again.Database.URL, again.Blob.URL = cfg.Database.URL, cfg.Blob.URL
	again.Identity.Vouch.Secret, again.Vision.Pipelines.DecryptionKey = canary, canary
	if diff := cmp.Diff(cfg, again, cmp.Comparer(sameList)); diff != "" {
		t.Errorf("what Show prints reads differently (-shown +read):\n%s", diff)
	}
}

// sameList holds an empty list to be an absent one.
func sameList(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }

func TestMaskURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"":                         "",
		"sqlite:data/granary.db":   "sqlite:data/granary.db",
		"postgres://lab@db/n":      "postgres://lab@db/n",
		"postgres://lab:p@ss@db/n": "postgres://lab:********@db/n",
		"s3://bucket?region=r&secret_access_key=k": "s3://bucket?region=r&secret_access_key=********",
		"UseDevelopmentStorage=true":               "UseDevelopmentStorage=true",
		"postgres://lab:a b%zz@db":                 "********",
	} {
		if got := config.MaskURL(raw); got != want {
			t.Errorf("MaskURL(%q) = %q, want %q", raw, got, want)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add("listen: 127.0.0.1:1\nweb: {rate_burst: 3}\n")
	f.Add("listeners: [{address: ':1', tls: {cert_file: a}}]")
	f.Add("a: &a [*a]\n")
	f.Add("web: 5\nvision:\n  nachet:\n")
	f.Add("? {a: b}\n: c\n")
	f.Fuzz(func(t *testing.T, text string) {
		dir := folder(t, map[string]string{"granary.yaml": text})
		cfg, _, err := config.Load(config.Options{Dir: dir, Environ: []string{}})
		if (cfg == nil) != (err != nil) {
			t.Errorf("Load = %v, %v, want a configuration or an error", cfg, err)
		}
	})
}
