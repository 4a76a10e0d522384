-- Views of the files that `whycap export DIR` writes. They read the files whenever you query them.
--
--   whycap export DIR --print duckdb | duckdb team.db

CREATE SCHEMA IF NOT EXISTS whycap;

-- The rows of each machine. Lines that cannot be read are skipped; `whycap spend --from DIR` lists them.
CREATE OR REPLACE VIEW whycap.current AS
SELECT *
FROM read_json('DIR/whycap-*.ndjson', format = 'newline_delimited', ignore_errors = true, columns = {
    key: 'VARCHAR', time: 'TIMESTAMP', person: 'VARCHAR', machine: 'VARCHAR', project: 'VARCHAR',
    branch: 'VARCHAR', session: 'VARCHAR', model: 'VARCHAR', kind: 'VARCHAR', input: 'UBIGINT',
    output: 'UBIGINT', cache_read: 'UBIGINT', cache_write_5m: 'UBIGINT', cache_write_1h: 'UBIGINT',
    web_searches: 'UBIGINT', cost_pico: 'BIGINT', at_least: 'BOOLEAN', unpriced: 'BOOLEAN',
    labels: 'MAP(VARCHAR, VARCHAR)'
})
QUALIFY row_number() OVER (PARTITION BY key, machine ORDER BY cost_pico DESC, time) = 1;

