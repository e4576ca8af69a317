package console

import (
	"net/http"
	"strconv"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

type auditView struct {
	Entries []identity.Recorded
	// Broken says where the chain of hashes does not hold; empty when it does.
	Broken string
	Pager  pager
}

// auditPage shows the trail. The newest page also verifies the whole chain.
func (d *Door) auditPage(w http.ResponseWriter, r *http.Request) error {
	l, cursor := d.kit.Locale(r), r.URL.Query().Get("cursor")
	query := identity.AuditQuery{Limit: 100}
	if cursor != "" {
		before, err := strconv.ParseInt(cursor, 10, 64)
		if err != nil {
			return fault.New(fault.Invalid, "the cursor is not one of ours")
		}
		query.Before = before
	}
	entries, next, err := d.cfg.Trail.List(r.Context(), query)
	if err != nil {
		return err
	}
	v := auditView{Entries: entries}
	if cursor == "" {
		report, err := d.cfg.Trail.VerifyChain(r.Context())
		if err != nil {
			return err
		}
		if !report.Sound() {
			v.Broken = l.T("audit.broken", report.BrokenAt, report.Problem)
		}
	}
	following := ""
	if next > 0 {
		following = strconv.FormatInt(next, 10)
	}
	v.Pager = newPager(ui.Root+"/audit", cursor, following)
	d.kit.Render(w, r, ui.Page{
		Name: "console/audit", Title: l.T("audit.title"), Active: "audit", Crumbs: []ui.Crumb{{Text: l.T("audit.title")}}, Data: v,
	})
	return nil
}
