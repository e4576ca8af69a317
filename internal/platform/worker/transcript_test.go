package worker_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/worker"
	"granary/internal/platform/worker/wire"
)

// entry is a line of a transcript; testdata/README.md has the form.
type entry struct {
	Transcript string
	Sides      []string
	Noise      bool
	Host       json.RawMessage
	Worker     json.RawMessage
	WorkerText *string `json:"worker_text"`
	Outcome    *struct {
		Result json.RawMessage
		Failed string
		Error  string
		Text   string
		Heard  []string
	}
}

func readTranscript(path string) ([]entry, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for line := range bytes.Lines(text) {
		var e entry
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil {
			return nil, fmt.Errorf("read %s line %d: %w", path, len(entries)+1, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// playWorker is the worker's side of a transcript: it says its lines and wants
// the host's as they are written.
func playWorker(path string, in io.Reader, out io.Writer) error {
	entries, err := readTranscript(path)
	if err != nil {
		return err
	}
	lines := bufio.NewReader(in)
	for _, e := range entries {
		switch {
		case e.Worker != nil:
			fmt.Fprintf(out, "%s\n", e.Worker)
		case e.WorkerText != nil:
			fmt.Fprintf(out, "%s\n", *e.WorkerText)
		case e.Host != nil:
			line, err := lines.ReadString('\n')
			if err != nil {
				return fmt.Errorf("wait for %s: %w", e.Host, err)
			}
			var got, want wire.Order
			if err := errors.Join(json.Unmarshal([]byte(line), &got), json.Unmarshal(e.Host, &want)); err != nil {
				return err
			}
			if got.Paths != nil {
				if info, err := os.Stat(got.Paths.Tmp); err != nil || !info.IsDir() {
					return fmt.Errorf("temporary folder: %w", err)
				}
				got.Paths.Tmp = "$TMP"
			}
			if diff := cmp.Diff(want, got); diff != "" {
				return fmt.Errorf("host says (-want +got):\n%s", diff)
			}
		}
	}
	if rest, err := lines.ReadString('\n'); !errors.Is(err, io.EOF) {
		return fmt.Errorf("host says %q, %w, want the end", rest, err)
	}
	return nil
}

// TestTranscripts replays the host's side of the golden transcripts.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("transcripts: %v, %v", files, err)
	}
	for _, file := range files {
		entries, err := readTranscript(file)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(entries[0].Sides, "host") {
			t.Run(filepath.Base(file), func(t *testing.T) { t.Parallel(); playHost(t, file, entries) })
		}
	}
}

func playHost(t *testing.T, file string, entries []entry) {
	t.Helper()
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	pool, _ := newPool(t, 1)
	spec := guestSpec("")
	spec.Env = []string{roleVariable + "=transcript", "WORKER_TEST_TRANSCRIPT=" + path}
	spec.Noise = entries[0].Noise
	job := worker.Job{ID: "t", Actor: "any"} // where the worker fails before it gets one
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	said, cancelAfter := 0, -1
	for _, e := range entries {
		if e.Worker != nil {
			said++
		}
		if e.Host != nil {
			var order wire.Order
			if err := json.Unmarshal(e.Host, &order); err != nil {
				t.Fatal(err)
			}
			switch order.Type {
			case wire.Job:
				job = worker.Job{ID: order.ID, Actor: order.Actor, Kwargs: order.Kwargs, Paths: *order.Paths, BaseURL: order.BaseURL, Attempt: order.Attempt}
				said = 0
			case wire.Cancel:
				cancelAfter = said
			}
		}
		if e.Outcome == nil {
			continue
		}
		heard := newRecorder()
		runCtx, stop := context.WithCancel(ctx)
		if cancelAfter >= 0 {
			go func(n int) {
				for range n {
					<-heard.lines
				}
				stop()
			}(cancelAfter)
		}
		value, err := pool.Run(runCtx, spec, job, heard)
		stop()
		cancelAfter = -1
		checkOutcome(t, e, value, err)
		if diff := cmp.Diff(e.Outcome.Heard, heard.all()); diff != "" {
			t.Errorf("the sink heard (-want +got):\n%s", diff)
		}
	}
}

func checkOutcome(t *testing.T, e entry, value json.RawMessage, err error) {
	t.Helper()
	want := e.Outcome
	var failed *worker.Failed
	var died *worker.Died
	if errors.As(err, &died) {
		t.Fatalf("Run() = %v: %s", err, died.Stderr)
	}
	var ok bool
	switch {
	case want.Failed != "":
		ok = errors.As(err, &failed) && failed.Message == want.Failed
	case want.Error == "cancelled":
		ok = errors.Is(err, context.Canceled)
	case want.Error == "protocol":
		ok = errors.Is(err, worker.ErrProtocol) && strings.Contains(err.Error(), want.Text)
	default:
		ok = err == nil && string(value) == string(want.Result)
	}
	if !ok {
		t.Errorf("Run() = %s, %v, want %+v", value, err, want)
	}
}
