-- +goose Up

-- A picture set is a folder of pictures that one account owns. revision rises
-- with every change to the set or its pictures, so that a cached listing knows
-- when it is stale and writers of one set queue behind each other.
CREATE TABLE vision_picture_sets (
    id                TEXT PRIMARY KEY,
    owner_id          TEXT        NOT NULL REFERENCES identity_users (id),
    name              TEXT        NOT NULL,
    kind              TEXT        NOT NULL,
    expected_pictures BIGINT      NOT NULL DEFAULT 0,
    revision          BIGINT      NOT NULL DEFAULT 1,
    created_at        TIMESTAMPTZ NOT NULL,
    expires_at        TIMESTAMPTZ
);
CREATE UNIQUE INDEX vision_picture_sets_name ON vision_picture_sets (owner_id, name);
CREATE UNIQUE INDEX vision_picture_sets_default ON vision_picture_sets (owner_id) WHERE kind = 'default';

CREATE TABLE vision_pictures (
    id          TEXT PRIMARY KEY,
    set_id      TEXT        NOT NULL REFERENCES vision_picture_sets (id) ON DELETE CASCADE,
    blob_key    TEXT        NOT NULL,
    sha256      TEXT        NOT NULL,
    media_type  TEXT        NOT NULL,
    width       BIGINT      NOT NULL,
    height      BIGINT      NOT NULL,
    size_bytes  BIGINT      NOT NULL,
    batch       BOOLEAN     NOT NULL,
    validated   BOOLEAN     NOT NULL,
    seed_count  BIGINT,
    zoom_level  DOUBLE PRECISION,
    file_name   TEXT        NOT NULL DEFAULT '',
    uploaded_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX vision_pictures_set ON vision_pictures (set_id, uploaded_at, id);
-- A batch client posts a file again while it is still in flight: one row.
CREATE UNIQUE INDEX vision_pictures_batch ON vision_pictures (set_id, sha256) WHERE batch;

CREATE TABLE vision_seeds (
    id         TEXT PRIMARY KEY,
    name       TEXT        NOT NULL,
    name_key   TEXT        NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX vision_seeds_key ON vision_seeds (name_key);

CREATE TABLE vision_picture_seeds (
    id         TEXT PRIMARY KEY,
    picture_id TEXT        NOT NULL REFERENCES vision_pictures (id) ON DELETE CASCADE,
    seed_id    TEXT        NOT NULL REFERENCES vision_seeds (id),
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX vision_picture_seeds_picture ON vision_picture_seeds (picture_id);

CREATE TABLE vision_pipelines (
    id         TEXT PRIMARY KEY,
    name       TEXT        NOT NULL,
    is_default BOOLEAN     NOT NULL,
    active     BOOLEAN     NOT NULL,
    revision   BIGINT      NOT NULL,
    -- JSON; endpoints and keys inside are sealed.
    definition TEXT        NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX vision_pipelines_name ON vision_pipelines (name);
CREATE UNIQUE INDEX vision_pipelines_default ON vision_pipelines (is_default) WHERE is_default;

CREATE TABLE vision_inferences (
    id               TEXT PRIMARY KEY,
    picture_id       TEXT        NOT NULL REFERENCES vision_pictures (id) ON DELETE CASCADE,
    user_id          TEXT        NOT NULL REFERENCES identity_users (id),
    pipeline_id      TEXT        REFERENCES vision_pipelines (id),
    pipeline_name    TEXT        NOT NULL,
    models           TEXT        NOT NULL,
    file_name        TEXT        NOT NULL,
    width            DOUBLE PRECISION NOT NULL,
    height           DOUBLE PRECISION NOT NULL,
    verified         BOOLEAN     NOT NULL,
    feedback_user_id TEXT        REFERENCES identity_users (id),
    created_at       TIMESTAMPTZ NOT NULL,
    updated_at       TIMESTAMPTZ NOT NULL
);
CREATE INDEX vision_inferences_picture ON vision_inferences (picture_id, created_at);

CREATE TABLE vision_boxes (
    id                  TEXT PRIMARY KEY,
    inference_id        TEXT             NOT NULL REFERENCES vision_inferences (id) ON DELETE CASCADE,
    position            BIGINT           NOT NULL,
    top_x               DOUBLE PRECISION NOT NULL,
    top_y               DOUBLE PRECISION NOT NULL,
    bottom_x            DOUBLE PRECISION NOT NULL,
    bottom_y            DOUBLE PRECISION NOT NULL,
    colour              TEXT             NOT NULL,
    overlapping         BOOLEAN          NOT NULL,
    overlapping_indices TEXT             NOT NULL,
    label               TEXT             NOT NULL,
    score               DOUBLE PRECISION NOT NULL,
    top_guess_id        TEXT             NOT NULL,
    verified_guess_id   TEXT             NOT NULL,
    rejected            BOOLEAN          NOT NULL,
    manual              BOOLEAN          NOT NULL,
    comment             TEXT             NOT NULL,
    reviewed_at         TIMESTAMPTZ,
    updated_at          TIMESTAMPTZ      NOT NULL
);
CREATE INDEX vision_boxes_inference ON vision_boxes (inference_id, position);
-- What a retraining reads: every verified box, newest review last.
CREATE INDEX vision_boxes_verified ON vision_boxes (reviewed_at) WHERE verified_guess_id <> '';

CREATE TABLE vision_guesses (
    id       TEXT PRIMARY KEY,
    box_id   TEXT             NOT NULL REFERENCES vision_boxes (id) ON DELETE CASCADE,
    seed_id  TEXT             NOT NULL REFERENCES vision_seeds (id),
    label    TEXT             NOT NULL,
    score    DOUBLE PRECISION NOT NULL,
    position BIGINT           NOT NULL
);
CREATE INDEX vision_guesses_box ON vision_guesses (box_id, position);

-- Every judgement on a box, kept so that it can be traced and undone.
CREATE TABLE vision_feedback (
    id           TEXT PRIMARY KEY,
    inference_id TEXT        NOT NULL REFERENCES vision_inferences (id) ON DELETE CASCADE,
    box_id       TEXT        NOT NULL REFERENCES vision_boxes (id) ON DELETE CASCADE,
    user_id      TEXT        NOT NULL REFERENCES identity_users (id),
    action       TEXT        NOT NULL,
    before_state TEXT        NOT NULL,
    undone       BOOLEAN     NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL
);
CREATE INDEX vision_feedback_inference ON vision_feedback (inference_id, created_at);
CREATE INDEX vision_feedback_box ON vision_feedback (box_id);

-- Features of verified boxes, computed once per feature version.
CREATE TABLE vision_examples (
    box_id          TEXT   PRIMARY KEY REFERENCES vision_boxes (id) ON DELETE CASCADE,
    feature_version BIGINT NOT NULL,
    box_digest      TEXT   NOT NULL,
    features        TEXT   NOT NULL
);

CREATE TABLE vision_model_versions (
    id            TEXT PRIMARY KEY,
    model         TEXT             NOT NULL,
    version       BIGINT           NOT NULL,
    state         TEXT             NOT NULL,
    examples      BIGINT           NOT NULL,
    accuracy      DOUBLE PRECISION NOT NULL,
    report        TEXT             NOT NULL,
    blob_key      TEXT             NOT NULL,
    examples_key  TEXT             NOT NULL,
    note          TEXT             NOT NULL,
    last_review   TIMESTAMPTZ,
    created_at    TIMESTAMPTZ      NOT NULL,
    activated_at  TIMESTAMPTZ
);
CREATE UNIQUE INDEX vision_model_versions_number ON vision_model_versions (model, version);
CREATE UNIQUE INDEX vision_model_versions_active ON vision_model_versions (model) WHERE state = 'active';

-- Digests that /image-validation has approved, until they expire.
CREATE TABLE vision_validations (
    sha256     TEXT PRIMARY KEY,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX vision_validations_expiry ON vision_validations (expires_at);

-- What is known about a seed, as the front end shows it.
CREATE TABLE vision_seed_facts (
    name_key   TEXT PRIMARY KEY,
    name       TEXT        NOT NULL,
    facts      TEXT        NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
