-- Prepares a ledger with any earlier version of the schema for the tables in `schema.sql`.
DROP INDEX events_by_session;
DROP INDEX events_by_process;
DROP INDEX limit_states;
ALTER TABLE events RENAME TO old_events;
ALTER TABLE limit_facts RENAME TO old_limit_facts;
