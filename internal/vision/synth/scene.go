package synth

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
)

// Scene says what to draw. The zero value of every field has a default; see
// each of them.
type Scene struct {
	// Width and Height are the picture's sides in pixels. Default to 1024 × 768.
	Width, Height int
	// Species are drawn in turn. Defaults to Catalogue().
	Species []Species
	// Count is how many seeds to place. A crowded scene may hold fewer: a seed
	// that finds no free place in 400 attempts is left out. Defaults to 24; a
	// negative count draws none.
	Count int
	// Touching is how many of the seeds are placed against their predecessor.
	Touching int
	// Scale is pixels per millimetre. Defaults to 16.
	Scale float64
	// Ground is the background's colour. Defaults to a near-white grey.
	Ground color.RGBA
	// Gradient is the change of illumination across the picture, 0..0.5.
	Gradient float64
	// Noise is the standard deviation of sensor noise in grey levels of 255.
	Noise float64
	// Shadow is the darkening below each seed, 0..0.5.
	Shadow float64
	// Debris is how many specks and hairs that are no seeds to scatter.
	Debris int
	// Blur is the width of an edge in pixels. Defaults to 1.2.
	Blur float64
	// Margin is the least distance between seeds and to the border in pixels.
	// Defaults to 8.
	Margin float64
	// Seed chooses the scene among all that fit the description.
	Seed uint64
}

// LightGround and DarkGround are two grounds as copy stands have them.
func LightGround() color.RGBA { return rgb(238, 239, 237) }

// DarkGround is the black velvet kind; see LightGround.
func DarkGround() color.RGBA { return rgb(26, 28, 32) }

// Truth is one object of a rendered picture.
type Truth struct {
	// Species is the name of the species.
	Species string
	// Box is the tight box of the outline in pixels.
	MinX, MinY, MaxX, MaxY float64
	// Touching tells that the seed touches another one.
	Touching bool
}

// Rect returns the box grown to whole pixels.
func (t Truth) Rect() image.Rectangle {
	return image.Rect(int(math.Floor(t.MinX)), int(math.Floor(t.MinY)), int(math.Ceil(t.MaxX)), int(math.Ceil(t.MaxY)))
}

// Picture is a rendered scene with its truth.
type Picture struct {
	Image *image.RGBA
	Truth []Truth
}

// seed is one placed seed; lengths in pixels.
type seed struct {
	species  *Species
	outline  *outline
	x, y     float64
	half     float64 // half length
	cos, sin float64
	salt     uint64
	tint     [3]float64
	touching bool
}

func (s Scene) withDefaults() Scene {
	if s.Width == 0 || s.Height == 0 {
		s.Width, s.Height = 1024, 768
	}
	if len(s.Species) == 0 {
		s.Species = Catalogue()
	}
	if s.Count == 0 {
		s.Count = 24
	}
	if s.Scale == 0 {
		s.Scale = 16
	}
	if s.Ground == (color.RGBA{}) {
		s.Ground = LightGround()
	}
	if s.Blur == 0 {
		s.Blur = 1.2
	}
	if s.Margin == 0 {
		s.Margin = 8
	}
	return s
}

// Render draws the scene.
func Render(scene Scene) *Picture {
	scene = scene.withDefaults()
	rng := rand.New(rand.NewPCG(scene.Seed, 0x5EED))
	seeds := scene.place(rng)
	picture := &Picture{Truth: make([]Truth, 0, len(seeds))}
	for _, one := range seeds {
		picture.Truth = append(picture.Truth, one.truth())
	}
	picture.Image = scene.draw(seeds, scene.scatter(rng, seeds), rng)
	return picture
}

// place finds a free spot for each seed. Free is judged by enclosing circles,
// so that seeds apart stay apart whatever their pose.
func (s Scene) place(rng *rand.Rand) []*seed {
	var seeds []*seed
	touching := s.Touching
	for i := range max(s.Count, 0) {
		one := s.sow(rng, &s.Species[i%len(s.Species)])
		if touching > 0 && len(seeds) > 0 && !seeds[len(seeds)-1].touching && s.attach(rng, one, seeds) {
			touching--
			seeds = append(seeds, one)
			continue
		}
		for range 400 {
			reach := one.reach() + s.Margin
			one.x = reach + rng.Float64()*(float64(s.Width)-2*reach)
			one.y = reach + rng.Float64()*(float64(s.Height)-2*reach)
			if s.inside(one) && s.free(one, seeds, nil) {
				seeds = append(seeds, one)
				break
			}
		}
	}
	return seeds
}

