package vision

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"granary/internal/platform/fault"
)

// Owner is an account that has pictures, as a reviewer chooses among them.
type Owner struct {
	ID        string
	Email     string
	Pictures  int64
	Validated int64
}

// Owners lists the accounts whose folders the caller may look at, by address:
// every one with a picture for a steward or admin, and always the caller.
func (s *Service) Owners(ctx context.Context) ([]Owner, error) {
	caller, err := s.caller(ctx)
	if err != nil {
		return nil, err
	}
	var counts []struct {
		OwnerID             string
		Pictures, Validated int64
	}
	query := s.db.Reader().NewSelect().TableExpr("vision_pictures AS p").
		Join("JOIN vision_picture_sets AS t ON t.id = p.set_id").
		ColumnExpr("t.owner_id, COUNT(*) AS pictures, SUM(CASE WHEN p.validated THEN 1 ELSE 0 END) AS validated").
		GroupExpr("t.owner_id")
	if permitSteward(caller) != nil {
		query.Where("t.owner_id = ?", caller.UserID)
	}
	if err := query.Scan(ctx, &counts); err != nil {
		return nil, fmt.Errorf("list owners: %w", err)
	}
	owners := []Owner{}
	for _, c := range counts {
		owners = append(owners, Owner{ID: c.OwnerID, Pictures: c.Pictures, Validated: c.Validated})
	}
	if !slices.ContainsFunc(owners, func(o Owner) bool { return o.ID == caller.UserID }) {
		owners = append(owners, Owner{ID: caller.UserID})
	}
	for i := range owners {
		user, err := s.users.UserByID(ctx, owners[i].ID)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		owners[i].Email = cmp.Or(user.Email, owners[i].ID)
	}
	slices.SortFunc(owners, func(a, b Owner) int { return cmp.Compare(a.Email, b.Email) })
	return owners, nil
}
