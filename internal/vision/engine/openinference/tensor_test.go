package openinference

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"granary/internal/platform/raster"
	"granary/internal/vision/engine"
)

func TestReaderOfEveryDatatype(t *testing.T) {
	t.Parallel()
	le := binary.LittleEndian
	for _, tc := range []struct {
		datatype string
		raw      []byte
		want     float64
	}{
		{"FP64", le.AppendUint64(nil, math.Float64bits(-1.5)), -1.5},
		{"FP32", le.AppendUint32(nil, math.Float32bits(2.25)), 2.25},
		{"FP16", le.AppendUint16(nil, 0x3e00), 1.5},
		{"FP16", le.AppendUint16(nil, 0xc000), -2},
		{"FP16", le.AppendUint16(nil, 0x0001), math.Ldexp(1, -24)},
		{"FP16", le.AppendUint16(nil, 0xfc00), math.Inf(-1)},
		{"BF16", le.AppendUint16(nil, 0x3fc0), 1.5},
		{"INT64", le.AppendUint64(nil, math.MaxUint64), -1},
		{"INT32", le.AppendUint32(nil, math.MaxUint32-1), -2},
		{"INT16", le.AppendUint16(nil, 0xfffd), -3},
		{"INT8", []byte{0xfc}, -4},
		{"UINT64", le.AppendUint64(nil, 5), 5},
		{"UINT32", le.AppendUint32(nil, 6), 6},
		{"UINT16", le.AppendUint16(nil, 7), 7},
		{"UINT8", []byte{8}, 8},
		{"BOOL", []byte{1}, 1},
	} {
		got, err := decodeBinary(tc.datatype, tc.raw)
		if err != nil || len(got) != 1 || got[0] != tc.want {
			t.Errorf("decodeBinary(%s) = %v, %v, want %g", tc.datatype, got, err, tc.want)
		}
	}
	if _, err := decodeBinary("BYTES", []byte{0}); err == nil {
		t.Error("decodeBinary(BYTES) = nil, want an error")
	}
}

