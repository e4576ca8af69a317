package outbox

import "context"

// Look is one look of the dispatcher for what is due.
func (o *Outbox) Look(ctx context.Context) error {
	_, _, err := o.look(ctx)
	return err
}

// HeadsQuery is the query of a look; it has a time, a time and a number.
const HeadsQuery = headsQuery
