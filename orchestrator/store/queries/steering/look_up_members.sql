-- Looks whether a device of :scope, or :device alone (null: of the scope), is in rollout :rollout; `is_open`: one whose
-- instruction has not ended. Of a wide scope this may take seconds, so it locks nothing and must run before the rollout is locked:
-- claims wait for that lock. No row: there is no such rollout.
-- parameters: rollout bigint, device text, scope text
-- row: is_open boolean, is_member boolean
SELECT f.is_open,
       CASE WHEN f.is_open THEN true
         WHEN :device::text IS NULL THEN rollout_touches(r, w.patterns)
         ELSE EXISTS (SELECT FROM instruction i WHERE i.device = :device::text AND i.rollout_id = :rollout) END AS is_member
FROM rollout r,
LATERAL (SELECT (SELECT jsonb_agg(p) FROM scope_patterns(:scope::jsonb) p) AS patterns OFFSET 0) w,
LATERAL (SELECT CASE WHEN :device::text IS NULL THEN rollout_is_open_within(r, w.patterns)
                  ELSE EXISTS (SELECT FROM instruction i
                               WHERE i.device = :device::text AND i.rollout_id = :rollout
                                 AND (i.state < :FIRST_END OR i.substate = :UNDECIDED)) END AS is_open OFFSET 0) f
WHERE r.id = :rollout
