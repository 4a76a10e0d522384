-- Spend by person
SELECT person, sum(usd) AS usd, count(DISTINCT machine) AS machines
FROM whycap.spend
WHERE time >= :from AND time < :until
GROUP BY person
ORDER BY usd DESC, person
