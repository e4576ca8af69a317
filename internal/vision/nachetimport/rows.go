package nachetimport

import (
	"context"
	"fmt"
	"time"
)

// text is a text column that may be null.
type text = *string

func value(s text) string {
	if s == nil {
		return ""
	}
	return *s
}

// stamp returns a time as the target stores it, or another one for null.
func stamp(t *time.Time, otherwise time.Time) time.Time {
	if t == nil || t.Year() < 1 || t.Year() > 9999 {
		return otherwise
	}
	return t.UTC().Truncate(time.Microsecond)
}

// The rows of the source, in the order of the columns that are selected.
type (
	userRow struct {
		ID, Email, DefaultSet text
		Registered            *time.Time
	}
	setRow struct {
		ID, Document, Owner, Name text
		Uploaded                  *time.Time
	}
	seedRow     struct{ ID, Name text }
	pipelineRow struct {
		ID, Name        text
		Active, Default *bool
		Document        text
	}
	// modelRow is a model of a pipeline with its active version.
	modelRow struct{ Pipeline, ID, Name, Endpoint, Task, Document, Version text }

	pictureRow struct {
		ID, Document, Set text
		Uploaded          *time.Time
	}
	labelRow struct {
		ID, Picture, Seed text
		Uploaded          *time.Time
	}
	inferenceRow struct {
		ID, Document, Picture, User, Pipeline, FeedbackUser text
		Verified                                            *bool
		Uploaded, Updated                                   *time.Time
	}
	boxRow struct {
		ID, Document, Inference, Verified, Top text
		Valid, Manual                          *bool
		Uploaded, Updated                      *time.Time
	}
	guessRow struct {
		ID, Seed, Box text
		Score         *float64
	}
)

func (t *tables) users(ctx context.Context) ([]userRow, error) {
	return read[userRow](ctx, t, "users", t.selection("users",
		"id", asText, "email", asText, "default_set_id", asText, "registration_date", asTime)+"ORDER BY t.id")
}

// sets come oldest first: of two that have one name the older keeps it.
func (t *tables) sets(ctx context.Context) ([]setRow, error) {
	return read[setRow](ctx, t, "picture_set", t.selection("picture_set",
		"id", asText, "picture_set", asText, "owner_id", asText, "name", asText, "upload_date", asTime)+"ORDER BY 5 NULLS FIRST, t.id")
}

func (t *tables) seeds(ctx context.Context) ([]seedRow, error) {
	return read[seedRow](ctx, t, "seed", t.selection("seed", "id", asText, "name", asText)+"ORDER BY t.ctid")
}

func (t *tables) pipelines(ctx context.Context) ([]pipelineRow, error) {
	return read[pipelineRow](ctx, t, "pipeline", t.selection("pipeline",
		"id", asText, "name", asText, "active", asBool, "is_default", asBool, "data", asText)+"ORDER BY t.id")
}

// models returns the models of every pipeline in the order in which they were
// put there.
func (t *tables) models(ctx context.Context) ([]modelRow, error) {
	for _, table := range []string{"pipeline_model", "model", "model_version", "task"} {
		if !t.has(table) {
			return nil, nil
		}
	}
	return read[modelRow](ctx, t, "model", `
		SELECT l.pipeline_id::text, m.id::text, m.name::text, m.endpoint_name::text, k.name::text, v.data::text, v.version::text
		FROM `+t.name("pipeline_model")+` AS l JOIN `+t.name("model")+` AS m ON m.id = l.model_id
		LEFT JOIN `+t.name("task")+` AS k ON k.id = m.task_id
		LEFT JOIN `+t.name("model_version")+` AS v ON v.id = m.active_version
		ORDER BY l.ctid`)
}

// pagePictures is how many pictures are read at a time. The foreign keys of
// the source have no index, so each page may walk its largest tables.
const pagePictures = 500

