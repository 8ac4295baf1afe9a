-- Voids what nobody but one gave to :person, who is about to become somebody who may approve or grant, by :actor: tokens are
-- revoked, other names wait for a second admin. Nothing, if :person is one already.
-- parameters: person text, actor text
WITH aliases AS (
  UPDATE alias SET confirmed_at = NULL, confirmed_by = NULL
  WHERE person = :person AND kind <> :ALIAS_AUTHOR AND confirmed_by = linked_by
    AND NOT EXISTS (SELECT FROM person_role r WHERE r.person = :person AND r.role IN (:PERSON_APPROVER, :PERSON_ADMIN, :PERSON_BREAK_GLASS)
                                                AND r.confirmed_at IS NOT NULL)
)
UPDATE token SET revoked_at = now(), revoked_by = :actor
WHERE person = :person AND revoked_at IS NULL AND confirmed_by = created_by
  AND NOT EXISTS (SELECT FROM person_role r WHERE r.person = :person AND r.role IN (:PERSON_APPROVER, :PERSON_ADMIN, :PERSON_BREAK_GLASS)
                                              AND r.confirmed_at IS NOT NULL)
