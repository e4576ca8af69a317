package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	samples "granary/internal/demos/sample"
)

// trial is one app with the sample document that shows what it does.
type trial struct {
	app, document string
	draw          func() ([]samples.Picture, error)
	parameters    map[string]any
	// says tells what is to be seen in the result.
	says string
}

func trials() []trial {
	return []trial{
		{
			"similarity", "ornaments.zip", samples.Alike,
			map[string]any{"transpositions": []string{"none", "rot90", "rot180", "rot270"}, "cosine_n_filter": 4},
			"turned, cut and aged copies of ornaments",
		},
		{"regions", "pages.zip", samples.Pages, nil, "figures on printed pages"},
		{"vectorization", "diagrams.zip", samples.Drawings, nil, "diagrams traced to lines, circles and arcs"},
		{"dticlustering", "signs.zip", samples.Shapes, map[string]any{"n_prototypes": 4}, "signs of four kinds, grouped"},
	}
}

// collections starts a task of every installed app as a front end would, over
// documents that this process serves, and waits for their results.
func (d *demo) collections(ctx context.Context) (err error) {
	chosen := slices.DeleteFunc(trials(), func(t trial) bool { return !slices.Contains(d.cfg.Apps, t.app) })
	if len(chosen) == 0 {
		return nil
	}
	began := time.Now()
	documents := map[string][]byte{}
	for _, t := range chosen {
		pictures, err := t.draw()
		if err != nil {
			return err
		}
		if documents[t.document], err = samples.Zip(pictures); err != nil {
			return err
		}
	}
	front, stop, err := serve(ctx, documents)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	fmt.Fprintf(d.cfg.Log, "\nimage collections:   %d tasks queued through the API …\n", len(chosen))
	ids := make([]string, len(chosen))
	for i, t := range chosen {
		var task struct {
			ID string `json:"id"`
		}
		body := map[string]any{"documents": []map[string]string{{"type": "zip", "src": front + "/" + t.document}}}
		if t.parameters != nil {
			body["parameters"] = t.parameters
		}
		if err := d.client.call(ctx, "/api/v1/demos/apps/"+t.app+"/tasks", body, &task); err != nil {
			return err
		}
		ids[i] = task.ID
	}
	for i, t := range chosen {
		if err := d.follow(ctx, t, ids[i]); err != nil {
			return err
		}
	}
	fmt.Fprintf(d.cfg.Log, "the collections took %.1f s\n", time.Since(began).Seconds())
	return nil
}

// serve answers documents from a port of this machine, as front ends do,
// until stop.
func serve(ctx context.Context, documents map[string][]byte) (address string, stop func() error, err error) {
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("serve sample documents: %w", err)
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, ok := documents[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, r.URL.Path, time.Time{}, bytes.NewReader(data))
	})}
	done := make(chan error, 1)
	go func() { done <- server.Serve(socket) }()
	return "http://" + socket.Addr().String(), func() error {
		err := server.Close()
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}

// follow draws a bar until the task has ended, then says where its result is.
func (d *demo) follow(ctx context.Context, t trial, id string) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		var task struct {
			State, Error string
			Bars         []struct {
				Context        string
				Current, Total int64
			}
		}
		if err := d.client.call(ctx, "/api/v1/demos/tasks/"+id, nil, &task); err != nil {
			return err
		}
		switch task.State {
		case "succeeded":
			d.clear()
			fmt.Fprintf(d.cfg.Log, "  %-14s %s\n", t.app, t.says)
			fmt.Fprintf(d.cfg.Log, "  %-14s %s/console/demos/tasks/%s\n", "", d.cfg.URL, id)
			return nil
		case "failed", "cancelled", "timed_out", "lost":
			return fmt.Errorf("the task of %s %s: %s", t.app, strings.ReplaceAll(task.State, "_", " "), task.Error)
		}
		for _, bar := range task.Bars {
			if bar.Total > 0 && terminal(d.cfg.Log) {
				d.clear()
				fmt.Fprintf(d.cfg.Log, "  %-14s %s %d of %d", t.app, gauge(bar.Current, bar.Total), bar.Current, bar.Total)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// clear removes a bar from the line (ECMA-48, erase in line).
func (d *demo) clear() {
	if terminal(d.cfg.Log) {
		fmt.Fprint(d.cfg.Log, "\r\x1b[K")
	}
}

// terminal reports whether somebody watches what is written.
func terminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// gauge draws how far something is.
func gauge(current, total int64) string {
	const width = 24
	full := int(min(max(current, 0), total) * width / total)
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}
