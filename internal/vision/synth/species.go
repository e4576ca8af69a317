package synth

import "image/color"

// Species describes how the seeds of one species look. Lengths are in
// millimetres; a Scene turns them into pixels.
type Species struct {
	// Name is the scientific name, as in the seed table.
	Name string
	// Length is the mean length along the major axis; single seeds vary by
	// about Jitter of it (one standard deviation, 0..0.3).
	Length, Jitter float64
	// Shape is the outline.
	Shape Shape
	// Base and Second are mixed by the texture, Base prevailing.
	Base, Second color.RGBA
	// Stripes is the number of dark bands along the seed; 0 means none.
	Stripes float64
	// Mottle is the strength of blotches of Second, 0..1, and Grain their size
	// as a fraction of the seed's length.
	Mottle, Grain float64
	// Rough is the strength of fine relief, 0..1.
	Rough float64
	// Gloss is the strength of the highlight, 0..1.
	Gloss float64
}

// Catalogue returns the species that the generator can draw, in a fixed order;
// the names are those that the seed table starts with.
func Catalogue() []Species {
	return []Species{
		{
			Name: "Brassica napus", Length: 2.0, Jitter: 0.06,
			Shape: Shape{Aspect: 0.95, Power: 2}, Base: rgb(44, 34, 38), Second: rgb(78, 56, 50),
			Mottle: 0.3, Grain: 0.12, Rough: 0.12, Gloss: 0.25,
		},
		{
			Name: "Brassica juncea", Length: 1.7, Jitter: 0.06,
			Shape: Shape{Aspect: 0.92, Power: 2}, Base: rgb(140, 76, 40), Second: rgb(88, 44, 26),
			Mottle: 0.5, Grain: 0.08, Rough: 0.35, Gloss: 0.15,
		},
		{
			Name: "Cirsium arvense", Length: 3.1, Jitter: 0.07,
			Shape: Shape{Aspect: 0.38, Power: 2.4, Taper: -0.08}, Base: rgb(168, 128, 78), Second: rgb(128, 92, 52),
			Mottle: 0.3, Grain: 0.3, Rough: 0.1, Gloss: 0.3,
		},
		{
			Name: "Cirsium vulgare", Length: 3.7, Jitter: 0.07,
			Shape: Shape{Aspect: 0.42, Power: 2.3, Taper: -0.09}, Base: rgb(206, 184, 140), Second: rgb(92, 66, 46),
			Stripes: 5, Mottle: 0.1, Grain: 0.2, Rough: 0.08, Gloss: 0.25,
		},
		{
			Name: "Carduus nutans", Length: 3.9, Jitter: 0.06,
			Shape: Shape{Aspect: 0.45, Power: 2.8, Taper: -0.1}, Base: rgb(178, 120, 56), Second: rgb(112, 66, 28),
			Stripes: 9, Mottle: 0.2, Grain: 0.1, Rough: 0.25, Gloss: 0.5,
		},
		{
			Name: "Bromus secalinus", Length: 7.0, Jitter: 0.08,
			Shape: Shape{Aspect: 0.28, Power: 2.6, Taper: -0.08}, Base: rgb(122, 84, 58), Second: rgb(86, 56, 42),
			Stripes: 3, Mottle: 0.3, Grain: 0.15, Rough: 0.2, Gloss: 0.1,
		},
		{
			Name: "Bromus hordeaceus", Length: 7.6, Jitter: 0.08,
			Shape: Shape{Aspect: 0.23, Power: 2.2, Taper: 0.12}, Base: rgb(164, 122, 76), Second: rgb(206, 170, 118),
			Stripes: 2, Mottle: 0.25, Grain: 0.1, Rough: 0.3, Gloss: 0.05,
		},
		{
			Name: "Bromus japonicus", Length: 7.2, Jitter: 0.08,
			Shape: Shape{Aspect: 0.17, Power: 2.1, Taper: 0.05}, Base: rgb(112, 60, 40), Second: rgb(150, 92, 62),
			Stripes: 1, Mottle: 0.2, Grain: 0.2, Rough: 0.15, Gloss: 0.1,
		},
		{
			Name: "Lolium temulentum", Length: 6.6, Jitter: 0.07,
			Shape: Shape{Aspect: 0.36, Power: 3.0, Taper: 0.04}, Base: rgb(186, 156, 112), Second: rgb(148, 112, 76),
			Stripes: 1, Mottle: 0.2, Grain: 0.3, Rough: 0.15, Gloss: 0.1,
		},
		{
			Name: "Solanum carolinense", Length: 2.5, Jitter: 0.06,
			Shape: Shape{Aspect: 0.8, Power: 2, Taper: 0.06}, Base: rgb(206, 148, 58), Second: rgb(176, 116, 38),
			Mottle: 0.2, Grain: 0.1, Rough: 0.1, Gloss: 0.45,
		},
		{
			Name: "Solanum nigrum", Length: 2.0, Jitter: 0.06,
			Shape: Shape{Aspect: 0.78, Power: 2, Taper: 0.16, Tip: 0.08}, Base: rgb(208, 184, 144), Second: rgb(186, 158, 116),
			Mottle: 0.3, Grain: 0.06, Rough: 0.25, Gloss: 0.05,
		},
		{
			Name: "Solanum rostratum", Length: 2.6, Jitter: 0.07,
			Shape: Shape{Aspect: 0.75, Power: 2.2, Notch: 0.22, Wave: 0.035}, Base: rgb(58, 42, 36), Second: rgb(104, 80, 64),
			Mottle: 0.6, Grain: 0.07, Rough: 0.7, Gloss: 0.05,
		},
		{
			Name: "Ambrosia artemisiifolia", Length: 3.2, Jitter: 0.08,
			Shape: Shape{Aspect: 0.68, Power: 2.1, Taper: 0.1, Tip: 0.2, Crown: 0.09}, Base: rgb(142, 122, 96), Second: rgb(92, 74, 58),
			Stripes: 2, Mottle: 0.5, Grain: 0.12, Rough: 0.4, Gloss: 0.05,
		},
		{
			Name: "Ambrosia trifida", Length: 8.4, Jitter: 0.09,
			Shape: Shape{Aspect: 0.62, Power: 2, Taper: 0.08, Tip: 0.22, Crown: 0.14}, Base: rgb(156, 134, 96), Second: rgb(118, 90, 52),
			Stripes: 2, Mottle: 0.5, Grain: 0.2, Rough: 0.3, Gloss: 0.05,
		},
		{
			Name: "Ambrosia psilostachya", Length: 3.4, Jitter: 0.07,
			Shape: Shape{Aspect: 0.74, Power: 2, Taper: 0.14, Tip: 0.12}, Base: rgb(166, 148, 112), Second: rgb(134, 114, 84),
			Mottle: 0.3, Grain: 0.25, Rough: 0.2, Gloss: 0.1,
		},
	}
}

// Pick returns the named species of the catalogue, in the order of the names;
// names that it does not hold are left out.
func Pick(names ...string) []Species {
	all := Catalogue()
	picked := make([]Species, 0, len(names))
	for _, name := range names {
		for _, s := range all {
			if s.Name == name {
				picked = append(picked, s)
			}
		}
	}
	return picked
}

func rgb(r, g, b uint8) color.RGBA { return color.RGBA{R: r, G: g, B: b, A: 255} }
