-- Spend by branch
SELECT project, branch, sum(usd) AS usd
FROM whycap.spend
WHERE time >= :from AND time < :until AND kind = 'response'
GROUP BY project, branch
ORDER BY usd DESC, project, branch
LIMIT 100
