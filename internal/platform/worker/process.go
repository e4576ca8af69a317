package worker

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"granary/internal/platform/worker/wire"
)

const (
	// drainTime is how long output is waited for that a process left behind
	// when everything known to write it has ended.
	drainTime = time.Second
	// stuckTime is how long a killed process is waited for. One that is stuck in
	// a driver cannot be ended by anybody; it keeps its place in the pool.
	stuckTime = 10 * time.Second
	// maxOrders is more than a worker can have unread: job, cancel, exit, end.
	maxOrders = 8
)

// starter starts processes from one thread that lives as long as the pool. A
// process with a parent death signal gets it when the thread that started it
// ends, which Go's threads may do at any time.
type starter struct {
	work chan func()
	done chan struct{}
}

func newStarter() *starter {
	s := &starter{work: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for f := range s.work {
			f()
		}
	}()
	return s
}

func (s *starter) start(cmd *exec.Cmd) error {
	result := make(chan error)
	s.work <- func() { result <- cmd.Start() }
	return <-result
}

// stop ends the thread; start must not be called afterwards.
func (s *starter) stop() { close(s.work); <-s.done }

// output is a line that a process wrote, or why there are no more.
type output struct {
	text   []byte
	stderr bool
	err    error
}

// process is one running program with its group.
type process struct {
	cmd  *exec.Cmd
	mark string

	stdin          *os.File
	stdout, stderr *os.File
	orders         chan []byte // to standard input; nil closes it

	lines   chan output   // closed when the process and its output have ended
	discard chan struct{} // closed when nobody reads lines any more
	tail    tail          // of standard error
	dead    chan struct{} // closed when the process has ended and its group is gone
	exited  chan struct{} // closed when lines is, and all is cleaned up

	giveUp    sync.Once
	overLimit atomic.Bool // killed for its memory

	mu     sync.Mutex
	reaped bool // from then on its number may be another process'
}

// begin starts the program of spec. both delivers the lines of standard error
// too. Errors: ErrStart.
func begin(s *starter, spec Spec, device, dir, mark string, extra []string, both bool) (*process, error) {
	fail := func(err error) (*process, error) {
		var path *os.PathError
		if errors.As(err, &path) { // users may read it, and need no path of ours
			err = path.Err
		}
		return nil, fmt.Errorf("%w: %s: %w", ErrStart, spec.Name, err)
	}
	name := spec.Argv[0]
	if spec.Dir != "" && !filepath.IsAbs(name) && strings.ContainsRune(name, filepath.Separator) {
		name = filepath.Join(spec.Dir, name)
	}
	cmd := exec.Command(name, spec.Argv[1:]...) //nolint:gosec,noctx // the operator names the program; it is stopped in steps, which a context cannot
	cmd.Dir = spec.Dir
	if cmd.Dir == "" {
		cmd.Dir = dir
	}
	cmd.Env = append(environ(spec, device, dir, mark), extra...)
	cmd.SysProcAttr = attributes()

	var theirs, ours []*os.File
	closeAll := func(files []*os.File) {
		for _, f := range files {
			f.Close()
		}
	}
	for range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(theirs)
			closeAll(ours)
			return fail(err)
		}
		if len(ours) == 0 {
			theirs, ours = append(theirs, r), append(ours, w)
		} else {
			theirs, ours = append(theirs, w), append(ours, r)
		}
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs[0], theirs[1], theirs[2]
	err := s.start(cmd)
	closeAll(theirs)
	if err != nil {
		closeAll(ours)
		return fail(err)
	}
	p := &process{
		cmd: cmd, mark: mark, stdin: ours[0], stdout: ours[1], stderr: ours[2],
		orders: make(chan []byte, maxOrders), lines: make(chan output), discard: make(chan struct{}),
		dead: make(chan struct{}), exited: make(chan struct{}),
	}
	limitMemory(cmd.Process.Pid, spec.Memory)
	var readers sync.WaitGroup
	readers.Go(func() { p.readStdout(spec.MaxLine) })
	readers.Go(func() { p.readStderr(both) })
	go p.write()
	go p.wait(&readers)
	if spec.Memory > 0 {
		go p.watch(spec.Memory)
	}
	return p, nil
}

