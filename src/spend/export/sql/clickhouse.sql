-- The table for the rows that `whycap export DIR` writes, and its views. To load all files, as often as you like:
--
--   whycap export --print clickhouse | clickhouse client
--   cat DIR/whycap-*.ndjson | clickhouse client --input_format_skip_unknown_fields 1 \
--       --query 'INSERT INTO whycap.rows FORMAT JSONEachRow'

CREATE DATABASE IF NOT EXISTS whycap;

-- The newest version of each machine's rows.
CREATE TABLE IF NOT EXISTS whycap.rows (
    key String,
    time DateTime('UTC'),
    person LowCardinality(String),
    machine LowCardinality(String),
    project LowCardinality(String),
    branch String,
    session String,
    model LowCardinality(String),
    kind LowCardinality(String),
    input UInt64,
    output UInt64,
    cache_read UInt64,
    cache_write_5m UInt64,
    cache_write_1h UInt64,
    web_searches UInt64,
    cost_pico Int64,
    at_least Bool,
    unpriced Bool,
    labels Map(String, String)
) ENGINE = ReplacingMergeTree ORDER BY (key, machine);

-- The same rows, without the older versions that ClickHouse has not removed yet.
CREATE OR REPLACE VIEW whycap.current AS SELECT * FROM whycap.rows FINAL;
