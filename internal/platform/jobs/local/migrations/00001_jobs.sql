-- +goose Up
CREATE TABLE jobs (
    id               TEXT PRIMARY KEY,
    kind             TEXT NOT NULL,
    queue            TEXT NOT NULL,
    lane             TEXT NOT NULL,
    -- a user id, or empty
    owner            TEXT NOT NULL,
    state            TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    priority         BIGINT NOT NULL,
    args             TEXT NOT NULL,
    -- held only until the first attempt begins
    unique_key       TEXT,
    attempt          BIGINT NOT NULL,
    max_attempts     BIGINT NOT NULL,
    -- raised by every claim; only its holder may write
    fence            BIGINT NOT NULL,
    lease_until      TIMESTAMPTZ,
    cancel_requested BOOLEAN NOT NULL,
    progress_done    BIGINT NOT NULL,
    progress_total   BIGINT NOT NULL,
    progress_note    TEXT NOT NULL,
    error            TEXT NOT NULL,
    created_at       TIMESTAMPTZ NOT NULL,
    run_at           TIMESTAMPTZ NOT NULL,
    started_at       TIMESTAMPTZ,
    finished_at      TIMESTAMPTZ
);
CREATE INDEX jobs_due ON jobs (lane, priority, run_at, id) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_key ON jobs (kind, unique_key) WHERE unique_key IS NOT NULL;
