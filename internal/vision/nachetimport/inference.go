package nachetimport

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/google/uuid"

	"granary/internal/vision"
)

const (
	// defaultFileName is what the original calls nearly all of its results.
	defaultFileName = "default_filename"
	// firstColour is the first of the original's palette.
	firstColour = `"#ED1C24"`
	// maxCoordinate bounds a coordinate in pixels, as feedback does.
	maxCoordinate = 1e6
)

// placedGuess is a guess with its place among those of its page.
type placedGuess struct {
	guessRow
	place int
}

// sayings is what the source says of one picture.
type sayings struct {
	labels     []labelRow
	inferences []inferenceRow
	boxes      map[string][]boxRow      // by inference
	guesses    map[string][]placedGuess // by box
}

// counts are numbers of rows of the source.
type counts struct{ inferences, boxes, guesses, labels int }

func (s sayings) counts() counts {
	n := counts{inferences: len(s.inferences), labels: len(s.labels)}
	for _, inference := range s.inferences {
		for _, box := range s.boxes[value(inference.ID)] {
			n.boxes++
			n.guesses += len(s.guesses[value(box.ID)])
		}
	}
	return n
}

// countsOf counts what was translated. Labels that were made here, because
// the original would have, are none of the source's.
func countsOf(said vision.ImportedSayings, labels int) counts {
	n := counts{inferences: len(said.Inferences), labels: min(labels, len(said.Seeds))}
	for i := range said.Inferences {
		n.boxes += len(said.Inferences[i].Boxes)
		for j := range said.Inferences[i].Boxes {
			n.guesses += len(said.Inferences[i].Boxes[j].Guesses)
		}
	}
	return n
}

// translateSayings makes rows of the target. Widths and heights are set when
// the picture's are known, since the source does not keep the client's.
func (r *run) translateSayings(pictureID string, plan *setPlan, said sayings) (vision.ImportedSayings, error) {
	out := vision.ImportedSayings{Validated: len(said.labels) > 0}
	for _, row := range said.labels {
		id, ok := canonicalID(value(row.ID))
		seed, known := r.seeds[value(row.Seed)]
		if !ok || !known {
			r.tally.unread(kindLabels, "its seed could not be imported", value(row.ID))
			continue
		}
		out.Seeds = append(out.Seeds, vision.PictureSeed{
			ID: id, PictureID: pictureID, SeedID: seed.ID, CreatedAt: stamp(row.Uploaded, r.now),
		})
	}
	labelled := len(out.Seeds) > 0
	for _, row := range said.inferences {
		id, ok := canonicalID(value(row.ID))
		if !ok {
			lost := sayings{inferences: []inferenceRow{row}, boxes: said.boxes, guesses: said.guesses}.counts()
			r.tally.unread(kindInferences, "its id is not a UUID", value(row.ID))
			r.tally.left(kindBoxes, lost.boxes)
			r.tally.left(kindGuesses, lost.guesses)
			continue
		}
		inference := r.translateInference(id, pictureID, plan, row, said)
		out.Validated = out.Validated || inference.Verified
		if inference.Verified && !labelled {
			seeds, err := r.verifiedSeeds(&inference)
			if err != nil {
				return out, err
			}
			out.Seeds = append(out.Seeds, seeds...)
		}
		out.Inferences = append(out.Inferences, inference)
	}
	return out, nil
}

func (r *run) translateInference(id, pictureID string, plan *setPlan, row inferenceRow, said sayings) vision.Inference {
	pipeline := r.pipelines[value(row.Pipeline)]
	out := vision.Inference{
		ID: id, PictureID: pictureID, UserID: r.accounts[value(row.User)], PipelineID: pipeline.id,
		PipelineName: pipeline.name, Models: pipeline.models, FileName: defaultFileName,
		FeedbackUserID: r.accounts[value(row.FeedbackUser)], CreatedAt: stamp(row.Uploaded, plan.created),
	}
	out.UpdatedAt = stamp(row.Updated, out.CreatedAt)
	if out.UserID == "" {
		out.UserID = plan.account
	}
	if out.Models == nil {
		out.Models = []vision.ModelName{}
	}
	document, ok := parseDocument(value(row.Document))
	if name := document.text("filename"); name != "" {
		out.FileName = name
	} else if !ok {
		r.tally.changed(kindInferences, "its metadata cannot be read: the file name is the usual one", id)
	}
	rows := said.boxes[id]
	for _, box := range rows {
		if translated, ok := r.translateBox(box, said.guesses[value(box.ID)], out); ok {
			out.Boxes = append(out.Boxes, translated)
		}
	}
	inOrder(out.Boxes, rows, said.guesses)
	r.settle(&out, row.Verified != nil && *row.Verified, len(out.Boxes) == len(rows))
	return out
}

// settle holds an inference to the rule that it is verified exactly when every
// box was judged. The original never gets there once a box was rejected.
func (r *run) settle(out *vision.Inference, verified, complete bool) {
	judged := true
	for i := range out.Boxes {
		judged = judged && out.Boxes[i].Reviewed()
	}
	out.Verified = verified && judged
	switch {
	case verified && !judged:
		r.tally.changed(kindInferences, "it calls itself verified with a box that nobody judged: imported as not verified", out.ID)
	case !verified && judged && complete && len(out.Boxes) > 0:
		out.Verified = true
		r.tally.changed(kindInferences, "every box was judged: imported as verified", out.ID)
	}
	if out.Verified && out.FeedbackUserID == "" {
		out.FeedbackUserID = out.UserID
	}
}

