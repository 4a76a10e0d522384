-- Spend by day
SELECT date_trunc('day', time) AS day, sum(usd) AS usd
FROM whycap.spend
WHERE time >= :from AND time < :until
GROUP BY day
ORDER BY day
