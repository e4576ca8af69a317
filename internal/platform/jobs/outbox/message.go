package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

// Bounds of what a message names.
const (
	maxStreamBytes = 200
	// MaxURLBytes bounds a callback address.
	MaxURLBytes = 4 << 10
)

// Message is one callback to be sent.
type Message struct {
	// Stream names the job that the message tells of, at most 200 bytes.
	// Messages of one stream are delivered in the order of Add.
	Stream string
	// Owner is the user for whom the job works, or empty; that of a stream's
	// first message counts.
	Owner string
	// URL is POSTed to as it is, query included; see CheckURL.
	URL string
	// Body is one JSON value.
	Body []byte
	// NotBefore holds the message, and so all behind it, back until then.
	NotBefore time.Time
	// Droppable says that the message may be left out when it could not be
	// delivered before a later one was added.
	Droppable bool
	// Final says that nothing comes after it.
	Final bool
}

// CheckURL tells whether messages can be sent to address: absolute, http or
// https, with a host, at most MaxURLBytes. Errors are of kind Invalid.
func CheckURL(address string) error {
	if len(address) > MaxURLBytes {
		return fault.New(fault.Invalid, "a callback address has at most %d bytes", MaxURLBytes)
	}
	u, err := url.Parse(address)
	if err != nil {
		// The parser's own error quotes the address, which may hold a token.
		return fault.New(fault.Invalid, "the callback address is not a URL")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return fault.New(fault.Invalid, "a callback address begins with http:// or https://")
	}
	if u.Hostname() == "" {
		return fault.New(fault.Invalid, "the callback address names no host")
	}
	return nil
}

func (m Message) check(cfg Config) error {
	switch {
	case m.Stream == "" || len(m.Stream) > maxStreamBytes:
		return fault.New(fault.Invalid, "a callback's stream has 1 to %d bytes", maxStreamBytes)
	case len(m.Body) > cfg.MaxBody:
		return fault.New(fault.TooLarge, "a callback of %d bytes exceeds the limit of %d", len(m.Body), cfg.MaxBody)
	case !utf8.Valid(m.Body) || !json.Valid(m.Body):
		return fault.New(fault.Invalid, "a callback's body must be JSON in UTF-8")
	}
	return CheckURL(m.URL)
}

// Add stores a message in the caller's transaction: it is sent exactly if that
// commits. On a stream that a Final message or Silence has ended it has no
// effect. Errors: Invalid, TooLarge, Unavailable (too many wait in the stream).
func (o *Outbox) Add(ctx context.Context, tx database.Tx, m Message) error {
	if err := m.check(o.cfg); err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("add callback: %w", err)
	}
	now := o.now()
	seq, taken, err := o.number(ctx, tx, m, now)
	if err != nil || !taken {
		return err
	}
	if len(m.Body) >= o.cfg.WarnBody {
		o.cfg.Log.WarnContext(ctx, "callback is so large that its receiver may refuse it",
			"stream", m.Stream, "seq", seq, "bytes", len(m.Body))
	}
	due := now
	if m.NotBefore.After(due) {
		due = jobs.Stamp(m.NotBefore)
	}
	if _, err := tx.NewInsert().Model(&messageRow{
		ID: id.String(), Stream: m.Stream, Seq: seq, URL: m.URL, Size: int64(len(m.Body)),
		Droppable: m.Droppable, Final: m.Final, State: Pending,
		DueAt: due, ExpiresAt: due.Add(o.cfg.GiveUp), CreatedAt: now,
	}).Exec(ctx); err != nil {
		return fmt.Errorf("add callback: %w", err)
	}
	if _, err := tx.NewInsert().Model(&bodyRow{MessageID: id.String(), Body: string(m.Body)}).Exec(ctx); err != nil {
		return fmt.Errorf("add body of callback: %w", err)
	}
	signal(o.wake)
	return nil
}

// number takes the stream's next number. It writes the stream's row, which
// Silence writes too, so that of the two one sees what the other did; the
// dispatcher never writes it, so that deliveries do not make callers wait.
func (o *Outbox) number(ctx context.Context, tx database.Tx, m Message, now time.Time) (seq int64, taken bool, err error) {
	state := open
	if m.Final {
		state = closed
	}
	var numbers []int64
	err = tx.NewRaw(`INSERT INTO outbox_streams (stream, owner, state, last_seq, changed_at) VALUES (?, ?, ?, 1, ?)
 ON CONFLICT (stream) DO UPDATE SET state = EXCLUDED.state, last_seq = outbox_streams.last_seq + 1, changed_at = EXCLUDED.changed_at
 WHERE outbox_streams.state = 'open' RETURNING last_seq`, m.Stream, m.Owner, state, now).Scan(ctx, &numbers)
	if err != nil {
		return 0, false, fmt.Errorf("number callback: %w", err)
	}
	if len(numbers) == 0 {
		return 0, false, nil
	}
	seq = numbers[0]
	if seq > int64(o.cfg.MaxPending) && !m.Final {
		var head []int64
		err := tx.NewSelect().Model((*messageRow)(nil)).Column("seq").
			Where("stream = ? AND state = 'pending'", m.Stream).OrderExpr("seq").Limit(1).Scan(ctx, &head)
		if err != nil {
			return 0, false, fmt.Errorf("look for waiting callbacks: %w", err)
		}
		if len(head) > 0 && seq-head[0] >= int64(o.cfg.MaxPending) {
			return 0, false, fault.New(fault.Unavailable, "%d callbacks wait already; try again later", o.cfg.MaxPending).After(time.Minute)
		}
	}
	return seq, true, nil
}

// Silence ends a stream in the caller's transaction: what was not delivered
// leaves no more, and nothing is taken. A POST that is open at the time is
// broken off; whether its receiver acted on it is not known. A stream that
// does not exist yet is ended all the same. Idempotent.
func (o *Outbox) Silence(ctx context.Context, tx database.Tx, stream string) error {
	if stream == "" || len(stream) > maxStreamBytes {
		return fault.New(fault.Invalid, "a callback's stream has 1 to %d bytes", maxStreamBytes)
	}
	now := o.now()
	_, err := tx.NewRaw(`INSERT INTO outbox_streams (stream, owner, state, last_seq, changed_at) VALUES (?, '', ?, 0, ?)
 ON CONFLICT (stream) DO UPDATE SET state = EXCLUDED.state, changed_at = EXCLUDED.changed_at`, stream, silenced, now).Exec(ctx)
	if err != nil {
		return fmt.Errorf("silence callbacks: %w", err)
	}
	_, err = tx.NewUpdate().Model((*messageRow)(nil)).Set("state = ?", Silenced).Set("settled_at = ?", now).
		Set("lease_until = NULL").Set("version = version + 1").
		Where("stream = ? AND state = 'pending'", stream).Exec(ctx)
	if err != nil {
		return fmt.Errorf("silence callbacks: %w", err)
	}
	return nil
}

// verbatim returns address as a request line can carry it: the query keeps its
// bytes but for those that no request line may hold (RFC 9112, section 3.2).
func verbatim(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the callback address is not a URL")
	}
	var query strings.Builder
	for _, b := range []byte(u.RawQuery) {
		if b <= ' ' || b >= 0x7f || b == '"' || b == '<' || b == '>' {
			fmt.Fprintf(&query, "%%%02X", b)
		} else {
			query.WriteByte(b)
		}
	}
	u.RawQuery = query.String()
	return u, nil
}
