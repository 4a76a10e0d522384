-- Machines without spend for a week
SELECT machine, max(person) AS last_person, max(time) AS last_spend
FROM whycap.spend
WHERE time < :until
GROUP BY machine
HAVING max(time) < :until - INTERVAL '7 day'
ORDER BY last_spend, machine