// verifiedSeeds are the labels that the original would have written.
func (r *run) verifiedSeeds(inference *vision.Inference) ([]vision.PictureSeed, error) {
	var seeds []vision.PictureSeed
	for i := range inference.Boxes {
		guess, ok := inference.Boxes[i].Current()
		if !ok || !inference.Boxes[i].Verified() {
			continue
		}
		id, err := uuid.NewV7()
		if err != nil {
			return nil, fmt.Errorf("new picture seed id: %w", err)
		}
		seeds = append(seeds, vision.PictureSeed{
			ID: id.String(), PictureID: inference.PictureID, SeedID: guess.SeedID, CreatedAt: inference.UpdatedAt,
		})
	}
	return seeds, nil
}

func (r *run) translateBox(row boxRow, guesses []placedGuess, inference vision.Inference) (vision.Box, bool) {
	id, ok := canonicalID(value(row.ID))
	document, _ := parseDocument(value(row.Document))
	rect, placed := rectOf(document.object("box"))
	if !ok || !placed {
		r.tally.unread(kindBoxes, "its id or its coordinates cannot be read", value(row.ID)+" of inference "+inference.ID)
		r.tally.left(kindGuesses, len(guesses))
		return vision.Box{}, false
	}
	box := vision.Box{
		ID: id, InferenceID: inference.ID,
		TopX: rect.TopX, TopY: rect.TopY, BottomX: rect.BottomX, BottomY: rect.BottomY,
		Overlapping: document.boolean("overlapping"), Manual: row.Manual != nil && *row.Manual,
		UpdatedAt: stamp(row.Updated, stamp(row.Uploaded, inference.UpdatedAt)),
	}
	var coloured, indexed bool
	box.Colour, coloured = document.colour("color")
	box.OverlappingIndices, indexed = document.indices("overlappingIndices")
	if !coloured {
		box.Colour = firstColour
	}
	if !coloured || !indexed {
		r.tally.changed(kindBoxes, "its colour or overlap data cannot be read: the usual ones stand for them", id)
	}
	r.addGuesses(&box, guesses)
	r.judgeBox(&box, row)
	return box, true
}

// rectOf reads the corners, in pixels, and orders them.
func rectOf(d document) (vision.Rect, bool) {
	var v [4]float64
	for i, key := range [...]string{"topX", "topY", "bottomX", "bottomY"} {
		f, ok := d.number(key)
		if !ok || math.Abs(f) > maxCoordinate {
			return vision.Rect{}, false
		}
		v[i] = f
	}
	return vision.Rect{
		TopX: min(v[0], v[2]), TopY: min(v[1], v[3]),
		BottomX: max(v[0], v[2]), BottomY: max(v[1], v[3]),
	}, true
}

// addGuesses takes the guesses over, best first.
func (r *run) addGuesses(box *vision.Box, rows []placedGuess) {
	for _, row := range rows {
		id, ok := canonicalID(value(row.ID))
		seed, known := r.seeds[value(row.Seed)]
		if !ok || !known {
			r.tally.unread(kindGuesses, "its seed could not be imported", value(row.ID))
			continue
		}
		guess := vision.Guess{ID: id, BoxID: box.ID, SeedID: seed.ID, Label: seed.Name}
		if row.Score != nil && !math.IsNaN(*row.Score) && !math.IsInf(*row.Score, 0) {
			guess.Score = *row.Score
		}
		box.Guesses = append(box.Guesses, guess)
	}
	slices.SortStableFunc(box.Guesses, func(a, b vision.Guess) int { return cmp.Compare(b.Score, a.Score) })
	for i := range box.Guesses {
		box.Guesses[i].Position = i
	}
}

// judgeBox takes over which guess counts and what an expert said of the box.
// A box that was rejected and named afterwards is named: the original lets
// nobody reject a box that has a name.
func (r *run) judgeBox(box *vision.Box, row boxRow) {
	has := func(id string) bool {
		return slices.ContainsFunc(box.Guesses, func(g vision.Guess) bool { return g.ID == id })
	}
	if top := value(row.Top); has(top) {
		box.TopGuessID = top
	} else {
		if len(box.Guesses) > 0 {
			box.TopGuessID = box.Guesses[0].ID
		}
		if top != "" {
			r.tally.changed(kindBoxes, "its best guess does not exist: the one with the highest score counts", box.ID)
		}
	}
	box.Label = vision.Unidentified
	if guess, ok := box.Current(); ok { // before the verdict: the model's own
		box.Label, box.Score = guess.Label, guess.Score
	}
	if verified := value(row.Verified); has(verified) {
		box.VerifiedGuessID = verified
	} else if verified != "" {
		r.tally.changed(kindBoxes, "the guess that verifies it does not exist: imported as not judged", box.ID)
	}
	box.Rejected = row.Valid != nil && !*row.Valid && !box.Verified() && value(row.Verified) == ""
	if box.Reviewed() {
		box.ReviewedAt = box.UpdatedAt
	}
}

// inOrder puts boxes into the order of the first answer, which only the places
// of their guesses tell; drawn boxes follow.
func inOrder(boxes []vision.Box, rows []boxRow, guesses map[string][]placedGuess) {
	place := map[string]int{}
	for _, row := range rows {
		place[value(row.ID)] = math.MaxInt
		for _, g := range guesses[value(row.ID)] {
			place[value(row.ID)] = min(place[value(row.ID)], g.place)
		}
	}
	slices.SortStableFunc(boxes, func(a, b vision.Box) int {
		if a.Manual != b.Manual {
			if a.Manual {
				return 1
			}
			return -1
		}
		return cmp.Compare(place[a.ID], place[b.ID])
	})
	for i := range boxes {
		boxes[i].Position = i
	}
}
