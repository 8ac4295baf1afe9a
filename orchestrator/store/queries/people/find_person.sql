-- Finds person :name. `may_approve`: it may approve or grant, or will once another admin confirms it. `made_today`: its
-- tokens of the last 24 hours. No row: there is none.
-- parameters: name text
-- row: is_disabled boolean, may_approve boolean, own_name_waits boolean, own_name_by text null, live_tokens bigint,
--   made_today bigint
SELECT p.disabled_at IS NOT NULL AS is_disabled,
       EXISTS (SELECT FROM person_role r
               WHERE r.person = p.name AND r.role IN (:PERSON_APPROVER, :PERSON_ADMIN, :PERSON_BREAK_GLASS)) AS may_approve,
       coalesce(a.confirmed_at IS NULL, false) AS own_name_waits, a.linked_by AS own_name_by,
       (SELECT count(*) FROM token t
        WHERE t.person = p.name AND t.revoked_at IS NULL AND t.expires_at > now()) AS live_tokens,
       (SELECT count(*) FROM token t WHERE t.person = p.name AND t.created_at > now() - interval '24 h') AS made_today
FROM person p
LEFT JOIN alias a ON a.kind = :ALIAS_AUTHOR AND a.value = p.name
WHERE p.name = :name
