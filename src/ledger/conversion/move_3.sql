-- Moves the rows of version 3 of the schema to the tables in `schema.sql`. This SQLite has no functions for JSON.

INSERT INTO names SELECT id, 0, name FROM models;
INSERT OR IGNORE INTO names SELECT id, 1, '["' || replace(replace(
    branch || char(31) || agent || char(31) || skill || char(31) || plugin || char(31) || mcp_server,
    '\', '\\'), '"', '\"') || '"]' FROM contexts;
UPDATE names SET name = replace(name, char(31), '","') WHERE kind = 1;

INSERT INTO sessions SELECT id, name, directory, directory_at, lineage, is_dirty,
    '{"off_transcript":[' || ifnull((
        SELECT group_concat('{"at":' || at || ',"model":' || model || ',"cost":' || cost || ',"kind":"'
            || CASE kind WHEN 0 THEN 'unrecorded' WHEN 1 THEN 'pending' ELSE 'estimated' END || '"}')
        FROM off_transcript WHERE session = old_sessions.id AND kind <> 2), '')
    || '],"open_totals":{' || ifnull((
        SELECT group_concat('"' || process || '":' || total) FROM runs WHERE session = old_sessions.id), '')
    || '},"model":' || ifnull((SELECT model FROM off_transcript WHERE session = old_sessions.id AND kind = 2), 0)
    || ',"covered":' || covered || ',"unrecorded":' || unrecorded || ',"last_event":' || last_event
    || ',"bounds":' || bounds || '}'
FROM old_sessions;

ALTER TABLE old_files DROP COLUMN last_line;
INSERT INTO files SELECT old_files.*, iif(id IN (SELECT file FROM misread), 0,
    (SELECT value FROM meta WHERE name = 'facts')), NULL FROM old_files;

INSERT INTO facts SELECT file, compactions.key IS NOT NULL, offset, copies.key, at, is_out_of_order << 4, source, CAST(tokens AS TEXT)
    FROM copies LEFT JOIN compactions ON compactions.key = copies.key WHERE true ON CONFLICT DO NOTHING;
INSERT INTO facts SELECT file, 2, offset, started, before, 0, NULL, '{"cost":' || cost
    || ',"run_ms":' || run_ms || ',"api_ms":' || api_ms || ',"has_unknown_model":'
    || iif(has_unknown_model, 'true', 'false') || ',"models":' || models || '}'
    FROM checkpoints;
INSERT INTO facts SELECT file, 3, offset, snapshot, at, 0, NULL, NULL FROM markers;
INSERT INTO facts SELECT file, 4, offset, NULL, at, 0, NULL, '{"number":' || number || ',"url":"'
    || replace(replace(url, '\', '\\'), '"', '\"') || '"}'
    FROM pull_requests;
INSERT INTO facts SELECT file, 5, since, until, since, 0, NULL, NULL FROM damage;

DROP TABLE old_sessions;
DROP TABLE old_files;
DROP TABLE old_sums;
DROP TABLE misread;
DROP TABLE models;
DROP TABLE contexts;
DROP TABLE copies;
DROP TABLE compactions;
DROP TABLE checkpoints;
DROP TABLE markers;
DROP TABLE pull_requests;
DROP TABLE damage;
DROP TABLE totals;
DROP TABLE off_transcript;
DROP TABLE runs;
DELETE FROM meta WHERE name = 'facts';
