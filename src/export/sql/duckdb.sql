-- Views over the files that `whycap export` writes; nothing is loaded.
--
--   (echo "SET VARIABLE whycap = '/path/to/DIR';"; whycap export --print duckdb) > team.sql
--   duckdb -init team.sql
--
-- A view of rows that nobody has exported yet cannot be made; the others can.

CREATE SCHEMA IF NOT EXISTS whycap;

-- Each key once, by its best copy. Of what is unrecorded, only that from whoever knows most of the
-- session. Rows that were taken back cost nothing and are left out.
CREATE OR REPLACE VIEW whycap.spend AS
WITH best AS
(
    SELECT *
    FROM read_json(getvariable('whycap') || '/whycap-1/spend/*/*.ndjson.gz',
        format = 'newline_delimited',
        hive_partitioning = false,
        columns = {
            key: 'VARCHAR', version: 'UBIGINT', time: 'TIMESTAMP', person: 'VARCHAR',
            machine: 'VARCHAR', project: 'VARCHAR', branch: 'VARCHAR', session: 'VARCHAR',
            model: 'VARCHAR', kind: 'VARCHAR', subagent: 'BOOLEAN', fast: 'BOOLEAN', us: 'BOOLEAN',
            input: 'UBIGINT', output: 'UBIGINT', cache_read: 'UBIGINT', cache_write_5m: 'UBIGINT',
            cache_write_1h: 'UBIGINT', web_searches: 'UBIGINT', cost_pico: 'BIGINT',
            unpriced: 'BOOLEAN'
        })
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY version DESC) = 1
),
known AS
(
    SELECT session, max(version // 1073741824) AS most
    FROM best
    WHERE kind = 'unrecorded'
    GROUP BY session
)
SELECT best.*, cost_pico / 1e12 AS usd
FROM best LEFT JOIN known ON known.session = best.session
WHERE kind = 'response'
   OR (cost_pico != 0 AND kind = 'unwritten')
   OR (cost_pico != 0 AND kind = 'unrecorded' AND version // 1073741824 = most);

CREATE OR REPLACE VIEW whycap.limits AS
SELECT *
FROM read_json(getvariable('whycap') || '/whycap-1/limits/*/*.ndjson.gz',
    format = 'newline_delimited',
    hive_partitioning = false,
    columns = {
        key: 'VARCHAR', version: 'UBIGINT', time: 'TIMESTAMP', person: 'VARCHAR',
        machine: 'VARCHAR', session: 'VARCHAR', kind: 'VARCHAR', verdict: 'VARCHAR',
        service: 'VARCHAR', who_can_fix: 'VARCHAR', waiting_helps: 'BOOLEAN',
        resets_at: 'TIMESTAMP', blocked_s: 'BIGINT', ended: 'VARCHAR'
    })
QUALIFY row_number() OVER (PARTITION BY key ORDER BY version DESC) = 1;

CREATE OR REPLACE VIEW whycap.windows AS
SELECT *
FROM read_json(getvariable('whycap') || '/whycap-1/windows/*/*.ndjson.gz',
    format = 'newline_delimited',
    hive_partitioning = false,
    columns = {
        key: 'VARCHAR', version: 'UBIGINT', time: 'TIMESTAMP', person: 'VARCHAR',
        machine: 'VARCHAR', account: 'VARCHAR', "window": 'VARCHAR', percent: 'DOUBLE'
    })
QUALIFY row_number() OVER (PARTITION BY key ORDER BY version DESC) = 1;
