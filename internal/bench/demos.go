package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// The apps of the measured server: one ends at once, the other says a few
// lines and a bar and goes on until it is told to stop.
const (
	shortManifest = `
name: pass
prefixes: [/pass]
worker: {command: [sh, -c, 'echo {\"done\":true}'], mode: plain}
endpoints: [{actor: pass, documents: none}]
`
	holdManifest = `
name: hold
prefixes: [/hold]
worker: {command: [sh, hold.sh], mode: oneshot, grace: 1s}
endpoints: [{actor: hold}]
`
	holdScript = `echo '{"type":"ready","protocol":1,"name":"hold"}'
read -r job
id=$(printf '%s' "$job" | sed 's/.*"id":"\([^"]*\)".*/\1/')
for page in 1 2 3 4 5 6 7 8 9 10; do
  echo '{"type":"info","id":"'$id'","text":"read page '$page' of the first document"}'
done
echo '{"type":"progress","id":"'$id'","key":"pages","context":"Pages of the document","current":10,"total":320}'
read -r order
echo '{"type":"failed","id":"'$id'","error":"stopped"}'
`
	// grace is the server's default: callbacks leave this long after a start.
	grace = time.Second
	// pollers ask for the status at once.
	pollers = 8
)

// demosBench measures the demos service over HTTP, on a server of its own.
type demosBench struct {
	binary, folder              string
	rounds, idle, starts, polls int
	client                      client
	front                       *demosFront
}

// measure finds out what front ends feel: how long a start takes, how soon they
// hear that a task has begun, and how often they may ask how it stands.
func (b demosBench) measure(ctx context.Context) (section Section, err error) {
	section.Title = "front ends of the demos service"
	if b.front, err = newDemosFront(ctx); err != nil {
		return section, err
	}
	defer func() { err = errors.Join(err, b.front.close()) }()
	apps := filepath.Join(b.folder, "apps")
	for name, text := range map[string]string{"pass/app.yaml": shortManifest, "hold/app.yaml": holdManifest, "hold/hold.sh": holdScript} {
		path := filepath.Join(apps, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			return section, err
		}
	}
	data := filepath.Join(b.folder, "demos")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return section, err
	}
	s, err := program{b.binary, data}.start(ctx, "--set", "demos.apps_folder="+apps, "--set", "demos.apps=pass,hold")
	if err != nil {
		return section, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := b.announcements(ctx, s, &section); err != nil {
		return section, err
	}
	return section, b.load(ctx, s, &section)
}

// announcements starts single tasks on the idle server and waits for their
// first callback.
func (b demosBench) announcements(ctx context.Context, s *server, section *Section) error {
	var beyond []float64
	for range b.idle {
		began := time.Now()
		if _, _, err := b.start(ctx, s, "/pass/start", map[string]any{"notify_url": b.front.url + "/notify"}); err != nil {
			return err
		}
		heard, err := next(ctx, b.front.started)
		if err != nil {
			return err
		}
		beyond = append(beyond, max(0, heard.Sub(began)-grace).Seconds()*1000)
	}
	section.add("idle: from sending the start to STARTED, beyond the grace of 1 s, median", "ms", median(beyond)).atMost(30)
	section.add("idle: the same, 99 of 100", "ms", quantile(beyond, 0.99))
	return nil
}

