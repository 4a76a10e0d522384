-- This month: spent so far, and at its end if the days go on as the last 14 did
WITH month AS
(
    SELECT
        sum(CASE WHEN time >= date_trunc('month', :until) THEN usd ELSE 0 END) AS so_far,
        sum(CASE WHEN time >= :until - INTERVAL '14 day' THEN usd ELSE 0 END) / 14 AS a_day
    FROM whycap.spend
    WHERE time < :until AND time >= :until - INTERVAL '45 day'
)
SELECT so_far AS usd_so_far,
    so_far + a_day * (1 + extract(DAY FROM date_trunc('month', :until) + INTERVAL '1 month' - INTERVAL '1 day')
        - extract(DAY FROM :until) - extract(HOUR FROM :until) / 24.0) AS usd_at_the_end
FROM month
