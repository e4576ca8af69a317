// Package backup copies everything Granary knows, rows and blobs, as it stood
// at one moment, puts such a copy back, and checks a live installation.
//
//	Create:  hold blobs ─► snapshot ─► tables/*.jsonl ─► blobs/… ─► manifest.json ─► rename
//	Restore: verify every digest ─► target empty? ─► migrate ─► blobs ─► rows in one transaction
//
// A backup is a folder of plain files in one form for SQLite and PostgreSQL,
// so that restoring is also how an installation moves from one to the other.
// The key file of sealed secrets is not in it: a stolen backup must not open
// them, and whoever restores must bring the key.
package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"time"

	"granary/internal/platform/blob"
	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// Format is the version of the folder's layout that this package writes.
const Format = 1

// The names in a backup folder. The ledger of blobs is one of the tables, and
// its digests are those of the files below blobs.
const (
	manifestFile = "manifest.json"
	digestFile   = "manifest.sha256"
	tableFolder  = "tables"
	blobFolder   = "blobs"
)

// ledger and holds are the blob store's tables: only live objects are copied,
// and a hold means nothing in another installation.
const (
	ledger = "blob_objects"
	holds  = "blob_holds"
)

// maxManifest bounds what is read before any digest is known, in bytes.
const maxManifest = 16 << 20

// Source is the installation to copy or check.
type Source struct {
	DB    *database.DB
	Store *blob.Store
	// Sets are all migrations of this binary.
	Sets []database.Migrations
	// Version is this binary's, for the record.
	Version string
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Manifest describes a backup. Its own digest stands beside it in
// manifest.sha256.
type Manifest struct {
	Format    int       `json:"format"`
	CreatedAt time.Time `json:"created_at"`
	// Version of the binary that wrote it.
	Version string `json:"version"`
	// Engine is sqlite or postgres.
	Engine string `json:"engine"`
	// Schemas is the newest applied migration by owner.
	Schemas map[string]int64 `json:"schemas"`
	Tables  []Table          `json:"tables"`
	// Objects and ObjectBytes count the files below blobs.
	Objects     int   `json:"objects"`
	ObjectBytes int64 `json:"object_bytes"`
}

// Table is one file of rows: a JSON array a line, values in column order.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns"`
	Rows    int64    `json:"rows"`
	Bytes   int64    `json:"bytes"`
	SHA256  string   `json:"sha256"`
}

func (t Table) file() string { return path.Join(tableFolder, t.Name+".jsonl") }

func (t Table) column(name string) int {
	for i, c := range t.Columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}

func (m Manifest) table(name string) (Table, bool) {
	for _, t := range m.Tables {
		if t.Name == name {
			return t, true
		}
	}
	return Table{}, false
}

// DamagedError says that a backup is not what was written.
type DamagedError struct {
	// File is the path inside the backup folder.
	File string
	What string
}

// Error names the file and the damage.
func (e *DamagedError) Error() string { return "backup is damaged: " + e.File + " " + e.What }

var tableName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// readManifest reads and checks the manifest, not the files that it names.
func readManifest(root *os.Root) (Manifest, error) {
	data, err := readSmall(root, manifestFile)
	if err != nil {
		return Manifest{}, err
	}
	want, err := readSmall(root, digestFile)
	if err != nil {
		return Manifest{}, err
	}
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); got+"\n" != string(want) {
		return Manifest{}, &DamagedError{manifestFile, "does not have the digest in " + digestFile}
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, &DamagedError{manifestFile, "is not json: " + err.Error()}
	}
	if m.Format != Format {
		return Manifest{}, fault.New(fault.Invalid, "the backup has format %d and this version reads format %d", m.Format, Format)
	}
	for _, t := range m.Tables {
		if !tableName.MatchString(t.Name) {
			return Manifest{}, &DamagedError{manifestFile, "names a table that cannot be"}
		}
	}
	return m, nil
}

func readSmall(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &DamagedError{name, "is missing"}
	}
	if err != nil {
		return nil, fmt.Errorf("read backup: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read backup: %w", err)
	}
	if len(data) > maxManifest {
		return nil, &DamagedError{name, "is too large"}
	}
	return data, nil
}

// eachRow decodes a table's file and calls fn for each row. The slice is used
// again for the next row.
func eachRow(ctx context.Context, r io.Reader, t Table, fn func(row []any) error) error {
	decoder := json.NewDecoder(r)
	decoder.UseNumber()
	var n int64
	row := make([]any, len(t.Columns))
	for ; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		values := row
		err := decoder.Decode(&values)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return &DamagedError{t.file(), "is not rows of json: " + err.Error()}
		}
		if len(values) != len(t.Columns) {
			return &DamagedError{t.file(), fmt.Sprintf("has a row of %d values for %d columns", len(values), len(t.Columns))}
		}
		for i, c := range t.Columns {
			if row[i], err = c.decode(values[i]); err != nil {
				return &DamagedError{t.file(), err.Error()}
			}
		}
		if err := fn(row); err != nil {
			return err
		}
	}
	if n != t.Rows {
		return &DamagedError{t.file(), fmt.Sprintf("has %d rows, recorded are %d", n, t.Rows)}
	}
	return nil
}
