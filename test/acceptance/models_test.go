package acceptance

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"granary/test/harness"
)

// pipeline imports a pipeline over models of the test's own and returns its
// name.
func (w *world) pipeline(t *testing.T, models *harness.Models) string {
	t.Helper()
	name := strings.ReplaceAll(t.Name(), "/", " ")
	file := w.server.Write(t, strings.ReplaceAll(name, " ", "_")+".json", models.LegacyFile(t, name, "models-key", nil))
	w.server.Command(t, "pipeline", "import", file)
	return name
}

// leftAlone checks that no failed call left a picture behind.
func (v *visitor) leftAlone(t *testing.T) {
	t.Helper()
	for _, f := range v.folders(t) {
		if f.Count != 0 {
			t.Errorf("folder %s holds %d pictures after failed classifications, want 0", f.Name, f.Count)
		}
	}
}

const (
	detectFailed   = "API Error during classification : Error while processing inference results :\n "
	classifyFailed = "API Error during classification : An error occurred while processing the request:\n "
)

// testBrokenModels lets models answer nonsense in many ways: always the
// array, with the stage's text, and never a picture left.
func testBrokenModels(t *testing.T, w *world) {
	v := w.user(t)
	models := harness.NewModels(t)
	name := w.pipeline(t, models)
	fail := func(status int) harness.Reply {
		return harness.Reply{Status: status, Body: "internal-detail-of-the-model"}
	}
	for _, tc := range []struct {
		name                 string
		detector, classifier harness.Reply
		text                 string
	}{
		{"detector answers 500", fail(500), harness.Reply{}, detectFailed},
		{"detector answers 404", fail(404), harness.Reply{}, detectFailed},
		{"detector answers HTML", harness.Reply{Body: "<html>"}, harness.Reply{}, detectFailed},
		{"detector answers nothing", harness.Reply{}, harness.Reply{}, detectFailed},
		{"detector answers a number", harness.Reply{Body: "1"}, harness.Reply{}, detectFailed},
		{"detector answers null", harness.Reply{Body: "null"}, harness.Reply{}, detectFailed},
		{"box without corners", harness.Reply{Body: `{"boxes":[{"label":"seed"}]}`}, harness.Reply{}, detectFailed},
		{"box of text", harness.Reply{Body: `{"boxes":[{"box":{"topX":"a"}}]}`}, harness.Reply{}, detectFailed},
		{"box beyond all numbers", harness.Reply{Body: `{"boxes":[{"box":{"topX":1e999,"topY":0,"bottomX":1,"bottomY":1},"label":"x","score":1}]}`}, harness.Reply{}, detectFailed},
		{"detector redirects", harness.Reply{Status: 302, Header: map[string]string{"Location": "http://127.0.0.1:1/"}}, harness.Reply{}, detectFailed},
		{"classifier answers 400", harness.Reply{Body: harness.OneBox}, fail(400), classifyFailed},
		{"classifier answers HTML", harness.Reply{Body: harness.OneBox}, harness.Reply{Body: "<html>"}, classifyFailed},
		{"classifier answers an object", harness.Reply{Body: harness.OneBox}, harness.Reply{Body: `{"error":"x"}`}, classifyFailed},
		{"classifier names nothing", harness.Reply{Body: harness.OneBox}, harness.Reply{Body: `[]`}, classifyFailed},
	} {
		models.Answer(func(c harness.Call) harness.Reply {
			if c.Model == "detector" {
				return tc.detector
			}
			return tc.classifier
		})
		answer := v.page.Post(t, "/inf", v.request("General", name, harness.DataURL("image/png", w.drawer.PNG(t))))
		answer.RefusedLike(t, 400, tc.text)
		for _, secret := range []string{"internal-detail-of-the-model", "models-key", models.URL, "goroutine"} {
			if strings.Contains(answer.Short(), secret) {
				t.Errorf("%s: the answer holds %q: %s", tc.name, secret, answer.Short())
			}
		}
		if t.Failed() {
			t.Fatalf("above: %s", tc.name)
		}
	}
	v.leftAlone(t)
}

// testRetriedModels answers 503 first; the call is repeated and succeeds.
func testRetriedModels(t *testing.T, w *world) {
	v := w.user(t)
	models := harness.NewModels(t)
	name := w.pipeline(t, models)
	var refusals atomic.Int32
	models.Answer(func(c harness.Call) harness.Reply {
		if refusals.Add(1) <= 1 {
			return harness.Reply{Status: http.StatusServiceUnavailable}
		}
		return harness.Seeds(c)
	})
	var got inference
	v.page.Post(t, "/inf", v.request("General", name, harness.DataURL("image/png", w.drawer.PNG(t)))).OK(t, &got)
	if calls := len(models.Calls("detector")); got.Total != 3 || calls != 2 {
		t.Errorf("%d boxes after %d detector calls, want 3 after 2", got.Total, calls)
	}
	if count := v.folder(t, "General").Count; count != 1 {
		t.Errorf("General holds %d pictures, want 1", count)
	}
}

// testBreaker fails until the circuit opens: then calls end at once, without
// reaching the model, and other pipelines go on.
func testBreaker(t *testing.T, w *world) {
	v := w.user(t)
	models := harness.NewModels(t)
	name := w.pipeline(t, models)
	models.Answer(func(harness.Call) harness.Reply { return harness.Reply{Status: http.StatusInternalServerError} })
	const text = detectFailed + "model seed-detector-1 failed several times and is left alone for a while"
	post := func() harness.Answer {
		return v.page.Post(t, "/inf", v.request("General", name, harness.DataURL("image/png", w.drawer.PNG(t))))
	}
	for range 5 {
		post().RefusedLike(t, 400, detectFailed)
	}
	before := len(models.Calls("detector"))
	for range 3 {
		post().Refused(t, 400, text)
	}
	if after := len(models.Calls("detector")); before != 5 || after != before {
		t.Errorf("%d calls before the circuit opened and %d after, want 5 and 5", before, after)
	}
	v.leftAlone(t)
	v.classify(t, "General")
}

// testSlowModel lets the client leave while a model thinks: the model's call
// is cancelled, others are not held up, and nothing is left behind.
func testSlowModel(t *testing.T, w *world) {
	for _, hanging := range []string{"detector", "classifier"} {
		t.Run(hanging, func(t *testing.T) {
			v, other := w.user(t), w.user(t)
			models := harness.NewModels(t)
			name := w.pipeline(t, models)
			called := make(chan struct{}, 8)
			models.Answer(func(c harness.Call) harness.Reply {
				if c.Model == hanging {
					called <- struct{}{}
					return harness.Reply{Hang: true}
				}
				return harness.Seeds(c)
			})
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			body := v.request("General", name, harness.DataURL("image/png", w.drawer.PNG(t)))
			var gone sync.WaitGroup
			gone.Go(func() {
				if _, err := v.page.Try(ctx, t, http.MethodPost, "/inf", body); !errors.Is(err, context.Canceled) {
					t.Errorf("error of a request that was left = %v, want canceled", err)
				}
			})
			wait(t, called, "the model is called")
			other.classify(t, "General") // one slow model blocks nobody
			leave()
			gone.Wait()
			wait(t, models.Left(), "the model's call is cancelled")
			v.leftAlone(t)
		})
	}
}

// wait receives one value within a generous limit.
func wait[T any](t *testing.T, from <-chan T, what string) {
	t.Helper()
	select {
	case <-from:
	case <-time.After(20 * time.Second):
		t.Fatalf("waited in vain: %s", what)
	}
}
