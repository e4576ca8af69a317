package outbox

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// maxDeliveries bounds one answer of Deliveries.
const maxDeliveries = 1000

// Delivery is a message as people see it. It has neither the body nor the
// values of the address' query, which may be secrets.
type Delivery struct {
	ID     string `json:"id"`
	Stream string `json:"stream"`
	Owner  string `json:"owner,omitempty"`
	Seq    int64  `json:"seq"`
	URL    string `json:"url"`
	// Bytes is the size of the body.
	Bytes int64 `json:"bytes"`
	State State `json:"state"`
	Final bool  `json:"final"`
	// Attempts counts those begun. Status is that of the latest answer, 0
	// when none came, and Answer its first 500 bytes.
	Attempts int    `json:"attempts"`
	Status   int    `json:"status,omitempty"`
	Answer   string `json:"answer,omitempty"`
	Error    string `json:"error,omitempty"`
	// Open says that a POST is under way.
	Open        bool       `json:"open"`
	CreatedAt   time.Time  `json:"created_at"`
	AttemptedAt *time.Time `json:"attempted_at,omitempty"`
	SettledAt   *time.Time `json:"settled_at,omitempty"`
	// NextAt is when a pending message that is not open is due, unless an
	// earlier one of its stream is in the way.
	NextAt *time.Time `json:"next_at,omitempty"`
}

// Deliveries returns the newest 1,000 messages of a stream in their order, or
// none. Who may see them is for the caller to decide.
func (o *Outbox) Deliveries(ctx context.Context, stream string) ([]Delivery, error) {
	var rows []struct {
		messageRow
		Owner string `bun:"owner"`
	}
	err := o.db.Reader().NewSelect().Table("outbox_messages").ColumnExpr("outbox_messages.*").ColumnExpr("s.owner").
		Join("JOIN outbox_streams AS s ON s.stream = outbox_messages.stream").
		Where("outbox_messages.stream = ?", stream).OrderExpr("outbox_messages.seq DESC").Limit(maxDeliveries).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("list callbacks: %w", err)
	}
	now := o.now()
	deliveries := make([]Delivery, len(rows))
	for i, r := range rows {
		d := Delivery{
			ID: r.ID, Stream: r.Stream, Owner: r.Owner, Seq: r.Seq, URL: masked(r.URL), Bytes: r.Size, State: r.State, Final: r.Final,
			Attempts: r.Attempts, Status: r.Status, Answer: r.Answer, Error: r.Error,
			Open:      r.State == Pending && r.LeaseUntil != nil && r.LeaseUntil.After(now),
			CreatedAt: r.CreatedAt.UTC(), AttemptedAt: utc(r.AttemptedAt), SettledAt: utc(r.SettledAt),
		}
		if r.State == Pending && !d.Open {
			d.NextAt = utc(&r.DueAt)
		}
		deliveries[len(rows)-1-i] = d
	}
	return deliveries, nil
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// masked hides the values of the query and a password.
func masked(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.Fragment, u.RawFragment = "", ""
	query := strings.FieldsFunc(u.RawQuery, func(r rune) bool { return r == '&' })
	for i, pair := range query {
		if name, _, ok := strings.Cut(pair, "="); ok {
			query[i] = name + "=…"
		} else {
			query[i] = "…"
		}
	}
	u.RawQuery, u.ForceQuery = "", false
	shown := u.Redacted()
	if len(query) > 0 {
		shown += "?" + strings.Join(query, "&")
	}
	return shown
}

// Redeliver sends a message again, or a waiting one now, as an administrator
// asks; its time to be given up begins anew. The order of the stream holds:
// Conflict when a later message has left already, when a POST is under way,
// when the stream was silenced, and when the body is no longer kept. NotFound
// for an unknown id.
func (o *Outbox) Redeliver(ctx context.Context, id string) error {
	err := o.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		var rows []struct {
			messageRow
			StreamState string `bun:"stream_state"`
			Kept, Late  bool
		}
		err := tx.NewSelect().Table("outbox_messages").ColumnExpr("outbox_messages.*").ColumnExpr("s.state AS stream_state").
			ColumnExpr("EXISTS (SELECT 1 FROM outbox_bodies AS b WHERE b.message_id = outbox_messages.id) AS kept").
			ColumnExpr(`EXISTS (SELECT 1 FROM outbox_messages AS l WHERE l.stream = outbox_messages.stream
 AND l.seq > outbox_messages.seq AND l.attempts > 0 AND l.state <> ?) AS late`, Dropped).
			Join("JOIN outbox_streams AS s ON s.stream = outbox_messages.stream").
			Where("outbox_messages.id = ?", id).Scan(ctx, &rows)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fault.New(fault.NotFound, "no such callback")
		}
		m, now := rows[0], o.now()
		switch {
		case m.StreamState == silenced:
			return fault.New(fault.Conflict, "the job was cancelled; its callbacks leave no more")
		case m.State == Pending && m.LeaseUntil != nil && m.LeaseUntil.After(now):
			return fault.New(fault.Conflict, "this callback is being delivered")
		case m.Late:
			return fault.New(fault.Conflict, "a later callback of this job has been sent already")
		case !m.Kept:
			return fault.New(fault.Conflict, "the body of this callback is no longer kept")
		}
		// Those behind are written too, so that a claim of one of them and
		// this meet in a conflict, of which one sees the other.
		if _, err := tx.NewUpdate().Model((*messageRow)(nil)).Set("version = version + 1").
			Where("stream = ? AND seq > ? AND state = 'pending'", m.Stream, m.Seq).Exec(ctx); err != nil {
			return err
		}
		_, err = tx.NewUpdate().Model((*messageRow)(nil)).Set("state = ?", Pending).Set("version = version + 1").
			Set("due_at = ?", now).Set("expires_at = ?", now.Add(o.cfg.GiveUp)).Set("settled_at = NULL").Set("lease_until = NULL").
			Where("id = ?", id).Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("redeliver callback: %w", err)
	}
	signal(o.wake)
	return nil
}
