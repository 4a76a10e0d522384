-- Views over the files that `whycap export` writes, and sums of them. Run it again for newer sums.
--
--   whycap export DIR --print duckdb | duckdb team.db
--
-- DuckDB 1.4 or newer. Rows of a kind that nobody has exported are none.

CREATE SCHEMA IF NOT EXISTS whycap;

-- Of rows of a kind each key once: of several machines, whoever knows most, and among equals the
-- first by name.
CREATE OR REPLACE MACRO whycap.best(wanted) AS TABLE
SELECT *, version // 1073741824 AS weight, coalesce(labels['team'], '') AS team
FROM read_json('DIR/whycap-1/*/*/*.ndjson.gz', filename = 'file', hive_partitioning = false,
    format = 'newline_delimited', columns = {
        key: 'VARCHAR', version: 'UBIGINT', time: 'TIMESTAMP', person: 'VARCHAR', machine: 'VARCHAR',
        project: 'VARCHAR', branch: 'VARCHAR', session: 'VARCHAR', model: 'VARCHAR', kind: 'VARCHAR',
        subagent: 'BOOLEAN', fast: 'BOOLEAN', us: 'BOOLEAN', input: 'UBIGINT', output: 'UBIGINT',
        cache_read: 'UBIGINT', cache_write_5m: 'UBIGINT', cache_write_1h: 'UBIGINT',
        web_searches: 'UBIGINT', cost_pico: 'BIGINT', unpriced: 'BOOLEAN', provider: 'VARCHAR',
        verdict: 'VARCHAR', service: 'VARCHAR', who_can_fix: 'VARCHAR', waiting_helps: 'BOOLEAN',
        resets_at: 'TIMESTAMP', blocked_s: 'BIGINT', ended: 'VARCHAR', account: 'VARCHAR',
        "window": 'VARCHAR', percent: 'DOUBLE', labels: 'MAP(VARCHAR, VARCHAR)'
    })
WHERE file LIKE '%/whycap-1/' || wanted || '/%'
QUALIFY row_number() OVER (PARTITION BY key ORDER BY weight DESC, machine, version DESC) = 1;

-- Of what is unrecorded, only that from whoever knows most of the session.
CREATE OR REPLACE VIEW whycap.spend AS
SELECT *, cost_pico / 1e12 AS usd
FROM whycap.best('spend')
QUALIFY kind = 'response' OR (kind = 'unwritten' AND cost_pico != 0) OR (kind = 'unrecorded'
    AND cost_pico != 0 AND weight = max(weight) OVER (PARTITION BY session, kind));

-- What dashboards ask: as large as there are days, people and projects.
CREATE OR REPLACE TABLE whycap.days AS
SELECT CAST(time AS DATE) AS day, person, machine, project, branch, model, kind, provider, team,
    sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read,
    sum(cache_write_5m) AS cache_write_5m, sum(cache_write_1h) AS cache_write_1h,
    sum(web_searches) AS web_searches, sum(CAST(unpriced AS INT)) AS unpriced, count(*) AS rows,
    max(time) AS last, sum(cost_pico) AS cost_pico, sum(cost_pico) / 1e12 AS usd
FROM whycap.spend
GROUP BY ALL;

CREATE OR REPLACE VIEW whycap.limits AS SELECT * FROM whycap.best('limits');

CREATE OR REPLACE VIEW whycap.windows AS SELECT * FROM whycap.best('windows');
