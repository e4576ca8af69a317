package gallery

import (
	"slices"

	"granary/internal/demos/dataset"
	"granary/internal/demos/plane"
)

// Index lists pictures as the wire format of similarity and search does; pairs
// refer to its images and transpositions by position.
type Index struct {
	Sources        map[string]Source `json:"sources"`
	Images         []Image           `json:"images"`
	Transpositions []plane.Turn      `json:"transpositions"`
}

// Source is one document.
type Source struct {
	UID      string         `json:"uid"`
	Type     string         `json:"type"`
	Src      string         `json:"src"`
	Metadata map[string]any `json:"metadata"`
}

// Image is one picture with its document's uid.
type Image struct {
	dataset.Image
	DocUID string `json:"doc_uid"`
}

// Index lists pictures of g by their numbers, and the documents they are from.
func (g *Gallery) Index(turns []plane.Turn, pictures []int) Index {
	index := Index{Sources: map[string]Source{}, Images: make([]Image, 0, len(pictures)), Transpositions: turns}
	for _, i := range pictures {
		index.Images = append(index.Images, Image{Image: g.Images[i], DocUID: g.Images[i].DocUID})
	}
	used := map[string]bool{}
	for _, i := range pictures {
		used[g.Images[i].DocUID] = true
	}
	for _, part := range g.Parts {
		if used[part.UID] {
			index.Sources[part.UID] = Source{UID: part.UID, Type: part.Type, Src: part.Src, Metadata: map[string]any{}}
		}
	}
	return index
}

// Turns returns the turns that were asked for without repetition, and first of
// all none: a picture that is not turned is always compared.
func Turns(asked []string) ([]plane.Turn, error) {
	turns := []plane.Turn{plane.None}
	for _, name := range asked {
		turn, err := plane.ParseTurn(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(turns, turn) {
			turns = append(turns, turn)
		}
	}
	return turns, nil
}

// Numbers returns the numbers of all pictures.
func (g *Gallery) Numbers() []int {
	all := make([]int, len(g.Images))
	for i := range all {
		all[i] = i
	}
	return all
}
