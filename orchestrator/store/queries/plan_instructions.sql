-- One instruction for each device in scope, in its order and with its forecast.
--
-- Order: by group, then by a hash of (rollout, branch), then of (rollout, device): repeatable, and the
-- devices of a branch stand together, so that one start command serves many of them.
-- Forecast: the devices of a zone one after another at the plan's rate ($8 a minute when the plan names
-- none; 0: all at once), through the time that its windows are open less what an installation takes.
WITH spec AS MATERIALIZED (
  SELECT plan #>> '{spec,schedule,timeZone}' AS zone,
         coalesce((plan #>> '{spec,rate,perMinute}')::bigint, $8::bigint) AS per_minute,
         (plan #>> '{spec,execution,installTimeout}')::bigint AS install_s,
         coalesce((plan #>> '{spec,schedule,startAt}')::timestamptz, submitted_at) AS starts_at,
         plan #> '{spec,groups}' AS groups
  FROM rollout
  WHERE id = $1
), ranked AS (
  SELECT s.device, s.branch, s.role, z.zone_no,
         hashtextextended(coalesce(s.branch, s.device), $1) AS branch_hash,
         hashtextextended(s.device, $1) AS device_hash,
         row_number() OVER (ORDER BY hashtextextended(s.device, $1), s.device) AS rank
  FROM spec,
       device_scope($2, $3, $4::jsonb, $5::jsonb, $6, $7) s
  JOIN rollout_zone z ON z.rollout_id = $1
  WHERE z.zone = CASE spec.zone WHEN 'device' THEN s.zone ELSE spec.zone END
), rule AS MATERIALIZED (
  SELECT g.no::smallint AS group_no,
         ARRAY(SELECT jsonb_array_elements_text(g.rule -> 'devices')) AS devices,
         ARRAY(SELECT jsonb_array_elements_text(g.rule -> 'branches')) AS branches,
         coalesce((g.rule ->> 'count')::numeric,
                  ceil((g.rule ->> 'percentage')::numeric * $9::bigint / 100)) AS last_rank
  FROM spec, jsonb_array_elements(spec.groups) WITH ORDINALITY AS g(rule, no)
), grouped AS (
  SELECT r.*,
         (SELECT min(rule.group_no) FROM rule
          WHERE r.rank <= rule.last_rank OR r.device = ANY (rule.devices) OR r.branch = ANY (rule.branches)) AS group_no
  FROM ranked r
), placed AS (
  SELECT *, row_number() OVER (ORDER BY group_no, branch_hash, branch, device_hash, device) - 1 AS position
  FROM grouped
  WHERE group_no IS NOT NULL
), usable AS (
  SELECT w.zone_no, w.opens_at,
         CASE WHEN w.closes_at = 'infinity' THEN 1e12
              ELSE extract(epoch FROM w.closes_at - w.opens_at) - spec.install_s END::double precision AS seconds
  FROM rollout_window w, spec
  WHERE w.rollout_id = $1
), forecast AS MATERIALIZED (
  SELECT f.*
  FROM (SELECT zone_no, opens_at, seconds,
               sum(seconds) OVER (PARTITION BY zone_no ORDER BY opens_at) - seconds AS before
        FROM usable WHERE seconds > 0) f, spec
  WHERE f.before <= CASE WHEN spec.per_minute > 0 THEN $9::bigint * 60.0 / spec.per_minute ELSE 0 END
), made AS (
  INSERT INTO instruction (rollout_id, planned_at, due_at, group_no, zone_no, pull, device, branch)
  SELECT $1, f.opens_at + (p.slot_s - f.before) * interval '1 second',
         coalesce(f.opens_at + (p.slot_s - f.before) * interval '1 second', spec.starts_at),
         p.group_no, p.zone_no, p.role = 'pull', p.device, p.branch
  FROM spec,
       (SELECT placed.*, CASE WHEN s.per_minute > 0 THEN placed.position * 60.0 / s.per_minute ELSE 0
                         END::double precision AS slot_s
        FROM placed, spec s) p
  LEFT JOIN forecast f ON f.zone_no = p.zone_no AND p.slot_s >= f.before AND p.slot_s < f.before + f.seconds
  ORDER BY p.position
  RETURNING group_no
), sizes AS (
  SELECT group_no, count(*) AS devices FROM made GROUP BY group_no
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT $1, group_no, 0, 0, devices FROM sizes
), sized AS (
  UPDATE rollout_group g SET devices = sizes.devices
  FROM sizes
  WHERE g.rollout_id = $1 AND g.group_no = sizes.group_no
)
SELECT coalesce(sum(devices), 0)::bigint FROM sizes
