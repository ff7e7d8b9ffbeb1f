-- Runs that stay and of which parts were dropped. What the row of such a run says rests on evidence that may be gone.

ALTER TABLE runs ADD COLUMN thinned INTEGER NOT NULL DEFAULT 0;  -- see model::Dropped; temporary files do not count

-- What an operation was committed to drop. Parts in the trash without their row here are put back.
CREATE TABLE thinnings (
    operation_id  TEXT    NOT NULL,
    run_id        INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    parts         INTEGER NOT NULL,
    size_bytes    INTEGER NOT NULL,
    disk_bytes    INTEGER NOT NULL,
    reasons       TEXT    NOT NULL,
    keep_until    INTEGER,
    PRIMARY KEY (operation_id, run_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX thinnings_of_run ON thinnings (run_id);

-- refresh: whose evidence is not in the tree any more.
CREATE INDEX runs_thinned ON runs (project_id) WHERE thinned <> 0;
-- A thinned run lacks parts because they were dropped, and is not incomplete.
DROP INDEX runs_incomplete;
CREATE INDEX runs_incomplete ON runs (project_id, whole, status, thinned) WHERE state = 0 AND (status = 3 OR missing <> 0);
