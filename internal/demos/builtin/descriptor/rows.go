package descriptor

// Rows are vectors of one length, one after the other.
type Rows struct {
	Dim  int
	Data []float32
}

// NewRows returns n zero vectors of dim numbers.
func NewRows(n, dim int) Rows { return Rows{Dim: dim, Data: make([]float32, n*dim)} }

// Len returns the number of vectors.
func (r Rows) Len() int { return len(r.Data) / r.Dim }

// Row returns vector i, shared with r.
func (r Rows) Row(i int) []float32 { return r.Data[i*r.Dim : (i+1)*r.Dim : (i+1)*r.Dim] }

// Part returns vectors from up to but without to, shared with r.
func (r Rows) Part(from, to int) Rows {
	return Rows{Dim: r.Dim, Data: r.Data[from*r.Dim : to*r.Dim : to*r.Dim]}
}

// dot returns the product of two vectors of one length, in four sums that a
// processor works on side by side.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

// dots8 returns the products of two vectors with four others: each number that
// is loaded is used more than once, and eight sums grow side by side.
func dots8(a0, a1, b0, b1, b2, b3 []float32) (s [8]float32) {
	n := len(a0)
	a1, b0, b1, b2, b3 = a1[:n], b0[:n], b1[:n], b2[:n], b3[:n]
	var s00, s01, s02, s03, s10, s11, s12, s13 float32
	for i, x := range a0 {
		y := a1[i]
		p, q, r, t := b0[i], b1[i], b2[i], b3[i]
		s00 += x * p
		s01 += x * q
		s02 += x * r
		s03 += x * t
		s10 += y * p
		s11 += y * q
		s12 += y * r
		s13 += y * t
	}
	return [8]float32{s00, s01, s02, s03, s10, s11, s12, s13}
}
