package pages

import (
	"net/http"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
)

// selected does one act to every ticked picture of a folder, in order. The
// first one that fails ends it; what was done before stays done and is told.
//
//	act=classify pipeline id…   ask again
//	act=delete   id…
func (p *pages) selected(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Invalid, "the form cannot be read: %w", err)
	}
	set, err := p.service.Set(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	ids, err := ui.Selected(r.PostForm, folderPage)
	if err != nil {
		return err
	}
	var done, kept string
	var act func(id string) error
	switch name := r.PostForm.Get("act"); name {
	case "classify":
		done, kept = "selected.classified", "selected.kept_classified"
		act = func(id string) error {
			_, err := p.service.ClassifyPicture(r.Context(), id, r.PostForm.Get("pipeline"))
			return err
		}
	case "delete":
		done, kept = "selected.deleted", "selected.kept_deleted"
		act = func(id string) error { return p.service.DeletePicture(r.Context(), id) }
	default:
		return fault.New(fault.Invalid, "unknown act %q", name)
	}
	for i, id := range ids {
		if err := act(id); err != nil {
			return ui.Kept(err, kept, i, len(ids))
		}
	}
	ui.RedirectCount(w, r, folderHref(set.ID), done, len(ids))
	return nil
}
