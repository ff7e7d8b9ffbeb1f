-- Apart from the tables, so that the first load writes each of them once, sorted, when all rows are there.

-- list: newest first, over all projects.
CREATE INDEX runs_newest ON runs (timestamp DESC, number DESC, project_id) WHERE state = 0;
-- list and selectors of one project; its oldest run; the n-th newest for keep-last.
CREATE INDEX runs_of_project ON runs (project_id, timestamp DESC, number DESC) WHERE state = 0;
-- clean: the runs of a class below an instant, with their sizes, without touching the rows.
CREATE INDEX runs_by_age ON runs (project_id, by_age, class, timestamp, number, size_bytes, disk_bytes);
-- clean: the few that an age alone cannot judge.
CREATE INDEX runs_exceptional ON runs (project_id) WHERE state = 0 AND (settled = 0 OR whole = 0 OR pinned = 1 OR plain = 0);
-- clean: how many lack parts.
CREATE INDEX runs_incomplete ON runs (project_id) WHERE state = 0 AND missing <> 0;
-- usage: the largest.
CREATE INDEX runs_largest ON runs (disk_bytes DESC, timestamp DESC, number DESC, project_id) WHERE state = 0;
-- refresh: the few that are looked at each time.
CREATE INDEX runs_unsettled ON runs (project_id) WHERE state = 0 AND settled = 0;
-- recovery and restoring.
CREATE INDEX runs_of_operation ON runs (operation_id) WHERE operation_id IS NOT NULL;
-- list --task, history of a task.
CREATE INDEX tasks_by_name ON tasks (name_id, run_id);
-- who names an entry.
CREATE INDEX refs_by_entry ON refs (entry_id, run_id);
-- usage and clean: what nobody names.
CREATE INDEX entries_orphaned ON cache_entries (project_id, mtime_ns, size_bytes, disk_bytes)
    WHERE present = 1 AND ref_count = 0;
CREATE UNIQUE INDEX contexts_each_once
    ON contexts (coalesce(cwd, char(0)), coalesce(ottofile, char(0)), coalesce(user, char(0)), args);
