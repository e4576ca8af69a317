package worker_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
	"granary/internal/platform/worker/guest"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/enginetest"
	"granary/internal/vision/engine/worker"
	"granary/internal/vision/pipeline"
)

// roleVariable makes the test binary a model's program.
const roleVariable = "VISION_WORKER_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	p := &program{folder: os.Getenv("VISION_WORKER_TEST_FOLDER")}
	p.count("start")
	tasks := map[string]guest.Task{"detect": p.detect, "classify": p.classify}
	if err := guest.Serve(context.Background(), os.Stdin, os.Stdout, "test", tasks); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// program is a model whose behaviour the options of the pipeline choose. What
// it did is told by the files in folder.
type program struct{ folder string }

type arguments struct {
	Model, Version string
	Options        struct {
		Plan []string // one word a call; the last one for all further calls
	}
	Pictures []struct {
		File, Format  string
		Width, Height int
	}
}

// count adds a file and returns how many there are of its kind.
func (p *program) count(kind string) int {
	for n := 1; ; n++ {
		f, err := os.OpenFile(filepath.Join(p.folder, kind+"-"+strconv.Itoa(n)), os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			f.Close()
			return n
		}
	}
}

// begin reads the arguments and does what the plan says before the answer.
func (p *program) begin(ctx context.Context, job *guest.Job) (arguments, error) {
	var args arguments
	if err := job.Decode(&args); err != nil {
		return args, err
	}
	p.count(fmt.Sprintf("batch-of-%d", len(args.Pictures)))
	call := p.count("call")
	word := ""
	if plan := args.Options.Plan; len(plan) > 0 {
		word = plan[min(call, len(plan))-1]
	}
	for _, picture := range args.Pictures {
		file, err := os.ReadFile(filepath.Join(job.Paths.Tmp, picture.File))
		if err != nil {
			return args, err
		}
		if picture.Format != "png" || len(file) == 0 || picture.Width == 0 || picture.Height == 0 {
			return args, fmt.Errorf("picture %+v of %d bytes", picture, len(file))
		}
		if word == "poison" && picture.Width == 7 {
			os.Exit(5)
		}
	}
	switch word {
	case "die":
		os.Exit(5)
	case "fail":
		return args, errors.New("no seed")
	case "hang":
		<-ctx.Done()
		return args, ctx.Err()
	case "hold": // until the test makes a file
		for ctx.Err() == nil {
			if _, err := os.Stat(filepath.Join(p.folder, "release")); err == nil {
				break
			}
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	case "noise":
		fmt.Println("epoch 1")
	case "short":
		args.Pictures = args.Pictures[1:]
	}
	return args, nil
}

func (p *program) detect(ctx context.Context, job *guest.Job) (any, error) {
	args, err := p.begin(ctx, job)
	if err != nil {
		return nil, err
	}
	pictures := []any{}
	for range args.Pictures {
		boxes := []any{}
		for _, d := range enginetest.Detections() {
			boxes = append(boxes, map[string]any{
				"box": []float64{d.Box.TopX, d.Box.TopY, d.Box.BottomX, d.Box.BottomY}, "label": d.Label, "score": d.Score,
			})
		}
		pictures = append(pictures, map[string]any{"boxes": boxes})
	}
	return map[string]any{"pictures": pictures}, nil
}

func (p *program) classify(ctx context.Context, job *guest.Job) (any, error) {
	args, err := p.begin(ctx, job)
	if err != nil {
		return nil, err
	}
	pictures := []any{}
	for range args.Pictures {
		list := []any{}
		for _, g := range enginetest.Guesses() {
			list = append(list, map[string]any{"label": g.Label, "score": g.Score})
		}
		pictures = append(pictures, map[string]any{"guesses": list})
	}
	return map[string]any{"pictures": pictures}, nil
}

// bench is an engine with one model, whose program notes what it does.
type bench struct {
	engine *worker.Engine
	model  engine.Model
	folder string
}

func (b bench) counted(kind string) int {
	found, _ := filepath.Glob(filepath.Join(b.folder, kind+"-*"))
	return len(found)
}

func setup(t *testing.T, plan string, change func(*engine.Spec)) bench {
	t.Helper()
	e := worker.New(worker.Config{Temp: t.TempDir(), BreakAfter: 3, BreakFor: time.Minute, Log: slog.New(slog.DiscardHandler)})
	b := bench{engine: e, folder: t.TempDir()}
	spec := engine.Spec{
		Name: "model-x", Version: "2", Options: []byte(`{"Plan":[` + plan + `]}`),
		Process: &engine.Process{Command: []string{os.Args[0]}, Env: map[string]string{roleVariable: "1", "VISION_WORKER_TEST_FOLDER": b.folder}},
	}
	if change != nil {
		change(&spec)
	}
	var err error
	if b.model, err = e.Open(t.Context(), spec); err != nil {
		t.Fatalf("Open() = %v, want a model", err)
	}
	t.Cleanup(func() {
		if err := errors.Join(b.model.Close(), e.Close()); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	return b
}

func TestContract(t *testing.T) {
	t.Parallel()
	for _, task := range []engine.Task{engine.ObjectDetection, engine.Classification} {
		t.Run(string(task), func(t *testing.T) {
			t.Parallel()
			b := setup(t, "", nil)
			enginetest.Contract(t, task, b.model, enginetest.Picture(t))
			if n := b.counted("start"); n != 1 {
				t.Errorf("the program was started %d times, want once for all calls", n)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	b := setup(t, "", nil)
	found, err := b.model.Detect(t.Context(), enginetest.Picture(t))
	if diff := cmp.Diff(enginetest.Detections(), found); diff != "" || err != nil {
		t.Errorf("Detect() = %v (-want +got):\n%s", err, diff)
	}
	guesses, err := b.model.Classify(t.Context(), enginetest.Picture(t))
	if diff := cmp.Diff(enginetest.Guesses(), guesses); diff != "" || err != nil {
		t.Errorf("Classify() = %v (-want +got):\n%s", err, diff)
	}
}

// TestFaults tries what a single call meets.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, plan string
		change     func(*engine.Spec)
		kind       fault.Kind // Internal stands for success
		text       string
		starts     int
	}{
		{"died once", `"die",""`, nil, fault.Internal, "", 2},
		{"died twice", `"die","die",""`, nil, fault.Internal, "", 3},
		{"dies always", `"die"`, nil, fault.Unavailable, "does not run", 3},
		{"died and no repeats wanted", `"die",""`, func(s *engine.Spec) { s.Retries = -1 }, fault.Unavailable, "does not run", 1},
		{"reports a failure", `"fail"`, nil, fault.Unavailable, "no seed", 1},
		{"too slow", `"hang"`, func(s *engine.Spec) { s.Timeout = 100 * time.Millisecond }, fault.Unavailable, "did not answer in time", 1},
		{"noise", `"noise"`, nil, fault.Invalid, "breaks the worker protocol", 1},
		{"noise that is expected", `"noise"`, func(s *engine.Spec) { s.Process.Noise = true }, fault.Internal, "", 1},
		{"not every picture", `"short"`, nil, fault.Invalid, "one answer for each picture", 1},
		{"no such program", ``, func(s *engine.Spec) { s.Process.Command = []string{"/no/such/program"} }, fault.Unavailable, "does not run", 0},
		{"no worker", ``, func(s *engine.Spec) { s.Process.Command = []string{"true"}; s.Retries = -1 }, fault.Unavailable, "does not run", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, tc.plan, tc.change)
			_, err := b.model.Classify(t.Context(), enginetest.Picture(t))
			switch {
			case tc.kind == fault.Internal && err != nil:
				t.Errorf("Classify() = %v, want success", err)
			case tc.kind != fault.Internal && (!fault.Is(err, tc.kind) || !strings.Contains(fault.Message(err), tc.text)):
				t.Errorf("Classify() = %v of kind %v, want kind %v with %q", err, fault.Of(err), tc.kind, tc.text)
			}
			if got := b.counted("start"); got != tc.starts {
				t.Errorf("the program was started %d times, want %d", got, tc.starts)
			}
		})
	}
}

func TestCallsThatWaitShareAMessage(t *testing.T) {
	t.Parallel()
	b := setup(t, `"hold",""`, func(s *engine.Spec) { s.Process.Batch = 4 })
	first := make(chan error, 1)
	go func() { _, err := b.model.Classify(t.Context(), enginetest.Picture(t)); first <- err }()
	until(t, "the first call is at work", func() bool { return b.counted("call") == 1 })
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if got, err := b.model.Classify(t.Context(), enginetest.Picture(t)); err != nil || len(got) != 2 {
				t.Errorf("Classify() = %v, %v, want two guesses", got, err)
			}
		})
	}
	until(t, "six calls wait", func() bool { return worker.Waiting(b.model) == 6 })
	if err := os.WriteFile(filepath.Join(b.folder, "release"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Errorf("Classify() = %v, want guesses", err)
	}
	wg.Wait()
	if one, four, two := b.counted("batch-of-1"), b.counted("batch-of-4"), b.counted("batch-of-2"); one != 1 || four != 1 || two != 1 || b.counted("call") != 3 {
		t.Errorf("%d messages of one, %d of four, %d of two in %d, want one each", one, four, two, b.counted("call"))
	}
}

func TestAPoisonousPictureCostsOnlyItself(t *testing.T) {
	t.Parallel()
	b := setup(t, `"hold","poison"`, nil)
	first := make(chan error, 1)
	go func() { _, err := b.model.Classify(t.Context(), enginetest.Picture(t)); first <- err }()
	until(t, "the first call is at work", func() bool { return b.counted("call") == 1 })
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs {
		picture := enginetest.Picture(t)
		if i == 2 {
			picture = narrow(t)
		}
		wg.Go(func() { _, errs[i] = b.model.Classify(t.Context(), picture) })
	}
	until(t, "four calls wait", func() bool { return worker.Waiting(b.model) == 4 })
	if err := os.WriteFile(filepath.Join(b.folder, "release"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if err := <-first; err != nil {
		t.Errorf("Classify() = %v, want guesses", err)
	}
	for i, err := range errs {
		if (err != nil) != (i == 2) {
			t.Errorf("call %d = %v, want only the poisonous one to fail", i, err)
		}
	}
}

func TestCircuitOpens(t *testing.T) {
	t.Parallel()
	b := setup(t, `"die"`, nil)
	health := b.model.(engine.Healther)
	if got := health.Health(t.Context()); got.State != engine.Unknown || b.counted("start") != 0 {
		t.Errorf("Health() = %+v, want unknown, and no program started for it", got)
	}
	if _, err := b.model.Detect(t.Context(), enginetest.Picture(t)); err == nil {
		t.Fatal("Detect() = nil, want an error")
	}
	_, err := b.model.Detect(t.Context(), enginetest.Picture(t))
	var own *fault.Error
	if !errors.As(err, &own) || own.Kind != fault.Unavailable || own.RetryAfter == 0 || b.counted("start") != 3 {
		t.Errorf("Detect() = %v after %d starts, want unavailable with a wait after 3", err, b.counted("start"))
	}
	if got := health.Health(t.Context()); got.Reason != engine.LeftAlone {
		t.Errorf("Health() = %+v, want it left alone", got)
	}
	well := setup(t, "", nil)
	if _, err := well.model.Detect(t.Context(), enginetest.Picture(t)); err != nil {
		t.Errorf("Detect() = %v, want boxes", err)
	}
	if got := well.model.(engine.Healther).Health(t.Context()); got.State != engine.Ready {
		t.Errorf("Health() = %+v, want ready", got)
	}
}

func TestCallerThatLeavesEndsTheCall(t *testing.T) {
	t.Parallel()
	b := setup(t, `"hang",""`, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := b.model.Detect(ctx, enginetest.Picture(t)); ended <- err }()
	until(t, "the call is at work", func() bool { return b.counted("call") == 1 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Detect() = %v, want context.Canceled", err)
	}
	if _, err := b.model.Detect(t.Context(), enginetest.Picture(t)); err != nil || b.counted("start") != 1 {
		t.Errorf("Detect() = %v after %d starts, want an answer of the same process", err, b.counted("start"))
	}
}

func TestCloseEndsCalls(t *testing.T) {
	t.Parallel()
	b := setup(t, `"hang"`, nil)
	ended := make(chan error, 1)
	go func() { _, err := b.model.Detect(t.Context(), enginetest.Picture(t)); ended <- err }()
	until(t, "the call is at work", func() bool { return b.counted("call") == 1 })
	if err := b.model.Close(); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
	if err := <-ended; err == nil {
		t.Error("Detect() = nil, want an error")
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	e := worker.New(worker.Config{Temp: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	for name, spec := range map[string]engine.Spec{
		"no process":  {},
		"no command":  {Process: &engine.Process{}},
		"an endpoint": {Process: &engine.Process{Command: []string{"true"}}, Endpoint: "http://x/"},
		"bad options": {Process: &engine.Process{Command: []string{"true"}}, Options: []byte("{")},
	} {
		if _, err := e.Open(t.Context(), spec); !fault.Is(err, fault.Invalid) {
			t.Errorf("Open(%s) = %v, want kind invalid", name, err)
		}
	}
}

// TestPipeline runs a pipeline file whose two models are processes.
func TestPipeline(t *testing.T) {
	t.Parallel()
	file := fmt.Sprintf(`
name: Our own
models:
  - {name: finder, engine: worker, process: {command: [%q], env: {%s: "1", VISION_WORKER_TEST_FOLDER: %q}}}
  - {name: namer, engine: worker, process: {command: [%[1]q], env: {%[2]s: "1", VISION_WORKER_TEST_FOLDER: %[4]q}, batch: 2, memory_mib: 4096, start_timeout: 30s}}
steps:
  - {kind: detect, model: finder}
  - {kind: crop}
  - {kind: classify, model: namer, drop_number: true}
`, os.Args[0], roleVariable, t.TempDir(), t.TempDir())
	definitions, err := pipeline.Read([]byte(file), "")
	if err != nil {
		t.Fatalf("Read() = %v, want a pipeline", err)
	}
	e := worker.New(worker.Config{Temp: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	runner, err := pipeline.Open(t.Context(), definitions[0], map[string]engine.Engine{worker.Name: e})
	if err != nil {
		t.Fatalf("Open() = %v, want a runner", err)
	}
	result, err := runner.Run(t.Context(), enginetest.Picture(t), pipeline.Options{Width: 64, Height: 48})
	if err != nil || len(result.Boxes) != 2 || result.Boxes[0].Label != "Ambrosia trifida" {
		t.Errorf("Run() = %+v, %v, want two named boxes", result, err)
	}
	if err := errors.Join(runner.Close(), e.Close()); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
}

// narrow returns a picture of 7 pixels' width.
func narrow(t *testing.T) *raster.Picture {
	t.Helper()
	picture, err := enginetest.Picture(t).Crop(image.Rect(0, 0, 7, 48))
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

// until waits for something that another process does.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	again, deadline := time.NewTicker(5*time.Millisecond), time.After(30*time.Second)
	defer again.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("did not happen: %s", what)
		}
	}
}
