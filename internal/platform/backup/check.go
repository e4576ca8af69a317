package backup

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"granary/internal/platform/blob"
)

// maxProblems bounds a report; what is beyond is only counted.
const maxProblems = 1000

// Problem is one thing that is not as it should be.
type Problem struct {
	// Part is what was checked: schema, rows, blobs, or a checker's name.
	Part string `json:"part"`
	// Subject is the table, key or id.
	Subject string `json:"subject"`
	What    string `json:"what"`
}

// Checker looks for problems in one service's own rules. Part is filled in by
// the caller. An error means that it could not look.
type Checker func(ctx context.Context) ([]Problem, error)

// Report is the outcome of Check.
type Report struct {
	// Problems holds the first 1000; Found counts all.
	Problems []Problem    `json:"problems"`
	Found    int          `json:"found"`
	Blobs    blob.Checked `json:"blobs"`
}

// OK reports whether all is sound.
func (r *Report) OK() bool { return r.Found == 0 }

func (r *Report) add(p Problem) {
	if r.Found++; r.Found <= maxProblems {
		r.Problems = append(r.Problems, p)
	}
}

// Check verifies schema versions, the database's own structure, every foreign
// key, every object's digest, and what the given checkers, by name, look at.
// It can run beside a live server. An error means that it could not finish.
func Check(ctx context.Context, source Source, checkers map[string]Checker) (Report, error) {
	report := Report{Problems: []Problem{}}
	states, err := source.DB.MigrationStatus(ctx, source.Sets...)
	if err != nil {
		return report, err
	}
	for _, s := range states {
		if len(s.Pending) > 0 {
			report.add(Problem{"schema", s.Owner, fmt.Sprintf("has %d pending migrations", len(s.Pending))})
		}
	}
	if !report.OK() {
		return report, nil // the checks below would only stumble over it
	}
	if source.DB.Path() != "" {
		err = checkSQLite(ctx, source, &report)
	} else {
		err = checkPostgres(ctx, source, &report)
	}
	if err != nil {
		return report, err
	}
	report.Blobs, err = source.Store.Check(ctx, func(key, what string) { report.add(Problem{"blobs", key, what}) })
	if err != nil {
		return report, fmt.Errorf("check blobs: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(checkers)) {
		problems, err := checkers[name](ctx)
		if err != nil {
			return report, fmt.Errorf("check %s: %w", name, err)
		}
		for _, p := range problems {
			p.Part = name
			report.add(p)
		}
	}
	return report, nil
}

func checkSQLite(ctx context.Context, source Source, report *Report) error {
	var lines []string
	if err := source.DB.Reader().NewRaw("PRAGMA integrity_check").Scan(ctx, &lines); err != nil {
		return fmt.Errorf("check database file: %w", err)
	}
	for _, line := range lines {
		if line != "ok" {
			report.add(Problem{"rows", "database file", line})
		}
	}
	var dangling []struct {
		Table  string
		Parent string
		N      int
	}
	if err := source.DB.Reader().NewRaw(
		`SELECT "table", parent, COUNT(*) AS n FROM pragma_foreign_key_check GROUP BY "table", parent`).Scan(ctx, &dangling); err != nil {
		return fmt.Errorf("check foreign keys: %w", err)
	}
	for _, d := range dangling {
		report.add(Problem{"rows", d.Table, fmt.Sprintf("has %d rows that refer to a missing row of %s", d.N, d.Parent)})
	}
	return nil
}

func checkPostgres(ctx context.Context, source Source, report *Report) error {
	all, err := references(ctx, source.DB.Reader())
	if err != nil {
		return err
	}
	for _, r := range all {
		if !r.Validated {
			report.add(Problem{"schema", r.Child, "has a foreign key that is not enforced: " + r.Name})
		}
		n, err := r.dangling(ctx, source.DB.Reader())
		if err != nil {
			return fmt.Errorf("check foreign key %s: %w", r.Name, err)
		}
		if n > 0 {
			report.add(Problem{"rows", r.Child, fmt.Sprintf("has %d rows that refer to a missing row of %s", n, r.Parent)})
		}
	}
	var invalid []string
	if err := source.DB.Reader().NewRaw(`SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = current_schema() AND NOT i.indisvalid ORDER BY 1`).Scan(ctx, &invalid); err != nil {
		return fmt.Errorf("list invalid indexes: %w", err)
	}
	for _, name := range invalid {
		report.add(Problem{"schema", name, "is an index that is not valid"})
	}
	return nil
}
