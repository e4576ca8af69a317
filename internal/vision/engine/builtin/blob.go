package builtin

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"slices"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine/builtin/feature"
)

const (
	// magic begins every stored classifier; the digit is the format's version.
	magic = "granary-classifier-1\n"
	// The bounds of a stored classifier. 300 examples of 1,000 labels fit.
	maxBlob    = 256 << 20
	maxHeader  = 4 << 20
	maxLabels  = 10_000
	maxTrained = 2_000_000
)

// header is the JSON part of a stored classifier.
type header struct {
	FeatureVersion int      `json:"feature_version"`
	Labels         []string `json:"labels"`
	Recipe         recipe   `json:"recipe"`
	Temperature    float32  `json:"temperature"`
	Usual          float32  `json:"usual"`
	// Points is the number of stored examples of nearest neighbours.
	Points int `json:"points,omitempty"`
	// Trained is the number of examples learned from.
	Trained int `json:"trained"`
}

// MarshalBinary writes the classifier: the magic line, the length of a JSON
// header, the header, then numbers in little-endian order (mean, factor,
// within-label deviation, centres, then the weights or the points with their
// labels, then the hashes of the examples), and the CRC-32 of all before it.
func (c *Classifier) MarshalBinary() ([]byte, error) {
	h := header{
		FeatureVersion: feature.Version, Labels: c.labels, Recipe: c.recipe,
		Temperature: c.temperature, Usual: c.familiar.usual, Trained: len(c.trained),
	}
	if c.neighbours != nil {
		h.Points = len(c.neighbours.points)
	}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	out := append([]byte(magic), binary.LittleEndian.AppendUint32(nil, uint32(len(text)))...)
	out = append(out, text...)
	add := func(v []float32) {
		for _, x := range v {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
		}
	}
	add(c.scaler.mean)
	add(c.scaler.factor)
	add(c.familiar.width)
	for _, row := range c.familiar.centre {
		add(row)
	}
	if c.neighbours != nil {
		add(c.neighbours.weight)
		for i, row := range c.neighbours.points {
			out = binary.LittleEndian.AppendUint32(out, uint32(c.neighbours.y[i]))
			add(row)
		}
	} else {
		for _, row := range c.logistic.weights {
			add(row)
		}
	}
	for _, id := range c.trained {
		out = binary.LittleEndian.AppendUint64(out, id)
	}
	return binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(out)), nil
}

// Load reads what MarshalBinary wrote. Memory is bounded by a few times the
// data's length. Errors: fault.Invalid for anything else, and for a classifier
// of another FeatureVersion.
func Load(data []byte) (*Classifier, error) {
	if len(data) > maxBlob || !bytes.HasPrefix(data, []byte(magic)) || len(data) < len(magic)+8 {
		return nil, fault.New(fault.Invalid, "not a stored classifier")
	}
	body, sum := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return nil, fault.New(fault.Invalid, "the stored classifier is damaged")
	}
	body = body[len(magic):]
	size := int64(binary.LittleEndian.Uint32(body))
	body = body[4:]
	if size > maxHeader || size > int64(len(body)) {
		return nil, fault.New(fault.Invalid, "the stored classifier's header is too long")
	}
	h, err := decodeHeader(body[:size])
	if err != nil {
		return nil, err
	}
	n := &numbers{rest: body[size:]}
	if want := h.size(); int64(len(n.rest)) != want {
		return nil, fault.New(fault.Invalid, "the stored classifier has %d bytes of numbers, want %d", len(n.rest), want)
	}
	return n.classifier(h)
}

func decodeHeader(text []byte) (*header, error) {
	h := new(header)
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(h); err != nil {
		return nil, fault.New(fault.Invalid, "the stored classifier's header: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "the stored classifier's header has a second value")
	}
	switch r := h.Recipe; {
	case h.FeatureVersion != feature.Version:
		return nil, fault.New(fault.Invalid, "the stored classifier needs features of version %d, this server has version %d", h.FeatureVersion, feature.Version)
	case len(h.Labels) == 0 || len(h.Labels) > maxLabels || !slices.IsSorted(h.Labels) || len(slices.Compact(slices.Clone(h.Labels))) != len(h.Labels):
		return nil, fault.New(fault.Invalid, "the stored classifier's labels are not between 1 and %d in order", maxLabels)
	case r.Penalty < 0 || r.Neighbours < 0 || (r.Penalty > 0) == (r.Neighbours > 0):
		return nil, fault.New(fault.Invalid, "the stored classifier's recipe %+v is none", r)
	case !(h.Temperature > 0) || !(h.Usual > 0):
		return nil, fault.New(fault.Invalid, "the stored classifier's temperature and usual distance must be positive")
	case h.Trained < 0 || h.Trained > maxTrained || h.Points < 0 || h.Points > maxTrained || (h.Points > 0) != (r.Neighbours > 0):
		return nil, fault.New(fault.Invalid, "the stored classifier's counts are out of range")
	}
	return h, nil
}

// size is the length of the numbers in bytes; it cannot overflow within the
// header's bounds.
func (h *header) size() int64 {
	const d = feature.Count
	labels, points := int64(len(h.Labels)), int64(h.Points)
	floats := 3*d + labels*d
	if points > 0 {
		floats += d + points*(d+1)
	} else {
		floats += labels * (d + 1)
	}
	return 4*floats + 8*int64(h.Trained)
}

// numbers reads the binary part; its length was checked before.
type numbers struct {
	rest []byte
	bad  bool
}

func (n *numbers) word() uint32 {
	v := binary.LittleEndian.Uint32(n.rest)
	n.rest = n.rest[4:]
	return v
}

func (n *numbers) floats(count int) []float32 {
	out := make([]float32, count)
	for i := range out {
		out[i] = math.Float32frombits(n.word())
		if !(math.Abs(float64(out[i])) <= 1e12) {
			n.bad = true
		}
	}
	return out
}

func (n *numbers) classifier(h *header) (*Classifier, error) {
	const d = feature.Count
	c := &Classifier{labels: h.Labels, recipe: h.Recipe, temperature: h.Temperature}
	c.scaler = scaler{mean: n.floats(d), factor: n.floats(d)}
	c.familiar = familiar{width: n.floats(d), usual: h.Usual}
	for range h.Labels {
		c.familiar.centre = append(c.familiar.centre, n.floats(d))
	}
	if h.Points > 0 {
		m := &neighbours{k: min(h.Recipe.Neighbours, h.Points), weight: n.floats(d), labels: len(h.Labels)}
		for range h.Points {
			label := n.word()
			if label >= uint32(len(h.Labels)) {
				return nil, fault.New(fault.Invalid, "the stored classifier has an example of no label")
			}
			m.y = append(m.y, int32(label))
			m.points = append(m.points, n.floats(d))
		}
		c.neighbours = m
	} else {
		m := &logistic{}
		for range h.Labels {
			m.weights = append(m.weights, n.floats(d+1))
		}
		c.logistic = m
	}
	for range h.Trained {
		c.trained = append(c.trained, binary.LittleEndian.Uint64(n.rest))
		n.rest = n.rest[8:]
	}
	for _, w := range c.familiar.width {
		n.bad = n.bad || w <= 0
	}
	if n.bad || !slices.IsSorted(c.trained) {
		return nil, fault.New(fault.Invalid, "the stored classifier holds numbers out of range")
	}
	return c, nil
}
