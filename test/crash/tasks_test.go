package crash_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"granary/internal/platform/database/databasetest"
	"granary/test/front"
	"granary/test/harness"
)

// Guarantee: a task that was accepted ends, and its front end is told of one
// end, whenever the server, a worker or both die, and however long the front
// itself is away.
func TestTasksSurviveKills(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		killDuringTasks(t, harness.Local(t), kills(t, 20))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		// Results lie in a folder. A storage service may finish an upload of a
		// killed server after the server that came back has swept: then granary
		// check finds an object that no row names.
		store := harness.Local(t).With("GRANARY_DATABASE_URL=" + databasetest.PostgresURL(t))
		killDuringTasks(t, store, max(5, kills(t, 0)/10))
	})
}

// patron is a front end that starts tasks and remembers which were accepted.
type patron struct {
	front     *front.Front
	api       front.API
	notify    string
	documents [][]any

	mu sync.Mutex
	// accepted are the tracking ids by their experiment.
	accepted map[string]string
	// cancelled are those whose cancel was asked for: true when that was
	// answered.
	cancelled map[string]bool
}

func newPatron(t *testing.T, base string) *patron {
	t.Helper()
	f := front.New(t)
	p := &patron{front: f, api: front.API{Base: base}, notify: f.Accept("/notify"), accepted: map[string]string{}, cancelled: map[string]bool{}}
	for set := range 3 {
		var documents []any
		for i := range set + 1 {
			name := fmt.Sprintf("doc%d%d", set, i)
			src := f.Archive(t, name, front.Picture{Name: "a.jpg", Data: blank(t)})
			documents = append(documents, map[string]any{"type": "zip", "uid": name, "src": src})
		}
		p.documents = append(p.documents, documents)
	}
	return p
}

func blank(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, 20, 20)), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// start sends start requests, and now and then a cancel, until ctx ends or the
// server is gone.
func (p *patron) start(ctx context.Context) {
	for ctx.Err() == nil {
		experiment := uuid.NewString()
		answer, err := p.api.Start(ctx, "/nonce/start", map[string]any{
			"experiment_id": experiment, "notify_url": p.notify, "documents": p.documents[rand.N(len(p.documents))], "fail": rand.N(8) == 0,
		})
		if err != nil {
			return // nobody was told that it was accepted
		}
		p.mu.Lock()
		p.accepted[experiment] = answer.TrackingID
		p.mu.Unlock()
		<-time.After(30*time.Millisecond + rand.N(100*time.Millisecond)) // a load that the workers can do
		if rand.N(10) == 0 {
			p.note(answer.TrackingID, false)
			p.note(answer.TrackingID, p.api.Cancel(ctx, "/nonce", answer.TrackingID) == nil)
		}
	}
}

func (p *patron) note(id string, answered bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancelled[id] = answered
}

func killDuringTasks(t *testing.T, store harness.Store, times int) {
	t.Helper()
	mark := uuid.NewString()
	address := freeAddress(t)
	settings := append(append(quiet(), installGuest(t, store.Folder, mark)...),
		"--listen", address, "--set", "services=demos", "--set", "demos.callbacks.grace=20ms", "--set", "demos.fetch.pause=0s")
	p := newPatron(t, "http://"+address)
	server := harness.Start(t, store, settings...)
	var workers, servers int
	for round := range times {
		ctx, stop := context.WithCancel(t.Context())
		var load sync.WaitGroup
		for range 2 {
			load.Go(func() { p.start(ctx) })
		}
		moment := func() <-chan time.Time { return time.After(50*time.Millisecond + rand.N(450*time.Millisecond)) }
		away := rand.N(4) == 0
		if away {
			if err := p.front.Down(); err != nil {
				t.Fatal(err)
			}
		}
		what := rand.N(3) // the worker, the server, or both at once
		<-moment()        // which is what is tested
		if what != 1 && killGuest(t, mark) {
			workers++
		}
		if what != 0 {
			server.Kill(t)
			servers++
		}
		stop()
		load.Wait()
		if what != 0 {
			server = harness.Start(t, store, settings...)
		}
		if round%10 == 9 {
			harness.Eventually(t, "the server that came back has swept", func() bool { return store.Try(t, "check").Code == 0 })
		}
		if away {
			if err := p.front.Up(); err != nil {
				t.Fatal(err)
			}
		}
		p.settle(t, 40)
		if t.Failed() {
			t.Fatalf("after kill %d of %d", round+1, times)
		}
	}
	p.settle(t, 0)
	p.verify(t)
	server.Stop(t)
	sound(t, store)
	harness.Eventually(t, "every worker is gone", func() bool { return len(guests(t, mark)) == 0 })
	t.Logf("%d rounds: killed %d servers and %d workers", times, servers, workers)
}

