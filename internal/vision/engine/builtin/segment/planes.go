package segment

import (
	"context"
	"math"
	"sync"

	"granary/internal/vision/engine/builtin/pixel"
)

// workPixels is the size that a picture is reduced to for the search. Seeds
// filling a 2 MP picture are still 20 to 200 pixels long there.
const workPixels = 800_000

// planes is the reduced picture in CIE Lab.
type planes struct {
	w, h int
	// step is how many pixels of the picture make one here, in each direction.
	step    int
	l, a, b []float32
}

// parallel runs do over two halves of n rows. Two is enough to halve the wait
// on the smallest server and leaves the others to other requests. A crop on the
// classifier's canvas is not worth the handing over.
func parallel(n int, do func(from, to int)) {
	if n < 128 {
		do(0, n)
		return
	}
	var wait sync.WaitGroup
	wait.Go(func() { do(n/2, n) })
	do(0, n/2)
	wait.Wait()
}

// reduce averages step × step pixels (in the sRGB curve, which is close enough
// for edges) and converts the mean to Lab.
func reduce(ctx context.Context, src pixel.Source, limit int) (*planes, error) {
	step := max(1, int(math.Ceil(math.Sqrt(float64(src.Width)*float64(src.Height)/float64(limit)))))
	p := &planes{w: (src.Width + step - 1) / step, h: (src.Height + step - 1) / step, step: step}
	n := p.w * p.h
	all := make([]float32, 3*n)
	p.l, p.a, p.b = all[:n:n], all[n:2*n:2*n], all[2*n:]
	table := pixel.Lab()
	parallel(p.h, func(from, to int) {
		line := make([]uint8, 3*src.Width)
		sums := make([]uint32, 3*p.w)
		for y := from; y < to; y++ {
			if y&15 == 0 && ctx.Err() != nil {
				return
			}
			if step == 1 {
				src.Row(y, line)
				for x := range p.w {
					q := line[3*x : 3*x+3 : 3*x+3]
					i := y*p.w + x
					p.l[i], p.a[i], p.b[i] = table.Sixteenths(uint32(q[0])*16, uint32(q[1])*16, uint32(q[2])*16)
				}
				continue
			}
			clear(sums)
			rows := min(step, src.Height-y*step)
			for dy := range rows {
				src.Row(y*step+dy, line)
				gather(sums, line, step)
			}
			for x := range p.w {
				count := uint32(rows * min(step, src.Width-x*step))
				i := y*p.w + x
				p.l[i], p.a[i], p.b[i] = table.Sixteenths(sums[3*x]*16/count, sums[3*x+1]*16/count, sums[3*x+2]*16/count)
			}
		}
	})
	return p, ctx.Err()
}

// gather adds each run of step pixels of line to its sum.
func gather(sums []uint32, line []uint8, step int) {
	for x := 0; 3*x < len(sums); x++ {
		run := line[3*x*step : min(3*(x+1)*step, len(line))]
		var r, g, b uint32
		for len(run) >= 3 {
			r += uint32(run[0])
			g += uint32(run[1])
			b += uint32(run[2])
			run = run[3:]
		}
		s := sums[3*x : 3*x+3 : 3*x+3]
		s[0] += r
		s[1] += g
		s[2] += b
	}
}

// smooth blurs a plane with the binomial 1-2-1 kernel in both directions.
func smooth(plane []float32, w, h int) {
	if w < 3 || h < 3 {
		return
	}
	out := make([]float32, len(plane))
	parallel(h, func(from, to int) {
		mid := make([]float32, w)
		for y := from; y < to; y++ {
			up, row, down := plane[max(y-1, 0)*w:], plane[y*w:], plane[min(y+1, h-1)*w:]
			up, row, down = up[:w], row[:w], down[:w]
			for x := range mid {
				mid[x] = up[x] + 2*row[x] + down[x]
			}
			dst := out[y*w : y*w+w]
			dst[0] = (3*mid[0] + mid[1]) / 16
			dst[w-1] = (3*mid[w-1] + mid[w-2]) / 16
			for x := 1; x < w-1; x++ {
				dst[x] = (mid[x-1] + 2*mid[x] + mid[x+1]) / 16
			}
		}
	})
	copy(plane, out)
}
