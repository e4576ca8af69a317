-- +goose Up
CREATE TABLE blob_objects (
    key        TEXT        NOT NULL PRIMARY KEY,
    sha256     TEXT        NOT NULL,
    size       BIGINT      NOT NULL,
    media_type TEXT        NOT NULL,
    state      TEXT        NOT NULL CHECK (state IN ('pending', 'live', 'doomed')),
    writer     TEXT        NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
-- The sweeper looks only at the few that are not live.
CREATE INDEX blob_objects_unsettled ON blob_objects (state, key) WHERE state <> 'live';

-- While a hold has not expired no doomed object is removed: a backup is
-- copying what its snapshot saw alive.
CREATE TABLE blob_holds (
    id         TEXT        NOT NULL PRIMARY KEY,
    reason     TEXT        NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
