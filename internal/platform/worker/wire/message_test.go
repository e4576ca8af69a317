package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/worker/wire"
)

func TestDecodeReport(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, line string
		want       wire.Report
		malformed  bool
	}{
		{"unknown fields are let through", `{"type":"info","id":"1","text":"a","colour":"red"}`, wire.Report{Type: wire.Info, ID: "1", Text: "a"}, false},
		{"counts of other languages", `{"type":"progress","current":2.9,"total":null}`, wire.Report{Type: wire.Progress, Current: 2}, false},
		{"counts out of range", `{"type":"progress","current":-4,"total":1e300}`, wire.Report{Type: wire.Progress, Total: 1 << 53}, false},
		{"NUL is replaced", `{"type":"info","text":"a\u0000b"}`, wire.Report{Type: wire.Info, Text: "a\uFFFDb"}, false},
		{"no value is null", `{"type":"result","id":"1"}`, wire.Report{Type: wire.Result, ID: "1", Value: json.RawMessage("null")}, false},
		{"lone surrogates are replaced", `{"type":"info","text":"\ud800"}`, wire.Report{Type: wire.Info, Text: "\uFFFD"}, false},
		{"no object", `[1]`, wire.Report{}, true},
		{"NaN", `{"type":"result","id":"1","value":NaN}`, wire.Report{}, true},
		{"an order", `{"type":"job","id":"1"}`, wire.Report{}, true},
		{"no type", `{"id":"1"}`, wire.Report{}, true},
		{"long id", `{"type":"info","id":"` + strings.Repeat("x", 257) + `"}`, wire.Report{}, true},
		{"event without a name", `{"type":"event","id":"1","data":{}}`, wire.Report{}, true},
		{"many actors", `{"type":"ready","protocol":1,"actors":["a"` + strings.Repeat(`,"a"`, 256) + `]}`, wire.Report{}, true},
		{"a count that is text", `{"type":"progress","current":"2"}`, wire.Report{}, true},
	} {
		got, err := wire.DecodeReport([]byte(tc.line))
		if errors.Is(err, wire.ErrMalformed) != tc.malformed || (err == nil) == tc.malformed {
			t.Errorf("DecodeReport(%s) = %v, want malformed %v", tc.name, err, tc.malformed)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("DecodeReport(%s) (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestClipCutsBetweenCharacters(t *testing.T) {
	t.Parallel()
	got := wire.Clip(strings.Repeat("é", wire.MaxText))
	if len(got) > wire.MaxText || len(got) < wire.MaxText-4 || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
		t.Errorf("Clip() = %d bytes, valid %v, want at most %d with an ellipsis", len(got), utf8.ValidString(got), wire.MaxText)
	}
	if got := wire.Clip("as it is"); got != "as it is" {
		t.Errorf("Clip(short) = %q", got)
	}
}

func TestReader(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200_000)
	for _, tc := range []struct {
		name, in string
		max      int
		want     []string
		err      error
	}{
		{"lines", "a\nb\r\n\n  \nc", 10, []string{"a", "b", "c"}, io.EOF},
		{"exactly the bound", "abc\nabc\r\nabc", 3, []string{"abc", "abc", "abc"}, io.EOF},
		{"beyond the bound", "ab\nabcd\nef", 3, []string{"ab"}, wire.ErrTooLong},
		{"longer than the buffer", long + "\nb\n", 200_000, []string{long, "b"}, io.EOF},
		{"too long for the bound and the buffer", long + "\nb\n", 199_999, nil, wire.ErrTooLong},
		{"an end without a line feed", long, 200_000, []string{long}, io.EOF},
		{"nothing", "", 3, nil, io.EOF},
	} {
		r := wire.NewReader(strings.NewReader(tc.in), tc.max)
		var got []string
		line, err := r.Next()
		for ; err == nil; line, err = r.Next() {
			got = append(got, string(line))
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || !errors.Is(err, tc.err) {
			t.Errorf("%s: error %v, want %v; lines (-want +got):\n%s", tc.name, err, tc.err, diff)
		}
	}
}

// FuzzDecodeReport wants every line of a worker refused or bounded, and what
// was understood to be the same when it is written and read again.
func FuzzDecodeReport(f *testing.F) {
	for _, line := range []string{
		`{"type":"ready","protocol":1,"name":"a","actors":["b"]}`, `{"type":"progress","id":"1","key":"k","current":1e99,"total":null,"end":true}`,
		`{"type":"event","id":"1","event":"PROGRESS","data":{"a":[1,"\u0000"]}}`, `{"type":"failed","error":"\ud800"}`, `{"type":"result","value": [1 , 2]}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		got, err := wire.DecodeReport(line)
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("DecodeReport() = %v, want ErrMalformed", err)
			}
			return
		}
		for _, text := range []string{got.ID, got.Text, got.Error, got.Context, got.Key, got.Traceback} {
			if len(text) > wire.MaxText || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
				t.Fatalf("DecodeReport() kept the text %q", text)
			}
		}
		again, err := wire.Encode(got)
		if err != nil || bytes.IndexByte(again, '\n') != len(again)-1 {
			t.Fatalf("Encode() = %q, %v, want one line", again, err)
		}
		back, err := wire.DecodeReport(again)
		if err != nil {
			t.Fatalf("DecodeReport(Encode()) = %v", err)
		}
		// Names may grow when NUL or a lone surrogate was replaced, but not change.
		if back.Type != got.Type || back.ID != got.ID || back.Text != got.Text || back.Current != got.Current || back.Total != got.Total {
			t.Fatalf("DecodeReport(Encode()) = %+v, want %+v", back, got)
		}
	})
}

// FuzzDecodeOrder wants every line of a host refused or usable.
func FuzzDecodeOrder(f *testing.F) {
	f.Add([]byte(`{"type":"job","id":"1","actor":"a","kwargs":{"x":[1]},"paths":{"data":"/d","dataset":"","results":"/r","tmp":"/t"},"attempt":2}`))
	f.Add([]byte(`{"type":"cancel","id":"1"}`))
	f.Add([]byte(`{"type":"exit"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		got, err := wire.DecodeOrder(line)
		if (err != nil) != (got.Type == "") || err != nil && !errors.Is(err, wire.ErrMalformed) {
			t.Fatalf("DecodeOrder() = %+v, %v", got, err)
		}
		if err == nil && got.Type != wire.Exit && got.ID == "" {
			t.Fatalf("DecodeOrder() = %+v, want an id", got)
		}
	})
}

// FuzzReader wants the lines that a plain split gives, or a refusal.
func FuzzReader(f *testing.F) {
	f.Add([]byte("a\nbb\r\n\n\nccc"), 3)
	f.Add([]byte("abcd"), 3)
	f.Fuzz(func(t *testing.T, in []byte, most int) {
		most = most&0xff + 1
		r := wire.NewReader(bytes.NewReader(in), most)
		for rest := in; ; {
			got, err := r.Next()
			if errors.Is(err, wire.ErrTooLong) {
				return
			}
			if errors.Is(err, io.EOF) {
				if len(bytes.TrimSpace(rest)) > 0 {
					t.Fatalf("Next() ends with %q unread", rest)
				}
				return
			}
			if err != nil || len(got) > most || len(bytes.TrimSpace(got)) == 0 {
				t.Fatalf("Next() = %q, %v", got, err)
			}
			var line []byte
			for len(bytes.TrimSpace(line)) == 0 {
				line, rest, _ = bytes.Cut(rest, []byte("\n"))
			}
			if want := bytes.TrimRight(line, "\r"); !bytes.Equal(got, want) {
				t.Fatalf("Next() = %q, want %q", got, want)
			}
		}
	})
}