func TestInputTensor(t *testing.T) {
	t.Parallel()
	img := image.NewNRGBA(image.Rect(0, 0, 4, 2))
	for i := range 8 {
		img.SetNRGBA(i%4, i/4, color.NRGBA{255, 0, 51, 255})
	}
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		t.Fatal(err)
	}
	picture, err := raster.Gate{}.Open(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	options := func(text string) Input {
		o, err := parseOptions(engine.Spec{Options: []byte(`{"input":` + text + `}`)})
		if err != nil {
			t.Fatal(err)
		}
		return o.Input
	}
	in := options(`{"width":2,"height":2,"channels":"bgr","mean":[0.2,0,0.5],"std":[1,1,0.5]}`)
	raw, _, err := in.tensor(picture)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeBinary("FP32", raw)
	want := []float64{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1} // blue, green, red planes
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-6)); err != nil || diff != "" {
		t.Errorf("tensor() = %v (-want +got):\n%s", err, diff)
	}
	in = options(`{"width":2,"height":2,"datatype":"UINT8","layout":"nhwc","resize":"letterbox"}`)
	raw, at, err := in.tensor(picture)
	if err != nil || at != (placement{0, 0, 2, 1}) {
		t.Errorf("tensor() = %v, %v, want the picture in the upper half", at, err)
	}
	if want := []byte{255, 0, 51, 255, 0, 51, 114, 114, 114, 114, 114, 114}; !bytes.Equal(raw, want) {
		t.Errorf("tensor() = %v, want %v", raw, want)
	}
	if got, want := at.box(0, 0, 2, 1), (engine.Box{BottomX: 1, BottomY: 1}); got != want {
		t.Errorf("box() = %v, want %v", got, want)
	}
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		options Options
		boxes   tensor
		scores  tensor
		want    []candidate
		fails   bool
	}{
		{
			"corner and size in fractions",
			Options{BoxFormat: "xywh", BoxUnit: "fractions", Input: Input{Width: 100, Height: 50}},
			tensor{[]int{1, 4}, []float64{.1, .2, .3, .4}},
			tensor{[]int{1}, []float64{.5}},
			[]candidate{{x0: 10, y0: 10, x1: 40, y1: 30, score: .5, row: []float64{.5}}},
			false,
		},
		{
			"centre and size, two classes",
			Options{BoxFormat: "cxcywh"},
			tensor{[]int{1, 1, 4}, []float64{10, 20, 4, 6}},
			tensor{[]int{1, 1, 2}, []float64{.2, .7}},
			[]candidate{{x0: 8, y0: 17, x1: 12, y1: 23, class: 1, score: .7, row: []float64{.2, .7}}},
			false,
		},
		{"nothing", Options{}, tensor{[]int{1, 0, 4}, nil}, tensor{[]int{1, 0}, nil}, nil, false},
		{"inverted", Options{}, tensor{[]int{1, 4}, []float64{2, 2, 1, 1}}, tensor{[]int{1}, []float64{.5}}, nil, true},
		{"not a number", Options{}, tensor{[]int{1, 4}, []float64{math.NaN(), 2, 1, 1}}, tensor{[]int{1}, []float64{.5}}, nil, true},
		{"infinite", Options{}, tensor{[]int{1, 4}, []float64{0, 0, math.Inf(1), 1}}, tensor{[]int{1}, []float64{.5}}, nil, true},
		{"score not a number", Options{}, tensor{[]int{1, 4}, []float64{0, 0, 1, 1}}, tensor{[]int{1}, []float64{math.NaN()}}, nil, true},
		{"score beyond one", Options{}, tensor{[]int{1, 4}, []float64{0, 0, 1, 1}}, tensor{[]int{1}, []float64{7}}, nil, true},
		{"uneven scores", Options{}, tensor{[]int{2, 4}, make([]float64, 8)}, tensor{[]int{3}, make([]float64, 3)}, nil, true},
		{"no scores", Options{}, tensor{[]int{2, 4}, make([]float64, 8)}, tensor{[]int{0}, nil}, nil, true},
		{"other shape", Options{}, tensor{[]int{1, 5}, make([]float64, 5)}, tensor{[]int{1}, []float64{.5}}, nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.options.Outputs = Outputs{Boxes: "b", Scores: "s"}
			got, err := tc.options.candidates(map[string]tensor{"b": tc.boxes, "s": tc.scores})
			if (err != nil) != tc.fails {
				t.Fatalf("candidates() = %v, %v, want an error: %t", got, err, tc.fails)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(candidate{}), cmpopts.EquateApprox(0, 1e-9)); diff != "" && !tc.fails {
				t.Errorf("candidates() (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(`{"outputs":[{"name":"s","shape":[1,2],"datatype":"FP32","data":[[0.5,0.5]]}]}`), "")
	f.Add([]byte("{\"outputs\":[{\"name\":\"s\",\"shape\":[2],\"datatype\":\"UINT8\",\"parameters\":{\"binary_data_size\":2}}]}\x01\x02"), "88")
	f.Add([]byte(`{"outputs":[{"name":"b","shape":[1,4],"data":[0,0,1,1]},{"name":"s","shape":[1],"data":[0.5]}]}`), "")
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		outputs, err := parseAnswer(body, header)
		if err != nil {
			return
		}
		for name, got := range outputs {
			if !fills(got.shape, len(got.values)) {
				t.Errorf("output %q has %d values for %v", name, len(got.values), got.shape)
			}
		}
		o := Options{Outputs: Outputs{Boxes: "b", Scores: "s"}, TopN: 5, NMS: 0.5}
		found, err := o.detections(outputs, placement{width: 10, height: 10})
		for _, d := range found {
			if err != nil || !(d.Box.TopX <= d.Box.BottomX) || !(d.Score >= 0 && d.Score <= 1) {
				t.Errorf("detections() = %+v, %v, want usable boxes", d, err)
			}
		}
		if guesses, err := o.guesses(outputs); err == nil && len(guesses) == 0 {
			t.Error("guesses() = none without an error")
		}
	})
}
