
-- The rows that count. Of all rows with the same key, it is the one with the highest amount or, among equal ones, that of
-- the machine whose name comes first. The unrecorded spend of a session is that of the machine whose rows for the session
-- cost the most, minus the responses that only other machines have. The amount of an unrecorded row is the session's total
-- up to the end of the month.
CREATE OR REPLACE VIEW whycap.spend AS
SELECT key, time, person, machine, project, branch, session, model, kind, input, output, cache_read, cache_write_5m,
    cache_write_1h, web_searches, at_least, unpriced, labels, day, team, counted_pico AS cost_pico,
    counted_pico / 1e12 AS usd
FROM (
    SELECT *, CAST(time AS Date) AS day, coalesce(labels['team'], '') AS team,
        CASE WHEN kind = 'response' THEN cost_pico
            ELSE least(pico_until, pico_left) - least(pico_before, pico_left) END AS counted_pico
    FROM (
        SELECT *, greatest(machine_pico - recorded_pico, 0) AS pico_left,
            first_value(machine) OVER (
                PARTITION BY counted_session ORDER BY kind DESC, machine_pico DESC, machine
            ) AS counted_machine
        FROM (
            SELECT *, sum(CASE WHEN kind = 'response' THEN cost_pico ELSE 0 END) OVER machines
                    + max(CASE WHEN kind = 'response' THEN 0 ELSE cost_pico END) OVER machines AS machine_pico,
                max(cost_pico) OVER months AS pico_until,
                coalesce(max(cost_pico) OVER (months ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
                    AS pico_before,
                sum(CASE WHEN kind = 'response' AND place = 1 THEN cost_pico ELSE 0 END)
                    OVER (PARTITION BY counted_session) AS recorded_pico
            FROM (
                SELECT *, first_value(session) OVER copies AS counted_session, row_number() OVER copies AS place
                FROM whycap.current
                WHERE kind IN ('response', 'unrecorded')
                WINDOW copies AS (PARTITION BY key ORDER BY cost_pico DESC, machine)
            )
            WINDOW machines AS (PARTITION BY counted_session, machine),
                months AS (PARTITION BY counted_session, machine, kind ORDER BY time)
        )
    )
    WHERE CASE WHEN kind = 'response' THEN place = 1 ELSE machine = counted_machine END
);
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
