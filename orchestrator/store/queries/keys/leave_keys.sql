-- Orchestrator :holder signs with a key of rotation :rotation from now on: it leaves the keys of earlier rotations. A key
-- that all have left retires.
-- parameters: holder text, rotation bigint
UPDATE signing_key k
SET holders = array_remove(k.holders, :holder),
    state = CASE WHEN array_remove(k.holders, :holder) = '{}' THEN :KEY_RETIRING ELSE k.state END,
    left_at = CASE WHEN array_remove(k.holders, :holder) = '{}' THEN now() END
WHERE :holder = ANY (k.holders) AND k.rotation < :rotation AND k.state IN (:KEY_OFFERED, :KEY_SIGNING)
