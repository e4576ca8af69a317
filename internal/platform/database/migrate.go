package database

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	goosedb "github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
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
func (d *DB) Migrate(ctx context.Context, sets ...Migrations) error {
	for _, set := range sets {
		provider, err := d.provider(set)
		if err != nil {
			return err
		}
		if err := refuseNewer(ctx, set.Owner, provider); err != nil {
			return err
		}
		if _, err := provider.Up(ctx); err != nil {
			return fmt.Errorf("migrate %s: %w", set.Owner, err)
		}
	}
	return nil
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
		// Two servers that start side by side take turns.
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, fmt.Errorf("migration lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider("", d.write.DB, set.Files, options...)
	if err != nil {
		return nil, fmt.Errorf("migrations of %s: %w", set.Owner, err)
	}
	return provider, nil
}

func refuseNewer(ctx context.Context, owner string, provider *goose.Provider) error {
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("schema version of %s: %w", owner, err)
	}
	if current > target {
		return errors.New("the " + owner + " schema was written by a newer granary; install that version or restore a backup")
	}
	return nil
}
