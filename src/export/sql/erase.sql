-- Deletes loaded rows, other machines' copies of the same responses, and rows that other machines derived from the same
-- sessions. The script that follows sums up everything again. If one of the deleted rows does not count, it is a copy
-- of another person's row, so no other rows are deleted because of it.
CREATE OR REPLACE TABLE whycap.erased ENGINE = MergeTree ORDER BY key
AS WITH
    counting AS
    (
        SELECT key, session, kind, (NAMED) AS is_named FROM whycap.spend
        UNION ALL SELECT key, session, kind, (NAMED) AS is_named FROM whycap.others
    ),
    shared AS (SELECT session FROM counting WHERE kind = 'response' AND NOT is_named)
SELECT key, if(session IN (SELECT session FROM shared), '', session) AS session FROM counting WHERE is_named;

ALTER TABLE whycap.rows DELETE
WHERE OLD OR NAMED OR key IN (SELECT key FROM whycap.erased)
   OR (kind != 'response' AND session != '' AND session IN (SELECT session FROM whycap.erased))
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1;

DROP TABLE whycap.erased SYNC;
TRUNCATE TABLE whycap.summed;
TRUNCATE TABLE whycap.days;

