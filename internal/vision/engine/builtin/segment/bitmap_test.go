package segment

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOpenIsErosionThenDilation compares with both done pixel by pixel, at
// widths around the size of a word.
func TestOpenIsErosionThenDilation(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, w := range []int{1, 2, 3, 7, 63, 64, 65, 96, 127, 128, 129, 200} {
		for _, h := range []int{2, 3, 5, 140} {
			mask := make([]bool, w*h)
			for i := range mask {
				mask[i] = rng.IntN(9) > 0
			}
			want := mask
			if w >= 3 && h >= 3 {
				want = spread(spread(mask, w, h, false), w, h, true)
			}
			got := append([]bool(nil), mask...)
			open(got, w, h)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("open(%d × %d) differs:\n%s", w, h, diff)
			}
		}
	}
}

// spread gives each pixel with a neighbour of that value the value.
func spread(mask []bool, w, h int, value bool) []bool {
	out := make([]bool, len(mask))
	for y := range h {
		for x := range w {
			out[y*w+x] = !value
			for ny := max(y-1, 0); ny <= min(y+1, h-1); ny++ {
				for nx := max(x-1, 0); nx <= min(x+1, w-1); nx++ {
					if mask[ny*w+nx] == value {
						out[y*w+x] = value
					}
				}
			}
		}
	}
	return out
}
