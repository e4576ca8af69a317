package ui_test

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
)

type line struct {
	id   string
	size int
}

func lines(n int) []line {
	rows := make([]line, n)
	for i := range rows {
		rows[i] = line{id: "r" + strconv.Itoa(i), size: i % 3}
	}
	return rows
}

func table(source ui.Source[line]) ui.Table[line] {
	return ui.Table[line]{
		Name: "lines", Size: 4, Source: source, Key: func(l line) string { return l.id },
		Columns: []ui.Column[line]{
			{ID: "id", Text: "test.id", Export: func(l line) string { return l.id }, Compare: func(a, b line) int { return cmp.Compare(a.id, b.id) }},
			{ID: "size", Text: "test.size", Class: "num", Export: func(l line) string { return strconv.Itoa(-l.size) }, Compare: func(a, b line) int { return cmp.Compare(a.size, b.size) }},
			{ID: "note", Export: func(line) string { return "=HYPERLINK(1)" }},
			{ID: "act", Text: "test.act", Class: "act"},
		},
	}
}

func get(t *testing.T, from ui.Table[line], address string) (ui.TableView[line], *httptest.ResponseRecorder, error) {
	t.Helper()
	w := httptest.NewRecorder()
	view, done, err := from.Page(w, httptest.NewRequest(http.MethodGet, address, nil))
	if want := strings.Contains(address, "format=csv"); done != want {
		t.Errorf("Page(%s) is done = %t, want %t", address, done, want)
	}
	return view, w, err
}

func ids(rows []line) string {
	var out []string
	for _, row := range rows {
		out = append(out, row.id)
	}
	return strings.Join(out, " ")
}

func TestTablePagesInEveryOrder(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ address, want, head string }{
		{"/x?kind=a", "r0 r1 r2 r3|r4 r5 r6 r7|r8", "none none"},
		{"/x?kind=a&sort=size", "r0 r3 r6 r1|r4 r7 r2 r5|r8", "none ascending"},
		{"/x?kind=a&sort=-size", "r2 r5 r8 r1|r4 r7 r0 r3|r6", "none descending"},
		{"/x?kind=a&sort=-id", "r8 r7 r6 r5|r4 r3 r2 r1|r0", "descending none"},
		{"/x?kind=a&sort=act", "r0 r1 r2 r3|r4 r5 r6 r7|r8", "none none"},
	} {
		t.Run(tc.address, func(t *testing.T) {
			t.Parallel()
			var pages []string
			for address := tc.address; address != ""; {
				view, _, err := get(t, table(ui.Slice(lines(9))), address)
				if err != nil {
					t.Fatal(err)
				}
				pages = append(pages, ids(view.Rows))
				if got := view.Head[0].Sort + " " + view.Head[1].Sort; got != tc.head {
					t.Errorf("aria-sort of %s = %q, want %q", address, got, tc.head)
				}
				for _, link := range []string{view.Head[0].Href, view.Head[1].Href, view.CSV, view.Next, view.First} {
					if link != "" && !strings.Contains(link, "kind=a") {
						t.Errorf("link %q of %s lost the filter", link, address)
					}
				}
				if view.Head[2].Href != "" || len(view.Head) != 3 {
					t.Errorf("heads = %+v, want three, the last without a link", view.Head)
				}
				address = view.Next
			}
			if got := strings.Join(pages, "|"); got != tc.want {
				t.Errorf("pages of %s = %q, want %q", tc.address, got, tc.want)
			}
		})
	}
}

func TestSortLinksGoUpDownAndBack(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"/x?cursor=4&done=y&count=3": "/x?sort=size", "/x?sort=size": "/x?sort=-size", "/x?sort=-size": "/x",
	} {
		view, _, err := get(t, table(ui.Slice(lines(9))), address)
		if err != nil || view.Head[1].Href != want {
			t.Errorf("the link of the column at %s = %q, %v, want %q", address, view.Head[1].Href, err, want)
		}
	}
}

