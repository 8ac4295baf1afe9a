-- Inserts one instruction for each device in scope, in order and with its forecast.
--
-- Order: by group; unavailable devices first; then by a hash of (rollout, branch); then of (rollout, device). It is
-- repeatable and keeps the devices of a branch together, so that one start command serves many of them. The four keys
-- are packed in one number (9, 1, 37 and 16 bits), which sorts fastest; IDs are given in this order.
--
-- Groups: a count or percentage takes the devices with the lowest hashes, so the boundary between two groups is one
-- hash, found without ranking all devices.
--
-- Forecast: the devices of a zone follow each other at the plan's rate (:per_minute a minute if the plan has none; 0:
-- all at once; the highest if the rate grows, so that no device is late), within the open time of its windows less the
-- duration of an installation. A device's position in the rollout follows from its ID, since no other session takes IDs
-- meanwhile. :devices: the number in scope.
--
-- The instruction of an order to collect has no branch: it uses none of its machines.
--
-- Values that are the same for all devices are read from arrays by scalar subqueries: for a million devices this is
-- much faster than joins, and it keeps the order of the one sort. OFFSET 0 keeps the subquery above it from being
-- evaluated twice.
-- parameters: rollout bigint, scope.*, per_minute bigint, devices bigint
-- counted
WITH spec AS MATERIALIZED (
  SELECT plan #>> '{spec,schedule,timeZone}' AS zone,
         coalesce(60.0 / nullif(CASE WHEN (plan #>> '{spec,rate,growth}')::numeric > 1
                                     THEN (plan #>> '{spec,rate,maximumPerMinute}')::bigint
                                     ELSE coalesce((plan #>> '{spec,rate,perMinute}')::bigint, :per_minute::bigint) END, 0),
                  0)::double precision AS step_s,
         (plan #>> '{spec,execution,installTimeout}')::bigint AS install_s,
         coalesce((plan #>> '{spec,schedule,startAt}')::timestamptz, submitted_at) AS starts_at,
         plan #> '{spec,groups}' AS groups,
         rollout_seed(name) AS seed, door = :COLLECT_ENDPOINT AS is_collect,
         nextval('instruction_id') + 1 AS first_id
  FROM rollout
  WHERE id = :rollout
), rule AS MATERIALIZED (
  SELECT g.no::smallint AS group_no, g.rule,
         coalesce((g.rule ->> 'count')::numeric,
                  ceil((g.rule ->> 'percentage')::numeric * :devices::bigint / 100))::bigint AS last_rank
  FROM spec, jsonb_array_elements(spec.groups) WITH ORDINALITY AS g(rule, no)
), lowest AS (
  SELECT hash, row_number() OVER (ORDER BY hash) - 1 AS before
  FROM (SELECT hashtextextended(s.device, (SELECT seed FROM spec)) AS hash
        FROM device_scope(:named_branches, :named_devices, :match_labels::jsonb, :match_expressions::jsonb, :artifact, :from_versions, :origin::jsonb) s
        ORDER BY hash
        LIMIT coalesce((SELECT max(last_rank) + 1 FROM rule WHERE last_rank < :devices::bigint), 0)) l
), boundary AS MATERIALIZED (
  -- hashes[n]: the lowest hash beyond groups[n] of membership.
  SELECT coalesce(array_agg(lowest.hash::double precision ORDER BY rule.last_rank), '{}') AS hashes
  FROM rule
  JOIN lowest ON lowest.before = rule.last_rank
  WHERE rule.last_rank < :devices::bigint
), membership AS MATERIALIZED (
  SELECT (SELECT array_agg(group_no ORDER BY last_rank)
          FROM (SELECT last_rank, min(group_no) OVER (ORDER BY last_rank DESC) AS group_no
                FROM rule WHERE last_rank IS NOT NULL) r) AS groups,
         (SELECT jsonb_object_agg(id, group_no)
          FROM (SELECT id, min(group_no) AS group_no
                FROM rule, jsonb_array_elements_text(rule -> 'devices') AS id GROUP BY id) d) AS devices,
         (SELECT jsonb_object_agg(id, group_no)
          FROM (SELECT id, min(group_no) AS group_no
                FROM rule, jsonb_array_elements_text(rule -> 'branches') AS id GROUP BY id) b) AS branches
), usable AS (
  SELECT w.zone_no, w.opens_at,
         CASE WHEN w.closes_at = 'infinity' THEN 1e10
              ELSE extract(epoch FROM w.closes_at - w.opens_at) - spec.install_s END::double precision AS seconds
  FROM rollout_window w, spec
  WHERE w.rollout_id = :rollout
), forecast AS MATERIALIZED (
  SELECT f.zone_no, f.before, f.seconds, extract(epoch FROM f.opens_at)::double precision - f.before AS zero_s
  FROM (SELECT zone_no, opens_at, seconds,
               sum(seconds) OVER (PARTITION BY zone_no ORDER BY opens_at) - seconds AS before
        FROM usable WHERE seconds > 0) f, spec
  WHERE f.before <= :devices::bigint * spec.step_s
), timeline AS MATERIALIZED (
  -- After the last usable window of a zone comes infinity. The zones lie 2e10 seconds apart on the timeline.
  SELECT array_agg(zone_no * 2e10 + before ORDER BY zone_no, before) AS begins,
         array_agg(zero_s ORDER BY zone_no, before) AS zeros
  FROM (SELECT zone_no, before, zero_s FROM forecast
        UNION ALL
        SELECT z.zone_no, coalesce(sum(f.seconds), 0), 'infinity'
        FROM rollout_zone z LEFT JOIN forecast f USING (zone_no) WHERE z.rollout_id = :rollout GROUP BY z.zone_no) r
)
INSERT INTO instruction (id, rollout_id, planned_at, due_at, group_no, zone_no, pull, device, branch)
SELECT id, :rollout, nullif(forecast_at, 'infinity'),
       CASE WHEN forecast_at = 'infinity' THEN (SELECT starts_at FROM spec) ELSE forecast_at END,
       group_no, zone_no, pull, device, CASE WHEN NOT (SELECT is_collect FROM spec) THEN branch END
FROM (
  SELECT id, place >> 54 AS group_no, zone_no, pull, device, branch,
         to_timestamp((SELECT zeros FROM timeline)[width_bucket(
                        zone_no * 2e10::double precision
                        + (id - (SELECT first_id FROM spec)) * (SELECT step_s FROM spec), (SELECT begins FROM timeline))]
                      + (id - (SELECT first_id FROM spec)) * (SELECT step_s FROM spec)) AS forecast_at
  FROM (
    SELECT nextval('instruction_id') AS id, place, zone_no, pull, device, branch
    FROM (
      SELECT s.device, s.branch, s.role = :ROLE_PULL AS pull, z.zone_no,
             (CASE WHEN (SELECT coalesce(devices, branches) IS NULL FROM membership)
                   THEN (SELECT groups FROM membership)[1 + width_bucket(h.device::double precision,
                                                                    (SELECT hashes FROM boundary))]
                   ELSE least((SELECT groups FROM membership)[1 + width_bucket(h.device::double precision,
                                                                          (SELECT hashes FROM boundary))],
                              ((SELECT devices FROM membership) ->> s.device)::smallint,
                              ((SELECT branches FROM membership) ->> s.branch)::smallint)
                   END::bigint << 54)
               + (s.device NOT IN (SELECT u.device FROM unavailable u))::integer * x'20000000000000'::bigint
               + (h.branch >> 11 & x'1fffffffff0000'::bigint) + (h.device >> 48 & x'ffff'::bigint) AS place
      FROM device_scope(:named_branches, :named_devices, :match_labels::jsonb, :match_expressions::jsonb, :artifact, :from_versions, :origin::jsonb) s
      JOIN rollout_zone z ON z.rollout_id = :rollout
                         AND z.zone = CASE (SELECT zone FROM spec) WHEN 'device' THEN s.zone
                                        ELSE (SELECT zone FROM spec) END,
      LATERAL (SELECT hashtextextended(s.device, (SELECT seed FROM spec)) AS device,
                      hashtextextended(coalesce(s.branch, s.device), (SELECT seed FROM spec)) AS branch) h
      OFFSET 0
    ) scoped
    WHERE place IS NOT NULL
    ORDER BY place, device
  ) numbered
  OFFSET 0
) i
