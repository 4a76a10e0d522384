-- Tables and views for what `whycap export` writes. May be run again at any time.
--
--   whycap export --print clickhouse | clickhouse client --multiquery
--   cat DIR/whycap-1/spend/*/*.ndjson.gz | gunzip | clickhouse client --query "INSERT INTO whycap.spend_rows FORMAT JSONEachRow"
--
-- likewise limit_rows and window_rows. Rows may be loaded in any order and any number of times.

CREATE DATABASE IF NOT EXISTS whycap;

CREATE TABLE IF NOT EXISTS whycap.spend_rows
(
    key FixedString(16) CODEC(ZSTD(1)),
    version UInt64,
    time DateTime('UTC'),
    person LowCardinality(String),
    machine LowCardinality(String),
    project LowCardinality(String),
    branch LowCardinality(String),
    session String CODEC(ZSTD(1)),
    model LowCardinality(String),
    kind LowCardinality(String),
    subagent Bool,
    fast Bool,
    us Bool,
    input UInt64 CODEC(ZSTD(1)),
    output UInt64 CODEC(ZSTD(1)),
    cache_read UInt64 CODEC(ZSTD(1)),
    cache_write_5m UInt64 CODEC(ZSTD(1)),
    cache_write_1h UInt64 CODEC(ZSTD(1)),
    web_searches UInt64 CODEC(ZSTD(1)),
    cost_pico Int64 CODEC(ZSTD(1)),
    unpriced Bool
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(time)
ORDER BY key;

-- What is no response once more, by itself: one row in thirty, which must be looked at by session.
CREATE TABLE IF NOT EXISTS whycap.hidden_rows AS whycap.spend_rows
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(time)
ORDER BY key;

CREATE MATERIALIZED VIEW IF NOT EXISTS whycap.hidden_rows_arrive TO whycap.hidden_rows AS
SELECT * FROM whycap.spend_rows WHERE kind != 'response';

CREATE TABLE IF NOT EXISTS whycap.limit_rows
(
    key FixedString(16),
    version UInt64,
    time DateTime('UTC'),
    person LowCardinality(String),
    machine LowCardinality(String),
    session String,
    kind LowCardinality(String),
    verdict LowCardinality(String),
    service LowCardinality(Nullable(String)),
    who_can_fix LowCardinality(String),
    waiting_helps Nullable(Bool),
    resets_at Nullable(DateTime('UTC')),
    blocked_s Int64,
    ended LowCardinality(String)
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(time)
ORDER BY key;

CREATE TABLE IF NOT EXISTS whycap.window_rows
(
    key FixedString(16),
    version UInt64,
    time DateTime('UTC'),
    person LowCardinality(String),
    machine LowCardinality(String),
    account LowCardinality(String),
    window LowCardinality(String),
    percent Float64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(time)
ORDER BY key;

-- Each key once, by its best copy. Of what is unrecorded, only that from whoever knows most of the
-- session. Rows that were taken back cost nothing and are left out.
CREATE OR REPLACE VIEW whycap.spend AS
SELECT *, cost_pico / 1e12 AS usd
FROM whycap.spend_rows FINAL
WHERE kind = 'response'
UNION ALL
SELECT *, cost_pico / 1e12 AS usd
FROM whycap.hidden_rows FINAL
WHERE cost_pico != 0 AND (kind = 'unwritten' OR (session, intDiv(version, 1073741824)) IN
(
    SELECT session, max(intDiv(version, 1073741824))
    FROM whycap.hidden_rows FINAL
    WHERE kind = 'unrecorded'
    GROUP BY session
));

CREATE OR REPLACE VIEW whycap.limits AS SELECT * FROM whycap.limit_rows FINAL;

CREATE OR REPLACE VIEW whycap.windows AS SELECT * FROM whycap.window_rows FINAL;
