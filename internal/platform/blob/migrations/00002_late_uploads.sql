-- +goose Up

-- An upload to a remote bucket that was cut off may still land there: its row
-- stays until then, so that the bytes are removed once more and not orphaned.
ALTER TABLE blob_objects ADD COLUMN keep_until TIMESTAMPTZ;
