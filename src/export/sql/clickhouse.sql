-- Tables and views for the rows that `whycap export` writes. Requires ClickHouse 24.8 or newer.
-- Run this script before the first load and after every load; the script that
-- `whycap export --print clickhouse-loader` prints does both. Files may be loaded in any order and more than once, but
-- not while this script is running.

CREATE DATABASE IF NOT EXISTS whycap;

-- All loaded rows. Each row fills only the columns of its type.
CREATE TABLE IF NOT EXISTS whycap.rows
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
    at_least Bool,
    unpriced Bool,
    provider LowCardinality(String),
    verdict LowCardinality(String),
    service LowCardinality(Nullable(String)),
    who_can_fix LowCardinality(String),
    waiting_helps Nullable(Bool),
    resets_at Nullable(DateTime('UTC')),
    blocked_s Int64,
    ended LowCardinality(String),
    account LowCardinality(String),
    window LowCardinality(String),
    percent Float64,
    labels Map(LowCardinality(String), String),
    -- The type of the row, the time of the export in seconds, how complete the machine's data was, and when the row was
    -- loaded.
    of LowCardinality(String) MATERIALIZED multiIf(window != '', 'windows', verdict != '', 'limits', 'spend'),
    said UInt32 MATERIALIZED bitAnd(version, 1073741823),
    weight Int64 MATERIALIZED intDiv(version, 1073741824),
    loaded DateTime64(6) MATERIALIZED now64(6)
)
ENGINE = ReplacingMergeTree(said)
PARTITION BY toYYYYMM(time)
ORDER BY (key, machine);

-- The time when the loader last read each directory.
CREATE TABLE IF NOT EXISTS whycap.loads (directory String, began DateTime('UTC')) ENGINE = MergeTree ORDER BY directory;

-- The loads that are included in the sums. `TRUNCATE TABLE whycap.summed` makes this script sum up all months again.
CREATE TABLE IF NOT EXISTS whycap.summed (loaded DateTime64(6)) ENGINE = MergeTree ORDER BY loaded;
-- ERASED

-- The days of each machine that are not yet included in the sums.
CREATE OR REPLACE TABLE whycap.arrived ENGINE = MergeTree ORDER BY (machine, day)
AS SELECT DISTINCT machine, toDate(time) AS day, loaded
FROM whycap.rows WHERE of = 'spend' AND loaded NOT IN (SELECT loaded FROM whycap.summed);

-- The months to sum up again. These are the months of the days that arrived and of the neighboring days, because
-- another machine's copy of a row may be dated one day earlier or later. They also include all months of the sessions
-- whose unrecorded spend arrived, because only one machine counts for a session.
CREATE OR REPLACE TABLE whycap.changed ENGINE = MergeTree ORDER BY month
AS SELECT DISTINCT toYYYYMM(arrayJoin([day - 1, day, day + 1])) AS month FROM whycap.arrived
UNION DISTINCT
SELECT DISTINCT toYYYYMM(time) AS month FROM whycap.rows
WHERE kind = 'unrecorded' AND session IN
    (SELECT session FROM whycap.rows
     WHERE kind = 'unrecorded' AND (machine, toDate(time)) IN (SELECT machine, day FROM whycap.arrived));

-- The rows that each machine last exported for each day. Older versions of a day do not count. Rows of kind `nothing`,
-- and of kinds that this version does not recognize, are not included in any sum.
CREATE OR REPLACE VIEW whycap.standing AS
SELECT *, weight, said
FROM whycap.rows
WHERE kind IN ('response', 'unrecorded', 'unwritten') AND of = 'spend' AND (machine, toDate(time), said) IN
    (SELECT machine, toDate(time), max(said) FROM whycap.rows WHERE of = 'spend' GROUP BY machine, toDate(time));

-- One row for each key: the row with the highest weight or, if several have the same weight, the row from the machine
-- whose name sorts first. Unrecorded spend counts only from the machine with the highest weight for the session.
-- `every_month = 0` restricts the rows to the months that must be summed up again.
CREATE OR REPLACE VIEW whycap.chosen AS
SELECT *, toLowCardinality(labels['team']) AS team, cost_pico / 1e12 AS usd
FROM
(
    SELECT *
    FROM whycap.standing
    WHERE {every_month:Bool}
       OR toYYYYMM(toDate(time) - 1) IN (SELECT month FROM whycap.changed)
       OR toYYYYMM(toDate(time) + 1) IN (SELECT month FROM whycap.changed)
    ORDER BY key, weight DESC, machine, said DESC
    LIMIT 1 BY key
)
WHERE ({every_month:Bool} OR toYYYYMM(time) IN (SELECT month FROM whycap.changed))
  AND (kind = 'response' OR cost_pico != 0 OR at_least)
  AND (kind != 'unrecorded' OR (session, weight) IN
       (SELECT session, max(weight) FROM whycap.standing WHERE kind = 'unrecorded' GROUP BY session));

CREATE OR REPLACE VIEW whycap.spend AS SELECT * FROM whycap.chosen(every_month = true);

CREATE OR REPLACE VIEW whycap.sums AS
SELECT toDate(time) AS day, person, machine, project, branch, model, kind, provider, team,
    sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read,
    sum(cache_write_5m) AS cache_write_5m, sum(cache_write_1h) AS cache_write_1h,
    sum(web_searches) AS web_searches, sum(unpriced) AS unpriced, max(at_least) AS at_least,
    count() AS rows, max(time) AS last, sum(toInt128(cost_pico)) AS cost_pico, cost_pico / 1e12 AS usd
FROM whycap.chosen(every_month = false)
GROUP BY day, person, machine, project, branch, model, kind, provider, team;

-- The sums that the views below and the dashboard read. Their number depends on the number of days, people, and
-- projects, but not on the number of responses.
CREATE TABLE IF NOT EXISTS whycap.days
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (day, person, project)
EMPTY AS SELECT * FROM whycap.sums;

CREATE OR REPLACE TABLE whycap.days
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (day, person, project)
AS SELECT * FROM whycap.days
WHERE toYYYYMM(day) NOT IN (SELECT month FROM whycap.changed)
  AND toYYYYMM(day) IN (SELECT toYYYYMM(time) FROM whycap.rows)
UNION ALL SELECT * FROM whycap.sums;

INSERT INTO whycap.summed SELECT DISTINCT loaded FROM whycap.arrived;

-- Errors and readings stay in the sums even if their machine no longer exports them.
CREATE OR REPLACE VIEW whycap.others AS
SELECT *, toLowCardinality(labels['team']) AS team
FROM (SELECT *, of, weight FROM whycap.rows WHERE of != 'spend' ORDER BY key, machine, said DESC LIMIT 1 BY key, machine)
ORDER BY key, weight DESC, machine
LIMIT 1 BY of, key;

CREATE OR REPLACE TABLE whycap.limits ENGINE = MergeTree ORDER BY time
AS SELECT * FROM whycap.others WHERE of = 'limits';

CREATE OR REPLACE TABLE whycap.windows ENGINE = MergeTree ORDER BY time
AS SELECT * FROM whycap.others WHERE of = 'windows';

