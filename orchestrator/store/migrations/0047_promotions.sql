-- The failures that a group was promoted past: each is the end of one attempt. Its gate does not count it for as long as the
-- instruction is as it was then. Another attempt of the device counts as ever.
CREATE TABLE promoted_failure (
  rollout_id bigint NOT NULL,
  amendment integer NOT NULL, -- that named it
  group_no smallint NOT NULL,
  instruction_id bigint NOT NULL,
  attempt integer NOT NULL,
  state smallint NOT NULL,
  ended_at timestamptz, -- as the instruction has it
  PRIMARY KEY (rollout_id, amendment, instruction_id),
  FOREIGN KEY (rollout_id, amendment) REFERENCES amendment ON DELETE CASCADE
);

-- As before; a promotion goes on to wait when the rollout halts, which is what it changes.
CREATE OR REPLACE FUNCTION void_amendments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE amendment
  SET state = :AMENDMENT_VOID, decided_at = now(), retimes = false
  WHERE rollout_id = NEW.id
    AND (state = :AMENDMENT_AWAITING_APPROVAL
           AND NOT (kind = :AMENDMENT_PROMOTE AND NEW.state = :ROLLOUT_HALTED AND NEW.digest = OLD.digest)
         OR state = :AMENDMENT_IN_FORCE AND NEW.digest <> OLD.digest);
  RETURN NULL;
END
$$;

-- Whether an instruction ended as a promotion names it, and no other attempt was ordered since.
CREATE FUNCTION is_promoted_past(f promoted_failure, i instruction) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT i.attempt = f.attempt AND i.state = f.state AND i.substate = :FINAL AND i.ended_at IS NOT DISTINCT FROM f.ended_at
$$;

-- The failures that group $2 of rollout $1 was promoted past, of devices whose instructions are among $3 (null: all), and whether
-- its gate still ignores each; null: there is none.
CREATE FUNCTION group_promoted_failures(bigint, smallint, bigint[]) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT json_agg(json_build_object('device', i.device, 'attempt', f.attempt, 'state', s.name, 'amendment', f.amendment,
                                    'code', CASE WHEN is_promoted_past(f, i) THEN coalesce(i.code, '') ELSE '' END,
                                    'is_passed_over', is_promoted_past(f, i))
                  ORDER BY i.device, f.amendment)
  FROM promoted_failure f
  JOIN instruction i ON i.id = f.instruction_id
  JOIN instruction_state s ON s.state = f.state
  WHERE f.rollout_id = $1 AND f.group_no = $2 AND ($3 IS NULL OR i.id = ANY ($3))
$$;
