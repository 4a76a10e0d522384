-- Spend by model
SELECT model, sum(usd) AS usd, sum(output) AS output_tokens
FROM whycap.spend
WHERE time >= :from AND time < :until
GROUP BY model
ORDER BY usd DESC, model
