package console

import (
	"cmp"
	"context"
	"net/http"
	"strconv"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

type auditView struct {
	Table ui.TableView[identity.Recorded]
	// Broken says where the chain of hashes does not hold; empty when it does.
	Broken string
}

// auditPage shows the trail. The first page also verifies the whole chain.
func (d *Door) auditPage(w http.ResponseWriter, r *http.Request) error {
	table, done, err := d.auditTable().Page(w, r)
	if err != nil || done {
		return err
	}
	l, v := d.kit.Locale(r), auditView{Table: table}
	if table.First == "" {
		report, err := d.cfg.Trail.VerifyChain(r.Context())
		if err != nil {
			return err
		}
		if !report.Sound() {
			v.Broken = l.T("audit.broken", report.BrokenAt, report.Problem)
		}
	}
	d.kit.Render(w, r, ui.Page{
		Name: "console/audit", Title: l.T("audit.title"), Active: "audit", Crumbs: []ui.Crumb{{Text: l.T("audit.title")}}, Data: v,
	})
	return nil
}

func (d *Door) auditTable() ui.Table[identity.Recorded] {
	text := func(id, heading string, of func(identity.Recorded) string) ui.Column[identity.Recorded] {
		return ui.Column[identity.Recorded]{
			ID: id, Text: heading, Export: of,
			Compare: func(a, b identity.Recorded) int { return cmp.Compare(of(a), of(b)) },
		}
	}
	return ui.Table[identity.Recorded]{
		Name: "audit", Key: func(e identity.Recorded) string { return strconv.FormatInt(e.Seq, 10) },
		Source: d.auditSource,
		Columns: []ui.Column[identity.Recorded]{
			{
				ID: "seq", Text: "audit.number", Class: "num", Export: func(e identity.Recorded) string { return strconv.FormatInt(e.Seq, 10) },
				Compare: func(a, b identity.Recorded) int { return cmp.Compare(a.Seq, b.Seq) },
			},
			{
				ID: "at", Text: "audit.at", Export: func(e identity.Recorded) string { return ui.CSVTime(e.At) },
				Compare: func(a, b identity.Recorded) int { return a.At.Compare(b.At) },
			},
			text("actor", "audit.actor", func(e identity.Recorded) string { return e.Actor }),
			text("action", "audit.action", func(e identity.Recorded) string { return e.Action }),
			text("object", "audit.object", func(e identity.Recorded) string { return e.Object }),
			text("outcome", "audit.outcome", func(e identity.Recorded) string { return e.Outcome }),
			text("request_id", "problem.request", func(e identity.Recorded) string { return e.RequestID }),
		},
	}
}

// auditSource pages by the number of the entry, the newest first.
func (d *Door) auditSource(ctx context.Context, cursor string, limit int) ([]identity.Recorded, string, error) {
	query := identity.AuditQuery{Limit: limit}
	if cursor != "" {
		before, err := strconv.ParseInt(cursor, 10, 64)
		if err != nil {
			return nil, "", fault.New(fault.Invalid, "the cursor is not one of ours")
		}
		query.Before = before
	}
	entries, next, err := d.cfg.Trail.List(ctx, query)
	if err != nil || next == 0 {
		return entries, "", err
	}
	return entries, strconv.FormatInt(next, 10), nil
}
