-- Requests a rotation for :actor with reason :reason. No row: one is under way, since a key is offered, or an
-- orchestrator still signs with a key of an earlier rotation.
-- parameters: actor text, reason text
-- row: document.*
UPDATE key_rotation r SET number = r.number + 1, requested_at = now(), actor = :actor, reason = :reason
WHERE NOT EXISTS (SELECT FROM signing_key k
                  WHERE k.state = :KEY_OFFERED OR (k.state = :KEY_SIGNING AND k.rotation < r.number))
RETURNING json_build_object('rotation', r.number)::text AS document
