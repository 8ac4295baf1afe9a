-- Reads what a forecast of the rest of rollout :rollout needs. The expected duration of a device (`takes_ms`) is the
-- mean plus one standard deviation of a sample of completed devices, which lie next to the remaining ones; with fewer
-- than three completed devices it is null. `frozen_until_ms`: the last end of the freezes that touch a group that has not
-- ended; 0: there is none. `known`: this version understands the rate and installTimeout; `rules_json`: the JSON that they
-- are read from.
-- parameters: rollout bigint
-- row: now_ms bigint, frozen_until_ms bigint, install_s bigint null, takes_ms bigint null, per_minute bigint null,
--   growth double precision null, grow_after bigint null, maximum_per_minute bigint null, known boolean, rules_json text
SELECT (extract(epoch FROM now()) * 1000)::bigint AS now_ms,
       coalesce((SELECT (extract(epoch FROM max(f.until)) * 1000)::bigint
                 FROM frozen_rollout t JOIN freeze_order f ON f.id = t.freeze_id
                 WHERE t.rollout_id = :rollout AND f.lifted_at IS NULL AND f.until > now()
                   AND NOT (f.except_rollback AND r.rollback_of IS NOT NULL)
                   AND EXISTS (SELECT FROM rollout_group g
                               WHERE g.rollout_id = :rollout AND g.group_no = ANY (t.groups) AND g.ended_at IS NULL)), 0) AS frozen_until_ms,
       x.install_s,
       (SELECT CASE WHEN count(*) >= 3 THEN (avg(s.took) + stddev_pop(s.took)) * 1000 END
        FROM (SELECT extract(epoch FROM i.ended_at - i.dispatched_at) AS took
              FROM instruction i
              WHERE i.id BETWEEN x.near - 2500 AND x.near + 2500 AND i.rollout_id = :rollout AND i.state = :COMPLETED
                AND i.dispatched_at IS NOT NULL) s)::bigint AS takes_ms,
       nullif(x.per_minute, 0) AS per_minute, x.growth, x.grow_after, x.maximum_per_minute,
       num_nulls(x.install_s, x.per_minute, x.growth, x.grow_after, x.maximum_per_minute) = 0 AS known,
       concat(r.plan #>> '{spec,rate}', ' ', r.plan #>> '{spec,execution}') AS rules_json
FROM rollout r,
LATERAL (
  SELECT plan_number(r.plan #> '{spec,execution,installTimeout}', NULL) AS install_s,
         plan_number(r.plan #> '{spec,rate,perMinute}', 0) AS per_minute,
         plan_decimal(r.plan #> '{spec,rate,growth}', 0) AS growth,
         plan_number(r.plan #> '{spec,rate,growAfter}', 0) AS grow_after,
         plan_number(r.plan #> '{spec,rate,maximumPerMinute}', 0) AS maximum_per_minute,
         least((SELECT min(i.id) FROM instruction i WHERE i.rollout_id = :rollout AND i.due_at IS NOT NULL),
               (SELECT min(i.id) FROM instruction i WHERE i.rollout_id = :rollout AND i.wake_at IS NOT NULL)) AS near
) x
WHERE r.id = :rollout
