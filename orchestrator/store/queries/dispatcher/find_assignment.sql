-- Reads for each device its assignment, the watermark, since when it must report what it did before a restore, and the
-- keys that it last named, joined by spaces; also whether the key :key may sign the answers, and whether these :versions
-- of the device were written in the last ten seconds, in which write_versions would leave them as they are. An
-- instruction to install a blocked version is no assignment; nor is one that was not answered, of a device that is frozen or
-- excluded from the rollout.
-- An amended end may leave less time to start than an instruction has that was not answered.
-- A device that is not in the fleet, or is retired, has no row.
-- LATERAL with LIMIT makes one index probe for each device; a join could be planned to read everything in flight.
-- parameters: devices text[], versions text[], key text
-- row: at bigint, assignment.*, watermark.*, recall bigint, recall_since_s bigint, recall_unable boolean,
--   trusted_keys text, may_sign boolean, versions_are_written boolean
SELECT n.at - 1 AS at, i.id AS instruction, i.rollout_id AS rollout, i.attempt, d.role, floor(extract(epoch FROM i.start_before))::bigint AS start_before_s,
       installation.epoch, EXISTS (SELECT FROM unavailable u WHERE u.device = n.device) AS out_of_service,
       installation.id, installation.epoch, w.counter, w.refused_at IS NOT NULL AS is_refused, w.refused_by, w.marked_counter,
       coalesce(a.epoch, 0) AS recall, coalesce(floor(extract(epoch FROM a.restored_to))::bigint, 0) AS recall_since_s, d.recall_unable,
       coalesce(array_to_string(d.trusted_keys, ' '), '') AS trusted_keys,
       coalesce((SELECT k.state = :KEY_SIGNING FROM signing_key k WHERE k.id = :key), false) AS may_sign,
       CASE WHEN d.versions_at BETWEEN now() - interval '10 s' AND now() AND n.versions <> ''
            THEN d.versions = n.versions::jsonb ELSE false END AS versions_are_written
FROM unnest(:devices::text[], :versions::text[]) WITH ORDINALITY AS n(device, versions, at)
JOIN device d ON d.id = n.device AND d.retired_at IS NULL
LEFT JOIN accepted_restore a ON a.recalls AND a.epoch > d.recalled
LEFT JOIN LATERAL (
  SELECT f.id, f.rollout_id, f.attempt,
         least(f.start_before, CASE WHEN f.state = :DISPATCHED THEN (SELECT r.last_start_at FROM rollout r WHERE r.id = f.rollout_id) END) AS start_before
  FROM instruction f
  WHERE f.device = n.device AND f.in_flight AND f.substate = :ACTIVE
    AND f.rollout_id <> ALL (ARRAY(SELECT rollout_id FROM blocked_rollout))
    AND (f.state <> :DISPATCHED OR NOT EXISTS (SELECT FROM freeze_order WHERE lifted_at IS NULL)
         OR NOT EXISTS (SELECT FROM frozen_device z
                        WHERE z.device = n.device AND z.lifted_at IS NULL
                          AND NOT (SELECT r.door = :COLLECT_ENDPOINT OR z.except_rollback AND r.rollback_of IS NOT NULL
                                   FROM rollout r WHERE r.id = f.rollout_id)
                        OFFSET 0))
    AND (f.state <> :DISPATCHED OR NOT EXISTS (SELECT FROM exclusion x WHERE x.rollout_id = f.rollout_id)
         OR exclusion_of(f.rollout_id, n.device) IS NULL)
  LIMIT 1
) i ON true, installation, watermark w
ORDER BY n.at