// send queues a line for standard input, nil to close it. It does not block: a
// worker that reads nothing is stopped by other means.
func (p *process) send(line []byte) {
	select {
	case p.orders <- line:
	default:
	}
}

// abandon says that nobody reads lines any more.
func (p *process) abandon() { p.giveUp.Do(func() { close(p.discard) }) }

func (p *process) write() {
	for {
		select {
		case line := <-p.orders:
			if line == nil {
				p.stdin.Close()
				continue
			}
			// An error means that the process ends or has closed its input; both
			// show in what it says.
			_, _ = p.stdin.Write(line)
		case <-p.dead:
			return
		}
	}
}

func (p *process) readStdout(maxLine int) {
	lines := wire.NewReader(&drain{file: p.stdout}, maxLine)
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		o := output{err: err}
		if err == nil {
			o.text = append(o.text, line...)
		}
		select {
		case p.lines <- o:
		case <-p.discard:
		}
		if err != nil {
			_, _ = io.Copy(io.Discard, &drain{file: p.stdout}) // a full pipe would keep the worker from ending well
			return
		}
	}
}

func (p *process) readStderr(deliver bool) {
	in := bufio.NewReaderSize(io.TeeReader(&drain{file: p.stderr}, &p.tail), wire.MaxText)
	if !deliver {
		_, _ = io.Copy(io.Discard, in)
		return
	}
	for {
		line, _, err := in.ReadLine() // in pieces when it is long
		if err != nil {
			return
		}
		select {
		case p.lines <- output{text: append([]byte(nil), line...), stderr: true}:
		case <-p.discard:
		}
	}
}

// wait cleans up behind the process.
func (p *process) wait(readers *sync.WaitGroup) {
	pid := p.cmd.Process.Pid
	awaitExit(p.cmd)
	p.mu.Lock()
	left := killFamily(pid, p.mark)
	_ = p.cmd.Wait() // how it ended is in ProcessState; a second call changes nothing
	p.reaped = true
	p.mu.Unlock()
	close(p.dead)
	reap(left)
	p.stdin.Close()
	soon := time.Now().Add(drainTime)
	_, _ = p.stdout.SetReadDeadline(soon), p.stderr.SetReadDeadline(soon)
	readers.Wait()
	p.stdout.Close()
	p.stderr.Close()
	close(p.lines)
	close(p.exited)
}

// terminate asks the process to end.
func (p *process) terminate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		terminateGroup(p.cmd.Process.Pid)
	}
}

// kill ends the process and all that it started.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		killFamily(p.cmd.Process.Pid, p.mark)
		_ = p.cmd.Process.Kill() // it may not have become a group's leader yet
	}
}

// end stops the process: TERM, and after grace KILL. It blocks until all of it
// is gone or cannot be ended.
func (p *process) end(grace time.Duration) {
	p.abandon()
	p.terminate()
	p.expire(grace)
}

// expire waits for the end, at most for grace, and then makes it.
func (p *process) expire(grace time.Duration) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.exited:
		return
	case <-timer.C:
	}
	p.kill()
	timer.Reset(stuckTime)
	select {
	case <-p.exited:
	case <-timer.C:
	}
}

// over reports whether the process has ended.
func (p *process) over() bool {
	select {
	case <-p.dead:
		return true
	default:
		return hasExited(p.cmd)
	}
}

// death describes how the process ended. Call it after exited.
func (p *process) death(name string) *Died {
	d := &Died{Name: name, Code: p.cmd.ProcessState.ExitCode(), OutOfMemory: p.overLimit.Load(), Stderr: p.tail.String()}
	d.Signal = signalOf(p.cmd.ProcessState)
	return d
}

// drain reads a pipe whose process may have ended while somebody unknown still
// holds the other end. The read deadline is set when the process ended; what
// is in the pipe by then is still read, however late.
type drain struct{ file *os.File }

func (d *drain) Read(p []byte) (int, error) {
	n, err := d.file.Read(p)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	_ = d.file.SetReadDeadline(time.Now().Add(drainTime / 10))
	if n, err = d.file.Read(p); errors.Is(err, os.ErrDeadlineExceeded) {
		return n, io.EOF
	}
	if n > 0 { // the next look must not wait for ever either
		_ = d.file.SetReadDeadline(time.Now().Add(drainTime / 10))
	}
	return n, err
}
