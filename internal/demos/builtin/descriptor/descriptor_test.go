package descriptor_test

import (
	"image"

	"granary/internal/demos/builtin/descriptor"
)

func describe(d *descriptor.Describer, img image.Image) []float32 {
	out := make([]float32, descriptor.Size)
	d.Describe(img, out)
	return out
}

// project returns the unit vectors of raw in a pose.
func project(d *descriptor.Describer, s *descriptor.Space, raw []float32, p descriptor.Pose) descriptor.Rows {
	n := len(raw) / descriptor.Size
	rows := descriptor.NewRows(n, s.Dim)
	turned := make([]float32, descriptor.Size)
	for i := range n {
		d.Turn(turned, raw[i*descriptor.Size:(i+1)*descriptor.Size], p)
		s.Project(rows.Row(i), turned)
	}
	return rows
}
