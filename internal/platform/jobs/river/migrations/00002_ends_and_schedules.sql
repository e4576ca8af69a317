-- +goose Up
-- timed_out or lost: ends for which River has no state of its own; else empty.
ALTER TABLE jobs_river ADD COLUMN ended TEXT NOT NULL DEFAULT '';

-- One row for each schedule that was ever registered.
CREATE TABLE job_schedules (
    name    TEXT PRIMARY KEY,
    -- as registered; another one starts the schedule anew
    timing  TEXT NOT NULL,
    -- when the next job is due; moved on by whoever enqueues it
    next_at TIMESTAMPTZ NOT NULL
);
