package descriptor

import (
	"image"
	"math"
	"sync"
)

const (
	// side of the reduced picture, in samples.
	side = 64
	// fine and coarse are the cells along a side of the two gradient
	// histograms, bins their orientations over the whole circle: a multiple of
	// four, so that a quarter turn moves bins onto bins.
	fine, coarse, bins = 8, 4, 8
	// patches along a side of the colour block.
	patches = 4
	// waves along a side of the cosine block; the constant one is left out.
	waves = 8

	fineAt   = 0
	coarseAt = fineAt + fine*fine*bins
	colourAt = coarseAt + coarse*coarse*bins
	waveAt   = colourAt + 3*patches*patches
)

// Size is the length of a vector as Describe makes it.
const Size = waveAt + waves*waves - 1

// Weights of the blocks in the whole vector. Gradients tell pictures apart,
// colour and the low frequencies break ties between pictures of few edges.
const (
	fineWeight, coarseWeight, colourWeight, waveWeight = 1, 0.7, 0.3, 0.5
)

// Describer makes and turns vectors. New is the only way to get one; it is
// safe for concurrent use.
type Describer struct {
	shape   bool
	cosines [waves][side]float32
	moves   [Poses]move
	scratch sync.Pool // *work
}

// work is what describing one picture needs besides its vector.
type work struct {
	full square
	half [side / 2 * side / 2]float32
}

// move says where the numbers of a turned vector come from, and their signs.
type move struct {
	from [Size]int16
	sign [Size]float32
}

// New returns a describer. With shape set it looks at edges only and not at
// colours and shades, so that a sketch finds the picture it was drawn after.
func New(shape bool) *Describer {
	d := &Describer{shape: shape}
	for u := range waves {
		for x := range side {
			d.cosines[u][x] = float32(math.Cos(math.Pi * float64(u) * (float64(x) + 0.5) / side))
		}
	}
	for p := range Poses {
		d.moves[p].fill(Pose(p))
	}
	d.scratch.New = func() any { return new(work) }
	return d
}

// Describe writes the vector of img to dst, which has Size numbers. An image
// without edges and shades gives a vector of zeros.
func (d *Describer) Describe(img image.Image, dst []float32) {
	w := d.scratch.Get().(*work) //nolint:forcetypeassert // the pool holds nothing else
	defer d.scratch.Put(w)
	clear(dst)
	reduce(img, &w.full)
	halve(w.full.y[:], w.half[:])
	gradients(w.full.y[:], side, fine, dst[fineAt:coarseAt])
	gradients(w.half[:], side/2, coarse, dst[coarseAt:colourAt])
	centre(dst[fineAt:coarseAt], fineWeight)
	centre(dst[coarseAt:colourAt], coarseWeight)
	if !d.shape {
		d.colours(&w.full, dst[colourAt:waveAt])
		d.frequencies(w.full.y[:], dst[waveAt:])
	}
}

// Turn writes to dst the vector of the picture in pose p whose upright vector
// is src. The two must not overlap.
func (d *Describer) Turn(dst, src []float32, p Pose) {
	m := &d.moves[p]
	for i := range dst[:Size] {
		dst[i] = m.sign[i] * src[m.from[i]]
	}
}

// halve averages blocks of two by two samples.
func halve(src, dst []float32) {
	for y := range side / 2 {
		for x := range side / 2 {
			at := 2*y*side + 2*x
			dst[y*side/2+x] = (src[at] + src[at+1] + src[at+side] + src[at+side+1]) / 4
		}
	}
}

