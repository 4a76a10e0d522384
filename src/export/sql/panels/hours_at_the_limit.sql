-- Is a bigger seat worth it? Hours at 97% or more of a window, hours blocked, and spend at API prices
WITH full_hours AS
(
    SELECT person, count(DISTINCT time) AS hours
    FROM whycap.windows
    WHERE time >= :from AND time < :until AND percent >= 97
    GROUP BY person
),
blocked AS
(
    SELECT person, sum(blocked_s) / 3600.0 AS hours
    FROM whycap.limits
    WHERE time >= :from AND time < :until
    GROUP BY person
),
spent AS
(
    SELECT person, sum(usd) AS usd
    FROM whycap.spend
    WHERE time >= :from AND time < :until
    GROUP BY person
)
SELECT spent.person AS person,
    coalesce(full_hours.hours, 0) AS hours_at_97_percent,
    coalesce(blocked.hours, 0) AS hours_blocked,
    spent.usd AS usd
FROM spent
LEFT JOIN full_hours ON full_hours.person = spent.person
LEFT JOIN blocked ON blocked.person = spent.person
ORDER BY hours_at_97_percent DESC, hours_blocked DESC, person
