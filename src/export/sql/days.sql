-- The sums of each day in UTC. If `at_least` is true, the real amount may be more than `usd`.
CREATE OR REPLACE VIEW whycap.days AS
SELECT day, person, team, machine, project, branch, model,
    sum(CASE WHEN s.kind = 'response' THEN 1 ELSE 0 END) AS responses,
    sum(s.input) AS input, sum(s.output) AS output, sum(s.cache_read) AS cache_read,
    sum(s.cache_write_5m) AS cache_write_5m, sum(s.cache_write_1h) AS cache_write_1h,
    sum(s.web_searches) AS web_searches, sum(s.cost_pico) AS cost_pico, sum(s.cost_pico) / 1e12 AS usd,
    max(s.at_least) AS at_least, sum(CASE WHEN s.unpriced THEN 1 ELSE 0 END) AS unpriced
FROM whycap.spend AS s
GROUP BY day, person, team, machine, project, branch, model;
