-- Machines that we took out of service, until they are back, and attempts that will be made again. Both tables are kept by a
-- trigger, so that they are right whichever version of an orchestrator moves an instruction.

-- A machine is unavailable from the first report that it is out of service, or that it was not heard of again, until an
-- installer that was called later ended well, or an operator says that it is back. It uses the budget of its branch.
-- A node is no machine: it serves no customers.
CREATE TABLE unavailable (
  device text COLLATE "C" PRIMARY KEY,
  branch text COLLATE "C",
  instruction_id bigint NOT NULL, -- that did it last
  rollout_id bigint NOT NULL,
  code text NOT NULL,
  since timestamptz NOT NULL
);
CREATE INDEX unavailable_branch ON unavailable (branch) WHERE branch IS NOT NULL;
CREATE INDEX unavailable_rollout ON unavailable (rollout_id);

-- Instructions whose last attempt that ended failed or timed out while their state says something else: they wait for
-- another attempt, are at it, or it was cancelled.
CREATE TABLE failing (
  instruction_id bigint PRIMARY KEY,
  rollout_id bigint NOT NULL,
  group_no smallint NOT NULL,
  state smallint NOT NULL, -- as which that attempt ended
  code text,
  ordered boolean NOT NULL DEFAULT false -- an operator ordered the attempt that follows: it counts from nothing
);
CREATE INDEX failing_rollout ON failing (rollout_id, group_no);

CREATE FUNCTION instruction_moved() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state = 0 THEN
    INSERT INTO failing AS f (instruction_id, rollout_id, group_no, state, code, ordered)
    VALUES (NEW.id, NEW.rollout_id, NEW.group_no, OLD.state, OLD.code, NEW.failures = 0)
    ON CONFLICT (instruction_id) DO UPDATE
    SET state = CASE WHEN OLD.state = 9 THEN f.state ELSE excluded.state END, -- cancelled: the attempt before it failed
        code = CASE WHEN OLD.state = 9 THEN f.code ELSE excluded.code END,
        ordered = excluded.ordered;
  ELSIF NEW.attempt > 1 THEN -- it ended: its state says how
    DELETE FROM failing WHERE instruction_id = NEW.id;
  END IF;
  IF NEW.state = 5 AND NEW.code IS NULL THEN
    DELETE FROM unavailable u
    USING rollout r
    WHERE u.device = NEW.device AND (u.instruction_id = NEW.id OR NEW.dispatched_at >= u.since)
      AND r.id = NEW.rollout_id AND r.plan #>> '{spec,action}' IN ('install', 'rollback', 'run');
  ELSIF NEW.state IN (6, 7, 8) AND NEW.code IN ('out_of_service', 'install_timeout')
        AND NEW.device IS DISTINCT FROM NEW.branch THEN
    INSERT INTO unavailable (device, branch, instruction_id, rollout_id, code, since)
    VALUES (NEW.device, NEW.branch, NEW.id, NEW.rollout_id, NEW.code, now())
    ON CONFLICT (device) DO UPDATE
    SET instruction_id = excluded.instruction_id, rollout_id = excluded.rollout_id, code = excluded.code;
  END IF;
  RETURN NULL;
END
$$;

-- Every statement that ends an attempt or orders another one writes the code; a claim does not, and pays nothing.
CREATE TRIGGER instruction_moved AFTER UPDATE OF code ON instruction FOR EACH ROW
  WHEN (OLD.state <> NEW.state
        AND (NEW.state BETWEEN 5 AND 8 OR NEW.state = 0 AND OLD.state BETWEEN 6 AND 9))
  EXECUTE FUNCTION instruction_moved();

-- An operator orders another attempt of what had failed when it was cancelled.
INSERT INTO instruction_rule VALUES (9, 9, 0);

INSERT INTO failing (instruction_id, rollout_id, group_no, state, code)
SELECT i.id, i.rollout_id, i.group_no, e.state, nullif(e.code, '')
FROM instruction i
JOIN rollout r ON r.id = i.rollout_id AND r.state IN ('running', 'paused', 'cancelling'),
LATERAL (
  SELECT e.state, e.code
  FROM instruction_event e
  WHERE e.instruction_id = i.id AND e.attempt < i.attempt AND e.state IN (6, 8)
  ORDER BY e.at DESC
  LIMIT 1
) e
WHERE i.failures > 0 AND i.state < 5;

