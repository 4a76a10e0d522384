-- Spend by repository
SELECT project, sum(usd) AS usd, count(DISTINCT person) AS people
FROM whycap.spend
WHERE time >= :from AND time < :until
GROUP BY project
ORDER BY usd DESC, project