// openPictures begins the walk over every picture: set by set, oldest first,
// so that of two copies the first one counts.
func (t *tables) openPictures(ctx context.Context) error {
	_, err := t.tx.Exec(ctx, "DECLARE granary_pictures NO SCROLL CURSOR FOR "+t.selection("picture",
		"id", asText, "picture", asText, "picture_set_id", asText, "upload_date", asTime)+
		"ORDER BY 3, 4 NULLS FIRST, t.ctid")
	if err != nil {
		return fmt.Errorf("read picture of the source: %w", err)
	}
	return nil
}

// nextPictures returns the next page, empty at the end.
func (t *tables) nextPictures(ctx context.Context) ([]pictureRow, error) {
	return read[pictureRow](ctx, t, "picture", fmt.Sprintf("FETCH %d FROM granary_pictures", pagePictures))
}

// The ids are sent as texts and cast on the source, so that its indexes apply.
const isOneOf = " = ANY ($1::text[]::uuid[]) "

func (t *tables) labels(ctx context.Context, pictures []string) ([]labelRow, error) {
	return read[labelRow](ctx, t, "picture_seed", t.selection("picture_seed",
		"id", asText, "picture_id", asText, "seed_id", asText, "upload_date", asTime)+
		"WHERE t.picture_id"+isOneOf+"ORDER BY t.ctid", pictures)
}

func (t *tables) inferences(ctx context.Context, pictures []string) ([]inferenceRow, error) {
	return read[inferenceRow](ctx, t, "inference", t.selection("inference",
		"id", asText, "inference", asText, "picture_id", asText, "user_id", asText, "pipeline_id", asText,
		"feedback_user_id", asText, "verified", asBool, "upload_date", asTime, "update_at", asTime)+
		"WHERE t.picture_id"+isOneOf+"ORDER BY 8 NULLS FIRST, t.ctid", pictures)
}

func (t *tables) boxes(ctx context.Context, inferences []string) ([]boxRow, error) {
	return read[boxRow](ctx, t, "object", t.selection("object",
		"id", asText, "box_metadata", asText, "inference_id", asText, "verified_id", asText, "top_id", asText,
		"valid", asBool, "manual_detection", asBool, "upload_date", asTime, "update_at", asTime)+
		"WHERE t.inference_id"+isOneOf+"ORDER BY t.ctid", inferences)
}

// guesses are in the order in which they were written: box by box of the first
// answer. Unlike the boxes' rows they are never updated, so their places in
// the table still tell the order, which no column does.
func (t *tables) guesses(ctx context.Context, boxes []string) ([]guessRow, error) {
	return read[guessRow](ctx, t, "seed_obj", t.selection("seed_obj",
		"id", asText, "seed_id", asText, "object_id", asText, "score", asFloat)+
		"WHERE t.object_id"+isOneOf+"ORDER BY t.ctid", boxes)
}

// total counts the rows of a table.
func (t *tables) total(ctx context.Context, table string) (n int, err error) {
	if !t.has(table) {
		return 0, nil
	}
	if err := t.tx.QueryRow(ctx, "SELECT COUNT(*) FROM "+t.name(table)).Scan(&n); err != nil {
		return 0, fmt.Errorf("count %s of the source: %w", table, err)
	}
	return n, nil
}

// setUse says what the pictures of a set are: labelled ones without an answer
// of a model came in a batch.
type setUse struct {
	Set                text
	Labelled, Answered int64
}

func (t *tables) setUses(ctx context.Context) ([]setUse, error) {
	exists := func(table string) string {
		if !t.has(table) {
			return "FALSE"
		}
		return "EXISTS (SELECT 1 FROM " + t.name(table) + " AS x WHERE x.picture_id = p.id)"
	}
	return read[setUse](ctx, t, "picture", `
		SELECT u.picture_set_id::text, COUNT(*) FILTER (WHERE u.labelled AND NOT u.answered), COUNT(*) FILTER (WHERE u.answered)
		FROM (SELECT p.picture_set_id, `+exists("picture_seed")+` AS labelled, `+exists("inference")+` AS answered
			FROM `+t.name("picture")+` AS p) AS u
		GROUP BY u.picture_set_id`)
}
