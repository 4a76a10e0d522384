-- One view for each question. ClickHouse and DuckDB run the same SQL, so names and meanings are the same in both. Days
-- and months are in UTC. If `at_least` is true, the real amount may be more than `usd`.

-- How much does each day cost?
CREATE OR REPLACE VIEW whycap.spend_by_day AS
SELECT day, sum(cost_pico) / 1e12 AS usd, max(at_least) AS at_least,
    sum(CASE WHEN kind = 'response' THEN rows ELSE 0 END) AS responses, sum(unpriced) AS unpriced,
    sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read,
    sum(cache_write_5m) AS cache_write_5m, sum(cache_write_1h) AS cache_write_1h
FROM whycap.days
GROUP BY day;

-- How much does each month cost?
CREATE OR REPLACE VIEW whycap.spend_by_month AS
SELECT CAST(date_trunc('month', day) AS DATE) AS month, sum(cost_pico) / 1e12 AS usd, max(at_least) AS at_least,
    sum(CASE WHEN kind = 'response' THEN rows ELSE 0 END) AS responses, sum(unpriced) AS unpriced,
    sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read,
    sum(cache_write_5m) AS cache_write_5m, sum(cache_write_1h) AS cache_write_1h
FROM whycap.days
GROUP BY month;

-- How much does each person spend in each month?
CREATE OR REPLACE VIEW whycap.spend_by_person AS
SELECT CAST(date_trunc('month', day) AS DATE) AS month, person, sum(cost_pico) / 1e12 AS usd, max(at_least) AS at_least,
    sum(CASE WHEN kind = 'response' THEN rows ELSE 0 END) AS responses, sum(unpriced) AS unpriced,
    sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read,
    sum(cache_write_5m) AS cache_write_5m, sum(cache_write_1h) AS cache_write_1h
FROM whycap.days
GROUP BY month, person;

-- How much does each team spend? The team is the value of the label `team`.
CREATE OR REPLACE VIEW whycap.spend_by_team AS
SELECT CAST(date_trunc('month', day) AS DATE) AS month, team, sum(cost_pico) / 1e12 AS usd, max(at_least) AS at_least,
    sum(CASE WHEN kind = 'response' THEN rows ELSE 0 END) AS responses, sum(unpriced) AS unpriced,
    sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read,
    sum(cache_write_5m) AS cache_write_5m, sum(cache_write_1h) AS cache_write_1h
FROM whycap.days
GROUP BY month, team;

-- How much does each project cost?
CREATE OR REPLACE VIEW whycap.spend_by_project AS
SELECT CAST(date_trunc('month', day) AS DATE) AS month, project, sum(cost_pico) / 1e12 AS usd, max(at_least) AS at_least,
    sum(CASE WHEN kind = 'response' THEN rows ELSE 0 END) AS responses, sum(unpriced) AS unpriced,
    sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read,
    sum(cache_write_5m) AS cache_write_5m, sum(cache_write_1h) AS cache_write_1h
FROM whycap.days
GROUP BY month, project;

-- How much does each branch cost?
CREATE OR REPLACE VIEW whycap.spend_by_branch AS
SELECT CAST(date_trunc('month', day) AS DATE) AS month, project, branch, sum(cost_pico) / 1e12 AS usd, max(at_least) AS at_least,
    sum(CASE WHEN kind = 'response' THEN rows ELSE 0 END) AS responses, sum(unpriced) AS unpriced,
    sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read,
    sum(cache_write_5m) AS cache_write_5m, sum(cache_write_1h) AS cache_write_1h
FROM whycap.days
GROUP BY month, project, branch;

-- How much does each model cost, and who provides it?
CREATE OR REPLACE VIEW whycap.spend_by_model AS
SELECT CAST(date_trunc('month', day) AS DATE) AS month, model, provider, sum(cost_pico) / 1e12 AS usd, max(at_least) AS at_least,
    sum(CASE WHEN kind = 'response' THEN rows ELSE 0 END) AS responses, sum(unpriced) AS unpriced,
    sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read,
    sum(cache_write_5m) AS cache_write_5m, sum(cache_write_1h) AS cache_write_1h
FROM whycap.days
GROUP BY month, model, provider;

-- How much does each machine spend, and when did it last spend anything?
CREATE OR REPLACE VIEW whycap.spend_by_machine AS
SELECT CAST(date_trunc('month', day) AS DATE) AS month, machine, person, sum(cost_pico) / 1e12 AS usd, max(at_least) AS at_least,
    sum(CASE WHEN kind = 'response' THEN rows ELSE 0 END) AS responses, sum(unpriced) AS unpriced,
    sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read,
    sum(cache_write_5m) AS cache_write_5m, sum(cache_write_1h) AS cache_write_1h, max(last) AS last_spend
FROM whycap.days
GROUP BY month, machine, person;

-- How much does each session cost?
CREATE OR REPLACE VIEW whycap.spend_by_session AS
SELECT session, person, project, min(time) AS first_spend, max(time) AS last_spend, sum(cost_pico) / 1e12 AS usd, max(at_least) AS at_least,
    sum(CASE WHEN kind = 'response' THEN 1 ELSE 0 END) AS responses
FROM whycap.spend
GROUP BY session, person, project;

-- Whom do limits stop, and for how long?
CREATE OR REPLACE VIEW whycap.limits_by_person AS
SELECT CAST(date_trunc('month', time) AS DATE) AS month, person, kind, verdict, count(*) AS errors, sum(blocked_s) / 3600.0 AS blocked_hours
FROM whycap.limits
WHERE ended != 'none'
GROUP BY month, person, kind, verdict;

-- Who uses 97% or more of a usage window, and in how many hours?
CREATE OR REPLACE VIEW whycap.full_hours_by_person AS
SELECT CAST(date_trunc('month', time) AS DATE) AS month, person, count(DISTINCT time) AS hours
FROM whycap.windows
WHERE percent >= 97
GROUP BY month, person;
