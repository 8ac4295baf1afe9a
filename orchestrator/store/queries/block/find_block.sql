-- Finds the block of artifact :name in version :version and locks it until this transaction ends. `ordered_by`: who ordered to
-- unblock it; null: nobody did. No row: it is not blocked.
-- parameters: name text, version text
-- row: id bigint, blocked_by text, at text, reason text, ordered_by text null
SELECT id, blocked_by, rfc3339(blocked_at) AS at, reason, acting_person(unblock_ordered_by) AS ordered_by
FROM artifact_block
WHERE name = :name AND version = :version AND unblocked_at IS NULL
FOR UPDATE
