-- Marks rollout :rollout as planned for :devices devices, whose instructions are the last that this session has numbered. Returns the number of approvals that it needs.
-- parameters: rollout bigint, devices bigint
-- row: approvals_required smallint
WITH needed AS (
  SELECT id, approvals_needed(rollout, :devices) AS approvals, currval('instruction_id') AS last FROM rollout WHERE id = :rollout
), planned AS (
  UPDATE rollout r
  SET planned_at = now(), devices = :devices, numbered_at = now(), last_instruction = n.last, first_instruction = n.last - :devices + 1, approvals_required = n.approvals,
      ends_at = nullif(schedule_end(plan #> '{spec,schedule}', submitted_at), 'infinity'),
      state = CASE WHEN n.approvals > 0 THEN :ROLLOUT_AWAITING_APPROVAL ELSE state END
  FROM needed n
  WHERE r.id = n.id
  RETURNING r.id, r.digest, r.approvals_required
), recorded AS (
  INSERT INTO rollout_event (rollout_id, kind, actor, digest) SELECT id, :KIND_PLANNED, :ACTOR_TELLERCAST, digest FROM planned
)
SELECT approvals_required FROM planned
