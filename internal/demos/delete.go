package demos

import (
	"context"
	"path"
	"strings"

	"granary/internal/demos/manifest"
	"granary/internal/platform/fault"
)

// Deleted counts what the delete route of an app removed.
type Deleted struct {
	// Documents counts cached documents, Annotations their annotation files,
	// Images cached pictures, Results what the app published.
	Documents, Annotations, Images, Results int
}

// Delete removes what an app holds of a document, by the endpoint's rule.
// With a model only that model's annotations go; filters narrow pairs of
// documents by the parts of their file names. A document that nobody knows is
// NotFound, in the words that clients expect.
func (s *Service) Delete(ctx context.Context, app *App, endpoint *manifest.Endpoint, uid, model string, filters []string) (Deleted, error) {
	missing := fault.New(fault.NotFound, "Document %.200s not found", uid)
	kind, err := s.documentType(ctx, uid)
	if fault.Is(err, fault.NotFound) {
		return Deleted{}, missing
	}
	if err != nil {
		return Deleted{}, err
	}
	var deleted Deleted
	switch endpoint.Delete {
	case manifest.DeleteAnnotations:
		if deleted.Annotations, err = s.removeAnnotations(ctx, app, kind, uid, model); err != nil || model != "" {
			return deleted, err
		}
		deleted.Images, err = s.library.Remove(ctx, kind, uid)
		deleted.Documents = 1
		return deleted, err
	case manifest.DeletePairs, manifest.DeleteFolder:
		if deleted.Results, err = s.removeDocumentResults(ctx, app, uid, filters); err != nil {
			return deleted, err
		}
		deleted.Images, err = s.library.Remove(ctx, kind, uid)
		return deleted, err
	}
	return deleted, missing
}

// documentType finds a document by its uid alone: in the cache, or in the
// newest task that used it.
func (s *Service) documentType(ctx context.Context, uid string) (string, error) {
	folder, err := s.library.FindAny(uid)
	if err == nil {
		return folder.Type, nil
	}
	if !fault.Is(err, fault.NotFound) {
		return "", err
	}
	row := &taskDocument{}
	err = s.db.Reader().NewSelect().Model(row).Where("uid = ?", uid).Order("task_id").Limit(1).Scan(ctx)
	return row.Type, found(err, fault.New(fault.NotFound, "no such document"), "look for a document")
}

// removeAnnotations removes the published annotation files of a document that
// begin with the model's name; all of them without a model.
func (s *Service) removeAnnotations(ctx context.Context, app *App, kind, uid, model string) (int, error) {
	prefix := path.Join("shared/documents", kind, uid, "annotations") + "/" + model
	removed, err := s.removeMatching(ctx, app, prefix, func(name string) bool { return strings.HasPrefix(name, prefix) })
	if err != nil {
		return removed, err
	}
	legacy, err := s.library.RemoveAnnotations(ctx, kind, uid, model)
	return removed + legacy, err
}
