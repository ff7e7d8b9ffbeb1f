-- How far this catalog knows the audit log, which is the truth of pins and tags: what was added since, as through another
-- catalog of the same store, is taken over before anything is decided. NULL: nobody knows, and all of it is read once.
ALTER TABLE store ADD COLUMN log_inode INTEGER;
ALTER TABLE store ADD COLUMN log_length INTEGER NOT NULL DEFAULT 0;
ALTER TABLE store ADD COLUMN log_mtime_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE store ADD COLUMN log_tail BLOB NOT NULL DEFAULT x'';
