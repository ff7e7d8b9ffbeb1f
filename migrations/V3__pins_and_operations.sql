-- What people and operations tell of runs: pins with their notes, tags and runs that are gone found without a scan,
-- operations that did not end.

CREATE TABLE pins (
    run_id     INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    note       TEXT,
    pinned_at  INTEGER NOT NULL,
    who        TEXT    NOT NULL
) STRICT;

-- What recovery writes into the audit log when an operation died.
ALTER TABLE operations ADD COLUMN who TEXT NOT NULL DEFAULT '';
ALTER TABLE operations ADD COLUMN policy TEXT NOT NULL DEFAULT '';
ALTER TABLE operations ADD COLUMN plan_id TEXT;
-- recovery: the few that did not end.
CREATE INDEX operations_open ON operations (id) WHERE finished_at IS NULL;

-- list --tag
CREATE INDEX tags_by_tag ON tags (tag, run_id);
-- list --pinned
CREATE INDEX runs_pinned ON runs (timestamp DESC, number DESC, project_id) WHERE state = 0 AND pinned = 1;
-- selectors and history: runs that are gone, newest first.
CREATE INDEX runs_gone ON runs (timestamp DESC, number DESC, project_id) WHERE state <> 0;
-- history_days: rows of runs that left long ago.
CREATE INDEX runs_left ON runs (left_at) WHERE state >= 2;
