-- How runs and tasks came out and how long they took, added up by day, so that answers about years cost the same as
-- answers about a week. The program keeps these sums in the transaction that writes the rows, whatever state a run is in:
-- a run that is removed still happened. Rows of runs may be folded away; their sums stay.
--
-- IF NOT EXISTS, because a first load fills the table before it makes the indexes of V2: see catalog::open.
CREATE TABLE IF NOT EXISTS history (
    span        INTEGER NOT NULL,  -- 32 days each, counted from 1970 in UTC; -1: all of them together
    name_id     INTEGER NOT NULL,  -- the task; 0: the runs themselves
    project_id  INTEGER NOT NULL,
    days        BLOB    NOT NULL,  -- packed: see catalog::history::cells
    PRIMARY KEY (span, name_id, project_id)
) STRICT, WITHOUT ROWID;

-- history of one project: the runs that are not in their place, beside runs_of_project; empty at a first load.
CREATE INDEX IF NOT EXISTS runs_gone_of_project ON runs (project_id, timestamp DESC, number DESC) WHERE state <> 0;
