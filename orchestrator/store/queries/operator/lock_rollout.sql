-- Reads rollout :rollout and locks it until this transaction ends. No row: there is no such rollout.
-- parameters: rollout bigint
-- row: name text, state text, version bigint, digest text, approvals_required smallint, resume_approvals_required smallint,
--   loosening_approvals_required smallint, action text null, is_collect boolean, end_has_passed boolean, rollback_wanted_by text null
SELECT name, state, version, digest, approvals_needed(rollout, devices) AS approvals_required,
       resume_approvals_needed(rollout) AS resume_approvals_required,
       loosening_approvals_needed(rollout) AS loosening_approvals_required, plan #>> '{spec,action}' AS action,
       door = :COLLECT_ENDPOINT AS is_collect,
       coalesce(ends_at <= clock_timestamp(), false) AS end_has_passed,
       rollback_wanted_by
FROM rollout
WHERE id = :rollout
FOR UPDATE
