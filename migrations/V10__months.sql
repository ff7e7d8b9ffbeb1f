-- usage: what the runs of each month take, added up, so that its timeline costs the same however many runs there are. The
-- program keeps these sums in the transaction that writes the rows, for runs in their place.
--
-- IF NOT EXISTS, because a first load fills the table before it makes the indexes of V2: see catalog::open.
CREATE TABLE IF NOT EXISTS run_months (
    project_id  INTEGER NOT NULL,
    month       INTEGER NOT NULL,  -- of the timestamp in UTC: year * 12 + month - 1; -1: outside the calendar
    runs        INTEGER NOT NULL,
    size_bytes  INTEGER NOT NULL,
    disk_bytes  INTEGER NOT NULL,
    PRIMARY KEY (project_id, month)
) STRICT, WITHOUT ROWID;
