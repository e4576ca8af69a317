package clustering

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"slices"
	"strconv"

	"granary/internal/demos/builtin/clustering/dti"
	"granary/internal/platform/worker/guest"
)

// archive writes the result file of a task under its final name once it is
// complete.
func archive(ctx context.Context, job *guest.Job, pictures *set, result dti.Result, layout Layout) (err error) {
	if err := os.MkdirAll(job.Paths.Results, 0o750); err != nil {
		return fmt.Errorf("make results folder: %w", err)
	}
	root, err := os.OpenRoot(job.Paths.Results)
	if err != nil {
		return fmt.Errorf("open results folder: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	name := job.ID + ".zip"
	file, err := root.Create(name + ".part")
	if err != nil {
		return fmt.Errorf("make result: %w", err)
	}
	a := &archiver{zip: zip.NewWriter(file), layout: layout, renderer: newRenderer(pictures, result)}
	err = errors.Join(a.write(ctx, job), a.zip.Close(), file.Close())
	if err != nil {
		return errors.Join(fmt.Errorf("write result: %w", err), root.Remove(name+".part"))
	}
	return root.Rename(name+".part", name)
}

// archiver writes one archive.
type archiver struct {
	*renderer
	zip    *zip.Writer
	layout Layout
}

// write writes every file: those of each cluster, then the tables.
func (a *archiver) write(ctx context.Context, job *guest.Job) error {
	members := make([][]int, a.result.Clusters)
	for i, m := range a.result.Members {
		members[m.Cluster] = append(members[m.Cluster], i)
	}
	for _, list := range members { // the most typical first
		slices.SortStableFunc(list, func(x, y int) int { return cmp.Compare(a.distance(x), a.distance(y)) })
	}
	defer job.Done("clusters")
	for k, list := range members {
		job.Progress("clusters", "Drawing clusters", int64(k), int64(len(members)))
		if err := a.cluster(ctx, k, list); err != nil {
			return err
		}
	}
	if a.set.background != nil {
		if err := a.png("backgrounds/background0.png", a.set.background.picture()); err != nil {
			return err
		}
	}
	return errors.Join(a.csv(), a.json(), a.page(members))
}

// distance is that of a picture to the prototype of its cluster.
func (a *archiver) distance(i int) float64 {
	m := &a.result.Members[i]
	return m.Distances[m.Cluster]
}

// The names of files by layout.
func (a *archiver) prototypeName(k int) string {
	if a.layout == Nested {
		return fmt.Sprintf("prototypes/proto%d.png", k)
	}
	return fmt.Sprintf("prototypes/prototype%d.png", k)
}

func (a *archiver) maskedName(k int) string {
	if a.layout == Nested {
		return fmt.Sprintf("masked_prototypes/proto%d.png", k)
	}
	return fmt.Sprintf("masked_prototypes/prototype%d.png", k)
}

func (a *archiver) pictureName(k, i int, kind string) string {
	if a.layout == Nested {
		return fmt.Sprintf("clusters/cluster%d/%s/%d.jpg", k, kind, i)
	}
	return fmt.Sprintf("clusters/cluster%d/%d_%s.jpg", k, i, kind)
}

// cluster writes a prototype, and each picture as it is and as the prototype
// makes it.
func (a *archiver) cluster(ctx context.Context, k int, members []int) error {
	prototype, err := a.prototype(ctx, members)
	if err != nil {
		return err
	}
	seen := a.set.shown(prototype)
	if err := a.png(a.prototypeName(k), seen.picture()); err != nil {
		return err
	}
	if a.set.background != nil {
		m := mask(prototype)
		if err := errors.Join(a.png(a.maskedName(k), seen.behind(m)), a.png(fmt.Sprintf("masks/mask%d.png", k), drawn(m))); err != nil {
			return err
		}
	}
	for _, i := range members {
		if err := ctx.Err(); err != nil {
			return err
		}
		raw, err := os.ReadFile(a.set.file(i))
		if err != nil {
			return err
		}
		made, err := encode(a.transformed(prototype, i).picture())
		if err != nil {
			return err
		}
		if err := errors.Join(a.store(a.pictureName(k, i, "raw"), raw), a.store(a.pictureName(k, i, "tsf"), made)); err != nil {
			return err
		}
	}
	return nil
}

// store adds a file that is compressed already.
func (a *archiver) store(name string, data []byte) error {
	out, err := a.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	return err
}

func (a *archiver) png(name string, pixels image.Image) error {
	var out bytes.Buffer
	if err := png.Encode(&out, pixels); err != nil {
		return err
	}
	return a.store(name, out.Bytes())
}

// csv writes the table of pictures.
func (a *archiver) csv() error {
	file, err := a.zip.Create("cluster_by_path.csv")
	if err != nil {
		return err
	}
	out := csv.NewWriter(file)
	rows := [][]string{{"image_id", "path", "cluster_id", "distance"}}
	for i, m := range a.result.Members {
		rows = append(rows, []string{
			strconv.Itoa(i), a.set.paths[i], strconv.Itoa(m.Cluster), strconv.FormatFloat(a.distance(i), 'g', 6, 64),
		})
	}
	return out.WriteAll(rows)
}

// json writes the same by the number of each picture, with the distances to
// all prototypes.
func (a *archiver) json() error {
	out, err := a.zip.Create("cluster_by_path.json")
	if err != nil {
		return err
	}
	next := "{"
	for i, m := range a.result.Members {
		entry := map[string]any{"path": a.set.paths[i], "cluster_id": m.Cluster, "distance": a.distance(i)}
		for k, d := range m.Distances {
			entry["dist_cluster_"+strconv.Itoa(k)] = d
		}
		text, err := json.Marshal(entry)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s\n%q: %s", next, strconv.Itoa(i), text); err != nil {
			return err
		}
		next = ","
	}
	_, err = io.WriteString(out, "\n}\n")
	return err
}
