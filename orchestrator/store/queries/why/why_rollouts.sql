-- Reads each rollout in :rollouts as struct why_rollout needs it. `held`: the event that paused or cancels it; its reason is null
-- when the orchestrator gave it and :patterns is not null, since it may name devices that are not in them.
-- parameters: rollouts bigint[], patterns text
-- row: id bigint, name text, priority smallint, preempt boolean, state text, approvals_needed smallint, approvals_given bigint,
--   promoted text null, promotion_needed smallint, promotion_given bigint,
--   held_by text null, held_reason text null, held_ms bigint, held_text text null, ends_ms bigint, ends_text text null,
--   is_blocked boolean, max_unavailable integer null, max_unavailable_percent double precision null, single_device_allowed boolean
SELECT r.id, r.name, r.priority, r.preempt, r.state, approvals_needed(r, r.devices) AS approvals_needed,
       (SELECT count(DISTINCT acting_person(a.actor)) FROM approval a
        WHERE a.rollout_id = r.id AND a.group_no = 0 AND a.digest = r.digest AND a.approved
          AND a.at > coalesce((SELECT max(e.at) FROM rollout_event e WHERE e.rollout_id = r.id AND e.kind = :KIND_REVISED), '-infinity'))
         AS approvals_given,
       p.promoted, coalesce(p.needed, 0::smallint) AS promotion_needed, coalesce(p.given, 0) AS promotion_given,
       h.actor AS held_by, CASE WHEN :patterns::jsonb IS NULL OR h.actor <> :ACTOR_TELLERCAST THEN h.reason END AS held_reason, epoch_ms(h.at) AS held_ms, time_told(h.at, 'UTC') AS held_text,
       epoch_ms(r.ends_at) AS ends_ms, time_told(r.ends_at, 'UTC') AS ends_text,
       r.id = ANY (ARRAY(SELECT rollout_id FROM blocked_rollout)) AS is_blocked,
       r.max_unavailable, r.max_unavailable_percent, r.single_device_allowed
FROM rollout r
LEFT JOIN LATERAL (
  SELECT e.* FROM rollout_event e
  WHERE e.rollout_id = r.id AND r.state IN (:ROLLOUT_PAUSED, :ROLLOUT_CANCELLING)
    AND e.kind IN (:KIND_PAUSED, :KIND_ABORTED, :KIND_CANCEL_ORDERED, :KIND_SUPERSEDED)
  ORDER BY e.id DESC LIMIT 1
) h ON true
LEFT JOIN LATERAL (
  -- The last promotion that waits for approvals.
  SELECT m.subject AS promoted, amendment_approvals_needed(m, r) AS needed,
         (SELECT count(DISTINCT acting_person(d.actor)) FROM amendment_decision d
          WHERE d.rollout_id = m.rollout_id AND d.number = m.number AND d.approved) AS given
  FROM amendment m
  WHERE m.rollout_id = r.id AND m.state = :AMENDMENT_AWAITING_APPROVAL AND m.kind = :AMENDMENT_PROMOTE
  ORDER BY m.number DESC LIMIT 1
) p ON true
WHERE r.id = ANY (:rollouts)
ORDER BY r.id
