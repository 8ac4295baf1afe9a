-- Reads at most :most events after position :after of the log, in their order. `newest`: the position of the newest event;
-- `oldest`: of the oldest one that is kept, or of the next one. Without an event there is one row, of which `position` is null.
-- `document_of_part`: for a reader who does not see all devices of the rollout; null: the same.
-- parameters: after bigint, most bigint
-- row: epoch bigint, newest bigint, oldest bigint, position bigint null, kind text null, readers text null, rollout bigint null,
--   freeze bigint null, document text null, document_of_part text null
-- alone
SELECT i.epoch, h.position AS newest, coalesce((SELECT min(o.position) FROM event o), h.position + 1) AS oldest,
       e.position, e.kind, e.readers, e.rollout_id AS rollout, e.freeze_id AS freeze, e.document::text AS document,
       CASE WHEN e.reason_is_whole THEN (e.document::jsonb - 'reason')::text END AS document_of_part
FROM event_head h, installation i
LEFT JOIN LATERAL (SELECT * FROM event WHERE position > :after ORDER BY position LIMIT :most) e ON true
ORDER BY e.position