// gradients adds the gradient of each sample of an n×n picture to the four
// nearest cells and the two nearest orientations, as Dalal and Triggs do. The
// root of a cell's sums is kept, which tames single strong edges.
func gradients(pix []float32, n, cells int, out []float32) {
	size := float32(n) / float32(cells)
	at := func(x, y int) float32 { return pix[min(max(y, 0), n-1)*n+min(max(x, 0), n-1)] }
	for y := range n {
		cy := (float32(y)+0.5)/size - 0.5
		for x := range n {
			gx, gy := at(x+1, y)-at(x-1, y), at(x, y+1)-at(x, y-1)
			magnitude := float32(math.Sqrt(float64(gx*gx + gy*gy)))
			if magnitude < 1e-3 {
				continue
			}
			angle := math.Atan2(float64(gy), float64(gx)) * bins / (2 * math.Pi)
			low := math.Floor(angle)
			high := float32(angle - low)
			first := (int(low) + bins) % bins
			second := (first + 1) % bins
			cx := (float32(x)+0.5)/size - 0.5
			spread(cx, cy, cells, func(cell int, weight float32) {
				out[cell*bins+first] += weight * magnitude * (1 - high)
				out[cell*bins+second] += weight * magnitude * high
			})
		}
	}
	for i, v := range out {
		out[i] = float32(math.Sqrt(float64(v)))
	}
}

// spread calls add for the cells around cx, cy with their bilinear weights.
func spread(cx, cy float32, cells int, add func(cell int, weight float32)) {
	x0, y0 := int(math.Floor(float64(cx))), int(math.Floor(float64(cy)))
	fx, fy := cx-float32(x0), cy-float32(y0)
	for dy, wy := range [2]float32{1 - fy, fy} {
		for dx, wx := range [2]float32{1 - fx, fx} {
			if x, y := x0+dx, y0+dy; x >= 0 && x < cells && y >= 0 && y < cells && wx*wy > 0 {
				add(y*cells+x, wx*wy)
			}
		}
	}
}

// centre takes the mean from a block and gives it the length weight. Without
// the mean, histograms of unrelated pictures stand at an angle of about 90°.
func centre(block []float32, weight float64) {
	var sum float64
	for _, v := range block {
		sum += float64(v)
	}
	mean := float32(sum / float64(len(block)))
	var square float64
	for i := range block {
		block[i] -= mean
		square += float64(block[i]) * float64(block[i])
	}
	if square < 1e-9 {
		clear(block)
		return
	}
	scale := float32(weight / math.Sqrt(square))
	for i := range block {
		block[i] *= scale
	}
}

// colours writes the mean luma (around middle grey) and chroma of each patch,
// in an absolute scale: the noise of a grey picture must not look like colour.
func (d *Describer) colours(s *square, out []float32) {
	const n = side / patches
	for i, channel := range [3][]float32{s.y[:], s.cb[:], s.cr[:]} {
		for p := range patches * patches {
			var sum float32
			for y := range n {
				at := (p/patches*n+y)*side + p%patches*n
				for _, v := range channel[at : at+n] {
					sum += v
				}
			}
			mean := sum / (n * n)
			if i == 0 {
				mean -= 128
			}
			out[i*patches*patches+p] = colourWeight / patches * mean / 48
		}
	}
}

// frequencies writes the low frequencies of the cosine transform but the
// constant one. Roots tame the lowest, which otherwise outweigh all others.
func (d *Describer) frequencies(pix, out []float32) {
	var rows [waves][side]float32 // by frequency along x
	for y := range side {
		for u := range waves {
			var sum float32
			for x, v := range pix[y*side : (y+1)*side] {
				sum += v * d.cosines[u][x]
			}
			rows[u][y] = sum
		}
	}
	var square float64
	for k := range out {
		u, v := (k+1)%waves, (k+1)/waves
		var sum float32
		for y, c := range d.cosines[v] {
			sum += rows[u][y] * c
		}
		root := math.Copysign(math.Sqrt(math.Abs(float64(sum))), float64(sum))
		out[k] = float32(root)
		square += root * root
	}
	if square < 1 { // less than a quarter of a shade in one sample
		clear(out)
		return
	}
	scale := float32(waveWeight / math.Sqrt(square))
	for k := range out {
		out[k] *= scale
	}
}
