-- Stores a report of device :device on the unknown instruction :instruction: attempt :attempt, sequence :sequence,
-- event :event, code :code, detail :detail and versions :versions; the latest of each instruction is kept. Limits:
-- :of_device_max for each device, and about :of_all_max in total. Moves the sequence, so that no new instruction gets
-- the number. Returns a row if the report was stored.
-- parameters: device text, instruction bigint, attempt bigint, sequence bigint, event bigint, code text, detail text,
--   versions text, of_device_max bigint, of_all_max bigint
-- row: is_kept boolean
WITH turn AS MATERIALIZED ( -- one at a time, so that the sequence never moves back
  SELECT pg_advisory_xact_lock(hashtext('tellercast'), hashtext('unknown order')) FROM instruction_id WHERE last_value <= :instruction
), moved AS MATERIALIZED (
  SELECT setval('instruction_id', :instruction + 10000) FROM instruction_id
  WHERE (SELECT count(*) FROM turn) > 0 AND last_value <= :instruction
), stored AS (
  INSERT INTO unknown_order AS u (device, instruction, attempt, sequence, event, code, detail, versions)
  SELECT :device, :instruction, :attempt::int, :sequence::int, :event::smallint, :code, :detail, :versions::jsonb
  WHERE (SELECT count(*) FROM moved) >= 0
    AND (EXISTS (SELECT FROM unknown_order WHERE device = :device AND instruction = :instruction)
         OR (SELECT count(*) FROM unknown_order WHERE device = :device) < :of_device_max
            AND (SELECT reltuples FROM pg_class WHERE oid = 'unknown_order'::regclass) < :of_all_max)
  ON CONFLICT (device, instruction) DO UPDATE
    SET attempt = CASE WHEN (excluded.attempt, excluded.sequence) > (u.attempt, u.sequence) THEN excluded.attempt ELSE u.attempt END,
        sequence = CASE WHEN (excluded.attempt, excluded.sequence) > (u.attempt, u.sequence) THEN excluded.sequence ELSE u.sequence END,
        event = CASE WHEN (excluded.attempt, excluded.sequence) > (u.attempt, u.sequence) THEN excluded.event ELSE u.event END,
        code = CASE WHEN (excluded.attempt, excluded.sequence) > (u.attempt, u.sequence) THEN excluded.code ELSE u.code END,
        detail = CASE WHEN (excluded.attempt, excluded.sequence) > (u.attempt, u.sequence) THEN excluded.detail ELSE u.detail END,
        -- All that is installed, as the latest report with versions says it.
        versions = CASE WHEN excluded.versions <> '{}' AND ((excluded.attempt, excluded.sequence) > (u.attempt, u.sequence) OR u.versions = '{}')
                        THEN excluded.versions ELSE u.versions END,
        last_at = now()
  RETURNING 1
), out_of_service AS (
  -- A machine that is out of service is unavailable until it returns, whatever its order was.
  INSERT INTO unavailable (device, branch, instruction_id, rollout_id, code, since)
  SELECT d.id, d.branch, :instruction, 0, :code, now()
  FROM device d
  WHERE d.id = :device AND d.role <> :ROLE_NODE AND :event IN (:ON_FAILED, :ON_REJECTED)
    AND :code IN (:CODE_OUT_OF_SERVICE, :CODE_INSTALL_TIMEOUT)
    AND EXISTS (SELECT FROM stored)
  ON CONFLICT (device) DO NOTHING
)
SELECT true AS is_kept FROM stored
