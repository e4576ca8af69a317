package bench_test

import (
	"math/rand/v2"
	"testing"

	"granary/internal/demos/builtin/descriptor"
)

// BenchmarkAllPairs finds the 20 nearest of each of 10,000 pictures by cosine,
// unturned and under all six transpositions, which are eight relative poses.
func BenchmarkAllPairs(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	rows := make([]descriptor.Rows, descriptor.Poses)
	for p := range rows {
		rows[p] = descriptor.NewRows(10_000, descriptor.MaxDim)
		for i := range rows[p].Data {
			rows[p].Data[i] = float32(r.NormFloat64() / 12)
		}
	}
	for name, poses := range map[string][]descriptor.Rows{"unturned": rows[:1], "turned": rows} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := descriptor.NearestOthers(b.Context(), rows[0], poses, 20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
