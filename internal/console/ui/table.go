package ui

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"granary/internal/platform/fault"
)

const (
	// tableSize is how many rows a page of a table shows unless it says so.
	tableSize = 100
	// maxSorted bounds the rows that are held in memory to be sorted: a store
	// pages through its own order only.
	maxSorted = 20_000
	// maxExported bounds the rows of one CSV file.
	maxExported = 100_000
	// walkStep is how many rows are asked of a source at once.
	walkStep = 200
)

// Column is one column of a Table.
type Column[T any] struct {
	// ID names the column in addresses and CSV files, in snake_case.
	ID string
	// Text is the message key of the heading. A column without one is in the
	// CSV file only.
	Text string
	// Class is "num" for numbers and "act" for a heading that is only spoken.
	Class string
	// Compare orders two rows. The table cannot be sorted by a column without.
	Compare func(a, b T) int
	// Export writes the cell of a CSV file. A column without one is not in it.
	Export func(T) string
}

// Source gives the rows of a table in their own order: at most limit of them
// (it may give fewer) from behind cursor, and the cursor behind those, empty
// at the end.
type Source[T any] func(ctx context.Context, cursor string, limit int) (rows []T, next string, err error)

// Slice is a Source of rows that are all in memory.
func Slice[T any](rows []T) Source[T] {
	return func(_ context.Context, cursor string, limit int) ([]T, string, error) {
		from, err := strconv.Atoi("0" + cursor)
		if err != nil {
			return nil, "", fault.New(fault.Invalid, "the cursor is not one of ours")
		}
		from = min(from, len(rows))
		to := min(from+limit, len(rows))
		if to == len(rows) {
			return rows[from:], "", nil
		}
		return rows[from:to], strconv.Itoa(to), nil
	}
}

// Table is a list that pages by cursor, sorts by column and comes as a CSV
// file. The address of the page says which part is wanted:
//
//	?sort=name or ?sort=-name   by a column, up or down; without, the source's order
//	?cursor=…                   what follows a page
//	?format=csv                 every row under the same filters, as a file
//
// All other query values are the page's filters, which every link keeps.
type Table[T any] struct {
	// Name is the CSV file's: granary-<name>.csv.
	Name    string
	Columns []Column[T]
	Source  Source[T]
	// Key tells rows apart, so that a page goes on behind the right row when
	// others came or went meanwhile.
	Key func(T) string
	// Size is how many rows a page has. Defaults to 100.
	Size int
}

// TableView is the part of a Table that a page shows; the components "thead"
// and "tablefoot" draw its frame and the page its rows.
type TableView[T any] struct {
	Rows []T
	Head []Heading
	// CSV, First and Next are addresses; the latter two may be empty.
	CSV, First, Next string
	// Cut is how many rows were sorted when there are more, else 0.
	Cut int
	// Pick puts a column of boxes in front, to tick rows.
	Pick bool
}

// Heading is the head of a shown column.
type Heading struct {
	Text, Class string
	// Href sorts by the column; empty when that cannot be.
	Href string
	// Sort is the value of aria-sort: "ascending", "descending", or "none".
	Sort string
}

// Page answers the CSV file when that is asked for, which done reports, and
// otherwise returns the part of the table to show.
func (t Table[T]) Page(w http.ResponseWriter, r *http.Request) (view TableView[T], done bool, err error) {
	q := r.URL.Query()
	column, down := t.order(q.Get("sort"))
	if q.Get("format") == "csv" {
		return view, true, t.export(w, r, column, down)
	}
	base := *r.URL
	for _, name := range []string{"cursor", "format", noticeKey, countKey} {
		q.Del(name)
	}
	base.RawQuery = q.Encode()
	here, cursor := base.RequestURI(), r.URL.Query().Get("cursor")
	next := ""
	if column == nil {
		view.Rows, next, err = t.Source(r.Context(), cursor, t.size())
	} else {
		view.Rows, next, view.Cut, err = t.sorted(r.Context(), column, down, cursor)
	}
	if err != nil {
		return TableView[T]{}, false, err
	}
	view.CSV = WithQuery(here, "format", "csv")
	if cursor != "" {
		view.First = here
	}
	if next != "" {
		view.Next = WithQuery(here, "cursor", next)
	}
	view.Head = t.heads(here, column, down)
	return view, false, nil
}

