-- Tables and views for what `whycap export` writes, for those who have PostgreSQL already (14 or
-- newer). May be run again at any time.
--
--   whycap export --print postgres | psql
--   gunzip -c DIR/whycap-1/spend/*/*.ndjson.gz | psql -c "\copy whycap.arrived_spend FROM STDIN WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')"
--
-- likewise arrived_limits and arrived_windows. Rows may be loaded in any order and any number of
-- times; of a load that fails, nothing stays.

CREATE SCHEMA IF NOT EXISTS whycap;

CREATE TABLE IF NOT EXISTS whycap.spend_rows
(
    key char(16) PRIMARY KEY,
    version bigint NOT NULL,
    time timestamp NOT NULL,
    person text, machine text, project text, branch text, session text, model text, kind text,
    subagent boolean, fast boolean, us boolean,
    input bigint, output bigint, cache_read bigint, cache_write_5m bigint, cache_write_1h bigint,
    web_searches bigint, cost_pico bigint, unpriced boolean
);

CREATE TABLE IF NOT EXISTS whycap.limit_rows
(
    key char(16) PRIMARY KEY,
    version bigint NOT NULL,
    time timestamp NOT NULL,
    person text, machine text, session text, kind text, verdict text, service text,
    who_can_fix text, waiting_helps boolean, resets_at timestamp, blocked_s bigint, ended text
);

CREATE TABLE IF NOT EXISTS whycap.window_rows
(
    key char(16) PRIMARY KEY,
    version bigint NOT NULL,
    time timestamp NOT NULL,
    person text, machine text, account text, "window" text, percent double precision
);

-- Lines on their way: they stay for no longer than the command that brings them.
CREATE UNLOGGED TABLE IF NOT EXISTS whycap.arrived_spend (line text);
CREATE UNLOGGED TABLE IF NOT EXISTS whycap.arrived_limits (line text);
CREATE UNLOGGED TABLE IF NOT EXISTS whycap.arrived_windows (line text);

-- Puts what arrived in its place: of a key, the highest version. Always in the order of keys, so that
-- two who load at once wait for each other instead of blocking each other. PostgreSQL has no text with
-- a character zero, which JSON has.
CREATE OR REPLACE FUNCTION whycap.take() RETURNS trigger AS $$
DECLARE
    target text := 'whycap.' || TG_ARGV[0];
    settings text;
BEGIN
    SELECT string_agg(format('%1$I = excluded.%1$I', attname), ', ') INTO settings
    FROM pg_attribute
    WHERE attrelid = target::regclass AND attnum > 0 AND NOT attisdropped;
    EXECUTE format(
        'INSERT INTO %1$s AS known
         SELECT DISTINCT ON (one.key) one.*
         FROM arrived,
             regexp_replace(line, $1, $2, ''g'') AS safe,
             json_populate_record(NULL::%1$s, safe::json) AS one
         ORDER BY one.key, one.version DESC
         ON CONFLICT (key) DO UPDATE SET %2$s WHERE excluded.version > known.version',
        target, settings) USING '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd';
    EXECUTE format('DELETE FROM %I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME);
    RETURN NULL;
END
$$ LANGUAGE plpgsql;

CREATE OR REPLACE TRIGGER take AFTER INSERT ON whycap.arrived_spend
    REFERENCING NEW TABLE AS arrived EXECUTE FUNCTION whycap.take('spend_rows');
CREATE OR REPLACE TRIGGER take AFTER INSERT ON whycap.arrived_limits
    REFERENCING NEW TABLE AS arrived EXECUTE FUNCTION whycap.take('limit_rows');
CREATE OR REPLACE TRIGGER take AFTER INSERT ON whycap.arrived_windows
    REFERENCING NEW TABLE AS arrived EXECUTE FUNCTION whycap.take('window_rows');

-- Of what is unrecorded, only that from whoever knows most of the session. Rows that were taken back
-- cost nothing and are left out.
CREATE OR REPLACE VIEW whycap.spend AS
WITH known AS
(
    SELECT session, max(version / 1073741824) AS most
    FROM whycap.spend_rows
    WHERE kind = 'unrecorded'
    GROUP BY session
)
SELECT spend_rows.*, cost_pico / 1e12 AS usd
FROM whycap.spend_rows LEFT JOIN known ON known.session = spend_rows.session
WHERE kind = 'response'
   OR (cost_pico != 0 AND kind = 'unwritten')
   OR (cost_pico != 0 AND kind = 'unrecorded' AND version / 1073741824 = most);

CREATE OR REPLACE VIEW whycap.limits AS SELECT * FROM whycap.limit_rows;

CREATE OR REPLACE VIEW whycap.windows AS SELECT * FROM whycap.window_rows;
