"""Claims due instructions, under budgets and beside a rollout of higher priority, while more and more instructions wait."""

import pathlib

from .fleet_rows import make_fleet
from .result import Result, median
from .rig import say

WAITING = (10_000, 100_000, 1_000_000)
CLAIMED = 4_000  # less than half of the fewest, which a budget of 50 % lets start
BATCH = 1_000  # the daemon's default
RUNS = 5
TARGET = 0.8
LEAST_PER_SECOND = 10_000
HIGHER, ROLLOUT, OTHER = 1, 2, 3
BUDGET_PERCENT = 50
MACHINES = 19
FLOOR = pathlib.Path(__file__).parents[1] / "claim_floor.sql"
PLANNED = "rollout_id, planned_at, due_at, group_no, zone_no, pull, device, branch"
DUE = "now(), now() - interval '1 hour', 1, 1, role = 'pull', id, branch"


def prepare(rig):
    """Turns off background work of the server, which does not belong to the claim. So the query planner gets no statistics
    on the number of rows."""
    rig.program("plan-bench", rig.database)
    for setting in ("autovacuum = off", "checkpoint_timeout = '1h'", "max_wal_size = '16GB'"):
        rig.psql(f"ALTER SYSTEM SET {setting}")
    rig.psql("SELECT pg_reload_conf()")


def make_order(rig, waiting):
    make_fleet(rig, waiting)
    rig.psql(f"UPDATE branch SET machines = {MACHINES}", "DROP TABLE IF EXISTS ordered",
             "CREATE TABLE ordered AS SELECT * FROM device "
             "ORDER BY hashtextextended(branch, 1), hashtextextended(id, 1)")


def fill(rig, waiting):
    """All waiting instructions are due. One device of a hundred also waits for the rollout of higher priority; another rollout
    is at work in one branch of ten."""
    rig.psql(
        "TRUNCATE rollout, instruction, counter, claim CASCADE",
        "CHECKPOINT",
        f"""INSERT INTO rollout (id, name, digest, plan, shared_claims, state, author, door, devices, priority,
                                 max_unavailable_percent) OVERRIDING SYSTEM VALUE
            SELECT id, 'bench-' || id, '', '{{}}', '', 'running', 'bench', 'http', {waiting}, 60 - id, {BUDGET_PERCENT}
            FROM unnest(ARRAY[{HIGHER}, {ROLLOUT}, {OTHER}]) id""",
        "INSERT INTO rollout_group (rollout_id, group_no, name, success, state) "
        "SELECT id, 1, 'all', 100, 'open' FROM rollout",
        "INSERT INTO rollout_zone (rollout_id, zone_no, zone) SELECT id, 1, 'UTC' FROM rollout",
        "INSERT INTO rollout_window (rollout_id, zone_no, opens_at, closes_at) "
        "SELECT id, 1, now() - interval '1 day', 'infinity' FROM rollout",
        f"INSERT INTO instruction ({PLANNED}) SELECT {HIGHER}, {DUE} FROM ordered WHERE hashtext(id) % 100 = 0",
        f"""INSERT INTO instruction (rollout_id, group_no, zone_no, state, pull, in_flight, wake_at, device, branch)
            SELECT {OTHER}, 1, 1, 4, false, true, now() + interval '1 day', id || '-A0', id
            FROM branch WHERE hashtext(id) % 10 = 0""",
        f"INSERT INTO instruction ({PLANNED}) SELECT {ROLLOUT}, {DUE} FROM ordered",
    )


def check(rig):
    """No branch is over its budget, and no instruction of the higher rollout was passed over."""
    over = rig.psql(f"SELECT count(*) FROM (SELECT FROM instruction WHERE in_flight GROUP BY branch "
                    f"HAVING count(*) > {MACHINES * BUDGET_PERCENT // 100}) b")
    passed = rig.psql(f"""SELECT count(*) FROM instruction i JOIN instruction h USING (device)
                          WHERE i.rollout_id = {ROLLOUT} AND i.in_flight AND h.rollout_id = {HIGHER}""")
    assert (over, passed) == ("0", "0"), (over, passed)


def claim(rig, count):
    return rig.program("claim-bench", rig.database, ROLLOUT, HIGHER, count, BATCH)


def measure_one(rig, waiting):
    make_order(rig, waiting)
    real, floor, vain = [], [], []
    for _ in range(RUNS):
        fill(rig, waiting)
        real.append(claim(rig, CLAIMED))
        check(rig)
        floor.append(rig.program("claim-floor", rig.database, FLOOR, ROLLOUT, CLAIMED, BATCH))
        # And a scan without a possible start, since every branch is full.
        rig.psql(f"UPDATE rollout SET max_unavailable = 0 WHERE id = {ROLLOUT}")
        vain.append(claim(rig, 0))
        assert vain[-1]["claimed"] == 0, vain
    found = {"waiting": waiting,
             "per_second": median([run["per_second"] for run in real]),
             "bare_update_per_second": median([run["per_second"] for run in floor]),
             "vain_turn_ms": round(median([run["seconds"] for run in vain]) * 1000, 1),
             "runs": real, "bare_update_runs": floor}
    say(f"claim: {waiting:,} wait: {found['per_second']:,.0f}/s, bare update "
        f"{found['bare_update_per_second']:,.0f}/s, a turn in vain {found['vain_turn_ms']:.0f} ms")
    return found


def measure(rig):
    say(f"claim: {CLAIMED:,} instructions of {', '.join(f'{count:,}' for count in WAITING)} that wait, {RUNS} runs")
    prepare(rig)
    curve = [measure_one(rig, waiting) for waiting in WAITING]
    first, last = curve[0], curve[-1]
    return Result("claim", f"{last['waiting']:,} wait", f"{last['per_second']:,.0f}/s, {LEAST_PER_SECOND:,} asked",
                  f"{first['waiting']:,}: {first['per_second']:,.0f}/s", last["per_second"] / first["per_second"],
                  TARGET, at_least=True, is_enough=last["per_second"] >= LEAST_PER_SECOND, curve=curve,
                  to_bare_update=round(last["per_second"] / last["bare_update_per_second"], 3))
