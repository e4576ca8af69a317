package vision

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// Unidentified is the seed that stands for an object no model has named yet.
const Unidentified = "Unidentified"

// maxSeedName bounds a seed's name in bytes.
const maxSeedName = 200

// Seed is a kind of object that a box can be labelled with.
type Seed struct {
	bun.BaseModel `bun:"table:vision_seeds" json:"-"`

	ID        string    `bun:"id,pk" json:"seed_id"`
	Name      string    `bun:"name" json:"seed_name"`
	Key       string    `bun:"name_key" json:"-"`
	CreatedAt time.Time `bun:"created_at" json:"-"`
}

// seedKey folds case and inner white space, so that two spellings of one name
// are one seed.
func seedKey(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(name), " "))
}

// cleanSeedName strips the literal quotes that the front end wraps around a
// typed-in name, and refuses what cannot be a name.
func cleanSeedName(name string) (string, error) {
	name = strings.Join(strings.Fields(strings.Trim(strings.TrimSpace(name), `"`)), " ")
	switch {
	case name == "":
		return "", fault.New(fault.Invalid, "a seed needs a name")
	case len(name) > maxSeedName:
		return "", fault.New(fault.Invalid, "a seed's name may have at most %d bytes", maxSeedName)
	case strings.ContainsFunc(name, unicode.IsControl):
		return "", fault.New(fault.Invalid, "a seed's name may not hold control characters")
	}
	return name, nil
}

// Seeds lists every seed by name.
func (s *Service) Seeds(ctx context.Context) ([]Seed, error) {
	seeds := []Seed{}
	if err := s.db.Reader().NewSelect().Model(&seeds).Order("name_key").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list seeds: %w", err)
	}
	return seeds, nil
}

// ImportSeeds adds the named seeds that do not exist yet and returns how many
// were new. It is repeatable.
func (s *Service) ImportSeeds(ctx context.Context, names []string) (added int, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		before, err := tx.NewSelect().Model((*Seed)(nil)).Count(ctx)
		if err != nil {
			return fmt.Errorf("count seeds: %w", err)
		}
		if _, err := s.seedsByName(ctx, tx, names); err != nil {
			return err
		}
		after, err := tx.NewSelect().Model((*Seed)(nil)).Count(ctx)
		added = int(after - before)
		return err
	})
	return added, err
}

// seedsByName returns a seed for every name, in order, creating the unknown.
func (s *Service) seedsByName(ctx context.Context, tx database.Tx, names []string) ([]Seed, error) {
	if len(names) == 0 {
		return nil, nil
	}
	keys := make([]string, len(names))
	wanted := make(map[string]string, len(names))
	for i, raw := range names {
		name, err := cleanSeedName(raw)
		if err != nil {
			return nil, err
		}
		keys[i] = seedKey(name)
		if _, dup := wanted[keys[i]]; !dup {
			wanted[keys[i]] = name
		}
	}
	known, err := findSeeds(ctx, tx, wanted)
	if err != nil {
		return nil, err
	}
	var fresh []Seed
	for _, key := range keys {
		if _, ok := known[key]; ok {
			continue
		}
		bare := withoutNumber(key)
		seed, ok := known[bare]
		if !ok {
			seed = Seed{ID: newID(), Name: withoutNumber(wanted[key]), Key: bare, CreatedAt: s.now()}
			known[bare] = seed
			fresh = append(fresh, seed)
		}
		known[key] = seed
	}
	if len(fresh) > 0 {
		// A seed that another transaction added meanwhile is a conflict on
		// PostgreSQL that InTx answers by running this one again.
		if _, err := tx.NewInsert().Model(&fresh).On("CONFLICT (name_key) DO NOTHING").Exec(ctx); err != nil {
			return nil, fmt.Errorf("insert seeds: %w", err)
		}
	}
	seeds := make([]Seed, len(keys))
	for i, key := range keys {
		seeds[i] = known[key]
	}
	return seeds, nil
}

// findSeeds looks up wanted names (key to name). A name that starts with a
// number ("13 Ambrosia trifida") also finds the seed without it.
func findSeeds(ctx context.Context, db bun.IDB, wanted map[string]string) (map[string]Seed, error) {
	candidates := make([]string, 0, 2*len(wanted))
	for key := range wanted {
		candidates = append(candidates, key)
		if bare := withoutNumber(key); bare != key {
			candidates = append(candidates, bare)
		}
	}
	var rows []Seed
	if err := db.NewSelect().Model(&rows).Where("name_key IN (?)", bun.List(candidates)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("find seeds: %w", err)
	}
	byKey := make(map[string]Seed, len(rows))
	for _, row := range rows {
		byKey[row.Key] = row
	}
	known := make(map[string]Seed, len(wanted))
	for key := range wanted {
		if seed, ok := byKey[key]; ok {
			known[key] = seed
		} else if seed, ok := byKey[withoutNumber(key)]; ok {
			known[key] = seed
		}
	}
	return known, nil
}

// shownLabel makes text that can be kept and shown of whatever label a model
// answered.
func shownLabel(label string) string {
	name := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(label, ""), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	for len(name) > maxSeedName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// seedLabel makes a seed name of a label.
func seedLabel(label string) string {
	if name := strings.TrimSpace(strings.Trim(shownLabel(label), `"`)); name != "" {
		return name
	}
	return Unidentified
}

// withoutNumber drops a leading number word.
func withoutNumber(label string) string {
	first, rest, ok := strings.Cut(label, " ")
	if ok && first != "" && !strings.ContainsFunc(first, func(r rune) bool { return r < '0' || r > '9' }) {
		return rest
	}
	return label
}

// seedByID returns the seed or ErrNoSeed.
func seedByID(ctx context.Context, db bun.IDB, id string) (Seed, error) {
	var seed Seed
	err := db.NewSelect().Model(&seed).Where("id = ?", id).Scan(ctx)
	return seed, found(err, ErrNoSeed, "read seed")
}

// chosenSeed returns the seed with the id, or when there is none the one with
// the name, creating it.
func (s *Service) chosenSeed(ctx context.Context, tx database.Tx, id, name string) (Seed, error) {
	if id != "" {
		return seedByID(ctx, tx, id)
	}
	seeds, err := s.seedsByName(ctx, tx, []string{name})
	if err != nil {
		return Seed{}, err
	}
	return seeds[0], nil
}

// StandardSeeds are the species that the original deployment ships with.
func StandardSeeds() []string {
	return slices.Clone([]string{
		"Brassica napus", "Brassica juncea", "Cirsium arvense", "Cirsium vulgare", "Carduus nutans",
		"Bromus secalinus", "Bromus hordeaceus", "Bromus japonicus", "Lolium temulentum",
		"Solanum carolinense", "Solanum nigrum", "Solanum rostratum",
		"Ambrosia artemisiifolia", "Ambrosia trifida", "Ambrosia psilostachya",
	})
}

// newID returns a UUID of version 7 (RFC 9562), which sorts by creation time.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
