package jobs

import (
	"context"
	"strings"
)

// Level says how serious a line is.
type Level string

// The levels.
const (
	Info    Level = "info"
	Warning Level = "warning"
	Failure Level = "error"
)

// MaxLineBytes bounds one line; what is longer is cut.
const MaxLineBytes = 4 << 10

// maxBarText bounds a bar's key and context.
const maxBarText = 200

// Bar is one progress bar of a running job; several may be shown at once.
type Bar struct {
	// Key tells the job's bars apart; a later Bar of the same key replaces it.
	Key string `json:"key"`
	// Context is its title, such as "Processing documents".
	Context string `json:"context,omitempty"`
	Current int64  `json:"current"`
	// Total is 0 while it is unknown.
	Total int64 `json:"total"`
	// End takes the bar away.
	End bool `json:"-"`
}

// Recorder keeps what attempts say. Package journal has the one that stores.
type Recorder interface {
	// Open begins the record of an attempt that has just been claimed.
	Open(job Job) Record
}

// Record is the record of one attempt. It is safe for concurrent use. Line
// and Bar return at once and store later; nothing that goes wrong with them
// is the handler's affair.
type Record interface {
	Line(level Level, text string)
	Bar(bar Bar)
	// Flush returns when all that was said before is stored, or could not be.
	Flush(ctx context.Context)
	// Close ends the record with how the attempt ended.
	Close(ctx context.Context, outcome Outcome)
}

// silent is the recorder of an engine that was given none.
type silent struct{}

func (silent) Open(Job) Record                { return silent{} }
func (silent) Line(Level, string)             {}
func (silent) Bar(Bar)                        {}
func (silent) Flush(context.Context)          {}
func (silent) Close(context.Context, Outcome) {}

// Info tells whoever watches the job what it does. It costs little enough to
// be called for every item; the latest lines are kept.
func (r *Run) Info(_ context.Context, text string) { r.record.Line(Info, line(text)) }

// Warn tells of something that the result will show but that the job stands.
func (r *Run) Warn(_ context.Context, text string) { r.record.Line(Warning, line(text)) }

// Fail tells of a part that failed; the job goes on.
func (r *Run) Fail(_ context.Context, text string) { r.record.Line(Failure, line(text)) }

// Bar shows how far a part of the job is; b.End takes the bar away. It may be
// called for every item and is stored about once a second.
func (r *Run) Bar(_ context.Context, b Bar) {
	b.Key, b.Context = clip(line(b.Key), maxBarText), clip(line(b.Context), maxBarText)
	b.Current, b.Total = max(b.Current, 0), max(b.Total, 0)
	r.record.Bar(b)
}

// line makes text fit for a log that terminals and pages show: valid UTF-8
// without control characters but tab and line feed, at most MaxLineBytes.
func line(text string) string {
	// Cut first, so that a hostile megabyte is not walked through.
	text = strings.ToValidUTF8(clip(text, MaxLineBytes), "�")
	text = strings.Map(func(c rune) rune {
		if c < ' ' && c != '\t' && c != '\n' || c >= 0x7f && c < 0xa0 {
			return -1
		}
		return c
	}, text)
	return clip(strings.TrimRight(text, "\n"), MaxLineBytes)
}
