package trace

import "math"

// find places the breaks by the rule of Douglas and Peucker (1973): where the
// course leaves the chord most.
func (c *course) find() {
	for tolerance := min(0.45, c.tolerance/2); ; tolerance *= 1.6 {
		c.breaks = simplify(c.points, tolerance)
		if len(c.breaks) <= maxBreaks {
			break
		}
	}
	n := len(c.breaks)
	c.before, c.after = make([]Point, n), make([]Point, n)
	for k, i := range c.breaks {
		back, front := c.direction(i, -1), c.direction(i, 1)
		if math.Abs(back.angleTo(front)) < sharp && back != (Point{}) && front != (Point{}) {
			middle := back.add(front).unit()
			back, front = middle, middle
		}
		if back == (Point{}) {
			back = front
		}
		if front == (Point{}) {
			front = back
		}
		c.before[k], c.after[k] = back, front
	}
}

// direction returns the forward direction of the course beside index i, on
// the side given by sign, clear of the corner itself.
func (c *course) direction(i, sign int) Point {
	n := len(c.points)
	near, far := c.trim*0.5, c.trim*0.5+max(4, c.grain)
	if c.closed {
		far = min(far, c.length()/6)
	}
	var first, last Point
	found := 0
	way := 0.0
	previous := c.points[i]
	k := i
	for range n { // once around at most, however short the course
		k += sign
		if k < 0 || k >= n {
			if !c.closed {
				break
			}
			// The last point repeats the first.
			k = (k + n - 1) % (n - 1)
		}
		p := c.points[k]
		way += p.distance(previous)
		previous = p
		if way < near {
			continue
		}
		if found == 0 {
			first = p
		}
		last = p
		if found++; way > far {
			break
		}
	}
	if found == 0 {
		return Point{}
	}
	if found == 1 {
		first = c.points[i]
	}
	if sign < 0 {
		first, last = last, first
	}
	return first.towards(last)
}

// simplify returns the indices that keep all points within tolerance of the
// chords between them.
func simplify(points []Point, tolerance float64) []int {
	n := len(points)
	keep := make([]bool, n)
	keep[0], keep[n-1] = true, true
	stack := [][2]int{{0, n - 1}}
	for len(stack) > 0 {
		i, j := stack[len(stack)-1][0], stack[len(stack)-1][1]
		stack = stack[:len(stack)-1]
		a, direction := points[i], points[i].towards(points[j])
		worst, at := tolerance, -1
		for k := i + 1; k < j; k++ {
			d := points[k].sub(a)
			off := math.Abs(direction.cross(d))
			if direction == (Point{}) {
				off = d.length()
			}
			if off > worst {
				worst, at = off, k
			}
		}
		if at >= 0 {
			keep[at] = true
			stack = append(stack, [2]int{i, at}, [2]int{at, j})
		}
	}
	var out []int
	for i, k := range keep {
		if k {
			out = append(out, i)
		}
	}
	return out
}