func TestASortedPageGoesOnBehindItsLastRow(t *testing.T) {
	t.Parallel()
	first, _, err := get(t, table(ui.Slice(lines(9))), "/x?sort=id")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		rows []line
		want string
	}{
		"a row in front has gone":  {lines(9)[1:], "r4 r5 r6 r7"},
		"the last row has gone":    {append(lines(3), lines(9)[4:]...), "r5 r6 r7 r8"},
		"another one came earlier": {append(lines(9), line{id: "a"}), "r4 r5 r6 r7"},
	} {
		next, _, err := get(t, table(ui.Slice(tc.rows)), first.Next)
		if err != nil || ids(next.Rows) != tc.want {
			t.Errorf("next page when %s = %q, %v, want %q", name, ids(next.Rows), err, tc.want)
		}
	}
	for _, cursor := range []string{"x", "-1.r1", "4", "."} {
		if _, _, err := get(t, table(ui.Slice(lines(9))), "/x?sort=id&cursor="+cursor); !fault.Is(err, fault.Invalid) {
			t.Errorf("Page with the cursor %q = %v, want an invalid input", cursor, err)
		}
	}
	if _, _, err := get(t, table(ui.Slice(lines(9))), "/x?cursor=x"); !fault.Is(err, fault.Invalid) {
		t.Errorf("Page with a strange cursor = %v, want an invalid input", err)
	}
}

func TestCSVHasEveryRowAndNoFormula(t *testing.T) {
	t.Parallel()
	_, w, err := get(t, table(ui.Slice(lines(450))), "/x?format=csv&sort=-size")
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(records) != 451 {
		t.Fatalf("csv has %d records, %v, want 451", len(records), err)
	}
	want := [][]string{{"id", "size", "note"}, {"r2", "-2", "'=HYPERLINK(1)"}}
	if diff := gocmp.Diff(want, records[:2]); diff != "" {
		t.Errorf("csv (-want +got):\n%s", diff)
	}
	if got := w.Header().Get("Content-Disposition"); got != `attachment; filename="granary-lines.csv"` {
		t.Errorf("Content-Disposition = %q, want a file", got)
	}
}

func TestAnEndlessTableIsCutAndSaysSo(t *testing.T) {
	t.Parallel()
	endless := func(_ context.Context, cursor string, limit int) ([]line, string, error) {
		return lines(limit), cursor + "x", nil
	}
	view, _, err := get(t, table(endless), "/x?sort=id")
	if err != nil || view.Cut != 20_000 {
		t.Errorf("Page sorted %d rows, %v, want 20000 and word of it", view.Cut, err)
	}
	_, w, err := get(t, table(endless), "/x?format=csv")
	if got := strings.Count(w.Body.String(), "\n"); err != nil || got != 100_002 || !strings.Contains(w.Body.String()[w.Body.Len()-100:], "more lines than fit") {
		t.Errorf("csv has %d lines, %v, want 100002 with the last saying that there are more", got, err)
	}
}

func TestAFailingExport(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	after := func(n int) ui.Source[line] {
		return func(_ context.Context, cursor string, limit int) ([]line, string, error) {
			if len(cursor) >= n {
				return nil, "", broken
			}
			return lines(limit), cursor + "x", nil
		}
	}
	if _, w, err := get(t, table(after(0)), "/x?format=csv"); !errors.Is(err, broken) || w.Header().Get("Content-Disposition") != "" {
		t.Errorf("an export that fails at once = %v as %v, want the error and no file", err, w.Header())
	}
	defer func() {
		if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // recover gives the value itself
			t.Errorf("an export that fails under way panics with %v, want the connection broken off", got)
		}
	}()
	_, _, err := get(t, table(after(20)), "/x?format=csv")
	t.Errorf("an export that fails under way = %v, want the connection broken off", err)
}

func TestSafeCell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "Avena": "Avena", "=1+1": "'=1+1", "+1+cmd": "'+1+cmd", "@x": "'@x", "-x": "'-x", "\t=1": "'\t=1", "\r=1": "'\r=1",
		"-1.5": "-1.5", "+3e4": "+3e4", "a=b": "a=b",
	} {
		if got := ui.SafeCell(in); got != want {
			t.Errorf("SafeCell(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSelected(t *testing.T) {
	t.Parallel()
	if got, err := ui.Selected(map[string][]string{"id": {"a", "b"}}, 2); err != nil || len(got) != 2 {
		t.Errorf("Selected = %v, %v, want both", got, err)
	}
	if _, err := ui.Selected(nil, 2); !fault.Is(err, fault.Invalid) {
		t.Errorf("Selected of nothing = %v, want an invalid input", err)
	}
	if _, err := ui.Selected(map[string][]string{"id": {"a", "b", "c"}}, 2); !fault.Is(err, fault.TooLarge) {
		t.Errorf("Selected of too many = %v, want too large", err)
	}
}
