package ui

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// export streams every row under the page's filters.
func (t Table[T]) export(w http.ResponseWriter, r *http.Request, column *Column[T], down bool) error {
	file := NewDownload(w, "granary-"+t.Name+".csv", "text/csv; charset=utf-8")
	out := csv.NewWriter(file)
	var columns []*Column[T]
	var record []string
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Export != nil {
			columns = append(columns, c)
			record = append(record, c.ID)
		}
	}
	// The writer holds the heading back until its buffer is full, so that an
	// error of the first rows still gets an error page.
	if err := out.Write(record); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	write := func(row T) error {
		for i, c := range columns {
			record[i] = SafeCell(c.Export(row))
		}
		return out.Write(record)
	}
	more, err := t.each(r, column, down, write)
	if err == nil && more {
		// A file that ends early must say so to whoever reads it.
		clear(record)
		record[0] = "(there are more lines than fit one file; narrow the filters)"
		err = out.Write(record)
	}
	if err != nil {
		return file.Fail(fmt.Errorf("write csv: %w", err))
	}
	out.Flush()
	return file.Fail(out.Error())
}

// each visits the rows in the wanted order.
func (t Table[T]) each(r *http.Request, column *Column[T], down bool, visit func(T) error) (more bool, err error) {
	if column == nil {
		return t.walk(r.Context(), maxExported, visit)
	}
	rows, cut, err := t.all(r.Context(), column, down)
	if err != nil {
		return false, err
	}
	for _, row := range rows {
		if err := visit(row); err != nil {
			return false, err
		}
	}
	return cut > 0, nil
}

// SafeCell keeps a spreadsheet from reading a text as a formula (OWASP, CSV
// injection): such a text gets a quote in front. Numbers stay numbers.
func SafeCell(text string) string {
	if text == "" || !strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return text
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return text
	}
	return "'" + text
}

// CSVTime writes a time for a CSV file: RFC 3339 in UTC, empty for none.
func CSVTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// CSVFloat writes a number for a CSV file, the same in every language.
func CSVFloat(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// Download is a file on its way. It is announced with its first byte, so that
// an error before that still gets an error page.
type Download struct {
	w               http.ResponseWriter
	name, mediaType string
	started         bool
}

// NewDownload returns a file to write to.
func NewDownload(w http.ResponseWriter, name, mediaType string) *Download {
	return &Download{w: w, name: name, mediaType: mediaType}
}

// Write announces the file if that was not done yet, and sends data.
func (d *Download) Write(data []byte) (int, error) {
	if !d.started {
		d.started = true
		h := d.w.Header()
		h.Set("Content-Type", d.mediaType)
		h.Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
		h.Set("Cache-Control", "no-store")
	}
	return d.w.Write(data)
}

// Fail returns err while nothing was sent. Afterwards it breaks the connection
// off, which tells the client that the file is not whole. Without an error it
// sends the file's head if it is empty.
func (d *Download) Fail(err error) error {
	if err == nil && !d.started {
		_, err = d.Write(nil)
		return err
	}
	if err != nil && d.started {
		panic(http.ErrAbortHandler)
	}
	return err
}
