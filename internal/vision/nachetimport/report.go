package nachetimport

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"granary/internal/platform/fault"
)

// maxExamples bounds the ids that a reason shows.
const maxExamples = 20

// The kinds of thing that a report counts.
const (
	kindUsers      = "users"
	kindSets       = "picture sets"
	kindSeeds      = "seeds"
	kindPipelines  = "pipelines"
	kindPictures   = "pictures"
	kindInferences = "inferences"
	kindBoxes      = "boxes"
	kindGuesses    = "guesses"
	kindLabels     = "picture seeds"
	kindContainers = "containers"
	kindBlobs      = "blobs"
)

func kinds() []string {
	return []string{
		kindUsers, kindSets, kindSeeds, kindPipelines, kindPictures, kindInferences,
		kindBoxes, kindGuesses, kindLabels, kindContainers, kindBlobs,
	}
}

// Severity says what a reason means for what it is about.
type Severity int

// The severities.
const (
	// Changed means that it came over in another form, such as another name.
	Changed Severity = iota
	// Skipped means that it was left out on purpose.
	Skipped
	// Unread means that it could not be read and is missing in the target.
	Unread
)

// String returns the word that the report prints.
func (s Severity) String() string { return [...]string{"changed", "skipped", "not read"}[s] }

// Reason says why things did not come over as they were.
type Reason struct {
	Severity Severity
	Text     string
	Count    int
	// Examples are the first 20: an id, with a detail where there is one.
	Examples []string
}

// Kind counts the things of one kind. Found is the sum of the other three when
// the run came to its end; containers and blobs are only found and skipped.
type Kind struct {
	Name string
	// Found is how many the source has.
	Found int
	// Imported is how many were stored, or in a dry run would be.
	Imported int
	// AlreadyThere is how many the target holds from an earlier run.
	AlreadyThere int
	// Skipped is how many were left out, unread ones included.
	Skipped int
	Reasons []Reason
}

// Report says what an import did, or in a dry run would do.
type Report struct {
	DryRun bool
	Kinds  []Kind
	// Bytes of pictures that were copied, or in a dry run would be.
	Bytes int64
	// Took is how long the run lasted.
	Took time.Duration
}

// Kind returns the counts of one kind by its name, such as "pictures".
func (r Report) Kind(name string) Kind {
	for _, k := range r.Kinds {
		if k.Name == name {
			return k
		}
	}
	return Kind{Name: name}
}

// Unread returns how many things of the source could not be read.
func (r Report) Unread() (n int) {
	for _, k := range r.Kinds {
		for _, reason := range k.Reasons {
			if reason.Severity == Unread {
				n += reason.Count
			}
		}
	}
	return n
}

// Write prints the report for people.
func (r Report) Write(w io.Writer) error {
	var b strings.Builder
	verb := "imported"
	if r.DryRun {
		b.WriteString("Dry run: nothing was written.\n\n")
		verb = "to import"
	}
	fmt.Fprintf(&b, "%-14s %10s %10s %14s %10s\n", "", "found", verb, "already there", "skipped")
	for _, k := range r.Kinds {
		if k.Found > 0 {
			fmt.Fprintf(&b, "%-14s %10d %10d %14d %10d\n", k.Name, k.Found, k.Imported, k.AlreadyThere, k.Skipped)
		}
	}
	fmt.Fprintf(&b, "\n%s of pictures in %s\n", bytesText(r.Bytes), r.Took.Round(time.Second))
	for _, k := range r.Kinds {
		for _, reason := range k.Reasons {
			fmt.Fprintf(&b, "\n%s, %s: %s (%d)\n", k.Name, reason.Severity, reason.Text, reason.Count)
			for _, example := range reason.Examples {
				fmt.Fprintf(&b, "  %s\n", example)
			}
			if more := reason.Count - len(reason.Examples); more > 0 {
				fmt.Fprintf(&b, "  and %d more\n", more)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// bytesText writes a size with a binary unit.
func bytesText(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}

// tally gathers a report. Safe for concurrent use.
type tally struct {
	mu      sync.Mutex
	dryRun  bool
	bytes   int64
	counts  map[string]*Kind
	reasons map[string]map[string]*Reason // by kind and text
}

func newTally(dryRun bool) *tally {
	t := &tally{dryRun: dryRun, counts: map[string]*Kind{}, reasons: map[string]map[string]*Reason{}}
	for _, name := range kinds() {
		t.counts[name] = &Kind{Name: name}
		t.reasons[name] = map[string]*Reason{}
	}
	return t
}

func (t *tally) found(kind string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[kind].Found += n
}

func (t *tally) imported(kind string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[kind].Imported += n
}

func (t *tally) alreadyThere(kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[kind].AlreadyThere++
}

func (t *tally) copied(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes += n
}

// changed notes that something came over in another form.
func (t *tally) changed(kind, text, example string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note(kind, Changed, text, example)
}

// skip notes that something was left out on purpose.
func (t *tally) skip(kind, text, example string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[kind].Skipped++
	t.note(kind, Skipped, text, example)
}

// unread notes that something could not be read.
func (t *tally) unread(kind, text, example string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[kind].Skipped++
	t.note(kind, Unread, text, example)
}

// left counts rows that were left out because what they belong to was, which
// has its own line.
func (t *tally) left(kind string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[kind].Skipped += n
}

func (t *tally) note(kind string, severity Severity, text, example string) {
	reason := t.reasons[kind][text]
	if reason == nil {
		reason = &Reason{Severity: severity, Text: text}
		t.reasons[kind][text] = reason
	}
	reason.Count++
	if len(reason.Examples) < maxExamples {
		reason.Examples = append(reason.Examples, example)
	}
}

// settle counts what is neither imported nor skipped as there already: rows
// of pictures that are held are not looked at one by one.
func (t *tally) settle(names ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range names {
		k := t.counts[name]
		k.AlreadyThere = max(0, k.Found-k.Imported-k.Skipped)
	}
}

// report returns what was gathered, the gravest reasons of a kind first.
func (t *tally) report() Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := Report{DryRun: t.dryRun, Bytes: t.bytes}
	for _, name := range kinds() {
		k := *t.counts[name]
		for _, reason := range t.reasons[name] {
			copied := *reason
			copied.Examples = slices.Sorted(slices.Values(reason.Examples))
			k.Reasons = append(k.Reasons, copied)
		}
		slices.SortFunc(k.Reasons, func(a, b Reason) int {
			return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text))
		})
		r.Kinds = append(r.Kinds, k)
	}
	return r
}

// IncompleteError says that the run came to its end but could not read
// everything. Its kind is fault.Invalid.
type IncompleteError struct{ Unread int }

// Error says how much is missing.
func (e *IncompleteError) Error() string {
	return fmt.Sprintf("%d things of the source could not be read; the report lists them", e.Unread)
}

// Unwrap gives the error its kind.
func (e *IncompleteError) Unwrap() error { return fault.New(fault.Invalid, "%s", e.Error()) }
