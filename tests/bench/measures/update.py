"""Status reports from the updater's queues into PostgreSQL against a bare batched UPDATE in a loop."""

import pathlib

from .fleet_rows import make_fleet
from .result import Result, median
from .rig import say

DEVICES = 100_000
STAGES = 3
RUNS = 3
THREADS, BATCH, LINGER_MS = 2, 1000, 20  # the daemon's defaults
TARGET = 0.8
FLOOR = pathlib.Path(__file__).parents[1] / "update_floor.sql"


def send_all(rig, file):
    """Every device was answered: all instructions are in state `sent`."""
    rig.psql(
        "TRUNCATE rollout, instruction, counter, instruction_event CASCADE",
        """UPDATE device SET versions = '{"atm-app": "4.7.0"}'""",
        """INSERT INTO instruction (id, rollout_id, wake_at, start_before, dispatched_at, sent_at, group_no, zone_no,
                                     state, pull, in_flight, device, branch)
            SELECT row_number() OVER (ORDER BY hashtextextended(branch, 1), id), 1, now() + interval '1 day',
                   now() + interval '1 day', now(), now(), 1, 1, 2, false, true, id, branch
            FROM device""",
        "INSERT INTO counter (rollout_id, group_no, state, shard, count) SELECT 1, 1, 2, 0, count(*) FROM instruction",
        "VACUUM FULL device",
        "VACUUM ANALYZE instruction, device, counter",
        "CHECKPOINT",
    )
    file.write_text(rig.psql("COPY (SELECT id, device FROM instruction ORDER BY id) TO STDOUT") + "\n")


def check(rig, is_counted):
    """Every row and every version is as reported, and the counters equal a recount."""
    wrong = rig.psql("""SELECT count(*) FROM instruction WHERE state <> 5 OR sequence <> 3 OR in_flight
                        OR received_at IS NULL OR installing_at IS NULL OR ended_at IS NULL OR wake_at IS NOT NULL""")
    stale = rig.psql("""SELECT count(*) FROM device WHERE versions <> '{"atm-app": "4.7.2"}'""")
    assert (wrong, stale) == ("0", "0"), (wrong, stale)
    if is_counted:
        counters = rig.psql("""SELECT state, sum(count) FROM counter GROUP BY state HAVING sum(count) <> 0""")
        assert counters == f"5|{DEVICES}", counters


def run_floor(rig, file, connections):
    send_all(rig, file)
    found = rig.program("update-floor", rig.database, FLOOR, file, connections, BATCH)["per_second"]
    check(rig, is_counted=False)
    return found


def run_updater(rig, file):
    send_all(rig, file)
    found = rig.program("update-bench", rig.database, rig.redis.socket, file, THREADS, BATCH, LINGER_MS)["per_second"]
    check(rig, is_counted=True)
    return found


def measure(rig):
    """The floor is one loop. As many loops as updaters leave no time of two cores for parsing and decisions; they are printed
    beside it."""
    say(f"update: {DEVICES * STAGES:,} reports of {DEVICES:,} devices, {RUNS} runs of each side in turn")
    rig.program("plan-bench", rig.database)
    make_fleet(rig, DEVICES)
    file = rig.folder / "reports"
    real, loop, loops = [], [], []
    for _ in range(RUNS):
        loop.append(run_floor(rig, file, 1))
        loops.append(run_floor(rig, file, THREADS))
        real.append(run_updater(rig, file))
        say(f"update: updater {real[-1]:,.0f}/s, bare update {loop[-1]:,.0f}/s, {THREADS} loops at once {loops[-1]:,.0f}/s")
    to_loops = median(real) / median(loops)
    say(f"update: {to_loops:.2f} of {THREADS} loops at once")
    return Result("update", f"{DEVICES * STAGES:,} reports", f"updater {median(real):,.0f}/s",
                  f"update {median(loop):,.0f}/s", median(real) / median(loop), TARGET, at_least=True,
                  updater_per_second=real, bare_update_per_second=loop, bare_updates_at_once_per_second=loops,
                  to_updates_at_once=round(to_loops, 3), threads=THREADS, batch=BATCH)
