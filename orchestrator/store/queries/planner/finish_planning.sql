-- Marks rollout :rollout as planned for :devices devices. Returns the number of approvals that it needs.
-- parameters: rollout bigint, devices bigint
-- row: approvals_required smallint
WITH planned AS (
  UPDATE rollout
  SET planned_at = now(), devices = :devices,
      ends_at = nullif(schedule_end(plan #> '{spec,schedule}', submitted_at), 'infinity'),
      state = CASE WHEN approvals_required > 0 THEN :ROLLOUT_AWAITING_APPROVAL ELSE state END
  WHERE id = :rollout
  RETURNING id, digest, approvals_required
), recorded AS (
  INSERT INTO rollout_event (rollout_id, kind, actor, digest) SELECT id, :KIND_PLANNED, :ACTOR_TELLERCAST, digest FROM planned
)
SELECT approvals_required FROM planned
