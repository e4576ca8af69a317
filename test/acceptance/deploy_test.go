package acceptance

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"granary/test/harness"
)

// deployed reads a file of deploy/ and puts a test's values in the place of
// its own, each of which must be there.
func deployed(t *testing.T, name string, values map[string]string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for own, value := range values {
		if !strings.Contains(text, own) {
			t.Fatalf("deploy/%s has no %q any more", name, own)
		}
		text = strings.ReplaceAll(text, own, value)
	}
	return text
}

// freePort returns a port of loopback that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return port
}

// installed returns the path of a program, or skips the test.
func installed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// background runs a program until the test ends, and waits until it accepts
// connections at a port.
func background(t *testing.T, port, program string, args ...string) {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Second // spiped waits for its connections
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it is ended by a signal
	}()
	t.Cleanup(func() {
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(program), log.String())
		}
	})
	harness.Eventually(t, filepath.Base(program)+" listens", func() bool {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
		return err == nil && conn.Close() == nil
	})
}

// nginxConfig writes a whole configuration around a site and returns its path.
func nginxConfig(t *testing.T, dir, site string) string {
	t.Helper()
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // the folders of tests are closed to others
	}
	var temporary strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temporary, "%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	path := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf("%s daemon off; worker_processes 1; pid %s/pid; error_log stderr warn;\nevents {}\nhttp { access_log off;\n%s%s}\n", user, dir, temporary.String(), site)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDeployedNginx puts a real nginx with the shipped configuration before a
// server that leaves files to it.
func TestDeployedNginx(t *testing.T) {
	t.Parallel()
	nginx := installed(t, "nginx")
	store := harness.Local(t)
	folder := filepath.Join(store.Folder, "demos data")
	l := &lab{store: store.With("GRANARY_DEMOS_ACCEL_PREFIX=/media", "GRANARY_DEMOS_FOLDER="+folder, "GRANARY_WEB_TRUSTED_PROXIES=127.0.0.1")}
	server := harness.Start(t, l.store)
	port, dir := freePort(t), t.TempDir()
	site := deployed(t, "nginx-demos.conf", map[string]string{
		"server 127.0.0.1:8080;": "server " + strings.TrimPrefix(server.URL, "http://") + ";", "listen 8001;": "listen 127.0.0.1:" + port + ";",
		"root /srv/granary-demos;": "root '" + folder + "';", "alias /srv/granary-demos/shared/;": "alias '" + folder + "/shared/';",
	})
	config := nginxConfig(t, dir, site)
	if out, err := exec.CommandContext(t.Context(), nginx, "-t", "-e", "stderr", "-c", config).CombinedOutput(); err != nil {
		t.Fatalf("nginx -t: %v\n%s", err, out)
	}
	background(t, port, nginx, "-e", "stderr", "-c", config)

	l.server = harness.NewClient("http://127.0.0.1:"+port, "")
	l.front = l.newFront(t)
	id := l.start(t, "//similarity", fields{"documents": []fields{
		{"type": "zip", "uid": "été^a=1&b", "src": l.front.URL + "/first.zip"}, {"type": "zip", "uid": "second", "src": l.front.URL + "/second.zip"},
	}})
	l.events(t, id, "SUCCESS")
	var status struct {
		Log struct {
			Results []struct {
				URL string `json:"result_url"`
			} `json:"results_url"`
		} `json:"log"`
	}
	l.server.Get(t, "/similarity/"+id+"/status").OK(t, &status)
	if len(status.Log.Results) == 0 {
		t.Fatal("the task has no results")
	}
	for _, result := range status.Log.Results {
		path, ours := strings.CutPrefix(result.URL, l.server.Base)
		if !ours {
			t.Fatalf("result_url = %s, want an address of nginx, %s", result.URL, l.server.Base)
		}
		var scores struct {
			Pairs []any `json:"pairs"`
		}
		got := l.server.Get(t, path).OK(t, &scores)
		if len(scores.Pairs) == 0 || got.Header.Get("Content-Disposition") == "" || got.Header.Get("X-Accel-Redirect") != "" {
			t.Errorf("%s = %d pairs, header %v, want pairs and a name for the file, sent by nginx", path, len(scores.Pairs), got.Header)
		}
		behind := l.server.At(server.URL).Get(t, path)
		if len(behind.Body) != 0 || behind.Header.Get("X-Accel-Redirect") == "" {
			t.Errorf("%s behind nginx = %d bytes, header %v, want none and a path for nginx", path, len(behind.Body), behind.Header)
		}
	}
	for _, path := range []string{"/media/shared/documents/", "/media/similarity/" + id} {
		if got := l.server.Get(t, path); got.Status != http.StatusNotFound {
			t.Errorf("%s from outside = %d, want 404", path, got.Status)
		}
	}
	if got := l.server.Get(t, "/similarity/none/result"); got.Status != http.StatusNotFound || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("a missing result = %d %s, want 404 and JSON", got.Status, got.Header.Get("Content-Type"))
	}
}

// TestDeployedSpiped sends a front end's requests through the two pipes of the
// shipped units.
func TestDeployedSpiped(t *testing.T) {
	t.Parallel()
	installed(t, "spiped")
	server := harness.Start(t, harness.Local(t))
	key := filepath.Join(t.TempDir(), "key")
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	near, far := freePort(t), freePort(t)
	pipe(t, far, "spiped-gpu.service", map[string]string{
		"[0.0.0.0]:8080": "[127.0.0.1]:" + far, "[127.0.0.1]:8001": strings.Replace(strings.TrimPrefix(server.URL, "http://"), "127.0.0.1", "[127.0.0.1]", 1),
		"${CREDENTIALS_DIRECTORY}/key": key,
	})
	pipe(t, near, "spiped-front.service", map[string]string{
		"[127.0.0.1]:8001": "[127.0.0.1]:" + near, "gpu.lab.example:8080": "[127.0.0.1]:" + far, "${CREDENTIALS_DIRECTORY}/key": key,
	})
	l := &lab{server: harness.NewClient("http://127.0.0.1:"+near, "")}
	l.front = l.newFront(t)
	id := l.start(t, "/similarity", fields{"documents": []fields{{"type": "zip", "src": l.front.URL + "/first.zip"}}})
	l.events(t, id, "SUCCESS")
	var status struct {
		Log struct {
			Dataset string `json:"dataset_url"`
		} `json:"log"`
	}
	l.server.Get(t, "/similarity/"+id+"/status").OK(t, &status)
	if !strings.HasPrefix(status.Log.Dataset, l.server.Base+"/") {
		t.Errorf("dataset_url = %s, want an address that the front end reaches, %s", status.Log.Dataset, l.server.Base)
	}
}

// execStart is the command line of a unit.
var execStart = regexp.MustCompile(`(?m)^ExecStart=(\S+) (.*)$`)

// pipe runs the program of a unit.
func pipe(t *testing.T, port, unit string, values map[string]string) {
	t.Helper()
	command := execStart.FindStringSubmatch(deployed(t, unit, values))
	if command == nil {
		t.Fatalf("deploy/%s has no ExecStart", unit)
	}
	background(t, port, installed(t, filepath.Base(command[1])), strings.Fields(command[2])...)
}
