package config

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// demoVariables are the variables of the original worker API. They have no
// prefix of their own, so they count only beside INSTALLED_APPS.
func demoVariables() map[string]bool {
	names := map[string]bool{}
	for name := range strings.FieldsSeq(`TARGET INSTALLED_APPS API_PORT PROD_URL API_DATA_FOLDER XACCEL_PREFIX DEVICE_NB
		HUGGING_FACE_HUB_TOKEN HF_HOME YOLO_CONFIG_DIR TORCH_CUDA_ARCH_LIST
		IIIF_MAX_SIZE IIIF_MIN_SIZE IIIF_SLEEP IIIF_THREADS IIIF_RETRY_ATTEMPTS CONTAINER_HOST
		REDIS_DB_INDEX REDIS_PASSWORD REDIS_HOST REDIS_PORT dramatiq_prom_port dramatiq_prom_db
		DATA_FOLDER DEMO_UID CUDA_HOME CONTAINER_NAME HTTP_PROXY HTTPS_PROXY NO_PROXY`) {
		names[name] = true
	}
	return names
}

// legacyDemoVariables gathers them from .env and the process environment,
// which wins. Empty values count as unset.
func legacyDemoVariables(dotenv map[string]string, dotenvPath string, environ []string) map[string]variable {
	found := map[string]variable{}
	known := demoVariables()
	note := func(name, value, where string) {
		if value != "" && known[name] {
			found[name] = variable{name: name, value: value, origin: where + " " + name}
		}
	}
	for name, value := range dotenv {
		note(name, value, dotenvPath)
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		note(name, value, "environment")
	}
	if _, ok := found["INSTALLED_APPS"]; !ok {
		return nil
	}
	return found
}

// fromLegacyDemos translates the variables.
func fromLegacyDemos(vars map[string]variable) (layer, []string, []error) {
	t := &translation{layer: newLayer(), vars: vars}
	if len(vars) == 0 {
		return t.layer, nil, nil
	}
	t.move("INSTALLED_APPS", "demos.apps")
	t.move("API_DATA_FOLDER", "demos.folder")
	t.move("DEVICE_NB", "jobs.devices")
	t.move("HUGGING_FACE_HUB_TOKEN", "demos.hugging_face_token")
	t.move("IIIF_MAX_SIZE", "demos.fetch.max_side")
	t.move("IIIF_MIN_SIZE", "demos.fetch.min_side")
	t.move("IIIF_THREADS", "demos.fetch.threads")
	t.move("IIIF_RETRY_ATTEMPTS", "demos.fetch.attempts")
	t.addresses()
	t.pause()
	t.workerEnvironment()
	t.needless()
	return t.layer, t.warnings, t.problems
}

// addresses are where the server listens and how front ends reach it.
func (t *translation) addresses() {
	port, hasPort := t.take("API_PORT")
	host, hasHost := t.take("CONTAINER_HOST")
	if hasPort || hasHost {
		address, origin := net.JoinHostPort("127.0.0.1", "5000"), port.origin
		if hasPort {
			address = net.JoinHostPort("127.0.0.1", port.value)
		}
		if hasHost {
			_, number, _ := net.SplitHostPort(address)
			address, origin = net.JoinHostPort(host.value, number), host.origin
		}
		t.set("listen", address, origin)
	}
	target, _ := t.take("TARGET")
	public, hasPublic := t.take("PROD_URL")
	if hasPublic && target.value != "prod" {
		t.warn(public, "no effect, because TARGET is not prod")
	} else if hasPublic {
		address := strings.TrimRight(public.value, "/")
		if !strings.Contains(address, "://") {
			address = "https://" + address
		}
		t.set("demos.public_url", address, public.origin)
	}
	if prefix, ok := t.take("XACCEL_PREFIX"); ok {
		t.warn(prefix, "not used: Granary sends the files itself; set demos.accel_prefix when nginx with internal locations stands in front")
	}
}

// pause reads seconds with a fraction.
func (t *translation) pause() {
	v, ok := t.take("IIIF_SLEEP")
	if !ok {
		return
	}
	seconds, err := strconv.ParseFloat(v.value, 64)
	if err != nil || seconds < 0 || seconds > 3600 {
		t.problems = append(t.problems, fmt.Errorf("demos.fetch.pause (%s): %q is not a number of seconds", v.origin, v.value))
		return
	}
	t.set("demos.fetch.pause", time.Duration(seconds*float64(time.Second)).String(), v.origin)
}

// workerEnvironment passes on what only workers read. Variables of the
// process reach them by demos.inherit.
func (t *translation) workerEnvironment() {
	var pairs []string
	origin := ""
	for _, name := range []string{"HF_HOME", "YOLO_CONFIG_DIR", "TORCH_CUDA_ARCH_LIST"} {
		if v, ok := t.take(name); ok {
			pairs, origin = append(pairs, name+"="+v.value), v.origin
		}
	}
	if len(pairs) > 0 {
		t.set("demos.environment", strings.Join(pairs, ","), origin)
	}
}

// needless reports what has no effect here, by name.
func (t *translation) needless() {
	for _, name := range slices.Sorted(maps.Keys(t.vars)) {
		v := t.vars[name]
		switch {
		case strings.HasSuffix(name, "_PROXY"):
			if !strings.HasPrefix(v.origin, "environment ") {
				t.warn(v, "not used from this file: set it in the environment of the process")
			}
		case strings.HasPrefix(name, "REDIS_"), strings.HasPrefix(name, "dramatiq_"):
			t.warn(v, "not needed: the queue is in the database")
		default:
			t.warn(v, "no effect: it belongs to the container of the original")
		}
	}
}
