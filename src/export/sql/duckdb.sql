-- Views of the files that `whycap export DIR` writes. They read the files whenever you query them.
--
--   whycap export DIR --print duckdb | duckdb team.db

CREATE SCHEMA IF NOT EXISTS whycap;

-- One row for each key: the one with the highest amount or, among equal ones, that of the machine whose name comes first.
-- Lines that cannot be read are skipped; `whycap spend --from DIR` lists them.
CREATE OR REPLACE VIEW whycap.spend AS
SELECT *, CAST(time AS DATE) AS day, coalesce(labels['team'], '') AS team, cost_pico / 1e12 AS usd
FROM read_json('DIR/whycap-*.ndjson', format = 'newline_delimited', ignore_errors = true, columns = {
    key: 'VARCHAR', time: 'TIMESTAMP', person: 'VARCHAR', machine: 'VARCHAR', project: 'VARCHAR',
    branch: 'VARCHAR', session: 'VARCHAR', model: 'VARCHAR', kind: 'VARCHAR', input: 'UBIGINT',
    output: 'UBIGINT', cache_read: 'UBIGINT', cache_write_5m: 'UBIGINT', cache_write_1h: 'UBIGINT',
    web_searches: 'UBIGINT', cost_pico: 'BIGINT', at_least: 'BOOLEAN', unpriced: 'BOOLEAN',
    labels: 'MAP(VARCHAR, VARCHAR)'
})
WHERE kind IN ('response', 'unrecorded')
QUALIFY row_number() OVER (PARTITION BY key ORDER BY cost_pico DESC, machine, time) = 1;

