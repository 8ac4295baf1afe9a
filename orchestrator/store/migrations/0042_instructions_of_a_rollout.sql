-- Between which IDs the instructions of a rollout are. The planner gives them in one go, so that those of a rollout are read in
-- their order by the primary key. They hold for the planning of numbered_at: an orchestrator of the version before, which plans
-- anew, does not write them. Read before the table is locked.
CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
SELECT rollout_id, min(id) AS first, max(id) AS last FROM instruction GROUP BY rollout_id;

ALTER TABLE rollout ADD COLUMN first_instruction bigint, ADD COLUMN last_instruction bigint, ADD COLUMN numbered_at timestamptz;

UPDATE rollout r SET first_instruction = n.first, last_instruction = n.last, numbered_at = r.planned_at
FROM numbered n
WHERE n.rollout_id = r.id AND r.planned_at IS NOT NULL;

-- The bounds of a rollout; of one that has none, those of all instructions.
CREATE FUNCTION first_instruction_of(r rollout) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN r.numbered_at = r.planned_at THEN r.first_instruction ELSE 0 END
$$;

CREATE FUNCTION last_instruction_of(r rollout) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN r.numbered_at = r.planned_at THEN r.last_instruction ELSE 9223372036854775807 END
$$;

-- The devices in one of the patterns, by the index of their labels.
CREATE OR REPLACE FUNCTION devices_within(patterns jsonb) RETURNS TABLE (device text)
LANGUAGE sql STABLE AS $$
  SELECT DISTINCT f.device
  FROM jsonb_array_elements(patterns) p,
  LATERAL (SELECT s.device FROM device_search s WHERE s.labels @> p.value) f
$$;

-- As before, but a device outside ends the search.
CREATE OR REPLACE FUNCTION branch_is_within(of_branch text, patterns jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT patterns IS NULL
      OR EXISTS (SELECT FROM device d WHERE d.branch = of_branch)
         AND NOT EXISTS (SELECT FROM device d
                         WHERE d.branch = of_branch
                           AND NOT coalesce((SELECT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(patterns)))
                                             FROM device_search s WHERE s.device = d.id), false))
$$;

CREATE OR REPLACE FUNCTION rollout_is_within(r rollout, patterns jsonb) RETURNS boolean
LANGUAGE sql STABLE SET enable_seqscan = off AS $$
  SELECT CASE
    WHEN patterns IS NULL OR patterns_cover(patterns, r.author_scope::jsonb) THEN true
    WHEN r.planned_at IS NULL OR r.devices NOT BETWEEN 1 AND 10000 THEN false
    WHEN r.numbered_at = r.planned_at THEN
      NOT EXISTS (SELECT FROM instruction i
                  WHERE i.rollout_id = r.id AND i.id BETWEEN r.first_instruction AND r.last_instruction
                    AND NOT coalesce((SELECT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(patterns)))
                                      FROM device_search s WHERE s.device = i.device), false))
    WHEN (SELECT count(*) = r.devices
                 AND bool_and(coalesce(s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(patterns))), false))
          FROM (SELECT i.device FROM instruction i
                WHERE i.rollout_id = r.id AND i.due_at IS NOT NULL
                ORDER BY i.group_no, i.due_at, i.id -- of the index
                LIMIT 10001) i,
          LATERAL (SELECT (SELECT f.labels FROM device_search f WHERE f.device = i.device) AS labels OFFSET 0) s) THEN true
    ELSE (SELECT count(*) = r.devices
          FROM (SELECT DISTINCT f.device
                FROM (SELECT s.device
                      FROM jsonb_array_elements(patterns) p,
                      LATERAL (SELECT s.device FROM device_search s WHERE s.labels @> p.value OFFSET 0) s
                      LIMIT 10001) f) m,
          LATERAL (SELECT FROM instruction i WHERE i.device = m.device AND i.rollout_id = r.id OFFSET 0) i)
  END
$$;

-- Whether one of the first 1,000 instructions of a rollout is of a device in the patterns. Of each group they are in an order that
-- follows no label, so that this finds a rollout with more than a few such devices; it says nothing when it is false.
CREATE FUNCTION rollout_begins_within(r rollout, patterns jsonb) RETURNS boolean
LANGUAGE sql STABLE SET enable_seqscan = off AS $$
  SELECT r.numbered_at = r.planned_at
     AND EXISTS (SELECT
                 FROM (SELECT i.device FROM instruction i
                       WHERE i.rollout_id = r.id AND i.id BETWEEN r.first_instruction AND r.last_instruction
                       ORDER BY i.id LIMIT 1000) i
                 WHERE (SELECT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(patterns)))
                        FROM device_search s WHERE s.device = i.device))
$$;

-- Whether a rollout has a device in the patterns; null: all have. One that is not planned counts when its author had to keep to them.
CREATE FUNCTION rollout_touches(r rollout, patterns jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN patterns IS NULL THEN true
    WHEN r.planned_at IS NULL THEN patterns_cover(patterns, r.author_scope::jsonb)
    WHEN rollout_begins_within(r, patterns) THEN true
    WHEN (SELECT count(*) FROM (SELECT FROM devices_within(patterns) LIMIT 10001) n) <= least(10000, r.devices / 4) -- fewer to look up
      THEN EXISTS (SELECT FROM devices_within(patterns) w,
                   LATERAL (SELECT FROM instruction i WHERE i.device = w.device AND i.rollout_id = r.id OFFSET 0) i)
    ELSE EXISTS (SELECT FROM instruction i
                 WHERE i.rollout_id = r.id AND i.id BETWEEN first_instruction_of(r) AND last_instruction_of(r)
                   AND (SELECT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(patterns)))
                        FROM device_search s WHERE s.device = i.device))
  END
$$;
