-- Is a bigger seat worth it? Hours at 97% or more of a window, hours blocked, and spend at API prices
WITH told AS
(
    SELECT person, CASE WHEN percent >= 97 THEN time END AS full_hour, 0 AS blocked_s, 0 AS usd
    FROM whycap.windows
    WHERE time >= :from AND time < :until
    UNION ALL
    SELECT person, NULL AS full_hour, blocked_s, 0 AS usd
    FROM whycap.limits
    WHERE time >= :from AND time < :until AND ended != 'none'
    UNION ALL
    SELECT person, NULL AS full_hour, 0 AS blocked_s, usd
    FROM whycap.spend
    WHERE time >= :from AND time < :until
)
SELECT person,
    count(DISTINCT full_hour) AS hours_at_97_percent,
    sum(blocked_s) / 3600.0 AS hours_blocked,
    sum(usd) AS usd
FROM told
GROUP BY person
ORDER BY hours_at_97_percent DESC, hours_blocked DESC, person
