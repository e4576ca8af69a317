package pages

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"granary/internal/console/ui"
	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
)

// alike are pictures with those that are most like them.
type alike struct{ Rows []alikeRow }

type alikeRow struct {
	Picture shown
	Matches []match
}

type match struct {
	Picture shown
	// Score is 0..1.
	Score float64
	// Turn is how the picture is turned to match, in words; empty for not.
	Turn string
}

const (
	alikeRows    = 40 // pictures of one part of a page
	alikeMatches = 8  // matches shown of each
)

// index is the wire format's list of pictures; see gallery.Index, which
// writes it.
type index struct {
	Sources map[string]struct {
		UID  string `json:"uid"`
		Type string `json:"type"`
	} `json:"sources"`
	Images []struct {
		dataset.Image
		DocUID string `json:"doc_uid"`
	} `json:"images"`
	Transpositions []string `json:"transpositions"`
}

// turn is the transposition of that place, empty for none.
func (i *index) turn(place float64) string {
	if !(place >= 0 && place < float64(len(i.Transpositions))) || i.Transpositions[int(place)] == "none" {
		return ""
	}
	return i.Transpositions[int(place)]
}

// places checks a pair of places, the second one in another index.
func (i *index) places(place float64, other *index, otherPlace float64) (first, second int, err error) {
	if !(place >= 0 && place < float64(len(i.Images)) && otherPlace >= 0 && otherPlace < float64(len(other.Images))) {
		return 0, 0, fault.New(fault.Invalid, "the result names pictures that it does not list")
	}
	return int(place), int(otherPlace), nil
}

// shownOf is the picture of that place.
func (w *work) shownOf(i *index, place int) shown {
	one := i.Images[place]
	return w.shown(i.Sources[one.DocUID].Type, one.DocUID, one.Image)
}

// alike draws the result document of similarity.
func (w *work) alike(v *result) error {
	var file struct {
		Index index        `json:"index"`
		Pairs [][5]float64 `json:"pairs"`
	}
	err := w.json(func(name string) bool { return strings.HasSuffix(name, "-scores.json") }, &file)
	if fault.Is(err, fault.NotFound) {
		// One document alone has only the file of its pair with itself.
		err = w.json(func(name string) bool { return path.Ext(name) == ".json" }, &file)
	}
	if err != nil {
		return err
	}
	byPicture := make([][]ranked, len(file.Index.Images))
	for _, pair := range file.Pairs {
		a, b, err := file.Index.places(pair[0], &file.Index, pair[1])
		if err != nil {
			return err
		}
		byPicture[a] = append(byPicture[a], ranked{b, pair[2], file.Index.turn(pair[4])})
		byPicture[b] = append(byPicture[b], ranked{a, pair[2], file.Index.turn(pair[3])})
	}
	w.rank(v, &file.Index, byPicture, &file.Index)
	return nil
}

// ranked is a picture by its place with its score.
type ranked struct {
	place int
	score float64
	turn  string
}

// rank draws the best matches, which are pictures of another index, of the
// part of the pictures that the address asks for.
func (w *work) rank(v *result, pictures *index, matches [][]ranked, others *index) {
	l := w.kit.Locale(w.request)
	v.Alike = &alike{}
	from, to := v.part(w.request, len(pictures.Images), alikeRows)
	for i := from; i < to; i++ {
		row := alikeRow{Picture: w.shownOf(pictures, i)}
		slices.SortStableFunc(matches[i], func(a, b ranked) int { return -cmp.Compare(a.score, b.score) })
		for _, m := range matches[i][:min(len(matches[i]), alikeMatches)] {
			one := match{Score: m.score, Picture: w.shownOf(others, m.place)}
			if m.turn != "" {
				one.Turn = turnName(l, m.turn)
			}
			row.Matches = append(row.Matches, one)
		}
		v.Alike.Rows = append(v.Alike.Rows, row)
	}
}

// turnName is a transposition in words, or a name that is none as it stands.
func turnName(l *ui.Locale, turn string) string {
	if l.Has("demos.turn." + turn) {
		return l.T("demos.turn." + turn)
	}
	return turn
}
