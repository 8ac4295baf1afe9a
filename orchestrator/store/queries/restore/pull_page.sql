-- Lists at most :most pull clients after :after that have nothing in flight.
-- parameters: after text, most bigint
-- row: released.*
SELECT d.id AS device, true AS pull
FROM device d
WHERE d.role = :ROLE_PULL AND d.id > :after
  AND NOT EXISTS (SELECT FROM instruction i WHERE i.device = d.id AND i.in_flight)
ORDER BY d.id
LIMIT :most
