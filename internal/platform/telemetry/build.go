package telemetry

import (
	"encoding/json"
	"net/http"
	"runtime"
	"runtime/debug"
)

// Build says what binary is running.
type Build struct {
	// Version is the release, such as v1.2.0 or v1.2.0-3-gabc1234.
	Version string `json:"version"`
	// Commit is the full revision that was built, with "-dirty" when files
	// were changed; "" when the build did not know it.
	Commit string `json:"commit"`
	// Go is the release of the toolchain.
	Go string `json:"go"`
}

// ReadBuild describes the running binary. version is what the linker stamped
// on it, "" when nothing was: then the module's version counts.
func ReadBuild(version string) Build {
	build := Build{Version: version, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if ok {
		if build.Version == "" {
			build.Version = info.Main.Version
		}
		for _, setting := range info.Settings {
			switch {
			case setting.Key == "vcs.revision":
				build.Commit = setting.Value + build.Commit
			case setting.Key == "vcs.modified" && setting.Value == "true":
				build.Commit += "-dirty"
			}
		}
	}
	if build.Version == "" || build.Version == "(devel)" {
		build.Version = "unversioned"
	}
	return build
}

// Handler answers GET /version.
func (b Build) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, b)
	})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A client that is gone needs no answer.
	_, _ = w.Write(body)
}
