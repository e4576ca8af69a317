package descriptor

import (
	"image"
	"image/color"
)

// square is a picture reduced to side×side samples of luma and two chroma
// differences, each the mean over its part of the picture: luma 0..255, chroma
// around 0. The aspect ratio is given up, so that a quarter turn maps samples
// onto samples.
type square struct {
	y, cb, cr [side * side]float32
}

// reduce averages img over areas. Edges of areas fall between pixels and are
// weighted, so that reducing a turned picture turns the reduced one.
func reduce(img image.Image, out *square) {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	*out = square{}
	if w == 0 || h == 0 {
		return
	}
	row := newRowReader(img)
	var bins [3][side]float32
	for v := range h {
		row.read(b.Min.Y + v)
		for c := range bins {
			squeeze(row.sums[c], &bins[c])
		}
		// The row covers from v to v+1 of h, in units of areas.
		from, to := float64(v)*side/float64(h), float64(v+1)*side/float64(h)
		for area := int(from); area < side && float64(area) < to; area++ {
			weight := float32(min(to, float64(area+1)) - max(from, float64(area)))
			for x := range side {
				out.y[area*side+x] += weight * bins[0][x]
				out.cb[area*side+x] += weight * bins[1][x]
				out.cr[area*side+x] += weight * bins[2][x]
			}
		}
	}
}

// squeeze turns running sums of a row (sums[i] = the first i samples) into
// means over side areas.
func squeeze(sums []int32, bins *[side]float32) {
	w := len(sums) - 1
	width := float64(w) / side
	var last float64
	for i := range bins {
		edge := float64(i+1) * width
		at := min(int(edge), w)
		sum := float64(sums[at])
		if at < w {
			sum += (edge - float64(at)) * float64(sums[at+1]-sums[at])
		}
		bins[i] = float32((sum - last) / width)
		last = sum
	}
}

// rowReader reads rows of an image as running sums of luma and chroma.
type rowReader struct {
	img  image.Image
	min  int
	w    int
	sums [3][]int32
}

func newRowReader(img image.Image) *rowReader {
	r := &rowReader{img: img, min: img.Bounds().Min.X, w: img.Bounds().Dx()}
	for c := range r.sums {
		r.sums[c] = make([]int32, r.w+1)
	}
	return r
}

// read fills the sums with the row at y of the image. Transparent samples are
// seen on white paper.
func (r *rowReader) read(y int) {
	ys, bs, rs := r.sums[0], r.sums[1], r.sums[2]
	put := func(i int, luma, cb, cr uint8) {
		ys[i+1] = ys[i] + int32(luma)
		bs[i+1] = bs[i] + int32(cb) - 128
		rs[i+1] = rs[i] + int32(cr) - 128
	}
	switch img := r.img.(type) {
	case *image.Gray:
		row := img.Pix[img.PixOffset(r.min, y):]
		for i := range r.w {
			put(i, row[i], 128, 128)
		}
	case *image.YCbCr:
		luma, at := img.Y[img.YOffset(r.min, y):], img.COffset(r.min, y)
		shift := chromaShift(img.SubsampleRatio)
		for i := range r.w {
			c := at + (r.min+i)>>shift - r.min>>shift
			put(i, luma[i], img.Cb[c], img.Cr[c])
		}
	case *image.RGBA:
		row := img.Pix[img.PixOffset(r.min, y):]
		for i := range r.w {
			p := row[4*i : 4*i+4 : 4*i+4]
			white := 255 - p[3]
			luma, cb, cr := color.RGBToYCbCr(p[0]+white, p[1]+white, p[2]+white)
			put(i, luma, cb, cr)
		}
	default:
		for i := range r.w {
			red, green, blue, alpha := r.img.At(r.min+i, y).RGBA()
			white := 0xffff - alpha
			luma, cb, cr := color.RGBToYCbCr(uint8((red+white)>>8), uint8((green+white)>>8), uint8((blue+white)>>8))
			put(i, luma, cb, cr)
		}
	}
}

// chromaShift returns the binary logarithm of the samples of luma beside each
// other that share one of chroma.
func chromaShift(ratio image.YCbCrSubsampleRatio) int {
	switch ratio {
	case image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420:
		return 1
	case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
		return 2
	default:
		return 0
	}
}
