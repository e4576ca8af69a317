package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"granary/internal/platform/worker/wire"
)

// doPlain runs a program that does not speak the protocol: its job lies in a
// file, every line it writes is a line of the log but the last one of
// standard output, which is the result.
func (p *Pool) doPlain(ctx context.Context, t *talk) ([]byte, error) {
	dir, mark, err := p.folder()
	if err != nil {
		return nil, err
	}
	defer p.remove(dir)
	order, err := t.job.order(dir)
	if err != nil {
		return nil, err
	}
	if t.job.Fill != nil {
		if err := t.job.Fill(dir); err != nil {
			return nil, fmt.Errorf("fill temporary folder of job: %w", err)
		}
	}
	file := filepath.Join(dir, "job.json")
	if err := os.WriteFile(file, order, 0o600); err != nil {
		return nil, fmt.Errorf("write job file: %w", err)
	}
	process, err := begin(p.starter, t.spec, t.job.Device, dir, mark, []string{jobVariable + "=" + file}, true)
	if err != nil {
		return nil, err
	}
	process.send(nil)
	last, err := listen(ctx, t, process)
	if err != nil {
		process.end(t.spec.Grace)
		return nil, err
	}
	<-process.exited
	switch died := process.death(t.spec.Name); {
	case died.OutOfMemory, died.Signal != "":
		return nil, died
	case died.Code != 0:
		return nil, &Failed{Message: lastLine(died), Traceback: died.Stderr}
	case len(last) == 0:
		return json.RawMessage("null"), nil
	case !json.Valid(last):
		return nil, fmt.Errorf("%w: the last line of %s is no JSON: %s", ErrProtocol, t.spec.Name, quote(last))
	}
	return last, nil
}

// listen hands on the lines of a plain program until it ends and returns the
// last one of its standard output.
func listen(ctx context.Context, t *talk, p *process) (last []byte, err error) {
	for {
		select {
		case <-ctx.Done():
			return nil, ended(ctx, t.spec.Name)
		case o, open := <-p.lines:
			switch {
			case !open:
				return last, nil
			case o.err != nil:
				return nil, fmt.Errorf("%w: %s: %w", ErrTooMuch, t.spec.Name, o.err)
			case !t.count(o.text):
				return nil, fmt.Errorf("%w: %s wrote more than %d bytes in one job", ErrTooMuch, t.spec.Name, t.spec.MaxOutput)
			case o.stderr:
				t.line(Info, string(o.text))
			default:
				if last != nil {
					t.line(Info, string(last))
				}
				last = o.text
			}
		}
	}
}

// lastLine is what a program said last before it failed.
func lastLine(d *Died) string {
	text := strings.TrimSpace(d.Stderr)
	if text = text[strings.LastIndexByte(text, '\n')+1:]; text == "" {
		return fmt.Sprintf("%s ended with exit status %d", d.Name, d.Code)
	}
	return wire.Clip(text)
}
