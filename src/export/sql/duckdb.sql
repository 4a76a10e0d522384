-- Tables and views for the rows that `whycap export` writes. Requires DuckDB 1.4 or newer.
-- Run this script again to update the sums:
--
--   whycap export DIR --print duckdb | duckdb team.db

CREATE SCHEMA IF NOT EXISTS whycap;

-- The hashes of everything that was erased from the directory, from its file erased.json.
CREATE OR REPLACE TABLE whycap.erased (hash VARCHAR);
-- ERASED

-- The rows of one type. The type is the name of a directory: spend, limits, or windows. Rows that cannot be read are
-- skipped; `whycap spend --from DIR` lists them.
CREATE OR REPLACE MACRO whycap.rows_of(row_type) AS TABLE
SELECT * REPLACE (coalesce(at_least, false) AS at_least),
    version // 1073741824 AS weight, coalesce(labels['team'], '') AS team
FROM read_json('DIR/whycap-1/*/*/*.ndjson.gz', filename = 'file', hive_partitioning = false,
    format = 'newline_delimited', ignore_errors = true, columns = {
        key: 'VARCHAR', version: 'UBIGINT', time: 'TIMESTAMP', person: 'VARCHAR', machine: 'VARCHAR',
        project: 'VARCHAR', branch: 'VARCHAR', session: 'VARCHAR', model: 'VARCHAR', kind: 'VARCHAR',
        subagent: 'BOOLEAN', fast: 'BOOLEAN', us: 'BOOLEAN', input: 'UBIGINT', output: 'UBIGINT',
        cache_read: 'UBIGINT', cache_write_5m: 'UBIGINT', cache_write_1h: 'UBIGINT',
        web_searches: 'UBIGINT', cost_pico: 'BIGINT', at_least: 'BOOLEAN', unpriced: 'BOOLEAN',
        provider: 'VARCHAR', verdict: 'VARCHAR', service: 'VARCHAR', who_can_fix: 'VARCHAR',
        waiting_helps: 'BOOLEAN', resets_at: 'TIMESTAMP', blocked_s: 'BIGINT', ended: 'VARCHAR',
        account: 'VARCHAR', "window": 'VARCHAR', percent: 'DOUBLE', labels: 'MAP(VARCHAR, VARCHAR)'
    })
WHERE file LIKE '%/whycap-1/' || row_type || '/%'
    AND concat('key ', key) NOT IN (SELECT hash FROM whycap.erased)
    AND concat('person ', left(sha256(coalesce(person, '')), 16)) NOT IN (SELECT hash FROM whycap.erased)
    AND concat('project ', left(sha256(coalesce(project, '')), 16)) NOT IN (SELECT hash FROM whycap.erased)
    AND (coalesce(kind, '') = 'response'
        OR concat('session ', left(sha256(coalesce(session, '')), 16)) NOT IN (SELECT hash FROM whycap.erased))
    AND concat('before ', CAST(time AS DATE)) >=
        (SELECT coalesce(max(hash), '') FROM whycap.erased WHERE hash LIKE 'before %');

-- One row for each key: the row with the highest weight or, if several have the same weight, the row from the machine
-- whose name sorts first. Unrecorded spend counts only from the machine with the highest weight for the session. Rows
-- of kind `nothing`, and of kinds that this version does not recognize, are not included in any sum.
CREATE OR REPLACE TABLE whycap.spend AS
SELECT * EXCLUDE (best, most), cost_pico / 1e12 AS usd
FROM (
    SELECT *, row_number() OVER (PARTITION BY key ORDER BY weight DESC, machine, version DESC) AS best,
        max(weight) OVER (PARTITION BY session, kind) AS most
    FROM whycap.rows_of('spend')
    WHERE kind IN ('response', 'unrecorded', 'unwritten')
)
WHERE best = 1 AND (kind != 'unrecorded' OR weight = most) AND (kind = 'response' OR cost_pico != 0 OR at_least);

-- The sums that the views below read.
CREATE OR REPLACE TABLE whycap.days AS
SELECT CAST(time AS DATE) AS day, person, machine, project, branch, model, kind, provider, team,
    sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read,
    sum(cache_write_5m) AS cache_write_5m, sum(cache_write_1h) AS cache_write_1h,
    sum(web_searches) AS web_searches, sum(CAST(unpriced AS INT)) AS unpriced, max(at_least) AS at_least,
    count(*) AS rows, max(time) AS last, sum(cost_pico) AS cost_pico, sum(cost_pico) / 1e12 AS usd
FROM whycap.spend
GROUP BY ALL;

CREATE OR REPLACE TABLE whycap.limits AS
SELECT * FROM whycap.rows_of('limits')
QUALIFY row_number() OVER (PARTITION BY key ORDER BY weight DESC, machine, version DESC) = 1;

CREATE OR REPLACE TABLE whycap.windows AS
SELECT * FROM whycap.rows_of('windows')
QUALIFY row_number() OVER (PARTITION BY key ORDER BY weight DESC, machine, version DESC) = 1;

