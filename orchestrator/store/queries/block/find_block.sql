-- Finds the block of artifact :name in version :version and locks it until this transaction ends. `ordered_by`: who ordered to
-- unblock it; null: nobody did, or a person who may not any more. No row: it is not blocked.
-- parameters: name text, version text
-- row: id bigint, blocked_by text, at text, reason text, ordered_by text null
SELECT b.id, b.blocked_by, rfc3339(b.blocked_at) AS at, b.reason,
       (SELECT a.name FROM active_person a
        WHERE a.name = acting_person(b.unblock_ordered_by)
          AND EXISTS (SELECT FROM (SELECT a.roles
                                   UNION ALL
                                   SELECT c.roles FROM live_credential c WHERE c.person = a.name) r -- of sessions
                      WHERE :PERSON_OPERATOR = ANY (string_to_array(r.roles, ' '))
                         OR :PERSON_APPROVER = ANY (string_to_array(r.roles, ' ')))) AS ordered_by
FROM artifact_block b
WHERE b.name = :name AND b.version = :version AND b.unblocked_at IS NULL
FOR UPDATE OF b
