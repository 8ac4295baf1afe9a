-- When the gate of a group was seen to be certain before all of it was settled: the next group need not wait longer.
ALTER TABLE rollout_group ADD COLUMN reached_at timestamptz;

-- The silent devices that a person went past when promoting their group.
CREATE TABLE promoted_past (
  rollout_id bigint NOT NULL REFERENCES rollout ON DELETE CASCADE,
  group_no smallint NOT NULL,
  instruction_id bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (rollout_id, instruction_id)
);

-- The devices that group $2 of rollout $1 was promoted past, as they are now; null: it was not.
CREATE FUNCTION group_promoted_past(bigint, smallint) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT json_agg(json_build_object('device', i.device, 'at', rfc3339(p.at), 'state', s.name, 'code', coalesce(i.code, ''))
                  ORDER BY i.device)
  FROM promoted_past p
  JOIN instruction i ON i.id = p.instruction_id
  JOIN instruction_state s ON s.state = i.state
  WHERE p.rollout_id = $1 AND p.group_no = $2
$$;

-- Whether a group that is open was reached and has soaked since, so that nothing but a person's word may be missing.
CREATE FUNCTION group_has_soaked_open(rollout_group) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT $1.state = 'open' AND $1.reached_at IS NOT NULL AND $1.reached_at + $1.soak_s * interval '1 s' <= now()
$$;