func (t Table[T]) size() int {
	if t.Size > 0 {
		return t.Size
	}
	return tableSize
}

// order reads the sort value; one that names no column means none.
func (t Table[T]) order(value string) (column *Column[T], down bool) {
	name, down := strings.CutPrefix(value, "-")
	for i := range t.Columns {
		if c := &t.Columns[i]; c.ID == name && c.Compare != nil {
			return c, down
		}
	}
	return nil, false
}

// heads links each heading to its column up, then down, then the source's order.
func (t Table[T]) heads(here string, sorted *Column[T], down bool) []Heading {
	var heads []Heading
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Text == "" {
			continue
		}
		head := Heading{Text: c.Text, Class: c.Class}
		if c.Compare != nil {
			value := c.ID
			head.Sort = "none"
			switch {
			case c == sorted && down:
				head.Sort, value = "descending", ""
			case c == sorted:
				head.Sort, value = "ascending", "-"+c.ID
			}
			head.Href = WithQuery(here, "sort", value)
		}
		heads = append(heads, head)
	}
	return heads
}

// walk visits every row in the source's order, at most limit; more reports
// whether some were left.
func (t Table[T]) walk(ctx context.Context, limit int, visit func(T) error) (more bool, err error) {
	cursor, seen := "", 0
	for {
		rows, next, err := t.Source(ctx, cursor, walkStep)
		if err != nil {
			return false, err
		}
		for _, row := range rows {
			if seen == limit {
				return true, nil
			}
			seen++
			if err := visit(row); err != nil {
				return false, err
			}
		}
		if next == "" || next == cursor {
			return false, nil
		}
		cursor = next
	}
}

// all returns the rows in the wanted order; cut is how many when there are more.
func (t Table[T]) all(ctx context.Context, column *Column[T], down bool) (rows []T, cut int, err error) {
	more, err := t.walk(ctx, maxSorted, func(row T) error {
		rows = append(rows, row)
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	if more {
		cut = len(rows)
	}
	slices.SortStableFunc(rows, func(a, b T) int {
		if down {
			return column.Compare(b, a)
		}
		return column.Compare(a, b)
	})
	return rows, cut, nil
}

// sorted returns a page in a column's order. Its cursor is the position and
// the key of the last row: the key finds the place again after changes, the
// position stands in when that row is gone.
func (t Table[T]) sorted(ctx context.Context, column *Column[T], down bool, cursor string) (page []T, next string, cut int, err error) {
	rows, cut, err := t.all(ctx, column, down)
	if err != nil {
		return nil, "", 0, err
	}
	from := 0
	if cursor != "" {
		position, key, ok := strings.Cut(cursor, ".")
		if from, err = strconv.Atoi(position); err != nil || !ok || from < 0 {
			return nil, "", 0, fault.New(fault.Invalid, "the cursor is not one of ours")
		}
		if at := slices.IndexFunc(rows, func(row T) bool { return t.Key(row) == key }); at >= 0 {
			from = at + 1
		}
	}
	from = min(from, len(rows))
	to := min(from+t.size(), len(rows))
	if to < len(rows) {
		next = strconv.Itoa(to) + "." + t.Key(rows[to-1])
	}
	return rows[from:to], next, cut, nil
}

// Selected returns the rows that were ticked in a form, at most limit.
func Selected(form url.Values, limit int) ([]string, error) {
	ids := form["id"]
	switch {
	case len(ids) == 0:
		return nil, fault.New(fault.Invalid, "tick at least one line")
	case len(ids) > limit:
		return nil, fault.New(fault.TooLarge, "at most %d lines at a time", limit)
	}
	return ids, nil
}
