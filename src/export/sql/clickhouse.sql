-- Tables for what `whycap export` writes, and what they come to. Run it before the first load and
-- after every load: packaging/export/load-clickhouse.sh does both, and loads only what is new.
-- ClickHouse 24.8 or newer. Files may be loaded in any order and any number of times, but not while
-- this runs. What it makes anew are the months that were loaded since the last time.

CREATE DATABASE IF NOT EXISTS whycap;

-- Rows of every kind, each with the columns of its kind.
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
    -- What it is a row of; when the machine said it, how much it knew, and when it was loaded.
    of LowCardinality(String) MATERIALIZED multiIf(window != '', 'windows', verdict != '', 'limits', 'spend'),
    said UInt32 MATERIALIZED bitAnd(version, 1073741823),
    weight Int64 MATERIALIZED intDiv(version, 1073741824),
    loaded DateTime64(6) MATERIALIZED now64(6)
)
ENGINE = ReplacingMergeTree(said)
PARTITION BY toYYYYMM(time)
ORDER BY (key, machine);

-- What is in the sums already, by when it was loaded; then what is not, and the months that it changes:
-- its own (a row may have a copy on the day before or after), and those of the same sessions, of which
-- whoever knows most counts. TRUNCATE TABLE whycap.summed makes all sums anew.
CREATE TABLE IF NOT EXISTS whycap.summed (loaded DateTime64(6)) ENGINE = MergeTree ORDER BY loaded;

CREATE OR REPLACE TABLE whycap.arrived ENGINE = MergeTree ORDER BY (machine, day)
AS SELECT DISTINCT machine, toDate(time) AS day, loaded
FROM whycap.rows WHERE of = 'spend' AND loaded NOT IN (SELECT loaded FROM whycap.summed);

CREATE OR REPLACE TABLE whycap.changed ENGINE = MergeTree ORDER BY month
AS SELECT DISTINCT toYYYYMM(arrayJoin([day - 1, day, day + 1])) AS month FROM whycap.arrived
UNION DISTINCT
SELECT DISTINCT toYYYYMM(time) AS month FROM whycap.rows
WHERE kind = 'unrecorded' AND session IN
    (SELECT session FROM whycap.rows
     WHERE kind = 'unrecorded' AND (machine, toDate(time)) IN (SELECT machine, day FROM whycap.arrived));

-- Of what a machine said of a day, the last counts.
CREATE OR REPLACE VIEW whycap.standing AS
SELECT *, weight, said
FROM whycap.rows
WHERE of = 'spend' AND (machine, toDate(time), said) IN
    (SELECT machine, toDate(time), max(said) FROM whycap.rows WHERE of = 'spend' GROUP BY machine, toDate(time));

-- Of these months each key once: of several machines, whoever knows most, and among equals the first
-- by name. Of what is unrecorded, only that from whoever knows most of the session.
CREATE OR REPLACE VIEW whycap.spend AS
SELECT *, cost_pico / 1e12 AS usd
FROM
(
    SELECT *
    FROM whycap.standing
    WHERE toYYYYMM(toDate(time) - 1) IN (SELECT month FROM whycap.changed)
       OR toYYYYMM(toDate(time) + 1) IN (SELECT month FROM whycap.changed)
    ORDER BY key, weight DESC, machine, said DESC
    LIMIT 1 BY key
)
WHERE toYYYYMM(time) IN (SELECT month FROM whycap.changed)
  AND (kind = 'response' OR (kind = 'unwritten' AND cost_pico != 0)
   OR (kind = 'unrecorded' AND cost_pico != 0 AND (session, weight) IN
       (SELECT session, max(weight) FROM whycap.standing WHERE kind = 'unrecorded' GROUP BY session)));

CREATE OR REPLACE VIEW whycap.sums AS
SELECT toDate(time) AS day, person, machine, project, branch, model, kind, provider,
    toLowCardinality(labels['team']) AS team,
    sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read,
    sum(cache_write_5m) AS cache_write_5m, sum(cache_write_1h) AS cache_write_1h,
    sum(web_searches) AS web_searches, sum(unpriced) AS unpriced, count() AS rows,
    max(time) AS last, sum(toInt128(cost_pico)) AS cost_pico, cost_pico / 1e12 AS usd
FROM whycap.spend
GROUP BY day, person, machine, project, branch, model, kind, provider, team;

-- What dashboards ask: as large as there are days, people and projects, however many rows are held.
CREATE TABLE IF NOT EXISTS whycap.days
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (day, person, project)
EMPTY AS SELECT * FROM whycap.sums;

CREATE OR REPLACE TABLE whycap.days
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (day, person, project)
AS SELECT * FROM whycap.days WHERE toYYYYMM(day) NOT IN (SELECT month FROM whycap.changed)
UNION ALL SELECT * FROM whycap.sums;

INSERT INTO whycap.summed SELECT DISTINCT loaded FROM whycap.arrived;

-- Of all else an error stays one, and an hour full, though its machine says no more of that day.
CREATE OR REPLACE VIEW whycap.others AS
SELECT *, toLowCardinality(labels['team']) AS team
FROM (SELECT *, of, weight FROM whycap.rows WHERE of != 'spend' ORDER BY key, machine, said DESC LIMIT 1 BY key, machine)
ORDER BY key, weight DESC, machine
LIMIT 1 BY key;

CREATE OR REPLACE TABLE whycap.limits ENGINE = MergeTree ORDER BY time
AS SELECT * FROM whycap.others WHERE of = 'limits';

CREATE OR REPLACE TABLE whycap.windows ENGINE = MergeTree ORDER BY time
AS SELECT * FROM whycap.others WHERE of = 'windows';
