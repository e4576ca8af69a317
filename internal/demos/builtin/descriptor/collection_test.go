package descriptor_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos/builtin/descriptor"
	"granary/internal/demos/builtin/descriptor/descriptortest"
	"granary/internal/platform/fault"
)

func written(t testing.TB, c *descriptor.Collection) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := c.Write(&file, map[string]int{"answer": 42}); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestCollectionIsReadAsWritten(t *testing.T) {
	t.Parallel()
	learnt := &descriptor.Space{Dim: 2, Mean: make([]float32, descriptor.Size), Basis: make([]float32, 2*descriptor.Size)}
	learnt.Basis[3], learnt.Mean[5] = 1, 0.5
	for name, c := range map[string]*descriptor.Collection{
		"learnt": {Space: learnt, Rows: random(7, 2, 1)},
		"plain":  {Space: descriptor.Plain(), Rows: random(3, descriptor.Size, 1)},
		"empty":  {Space: learnt, Rows: descriptor.Rows{Dim: 2}},
	} {
		file := written(t, c)
		var kept map[string]int
		got, err := descriptor.Read(bytes.NewReader(file), &kept)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c, got); diff != "" || kept["answer"] != 42 {
			t.Errorf("%s (-want +got): kept %v\n%s", name, kept, diff)
		}
		for _, at := range []int{0, 25, len(file) / 2, len(file) - 1} {
			damaged := bytes.Clone(file)
			damaged[at] ^= 1
			if _, err := descriptor.Read(bytes.NewReader(damaged), &kept); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s with byte %d changed: Read = %v, want Invalid", name, at, err)
			}
			if _, err := descriptor.Read(bytes.NewReader(file[:at]), &kept); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s cut at %d: Read = %v, want Invalid", name, at, err)
			}
		}
	}
}

func TestFindLooksUpTurnedPictures(t *testing.T) {
	t.Parallel()
	d := descriptor.New(false)
	const n = 12
	var raw []float32
	for seed := range uint64(n) {
		raw = append(raw, describe(d, descriptortest.Picture(seed))...)
	}
	c := &descriptor.Collection{Space: descriptor.Plain(), Rows: project(d, descriptor.Plain(), raw, descriptor.Upright)}
	relations, err := descriptor.Relations(allTurns)
	if err != nil {
		t.Fatal(err)
	}
	for i, turn := range allTurns {
		query := describe(d, descriptortest.Turn(descriptortest.Picture(uint64(i)), turn))
		got, err := c.Find(t.Context(), d, query, relations, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || len(got[0]) != 2 || int(got[0][0].Index) != i || got[0][0].Score < 0.99 {
			t.Errorf("picture %d under %s is found as %v", i, turn, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(written(f, &descriptor.Collection{Space: &descriptor.Space{Dim: 1, Mean: make([]float32, descriptor.Size), Basis: make([]float32, descriptor.Size)}, Rows: random(2, 1, 1)}))
	f.Add([]byte("granary collection 1\n{\"dim\":751,\"vectors\":170000,\"kept\":{}}\n"))
	f.Add([]byte("granary collection 1\n" + strings.Repeat("x", 100)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var kept map[string]any
		c, err := descriptor.Read(bytes.NewReader(data), &kept)
		if err == nil && (c.Space.Check() != nil || len(c.Rows.Data)%c.Rows.Dim != 0) {
			t.Errorf("Read accepted a collection that does not fit together")
		}
	})
}
