package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
)

// The outcomes of an audited action.
const (
	OutcomeOK      = "ok"
	OutcomeFailed  = "failed"  // tried and did not work, such as a wrong password
	OutcomeRefused = "refused" // not allowed
)

// The actors that are no account.
const (
	ActorSystem    = "system"
	ActorAnonymous = "anonymous"
)

// maxAuditText bounds each text of an entry and its detail, in bytes.
const maxAuditText = 8 << 10

// Entry is one thing that somebody did or was refused. It must hold no secret
// and no record value: who, what and on which object is enough.
type Entry struct {
	// Actor is a user id, ActorSystem or ActorAnonymous. Defaults to the
	// principal of the context.
	Actor string
	// Action is a snake_case verb with its noun, such as user_role.
	Action string
	// Object names what was acted on, such as user:<id>.
	Object string
	// Outcome is one of the outcomes above. Defaults to OutcomeOK.
	Outcome string
	// Detail is kept as JSON, at most 8 KiB.
	Detail map[string]any
}

// Recorded is an entry as it stands in the trail.
type Recorded struct {
	Seq       int64
	At        time.Time
	Actor     string
	Action    string
	Object    string
	Outcome   string
	RequestID string
	Detail    json.RawMessage
	PrevHash  string
	Hash      string
}

type auditRow struct {
	bun.BaseModel `bun:"table:identity_audit"`

	Seq       int64     `bun:"seq,pk"`
	At        time.Time `bun:"at"`
	Actor     string    `bun:"actor"`
	Action    string    `bun:"action"`
	Object    string    `bun:"object"`
	Outcome   string    `bun:"outcome"`
	RequestID string    `bun:"request_id"`
	Detail    string    `bun:"detail"`
	PrevHash  string    `bun:"prev_hash"`
	Hash      string    `bun:"hash"`
}

func (r auditRow) recorded() Recorded {
	return Recorded{
		Seq: r.Seq, At: r.At.UTC(), Actor: r.Actor, Action: r.Action, Object: r.Object, Outcome: r.Outcome,
		RequestID: r.RequestID, Detail: json.RawMessage(r.Detail), PrevHash: r.PrevHash, Hash: r.Hash,
	}
}

// link returns the hash over every field and the previous hash. A JSON array
// of strings keeps the borders between fields unambiguous.
func (r auditRow) link() (string, error) {
	text, err := json.Marshal([]string{
		strconv.FormatInt(r.Seq, 10), r.At.UTC().Format(time.RFC3339Nano), r.Actor, r.Action, r.Object,
		r.Outcome, r.RequestID, r.Detail, r.PrevHash,
	})
	if err != nil {
		return "", fmt.Errorf("hash audit entry: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Audit is the trail of who did what: each entry carries the hash of the one
// before, so that a changed, removed or inserted entry shows (VerifyChain).
type Audit struct {
	db        *database.DB
	now       func() time.Time
	requestID func(context.Context) string
}

// Reserve waits for the right to append. A transaction that calls it first,
// before it reads anything, never has to run again because another one
// recorded meanwhile. It does nothing on SQLite, which has one writer.
func (a *Audit) Reserve(ctx context.Context, tx database.Tx) error {
	if tx.Pgx() == nil {
		return nil
	}
	// LOCK, unlike a SELECT, does not yet freeze what the transaction sees
	// (PostgreSQL manual, LOCK, on REPEATABLE READ).
	if _, err := tx.ExecContext(ctx, "LOCK TABLE identity_audit_head IN SHARE ROW EXCLUSIVE MODE"); err != nil {
		return fmt.Errorf("reserve the audit trail: %w", err)
	}
	return nil
}

// Record appends an entry inside the caller's transaction: the entry exists
// exactly if the deed does. When two transactions record at once on
// PostgreSQL, one of them gets a conflict that DB.InTx answers by running it
// again.
func (a *Audit) Record(ctx context.Context, tx database.Tx, e Entry) error {
	row, err := a.row(ctx, e)
	if err != nil {
		return err
	}
	err = tx.NewRaw("INSERT INTO identity_audit_head (id, seq, hash) VALUES (1, 1, '')"+
		" ON CONFLICT (id) DO UPDATE SET seq = identity_audit_head.seq + 1 RETURNING seq, hash").
		Scan(ctx, &row.Seq, &row.PrevHash)
	if err != nil {
		return fmt.Errorf("extend the audit trail: %w", err)
	}
	if row.Hash, err = row.link(); err != nil {
		return err
	}
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("write audit entry: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE identity_audit_head SET hash = ? WHERE id = 1", row.Hash); err != nil {
		return fmt.Errorf("extend the audit trail: %w", err)
	}
	return nil
}

// Write appends an entry in a transaction of its own; it is durable when
// Write returns.
func (a *Audit) Write(ctx context.Context, e Entry) error {
	return a.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		if err := a.Reserve(ctx, tx); err != nil {
			return err
		}
		return a.Record(ctx, tx, e)
	})
}

func (a *Audit) row(ctx context.Context, e Entry) (auditRow, error) {
	if e.Actor == "" {
		e.Actor = actor(ctx)
	}
	if e.Outcome == "" {
		e.Outcome = OutcomeOK
	}
	detail := []byte("{}")
	if len(e.Detail) > 0 {
		var err error
		if detail, err = json.Marshal(e.Detail); err != nil {
			return auditRow{}, fmt.Errorf("encode audit detail: %w", err)
		}
		if len(detail) > maxAuditText {
			return auditRow{}, fmt.Errorf("audit detail of %s has %d bytes, at most %d", e.Action, len(detail), maxAuditText)
		}
	}
	return auditRow{
		At: stamp(a.now()), Actor: auditText(e.Actor), Action: auditText(e.Action), Object: auditText(e.Object),
		Outcome: auditText(e.Outcome), RequestID: auditText(a.requestID(ctx)), Detail: string(detail),
	}, nil
}

// auditText makes s storable on both databases (PostgreSQL takes neither NUL
// nor broken UTF-8) before it is hashed, and bounds it.
func auditText(s string) string {
	if len(s) > maxAuditText {
		s = s[:maxAuditText]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// actor names who the context speaks for.
func actor(ctx context.Context) string {
	p, ok := From(ctx)
	switch {
	case !ok:
		return ActorAnonymous
	case p.UserID == "":
		return ActorSystem
	default:
		return p.UserID
	}
}
