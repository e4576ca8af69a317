-- +goose Up

-- One accepted start request. state is open until the task ended; the job
-- engine knows whether an open task waits or runs.
CREATE TABLE demos_tasks (
    id            TEXT PRIMARY KEY,
    app           TEXT        NOT NULL,
    endpoint      TEXT        NOT NULL,
    experiment_id TEXT        NOT NULL,
    notify_url    TEXT        NOT NULL DEFAULT '',
    base_url      TEXT        NOT NULL,
    dataset_uid   TEXT        NOT NULL DEFAULT '',
    parameters    TEXT        NOT NULL,
    crops_key     TEXT        NOT NULL DEFAULT '',
    upload_key    TEXT        NOT NULL DEFAULT '',
    job_id        TEXT        NOT NULL,
    state         TEXT        NOT NULL,
    begun         BOOLEAN     NOT NULL DEFAULT FALSE,
    output        TEXT        NOT NULL DEFAULT '',
    output_key    TEXT        NOT NULL DEFAULT '',
    error         TEXT        NOT NULL DEFAULT '',
    created_at    TIMESTAMPTZ NOT NULL,
    ended_at      TIMESTAMPTZ
);
CREATE INDEX demos_tasks_app ON demos_tasks (app, created_at);
CREATE INDEX demos_tasks_experiment ON demos_tasks (experiment_id, created_at);
CREATE INDEX demos_tasks_dataset ON demos_tasks (dataset_uid, created_at);
CREATE INDEX demos_tasks_ended ON demos_tasks (app, ended_at);

-- The documents of a task, its own copy: two requests may give the same
-- source different uids.
CREATE TABLE demos_documents (
    task_id  TEXT   NOT NULL REFERENCES demos_tasks (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    type     TEXT   NOT NULL,
    uid      TEXT   NOT NULL,
    src      TEXT   NOT NULL,
    PRIMARY KEY (task_id, position)
);
CREATE INDEX demos_documents_uid ON demos_documents (uid, type);

-- Published results: a path below the data folder and the blob that holds it.
CREATE TABLE demos_files (
    path       TEXT PRIMARY KEY,
    task_id    TEXT        NOT NULL,
    app        TEXT        NOT NULL,
    blob_key   TEXT        NOT NULL,
    sha256     TEXT        NOT NULL,
    size_bytes BIGINT      NOT NULL,
    media_type TEXT        NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX demos_files_task ON demos_files (task_id);
CREATE INDEX demos_files_app ON demos_files (app, created_at);
