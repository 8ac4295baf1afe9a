-- Reads what a preview of an amendment of rollout :rollout tells beside its values: how many approvals one that loosens needs, and
-- how many of its devices wait, are at work and have ended; and by what its windows are laid out.
-- parameters: rollout bigint
-- row: name text, state text, version bigint, required smallint, waiting bigint, at_work bigint, ended bigint, calendars text,
--   submitted_at text
SELECT r.name, r.state, r.version, loosening_approvals_needed(r) AS required, c.waiting, c.at_work, c.ended, r.calendars::text,
       r.submitted_at::text
FROM rollout r,
LATERAL (SELECT coalesce(sum(n.count) FILTER (WHERE n.state = :CREATED), 0)::bigint AS waiting,
                coalesce(sum(n.count) FILTER (WHERE n.state BETWEEN :FIRST_IN_FLIGHT AND :LAST_IN_FLIGHT), 0)::bigint AS at_work,
                coalesce(sum(n.count) FILTER (WHERE n.state >= :FIRST_END), 0)::bigint AS ended
         FROM counter n WHERE n.rollout_id = r.id) c
WHERE r.id = :rollout
