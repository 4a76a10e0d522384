-- What an older ledger knows, into today's tables. It was renamed to old_*, and ids were numbers in
-- the order of reading; id_of() is what stands for a name today. A ledger of version 7 is brought to
-- the shape of version 8 first.
CREATE TEMP TABLE session_id AS SELECT id AS old, id_of(name) AS new FROM old_session;
CREATE TEMP TABLE model_id AS SELECT id AS old, id_of(name) AS new FROM old_model;
CREATE TEMP TABLE file_id AS SELECT id AS old, id_of(path) AS new FROM old_file;
CREATE INDEX temp.by_session ON session_id(old);
CREATE INDEX temp.by_file ON file_id(old);
INSERT OR IGNORE INTO meta SELECT * FROM old_meta;
INSERT OR IGNORE INTO scene SELECT * FROM old_scene;
INSERT INTO model SELECT id_of(name), name FROM old_model;
INSERT INTO session SELECT own.new, name, family.new, project, project_rank, recorded, unpriced, unrecorded, in_runs, beyond, until, parent.new, untold
  FROM old_session JOIN session_id AS own ON own.old = id LEFT JOIN session_id AS family ON family.old = family LEFT JOIN session_id AS parent ON parent.old = parent;
INSERT INTO file SELECT id_of(path), path, new, bytes_read, mark, size, modified, last_at, newest_at, last_response, unreadable FROM old_file JOIN session_id ON old = session;
INSERT INTO response SELECT key, at, session_id.new, model_id.new, flags, input, output, cache_read, cache_write, cache_write_1h, web_searches, calls, cost, file_id.new, position, names.new, scene, advice
  FROM old_response JOIN session_id ON session_id.old = session JOIN model_id ON model_id.old = model LEFT JOIN file_id ON file_id.old = file LEFT JOIN session_id AS names ON names.old = names;
INSERT INTO place SELECT file_id.new, key, position, late, session_id.new FROM old_copy JOIN file_id ON file_id.old = file LEFT JOIN session_id ON session_id.old = names;
INSERT INTO place SELECT file_id.new, key, position, late, session_id.new FROM old_compaction JOIN file_id ON file_id.old = file LEFT JOIN session_id ON session_id.old = names;
INSERT OR IGNORE INTO compaction SELECT key, at, tokens FROM old_compaction;
INSERT INTO mark SELECT key, new, position, at FROM old_snapshot JOIN file_id ON old = file;
INSERT INTO mark SELECT 0, new, queue, queue_at FROM old_file JOIN file_id ON old = id WHERE queue IS NOT NULL;
INSERT INTO cost_state SELECT file_id.new, position, session_id.new, started, total, run_ms, api_ms, unknown, before, after, by_id(models)
  FROM old_cost_state JOIN file_id ON file_id.old = file JOIN session_id ON session_id.old = session;
INSERT INTO quarter SELECT quarter, session_id.new, model_id.new, responses, unpriced, input, output, cache_read, cache_write, cache_write_1h, web_searches, cost
  FROM old_quarter JOIN session_id ON session_id.old = session JOIN model_id ON model_id.old = model;
INSERT INTO unrecorded SELECT quarter, session_id.new, model_id.new, cost FROM old_unrecorded JOIN session_id ON session_id.old = session JOIN model_id ON model_id.old = model;
INSERT INTO unwritten SELECT session_id.new, quarter, coalesce(model_id.new, 0), cost FROM old_unwritten JOIN session_id ON session_id.old = session LEFT JOIN model_id ON model_id.old = model;
INSERT INTO process SELECT session_id.new, process, total, grown, unwritten, rate, at, began, began_late, run_ms, model_id.new, 0
  FROM old_told JOIN session_id ON session_id.old = session LEFT JOIN model_id ON model_id.old = model;
DROP TABLE temp.session_id;
DROP TABLE temp.model_id;
DROP TABLE temp.file_id;
