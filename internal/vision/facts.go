package vision

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// ErrNoFacts is the error for a seed without a fact sheet.
var ErrNoFacts = fault.New(fault.NotFound, "no fact sheet for this seed")

// maxFactSheets bounds one import.
const maxFactSheets = 100_000

type seedFacts struct {
	bun.BaseModel `bun:"table:vision_seed_facts"`

	Key       string    `bun:"name_key,pk"`
	Name      string    `bun:"name"`
	Facts     string    `bun:"facts"`
	UpdatedAt time.Time `bun:"updated_at"`
}

// SeedFacts returns the fact sheet of a seed as the JSON object it was
// imported as, or ErrNoFacts.
func (s *Service) SeedFacts(ctx context.Context, name string) (json.RawMessage, error) {
	var row seedFacts
	err := s.db.Reader().NewSelect().Model(&row).Where("name_key = ?", seedKey(name)).Scan(ctx)
	if err := found(err, ErrNoFacts, "read fact sheet"); err != nil {
		return nil, err
	}
	return json.RawMessage(row.Facts), nil
}

// HasFacts reports whether any fact sheet was imported.
func (s *Service) HasFacts(ctx context.Context) (bool, error) {
	return s.db.Reader().NewSelect().Model((*seedFacts)(nil)).Limit(1).Exists(ctx)
}

// ImportSeedFacts stores a fact sheet for each name, replacing older ones. The
// document is a JSON object from seed name to fact sheet. It returns how many
// there were.
func (s *Service) ImportSeedFacts(ctx context.Context, document []byte) (int, error) {
	var sheets map[string]json.RawMessage
	if err := json.Unmarshal(document, &sheets); err != nil {
		return 0, fault.New(fault.Invalid, "seed facts: want a JSON object from seed name to fact sheet: %w", err)
	}
	if len(sheets) > maxFactSheets {
		return 0, fault.New(fault.TooLarge, "seed facts: more than %d sheets", maxFactSheets)
	}
	rows := make([]seedFacts, 0, len(sheets))
	seen := make(map[string]bool, len(sheets))
	for name, facts := range sheets {
		clean, err := cleanSeedName(name)
		if err != nil {
			return 0, fmt.Errorf("seed facts of %q: %w", name, err)
		}
		key := seedKey(clean)
		if seen[key] {
			return 0, fault.New(fault.Invalid, "seed facts: %q is listed twice", clean)
		}
		seen[key] = true
		rows = append(rows, seedFacts{Key: key, Name: clean, Facts: string(facts), UpdatedAt: s.now()})
	}
	if len(rows) == 0 {
		return 0, nil
	}
	err := s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		const chunk = 500
		for rest := rows; len(rest) > 0; rest = rest[min(chunk, len(rest)):] {
			part := rest[:min(chunk, len(rest))]
			if _, err := tx.NewInsert().Model(&part).
				On("CONFLICT (name_key) DO UPDATE").Set("name = EXCLUDED.name").
				Set("facts = EXCLUDED.facts").Set("updated_at = EXCLUDED.updated_at").Exec(ctx); err != nil {
				return fmt.Errorf("store fact sheets: %w", err)
			}
		}
		return nil
	})
	return len(rows), err
}
