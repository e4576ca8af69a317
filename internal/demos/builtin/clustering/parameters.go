package clustering

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"granary/internal/demos/builtin/clustering/dti"
	"granary/internal/platform/fault"
)

// Layout is how the archive names its files.
type Layout int

// The layouts.
const (
	// Flat is clusters/cluster0/7_raw.jpg, 7_tsf.jpg and
	// prototypes/prototype0.png.
	Flat Layout = iota
	// Nested is clusters/cluster0/raw/7.jpg, tsf/7.jpg and
	// prototypes/proto0.png.
	Nested
)

// Background is how what lies behind the prototypes is found.
type Background int

// The backgrounds.
const (
	// NoBackground groups whole pictures.
	NoBackground Background = iota
	// Learned is what most pictures show at each place.
	Learned
	// Constant is one colour: the one given, or that of most edges.
	Constant
)

// Parameters are what a task asks for.
type Parameters struct {
	Prototypes int
	Transforms dti.Transforms
	// Grid is how many control points a spline has along a side; 0 for the
	// usual.
	Grid       int
	Background Background
	// Value is the lightness of a constant background, 0..1; negative to look
	// for it.
	Value float64
	// Empty is dti.Options.Empty.
	Empty  float64
	Layout Layout
}

// maxParameters bounds the text of the parameters.
const maxParameters = 64 << 10

// ParseParameters reads the parameters of both generations of requests: texts
// such as 2_const_bg and identity_affine, or objects. A request with an object
// gets the Nested layout, which its front ends read. Learning rates, batch
// sizes and milestones are for training a network, which this app does not:
// they are accepted and change nothing. Errors: fault.Invalid.
func ParseParameters(data []byte) (Parameters, error) {
	if len(data) > maxParameters {
		return Parameters{}, fault.New(fault.Invalid, "the parameters are longer than %d bytes", maxParameters)
	}
	var raw struct {
		Prototypes *int            `json:"n_prototypes"`
		Background json.RawMessage `json:"background_option"`
		Sequence   json.RawMessage `json:"transformation_sequence"`
		Empty      json.RawMessage `json:"empty_cluster_threshold"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return Parameters{}, fault.New(fault.Invalid, "the parameters cannot be read: %w", err)
	}
	p := Parameters{Prototypes: 10, Value: -1, Empty: 0.2}
	if raw.Prototypes != nil {
		p.Prototypes = *raw.Prototypes
	}
	if p.Prototypes < 1 || p.Prototypes > dti.MaxPrototypes {
		return p, fault.New(fault.Invalid, "n_prototypes is %d, want 1 to %d", p.Prototypes, dti.MaxPrototypes)
	}
	if err := p.readBackground(unpack(raw.Background)); err != nil {
		return p, err
	}
	if err := p.readSequence(unpack(raw.Sequence)); err != nil {
		return p, err
	}
	empty, given, err := number(unpack(raw.Empty))
	switch {
	case err != nil || given && (empty < 0 || empty > 1):
		return p, fault.New(fault.Invalid, "empty_cluster_threshold is no number from 0 to 1")
	case given:
		p.Empty = empty
	}
	return p, nil
}

// unpack returns JSON that travels as text as what it is.
func unpack(raw json.RawMessage) json.RawMessage {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return bytes.TrimSpace(raw)
	}
	if text = strings.TrimSpace(text); strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		return json.RawMessage(text)
	}
	return bytes.TrimSpace(raw)
}

func absent(raw json.RawMessage) bool {
	return len(raw) == 0 || string(raw) == "null" || string(raw) == `""`
}

// number reads a number, which may be written as text.
func number(raw json.RawMessage) (value float64, given bool, err error) {
	if absent(raw) {
		return 0, false, nil
	}
	value, err = strconv.ParseFloat(strings.Trim(string(raw), `" `), 64)
	if err == nil && (math.IsNaN(value) || math.IsInf(value, 0)) {
		err = strconv.ErrRange
	}
	return value, true, err
}

// readBackground reads background_option.
func (p *Parameters) readBackground(raw json.RawMessage) error {
	var text string
	switch {
	case absent(raw):
		return nil
	case json.Unmarshal(raw, &text) == nil:
		switch text {
		case "0_dti":
		case "1_learn_bg":
			p.Background = Learned
		case "2_const_bg", "3_learn_fg":
			p.Background = Constant
		default:
			return fault.New(fault.Invalid, "background_option is %.40q, want 0_dti, 1_learn_bg, 2_const_bg or 3_learn_fg", text)
		}
		return nil
	}
	var object struct {
		Sprites bool            `json:"use_sprites"`
		Freeze  json.RawMessage `json:"freeze"`
		Value   json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		return fault.New(fault.Invalid, "background_option is neither a known name nor an object of use_sprites, freeze, init and value")
	}
	p.Layout = Nested
	if !object.Sprites {
		return nil
	}
	// Lists speak of the foreground first and of the background last.
	var frozen bool
	if freeze := last(object.Freeze); !absent(freeze) && json.Unmarshal(freeze, &frozen) != nil {
		return fault.New(fault.Invalid, "freeze of background_option is neither true nor false")
	}
	if p.Background = Learned; !frozen {
		return nil
	}
	p.Background = Constant
	value, given, err := number(last(object.Value))
	if err != nil || given && (value < 0 || value > 1) {
		return fault.New(fault.Invalid, "value of background_option is no number from 0 to 1")
	}
	if given {
		p.Value = value
	}
	return nil
}

// last returns the last entry of a list, or what is no list.
func last(raw json.RawMessage) json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		if len(list) == 0 {
			return nil
		}
		return list[len(list)-1]
	}
	return raw
}

// readSequence reads transformation_sequence.
func (p *Parameters) readSequence(raw json.RawMessage) error {
	if absent(raw) {
		p.Transforms = dti.Transforms{Colour: true, Affine: true}
		return nil
	}
	var object struct {
		Transforms json.RawMessage `json:"transforms"`
		Grid       json.RawMessage `json:"grid_size"`
	}
	if json.Unmarshal(raw, &object) == nil {
		p.Layout = Nested
		grid, given, err := number(object.Grid)
		if err != nil || given && (grid != math.Trunc(grid) || grid < dti.MinGrid || grid > dti.MaxGrid) {
			return fault.New(fault.Invalid, "grid_size is no whole number from %d to %d", dti.MinGrid, dti.MaxGrid)
		}
		p.Grid = int(grid)
		if raw = object.Transforms; absent(raw) {
			p.Transforms = dti.Transforms{Colour: true, Affine: true}
			return nil
		}
	}
	names, err := words(raw)
	if err != nil {
		return err
	}
	for _, name := range names {
		switch name {
		case "identity":
		case "color":
			p.Transforms.Colour = true
		case "affine":
			p.Transforms.Affine = true
		case "projective":
			p.Transforms.Projective = true
		case "tps":
			p.Transforms.Spline = true
		default:
			return fault.New(fault.Invalid, "there is no transformation %.40q: choose of identity, color, affine, projective and tps", name)
		}
	}
	return nil
}

// words reads names in a list or joined by _.
func words(raw json.RawMessage) ([]string, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return slices.DeleteFunc(strings.Split(text, "_"), func(s string) bool { return s == "" }), nil
	}
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fault.New(fault.Invalid, "the transformations are neither a list of names nor names joined by _")
	}
	return list, nil
}