// settle waits until at most so many tasks are left, as long as they end one
// after the other.
func (p *patron) settle(t *testing.T, most int) {
	t.Helper()
	for left := p.left(t); left > most; {
		before := left
		harness.Eventually(t, fmt.Sprintf("one of %d tasks ends", left), func() bool {
			left = p.left(t)
			return left < before
		})
	}
}

// left asks how many tasks wait or run.
func (p *patron) left(t *testing.T) int {
	t.Helper()
	var depths struct {
		Queues map[string]struct {
			Size int `json:"size"`
		} `json:"queues"`
	}
	if err := p.api.Get(t.Context(), "/nonce/qsizes", &depths); err != nil {
		t.Fatal(err)
	}
	return depths.Queues["nonce"].Size
}

// freeAddress returns an address below the range of outgoing connections, for
// a server that comes back where it was.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(20000+rand.N(12000)))
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
		if err == nil {
			if err := listener.Close(); err != nil {
				t.Fatal(err)
			}
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// outcome counts how tasks ended.
type outcome struct{ succeeded, failed, cancelled int }

// verify waits until every accepted task has ended and holds each end against
// what the front was told and what was published.
func (p *patron) verify(t *testing.T) {
	t.Helper()
	var sum outcome
	for experiment, id := range p.accepted {
		var log struct {
			Status string   `json:"status"`
			Infos  []string `json:"infos"`
			nonce
		}
		null := false
		harness.Eventually(t, "task "+id+" ends", func() bool {
			raw, err := p.api.Status(t.Context(), "/nonce", id)
			if err == nil {
				log.Status = ""
				null = string(raw) == "null"
				err = json.Unmarshal(raw, &log)
			}
			if err != nil {
				t.Fatal(err)
			}
			return log.Status != front.Pending && log.Status != front.Progress
		})
		switch {
		case null || log.Status == front.Failed && log.Infos[0] == "Error: Actor raised Abort ()":
			sum.cancelled++
			p.checkCancelled(t, id)
		case log.Status == front.Failed:
			sum.failed++
			p.end(t, id, front.Failed)
		default:
			sum.succeeded++
			p.checkResult(t, experiment, id, log.nonce)
		}
	}
	// A start whose answer was lost is a task all the same.
	for _, id := range p.front.Heard() {
		if _, asked := p.cancelled[id]; !asked {
			p.end(t, id, "")
		}
	}
	ends, repeated := p.front.Ended()
	t.Logf("%d accepted: %+v; the front accepted %d ends and was sent %d of them again, byte for byte, after a kill between its answer and the record of it",
		len(p.accepted), sum, len(ends), repeated)
	if sum.succeeded == 0 {
		t.Error("no task succeeded: the test tested nothing")
	}
}

// end waits for a task's end at the front, of that event unless it is empty.
// That no other end is accepted is the front's own rule.
func (p *patron) end(t *testing.T, id, event string) *front.Callback {
	t.Helper()
	var end *front.Callback
	harness.Eventually(t, "the front is told of the end of "+id, func() bool {
		ends, _ := p.front.Ended()
		end = ends[id]
		return end != nil
	})
	if event != "" && end.Event != event {
		t.Errorf("the front was told %s of the task %s, which ended otherwise: %s", end.Event, id, end.Body)
	}
	return end
}

func (p *patron) checkCancelled(t *testing.T, id string) {
	t.Helper()
	if _, asked := p.cancelled[id]; !asked {
		t.Errorf("task %s is cancelled, and nobody asked for that", id)
	}
	if ends, _ := p.front.Ended(); ends[id] != nil {
		t.Errorf("task %s is cancelled, and the front was told %s", id, ends[id].Body)
	}
}

// checkResult holds a success against its callback and its files: all are of
// the one attempt that ended the task.
func (p *patron) checkResult(t *testing.T, experiment, id string, log nonce) {
	t.Helper()
	var output nonce
	end := p.end(t, id, front.Success)
	if err := json.Unmarshal(end.Fields["output"], &output); err != nil || output != log || log.Nonce == "" {
		t.Errorf("task %s ended with %+v, the front was told %s", id, log, end.Body)
	}
	for i := range log.Files {
		var file nonce
		name := fmt.Sprintf("doc%d%d", log.Files-1, i)
		if err := p.api.Get(t.Context(), "/nonce/"+experiment+"~"+name+"/result", &file); err != nil || file.Nonce != log.Nonce {
			t.Errorf("%s of the task %s is of the attempt %q, %v; want %q", name, id, file.Nonce, err, log.Nonce)
		}
	}
}