INSERT INTO unavailable (device, branch, instruction_id, rollout_id, code, since)
SELECT DISTINCT ON (i.device) i.device, i.branch, i.id, i.rollout_id, i.code, coalesce(i.ended_at, now())
FROM instruction i
JOIN rollout r ON r.id = i.rollout_id AND r.state IN ('running', 'paused', 'cancelling')
WHERE i.code IN ('out_of_service', 'install_timeout') AND i.device IS DISTINCT FROM i.branch
  AND NOT EXISTS (SELECT
                  FROM instruction l
                  JOIN rollout lr ON lr.id = l.rollout_id
                  WHERE l.device = i.device AND l.state = 5 AND l.code IS NULL AND l.dispatched_at >= i.ended_at
                    AND lr.plan #>> '{spec,action}' IN ('install', 'rollback', 'run')) -- another rollout mended it
ORDER BY i.device, i.id DESC;

-- What is at work again says no more that it was out of service.
INSERT INTO unavailable (device, branch, instruction_id, rollout_id, code, since)
SELECT i.device, i.branch, i.id, i.rollout_id, f.code, now()
FROM failing f
JOIN instruction i ON i.id = f.instruction_id
WHERE f.code IN ('out_of_service', 'install_timeout') AND i.device IS DISTINCT FROM i.branch
ON CONFLICT (device) DO NOTHING;

-- What was to be known of both: a rollout that has ended gives back what it took out of service, as it did before; for
-- one that goes on the rule changes now.
INSERT INTO rollout_event (rollout_id, kind, actor, reason)
SELECT i.rollout_id, 'returned_by_upgrade', 'tellercast',
       format('%s out of service when the rollout ended: in use again for the budgets, by the upgrade (%s%s)',
              count(*), array_to_string((array_agg(i.device ORDER BY i.device))[1:10], ', '),
              CASE WHEN count(*) > 10 THEN ', …' ELSE '' END)
FROM instruction i
JOIN rollout r ON r.id = i.rollout_id AND r.state NOT IN ('running', 'paused', 'cancelling')
WHERE i.code IN ('out_of_service', 'install_timeout') AND i.device IS DISTINCT FROM i.branch
  AND NOT EXISTS (SELECT FROM unavailable u WHERE u.device = i.device)
GROUP BY i.rollout_id;

INSERT INTO rollout_event (rollout_id, kind, actor, reason)
SELECT r.id, 'unavailable_counted', 'tellercast',
       format('from now on a machine that is out of service uses the budget of its branch until it is back, and an abort '
              'sees a failure that will be tried again; out of service now: %s',
              (SELECT count(*) FROM unavailable u WHERE u.rollout_id = r.id))
FROM rollout r
WHERE r.state IN ('running', 'paused', 'cancelling');

-- Whether any attempt of it took its device out of service.
CREATE FUNCTION was_out_of_service(i instruction) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT i.code IN ('out_of_service', 'install_timeout')
         OR i.attempt > 1 AND EXISTS (SELECT FROM instruction_event e
                                      WHERE e.instruction_id = i.id
                                        AND e.code IN ('out_of_service', 'install_timeout'))
$$;

-- As before; where the name of a rollout stood, `origin` is {"completedIn": name, "outOfService": "include"}: only
-- devices that completed that rollout; or also those that it took out of service. Null: any.
CREATE FUNCTION device_scope(branches text[], devices text[], match_labels jsonb, match_expressions jsonb,
                             artifact text, from_versions text[], origin jsonb)
RETURNS TABLE (device text, branch text, role text, zone text, own_zone text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT d.id, d.branch, d.role, coalesce(b.zone, d.zone, 'UTC'), coalesce(d.zone, 'UTC')
  FROM device d
  LEFT JOIN branch b ON b.id = d.branch
  WHERE (cardinality(branches) = 0 OR d.branch = ANY (branches))
    AND (cardinality(devices) = 0 OR d.id = ANY (devices))
    AND (cardinality(from_versions) = 0 OR d.versions ->> artifact = ANY (from_versions))
    AND (origin ->> 'completedIn' IS NULL
         OR EXISTS (SELECT FROM instruction i
                    WHERE i.device = d.id
                      AND i.rollout_id = (SELECT r.id FROM rollout r WHERE r.name = origin ->> 'completedIn')
                      AND (i.state = 5
                           OR origin ->> 'outOfService' = 'include'
                              AND was_out_of_service(i))))
    AND (match_labels = '{}'
         OR coalesce(b.labels, '{}') || d.labels
            || jsonb_strip_nulls(jsonb_build_object('model', nullif(d.model, ''), 'role', d.role, 'branch', d.branch))
            @> match_labels)
    AND (match_expressions = '[]'
         OR NOT EXISTS (
           SELECT FROM jsonb_array_elements(match_expressions) e,
             LATERAL (SELECT (coalesce(b.labels, '{}') || d.labels
                              || jsonb_build_object('model', nullif(d.model, ''), 'role', d.role, 'branch', d.branch))
                             ->> (e ->> 'key') AS value) l
           WHERE NOT CASE e ->> 'operator'
             WHEN 'In' THEN coalesce(e -> 'values' ? l.value, false)
             WHEN 'NotIn' THEN NOT coalesce(e -> 'values' ? l.value, false)
             WHEN 'Exists' THEN l.value IS NOT NULL
             WHEN 'DoesNotExist' THEN l.value IS NULL
             ELSE false END))
$$;

-- As before, by `origin`.
CREATE FUNCTION group_members(groups jsonb, seed bigint, devices_in_scope bigint, branches text[], devices text[],
                              match_labels jsonb, match_expressions jsonb, artifact text, from_versions text[],
                              origin jsonb)
RETURNS TABLE (group_no smallint, device text, branch text, role text, zone text, own_zone text)
LANGUAGE sql STABLE AS $$
  WITH rule AS MATERIALIZED (
    SELECT g.no::smallint AS group_no, g.rule,
           coalesce((g.rule ->> 'count')::numeric,
                    ceil((g.rule ->> 'percentage')::numeric * devices_in_scope / 100))::bigint AS last_rank
    FROM jsonb_array_elements(groups) WITH ORDINALITY AS g(rule, no)
  ), lowest AS (
    SELECT hash, row_number() OVER (ORDER BY hash) - 1 AS before
    FROM (SELECT hashtextextended(s.device, seed) AS hash
          FROM device_scope(branches, devices, match_labels, match_expressions, artifact, from_versions, origin) s
          ORDER BY hash
          LIMIT coalesce((SELECT max(last_rank) + 1 FROM rule WHERE last_rank < devices_in_scope), 0)) l
  ), border AS MATERIALIZED (
    SELECT coalesce(array_agg(lowest.hash::double precision ORDER BY rule.last_rank), '{}') AS hashes
    FROM rule
    JOIN lowest ON lowest.before = rule.last_rank
    WHERE rule.last_rank < devices_in_scope
  ), reach AS MATERIALIZED (
    SELECT (SELECT array_agg(r.group_no ORDER BY r.last_rank)
            FROM (SELECT last_rank, min(rule.group_no) OVER (ORDER BY last_rank DESC) AS group_no
                  FROM rule WHERE last_rank IS NOT NULL) r) AS groups,
           (SELECT jsonb_object_agg(d.id, d.group_no)
            FROM (SELECT id, min(rule.group_no) AS group_no
                  FROM rule, jsonb_array_elements_text(rule -> 'devices') AS id GROUP BY id) d) AS devices,
           (SELECT jsonb_object_agg(b.id, b.group_no)
            FROM (SELECT id, min(rule.group_no) AS group_no
                  FROM rule, jsonb_array_elements_text(rule -> 'branches') AS id GROUP BY id) b) AS branches
  )
  SELECT CASE WHEN (SELECT coalesce(reach.devices, reach.branches) IS NULL FROM reach)
              THEN (SELECT reach.groups FROM reach)
                   [1 + width_bucket(hashtextextended(s.device, seed)::double precision, (SELECT hashes FROM border))]
              ELSE least((SELECT reach.groups FROM reach)
                         [1 + width_bucket(hashtextextended(s.device, seed)::double precision,
                                           (SELECT hashes FROM border))],
                         ((SELECT reach.devices FROM reach) ->> s.device)::smallint,
                         ((SELECT reach.branches FROM reach) ->> s.branch)::smallint) END,
         s.device, s.branch, s.role, s.zone, s.own_zone
  FROM device_scope(branches, devices, match_labels, match_expressions, artifact, from_versions, origin) s
$$;

-- How many devices completed rollout $1 or were taken out of service by it: what a rollback brings back.
CREATE FUNCTION devices_to_take_back(rollout bigint) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT (SELECT coalesce(sum(c.count), 0) FROM counter c WHERE c.rollout_id = rollout AND c.state = 5)::bigint
         + (SELECT count(*) FROM instruction i WHERE i.rollout_id = rollout AND i.state <> 5 AND was_out_of_service(i))
$$;

-- The branches in which something of a rollout is due that cannot start before a machine is back: as many are
-- unavailable there as its budget allows. With how many of its devices wait, and which machines are out. Only where
-- something is unavailable is anything looked at.
CREATE FUNCTION branches_waiting(rollout bigint)
RETURNS TABLE (branch text, waiting bigint, machines text[])
LANGUAGE sql STABLE AS $$
  SELECT u.branch, w.waiting, u.machines
  FROM rollout r,
  LATERAL (
    SELECT u.branch, array_agg(u.device ORDER BY u.device) AS machines
    FROM unavailable u
    WHERE u.branch IS NOT NULL
    GROUP BY u.branch
  ) u
  JOIN branch b ON b.id = u.branch,
  LATERAL (
    SELECT count(*) AS waiting
    FROM device d,
    LATERAL (SELECT i.group_no, i.due_at FROM instruction i
             WHERE i.device = d.id AND i.rollout_id = r.id
             OFFSET 0) i -- a probe of the index a device, whatever statistics say of what is due
    JOIN rollout_group g ON g.rollout_id = r.id AND g.group_no = i.group_no AND g.state = 'open'
    WHERE d.branch = u.branch AND i.due_at <= now() AND d.id <> ALL (u.machines)
  ) w
  WHERE r.id = rollout AND r.state IN ('running', 'paused')
    AND branch_room(b.machines, r.max_unavailable, r.max_unavailable_percent, r.single_device_allowed)
        <= cardinality(u.machines)
    AND w.waiting > 0
$$;

-- Devices that wait for another attempt after one that failed or timed out, or are at it: counts of states tell them as
-- waiting or at work. For one group, or for all with null.
CREATE FUNCTION retrying_counts(rollout bigint, group_number smallint) RETURNS json
LANGUAGE sql STABLE AS $$
  SELECT json_build_object('failed', count(*) FILTER (WHERE f.state = 6),
                           'timed_out', count(*) FILTER (WHERE f.state = 8))
  FROM failing f
  JOIN instruction i ON i.id = f.instruction_id AND i.state < 5
  WHERE f.rollout_id = rollout AND NOT f.ordered AND (group_number IS NULL OR f.group_no = group_number)
$$;

-- Devices that were cancelled or expired after an attempt that failed or timed out: counts of states tell them as if they
-- had never been started. As above.
CREATE FUNCTION given_up_counts(rollout bigint, group_number smallint) RETURNS json
LANGUAGE sql STABLE AS $$
  SELECT json_build_object('failed', count(*) FILTER (WHERE f.state = 6),
                           'timed_out', count(*) FILTER (WHERE f.state = 8))
  FROM failing f
  JOIN instruction i ON i.id = f.instruction_id AND i.state > 8
  WHERE f.rollout_id = rollout AND (group_number IS NULL OR f.group_no = group_number)
$$;

-- The machines that a rollout took out of service and that are not back, with a hundred of them.
CREATE FUNCTION unavailable_of(rollout bigint) RETURNS json
LANGUAGE sql STABLE AS $$
  SELECT json_build_object(
    'devices', (SELECT count(*) FROM unavailable u WHERE u.rollout_id = rollout),
    'examples', (SELECT coalesce(json_agg(json_build_object('device', u.device, 'branch', u.branch, 'code', u.code,
                                                            'since', rfc3339(u.since)) ORDER BY u.device), '[]')
                 FROM (SELECT * FROM unavailable WHERE rollout_id = rollout ORDER BY device LIMIT 100) u))
$$;

-- The branches that wait for a machine to be back, with a hundred of them, and how many devices wait there.
CREATE FUNCTION awaiting_return(rollout bigint) RETURNS json
LANGUAGE sql STABLE AS $$
  WITH b AS MATERIALIZED (SELECT * FROM branches_waiting(rollout))
  SELECT json_build_object(
    'branches', (SELECT count(*) FROM b), 'devices', (SELECT coalesce(sum(waiting), 0)::bigint FROM b),
    'examples', (SELECT coalesce(json_agg(json_build_object('branch', e.branch, 'devices', e.waiting,
                                                            'unavailable', e.machines) ORDER BY e.branch), '[]')
                 FROM (SELECT * FROM b ORDER BY branch LIMIT 100) e))
$$;
