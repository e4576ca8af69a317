package nachetimport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"golang.org/x/sync/errgroup"

	"granary/internal/platform/blob/bucket"
	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
	"granary/internal/vision"
)

const (
	// copiers bounds how many pictures are copied, and so held in memory, at
	// the same time.
	copiers = 4
	// readAttempts is how often a download that was cut is begun.
	readAttempts = 3
	// readPause is how long to wait before the second attempt, in multiples
	// before the later ones.
	readPause = 200 * time.Millisecond
	// maxFailures is how many pictures in a row may fail to be read before the
	// source's storage counts as gone.
	maxFailures = 20
)

// pictureJob is one picture that the target does not hold.
type pictureJob struct {
	picture vision.Picture
	from    place
	said    vision.ImportedSayings
	counts  counts
}

// importPictures walks every picture page by page.
func (r *run) importPictures(ctx context.Context) error {
	for table, kind := range map[string]string{
		"picture": kindPictures, "inference": kindInferences, "object": kindBoxes,
		"seed_obj": kindGuesses, "picture_seed": kindLabels,
	} {
		n, err := r.from.total(ctx, table)
		if err != nil {
			return err
		}
		r.tally.found(kind, n)
		if kind == kindPictures {
			r.progress.total = n
		}
	}
	if err := r.from.openPictures(ctx); err != nil {
		return err
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(copiers)
	for {
		page, err := r.from.nextPictures(gctx)
		if err == nil && len(page) > 0 {
			err = r.importPage(gctx, group, page)
		}
		if err != nil || len(page) == 0 {
			// A copier's failure cancels gctx and shows here as cancellation.
			return cmp.Or(group.Wait(), err)
		}
	}
}

func (r *run) importPage(ctx context.Context, group *errgroup.Group, page []pictureRow) error {
	said, err := r.readSayings(ctx, page)
	if err != nil {
		return err
	}
	ids := make([]string, len(page))
	for i, row := range page {
		ids[i] = value(row.ID)
	}
	held, err := r.to.HeldPictures(ctx, ids)
	if err != nil {
		return err
	}
	for _, row := range page {
		id := value(row.ID)
		if held[id] {
			err = r.addToHeld(ctx, id, r.sets[value(row.Set)], said[id])
		} else {
			err = r.importPicture(ctx, group, row, said[id])
		}
		if err != nil {
			return fmt.Errorf("picture %s: %w", id, err)
		}
	}
	return ctx.Err()
}

// readSayings reads what the source says of a page of pictures. Boxes of
// inferences that the target holds are not asked for.
func (r *run) readSayings(ctx context.Context, page []pictureRow) (map[string]sayings, error) {
	ids := make([]string, 0, len(page))
	for _, row := range page {
		if id, ok := canonicalID(value(row.ID)); ok {
			ids = append(ids, id)
		}
	}
	labels, err := r.from.labels(ctx, ids)
	if err != nil {
		return nil, err
	}
	inferences, err := r.from.inferences(ctx, ids)
	if err != nil {
		return nil, err
	}
	var inferenceIDs, wanted []string
	for _, row := range inferences {
		inferenceIDs = append(inferenceIDs, value(row.ID))
	}
	held, err := r.to.HeldInferences(ctx, inferenceIDs)
	if err != nil {
		return nil, err
	}
	out := make(map[string]sayings, len(page))
	for _, row := range labels {
		s := out[value(row.Picture)]
		s.labels = append(s.labels, row)
		out[value(row.Picture)] = s
	}
	boxes, guesses := map[string][]boxRow{}, map[string][]placedGuess{}
	for _, row := range inferences {
		if held[value(row.ID)] {
			continue
		}
		wanted = append(wanted, value(row.ID))
		s := out[value(row.Picture)]
		s.inferences, s.boxes, s.guesses = append(s.inferences, row), boxes, guesses
		out[value(row.Picture)] = s
	}
	return out, r.readBoxes(ctx, wanted, boxes, guesses)
}

func (r *run) readBoxes(ctx context.Context, inferences []string, boxes map[string][]boxRow, guesses map[string][]placedGuess) error {
	rows, err := r.from.boxes(ctx, inferences)
	if err != nil {
		return err
	}
	ids := make([]string, len(rows))
	for i, row := range rows {
		boxes[value(row.Inference)] = append(boxes[value(row.Inference)], row)
		ids[i] = value(row.ID)
	}
	found, err := r.from.guesses(ctx, ids)
	if err != nil {
		return err
	}
	for i, row := range found {
		guesses[value(row.Box)] = append(guesses[value(row.Box)], placedGuess{row, i})
	}
	return nil
}

// addToHeld adds inferences that a picture got in the source since it was
// imported.
func (r *run) addToHeld(ctx context.Context, id string, plan *setPlan, said sayings) error {
	r.tally.alreadyThere(kindPictures)
	r.shelves.use(id)
	r.progress.step(0)
	if len(said.inferences) == 0 || plan == nil {
		return nil
	}
	said.labels = nil // those that came with the picture are there
	translated, err := r.translateSayings(id, plan, said)
	if err != nil {
		return err
	}
	picture, _, err := r.service.Picture(ctx, id)
	if errors.Is(err, vision.ErrNoPicture) {
		return nil // deleted here meanwhile
	}
	if err != nil {
		return err
	}
	if !r.opts.DryRun {
		scale(translated.Inferences, picture)
		if err := r.to.AddSayings(ctx, id, translated); err != nil {
			return err
		}
	}
	r.countSayings(countsOf(translated, 0))
	return nil
}

// importPicture finds a picture's bytes and hands it to a copier.
func (r *run) importPicture(ctx context.Context, group *errgroup.Group, row pictureRow, said sayings) error {
	id, ok := canonicalID(value(row.ID))
	plan := r.sets[value(row.Set)]
	leave := func(reason, detail string) error {
		r.tally.unread(kindPictures, reason, value(row.ID)+detail)
		r.leave(said.counts())
		return nil
	}
	if !ok || plan == nil {
		return leave("its id is not a UUID, or its picture set could not be imported", "")
	}
	document, readable := parseDocument(value(row.Document))
	from, size, ok := r.shelves.look(id, plan.owner, document.text("link"), plan.folder)
	if !ok {
		return leave("its bytes are in none of the users' containers", " "+document.text("link"))
	}
	if size > r.maxBytes {
		return leave("its file is larger than this server takes", " "+bytesText(size))
	}
	if !readable && len(said.inferences)+len(said.labels) > 0 {
		r.tally.changed(kindPictures, "its metadata cannot be read: found by its id", id)
	}
	if len(said.inferences)+len(said.labels) == 0 {
		r.tally.changed(kindPictures, "nothing was said of it: left behind by a classification that failed", id)
	}
	translated, err := r.translateSayings(id, plan, said)
	if err != nil {
		return err
	}
	job := pictureJob{from: from, said: translated, counts: countsOf(translated, len(said.labels))}
	job.picture = vision.Picture{
		ID: id, SetID: plan.id, Batch: len(said.labels) > 0 && len(said.inferences) == 0,
		UploadedAt: stamp(row.Uploaded, plan.created),
	}
	if n, ok := document.count("nb_seeds"); ok {
		job.picture.SeedCount = &n
	}
	if f, ok := document.number("zoom"); ok {
		job.picture.ZoomLevel = &f
	}
	if r.opts.DryRun {
		r.countPicture(job, size)
		return nil
	}
	group.Go(func() error { return r.copyPicture(ctx, job) })
	return nil
}

// copyPicture brings one picture over. Errors are those of the target, which
// end the run; what is wrong with the picture is reported.
func (r *run) copyPicture(ctx context.Context, job pictureJob) error {
	data, err := r.readBytes(ctx, job.from)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		r.tally.unread(kindPictures, "its bytes could not be read", job.picture.ID+" "+job.from.container+"/"+job.from.path()+": "+fault.Message(err))
		r.leave(job.counts)
		if ofPicture(err) {
			return nil
		}
		if n := r.failures.Add(1); n >= maxFailures {
			return fmt.Errorf("%d pictures in a row could not be read from the source's storage: %w", n, err)
		}
		return nil
	}
	r.failures.Store(0)
	picture, err := r.to.Describe(job.picture, data)
	if err != nil {
		r.tally.unread(kindPictures, "its file is no picture that this server takes", job.picture.ID+": "+fault.Message(err))
		r.leave(job.counts)
		return nil
	}
	scale(job.said.Inferences, picture)
	added, err := r.to.AddPicture(ctx, vision.ImportedPicture{Picture: picture, Data: data, Said: job.said})
	if errors.Is(err, vision.ErrNoSet) {
		r.tally.unread(kindPictures, "its folder was deleted here meanwhile", job.picture.ID)
		r.leave(job.counts)
		return nil
	}
	if err != nil {
		return fmt.Errorf("picture %s: %w", job.picture.ID, err)
	}
	if !added {
		r.tally.skip(kindPictures, "the same file twice in one batch: stored once", job.picture.ID)
		r.leave(job.counts)
		return nil
	}
	r.countPicture(job, int64(len(data)))
	return nil
}

