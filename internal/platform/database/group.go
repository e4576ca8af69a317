package database

import (
	"context"
	"fmt"
	"sync"
)

// maxGroup bounds how many functions share one transaction.
const maxGroup = 64

// groupsAtOnce is how many groups are under way on PostgreSQL, so that one
// goes on while the other waits for the server's disk. More would make them
// smaller, and keep connections from others.
const groupsAtOnce = 2

// InGroup is InTx for short transactions of which many are made at once: those
// that wait together share one transaction, and so one commit, one wait for
// the disk. One that fails leaves no trace and harms no other, and all return
// after the commit. A function may see what those before it in the group
// wrote. It does nothing but queries, as it holds up the others; once it
// began, the end of ctx does not stop it, because a database that is
// interrupted rolls the whole group back (sqlite.org/c3ref/interrupt.html).
func (d *DB) InGroup(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m := &member{ctx: ctx, fn: fn, done: make(chan struct{})}
	if d.group.join(m, d.pool != nil) {
		d.group.leaders.Go(d.leadGroups)
	}
	select {
	case <-m.done:
	case <-ctx.Done():
		if d.group.leave(m) {
			return ctx.Err()
		}
		<-m.done
	}
	if m.panicked != nil {
		panic(m.panicked)
	}
	return m.err
}

// group is those who wait to share a transaction.
type group struct {
	leaders sync.WaitGroup

	mu      sync.Mutex
	waiting []*member
	led     int // leaders at work
}

// member is one function of a group. What it did is read once done is closed.
type member struct {
	ctx      context.Context
	fn       func(ctx context.Context, tx Tx) error
	after    []func()
	err      error
	panicked any
	done     chan struct{}
}

// join adds a member and reports whether the caller must see to a leader.
func (g *group) join(m *member, many bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, m)
	if g.led > 0 && !many || g.led >= groupsAtOnce {
		return false
	}
	g.led++
	return true
}

// leave takes back a member that nobody has begun with.
func (g *group) leave(m *member) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, other := range g.waiting {
		if other == m {
			g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// next returns who goes next, or nobody, upon which the leader is done.
func (g *group) next() []*member {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), maxGroup)
	members := append([]*member(nil), g.waiting[:n]...)
	g.waiting = append(g.waiting[:0], g.waiting[n:]...)
	clear(g.waiting[len(g.waiting) : len(g.waiting)+n])
	if n == 0 {
		g.led--
	}
	return members
}

// leadGroups runs groups for as long as somebody waits.
func (d *DB) leadGroups() {
	for members := d.group.next(); len(members) > 0; members = d.group.next() {
		d.runGroup(members)
	}
}

// runGroup runs the members in one transaction. SQLite, whose statements cost
// no journey, gives each a savepoint. PostgreSQL runs them together for as
// long as none fails, else each by itself.
func (d *DB) runGroup(members []*member) {
	apart := d.pool == nil && len(members) > 1
	err := d.attempts(context.Background(), "", func(ctx context.Context, tx Tx) error {
		for _, m := range members {
			run := m.call
			if apart {
				run = m.callApart
			}
			if err := run(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && d.pool != nil && len(members) > 1 {
		for i := range members {
			d.runGroup(members[i : i+1])
		}
		return
	}
	for _, m := range members {
		if m.err == nil {
			m.err = err
		}
		if m.err == nil {
			for _, fn := range m.after {
				fn()
			}
		}
		close(m.done)
	}
}

// call runs the function; a panic is kept for its own caller.
func (m *member) call(_ context.Context, tx Tx) (err error) {
	m.after, m.err, m.panicked = nil, nil, nil
	defer func() {
		if v := recover(); v != nil {
			m.panicked = v
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return m.fn(context.WithoutCancel(m.ctx), Tx{IDB: tx.IDB, pg: tx.pg, after: &m.after})
}

// callApart runs the function in a savepoint. It returns an error only when
// the transaction is of no use any more.
func (m *member) callApart(ctx context.Context, tx Tx) error {
	if _, err := tx.ExecContext(ctx, "SAVEPOINT member"); err != nil {
		return fmt.Errorf("begin in group: %w", err)
	}
	if m.err = m.call(ctx, tx); m.err != nil {
		if _, err := tx.ExecContext(ctx, "ROLLBACK TO member"); err != nil {
			return fmt.Errorf("roll back in group: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, "RELEASE member"); err != nil {
		return fmt.Errorf("end in group: %w", err)
	}
	return nil
}
