
-- The hashes of everything that was erased from a directory, from its file erased.json. Matching rows are deleted even if
-- they are loaded later.
CREATE TABLE IF NOT EXISTS whycap.erased_hashes (hash String) ENGINE = ReplacingMergeTree ORDER BY hash;

INSERT INTO whycap.erased_hashes VALUES;

CREATE OR REPLACE VIEW whycap.erased_rows AS
SELECT key, machine, loaded
FROM whycap.rows
WHERE concat('key ', key) IN (SELECT hash FROM whycap.erased_hashes)
   OR concat('person ', left(lower(hex(SHA256(person))), 16)) IN (SELECT hash FROM whycap.erased_hashes)
   OR concat('project ', left(lower(hex(SHA256(project))), 16)) IN (SELECT hash FROM whycap.erased_hashes)
   OR (kind != 'response' AND
       concat('session ', left(lower(hex(SHA256(session))), 16)) IN (SELECT hash FROM whycap.erased_hashes))
   OR concat('before ', toString(toDate(time))) <
       (SELECT max(hash) FROM whycap.erased_hashes WHERE hash LIKE 'before %');

-- If any of these rows are included in the sums, all months are summed up again.
ALTER TABLE whycap.summed DELETE
WHERE (SELECT count() FROM whycap.erased_rows WHERE loaded IN (SELECT loaded FROM whycap.summed)) > 0
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1;

ALTER TABLE whycap.rows DELETE
WHERE (key, machine) IN (SELECT key, machine FROM whycap.erased_rows)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1;
