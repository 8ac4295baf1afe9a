-- Rollout $1, which cannot change until this transaction ends.
SELECT name, state, version, digest, approvals_required, plan #>> '{spec,action}' AS action,
       coalesce(ends_at <= clock_timestamp(), false) AS end_has_passed,
       rollback_wanted_by
FROM rollout
WHERE id = $1
FOR UPDATE
