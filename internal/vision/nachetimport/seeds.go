package nachetimport

import (
	"context"
	"fmt"

	"granary/internal/vision"
)

// importSeeds finds or adds a seed for each of the source's. Names that differ
// in case, spaces or the quotes that the front end adds are one seed.
func (r *run) importSeeds(ctx context.Context) error {
	rows, err := r.from.seeds(ctx)
	if err != nil {
		return err
	}
	r.tally.found(kindSeeds, len(rows))
	held, err := r.service.Seeds(ctx)
	if err != nil {
		return err
	}
	byID, byKey := map[string]vision.Seed{}, map[string]vision.Seed{}
	for _, seed := range held {
		byID[seed.ID], byKey[seed.Key] = seed, seed
	}
	planned := map[string]bool{}
	var fresh []vision.Seed
	for _, row := range rows {
		id, ok := canonicalID(value(row.ID))
		if !ok {
			r.tally.unread(kindSeeds, "its id is not a UUID", value(row.ID))
			continue
		}
		seed := r.to.Seed(id, value(row.Name))
		switch known, taken := byKey[seed.Key]; {
		case byID[id].ID != "":
			seed = byID[id]
			r.tally.alreadyThere(kindSeeds)
		case taken && planned[known.ID]:
			seed = known
			r.tally.skip(kindSeeds, "another seed of the source has this name: merged into that one", example(id, known))
		case taken:
			seed = known
			r.tally.alreadyThere(kindSeeds)
			r.tally.changed(kindSeeds, "a seed of this name exists: merged into it", example(id, known))
		default:
			if seed.Name != value(row.Name) {
				r.tally.changed(kindSeeds, "its name was tidied", fmt.Sprintf("%s %q -> %q", id, value(row.Name), seed.Name))
			}
			byKey[seed.Key], planned[id] = seed, true
			fresh = append(fresh, seed)
			r.tally.imported(kindSeeds, 1)
		}
		r.seeds[id] = seed
	}
	if r.opts.DryRun {
		return nil
	}
	return r.to.AddSeeds(ctx, fresh)
}

func example(id string, known vision.Seed) string {
	return fmt.Sprintf("%s %q -> %s", id, known.Name, known.ID)
}
