-- clean: what links name in a cache although nothing is there, without going through all entries of the project. Empty in
-- most stores; in one that was moved, everything.
CREATE INDEX entries_missing ON cache_entries (project_id) WHERE present = 0 AND ref_count > 0;
