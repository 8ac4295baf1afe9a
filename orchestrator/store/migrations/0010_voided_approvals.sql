-- What was approved or rejected and does not count any more. It stands apart from `approval`, of which an orchestrator of
-- the version before takes every row as valid.
CREATE TABLE approval_voided (
  rollout_id bigint NOT NULL REFERENCES rollout ON DELETE CASCADE,
  group_no smallint NOT NULL,
  digest text NOT NULL,
  actor text NOT NULL,
  approved boolean NOT NULL,
  reason text NOT NULL,
  at timestamptz NOT NULL,
  because text NOT NULL, -- for people
  voided_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX approval_voided_of ON approval_voided (rollout_id);

-- All that people said of rollout $1 and its groups, in the order of time, and why some of it does not count.
CREATE FUNCTION approvals_told(bigint) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT coalesce(json_agg(json_build_object(
           'actor', a.actor, 'approved', a.approved, 'digest', a.digest, 'reason', a.reason, 'at', rfc3339(a.at),
           'group', g.name, 'void', a.because IS NOT NULL, 'void_because', a.because) ORDER BY a.at), '[]')
  FROM (SELECT p.group_no, p.digest, p.actor, p.approved, p.reason, p.at,
               CASE WHEN p.digest <> r.digest
                      OR p.at <= (SELECT max(e.at) FROM rollout_event e WHERE e.rollout_id = $1 AND e.kind = 'revised')
                    THEN 'of another plan' END AS because
        FROM approval p
        JOIN rollout r ON r.id = p.rollout_id
        WHERE p.rollout_id = $1
        UNION ALL
        SELECT group_no, digest, actor, approved, reason, at, because FROM approval_voided WHERE rollout_id = $1) a
  LEFT JOIN rollout_group g ON g.rollout_id = $1 AND g.group_no = a.group_no
$$;
