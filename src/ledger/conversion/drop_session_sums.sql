-- Removes the sums that the table of sessions had until version 6 of the schema.
ALTER TABLE sessions DROP COLUMN recorded;
ALTER TABLE sessions DROP COLUMN responses;
ALTER TABLE sessions DROP COLUMN unpriced;
