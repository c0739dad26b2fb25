-- What a machine reads back is stored as the text that was written: jsonb sorts the keys of an object, and XState decides by
-- their order. A new column is written once every living process reads it (storage_format); `snapshot` holds older rows.
-- It comes last in the row: the log of an update leaves out what two versions of a row have in common at their ends.

alter table instances
  add column snapshot_json json,
  alter column snapshot drop not null,
  -- Not valid: rows from before have a snapshot. It keeps a process that writes one column from leaving another's value in
  -- the other.
  add constraint instances_one_snapshot check ((snapshot is null) <> (snapshot_json is null)) not valid;
comment on column instances.snapshot is 'of rows that were written last in storage format 1; null in format 2';
comment on column instances.snapshot_json is 'as it was written; null in storage format 1';
