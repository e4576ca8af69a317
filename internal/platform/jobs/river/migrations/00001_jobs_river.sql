-- +goose Up
-- What River has no column for, beside its river_job.
CREATE TABLE jobs_river (
    id             TEXT PRIMARY KEY,
    -- changes when a lost attempt is replaced, so that the old one's row is not the new one's
    river_id       BIGINT NOT NULL UNIQUE REFERENCES river_job (id) ON DELETE CASCADE,
    kind           TEXT NOT NULL,
    queue          TEXT NOT NULL,
    -- a user id, or empty
    owner          TEXT NOT NULL,
    -- held only until the first attempt begins
    unique_key     TEXT,
    attempt        BIGINT NOT NULL DEFAULT 0,
    max_attempts   BIGINT NOT NULL,
    -- raised whenever an attempt begins or is given up for lost; only its holder may write
    fence          BIGINT NOT NULL DEFAULT 0,
    lease_until    TIMESTAMPTZ,
    progress_done  BIGINT NOT NULL DEFAULT 0,
    progress_total BIGINT NOT NULL DEFAULT 0,
    progress_note  TEXT NOT NULL DEFAULT '',
    error          TEXT NOT NULL DEFAULT '',
    created_at     TIMESTAMPTZ NOT NULL,
    started_at     TIMESTAMPTZ
);
CREATE UNIQUE INDEX jobs_river_key ON jobs_river (kind, unique_key) WHERE unique_key IS NOT NULL;
