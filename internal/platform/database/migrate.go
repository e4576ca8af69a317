package database

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	goosedb "github.com/pressly/goose/v3/database"
)

// Migrations is one package's numbered SQL files (00001_name.sql, goose
// format, forward only), applied in order and frozen once released.
type Migrations struct {
	// Owner names the version table granary_migrations_<owner>.
	Owner string
	Files fs.FS
}

// MigrationState says how far one owner's schema has come.
type MigrationState struct {
	Owner            string
	Applied, Pending []int64
}

// Migrate applies every pending migration of each set, in the order given.
// Each file is one transaction. A schema newer than this binary is an error.
// On PostgreSQL the schema that search_path names first is created when absent.
func (d *DB) Migrate(ctx context.Context, sets ...Migrations) error {
	if d.pool != nil {
		if err := d.makeSchema(ctx); err != nil {
			return err
		}
	}
	return d.MigrateTo(ctx, nil, sets...)
}

// MigrateTo is Migrate that stops at the version that targets gives for a
// set's owner; an owner that targets does not name goes to its newest. A target
// beyond what this binary knows is an error. Restoring a backup needs it.
func (d *DB) MigrateTo(ctx context.Context, targets map[string]int64, sets ...Migrations) error {
	for _, set := range sets {
		provider, err := d.provider(set)
		if err != nil {
			return err
		}
		target, limited := targets[set.Owner]
		if err := refuseNewer(ctx, set.Owner, provider, target); err != nil {
			return err
		}
		if !limited {
			target = newest
		}
		if err := d.up(ctx, provider, target); err != nil {
			return fmt.Errorf("migrate %s: %w", set.Owner, err)
		}
	}
	return nil
}

// newest is above every version that a file name can have.
const newest = 1<<31 - 1

// up applies what is pending. SQLite has no lock that spans migrations: when
// another process applied one that this one just read as pending, it fails
// here and is found done at the next look.
func (d *DB) up(ctx context.Context, provider *goose.Provider, target int64) error {
	for {
		before, _, err := provider.GetVersions(ctx)
		if err != nil {
			return err
		}
		_, err = provider.UpTo(ctx, target)
		if err == nil || d.pool != nil {
			return err
		}
		after, _, versionErr := provider.GetVersions(ctx)
		if versionErr != nil || after == before {
			return errors.Join(err, versionErr)
		}
	}
}

// MigrationStatus reports each set's applied and pending versions.
func (d *DB) MigrationStatus(ctx context.Context, sets ...Migrations) ([]MigrationState, error) {
	states := make([]MigrationState, 0, len(sets))
	for _, set := range sets {
		provider, err := d.provider(set)
		if err != nil {
			return nil, err
		}
		status, err := provider.Status(ctx)
		if err != nil {
			return nil, fmt.Errorf("migration status of %s: %w", set.Owner, err)
		}
		state := MigrationState{Owner: set.Owner}
		for _, s := range status {
			if s.State == goose.StateApplied {
				state.Applied = append(state.Applied, s.Source.Version)
			} else {
				state.Pending = append(state.Pending, s.Source.Version)
			}
		}
		states = append(states, state)
	}
	return states, nil
}

func (d *DB) provider(set Migrations) (*goose.Provider, error) {
	dialect := goosedb.DialectSQLite3
	if d.pool != nil {
		dialect = goosedb.DialectPostgres
	}
	store, err := goosedb.NewStore(dialect, "granary_migrations_"+set.Owner)
	if err != nil {
		return nil, fmt.Errorf("migrations of %s: %w", set.Owner, err)
	}
	options := []goose.ProviderOption{goose.WithStore(store), goose.WithDisableGlobalRegistry(true)}
	if d.pool != nil {
		options = append(options, goose.WithSessionLocker(schemaLock{}))
	}
	provider, err := goose.NewProvider("", d.write.DB, set.Files, options...)
	if err != nil {
		return nil, fmt.Errorf("migrations of %s: %w", set.Owner, err)
	}
	return provider, nil
}

func refuseNewer(ctx context.Context, owner string, provider *goose.Provider, wanted int64) error {
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("schema version of %s: %w", owner, err)
	}
	if max(current, wanted) > target {
		return errors.New("the " + owner + " schema was written by a newer granary; install that version or restore a backup")
	}
	return nil
}