func (s Scene) sow(rng *rand.Rand, species *Species) *seed {
	angle := rng.Float64() * 2 * math.Pi
	size := 1 + species.Jitter*min(max(rng.NormFloat64(), -2.5), 2.5)
	shape := species.Shape
	shape.Aspect = min(1, shape.Aspect*(1+0.04*rng.NormFloat64()))
	shape.Taper *= 1 + 0.2*rng.NormFloat64()
	one := &seed{
		species: species, half: species.Length * s.Scale * size / 2,
		cos: math.Cos(angle), sin: math.Sin(angle), salt: rng.Uint64(),
		outline: shape.tabulate(rng.Float64() * 2 * math.Pi),
	}
	light := 1 + 0.06*rng.NormFloat64()
	for c := range one.tint {
		one.tint[c] = light * (1 + 0.025*rng.NormFloat64())
	}
	return one
}

// attach pushes one against the last seed from a random side until the
// outlines overlap by about a pixel.
func (s Scene) attach(rng *rand.Rand, one *seed, seeds []*seed) bool {
	last := seeds[len(seeds)-1]
	for range 60 {
		angle := rng.Float64() * 2 * math.Pi
		dx, dy := math.Cos(angle), math.Sin(angle)
		near, far := 0.0, last.reach()+one.reach()
		for range 14 {
			mid := (near + far) / 2
			one.x, one.y = last.x+dx*mid, last.y+dy*mid
			if overlap(one, last) > 1 {
				near = mid
			} else {
				far = mid
			}
		}
		if near > 0 && s.inside(one) && s.free(one, seeds, last) && !last.flush(one) {
			one.touching, last.touching = true, true
			return true
		}
	}
	return false
}

// flush tells that the contact runs along more than 40 % of the smaller width,
// where even people would not agree on one seed or two.
func (o *seed) flush(other *seed) bool {
	width := 2 * min(o.half*o.species.Shape.Aspect, other.half*other.species.Shape.Aspect)
	contact := 0.0
	var px, py float64
	for i := range outlineSteps + 1 {
		x, y := other.point(i)
		if i > 0 && o.distance(x, y) < 2.5 {
			contact += math.Hypot(x-px, y-py)
		}
		px, py = x, y
	}
	return contact > 0.4*width
}

// overlap is how deep two outlines reach into each other in pixels, negative
// when they are apart.
func overlap(a, b *seed) float64 {
	depth := math.Inf(-1)
	for i := 0; i < outlineSteps; i += 5 {
		x, y := a.point(i)
		depth = max(depth, -b.distance(x, y))
		x, y = b.point(i)
		depth = max(depth, -a.distance(x, y))
	}
	return depth
}

func (s Scene) inside(one *seed) bool {
	t := one.truth()
	return t.MinX >= s.Margin && t.MinY >= s.Margin && t.MaxX <= float64(s.Width)-s.Margin && t.MaxY <= float64(s.Height)-s.Margin
}

func (s Scene) free(one *seed, seeds []*seed, except *seed) bool {
	for _, other := range seeds {
		if other == except {
			continue
		}
		if math.Hypot(one.x-other.x, one.y-other.y) < one.reach()+other.reach()+s.Margin {
			return false
		}
	}
	return true
}

func (o *seed) reach() float64 { return o.half * o.outline.reach }

func (o *seed) point(i int) (x, y float64) {
	theta := float64(i) * 2 * math.Pi / outlineSteps
	r := o.outline.radius[i] * o.half
	u, v := r*math.Cos(theta), r*math.Sin(theta)
	return o.x + u*o.cos - v*o.sin, o.y + u*o.sin + v*o.cos
}

// distance from the outline in pixels, negative inside.
func (o *seed) distance(x, y float64) float64 {
	dx, dy := x-o.x, y-o.y
	return o.outline.distance((dx*o.cos+dy*o.sin)/o.half, (dy*o.cos-dx*o.sin)/o.half) * o.half
}

func (o *seed) truth() Truth {
	t := Truth{Species: o.species.Name, MinX: math.Inf(1), MinY: math.Inf(1), MaxX: math.Inf(-1), MaxY: math.Inf(-1), Touching: o.touching}
	for i := range outlineSteps {
		x, y := o.point(i)
		t.MinX, t.MaxX = min(t.MinX, x), max(t.MaxX, x)
		t.MinY, t.MaxY = min(t.MinY, y), max(t.MaxY, y)
	}
	return t
}
