-- Forgets rows that were loaded, with other machines' copies of them and what they worked out of the
-- same sessions. All sums are made anew from what is left.
CREATE OR REPLACE TABLE whycap.erased ENGINE = MergeTree ORDER BY key
AS SELECT key, session FROM whycap.rows WHERE NAMED;

ALTER TABLE whycap.rows DELETE
WHERE OLD OR NAMED OR key IN (SELECT key FROM whycap.erased)
   OR (kind != 'response' AND session != '' AND session IN (SELECT session FROM whycap.erased))
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1;

DROP TABLE whycap.erased SYNC;
TRUNCATE TABLE whycap.summed;
TRUNCATE TABLE whycap.days;

