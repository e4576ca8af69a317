package guest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"granary/internal/platform/worker/guest"
	"granary/internal/platform/worker/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// step is what the actor "script" does; ../testdata/README.md has the list.
type step struct {
	Info, Warning, Error string
	Progress             *struct {
		Key, Context   string
		Current, Total int64
	}
	Done  string
	Event *struct {
		Name string
		Data json.RawMessage
	}
	Wait   bool
	Return json.RawMessage
	Raise  string
}

func script(ctx context.Context, job *guest.Job) (any, error) {
	var args struct{ Script []step }
	if err := job.Decode(&args); err != nil {
		return nil, err
	}
	for _, s := range args.Script {
		switch {
		case s.Info != "":
			job.Info(s.Info)
		case s.Warning != "":
			job.Warn(s.Warning)
		case s.Error != "":
			job.Error(s.Error)
		case s.Progress != nil:
			job.Progress(s.Progress.Key, s.Progress.Context, s.Progress.Current, s.Progress.Total)
		case s.Done != "":
			job.Done(s.Done)
		case s.Event != nil:
			if err := job.Event(s.Event.Name, s.Event.Data); err != nil {
				return nil, err
			}
		case s.Wait:
			<-ctx.Done()
			return nil, ctx.Err()
		case s.Raise != "":
			return nil, errors.New(s.Raise)
		default:
			return s.Return, nil
		}
	}
	return nil, errors.New("the script has no end")
}

// TestTranscripts replays the worker's side of the golden transcripts.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("transcripts: %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var entries []entry
		for line := range bytes.Lines(text) {
			var e entry
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatalf("read %s: %v", file, err)
			}
			entries = append(entries, e)
		}
		if slices.Contains(entries[0].Sides, "guest") {
			t.Run(filepath.Base(file), func(t *testing.T) { t.Parallel(); play(t, entries) })
		}
	}
}

// entry is a line of a transcript.
type entry struct {
	Sides        []string
	Host, Worker json.RawMessage
}

// asJSON compares raw values by what they mean.
var asJSON = cmp.Transformer("json", func(raw json.RawMessage) (v any) {
	if len(raw) > 0 && json.Unmarshal(raw, &v) != nil {
		v = string(raw)
	}
	return v
})

func play(t *testing.T, entries []entry) {
	t.Helper()
	hostIn, guestOut := io.Pipe()
	guestIn, hostOut := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := guest.Serve(t.Context(), guestIn, guestOut, "demo", map[string]guest.Task{"script": script})
		guestOut.Close()
		ended <- err
	}()
	lines := bufio.NewReader(hostIn)
	for _, e := range entries {
		switch {
		case e.Host != nil:
			if _, err := hostOut.Write(append(e.Host, '\n')); err != nil {
				t.Fatalf("write %s: %v", e.Host, err)
			}
		case e.Worker != nil:
			line, err := lines.ReadBytes('\n')
			if err != nil {
				t.Fatalf("wait for %s: %v", e.Worker, err)
			}
			var got, want wire.Report
			if err := errors.Join(json.Unmarshal(line, &got), json.Unmarshal(e.Worker, &want)); err != nil {
				t.Fatal(err)
			}
			if want.Error == "$ANY" && got.Error != "" {
				got.Error = want.Error
			}
			if want.Traceback == "" {
				got.Traceback = ""
			}
			if diff := cmp.Diff(want, got, asJSON); diff != "" {
				t.Errorf("the guest says (-want +got):\n%s", diff)
			}
		}
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("the guest also says %q, %v", rest, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve() = %v, want nil", err)
	}
	hostOut.Close()
}
