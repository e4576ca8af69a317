-- +goose Up
-- SQLite cannot change a CHECK: the table is built anew.
CREATE TABLE jobs_new (
    id               TEXT PRIMARY KEY,
    kind             TEXT NOT NULL,
    queue            TEXT NOT NULL,
    lane             TEXT NOT NULL,
    -- a user id, or empty
    owner            TEXT NOT NULL,
    state            TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'timed_out', 'lost')),
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
INSERT INTO jobs_new SELECT id, kind, queue, lane, owner, state, priority, args, unique_key, attempt, max_attempts, fence,
    lease_until, cancel_requested, progress_done, progress_total, progress_note, error, created_at, run_at, started_at, finished_at
FROM jobs;
DROP TABLE jobs;
ALTER TABLE jobs_new RENAME TO jobs;
CREATE INDEX jobs_due ON jobs (lane, priority, run_at, id) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_key ON jobs (kind, unique_key) WHERE unique_key IS NOT NULL;

-- One row for each schedule that was ever registered.
CREATE TABLE job_schedules (
    name    TEXT PRIMARY KEY,
    -- as registered; another one starts the schedule anew
    timing  TEXT NOT NULL,
    -- when the next job is due; moved on by whoever enqueues it
    next_at TIMESTAMPTZ NOT NULL
);
