-- Limit errors by kind and verdict
SELECT kind, verdict, count(*) AS errors, sum(blocked_s) / 3600.0 AS hours_blocked
FROM whycap.limits
WHERE time >= :from AND time < :until AND ended != 'none'
GROUP BY kind, verdict
ORDER BY hours_blocked DESC, errors DESC, kind, verdict
