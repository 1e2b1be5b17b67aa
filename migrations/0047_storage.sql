-- How rows lie on the disk.

-- The same index as runs_by_end.
DROP INDEX IF EXISTS runs_ended;
-- A run is written some twenty times while it is on its way. With room on its page a version that changes no indexed column
-- writes no index either.
ALTER TABLE runs SET (fillfactor = 70);
