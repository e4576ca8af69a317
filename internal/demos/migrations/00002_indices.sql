-- +goose Up

-- Lists of tasks page by (created_at, id).
DROP INDEX demos_tasks_app;
CREATE INDEX demos_tasks_app ON demos_tasks (app, created_at, id);
DROP INDEX demos_tasks_experiment;
CREATE INDEX demos_tasks_experiment ON demos_tasks (experiment_id, created_at, id);
CREATE INDEX demos_tasks_created ON demos_tasks (created_at, id);
CREATE INDEX demos_tasks_state ON demos_tasks (state, created_at, id);

-- An app's results are looked through page by page.
DROP INDEX demos_files_app;
CREATE INDEX demos_files_app ON demos_files (app, path);
