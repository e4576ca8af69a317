package identity

import (
	"context"
	"fmt"

	"granary/internal/platform/fault"
)

// verifyBatch is how many entries VerifyChain holds at once.
const verifyBatch = 1000

// ChainReport is what VerifyChain found.
type ChainReport struct {
	// Entries is how many links hold, from the first.
	Entries int64
	// BrokenAt is the number of the first link that does not; 0 when all hold.
	BrokenAt int64
	// Problem says in words what is wrong with that link.
	Problem string
	// HeadHash is the hash of the last sound entry. Kept elsewhere, it also
	// shows a trail that was rewritten from its start.
	HeadHash string
}

// Sound reports whether the whole chain holds.
func (r ChainReport) Sound() bool { return r.BrokenAt == 0 }

// VerifyChain walks the trail from its first entry. A chain that does not
// hold is a report, not an error.
func (a *Audit) VerifyChain(ctx context.Context) (ChainReport, error) {
	var report ChainReport
	broken := func(seq int64, problem string) (ChainReport, error) {
		report.BrokenAt, report.Problem = seq, problem
		return report, nil
	}
	// The head is read first: entries that arrive during the walk are beyond it.
	head, err := a.head(ctx)
	if err != nil {
		return report, err
	}
	for {
		var rows []auditRow
		err := a.db.Reader().NewSelect().Model(&rows).Where("seq > ?", report.Entries).
			Order("seq").Limit(verifyBatch).Scan(ctx)
		if err != nil {
			return report, fmt.Errorf("read audit trail: %w", err)
		}
		for _, row := range rows {
			want := report.Entries + 1
			if row.Seq != want {
				return broken(want, "entry is missing")
			}
			if row.PrevHash != report.HeadHash {
				return broken(want, "entry does not follow from the one before")
			}
			hash, err := row.link()
			if err != nil {
				return report, err
			}
			if hash != row.Hash {
				return broken(want, "entry was changed")
			}
			report.Entries, report.HeadHash = want, hash
			if want == head.Seq && hash != head.Hash {
				return broken(want, "entry is not the one that was written last")
			}
		}
		if len(rows) < verifyBatch {
			break
		}
	}
	if report.Entries < head.Seq {
		return broken(report.Entries+1, "entry is missing")
	}
	return report, nil
}

type headRow struct {
	Seq  int64
	Hash string
}

func (a *Audit) head(ctx context.Context) (headRow, error) {
	var rows []headRow
	err := a.db.Reader().NewRaw("SELECT seq, hash FROM identity_audit_head WHERE id = 1").Scan(ctx, &rows)
	if err != nil {
		return headRow{}, fmt.Errorf("read audit head: %w", err)
	}
	if len(rows) == 0 {
		return headRow{}, nil
	}
	return rows[0], nil
}

// AuditQuery chooses entries of the trail, newest first.
type AuditQuery struct {
	// Before returns entries older than this number; 0 starts at the newest.
	Before int64
	// Limit is how many to return, at most 500. Defaults to 50.
	Limit int
	// Actor and Action narrow the answer when set.
	Actor  string
	Action string
}

// List returns entries for an admin, and the number to pass as Before for
// the next part, 0 at the end.
func (a *Audit) List(ctx context.Context, q AuditQuery) (entries []Recorded, next int64, err error) {
	if err := requireAdmin(ctx); err != nil {
		return nil, 0, err
	}
	if q.Before < 0 {
		return nil, 0, fault.New(fault.Invalid, "before must not be negative")
	}
	limit := Page{Limit: q.Limit}.limit()
	var rows []auditRow
	query := a.db.Reader().NewSelect().Model(&rows).Order("seq DESC").Limit(limit + 1)
	if q.Before > 0 {
		query.Where("seq < ?", q.Before)
	}
	if q.Actor != "" {
		query.Where("actor = ?", auditText(q.Actor))
	}
	if q.Action != "" {
		query.Where("action = ?", auditText(q.Action))
	}
	if err := query.Scan(ctx); err != nil {
		return nil, 0, fmt.Errorf("list audit trail: %w", err)
	}
	if int64(len(rows)) > limit {
		rows = rows[:limit]
		next = rows[limit-1].Seq
	}
	entries = make([]Recorded, len(rows))
	for i, row := range rows {
		entries[i] = row.recorded()
	}
	return entries, next, nil
}
