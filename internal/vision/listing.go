package vision

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
)

// maxCachedLines bounds the listing cache: about 64 bytes each. A set counts
// as a line itself, since many are empty.
const maxCachedLines = 500_000

// Listing is one picture set with a line for each of its pictures.
type Listing struct {
	PictureSet
	Pictures []PictureLine
}

// PictureLine is what a listing says of a picture.
type PictureLine struct {
	ID        string
	Inferred  bool // a model has answered
	Validated bool // an expert has reviewed every box, or it came labelled
}

// Listings returns every set of an account with its pictures: the default set
// first, then by creation; pictures by upload time. The lines of a set that
// did not change since the last call come from memory.
func (s *Service) Listings(ctx context.Context, ownerID string) ([]Listing, error) {
	caller, err := s.caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.refused(ctx, "user:"+ownerID, permit(caller, read, ownerID)); err != nil {
		return nil, err
	}
	sets, err := s.ownedSets(ctx, ownerID)
	if err != nil {
		return nil, err
	}
	listings := make([]Listing, len(sets))
	var stale []string
	at := map[string]int{}
	for i, set := range sets {
		listings[i].PictureSet = set
		if lines, ok := s.listings.get(set.ID, set.Revision); ok {
			listings[i].Pictures = lines
			continue
		}
		at[set.ID] = i
		stale = append(stale, set.ID)
	}
	const chunk = 500 // SQLite bounds the length of one statement
	for len(stale) > 0 {
		n := min(chunk, len(stale))
		if err := s.readLines(ctx, stale[:n], at, listings); err != nil {
			return nil, err
		}
		stale = stale[n:]
	}
	for _, i := range at {
		s.listings.put(listings[i].ID, listings[i].Revision, listings[i].Pictures)
	}
	return listings, nil
}

// ownedSets lists an account's sets, the default one first. An account that
// was made without one (in the console, say) gets it here.
func (s *Service) ownedSets(ctx context.Context, ownerID string) ([]PictureSet, error) {
	var sets []PictureSet
	if err := s.db.Reader().NewSelect().Model(&sets).Where("owner_id = ?", ownerID).
		OrderExpr("CASE WHEN kind = ? THEN 0 ELSE 1 END, created_at, id", DefaultSet).Scan(ctx); err != nil {
		return nil, fmt.Errorf("list picture sets: %w", err)
	}
	if len(sets) > 0 && sets[0].Kind == DefaultSet {
		return sets, nil
	}
	if err := s.requireAccount(ctx, ownerID); err != nil {
		return nil, err
	}
	var home PictureSet
	err := s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) (err error) {
		home, err = s.ensureDefaultSet(ctx, tx, ownerID)
		return err
	})
	return append([]PictureSet{home}, sets...), err
}

// readLines fills the listings of the given sets. A picture that arrives
// between the reads of the set and of its lines raises the revision, so that
// such a line is at worst cached under a revision that is already stale.
//
// The database joins the lines of a set to one text: to fetch a row for each
// of a hundred thousand pictures takes longer than to find them, and so many
// small strings would be the collector's work for as long as they are cached.
func (s *Service) readLines(ctx context.Context, sets []string, at map[string]int, listings []Listing) error {
	rows, err := s.db.Reader().NewSelect().TableExpr("vision_pictures AS p").
		ColumnExpr("p.set_id, count(*)").
		ColumnExpr(`string_agg(CASE WHEN p.validated THEN 'v' ELSE '-' END ||
			CASE WHEN EXISTS (SELECT 1 FROM vision_inferences AS i WHERE i.picture_id = p.id) THEN 'i' ELSE '-' END ||
			p.id, ? ORDER BY p.uploaded_at, p.id)`, lineEnd).
		Where("p.set_id IN (?)", bun.List(sets)).Group("p.set_id").Rows(ctx)
	if err != nil {
		return fmt.Errorf("list pictures: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var setID, text string
		var count int
		if err := rows.Scan(&setID, &count, &text); err != nil {
			return fmt.Errorf("list pictures: %w", err)
		}
		lines := make([]PictureLine, 0, count)
		for line := range strings.SplitSeq(text, lineEnd) {
			lines = append(lines, PictureLine{ID: line[2:], Validated: line[0] == 'v', Inferred: line[1] == 'i'})
		}
		listings[at[setID]].Pictures = lines
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("list pictures: %w", err)
	}
	return nil
}

// lineEnd stands between the lines that readLines reads; no id holds it.
const lineEnd = "\n"

// listingCache remembers the lines of sets by revision. Safe for concurrent use.
type listingCache struct {
	mu      sync.Mutex
	entries map[string]cachedLines
	size    int
}

type cachedLines struct {
	revision int64
	lines    []PictureLine
}

func (c cachedLines) size() int { return 1 + len(c.lines) }

func newListingCache() *listingCache { return &listingCache{entries: map[string]cachedLines{}} }

func (c *listingCache) get(setID string, revision int64) ([]PictureLine, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.entries[setID]
	return entry.lines, ok && entry.revision == revision
}

func (c *listingCache) put(setID string, revision int64, lines []PictureLine) {
	fresh := cachedLines{revision: revision, lines: lines}
	if fresh.size() > maxCachedLines {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	old, known := c.entries[setID]
	if known && old.revision > revision {
		return
	}
	if known {
		c.drop(setID, old)
	}
	for id, entry := range c.entries { // any entry will do: all are cheap to read again
		if c.size+fresh.size() <= maxCachedLines {
			break
		}
		c.drop(id, entry)
	}
	c.entries[setID] = fresh
	c.size += fresh.size()
}

// drop forgets a set. The caller holds mu.
func (c *listingCache) drop(setID string, entry cachedLines) {
	c.size -= entry.size()
	delete(c.entries, setID)
}
