-- The catalog of a store: what the tree showed at the last look, with sums and reference counts that the program
-- maintains in the same transaction. Everything here can be rebuilt from the tree, the runner's database and the audit
-- log. Names are BLOBs because the disk has no encoding; times are Unix seconds, times of files nanoseconds, sizes bytes.
-- Indexes that loading would only slow down are in V2, which is applied after the first load.

CREATE TABLE store (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    store_id         TEXT    NOT NULL,             -- random; plan files name it
    inode            INTEGER NOT NULL DEFAULT 0,   -- stamp of the root
    mtime_ns         INTEGER NOT NULL DEFAULT 0,
    ctime_ns         INTEGER NOT NULL DEFAULT 0,
    trusted          INTEGER NOT NULL DEFAULT 0,   -- whether that stamp was old enough when it was taken
    own_disk         INTEGER NOT NULL DEFAULT 0,   -- blocks of the root directory itself
    runner_stamp     TEXT,                         -- what the runner's database looked like when last read
    runner_last_run  INTEGER NOT NULL DEFAULT 0,   -- the highest row of it that was read, and that row's timestamp
    runner_last_time INTEGER NOT NULL DEFAULT 0,
    runner_pending   TEXT    NOT NULL DEFAULT '[]', -- young rows that matched no directory yet, JSON
    refreshed_at     INTEGER NOT NULL DEFAULT 0    -- the clock at the last change of this catalog
) STRICT;

CREATE TABLE projects (
    id               INTEGER PRIMARY KEY,
    dir              BLOB    NOT NULL UNIQUE,
    name             TEXT    NOT NULL,             -- for people
    hash             TEXT    NOT NULL,
    present          INTEGER NOT NULL CHECK (present IN (0, 1)),
    whole            INTEGER NOT NULL DEFAULT 1 CHECK (whole IN (0, 1)),
    inode            INTEGER NOT NULL DEFAULT 0,
    mtime_ns         INTEGER NOT NULL DEFAULT 0,
    ctime_ns         INTEGER NOT NULL DEFAULT 0,
    trusted          INTEGER NOT NULL DEFAULT 0,
    own_disk         INTEGER NOT NULL DEFAULT 0,
    cache_whole      INTEGER NOT NULL DEFAULT 1 CHECK (cache_whole IN (0, 1)),
    runs             INTEGER NOT NULL DEFAULT 0,   -- sums over the runs and entries that are there
    run_size         INTEGER NOT NULL DEFAULT 0,
    run_disk         INTEGER NOT NULL DEFAULT 0,
    cache_entries    INTEGER NOT NULL DEFAULT 0,
    cache_size       INTEGER NOT NULL DEFAULT 0,
    cache_disk       INTEGER NOT NULL DEFAULT 0,
    cache_rest_size  INTEGER NOT NULL DEFAULT 0,   -- the cache's directories and whatever in it is no entry
    cache_rest_disk  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Stamps of .cache (empty path) and its direct subdirectories.
CREATE TABLE cache_dirs (
    project_id  INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    path        BLOB    NOT NULL,
    inode       INTEGER NOT NULL,
    mtime_ns    INTEGER NOT NULL,
    ctime_ns    INTEGER NOT NULL,
    trusted     INTEGER NOT NULL,
    PRIMARY KEY (project_id, path)
) STRICT, WITHOUT ROWID;

-- Names that are neither project, run nor cache, so that usage can weigh them without listing everything again. Project 0
-- is the store itself.
CREATE TABLE others (
    project_id  INTEGER NOT NULL,
    name        BLOB    NOT NULL,
    PRIMARY KEY (project_id, name)
) STRICT, WITHOUT ROWID;

-- How runs were started; thousands of runs share one.
CREATE TABLE contexts (
    id        INTEGER PRIMARY KEY,
    ottofile  TEXT,
    cwd       TEXT,
    user      TEXT,
    args      TEXT NOT NULL                        -- JSON array
) STRICT;

-- Task names, each once.
CREATE TABLE names (
    id    INTEGER PRIMARY KEY,
    name  BLOB NOT NULL UNIQUE
) STRICT;

-- state: 0 present, 1 trashed, 2 removed, 3 vanished. class: see model::Class. Rows outlive their directories.
CREATE TABLE runs (
    id                 INTEGER PRIMARY KEY,
    project_id         INTEGER NOT NULL REFERENCES projects (id) ON DELETE RESTRICT,
    dir                TEXT    NOT NULL,
    timestamp          INTEGER NOT NULL,
    number             INTEGER NOT NULL,
    state              INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
    status             INTEGER NOT NULL CHECK (status BETWEEN 0 AND 4),
    status_source      INTEGER NOT NULL CHECK (status_source BETWEEN 0 AND 6),
    class              INTEGER NOT NULL CHECK (class BETWEEN 0 AND 4),
    settled            INTEGER NOT NULL CHECK (settled IN (0, 1)),
    whole              INTEGER NOT NULL CHECK (whole IN (0, 1)),
    end_known          INTEGER NOT NULL CHECK (end_known IN (0, 1)),
    pinned             INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1)),
    plain              INTEGER NOT NULL CHECK (plain IN (0, 1)),  -- dir is what timestamp and number spell
    duration_ms        INTEGER,
    duration_source    INTEGER,
    tasks_total        INTEGER NOT NULL,
    tasks_failed       INTEGER NOT NULL,
    missing            INTEGER NOT NULL,
    size_bytes         INTEGER NOT NULL,
    disk_bytes         INTEGER NOT NULL,
    inode              INTEGER NOT NULL,
    newest_write_ns    INTEGER,
    manifest           BLOB    NOT NULL,
    context_id         INTEGER REFERENCES contexts (id) ON DELETE RESTRICT,
    runner_row         INTEGER,                    -- what the runner's database said, kept when its row goes
    runner_status      INTEGER,
    runner_ended_at    INTEGER,
    runner_duration_ms INTEGER,
    operation_id       TEXT,                       -- what removed it, when and why
    left_at            INTEGER,
    reasons            TEXT,
    keep_until         INTEGER,
    -- Whether an age alone can judge it. A plain column that the program keeps: SQLite answers nothing from an index over a
    -- generated one without looking at the row.
    by_age             INTEGER NOT NULL
        CHECK (by_age = (state = 0 AND settled = 1 AND whole = 1 AND pinned = 0 AND plain = 1)),
    UNIQUE (project_id, dir)
) STRICT;

