package vision_test

import (
	"os"
	"path/filepath"
	"testing"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/vision"
)

const (
	fixedUser    = "3b49fc8a-f2e5-43e0-96c0-f8ff07f2b4a9"
	fixedSeed    = "73563ee0-8044-4ca0-95e0-11f0177292f9"
	fixedSet     = "b0af0d00-da13-4e0b-8dde-54ea50a3a439"
	fixedPicture = "39a4e2cb-7388-47dd-a72a-a2d1feb189b2"
)

const fixtures = `
users: [{id: ` + fixedUser + `, email: fixed@lab.example}]
seeds: [{id: ` + fixedSeed + `, name: Brassica napus}]
picture_sets: [{id: ` + fixedSet + `, owner: ` + fixedUser + `, name: trial-1}]
pictures: [{id: ` + fixedPicture + `, set: ` + fixedSet + `, file: one.png}]
`

func TestFixturesGetTheirIDs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		_, err := b.ImportSeeds(t.Context(), vision.StandardSeeds()) // as every start does
		must(t, err)
		folder := t.TempDir()
		file := func(text string) string {
			path := filepath.Join(folder, "fixtures.yaml")
			must(t, os.WriteFile(path, []byte(text), 0o600))
			return path
		}
		must(t, os.WriteFile(filepath.Join(folder, "one.png"), picture(t, 1), 0o600))
		must(t, b.LoadFixtures(t.Context(), file(fixtures)))
		must(t, b.LoadFixtures(t.Context(), file(fixtures))) // again changes nothing
		ctx := identity.With(t.Context(), identity.Principal{UserID: fixedUser})
		row, set, err := b.Picture(ctx, fixedPicture)
		must(t, err)
		if set.ID != fixedSet || row.FileName != "one.png" {
			t.Errorf("picture %s is in set %s, want %s", row.FileName, set.ID, fixedSet)
		}
		seeds, err := b.Seeds(ctx)
		must(t, err)
		if len(seeds) != len(vision.StandardSeeds()) {
			t.Errorf("there are %d seeds, want the standard %d", len(seeds), len(vision.StandardSeeds()))
		}
		for _, seed := range seeds {
			if (seed.Name == "Brassica napus") != (seed.ID == fixedSeed) {
				t.Errorf("seed %s has the id %s", seed.Name, seed.ID)
			}
		}
		for name, text := range map[string]string{
			"unknown key":    "pets: []",
			"set name taken": "picture_sets: [{id: x, owner: " + fixedUser + ", name: trial-1}]",
			"no owner":       "picture_sets: [{id: x, owner: x, name: trial-2}]",
			"seed id taken":  "seeds: [{id: " + fixedSeed + ", name: Brassica juncea}]",
		} {
			if err := b.LoadFixtures(t.Context(), file(text)); err == nil || fault.Of(err) == fault.Internal {
				t.Errorf("LoadFixtures(%s) = %v, want an error with a kind", name, err)
			}
		}
		b.sound(t)
	})
}
