package worker

import (
	"os"
	"slices"
	"strings"
)

// inherited are the variables of our own environment that every worker gets:
// how to find programs and libraries, how to write text and time, how to get
// out. Everything else may hold a secret.
var inherited = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_NUMERIC", "TZ",
	"LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
}

// Names of the variables that a worker is given.
const (
	jobVariable    = "GRANARY_JOB"    // plain programs: the file with the job
	markVariable   = "GRANARY_WORKER" // by which its processes are found again
	deviceVariable = "CUDA_VISIBLE_DEVICES"
	tmpVariable    = "TMPDIR"
	ownPrefix      = "GRANARY_" // our own configuration, secrets among it
)

// environ returns a worker's whole environment.
func environ(spec Spec, device, tmp, mark string) []string {
	set := map[string]string{}
	for _, name := range append(slices.Clone(inherited), spec.Inherit...) {
		if value, ok := os.LookupEnv(name); ok && !strings.HasPrefix(name, ownPrefix) {
			set[name] = value
		}
	}
	set[tmpVariable], set[deviceVariable] = tmp, device
	for _, pair := range spec.Env {
		name, value, _ := strings.Cut(pair, "=")
		set[name] = value
	}
	set[markVariable] = mark
	pairs := make([]string, 0, len(set))
	for name, value := range set {
		pairs = append(pairs, name+"="+value)
	}
	slices.Sort(pairs)
	return pairs
}
