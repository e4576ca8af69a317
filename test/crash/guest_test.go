package crash_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"granary/internal/demos/dataset"
	"granary/internal/platform/worker/guest"
)

// guestVariable makes the test binary the worker of an app; its value marks
// the workers of one test.
const guestVariable = "CRASH_TEST_GUEST"

// guestManifest is the app, with the binary and the mark left open.
const guestManifest = `
name: nonce
prefixes: [/nonce]
concurrency: 4
attempts: 4
worker: {command: [%q, "-test.run=^$"], environment: {CRASH_TEST_GUEST: %q}, grace: 1s}
endpoints:
  - actor: nonce
    parameters: {fail: {type: boolean, default: false, desc: End with an error.}}
    publish: ["results/*/*.json"]
    result: {path: "/{id}/result", file: "results/{id}.json"}
`

// nonce is what one attempt writes everywhere: into its files, its progress
// and its result, so that what two attempts left can be told apart.
type nonce struct {
	Nonce string `json:"nonce"`
	Files int    `json:"files,omitempty"`
}

// serveGuest is the worker: a file and a notice for each document, then the
// result.
func serveGuest() error {
	return guest.Serve(context.Background(), os.Stdin, os.Stdout, "nonce", map[string]guest.Task{"nonce": work})
}

func work(ctx context.Context, job *guest.Job) (any, error) {
	var kwargs struct {
		ExperimentID string `json:"experiment_id"`
		DatasetUID   string `json:"dataset_uid"`
		Fail         bool   `json:"fail"`
	}
	if err := job.Decode(&kwargs); err != nil {
		return nil, err
	}
	view, err := dataset.OpenView(ctx, job.Paths.Data, kwargs.DatasetUID)
	if err != nil {
		return nil, err
	}
	mine := nonce{Nonce: strconv.FormatUint(rand.Uint64(), 36)}
	text, err := json.Marshal(mine)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(job.Paths.Results, kwargs.ExperimentID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for i, document := range view.Documents {
		job.Progress("documents", "Documents", int64(i), int64(len(view.Documents)))
		<-time.After(rand.N(30 * time.Millisecond)) // so that kills hit every moment
		if err := os.WriteFile(filepath.Join(dir, document.UID+".json"), text, 0o600); err != nil {
			return nil, err
		}
		if err := job.Event("PROGRESS", mine); err != nil {
			return nil, err
		}
	}
	if kwargs.Fail {
		return nil, errors.New("asked to fail")
	}
	mine.Files = len(view.Documents)
	return mine, nil
}

// installGuest writes the app's folder and returns the settings that install
// it.
func installGuest(t *testing.T, folder, mark string) []string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(folder, "apps", "nonce")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "app.yaml"), fmt.Appendf(nil, guestManifest, program, mark), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--set", "demos.apps=nonce", "--set", "demos.apps_folder=" + filepath.Join(folder, "apps")}
}

// guests returns the processes of the workers with that mark.
func guests(t *testing.T, mark string) []int {
	t.Helper()
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, folder := range folders {
		environment, err := os.ReadFile(filepath.Join(folder, "environ"))
		if err != nil || !bytes.Contains(environment, []byte(guestVariable+"="+mark+"\x00")) {
			continue // gone meanwhile, or another's
		}
		if id, err := strconv.Atoi(filepath.Base(folder)); err == nil && id != os.Getpid() {
			found = append(found, id)
		}
	}
	return found
}

// killGuest kills one of the workers, if there is any.
func killGuest(t *testing.T, mark string) bool {
	t.Helper()
	found := guests(t, mark)
	if len(found) == 0 {
		return false
	}
	err := syscall.Kill(found[rand.N(len(found))], syscall.SIGKILL)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Errorf("kill a worker: %v", err)
	}
	return err == nil
}
