package builtin_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine/builtin"
)

// clouds are examples of made-up features: labels around centres of their own,
// spread wide enough that one kind of classifier or the other wins.
func clouds(labels, each int, rings bool) []builtin.Example {
	rng := rand.New(rand.NewPCG(1, 2))
	var out []builtin.Example
	for i := range labels * each {
		label := i % labels
		features := make([]float64, builtin.FeatureCount)
		for k := range features {
			features[k] = 0.1 * rng.NormFloat64()
		}
		if rings {
			// Alternating stretches on one line: no plane parts them.
			features[10] = float64(label) + 2*float64(i/labels%4)
		} else {
			features[10+label] += 3
		}
		out = append(out, builtin.Example{Features: features, Label: fmt.Sprintf("label %d", label), ID: fmt.Sprint(i)})
	}
	return out
}

func stored(t testing.TB, rings bool) (*builtin.Classifier, []byte, []builtin.Example) {
	t.Helper()
	examples := clouds(2, 24, rings)
	c, _, err := builtin.Train(t.Context(), examples, builtin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return c, data, examples
}

func TestLoadReadsWhatWasStored(t *testing.T) {
	t.Parallel()
	for _, rings := range []bool{false, true} {
		c, data, examples := stored(t, rings)
		back, err := builtin.Load(data)
		if err != nil {
			t.Fatal(err)
		}
		again, err := back.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(data, again); diff != "" {
			t.Errorf("stored, loaded and stored again differs")
		}
		for _, e := range examples {
			want, err := c.Classify(e.Features)
			if err != nil {
				t.Fatal(err)
			}
			got, err := back.Classify(e.Features)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("Classify() after Load differs (-before +after):\n%s", diff)
			}
		}
	}
}

// resealed puts a valid checksum on changed bytes.
func resealed(data []byte) []byte {
	body := data[:len(data)-4]
	return binary.LittleEndian.AppendUint32(append([]byte(nil), body...), crc32.ChecksumIEEE(body))
}

func TestLoadRefusesDamage(t *testing.T) {
	t.Parallel()
	_, data, _ := stored(t, false)
	change := func(f func(b []byte) []byte) []byte { return f(append([]byte(nil), data...)) }
	for name, bad := range map[string][]byte{
		"empty":          nil,
		"magic only":     data[:21],
		"other format":   change(func(b []byte) []byte { b[19] = '2'; return b }),
		"truncated":      data[:len(data)/2],
		"one bit":        change(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }),
		"short numbers":  resealed(data[:len(data)-8]),
		"header length":  resealed(change(func(b []byte) []byte { b[24] = 0xFF; return b })),
		"header's JSON":  resealed(change(func(b []byte) []byte { b[25] = '['; return b })),
		"not a number":   resealed(change(func(b []byte) []byte { copy(b[len(b)-600:], "\xff\xff\xff\xff\xff\xff\xff\xff"); return b })),
		"longer numbers": resealed(append(append([]byte(nil), data...), 0, 0, 0, 0)),
	} {
		if _, err := builtin.Load(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("Load(%s) error = %v, want kind %v", name, err, fault.Invalid)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, rings := range []bool{false, true} {
		_, data, _ := stored(f, rings)
		f.Add(data)
		f.Add(data[:len(data)/3])
	}
	f.Add([]byte("granary-classifier-1\n\x02\x00\x00\x00{}"))
	features := make([]float64, builtin.FeatureCount)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4 {
			// A checksum that fits lets the fuzzer reach what lies behind it.
			data = resealed(data)
		}
		c, err := builtin.Load(data)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("Load() error = %v, want kind %v", err, fault.Invalid)
			}
			return
		}
		guesses, err := c.Classify(features)
		if err != nil || len(guesses) != len(c.Labels()) {
			t.Errorf("Classify() of a loaded classifier = %d guesses, %v, want %d", len(guesses), err, len(c.Labels()))
		}
		for _, g := range guesses {
			if !(g.Score >= 0 && g.Score <= 1) {
				t.Errorf("Classify() of a loaded classifier has score %v", g.Score)
			}
		}
	})
}
