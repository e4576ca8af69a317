package dataset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// lockWait is the time between two looks at a lock that another process holds.
const lockWait = 100 * time.Millisecond

// locks are named locks: within the process by a channel, so that waiters wake
// at once, and between processes by an advisory lock on a file. The file
// carries no content and stays until the document is removed.
type locks struct {
	mu   sync.Mutex
	held map[string]*turn
}

// turn is one name's lock within the process.
type turn struct {
	free  chan struct{} // holds one token while the lock is free
	users int
}

// acquire waits for the lock called name, a file under root.
func (l *locks) acquire(ctx context.Context, root *os.Root, name string) (unlock func(), err error) {
	t := l.enter(name)
	select {
	case <-t.free:
	case <-ctx.Done():
		l.leave(name, t)
		return nil, ctx.Err()
	}
	leave := func() { t.free <- struct{}{}; l.leave(name, t) }
	for {
		file, free, err := lockFile(root, name)
		if err != nil {
			leave()
			return nil, err
		}
		if free {
			return func() { file.Close(); leave() }, nil
		}
		timer := time.NewTimer(lockWait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			leave()
			return nil, ctx.Err()
		}
	}
}

// try takes the lock when it is free.
func (l *locks) try(root *os.Root, name string) (unlock func(), free bool, err error) {
	t := l.enter(name)
	select {
	case <-t.free:
	default:
		l.leave(name, t)
		return nil, false, nil
	}
	leave := func() { t.free <- struct{}{}; l.leave(name, t) }
	file, free, err := lockFile(root, name)
	if err != nil || !free {
		leave()
		return nil, false, err
	}
	return func() { file.Close(); leave() }, true, nil
}

func (l *locks) enter(name string) *turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.held[name]
	if t == nil {
		if l.held == nil {
			l.held = map[string]*turn{}
		}
		t = &turn{free: make(chan struct{}, 1)}
		t.free <- struct{}{}
		l.held[name] = t
	}
	t.users++
	return t
}

func (l *locks) leave(name string, t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(l.held, name)
	}
}

// lockFile opens and locks a file; free is false while another process has it.
// A holder may remove the file, so that what was locked must be what is there.
func lockFile(root *os.Root, name string) (file *os.File, free bool, err error) {
	file, err = root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("open lock: %w", err)
	}
	free, err = tryLock(file)
	if err != nil || !free {
		return nil, false, errors.Join(err, file.Close())
	}
	mine, err := file.Stat()
	if err != nil {
		return nil, false, errors.Join(err, file.Close())
	}
	if there, err := root.Lstat(name); err != nil || !os.SameFile(mine, there) {
		return nil, false, file.Close()
	}
	return file, true, nil
}
