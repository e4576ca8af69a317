package clustering_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // the format of the pictures
	"image/png"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos/builtin/builtintest"
	"granary/internal/demos/builtin/clustering"
)

const actor = "train_dti"

// sign draws a bar or a ring on a wall, turned and moved by n.
func sign(t *testing.T, ring bool, n int) []byte {
	t.Helper()
	pixels := image.NewRGBA(image.Rect(0, 0, 80, 80))
	sin, cos := math.Sincos(float64(n%7-3) * 0.1)
	for i := range 80 * 80 {
		x, y := float64(i%80-40-n%5*2), float64(i/80-40+n%3*3)
		u, v := x*cos+y*sin, y*cos-x*sin
		shade := color.RGBA{90, 120, uint8(160 + i/80), 255}
		if r := math.Hypot(u, v); ring && r > 14 && r < 24 || !ring && math.Abs(u) < 6 && math.Abs(v) < 26 {
			shade = color.RGBA{230, 60, 40, 255}
		}
		pixels.Set(i%80, i/80, shade)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, pixels); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func signs(t *testing.T) map[string]map[string][]byte {
	t.Helper()
	files := map[string][]byte{"bad.png": []byte("no picture")}
	for n := range 12 {
		files[fmt.Sprintf("bar%02d.png", n)], files[fmt.Sprintf("ring%02d.png", n)] = sign(t, false, n), sign(t, true, n)
	}
	return map[string]map[string][]byte{"wall": files}
}

func kwargs(uid, parameters string) map[string]any {
	return map[string]any{"experiment_id": "exp-1", "dataset_uid": uid, "parameters": parameters}
}

// open returns the names in an archive and a reader of its files.
func open(t *testing.T, folder builtintest.Folder) ([]string, func(name string) []byte) {
	t.Helper()
	archive, err := zip.OpenReader(filepath.Join(folder.Root, "dticlustering/results/job-1.zip"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { archive.Close() })
	var names []string
	for _, file := range archive.File {
		names = append(names, file.Name)
	}
	return names, func(name string) []byte {
		t.Helper()
		file, err := archive.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		data, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
}

func TestPicturesAreClustered(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		parameters       string
		prototype, files string
		extra            []string
	}{
		"flat":       {`{"n_prototypes": 2, "transformation_sequence": "identity_affine"}`, "prototypes/prototype%d.png", "clusters/cluster%d/%d_%s.jpg", nil},
		"nested":     {`{"n_prototypes": 2, "transformation_sequence": {"transforms": "identity_color_affine"}}`, "prototypes/proto%d.png", "clusters/cluster%d/%[3]s/%[2]d.jpg", nil},
		"background": {`{"n_prototypes": 2, "background_option": "1_learn_bg"}`, "prototypes/prototype%d.png", "clusters/cluster%d/%d_%s.jpg", []string{"backgrounds/background0.png", "masked_prototypes/prototype0.png", "masked_prototypes/prototype1.png", "masks/mask0.png", "masks/mask1.png"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := builtintest.NewFolder(t, "dticlustering")
			uid := folder.Dataset(t, []string{"wall"}, signs(t))
			said := folder.Run(t.Context(), t, clustering.Tasks(), actor, kwargs(uid, test.parameters))
			if said.Failure != "" {
				t.Fatal(said.Failure)
			}
			if want := `{"result_url":"` + builtintest.BaseURL + `/clustering/job-1/result"}`; string(said.Value) != want {
				t.Errorf("the result is %s, want %s", said.Value, want)
			}
			if warned := said.Texts("warning"); len(warned) != 1 || !strings.Contains(warned[0], "bad.png") {
				t.Errorf("warnings are %q, want one of bad.png", warned)
			}
			names, read := open(t, folder)
			var table map[string]struct {
				Path     string  `json:"path"`
				Cluster  int     `json:"cluster_id"`
				Distance float64 `json:"distance"`
				To0      float64 `json:"dist_cluster_0"`
				To1      float64 `json:"dist_cluster_1"`
			}
			if err := json.Unmarshal(read("cluster_by_path.json"), &table); err != nil {
				t.Fatal(err)
			}
			want := slices.Concat(test.extra, []string{"cluster_by_path.csv", "cluster_by_path.json", "clusters.html", fmt.Sprintf(test.prototype, 0), fmt.Sprintf(test.prototype, 1)})
			rows, err := csv.NewReader(bytes.NewReader(read("cluster_by_path.csv"))).ReadAll()
			if err != nil || len(rows) != 25 || !slices.Equal(rows[0], []string{"image_id", "path", "cluster_id", "distance"}) {
				t.Errorf("the table has %d rows beginning with %q: %v", len(rows), rows[0], err)
			}
			bars, rings := map[int]int{}, map[int]int{}
			for n := range 24 {
				entry := table[fmt.Sprint(n)]
				if strings.HasPrefix(entry.Path, "images/bar") {
					bars[entry.Cluster]++
				} else {
					rings[entry.Cluster]++
				}
				if entry.Distance != min(entry.To0, entry.To1) {
					t.Errorf("picture %d is %v from its cluster, and %v and %v from both", n, entry.Distance, entry.To0, entry.To1)
				}
				want = append(want, fmt.Sprintf(test.files, entry.Cluster, n, "raw"), fmt.Sprintf(test.files, entry.Cluster, n, "tsf"))
			}
			if len(bars) != 1 || len(rings) != 1 {
				t.Errorf("bars are in clusters %v, rings in %v", bars, rings)
			}
			slices.Sort(want)
			slices.Sort(names)
			if diff := cmp.Diff(want, names); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			for _, file := range names {
				switch filepath.Ext(file) {
				case ".png", ".jpg":
					if config, _, err := image.DecodeConfig(bytes.NewReader(read(file))); err != nil || config.Width != 128 || config.Height != 128 {
						t.Errorf("%s is %dx%d: %v", file, config.Width, config.Height, err)
					}
				}
			}
		})
	}
}

func TestAlignedPrototypesExplainTheirPictures(t *testing.T) {
	t.Parallel()
	plain, aligned := missed(t, "identity"), missed(t, "identity_affine_tps")
	t.Logf("prototypes miss their pictures by %.3f as they are and by %.3f aligned", plain, aligned)
	if aligned > 0.75*plain {
		t.Errorf("aligned prototypes miss their pictures by %.3f, want less than 0.75 of %.3f", aligned, plain)
	}
}

// missed is the mean difference of pictures and what prototypes make of them.
func missed(t *testing.T, sequence string) float64 {
	t.Helper()
	folder := builtintest.NewFolder(t, "dticlustering")
	uid := folder.Dataset(t, []string{"wall"}, signs(t))
	said := folder.Run(t.Context(), t, clustering.Tasks(), actor, kwargs(uid, `{"n_prototypes": 2, "transformation_sequence": "`+sequence+`"}`))
	if said.Failure != "" {
		t.Fatal(said.Failure)
	}
	names, read := open(t, folder)
	pixels := func(name string) image.Image {
		decoded, _, err := image.Decode(bytes.NewReader(read(name)))
		if err != nil {
			t.Fatal(err)
		}
		return decoded
	}
	sum, count := 0.0, 0
	for _, name := range names {
		stem, ok := strings.CutSuffix(name, "_raw.jpg")
		if !ok {
			continue
		}
		raw, made := pixels(name), pixels(stem+"_tsf.jpg")
		for i := range 128 * 128 {
			r, _, _, _ := raw.At(i%128, i/128).RGBA()
			m, _, _, _ := made.At(i%128, i/128).RGBA()
			sum += math.Abs(float64(r)-float64(m)) / 65535
			count++
		}
	}
	return sum / float64(count)
}

func TestClusteringFails(t *testing.T) {
	t.Parallel()
	folder := builtintest.NewFolder(t, "dticlustering")
	empty := folder.Dataset(t, []string{"one"}, nil)
	for name, test := range map[string]struct {
		kwargs map[string]any
		want   string
	}{
		"without any picture":    {kwargs(empty, `{}`), "no picture of the data set could be read"},
		"on odd parameters":      {kwargs(empty, `{"n_prototypes": 99}`), "want 1 to 50"},
		"on an unknown data set": {kwargs(strings.Repeat("0", 64), `{}`), "there is no data set"},
	} {
		if said := folder.Run(t.Context(), t, clustering.Tasks(), actor, test.kwargs); !strings.Contains(said.Failure, test.want) {
			t.Errorf("the task %s ends with %q, want %q", name, said.Failure, test.want)
		}
	}
}
