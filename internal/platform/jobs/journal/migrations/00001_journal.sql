-- +goose Up
-- What jobs said, the latest lines of each.
CREATE TABLE job_events (
    job_id  TEXT        NOT NULL,
    -- from 1 without gaps; lines that were dropped leave one
    seq     BIGINT      NOT NULL,
    attempt BIGINT      NOT NULL,
    at      TIMESTAMPTZ NOT NULL,
    type    TEXT        NOT NULL CHECK (type IN ('started', 'ended', 'info', 'warning', 'error')),
    -- JSON: the event without what the other columns say
    payload TEXT        NOT NULL,
    PRIMARY KEY (job_id, seq)
);

-- One row for each job that said something: what a page or a status shows.
CREATE TABLE job_views (
    job_id     TEXT        NOT NULL PRIMARY KEY,
    -- the latest attempt that said something, and whether its end is stored
    attempt    BIGINT      NOT NULL,
    ended      BOOLEAN     NOT NULL,
    last_seq   BIGINT      NOT NULL,
    -- JSON arrays
    infos      TEXT        NOT NULL,
    warnings   TEXT        NOT NULL,
    errors     TEXT        NOT NULL,
    bars       TEXT        NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
