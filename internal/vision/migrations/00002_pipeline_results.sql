-- +goose Up

-- What a pipeline has said lately, as its page lists it.
CREATE INDEX vision_inferences_pipeline ON vision_inferences (pipeline_id, created_at, id);
