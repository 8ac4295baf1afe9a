"""What the screens show: a large fleet in regions and cities, its presence, rollouts that run, wait and have ended, with failures,
a record of acts and people, written straight into the tables wherever a working part would take hours."""

import datetime

from harness.plan import plan

from .plans import ARTIFACT, PATIENT

DEVICES_A_BRANCH, BRANCHES_A_CITY = 50, 20
REGIONS = ("emea", "apac", "amer", "latam", "africa")
CITY_DEVICES = DEVICES_A_BRANCH * BRANCHES_A_CITY
ROLLOUTS = {"wide": 5, "window": 60, "open": 40, "ended": 75, "waiting": 20}
ACTS, PEOPLE = 200_000, 200
FORECASTS = 500  # of a rollout: FORECAST_POINTS_MAX
LATER = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)).strftime("%Y-%m-%dT00:00:00Z")
NIGHTLY = {"startAt": LATER, "timeZone": "device",
           "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "01:00", "duration": "4h"}]}
GROUPS = [{"name": "pilot", "percentage": 10, "success": 0}, {"name": "rest", "percentage": 100, "success": 0}]
# Of the rollouts that have begun, each device that the condition chooses has ended so.
COMPLETED, FAILED, RETRYING = "hashtext(device) % 10 BETWEEN 0 AND 2", "hashtext(device) % 50 = -1", "hashtext(device) % 200 = -3"


def make_fleet(rig, devices):
    branches, places = devices // DEVICES_A_BRANCH, ", ".join(f"'{region}'" for region in REGIONS)
    rig.psql(
        f"""INSERT INTO branch (id, name, zone, machines, labels)
            SELECT 'B' || lpad(n::text, 5, '0'), 'Branch ' || n,
                   (ARRAY['Europe/Berlin', 'Asia/Shanghai', 'America/New_York', 'America/Lima', 'Africa/Lagos'])[1 + n % 5],
                   {DEVICES_A_BRANCH - 1},
                   jsonb_build_object('region', (ARRAY[{places}])[1 + n % 5], 'city', 'c' || n / {BRANCHES_A_CITY})
            FROM generate_series(0, {branches - 1}) n""",
        f"""INSERT INTO device (id, branch, role, model, versions)
            SELECT CASE k WHEN 0 THEN b.id ELSE b.id || '-A' || k END, b.id, CASE k WHEN 0 THEN 'node' ELSE 'atm' END,
                   'selfserv-' || k % 7, jsonb_build_object('atm-app', '4.7.' || k % 4, 'os', '10.' || k % 3)
            FROM branch b, generate_series(0, {DEVICES_A_BRANCH - 1}) k
            ORDER BY b.id, k""",
        "VACUUM ANALYZE branch, device, device_search")


def _cities(devices):
    """Of a rollout that is not wide."""
    return max(1, devices // 200_000)


def patterns(devices, flow_cities):
    """Yields the plan of each rollout that the planner makes: the wide ones, and the first one of each other kind. The others are its
    copies, for devices further on. No other than a wide one has devices of the flow."""
    cities = [f"c{flow_cities + city}" for city in range(_cities(devices))]
    for kind, count in ROLLOUTS.items():
        for place in range(count if kind == "wide" else 1):
            selector = ({"matchLabels": {"region": REGIONS[place]}} if kind == "wide" else
                        {"matchExpressions": [{"key": "city", "operator": "In", "values": cities}]})
            execution = {**PATIENT, "installTimeout": "1h"} if kind in ("wide", "window") else PATIENT
            more = {"window": {"schedule": NIGHTLY}, "wide": {"schedule": NIGHTLY}, "waiting": {"approvals": {"required": 1}},
                    "open": {"rate": {"perMinute": 1}, "disruptionBudget": {"maxUnavailable": 1}},
                    "ended": {"schedule": {"startAt": LATER}}}[kind]
            yield plan(f"{kind}-{place}", artifact={**ARTIFACT, "version": f"5.{place}.0"}, execution=execution, selector=selector,
                       groups=GROUPS, **more)


def _columns(rig, table, *without):
    named = rig.psql(f"""SELECT string_agg(column_name, ', ' ORDER BY ordinal_position) FROM information_schema.columns
                         WHERE table_name = '{table}' AND is_generated = 'NEVER'""").split(", ")
    return [name for name in named if name not in without]


def copy_rollouts(rig, devices, flow_branches):
    """Returns the IDs of the rollouts of each kind."""
    shift, ring = _cities(devices) * BRANCHES_A_CITY, devices // DEVICES_A_BRANCH - flow_branches
    moved = f"'B' || lpad(({flow_branches} + (substr(i.branch, 2)::int - {flow_branches} + c.n * {shift}) % {ring})::text, 5, '0')"
    own = _columns(rig, "rollout", "id", "name")
    of_device = [name for name in _columns(rig, "instruction", "id", "rollout_id") if name not in ("device", "branch")]
    parts = []
    for table in ("rollout_group", "rollout_zone", "rollout_window"):
        named = _columns(rig, table, "rollout_id")
        parts.append(f"""INSERT INTO {table} (rollout_id, {", ".join(named)})
                         SELECT c.id, {", ".join("o." + name for name in named)} FROM copy c JOIN {table} o ON o.rollout_id = c.origin""")
    copies = ", ".join(f"('{kind}', {count})" for kind, count in ROLLOUTS.items() if kind != "wide")
    rig.psql(
        f"""CREATE TEMPORARY TABLE copy AS
            SELECT nextval(pg_get_serial_sequence('rollout', 'id')) AS id, n, r.id AS origin, k.kind || '-' || n AS name
            FROM (VALUES {copies}) k(kind, count) JOIN rollout r ON r.name = k.kind || '-0', LATERAL generate_series(1, k.count - 1) n""",
        f"""INSERT INTO rollout (id, name, {", ".join(own)}) OVERRIDING SYSTEM VALUE
            SELECT c.id, c.name, {", ".join("o." + name for name in own)} FROM copy c JOIN rollout o ON o.id = c.origin""",
        *parts,
        f"""INSERT INTO instruction (rollout_id, device, branch, {", ".join(of_device)})
            SELECT c.id, {moved} || substr(i.device, 7), {moved}, {", ".join("i." + name for name in of_device)}
            FROM copy c JOIN instruction i ON i.rollout_id = c.origin WHERE NOT i.in_flight ORDER BY c.id, i.id""",
        """INSERT INTO counter (rollout_id, group_no, state, shard, count)
           SELECT i.rollout_id, i.group_no, i.state, 0, count(*) FROM copy c JOIN instruction i ON i.rollout_id = c.id GROUP BY 1, 2, 3""",
        """UPDATE rollout r SET first_instruction = n.first, last_instruction = n.last, devices = n.devices
           FROM (SELECT i.rollout_id, min(i.id) AS first, max(i.id) AS last, count(*) AS devices
                 FROM copy c JOIN instruction i ON i.rollout_id = c.id GROUP BY 1) n
           WHERE n.rollout_id = r.id""",
        "ANALYZE")
    return {kind: [int(number) for number in rig.psql(f"SELECT id FROM rollout WHERE name LIKE '{kind}-%' ORDER BY id").split()]
            for kind in ROLLOUTS}


def _move(condition, state, code, rollouts):
    """Moves instructions as a device's report does, without a device."""
    return f"""UPDATE instruction SET state = (SELECT state FROM instruction_state WHERE name = '{state}'), code = {code}, due_at = NULL,
                      dispatched_at = now() - interval '2 hours', ended_at = now() - interval '1 hour' * (1 + abs(hashtext(device) % 20)),
                      detail = CASE WHEN {code} IS NULL THEN NULL ELSE 'the installer ended' END
               WHERE rollout_id = ANY ('{{{rollouts}}}') AND {condition}"""


def move(rig, made):
    """Lets part of the rollouts' devices end, while no orchestrator runs."""
    ended = ",".join(map(str, made["ended"]))
    begun = ",".join(map(str, made["wide"] + made["window"]))
    code = "(ARRAY['download_failed', 'disk_full', 'out_of_service', 'checksum'])[1 + abs(hashtext(device) / 50 % 4)]"
    moved = f"'{{{ended},{begun}}}'::bigint[]"
    rig.psql(
        _move(FAILED, "failed", code, ended), _move(f"NOT ({FAILED})", "completed", "NULL", ended),
        _move(FAILED, "failed", code, begun), _move(COMPLETED, "completed", "NULL", begun), _move(RETRYING, "timed_out", "'answer_timeout'", begun),
        f"""UPDATE instruction SET state = 0, code = code, failures = 1, attempt = 2, due_at = now() + interval '2 days', ended_at = NULL
            WHERE rollout_id = ANY ('{{{begun}}}') AND {RETRYING}""",
        f"UPDATE rollout SET state = 'completed', ended_at = now() - interval '1 hour' WHERE id = ANY ('{{{ended}}}')",
        f"UPDATE rollout_group SET state = 'passed', ended_at = now() - interval '1 hour' WHERE rollout_id = ANY ('{{{ended}}}')",
        f"DELETE FROM counter WHERE rollout_id = ANY ({moved})",
        f"""INSERT INTO counter (rollout_id, group_no, state, shard, count)
            SELECT rollout_id, group_no, state, 0, count(*) FROM instruction WHERE rollout_id = ANY ({moved}) GROUP BY 1, 2, 3""",
        f"""INSERT INTO rollout_forecast_point (rollout_id, minute, at, best_end_at, worst_end_at, assumptions, started, completed, failed)
            SELECT r, t, t, now() + interval '3 days', now() + interval '9 days', '{{}}', n, n / 2, n / 20
            FROM unnest('{{{begun}}}'::bigint[]) r, generate_series(1, {FORECASTS - 1}) n,
            LATERAL (SELECT date_trunc('minute', now()) - interval '3 minutes' * ({FORECASTS} - n) AS t) t ON CONFLICT DO NOTHING""")


def add_acts(rig):
    """And the people who did them."""
    rig.psql(
        f"INSERT INTO person (name, created_by) SELECT 'person-' || n, 'bench' FROM generate_series(1, {PEOPLE}) n",
        f"""INSERT INTO act (number, at, person, credential, endpoint, address, operation, verb, object_kind, object, outcome, reason, times)
            SELECT h.number + n, now() - interval '1 minute' * ({ACTS} - n), 'person-' || 1 + n % {PEOPLE}, 'token 1', 'http', '10.0.0.1',
                   'operate', (ARRAY['pause', 'resume', 'cancel', 'retry'])[1 + n % 4], 'rollout', (1 + n % 200)::text, 'done', 'bench', 1
            FROM act_head h, generate_series(1, {ACTS}) n""",
        f"UPDATE act_head SET number = number + {ACTS}")


def add_logs(rig, device):
    rig.psql(f"""INSERT INTO device_log (device, instruction_id, rollout_id, attempt, received_at, size_bytes, content)
                 SELECT '{device}', 1, 1, n, now() - interval '1 minute' * n, 19, 'the installer ended' FROM generate_series(1, 20) n""")


def add_presence(rig):
    """Most of the fleet is online, in the generation of the present watch."""
    rig.psql("""INSERT INTO presence (device, generation, state, since, heard_at, agent)
                SELECT id, presence_generation(), CASE WHEN hashtext(id) % 20 = 0 THEN 1 ELSE 2 END, now() - interval '1 day', now(), '1.0.0'
                FROM device ORDER BY id ON CONFLICT DO NOTHING""",
             """UPDATE presence_watch SET online = (SELECT count(*) FROM presence WHERE state = 2),
                                          offline = (SELECT count(*) FROM presence WHERE state = 1)""")


def settle(rig):
    rig.psql("VACUUM ANALYZE", "CHECKPOINT")
