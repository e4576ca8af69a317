-- +goose Up
-- Every change of a job's state writes to each index of its river_job, and
-- nothing here searches by arguments, metadata or River's copy of the kind.
-- River's reindexer skips what is absent.
DROP INDEX IF EXISTS river_job_args_index;
DROP INDEX IF EXISTS river_job_metadata_index;
DROP INDEX IF EXISTS river_job_kind;
-- Room for the two changes of a short job's companion on its own page, which
-- then touch no index.
ALTER TABLE jobs_river SET (fillfactor = 50);
