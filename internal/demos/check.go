package demos

import (
	"context"
	"fmt"
)

// Invariants that hold between the demos tables and the ledger of blobs. Each
// query lists the ids or keys of rows that break one; they compare whole sets,
// since no index leads from a key to its row.
var invariants = []struct{ broken, query string }{
	{"result whose bytes are not in the ledger", `
		SELECT blob_key FROM demos_files EXCEPT SELECT key FROM blob_objects WHERE state = 'live'`},
	{"bytes of a result that has no row", `
		SELECT key FROM blob_objects WHERE state = 'live' AND key LIKE 'demos/files/%'
		EXCEPT SELECT blob_key FROM demos_files`},
	{"crops, picture or output of a task that are not in the ledger", `
		SELECT key FROM (SELECT crops_key AS key FROM demos_tasks UNION ALL SELECT upload_key FROM demos_tasks
		UNION ALL SELECT output_key FROM demos_tasks) AS named WHERE key <> ''
		EXCEPT SELECT key FROM blob_objects WHERE state = 'live'`},
	{"crops, picture or output of a task that has no row", `
		SELECT key FROM blob_objects WHERE state = 'live' AND key LIKE 'demos/tasks/%'
		EXCEPT SELECT crops_key FROM demos_tasks EXCEPT SELECT upload_key FROM demos_tasks EXCEPT SELECT output_key FROM demos_tasks`},
	{"task that has ended without an end, or the other way round", `
		SELECT id FROM demos_tasks WHERE (state = 'open') <> (ended_at IS NULL)`},
}

// Broken is one row that breaks an invariant.
type Broken struct {
	// Subject is the row's id or key.
	Subject string
	What    string
}

// Check returns every row that breaks an invariant, at most 100 an invariant.
// It reads whole tables and may run beside a server.
func (s *Service) Check(ctx context.Context) ([]Broken, error) {
	var broken []Broken
	for _, inv := range invariants {
		var subjects []string
		if err := s.db.Reader().NewRaw(inv.query+" LIMIT 100").Scan(ctx, &subjects); err != nil {
			return nil, fmt.Errorf("check for %s: %w", inv.broken, err)
		}
		for _, subject := range subjects {
			broken = append(broken, Broken{Subject: subject, What: inv.broken})
		}
	}
	return broken, nil
}
