-- Reads the installation: its epoch, whether its database is refused, each accepted restore, how many devices answered
-- the last recall, and how many orders they reported that this database does not know. A device answers when it has
-- reported what it did before the last restore.
-- row: document.*
SELECT json_build_object(
  'installation', i.id, 'epoch', i.epoch, 'counter', w.counter,
  'refused', CASE WHEN w.refused_at IS NOT NULL
                  THEN json_build_object('at', rfc3339(w.refused_at), 'by', w.refused_by,
                                         'marked_counter', w.marked_counter) END,
  'restores', (SELECT coalesce(json_agg(json_build_object(
                   'epoch', a.epoch, 'restored_to', rfc3339(a.restored_to), 'refused_at', rfc3339(a.refused_at),
                   'refused_by', a.refused_by, 'accepted_at', rfc3339(a.accepted_at), 'actor', a.actor,
                   'reason', a.reason) ORDER BY a.epoch DESC), '[]') FROM accepted_restore a),
  'recall', (SELECT json_build_object(
                 'epoch', a.epoch, 'asking', a.recalls,
                 'told', (SELECT count(*) FROM device WHERE recalled >= a.epoch),
                 'unable', (SELECT count(*) FROM device WHERE recalled < a.epoch AND recall_unable),
                 'outstanding', (SELECT count(*) FROM device WHERE recalled < a.epoch AND NOT recall_unable))
             FROM accepted_restore a ORDER BY a.epoch DESC LIMIT 1),
  'unknown_orders', (SELECT count(*) FROM unknown_order))::text AS document
FROM installation i, watermark w
