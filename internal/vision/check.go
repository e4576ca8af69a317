package vision

import (
	"context"
	"fmt"
)

// Invariants that hold between the vision tables beyond foreign keys. Each
// query lists the ids of rows that break one.
var invariants = []struct{ broken, query string }{
	{"picture without pixels", `
		SELECT p.id FROM vision_pictures AS p WHERE p.width <= 0 OR p.height <= 0`},
	{"picture whose bytes are not in the ledger", `
		SELECT p.id FROM vision_pictures AS p
		WHERE NOT EXISTS (SELECT 1 FROM blob_objects AS o WHERE o.key = p.blob_key AND o.state = 'live')`},
	{"bytes of a picture that has no row", `
		SELECT o.key FROM blob_objects AS o WHERE o.state = 'live' AND o.key LIKE 'vision/pictures/%'
		AND NOT EXISTS (SELECT 1 FROM vision_pictures AS p WHERE p.blob_key = o.key)`},
	{"model version whose bytes are not in the ledger", `
		SELECT v.id FROM vision_model_versions AS v
		WHERE NOT EXISTS (SELECT 1 FROM blob_objects AS o WHERE o.key = v.blob_key AND o.state = 'live')
		OR NOT EXISTS (SELECT 1 FROM blob_objects AS o WHERE o.key = v.examples_key AND o.state = 'live')`},
	{"bytes of a model version that has no row", `
		SELECT o.key FROM blob_objects AS o WHERE o.state = 'live' AND o.key LIKE 'vision/models/%'
		AND NOT EXISTS (SELECT 1 FROM vision_model_versions AS v WHERE v.blob_key = o.key OR v.examples_key = o.key)`},
	{"active model versions beside each other", `
		SELECT v.model FROM vision_model_versions AS v WHERE v.state = 'active' GROUP BY v.model HAVING COUNT(*) > 1`},
	{"verified box whose guess does not exist", `
		SELECT b.id FROM vision_boxes AS b WHERE b.verified_guess_id <> ''
		AND NOT EXISTS (SELECT 1 FROM vision_guesses AS g WHERE g.id = b.verified_guess_id AND g.box_id = b.id)`},
	{"inference that calls itself verified with a box unreviewed", `
		SELECT i.id FROM vision_inferences AS i WHERE i.verified
		AND EXISTS (SELECT 1 FROM vision_boxes AS b WHERE b.inference_id = i.id AND b.verified_guess_id = '' AND NOT b.rejected)`},
	{"account without a default folder", `
		SELECT t.owner_id FROM vision_picture_sets AS t GROUP BY t.owner_id
		HAVING SUM(CASE WHEN t.kind = 'default' THEN 1 ELSE 0 END) <> 1`},
	{"batch with more pictures than announced", `
		SELECT t.id FROM vision_picture_sets AS t WHERE t.kind = 'batch' AND t.expected_pictures <
		(SELECT COUNT(*) FROM vision_pictures AS p WHERE p.set_id = t.id AND p.batch)`},
}

// Broken is one row that breaks an invariant.
type Broken struct {
	// Subject is the row's id or key.
	Subject string
	What    string
}

// Check returns every row that breaks an invariant, at most 100 an invariant.
func (s *Service) Check(ctx context.Context) ([]Broken, error) {
	var broken []Broken
	for _, inv := range invariants {
		var ids []string
		if err := s.db.Reader().NewRaw(inv.query+" LIMIT 100").Scan(ctx, &ids); err != nil {
			return nil, fmt.Errorf("check for %s: %w", inv.broken, err)
		}
		for _, id := range ids {
			broken = append(broken, Broken{Subject: id, What: inv.broken})
		}
	}
	return broken, nil
}
