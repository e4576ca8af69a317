package outbox

import (
	"context"
	"fmt"
	"time"

	"granary/internal/platform/database"
)

// cleanEvery is the pause between two cleanings.
const cleanEvery = time.Hour

// clean forgets settled messages by age and number, bodies of settled messages
// by their sum, and streams of which nothing is left. A stream's row stays as
// long as its messages could: until then it refuses what comes too late.
func (o *Outbox) clean(ctx context.Context) error {
	before := o.now().Add(-o.cfg.Retention)
	for _, step := range []struct {
		what, query string
		args        []any
	}{
		{"by age", `DELETE FROM outbox_messages WHERE settled_at < ?`, []any{before}},
		{"by number", `DELETE FROM outbox_messages WHERE settled_at <= (SELECT settled_at FROM outbox_messages
 WHERE settled_at IS NOT NULL ORDER BY settled_at DESC LIMIT 1 OFFSET ?)`, []any{o.cfg.KeepSettled}},
		{"bodies", `DELETE FROM outbox_bodies WHERE message_id IN (SELECT id FROM (
 SELECT id, sum(size) OVER (ORDER BY settled_at DESC, id DESC) AS total FROM outbox_messages WHERE settled_at IS NOT NULL
) AS settled WHERE total > ?)`, []any{o.cfg.KeepBytes}},
		{"streams", `DELETE FROM outbox_streams WHERE changed_at < ?
 AND NOT EXISTS (SELECT 1 FROM outbox_messages AS m WHERE m.stream = outbox_streams.stream)`, []any{before}},
	} {
		err := o.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
			_, err := tx.NewRaw(step.query, step.args...).Exec(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}
