package segment

import (
	"math"
)

// Object is one thing found in a picture.
type Object struct {
	// MinX to MaxY is the tight box in pixels of the picture, MaxX and MaxY
	// exclusive.
	MinX, MinY, MaxX, MaxY float64
	// Score is how sure it is that this is one whole object, 0..1: over
	// generated scenes with dust, hairs and shadows about this share of the
	// objects with such a score are true ones.
	Score float64
	// Signs are the measurements behind the score.
	Signs Signs
}

// Signs are what tells an object from dust, shadow and uneven ground.
type Signs struct {
	// Contrast is the object's distance from the ground in thresholds, 1 and up.
	Contrast float64
	// Sharpness is the median steepness of its edge: the share of the contrast
	// that is gained per pixel of the reduced picture.
	Sharpness float64
	// Solidity is area divided by the area of the convex hull, 0..1.
	Solidity float64
	// Fill is area divided by the area of the box, 0..1.
	Fill float64
	// Share is the area relative to the largest object's.
	Share float64
	// Side is the geometric mean of the box's sides in pixels of the reduced
	// picture.
	Side float64
	// Shadow is the share of its pixels that look like a shadow.
	Shadow float64
	// Border tells that the picture's border cuts it.
	Border bool
}

// candidate is an object while it is being judged.
type candidate struct {
	region
	label    int32
	strength float32
	signs    Signs
}

// candidates measures each label.
func (c *contrast) candidates(labels []int32, count int) []candidate {
	found := make([]candidate, 0, count)
	largest := 0
	for k, pixels := range byLabel(labels, count) {
		if len(pixels) < leastArea {
			continue
		}
		one := candidate{label: int32(k + 1), region: region{minX: c.w, minY: c.h}}
		one.measure(c, labels, pixels)
		largest = max(largest, one.area)
		found = append(found, one)
	}
	for i := range found {
		found[i].signs.Share = float64(found[i].area) / float64(largest)
	}
	return found
}

func (o *candidate) measure(c *contrast, labels []int32, pixels []int32) {
	w, h := c.w, c.h
	dark := 0
	var edges []float64
	o.strength = c.strength(pixels)
	for _, i := range pixels {
		x, y := int(i)%w, int(i)/w
		o.grow(y, x, x+1)
		if c.dark[i] {
			dark++
		}
		if x < 2 || y < 2 || x >= w-2 || y >= h-2 {
			continue
		}
		if labels[i-1] != 0 && labels[i+1] != 0 && labels[int(i)-w] != 0 && labels[int(i)+w] != 0 {
			continue
		}
		// Central differences over four pixels bridge the blur of the edge.
		gx := float64(c.d[i+2] - c.d[i-2])
		gy := float64(c.d[int(i)+2*w] - c.d[int(i)-2*w])
		edges = append(edges, math.Sqrt(gx*gx+gy*gy)/4)
	}
	o.signs = Signs{
		Contrast:  float64(o.strength / c.threshold),
		Sharpness: median(edges) / float64(o.strength),
		Solidity:  float64(o.area) / hullArea(pixels, w),
		Fill:      float64(o.area) / float64((o.maxX-o.minX)*(o.maxY-o.minY)),
		Side:      math.Sqrt(float64((o.maxX - o.minX) * (o.maxY - o.minY))),
		Shadow:    float64(dark) / float64(o.area),
		Border:    o.minX == 0 || o.minY == 0 || o.maxX == w || o.maxY == h,
	}
}

// plausible sorts out what no score should have to: specks, soft shadows,
// strips along the border and whatever fills the picture.
func (o *candidate) plausible(w, h int) bool {
	bw, bh := o.maxX-o.minX, o.maxY-o.minY
	s := &o.signs
	switch {
	case s.Share < 0.008:
		return false // a speck beside real objects
	case bw >= w && bh >= h:
		return false // the ground was mistaken
	case s.Shadow > 0.7 && s.Sharpness < 0.1:
		return false // a shadow: dark, colourless, soft
	case s.Sharpness < 0.03:
		return false // uneven ground
	case s.Solidity < 0.35:
		return false // scratches, a frame, writing
	case s.Border && s.Shadow > 0.7 && s.Share < 0.1 && s.Solidity < 0.85:
		return false // a dark corner
	case s.Border && (o.strip(bw, bh, h, o.minY == 0 || o.maxY == h) || o.strip(bh, bw, w, o.minX == 0 || o.maxX == w)):
		return false
	}
	return true
}

// strip tells a band along one border: long, thin, and thin for the picture.
func (o *candidate) strip(long, thin, side int, touches bool) bool {
	return touches && long > 5*thin && 20*thin < side
}

// score is a logistic function of the signs. Its weights were fitted to 1,752
// objects found in 260 generated scenes of every ground colour, with noise,
// shadows, dust, touching seeds and, in half of them, a patterned ground; right
// was a box that overlaps a true one by three quarters.
// TestScoreIsCalibrated holds it to that on other scenes.
func (s *Signs) score() float64 {
	z := -2.55 +
		2.0*math.Log(max(s.Contrast, 1)) +
		2.8*min(s.Sharpness, 0.3) +
		0.3*s.Solidity +
		2.1*math.Log(min(max(s.Side, 1), 200)/10) -
		1.9*4*s.Shadow*max(0, 0.25-s.Sharpness)
	if s.Border {
		z -= 1.2
	}
	return 1 / (1 + math.Exp(-z))
}