// load starts tasks behind one that goes on, and asks how that one stands.
func (b demosBench) load(ctx context.Context, s *server, section *Section) error {
	request := map[string]any{"notify_url": b.front.url + "/notify", "documents": []any{
		map[string]string{"type": "zip", "uid": "first", "src": b.front.url + "/first.zip"},
		map[string]string{"type": "zip", "uid": "second", "src": b.front.url + "/second.zip"},
	}}
	id, _, err := b.start(ctx, s, "/hold/start", request)
	if err != nil {
		return err
	}
	status := s.URL + "/hold/" + id + "/status"
	if err := b.underway(ctx, status); err != nil {
		return err
	}
	var middle, slow, rates, processor []float64
	for range b.rounds {
		took := make([]time.Duration, b.starts)
		for i := range took {
			if _, took[i], err = b.start(ctx, s, "/hold/start", request); err != nil {
				return err
			}
		}
		middle, slow = append(middle, median(milliseconds(took))), append(slow, quantile(milliseconds(took), 0.99))
		before, err := processorTime(s.cmd.Process.Pid)
		if err != nil {
			return err
		}
		rate, err := b.poll(ctx, status)
		if err != nil {
			return err
		}
		after, err := processorTime(s.cmd.Process.Pid)
		if err != nil {
			return err
		}
		rates, processor = append(rates, rate), append(processor, float64((after-before).Microseconds())/float64(b.polls))
	}
	section.add("start of two documents, durable, median", "ms", middle...).atMost(5)
	section.add("start of two documents, durable, 99 of 100", "ms", slow...)
	section.add(fmt.Sprintf("status of a running task, %d clients", pollers), "1/s", rates...).atLeast(5_000)
	section.add("of which the server's processor time", "µs", processor...)
	_, _, err = b.client.post(ctx, s.URL+"/hold/"+id+"/cancel", nil)
	return err
}

// start posts a start request and returns the task's id and how long it took.
func (b demosBench) start(ctx context.Context, s *server, path string, request any) (id string, took time.Duration, err error) {
	body, err := json.Marshal(request)
	if err != nil {
		return "", 0, err
	}
	answer, took, err := b.client.post(ctx, s.URL+path, body)
	if err != nil {
		return "", 0, err
	}
	var started struct {
		ID string `json:"tracking_id"`
	}
	if err := json.Unmarshal(answer, &started); err != nil || started.ID == "" {
		return "", 0, errors.Join(fmt.Errorf("%s answered %.200s", path, answer), err)
	}
	return started.ID, took, nil
}

// underway waits until a task shows its bar.
func (b demosBench) underway(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		body, err := b.get(ctx, address)
		if err != nil {
			return err
		}
		if strings.Contains(string(body), "Pages of the document") {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the task did not begin: %.300s", body)
		case <-ticker.C:
		}
	}
}

// poll asks for a task's status from all pollers and returns requests per
// second.
func (b demosBench) poll(ctx context.Context, address string) (float64, error) {
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for range pollers {
		group.Go(func() error {
			for range b.polls / pollers {
				if _, err := b.get(ctx, address); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return float64(b.polls) / time.Since(began).Seconds(), err
}

func (b demosBench) get(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := b.client.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = &statusError{request.URL.Path, response.StatusCode, string(body)}
	}
	return body, err
}

// demosFront is a front end: it gives pictures and takes callbacks.
type demosFront struct {
	url string
	// started gets the time of each STARTED.
	started chan time.Time
	server  *http.Server
	served  chan error
}

func newDemosFront(ctx context.Context) (*demosFront, error) {
	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 300, 200)), nil); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &demosFront{url: "http://" + listener.Addr().String(), started: make(chan time.Time, 1024), served: make(chan error, 1)}
	f.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := time.Now()
		if r.Method != http.MethodPost {
			if writeArchive(w, picture.Bytes(), 2) != nil {
				panic(http.ErrAbortHandler) // the client must not take it for whole
			}
			return
		}
		var call struct {
			Event string `json:"event"`
		}
		if json.NewDecoder(r.Body).Decode(&call) == nil && call.Event == "STARTED" {
			f.started <- at
		}
	})}
	go func() { f.served <- f.server.Serve(listener) }()
	return f, nil
}

func (f *demosFront) close() error {
	err := f.server.Close()
	if stopped := <-f.served; !errors.Is(stopped, http.ErrServerClosed) {
		err = errors.Join(err, stopped)
	}
	return err
}