// ofPicture reports whether a failed read is about this one blob, such as one
// that is gone or in an archive tier, rather than about the storage.
func ofPicture(err error) bool {
	if bucket.Missing(err) || fault.Is(err, fault.TooLarge) {
		return true
	}
	var refused *azcore.ResponseError
	if !errors.As(err, &refused) {
		return false
	}
	switch code := refused.StatusCode; code {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	default:
		return code >= 400 && code < 500
	}
}

// scale sets the dimensions that the boxes refer to: clients send the
// picture's own.
func scale(inferences []vision.Inference, picture vision.Picture) {
	for i := range inferences {
		inferences[i].Width, inferences[i].Height = float64(picture.Width), float64(picture.Height)
	}
}

// errCut says that a download ended early. The storage's client repeats only
// what fails before the first byte.
var errCut = fault.New(fault.Unavailable, "the source's storage ended the download early")

// readBytes reads a blob whole; the limit of a file keeps it small.
func (r *run) readBytes(ctx context.Context, from place) (data []byte, err error) {
	for attempt := 1; ; attempt++ {
		data, err = r.readOnce(ctx, from)
		if !errors.Is(err, errCut) || attempt == readAttempts {
			return data, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(attempt) * readPause):
		}
	}
}

func (r *run) readOnce(ctx context.Context, from place) (data []byte, err error) {
	body, size, err := r.shelves.account.OpenBlob(ctx, from.container, from.path())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if size > r.maxBytes {
		return nil, fault.New(fault.TooLarge, "it has %d bytes", size)
	}
	data = make([]byte, size)
	if _, err := io.ReadFull(body, data); err != nil {
		return nil, errors.Join(errCut, err)
	}
	return data, nil
}

func (r *run) countPicture(job pictureJob, size int64) {
	r.tally.imported(kindPictures, 1)
	r.tally.copied(size)
	r.countSayings(job.counts)
	r.progress.step(size)
}

// countSayings counts what came over.
func (r *run) countSayings(n counts) {
	r.tally.imported(kindInferences, n.inferences)
	r.tally.imported(kindBoxes, n.boxes)
	r.tally.imported(kindGuesses, n.guesses)
	r.tally.imported(kindLabels, n.labels)
}

// leave counts what is left out with a picture.
func (r *run) leave(n counts) {
	r.tally.left(kindInferences, n.inferences)
	r.tally.left(kindBoxes, n.boxes)
	r.tally.left(kindGuesses, n.guesses)
	r.tally.left(kindLabels, n.labels)
	r.progress.step(0)
}

// maxBytes is the largest file that the gate takes.
func maxBytes(gate raster.Gate) int64 { return cmp.Or(gate.MaxBytes, raster.DefaultMaxBytes) }
