-- A cache entry in the trash can be waiting to be restored, as a run can: until when, Unix seconds. NULL, as in every row
-- until now: it is on its way out.

ALTER TABLE entry_removals ADD COLUMN keep_until INTEGER;
