-- refresh: the names and inodes of a project's runs are compared with a listing without touching their rows.
DROP INDEX runs_of_project;
-- Also, as before: list and selectors of one project; its oldest run; the n-th newest for keep-last.
CREATE INDEX runs_of_project ON runs (project_id, timestamp DESC, number DESC, plain, inode) WHERE state = 0;
