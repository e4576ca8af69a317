// Package enginetest is the conformance suite of the engines. Contract is for
// every one of them. Run is for those that call models over HTTP: each brings
// a small server that speaks its protocol, and the suite puts faults in front
// of it and checks what engine.Model promises.
//
//	engine under test ─HTTP─► Faults ─► Subject.Good
package enginetest

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/remote"
)

// Subject is an engine under test.
type Subject struct {
	// Open opens a model of the task; the suite fills Name, Endpoint, APIKey,
	// Timeout, Retries and Concurrency, the subject adds what its engine needs.
	Open func(t *testing.T, task engine.Task, spec engine.Spec, config remote.Config) engine.Model
	// Good answers calls in the engine's protocol: Detections for a picture sent
	// to a detector, Guesses for a crop sent to a classifier. Model calls are
	// POST requests; anything else is let through without faults.
	Good http.Handler
}

// Detections is what a good detector answers, up to rounding.
func Detections() []engine.Detection {
	return []engine.Detection{
		{Box: engine.Box{TopX: 0.125, TopY: 0.25, BottomX: 0.5, BottomY: 0.75}, Label: "seed", Score: 0.875},
		{Box: engine.Box{TopX: 0.625, TopY: 0.25, BottomX: 0.875, BottomY: 0.5}, Label: "seed", Score: 0.75},
	}
}

// Guesses is what a good classifier answers, up to rounding.
func Guesses() []engine.Guess {
	return []engine.Guess{{Label: "13 Ambrosia trifida", Score: 0.75}, {Label: "7 Lolium temulentum", Score: 0.25}}
}

// secret must never be seen in an error.
const secret = "canary-4711"

// Picture returns a 64×48 PNG.
func Picture(t *testing.T) *raster.Picture {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 64, 48))
	for i := range img.Pix {
		img.Pix[i] = byte(i)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatalf("encode picture: %v", err)
	}
	p, err := raster.Gate{}.Open(out.Bytes())
	if err != nil {
		t.Fatalf("open picture: %v", err)
	}
	return p
}

// bench is one server with faults and a model that calls it.
type bench struct {
	faults *Faults
	model  engine.Model
	call   func(ctx context.Context) error
}

// tasks are the two calls of a model; every fault is tried with both.
func (s Subject) tasks() []engine.Task {
	return []engine.Task{engine.ObjectDetection, engine.Classification}
}

