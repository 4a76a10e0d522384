-- The sums of each day in UTC. If `at_least` is true, the real amount may be more than `usd`.
CREATE OR REPLACE VIEW whycap.days AS
SELECT day, person, team, machine, project, branch, model,
    sum(CASE WHEN kind = 'response' THEN 1 ELSE 0 END) AS responses,
    sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read,
    sum(cache_write_5m) AS cache_write_5m, sum(cache_write_1h) AS cache_write_1h,
    sum(web_searches) AS web_searches, sum(cost_pico) AS cost_pico, sum(cost_pico) / 1e12 AS usd,
    max(at_least) AS at_least, sum(CASE WHEN unpriced THEN 1 ELSE 0 END) AS unpriced
FROM whycap.spend
GROUP BY day, person, team, machine, project, branch, model;
