package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Version is the protocol's version, which a worker names in its first message.
const Version = 1

// The types of orders.
const (
	Job    = "job"    // work to do; one at a time
	Cancel = "cancel" // the job named is no longer wanted
	Exit   = "exit"   // end yourself
)

// The types of reports.
const (
	Ready    = "ready"
	Info     = "info"
	Warning  = "warning"
	Error    = "error"
	Progress = "progress"
	Event    = "event"
	Result   = "result"
	Failed   = "failed"
)

// Bounds of what a report says. Longer texts are cut, longer names are refused.
const (
	MaxText = 16 << 10 // bytes of a text, an error, a traceback or a bar's context
	MaxName = 256      // bytes of an id, a key, an event's or an actor's name
	// MaxActors is how many actors a worker may name.
	MaxActors = 256
)

// ErrMalformed is a line that is no message of the protocol.
var ErrMalformed = errors.New("malformed message")

// Paths are the folders of one job, absolute.
type Paths struct {
	// Data is the private data root.
	Data string `json:"data"`
	// Dataset is the folder of the job's data set; empty when it has none.
	Dataset string `json:"dataset"`
	// Results is where files are written that the job publishes.
	Results string `json:"results"`
	// Tmp is the job's own, removed when the job ends.
	Tmp string `json:"tmp"`
}

// Order is a message to the worker. Cancel has only an id, exit nothing.
type Order struct {
	Type    string          `json:"type"`
	ID      string          `json:"id,omitempty"`
	Actor   string          `json:"actor,omitempty"`
	Kwargs  json.RawMessage `json:"kwargs,omitempty"`
	Paths   *Paths          `json:"paths,omitempty"`
	BaseURL string          `json:"base_url,omitempty"`
	Attempt int             `json:"attempt,omitempty"`
}

// Report is a message from the worker. Which fields mean something follows
// from Type.
type Report struct {
	Type string `json:"type"`
	// ID names the job; empty in ready, and in what a worker says of itself.
	ID string `json:"id,omitempty"`

	// ready
	Protocol int      `json:"protocol,omitempty"`
	Name     string   `json:"name,omitempty"`
	Actors   []string `json:"actors,omitempty"`

	// info, warning, error
	Text string `json:"text,omitempty"`

	// progress; Total is 0 while it is unknown
	Key     string `json:"key,omitempty"`
	Context string `json:"context,omitempty"`
	Current Count  `json:"current,omitzero"`
	Total   Count  `json:"total,omitzero"`
	End     bool   `json:"end,omitempty"`

	// event
	Event string          `json:"event,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`

	// result
	Value json.RawMessage `json:"value,omitempty"`

	// failed
	Error     string `json:"error,omitempty"`
	Traceback string `json:"traceback,omitempty"`
}

// Count is a whole number in the form in which languages without integers
// write it: 3, 3.0 or null, which is 0.
type Count int64

// UnmarshalJSON implements json.Unmarshaler.
func (c *Count) UnmarshalJSON(text []byte) error {
	var v *float64
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	if v == nil {
		*c = 0
		return nil
	}
	*c = Count(min(max(math.Trunc(*v), 0), 1<<53))
	return nil
}

// Encode returns m, an Order or a Report, as one line with its line feed.
func Encode(m any) ([]byte, error) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line) // compacts raw values, so that no line feed is left in them
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(m); err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return line.Bytes(), nil
}

// DecodeOrder reads a line of the host. Errors: ErrMalformed.
func DecodeOrder(line []byte) (Order, error) {
	var o Order
	if err := decode(line, &o); err != nil {
		return Order{}, err
	}
	switch o.Type {
	case Exit:
		return o, nil
	case Cancel, Job:
		if o.ID == "" || len(o.ID) > MaxName || len(o.Actor) > MaxName {
			return Order{}, fmt.Errorf("%w: %s without a usable id and actor", ErrMalformed, o.Type)
		}
		return o, nil
	}
	return Order{}, fmt.Errorf("%w: unknown type", ErrMalformed)
}

// DecodeReport reads a line of a worker. Long texts are cut, NUL, which
// databases refuse, is replaced; raw values do not share memory with line.
// Errors: ErrMalformed.
func DecodeReport(line []byte) (Report, error) {
	var r Report
	if err := decode(line, &r); err != nil {
		return Report{}, err
	}
	for _, name := range [...]string{r.ID, r.Key, r.Event, r.Name} {
		if len(name) > MaxName {
			return Report{}, fmt.Errorf("%w: a name is longer than %d bytes", ErrMalformed, MaxName)
		}
	}
	r.Text, r.Context, r.Error, r.Traceback = Clip(r.Text), Clip(r.Context), Clip(r.Error), Clip(r.Traceback)
	r.ID, r.Key, r.Event, r.Name = clean(r.ID), clean(r.Key), clean(r.Event), clean(r.Name)
	switch r.Type {
	case Ready:
		if len(r.Actors) > MaxActors {
			return Report{}, fmt.Errorf("%w: more than %d actors", ErrMalformed, MaxActors)
		}
	case Event:
		if r.Event == "" {
			return Report{}, fmt.Errorf("%w: event without a name", ErrMalformed)
		}
		r.Data = present(r.Data)
	case Result:
		r.Value = present(r.Value)
	case Info, Warning, Error, Progress, Failed:
	default:
		return Report{}, fmt.Errorf("%w: unknown type", ErrMalformed)
	}
	return r, nil
}

func decode(line []byte, into any) error {
	if !utf8.Valid(line) {
		return fmt.Errorf("%w: no UTF-8", ErrMalformed)
	}
	if err := json.Unmarshal(line, into); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

func present(value json.RawMessage) json.RawMessage {
	if len(value) == 0 {
		return json.RawMessage("null")
	}
	return value
}

// Clip returns s as valid UTF-8 without NUL, cut to MaxText bytes.
func Clip(s string) string {
	s = clean(s)
	if len(s) <= MaxText {
		return s
	}
	const mark = "…"
	cut := MaxText - len(mark)
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + mark
}

func clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
