-- +goose Up
CREATE TABLE outbox_streams (
    stream     TEXT        NOT NULL PRIMARY KEY,
    -- a user id, or empty
    owner      TEXT        NOT NULL,
    state      TEXT        NOT NULL CHECK (state IN ('open', 'closed', 'silenced')),
    last_seq   BIGINT      NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX outbox_streams_changed ON outbox_streams (changed_at);

CREATE TABLE outbox_messages (
    id           TEXT        NOT NULL PRIMARY KEY,
    stream       TEXT        NOT NULL,
    seq          BIGINT      NOT NULL,
    url          TEXT        NOT NULL,
    size         BIGINT      NOT NULL,
    droppable    BOOLEAN     NOT NULL,
    final        BOOLEAN     NOT NULL,
    state        TEXT        NOT NULL CHECK (state IN
        ('pending', 'delivered', 'refused', 'unanswered', 'failed', 'dropped', 'silenced')),
    -- raised by every change but the renewal of a lease
    version      BIGINT      NOT NULL,
    attempts     BIGINT      NOT NULL,
    lease_until  TIMESTAMPTZ,
    due_at       TIMESTAMPTZ NOT NULL,
    expires_at   TIMESTAMPTZ NOT NULL,
    -- of the latest attempt; status is 0 when no answer came
    status       BIGINT      NOT NULL,
    answer       TEXT        NOT NULL,
    error        TEXT        NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    attempted_at TIMESTAMPTZ,
    settled_at   TIMESTAMPTZ
);
CREATE UNIQUE INDEX outbox_messages_order ON outbox_messages (stream, seq);
-- The dispatcher looks only at the few that have yet to leave.
CREATE INDEX outbox_messages_pending ON outbox_messages (stream, seq) WHERE state = 'pending';
CREATE INDEX outbox_messages_settled ON outbox_messages (settled_at) WHERE settled_at IS NOT NULL;

-- Apart, so that a change of state does not write a long body again.
CREATE TABLE outbox_bodies (
    message_id TEXT NOT NULL PRIMARY KEY REFERENCES outbox_messages (id) ON DELETE CASCADE,
    body       TEXT NOT NULL
);
