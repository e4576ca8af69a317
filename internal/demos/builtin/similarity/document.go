package similarity

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"granary/internal/demos/builtin/gallery"
	"granary/internal/demos/plane"
)

// pair is two pictures of a gallery that are alike; A < B.
type pair struct {
	A, B int
	// Score is 0..1, not rounded.
	Score float64
	// Relation is the relative pose, as an index.
	Relation int
}

// document is one result file.
type document struct {
	parameters Parameters
	gallery    *gallery.Gallery
	turns      []plane.Turn
	// turnsOf are the turns of A and B in each relation, as indices of turns.
	turnsOf  [][2]int
	pairs    []pair
	decimals int
}

// write writes the document to a file that no one else writes. Pictures
// without a pair are left out of its index: viewers read the first match of
// every picture.
func (d *document) write(name string) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriter(file)
	if err := d.encode(out); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return out.Flush()
}

func (d *document) encode(out io.Writer) error {
	var pictures []int
	for _, p := range d.pairs {
		pictures = append(pictures, p.A, p.B)
	}
	slices.Sort(pictures)
	pictures = slices.Compact(pictures)
	place := make(map[int]int, len(pictures))
	for i, picture := range pictures {
		place[picture] = i
	}
	head, err := json.Marshal(struct {
		Parameters Parameters    `json:"parameters"`
		Index      gallery.Index `json:"index"`
	}{d.parameters, d.gallery.Index(d.turns, pictures)})
	if err != nil {
		return err
	}
	// The pairs of a large data set are written one by one, not held as text.
	line := head[:len(head)-1]
	line = append(line, `,"pairs":[`...)
	slices.SortFunc(d.pairs, func(a, b pair) int {
		return cmp.Or(-cmp.Compare(a.Score, b.Score), cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B))
	})
	unit := math.Pow10(d.decimals)
	for i, p := range d.pairs {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(line, '[')
		line = strconv.AppendInt(line, int64(place[p.A]), 10)
		line = append(line, ',')
		line = strconv.AppendInt(line, int64(place[p.B]), 10)
		line = append(line, ',')
		line = strconv.AppendFloat(line, math.Round(min(max(p.Score, 0), 1)*unit)/unit, 'f', -1, 64)
		for _, turn := range d.turnsOf[p.Relation] {
			line = append(line, ',')
			line = strconv.AppendInt(line, int64(turn), 10)
		}
		line = append(line, ']')
		if _, err := out.Write(line); err != nil {
			return err
		}
		line = line[:0]
	}
	_, err = out.Write(append(line, "]}\n"...))
	return err
}

// maxName is the longest name of a result in bytes, without its suffix: file
// systems take 255.
const maxName = 240

// fileName returns the name of a result without its suffix. A name too long
// for a file, or with the sign that stands for a slash in addresses, is cut
// and told apart by a digest.
func fileName(name string) string {
	if len(name) <= maxName && !strings.Contains(name, "~") {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	name = strings.ReplaceAll(name, "~", "^")
	const digest = 16
	for len(name) > maxName-digest-1 {
		name = name[:len(name)/2] + name[len(name)/2+1:]
	}
	return strings.ToValidUTF8(name, "") + "-" + hex.EncodeToString(sum[:digest/2])
}

// resultURL is the address of a result: its path below the results folder with
// ~ for /, and no suffix.
func resultURL(base, experiment, name string) string {
	return base + "/similarity/" + url.PathEscape(experiment+"~"+name) + "/result"
}

// folder is where the results of an experiment lie.
func folder(results, experiment string) (string, error) {
	if !filepath.IsLocal(experiment) || strings.ContainsAny(experiment, `/\~`) || experiment == "." {
		return "", fmt.Errorf("the experiment id %.100q cannot name a folder", experiment)
	}
	dir := filepath.Join(results, experiment)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("make results folder: %w", err)
	}
	return dir, nil
}
