-- A run that was interrupted is as incomplete as one that lacks parts: clean counts both, with what tells the certain ones.
DROP INDEX runs_incomplete;
CREATE INDEX runs_incomplete ON runs (project_id, whole, status) WHERE state = 0 AND (status = 3 OR missing <> 0);
