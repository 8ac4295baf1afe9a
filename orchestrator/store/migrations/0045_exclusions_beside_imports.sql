-- How often the fleet was imported: each import may change labels. An exclusion that is ordered while one is under way is not looked
-- at again by it, so the conductor compares: it has looked at all if no import was committed since the look began.
ALTER TABLE directory ADD COLUMN imports bigint NOT NULL DEFAULT 0;
ALTER TABLE exclusion ADD COLUMN seen_imports bigint NOT NULL DEFAULT 0; -- when the look began

-- As before; what an import may have brought into it is not looked at yet.
CREATE OR REPLACE FUNCTION exclusion_told(x exclusion) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT json_build_object('exclusion', x.id, 'match', CASE WHEN x.device IS NULL THEN x.scope END, 'device', x.device,
                           'reason', x.reason, 'by', x.excluded_by, 'at', rfc3339(x.excluded_at), 'ended', x.ended,
                           'is_whole', x.is_whole AND (x.device IS NOT NULL OR x.seen_imports = (SELECT d.imports FROM directory d)))
$$;

-- Whether a device in the patterns has an instruction of the rollout that has not ended. Looks first at a thousand of those, which
-- follow no label; then at the fewer of the devices in the patterns and the instructions of the rollout.
CREATE FUNCTION rollout_is_open_within(r rollout, patterns jsonb) RETURNS boolean
LANGUAGE sql STABLE SET enable_seqscan = off AS $$
  SELECT CASE
    WHEN r.numbered_at = r.planned_at
         AND EXISTS (SELECT
                     FROM (SELECT i.device FROM instruction i
                           WHERE i.rollout_id = r.id AND i.id BETWEEN r.first_instruction AND r.last_instruction
                             AND (i.state < :FIRST_END OR i.substate = :UNDECIDED)
                           ORDER BY i.id LIMIT 1000) i
                     WHERE (SELECT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(patterns)))
                            FROM device_search s WHERE s.device = i.device)) THEN true
    WHEN (SELECT count(*)
          FROM (SELECT FROM jsonb_array_elements(patterns) p, LATERAL (SELECT FROM device_search s WHERE s.labels @> p.value) f
                LIMIT 10001) n) <= least(10000, r.devices / 4)
      THEN EXISTS (SELECT FROM devices_within(patterns) w,
                   LATERAL (SELECT i.state, i.substate FROM instruction i WHERE i.device = w.device AND i.rollout_id = r.id OFFSET 0) i
                   WHERE i.state < :FIRST_END OR i.substate = :UNDECIDED)
    ELSE EXISTS (SELECT FROM instruction i
                 WHERE i.rollout_id = r.id AND i.id BETWEEN first_instruction_of(r) AND last_instruction_of(r)
                   AND (i.state < :FIRST_END OR i.substate = :UNDECIDED)
                   AND (SELECT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(patterns)))
                        FROM device_search s WHERE s.device = i.device))
  END
$$;
