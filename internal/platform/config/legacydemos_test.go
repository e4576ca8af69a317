package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/config"
)

func TestLegacyDemoVariables(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{".env": strings.Join([]string{
		`TARGET=prod # the worker's own host`,
		`INSTALLED_APPS=regions,similarity,search`,
		`API_PORT=8001`,
		`PROD_URL="api.lab.example/"`,
		`API_DATA_FOLDER=/media/demoapi`,
		`DEVICE_NB=2`,
		`HUGGING_FACE_HUB_TOKEN=canary-hub`,
		`HF_HOME=/media/hf`,
		`YOLO_CONFIG_DIR=data/yolotmp/`,
		`IIIF_MAX_SIZE=2000`,
		`IIIF_SLEEP=0.25`,
		`REDIS_PASSWORD=canary-redis`,
		`CONTAINER_NAME=demoapi`,
		`HTTP_PROXY=`,
		`XACCEL_PREFIX=/media`,
		`PATH=/nowhere`,
	}, "\n")})
	cfg, origins := load(t, config.Options{Dir: dir, Environ: []string{"API_PORT=8002"}})
	want := &config.Config{}
	*want = *cfg // what is not listed here is at its default
	want.Listen = "127.0.0.1:8002"
	want.Jobs.Devices = []string{"2"}
	d := &want.Demos
	d.Apps, d.Folder, d.PublicURL = []string{"regions", "similarity", "search"}, "/media/demoapi", "https://api.lab.example"
	d.HuggingFaceToken, d.Environment = "canary-hub", []string{"HF_HOME=/media/hf", "YOLO_CONFIG_DIR=data/yolotmp/"}
	d.Fetch.MaxSide, d.Fetch.Pause = 2000, 250*time.Millisecond
	if diff := cmp.Diff(want, cfg); diff != "" {
		t.Errorf("translated (-want +got):\n%s", diff)
	}
	for _, name := range []string{"REDIS_PASSWORD", "CONTAINER_NAME", "XACCEL_PREFIX"} {
		if !slices.ContainsFunc(origins.Warnings, func(w string) bool { return strings.Contains(w, name) && !strings.Contains(w, "canary") }) {
			t.Errorf("no warning names %s: %q", name, origins.Warnings)
		}
	}
	without := folder(t, map[string]string{".env": "API_PORT=8001\nDEVICE_NB=2\n"})
	cfg, _ = load(t, config.Options{Dir: without, Environ: []string{}})
	if cfg.Listen == "127.0.0.1:8001" || len(cfg.Jobs.Devices) != 0 {
		t.Errorf("variables without INSTALLED_APPS were read: %s, %q", cfg.Listen, cfg.Jobs.Devices)
	}
}