CREATE TABLE tasks (
    run_id           INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    name_id          INTEGER NOT NULL REFERENCES names (id) ON DELETE RESTRICT,
    status           INTEGER NOT NULL,
    status_source    INTEGER NOT NULL,
    exit_code        INTEGER,
    started_at       INTEGER,
    ended_at         INTEGER,
    duration_ms      INTEGER,
    duration_source  INTEGER,
    size_bytes       INTEGER NOT NULL,
    disk_bytes       INTEGER NOT NULL,
    stdout_bytes     INTEGER,
    stderr_bytes     INTEGER,
    script           BLOB,
    entry_id         INTEGER,
    in_tree          INTEGER NOT NULL,             -- whether it has a directory
    dir              BLOB,                         -- where, when not tasks/<name>
    runner_status    INTEGER,                      -- what the runner's database said
    PRIMARY KEY (run_id, name_id)
) STRICT, WITHOUT ROWID;

-- Files in caches, and names of such files that links use although nothing is there.
CREATE TABLE cache_entries (
    id          INTEGER PRIMARY KEY,
    project_id  INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    path        BLOB    NOT NULL,
    present     INTEGER NOT NULL CHECK (present IN (0, 1)),
    size_bytes  INTEGER NOT NULL DEFAULT 0,
    disk_bytes  INTEGER NOT NULL DEFAULT 0,
    inode       INTEGER NOT NULL DEFAULT 0,
    mtime_ns    INTEGER NOT NULL DEFAULT 0,
    links       INTEGER NOT NULL DEFAULT 0,
    ref_count   INTEGER NOT NULL DEFAULT 0 CHECK (ref_count >= 0),  -- runs in place that name it
    foreign_refs INTEGER NOT NULL DEFAULT 0,       -- those of them that lie in another project
    newest_0    INTEGER,                           -- the newest of them, by class: what a clean compares with its
    newest_1    INTEGER,                           -- cut-offs instead of looking at every reference
    newest_2    INTEGER,
    newest_3    INTEGER,
    newest_4    INTEGER,
    UNIQUE (project_id, path)
) STRICT;

CREATE TABLE refs (
    run_id    INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    entry_id  INTEGER NOT NULL REFERENCES cache_entries (id) ON DELETE CASCADE,
    PRIMARY KEY (run_id, entry_id)
) STRICT, WITHOUT ROWID;

-- Files with more than one link: they count in each run that has them, and once in totals.
CREATE TABLE shared_files (
    inode       INTEGER NOT NULL,
    run_id      INTEGER NOT NULL,                  -- 0 for a cache entry
    entry_id    INTEGER NOT NULL,                  -- 0 for a run
    size_bytes  INTEGER NOT NULL,
    disk_bytes  INTEGER NOT NULL,
    links       INTEGER NOT NULL,                  -- names that the file system counts
    names       INTEGER NOT NULL,                  -- those of them in this run
    PRIMARY KEY (inode, run_id, entry_id)
) STRICT, WITHOUT ROWID;

-- Cache entries that an operation was committed to remove. An entry in the trash without its row here is put back.
CREATE TABLE entry_removals (
    operation_id  TEXT    NOT NULL,
    project_id    INTEGER NOT NULL,
    path          BLOB    NOT NULL,
    PRIMARY KEY (operation_id, project_id, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE tags (
    run_id  INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    tag     TEXT    NOT NULL,
    PRIMARY KEY (run_id, tag)
) STRICT, WITHOUT ROWID;

-- What was done, beside the audit log, for answers about operations.
CREATE TABLE operations (
    id            TEXT    PRIMARY KEY,
    kind          TEXT    NOT NULL,
    command       TEXT    NOT NULL,
    started_at    INTEGER NOT NULL,
    finished_at   INTEGER,
    runs          INTEGER NOT NULL DEFAULT 0,
    cache_entries INTEGER NOT NULL DEFAULT 0,
    freed_size    INTEGER NOT NULL DEFAULT 0,
    freed_disk    INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