func (s Subject) setup(t *testing.T, task engine.Task, spec engine.Spec, config remote.Config, plan ...Fault) bench {
	t.Helper()
	faults := NewFaults(s.Good, plan...)
	server := httptest.NewServer(faults)
	t.Cleanup(server.Close)
	t.Cleanup(faults.Release)
	spec.Name, spec.Endpoint, spec.APIKey, spec.Task = "model-x", server.URL+"/score", secret, task
	if config.Backoff == 0 {
		config.Backoff = time.Millisecond
	}
	model := s.Open(t, task, spec, config)
	t.Cleanup(func() {
		if err := model.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	picture := Picture(t)
	return bench{faults: faults, model: model, call: func(ctx context.Context) error {
		if task == engine.ObjectDetection {
			_, err := model.Detect(ctx, picture)
			return err
		}
		_, err := model.Classify(ctx, picture)
		return err
	}}
}

// Run runs the suite.
func Run(t *testing.T, s Subject) {
	t.Helper()
	t.Run("answers", s.testAnswers)
	for _, task := range s.tasks() {
		t.Run(string(task), func(t *testing.T) {
			t.Parallel()
			s.testFaults(t, task)
			t.Run("contract", func(t *testing.T) {
				t.Parallel()
				Contract(t, task, s.setup(t, task, engine.Spec{}, remote.Config{}).model, Picture(t))
			})
			t.Run("hang ends with the caller", func(t *testing.T) { t.Parallel(); s.testCancel(t, task) })
			t.Run("circuit opens and closes", func(t *testing.T) { t.Parallel(); s.testCircuit(t, task) })
			t.Run("calls in flight are bounded", func(t *testing.T) { t.Parallel(); s.testConcurrency(t, task) })
			t.Run("address policy", func(t *testing.T) { t.Parallel(); s.testPolicy(t, task) })
		})
	}
}

func (s Subject) testAnswers(t *testing.T) {
	t.Parallel()
	picture := Picture(t)
	found, err := s.setup(t, engine.ObjectDetection, engine.Spec{}, remote.Config{}).model.Detect(t.Context(), picture)
	if err != nil || len(found) != len(Detections()) {
		t.Fatalf("Detect() = %v, %v, want %v", found, err, Detections())
	}
	for i, want := range Detections() {
		got := found[i]
		if got.Label != want.Label || !near(got.Score, want.Score) || !near(got.Box.TopX, want.Box.TopX) || !near(got.Box.TopY, want.Box.TopY) ||
			!near(got.Box.BottomX, want.Box.BottomX) || !near(got.Box.BottomY, want.Box.BottomY) {
			t.Errorf("Detect()[%d] = %+v, want %+v", i, got, want)
		}
	}
	guesses, err := s.setup(t, engine.Classification, engine.Spec{}, remote.Config{}).model.Classify(t.Context(), picture)
	if err != nil || len(guesses) != len(Guesses()) {
		t.Fatalf("Classify() = %v, %v, want %v", guesses, err, Guesses())
	}
	for i, want := range Guesses() {
		if got := guesses[i]; got.Label != want.Label || !near(got.Score, want.Score) {
			t.Errorf("Classify()[%d] = %+v, want %+v", i, got, want)
		}
	}
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-5 }

// testFaults tries what a single call meets.
func (s Subject) testFaults(t *testing.T, task engine.Task) {
	t.Helper()
	for _, tc := range []struct {
		name  string
		plan  []Fault
		spec  engine.Spec
		calls int
		kind  fault.Kind // Internal stands for success
	}{
		{"503 then good", []Fault{Status(503), Status(503)}, engine.Spec{}, 3, fault.Internal},
		{"429, 502, 504 then good", []Fault{Status(429), Status(502), Status(504)}, engine.Spec{Retries: 3}, 4, fault.Internal},
		{"cut connection then good", []Fault{Cut}, engine.Spec{}, 2, fault.Internal},
		{"503 for ever", []Fault{Status(503), Status(503), Status(503), Status(503)}, engine.Spec{}, 3, fault.Unavailable},
		{"no repeats wanted", []Fault{Status(503)}, engine.Spec{Retries: -1}, 1, fault.Unavailable},
		{"400 is not repeated", []Fault{Status(400)}, engine.Spec{}, 1, fault.Unavailable},
		{"401 is not repeated", []Fault{Status(401)}, engine.Spec{}, 1, fault.Unavailable},
		{"500 is not repeated", []Fault{Status(500)}, engine.Spec{}, 1, fault.Unavailable},
		{"redirect is not followed", []Fault{Redirect}, engine.Spec{}, 1, fault.Unavailable},
		{"wait beyond the timeout", []Fault{RetryAfter(60)}, engine.Spec{}, 1, fault.Unavailable},
		{"too slow", []Fault{Hang}, engine.Spec{Timeout: 400 * time.Millisecond}, 1, fault.Unavailable},
		{"no JSON", []Fault{Body("<html>oops</html>")}, engine.Spec{}, 1, fault.Invalid},
		{"empty body", []Fault{Body("")}, engine.Spec{}, 1, fault.Invalid},
		{"null", []Fault{Body("null")}, engine.Spec{}, 1, fault.Invalid},
		{"other JSON", []Fault{Body(`{"a":[1,2]}`)}, engine.Spec{}, 1, fault.Invalid},
		{"empty list", []Fault{Body(`[]`)}, engine.Spec{}, 1, fault.Invalid},
		{"deep JSON", []Fault{Body(strings.Repeat("[", 1<<16))}, engine.Spec{}, 1, fault.Invalid},
		{"huge answer", []Fault{Huge}, engine.Spec{}, 1, fault.Invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := s.setup(t, task, tc.spec, remote.Config{MaxResponse: 1 << 18, BreakAfter: 100}, tc.plan...)
			err := b.call(t.Context())
			if got := b.faults.Calls(); got != tc.calls {
				t.Errorf("the server saw %d calls, want %d", got, tc.calls)
			}
			if tc.kind == fault.Internal {
				if err != nil {
					t.Errorf("call = %v, want success", err)
				}
				return
			}
			if !fault.Is(err, tc.kind) {
				t.Errorf("call = %v of kind %v, want kind %v", err, fault.Of(err), tc.kind)
			}
			if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "/score")) {
				t.Errorf("call = %q, want no key and no endpoint in it", err)
			}
		})
	}
}

