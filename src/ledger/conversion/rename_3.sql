-- Prepares a ledger with version 3 of the schema for the tables in `schema.sql`. The tables `responses`, `events`, and
-- `limit_facts` stay as they are.
DROP INDEX sessions_by_lineage;
DROP INDEX dirty_sessions;
DROP INDEX files_by_session;
DROP INDEX switched_responses;
ALTER TABLE sessions RENAME TO old_sessions;
ALTER TABLE files RENAME TO old_files;
ALTER TABLE sums RENAME TO old_sums;
CREATE TABLE IF NOT EXISTS misread (file INTEGER PRIMARY KEY);
