package blob

import (
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the ledger's tables, owner "blob".
func Migrations() database.Migrations {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return database.Migrations{Owner: "blob", Files: sub}
}

// State is where an object stands in its life.
type State string

// The states. Only a live object can be read.
const (
	// Pending objects have an intent row; their bytes may be there or not.
	Pending State = "pending"
	// Live objects were published; bytes and digest are exactly as recorded.
	Live State = "live"
	// Doomed objects are invisible and wait for the sweeper.
	Doomed State = "doomed"
)

// Object is one entry of the ledger.
type Object struct {
	Key string
	// SHA256 of the bytes in lower-case hexadecimal.
	SHA256 string
	// Size in bytes.
	Size int64
	// MediaType as given to Put, such as image/png; may be empty.
	MediaType string
	// CreatedAt is when Put began, in UTC.
	CreatedAt time.Time
}

type row struct {
	bun.BaseModel `bun:"table:blob_objects,alias:blob_objects"`

	Key       string    `bun:"key,pk"`
	SHA256    string    `bun:"sha256"`
	Size      int64     `bun:"size"`
	MediaType string    `bun:"media_type"`
	State     State     `bun:"state"`
	Writer    string    `bun:"writer"`
	CreatedAt time.Time `bun:"created_at"`
	// KeepUntil is for how long the row of a given up object stays at least.
	KeepUntil *time.Time `bun:"keep_until"`
}

func (r row) object() Object {
	return Object{Key: r.Key, SHA256: r.SHA256, Size: r.Size, MediaType: r.MediaType, CreatedAt: r.CreatedAt.UTC()}
}

// CorruptError says that an object's bytes are not those that were put. Its
// kind is Internal; the caller sees it at the end of the bytes at the latest.
type CorruptError struct {
	Key          string
	WantSize     int64
	GotSize      int64
	Want, Got    string
	BytesMissing bool
}

// Error describes the difference.
func (e *CorruptError) Error() string {
	switch {
	case e.BytesMissing:
		return fmt.Sprintf("object %s is recorded but its bytes are missing", e.Key)
	case e.GotSize != e.WantSize:
		return fmt.Sprintf("object %s has at least %d bytes, recorded are %d", e.Key, e.GotSize, e.WantSize)
	default:
		return fmt.Sprintf("object %s has digest %s, recorded is %s", e.Key, e.Got, e.Want)
	}
}

func notFound(key string) error { return fault.New(fault.NotFound, "object %s not found", key) }
