package dti_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"granary/internal/demos/builtin/clustering/dti"
)

// digits returns count handwritten digits, each turned, scaled and moved at
// random, and what they are.
func digits(t testing.TB, count int, transformed bool) ([]dti.Picture, []int) {
	t.Helper()
	file, err := os.Open("testdata/digits.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var pictures []dti.Picture
	var labels []int
	random := rand.New(rand.NewPCG(5, 6))
	for lines := bufio.NewScanner(text); lines.Scan() && len(pictures) < count; {
		fields := strings.Split(lines.Text(), ",")
		var values [8][8]float64
		for i := range 64 {
			if values[i/8][i%8], err = strconv.ParseFloat(fields[i], 64); err != nil {
				t.Fatal(err)
			}
		}
		label, err := strconv.Atoi(fields[64])
		if err != nil {
			t.Fatal(err)
		}
		angle, scale, dx, dy := 0.0, 1.1, 0.0, 0.0
		if transformed {
			angle = (random.Float64()*2 - 1) * 25 * math.Pi / 180
			scale = 1.1 + 0.6*random.Float64()
			dx, dy = (random.Float64()*2-1)*0.25, (random.Float64()*2-1)*0.25
		}
		pictures, labels = append(pictures, draw(&values, angle, scale, dx, dy)), append(labels, label)
	}
	return pictures, labels
}

// draw samples a digit linearly; outside it is black.
func draw(values *[8][8]float64, angle, scale, dx, dy float64) (out dti.Picture) {
	sin, cos := math.Sincos(angle)
	at := func(x, y int) float64 {
		if x < 0 || y < 0 || x > 7 || y > 7 {
			return 0
		}
		return values[y][x] / 16
	}
	for i := range dti.Side * dti.Side {
		u := (float64(i%dti.Side)+0.5)*2/dti.Side - 1 - dx
		v := (float64(i/dti.Side)+0.5)*2/dti.Side - 1 - dy
		x, y := (scale*(u*cos+v*sin)+1)*4-0.5, (scale*(v*cos-u*sin)+1)*4-0.5
		x0, y0 := math.Floor(x), math.Floor(y)
		fx, fy, ix, iy := x-x0, y-y0, int(x0), int(y0)
		value := (1-fy)*((1-fx)*at(ix, iy)+fx*at(ix+1, iy)) + fy*((1-fx)*at(ix, iy+1)+fx*at(ix+1, iy+1))
		for c := range 3 {
			out[3*i+c] = uint8(255 * value)
		}
	}
	return out
}

// purity is the share of the pictures that are what most of their cluster are.
func purity(r dti.Result, labels []int) float64 {
	counts := make([][10]int, r.Clusters)
	for i, m := range r.Members {
		counts[m.Cluster][labels[i]]++
	}
	sum := 0
	for _, c := range counts {
		most := 0
		for _, n := range c {
			most = max(most, n)
		}
		sum += most
	}
	return float64(sum) / float64(len(labels))
}

func cluster(t testing.TB, pictures []dti.Picture, transforms dti.Transforms) dti.Result {
	t.Helper()
	result, err := dti.Cluster(t.Context(), pictures, dti.Options{Prototypes: 10, Transforms: transforms, Empty: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestTransformedDigitsAreTold(t *testing.T) {
	t.Parallel()
	pictures, labels := digits(t, 400, true)
	without := purity(cluster(t, pictures, dti.Transforms{}), labels)
	with := purity(cluster(t, pictures, dti.Transforms{Affine: true}), labels)
	t.Logf("purity of 400 transformed digits: K-means %.3f, aligned %.3f", without, with)
	if with < without+0.15 {
		t.Errorf("purity is %.3f, want 0.15 above that of K-means, %.3f", with, without)
	}
}

func TestClusterStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	pictures, _ := digits(t, 30, false)
	if _, err := dti.Cluster(ctx, pictures, dti.Options{Prototypes: 3}); !errors.Is(err, context.Canceled) {
		t.Errorf("Cluster() = %v, want context.Canceled", err)
	}
}

func TestFewPicturesFillFewClusters(t *testing.T) {
	t.Parallel()
	pictures, _ := digits(t, 3, false)
	pictures = append(pictures, pictures[0], pictures[1])
	for name, transforms := range map[string]dti.Transforms{
		"still": {}, "everything": {Colour: true, Affine: true, Projective: true, Spline: true},
	} {
		last := 0
		result, err := dti.Cluster(t.Context(), pictures, dti.Options{
			Prototypes: 10, Transforms: transforms, Empty: 1, Progress: func(done, total int) {
				if done <= last || done > total {
					t.Errorf("%s: round %d of %d follows %d", name, done, total, last)
				}
				last = done
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		m := result.Members
		if result.Clusters > 5 || len(m) != 5 || len(m[0].Distances) != result.Clusters || m[0].Cluster == m[1].Cluster || m[1].Cluster == m[2].Cluster {
			t.Errorf("%s: five pictures of three digits are %+v of %d clusters", name, m, result.Clusters)
		}
	}
}

func BenchmarkDigits(b *testing.B) {
	for name, transforms := range map[string]dti.Transforms{
		"kmeans": {}, "affine": {Affine: true}, "affine_tps": {Affine: true, Spline: true},
		"color_affine": {Colour: true, Affine: true}, "affine_projective": {Affine: true, Projective: true},
	} {
		for _, moved := range []bool{false, true} {
			b.Run(name+map[bool]string{false: "/upright", true: "/transformed"}[moved], func(b *testing.B) {
				pictures, labels := digits(b, 1797, moved)
				for b.Loop() {
					b.ReportMetric(purity(cluster(b, pictures, transforms), labels), "purity")
				}
			})
		}
	}
}