func (s Subject) testCancel(t *testing.T, task engine.Task) {
	t.Helper()
	b := s.setup(t, task, engine.Spec{Timeout: time.Minute}, remote.Config{}, Hang)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-b.faults.Hanging
		cancel()
	}()
	if err := b.call(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("call = %v, want context.Canceled", err)
	}
	select {
	case <-b.faults.Left:
	case <-time.After(10 * time.Second):
		t.Error("the server still holds the call, want it ended")
	}
}

func (s Subject) testCircuit(t *testing.T, task engine.Task) {
	t.Helper()
	b := s.setup(t, task, engine.Spec{Retries: -1}, remote.Config{BreakAfter: 2, BreakFor: 400 * time.Millisecond}, Status(500), Status(500))
	for range 2 {
		if err := b.call(t.Context()); !fault.Is(err, fault.Unavailable) {
			t.Fatalf("call = %v, want kind unavailable", err)
		}
	}
	err := b.call(t.Context())
	var own *fault.Error
	if !errors.As(err, &own) || own.Kind != fault.Unavailable || own.RetryAfter == 0 || b.faults.Calls() != 2 {
		t.Errorf("call = %v after %d calls, want unavailable with a wait after 2", err, b.faults.Calls())
	}
	again, deadline := time.NewTicker(10*time.Millisecond), time.After(30*time.Second)
	defer again.Stop()
	for b.call(t.Context()) != nil {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatal("the circuit stays open, want it closed again")
		}
	}
	if b.faults.Calls() != 3 {
		t.Errorf("the server saw %d calls, want 3", b.faults.Calls())
	}
}

func (s Subject) testConcurrency(t *testing.T, task engine.Task) {
	t.Helper()
	const callers, bound = 6, 2
	plan := make([]Fault, callers)
	for i := range plan {
		plan[i] = Hold
	}
	b := s.setup(t, task, engine.Spec{Concurrency: bound, Timeout: time.Minute}, remote.Config{}, plan...)
	errs := make(chan error, callers)
	for range callers {
		go func() { errs <- b.call(t.Context()) }()
	}
	for range bound {
		<-b.faults.Hanging
	}
	b.faults.Release()
	for range callers {
		if err := <-errs; err != nil {
			t.Errorf("call = %v, want success", err)
		}
	}
	if most := b.faults.Most(); most > bound {
		t.Errorf("the server saw %d calls at once, want at most %d", most, bound)
	}
}

func (s Subject) testPolicy(t *testing.T, task engine.Task) {
	t.Helper()
	b := s.setup(t, task, engine.Spec{}, remote.Config{Allow: func(at netip.Addr) error {
		if at.IsLoopback() {
			return errors.New("loopback")
		}
		return nil
	}})
	if err := b.call(t.Context()); !fault.Is(err, fault.Unavailable) || b.faults.Calls() != 0 {
		t.Errorf("call = %v after %d calls, want kind unavailable after none", err, b.faults.Calls())
	}
}
