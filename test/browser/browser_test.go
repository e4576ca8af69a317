// Package browser drives the console in a real Chromium: console.test.js walks
// from the first run to a trained model, checks every page with axe-core in
// two sizes, themes and languages, and fails on any console error or request
// to the outside. This file builds the binary, draws the pictures and runs it.
//
//	go test ./test/browser     the walk
//	make screenshots           the walk, and the pictures in docs/screenshots
//
// BROWSER_TEST_BINARY names a binary to use instead of a fresh one, and
// BROWSER_TEST_CHROMIUM a browser elsewhere than /usr/bin/chromium.
package browser_test

import (
	"context"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"granary/internal/vision/synth"
)

// walkLimit bounds the whole walk, which takes two minutes on two busy cores.
const walkLimit = 8 * time.Minute

func TestConsole(t *testing.T) {
	t.Parallel()
	require(t)
	ctx, cancel := context.WithTimeout(t.Context(), walkLimit)
	defer cancel()
	binary := os.Getenv("BROWSER_TEST_BINARY")
	if binary == "" {
		binary = build(ctx, t)
	}
	cmd := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", "console.test.js")
	cmd.Env = append(os.Environ(), "BROWSER_TEST_BINARY="+binary, "BROWSER_TEST_PICTURES="+pictures(t))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("console.test.js: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// require skips, or fails where every engine must be there, when the browser
// or its driver is missing.
func require(t *testing.T) {
	t.Helper()
	chromium := os.Getenv("BROWSER_TEST_CHROMIUM")
	if chromium == "" {
		chromium = "/usr/bin/chromium"
	}
	var missing string
	if _, err := exec.LookPath("node"); err != nil {
		missing = "node is not installed"
	} else if _, err := os.Stat(chromium); err != nil {
		missing = "there is no Chromium at " + chromium
	} else if _, err := os.Stat("node_modules/playwright-core"); err != nil {
		missing = "run: npm --prefix test/browser ci --ignore-scripts"
	}
	if missing == "" {
		return
	}
	if os.Getenv("REQUIRE_SERVICES") == "1" {
		t.Fatal("browser tests: " + missing)
	}
	t.Skip("browser tests: " + missing)
}

func build(ctx context.Context, t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "granary")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/granary")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the binary: %v\n%s", err, out)
	}
	return binary
}

// pictures draws one picture of each of two seeds and one of both.
func pictures(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for i, names := range [][]string{{"Brassica napus"}, {"Lolium temulentum"}, {"Brassica napus", "Lolium temulentum"}} {
		scene := synth.Render(synth.Scene{
			Width: 800, Height: 600, Species: synth.Pick(names...), Count: 6, Shadow: 0.2, Gradient: 0.05, Seed: uint64(i + 1),
		})
		file, err := os.Create(filepath.Join(folder, fmt.Sprintf("tray-%d.png", i+1)))
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(file, scene.Image); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}
