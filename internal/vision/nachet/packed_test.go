package nachet

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"granary/internal/vision"
)

func manyFolders(folders, pictures int) []vision.Listing {
	listings := make([]vision.Listing, folders)
	for i := range listings {
		listings[i].ID, listings[i].Name = fmt.Sprintf("01990000-0000-7000-8000-%012x", i), fmt.Sprintf("trial-%d", i)
		for j := range pictures {
			listings[i].Pictures = append(listings[i].Pictures, vision.PictureLine{
				ID: fmt.Sprintf("01990001-0000-7000-8000-%06x%06x", i, j), Inferred: j%2 == 0, Validated: j%3 == 0,
			})
		}
	}
	return listings
}

// unpack reads a gzip answer as a browser does: its first member only.
func unpack(t *testing.T, coding string, data []byte) string {
	t.Helper()
	in := bytes.NewReader(data)
	var out io.Reader
	switch coding {
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			t.Fatalf("gzip.NewReader: %v", err)
		}
		z.Multistream(false)
		out = z
	case "zstd":
		z, err := zstd.NewReader(in)
		if err != nil {
			t.Fatalf("zstd.NewReader: %v", err)
		}
		defer z.Close()
		out = z
	}
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatalf("read %s: %v", coding, err)
	}
	if in.Len() > 0 {
		t.Errorf("%d bytes after the %s answer, want none", in.Len(), coding)
	}
	return string(text)
}

// TestPackedList checks that a compressed list says what the plain one does,
// new, from memory, and after every kind of change.
func TestPackedList(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"gzip", "zstd"} {
		t.Run(coding, func(t *testing.T) {
			t.Parallel()
			folders := newPackedFolders()
			listings := manyFolders(20, 30)
			listings[7].Pictures = manyFolders(1, 3000)[0].Pictures // several pieces
			steps := []struct {
				name   string
				change func()
			}{
				{"new", func() {}},
				{"from memory", func() {}},
				{"picture added", func() {
					listings[3].Revision++
					listings[3].Pictures = append(listings[3].Pictures, vision.PictureLine{ID: "new"})
				}},
				{"renamed", func() { listings[4].Name = "other" }},
				{"first deleted", func() { listings = listings[1:] }},
				{"empty", func() { listings = nil }},
			}
			for _, step := range steps {
				step.change()
				list := folderList{`{"folders":`, listings, "}"}
				var plain, sent bytes.Buffer
				if err := list.writeTo(&plain); err != nil {
					t.Fatalf("%s: plain list: %v", step.name, err)
				}
				if err := (packedList{list, coding, folders}).writeTo(&sent); err != nil {
					t.Fatalf("%s: %s list: %v", step.name, coding, err)
				}
				got := unpack(t, coding, sent.Bytes())
				if diff := cmp.Diff(plain.String(), got); diff != "" {
					t.Errorf("%s: %s list (-want +got):\n%s", step.name, coding, diff)
				}
				if !json.Valid([]byte(got)) {
					t.Errorf("%s: %s list is not JSON", step.name, coding)
				}
			}
		})
	}
}

// TestPackedFoldersBounded checks that the memory is bounded and counted.
func TestPackedFoldersBounded(t *testing.T) {
	t.Parallel()
	folders := newPackedFolders()
	for i := range 10 {
		folders.keep(packedKey{fmt.Sprint(i), "gzip"}, packed{data: make([]byte, maxPacked/4)})
	}
	folders.keep(packedKey{"large", "gzip"}, packed{data: make([]byte, maxPacked+1)})
	if got, want := len(folders.entries), 4; got != want {
		t.Errorf("entries = %d, want %d", got, want)
	}
	if got, want := folders.size, maxPacked; got != want {
		t.Errorf("size = %d, want %d", got, want)
	}
}

func TestChecksumThen(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Repeat("grain and seed ", 9001))
	for _, cut := range []int{0, 1, 15, 4096, len(text) - 1, len(text)} {
		var a, b checksum
		a.Write(text[:cut]) //nolint:errcheck // it cannot fail
		b.Write(text[cut:]) //nolint:errcheck // it cannot fail
		want := checksum{crc32.ChecksumIEEE(text), int64(len(text))}
		if got := a.then(b, b.shift()); got != want {
			t.Errorf("cut at %d: then = %v, want %v", cut, got, want)
		}
	}
}

func TestCoding(t *testing.T) {
	t.Parallel()
	for accepted, want := range map[string]string{
		"":                        "",
		"identity":                "",
		"br":                      "",
		"gzip":                    "gzip",
		"zstd":                    "zstd",
		"gzip, deflate, br, zstd": "gzip",
		"GZIP;Q=0.5, zstd":        "zstd",
		"zstd;q=0.5,gzip;q=0.5":   "gzip",
		"gzip;q=0":                "",
		"gzip;q=0, zstd;q=0.1":    "zstd",
		"gzip;level=9":            "",
		"gzip;q=x":                "",
	} {
		if got := coding([]string{accepted}); got != want {
			t.Errorf("coding(%q) = %q, want %q", accepted, got, want)
		}
	}
}
