-- Renames the table of facts, which was called `lines` until version 7 of the schema.
DROP INDEX lines_by_key;
ALTER TABLE lines RENAME TO facts;
ALTER TABLE facts RENAME COLUMN file TO place;
ALTER TABLE facts RENAME COLUMN offset TO position;
