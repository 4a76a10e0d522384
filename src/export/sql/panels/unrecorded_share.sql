-- Share that no transcript shows (compaction, background requests), in percent
SELECT 100 * sum(CASE WHEN kind = 'response' THEN 0 ELSE usd END) / sum(usd) AS percent
FROM whycap.spend
WHERE time >= :from AND time < :until
HAVING sum(usd) > 0
