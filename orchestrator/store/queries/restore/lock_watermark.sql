-- Locks the watermark until this transaction ends. Also returns who accepted the last restore.
-- row: is_refused boolean, accepted_by text, accepted_at text
SELECT w.refused_at IS NOT NULL AS is_refused, coalesce(a.actor, '') AS accepted_by,
       coalesce(rfc3339(a.accepted_at), '') AS accepted_at
FROM watermark w
LEFT JOIN LATERAL (SELECT actor, accepted_at FROM accepted_restore ORDER BY epoch DESC LIMIT 1) a ON true
FOR UPDATE OF w
