// Package builtintest runs a built-in app's task over the worker protocol, on a
// data folder that a test lays out, and keeps what it said.
package builtintest

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"granary/internal/demos/dataset"
	"granary/internal/platform/worker/guest"
	"granary/internal/platform/worker/wire"
)

// BaseURL is the public address that jobs are told.
const BaseURL = "http://granary.test"

// Folder is a private data folder.
type Folder struct{ Root, App string }

// NewFolder returns an empty data folder of an app.
func NewFolder(t testing.TB, app string) Folder {
	t.Helper()
	return Folder{Root: t.TempDir(), App: app}
}

// Write writes a file below the data folder.
func (f Folder) Write(t testing.TB, name string, data []byte) {
	t.Helper()
	file := filepath.Join(f.Root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Read decodes a JSON file below the data folder into v.
func (f Folder) Read(t testing.TB, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(f.Root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
}

// Dataset lays out a data set of zip documents, given as the files of each
// document by its uid, and returns its uid. Pass the uids in order.
func (f Folder) Dataset(t testing.TB, uids []string, pictures map[string]map[string][]byte) string {
	t.Helper()
	var documents []dataset.Document
	for _, uid := range uids {
		documents = append(documents, dataset.Document{UID: uid, Type: dataset.TypeZip, Src: "http://pictures.test/" + uid + ".zip"})
		for name, data := range pictures[uid] {
			f.Write(t, "shared/documents/zip/"+uid+"/images/"+name, data)
		}
	}
	uid := dataset.BaseUID(documents)
	info, err := json.Marshal(map[string]any{"uid": uid, "documents": documents})
	if err != nil {
		t.Fatal(err)
	}
	f.Write(t, "shared/datasets/"+uid+"/info.json", info)
	return uid
}

// Said is what a job said.
type Said struct {
	// Value is the result; nil when the job failed.
	Value json.RawMessage
	// Failure is what the job failed with; empty when it did not.
	Failure string
	// Reports are all messages in order, the last one included.
	Reports []wire.Report
}

// Events returns the data of the events of a name.
func (s Said) Events(name string) (out []json.RawMessage) {
	for _, r := range s.Reports {
		if r.Type == wire.Event && r.Event == name {
			out = append(out, r.Data)
		}
	}
	return out
}

// Texts returns the lines of a level.
func (s Said) Texts(level string) (out []string) {
	for _, r := range s.Reports {
		if r.Type == level {
			out = append(out, r.Text)
		}
	}
	return out
}

// Run does one job and waits for its end.
func (f Folder) Run(ctx context.Context, t testing.TB, tasks map[string]guest.Task, actor string, kwargs any) Said {
	t.Helper()
	arguments, err := json.Marshal(kwargs)
	if err != nil {
		t.Fatal(err)
	}
	order, err := json.Marshal(wire.Order{
		Type: wire.Job, ID: "job-1", Actor: actor, Kwargs: arguments, BaseURL: BaseURL, Attempt: 1,
		Paths: &wire.Paths{Data: f.Root, Results: filepath.Join(f.Root, f.App, "results"), Tmp: t.TempDir()},
	})
	if err != nil {
		t.Fatal(err)
	}
	hostOut, guestIn := io.Pipe()
	guestOut, hostIn := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := guest.Serve(ctx, hostOut, hostIn, f.App, tasks)
		hostIn.CloseWithError(io.EOF)
		hostOut.CloseWithError(io.EOF)
		ended <- err
	}()
	go func() { _, _ = guestIn.Write(append(order, '\n')) }()
	said := listen(t, guestOut)
	_ = guestIn.Close()
	if err := <-ended; err != nil {
		t.Fatalf("Serve: %v", err)
	}
	return said
}

// listen reads reports until the job's end or that of the guest.
func listen(t testing.TB, from io.Reader) (said Said) {
	t.Helper()
	lines := bufio.NewReaderSize(from, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return said
		}
		var r wire.Report
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("read report %.200s: %v", line, err)
		}
		said.Reports = append(said.Reports, r)
		switch r.Type {
		case wire.Result:
			said.Value = r.Value
			return said
		case wire.Failed:
			said.Failure = r.Error
			return said
		}
	}
}
