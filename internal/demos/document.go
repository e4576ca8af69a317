package demos

import (
	"context"
	"fmt"

	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
)

// Dataset returns the documents of a data set, those of the newest task
// first, or NotFound. Data sets are named by their sources alone, so that
// tasks may give one source several uids: each of them is there.
func (s *Service) Dataset(ctx context.Context, uid string) ([]dataset.Document, error) {
	var rows []taskDocument
	err := s.db.Reader().NewSelect().Model(&rows).Join("JOIN demos_tasks AS t ON t.id = task_document.task_id").
		Where("t.dataset_uid = ?", uid).OrderExpr("t.created_at DESC, t.id DESC, task_document.position").
		Limit(maxDocuments).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for a data set: %w", err)
	}
	if len(rows) == 0 {
		return s.library.Documents(uid)
	}
	var documents []dataset.Document
	seen := map[[2]string]bool{}
	for _, row := range rows {
		if key := [2]string{row.Type, row.UID}; !seen[key] {
			seen[key] = true
			documents = append(documents, row.document())
		}
	}
	return documents, nil
}

// Document returns one document as the newest task gave it, or NotFound.
func (s *Service) Document(ctx context.Context, kind, uid string) (dataset.Document, error) {
	row := &taskDocument{}
	err := s.db.Reader().NewSelect().Model(row).Join("JOIN demos_tasks AS t ON t.id = task_document.task_id").
		Where("task_document.uid = ? AND task_document.type = ?", uid, kind).
		OrderExpr("t.created_at DESC, t.id DESC").Limit(1).Scan(ctx)
	missing := fault.New(fault.NotFound, "Document %.200s not found", uid)
	if err := found(err, missing, "look for a document"); err != nil {
		if fault.Is(err, fault.NotFound) {
			folder, findErr := s.library.Find(kind, uid)
			if findErr == nil {
				return folder.Document, nil
			}
		}
		return dataset.Document{}, err
	}
	return row.document(), nil
}

// Folder returns a document's pictures, fetching them where this machine has
// not seen them yet. Only documents of tasks are fetched.
func (s *Service) Folder(ctx context.Context, kind, uid string) (dataset.Folder, error) {
	folder, err := s.library.Find(kind, uid)
	if err == nil || !fault.Is(err, fault.NotFound) {
		return folder, err
	}
	document, err := s.Document(ctx, kind, uid)
	if err != nil {
		return dataset.Folder{}, err
	}
	folder, err = s.library.Prepare(ctx, document, func(int64, int64) {})
	if err != nil {
		return dataset.Folder{}, fmt.Errorf("fetch document: %w", err)
	}
	return folder, nil
}
