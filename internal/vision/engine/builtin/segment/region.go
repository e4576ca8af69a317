package segment

// region is one connected set of pixels of a mask.
type region struct {
	minX, minY, maxX, maxY int // maxX and maxY are exclusive
	area                   int
	// first is the index of its first pixel in reading order.
	first int
}

func (r *region) grow(y, from, to int) {
	r.minX, r.maxX = min(r.minX, from), max(r.maxX, to)
	r.minY, r.maxY = min(r.minY, y), max(r.maxY, y+1)
	r.area += to - from
}

// run is a horizontal stretch of equal pixels [from, to) in row y.
type run struct {
	y, from, to int32
	parent      int32
}

// connect finds the connected regions of the pixels that equal want, in
// reading order of their first pixel: runs joined by union-find, linear in the
// pixels. Diagonal neighbours count when diagonal is set.
func connect(mask []bool, w, h int, want, diagonal bool) ([]region, []run) {
	var runs []run
	find := func(i int32) int32 {
		for runs[i].parent != i {
			runs[i].parent = runs[runs[i].parent].parent
			i = runs[i].parent
		}
		return i
	}
	reach := int32(0)
	if diagonal {
		reach = 1
	}
	previous, previousEnd := 0, 0
	for y := range h {
		line := mask[y*w : y*w+w]
		start := len(runs)
		for x := 0; x < w; {
			if line[x] != want {
				x++
				continue
			}
			from := x
			for x < w && line[x] == want {
				x++
			}
			at := int32(len(runs))
			runs = append(runs, run{y: int32(y), from: int32(from), to: int32(x), parent: at})
			for previous < previousEnd && runs[previous].to+reach <= int32(from) {
				previous++
			}
			for i := previous; i < previousEnd && runs[i].from < int32(x)+reach; i++ {
				a, b := find(int32(i)), find(at)
				// The older run stays the root, which keeps reading order.
				runs[max(a, b)].parent = min(a, b)
			}
		}
		previous, previousEnd = start, len(runs)
	}
	number := make([]int32, len(runs))
	var regions []region
	for i := range runs {
		r := &runs[i]
		root := find(int32(i))
		if root == int32(i) {
			number[i] = int32(len(regions))
			regions = append(regions, region{minX: w, minY: h, first: int(r.y)*w + int(r.from)})
		}
		number[i] = number[root]
		regions[number[i]].grow(int(r.y), int(r.from), int(r.to))
	}
	for i := range runs {
		runs[i].parent = number[i]
	}
	return regions, runs
}

// paint writes each run's region number plus one into labels.
func paint(labels []int32, w int, runs []run) {
	clear(labels)
	for _, r := range runs {
		line := labels[int(r.y)*w+int(r.from) : int(r.y)*w+int(r.to)]
		for i := range line {
			line[i] = r.parent + 1
		}
	}
}

// byRegion lists the pixels of each region in reading order.
func byRegion(regions []region, runs []run, w int) [][]int32 {
	total := 0
	for k := range regions {
		total += regions[k].area
	}
	all := make([]int32, total)
	of := make([][]int32, len(regions))
	at := 0
	for k := range regions {
		of[k] = all[at : at : at+regions[k].area]
		at += regions[k].area
	}
	for _, r := range runs {
		for x := r.from; x < r.to; x++ {
			of[r.parent] = append(of[r.parent], r.y*int32(w)+x)
		}
	}
	return of
}

// byLabel groups pixel indices by label: of[k] lists the pixels of label k+1.
func byLabel(labels []int32, count int) [][]int32 {
	size := make([]int, count+1)
	for _, l := range labels {
		size[l]++
	}
	total := len(labels) - size[0]
	all := make([]int32, total)
	of := make([][]int32, count)
	at := 0
	for k := range count {
		of[k] = all[at : at : at+size[k+1]]
		at += size[k+1]
	}
	for i, l := range labels {
		if l > 0 {
			of[l-1] = append(of[l-1], int32(i))
		}
	}
	return of
}
