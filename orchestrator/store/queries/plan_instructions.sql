-- One instruction for each device in scope, in its order and with its forecast.
--
-- Order: by group, then by a hash of (rollout, branch), then of (rollout, device): repeatable, and the
-- devices of a branch stand together, so that one start command serves many of them. The three are packed in
-- one number (9, 38 and 16 bits), which sorts fastest; ids are given in this order.
-- Groups: the devices that a group's count or percentage reaches are those with the lowest hashes, so the
-- border between two groups is one hash, found without ranking all devices.
-- Forecast: the devices of a zone one after another at the plan's rate ($8 a minute when the plan names none; 0: all
-- at once; of a rate that grows the highest, so that nobody's turn comes before he is due), through the time that its
-- windows are open less what an installation takes. A device's place in the rollout is told by its id, for nobody else
-- takes ids meanwhile. $9: how many are in scope.
--
-- What is the same for all devices is read from arrays, by scalar subqueries: for a million of them that is much
-- quicker than joins, and it keeps the order of the one sort. OFFSET 0 keeps what is above it from being
-- calculated twice.
WITH spec AS MATERIALIZED (
  SELECT plan #>> '{spec,schedule,timeZone}' AS zone,
         coalesce(60.0 / nullif(CASE WHEN (plan #>> '{spec,rate,growth}')::numeric > 1
                                     THEN (plan #>> '{spec,rate,maximumPerMinute}')::bigint
                                     ELSE coalesce((plan #>> '{spec,rate,perMinute}')::bigint, $8::bigint) END, 0),
                  0)::double precision AS step_s,
         (plan #>> '{spec,execution,installTimeout}')::bigint AS install_s,
         coalesce((plan #>> '{spec,schedule,startAt}')::timestamptz, submitted_at) AS starts_at,
         plan #> '{spec,groups}' AS groups,
         rollout_seed(name) AS seed,
         nextval('instruction_id') + 1 AS first_id
  FROM rollout
  WHERE id = $1
), rule AS MATERIALIZED (
  SELECT g.no::smallint AS group_no, g.rule,
         coalesce((g.rule ->> 'count')::numeric,
                  ceil((g.rule ->> 'percentage')::numeric * $9::bigint / 100))::bigint AS last_rank
  FROM spec, jsonb_array_elements(spec.groups) WITH ORDINALITY AS g(rule, no)
), lowest AS (
  SELECT hash, row_number() OVER (ORDER BY hash) - 1 AS before
  FROM (SELECT hashtextextended(s.device, (SELECT seed FROM spec)) AS hash
        FROM device_scope($2, $3, $4::jsonb, $5::jsonb, $6, $7, $10) s
        ORDER BY hash
        LIMIT coalesce((SELECT max(last_rank) + 1 FROM rule WHERE last_rank < $9::bigint), 0)) l
), border AS MATERIALIZED (
  -- hashes[n]: the lowest hash that is beyond groups[n] of reach.
  SELECT coalesce(array_agg(lowest.hash::double precision ORDER BY rule.last_rank), '{}') AS hashes
  FROM rule
  JOIN lowest ON lowest.before = rule.last_rank
  WHERE rule.last_rank < $9::bigint
), reach AS MATERIALIZED (
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
  WHERE w.rollout_id = $1
), forecast AS MATERIALIZED (
  SELECT f.zone_no, f.before, f.seconds, extract(epoch FROM f.opens_at)::double precision - f.before AS zero_s
  FROM (SELECT zone_no, opens_at, seconds,
               sum(seconds) OVER (PARTITION BY zone_no ORDER BY opens_at) - seconds AS before
        FROM usable WHERE seconds > 0) f, spec
  WHERE f.before <= $9::bigint * spec.step_s
), road AS MATERIALIZED (
  -- Behind the last usable window of a zone lies eternity. Each zone's windows begin 2e10 seconds after the last's.
  SELECT array_agg(zone_no * 2e10 + before ORDER BY zone_no, before) AS begins,
         array_agg(zero_s ORDER BY zone_no, before) AS zeros
  FROM (SELECT zone_no, before, zero_s FROM forecast
        UNION ALL
        SELECT z.zone_no, coalesce(sum(f.seconds), 0), 'infinity'
        FROM rollout_zone z LEFT JOIN forecast f USING (zone_no) WHERE z.rollout_id = $1 GROUP BY z.zone_no) r
)
INSERT INTO instruction (id, rollout_id, planned_at, due_at, group_no, zone_no, pull, device, branch)
SELECT id, $1, nullif(forecast_at, 'infinity'),
       CASE WHEN forecast_at = 'infinity' THEN (SELECT starts_at FROM spec) ELSE forecast_at END,
       group_no, zone_no, pull, device, branch
FROM (
  SELECT id, place >> 54 AS group_no, zone_no, pull, device, branch,
         to_timestamp((SELECT zeros FROM road)[width_bucket(
                        zone_no * 2e10::double precision
                        + (id - (SELECT first_id FROM spec)) * (SELECT step_s FROM spec), (SELECT begins FROM road))]
                      + (id - (SELECT first_id FROM spec)) * (SELECT step_s FROM spec)) AS forecast_at
  FROM (
    SELECT nextval('instruction_id') AS id, place, zone_no, pull, device, branch
    FROM (
      SELECT s.device, s.branch, s.role = 'pull' AS pull, z.zone_no,
             (CASE WHEN (SELECT coalesce(devices, branches) IS NULL FROM reach)
                   THEN (SELECT groups FROM reach)[1 + width_bucket(h.device::double precision,
                                                                    (SELECT hashes FROM border))]
                   ELSE least((SELECT groups FROM reach)[1 + width_bucket(h.device::double precision,
                                                                          (SELECT hashes FROM border))],
                              ((SELECT devices FROM reach) ->> s.device)::smallint,
                              ((SELECT branches FROM reach) ->> s.branch)::smallint)
                   END::bigint << 54)
               + (h.branch >> 10 & x'3fffffffff0000'::bigint) + (h.device >> 48 & x'ffff'::bigint) AS place
      FROM device_scope($2, $3, $4::jsonb, $5::jsonb, $6, $7, $10) s
      JOIN rollout_zone z ON z.rollout_id = $1
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
