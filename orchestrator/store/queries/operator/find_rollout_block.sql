-- Finds the block of the version that rollout :rollout installs. No row: it is not blocked.
-- parameters: rollout bigint
-- row: name text, version text, blocked_by text, at text, reason text
SELECT name, version, blocked_by, rfc3339(blocked_at) AS at, reason FROM blocked_rollout WHERE rollout_id = :rollout
