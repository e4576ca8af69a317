package trace

// run is a stretch of equal pixels in one row.
type run struct {
	y, x0, x1 int32 // x1 lies beyond the last pixel
	label     int32
}

// components are the connected parts of a mask, as runs in row order.
type components struct {
	runs []run
	// area counts the pixels of each component.
	area []int32
	// rim marks components that touch the border of the picture.
	rim []bool
}

// connect finds the connected pixels of that value; with diagonal, pixels
// that touch at a corner are connected too.
func connect(mask []bool, w, h int, value, diagonal bool) components {
	var c components
	var parent []int32
	root := func(i int32) int32 {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	reach := int32(0)
	if diagonal {
		reach = 1
	}
	from, to := 0, 0 // the runs of the row above
	for y := range h {
		row := mask[y*w : (y+1)*w]
		first := len(c.runs)
		for x := 0; x < w; {
			if row[x] != value {
				x++
				continue
			}
			r := run{int32(y), int32(x), 0, -1}
			for x < w && row[x] == value {
				x++
			}
			r.x1 = int32(x)
			for from < to && c.runs[from].x1+reach <= r.x0 {
				from++
			}
			for j := from; j < to && c.runs[j].x0 < r.x1+reach; j++ {
				other := root(c.runs[j].label)
				if r.label < 0 {
					r.label = other
				} else if mine := root(r.label); mine != other {
					parent[max(mine, other)] = min(mine, other)
				}
			}
			if r.label < 0 {
				r.label = int32(len(parent))
				parent = append(parent, r.label)
			}
			c.runs = append(c.runs, r)
		}
		from, to = first, len(c.runs)
	}
	c.number(parent, root, w, h)
	return c
}

// number replaces provisional labels by 0, 1, … and measures the components.
func (c *components) number(parent []int32, root func(int32) int32, w, h int) {
	names := make([]int32, len(parent))
	for i := range names {
		names[i] = -1
	}
	for i := range c.runs {
		r := &c.runs[i]
		top := root(r.label)
		if names[top] < 0 {
			names[top] = int32(len(c.area))
			c.area = append(c.area, 0)
			c.rim = append(c.rim, false)
		}
		r.label = names[top]
		c.area[r.label] += r.x1 - r.x0
		if r.x0 == 0 || r.y == 0 || int(r.x1) == w || int(r.y) == h-1 {
			c.rim[r.label] = true
		}
	}
}

// paint sets the pixels of the components that pick chooses.
func (c *components) paint(mask []bool, w int, value bool, pick func(label int32) bool) {
	for _, r := range c.runs {
		if pick(r.label) {
			row := mask[int(r.y)*w+int(r.x0) : int(r.y)*w+int(r.x1)]
			for i := range row {
				row[i] = value
			}
		}
	}
}

// labels returns the component of each pixel, -1 for none.
func (c *components) labels(w, h int) []int32 {
	out := make([]int32, w*h)
	for i := range out {
		out[i] = -1
	}
	for _, r := range c.runs {
		row := out[int(r.y)*w+int(r.x0) : int(r.y)*w+int(r.x1)]
		for i := range row {
			row[i] = r.label
		}
	}
	return out
}
