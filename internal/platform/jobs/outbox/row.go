package outbox

import (
	"embed"
	"io/fs"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations returns the schema of this package's tables, owner "outbox".
func Migrations() database.Migrations {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the path is a constant of this file
	}
	return database.Migrations{Owner: "outbox", Files: sub}
}

// State is where a message stands.
type State string

// The states. All but Pending are final unless an administrator redelivers.
const (
	// Pending messages wait for their turn, for a retry or for an answer.
	Pending State = "pending"
	// Delivered messages were answered with 2xx.
	Delivered State = "delivered"
	// Refused messages were answered, but with neither 2xx nor 5xx.
	Refused State = "refused"
	// Unanswered messages are final ones that were sent whole and not
	// answered in time; whether they took effect is not known.
	Unanswered State = "unanswered"
	// Failed messages were given up.
	Failed State = "failed"
	// Dropped messages could not be delivered before a later one was there.
	Dropped State = "dropped"
	// Silenced messages were taken back before they were delivered.
	Silenced State = "silenced"
)

// The states of a stream.
const (
	open     = "open"
	closed   = "closed" // a final message was added
	silenced = "silenced"
)

type messageRow struct {
	bun.BaseModel `bun:"table:outbox_messages,alias:outbox_messages"`

	ID          string     `bun:"id,pk"`
	Stream      string     `bun:"stream"`
	Seq         int64      `bun:"seq"`
	URL         string     `bun:"url"`
	Size        int64      `bun:"size"`
	Droppable   bool       `bun:"droppable"`
	Final       bool       `bun:"final"`
	State       State      `bun:"state"`
	Version     int64      `bun:"version"`
	Attempts    int        `bun:"attempts"`
	LeaseUntil  *time.Time `bun:"lease_until"`
	DueAt       time.Time  `bun:"due_at"`
	ExpiresAt   time.Time  `bun:"expires_at"`
	Status      int        `bun:"status"`
	Answer      string     `bun:"answer"`
	Error       string     `bun:"error"`
	CreatedAt   time.Time  `bun:"created_at"`
	AttemptedAt *time.Time `bun:"attempted_at"`
	SettledAt   *time.Time `bun:"settled_at"`
}

type bodyRow struct {
	bun.BaseModel `bun:"table:outbox_bodies,alias:outbox_bodies"`

	MessageID string `bun:"message_id,pk"`
	Body      string `bun:"body"`
}
