-- Registers the key :id with the public half :x, of orchestrator :holder. The first key of the installation signs at
-- once; a later one is offered to the devices first.
-- parameters: id text, x text, holder text
INSERT INTO signing_key (id, x, state, rotation, holders, signing_at)
SELECT :id, :x, CASE WHEN n.is_first THEN :KEY_SIGNING ELSE :KEY_OFFERED END, r.number, ARRAY[:holder::text],
       CASE WHEN n.is_first THEN now() END
FROM key_rotation r, (SELECT NOT EXISTS (SELECT FROM signing_key) AS is_first) n
ON CONFLICT (id) DO UPDATE SET holders = array_append(signing_key.holders, :holder)
WHERE NOT :holder = ANY (signing_key.holders) AND signing_key.state IN (:KEY_OFFERED, :KEY_SIGNING)
