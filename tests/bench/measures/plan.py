"""Planning a rollout against a bare INSERT … SELECT of the same rows into the same table."""

import time

from .fleet_rows import make_fleet
from .result import Result, median
from .rig import say

DEVICES = 1_000_000
RUNS = 5
TARGET = 1.3
PLAN = """
apiVersion: tellercast/v1
kind: Rollout
metadata: {name: bench}
spec:
  action: install
  artifact: {name: atm-app, version: 4.7.2, url: "http://127.0.0.1/atm-app.bin", size: 412MiB,
             sha256: 9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c}
  schedule: {timeZone: device, windows: [{days: [mon, tue, wed, thu, fri, sat, sun], start: "01:00", duration: 4h}]}
  rate: {perMinute: 2000}
  groups:
    - {name: pilot, percentage: 2%}
    - {name: rest, percentage: 100%}
"""
PLANNED = "rollout_id, planned_at, due_at, group_no, zone_no, pull, device, branch"


def clear(rig):
    """Both sides begin with empty tables and indexes, and no other session writes."""
    rig.psql("TRUNCATE rollout, instruction, counter CASCADE", "CHECKPOINT")


def plan_once(rig, file):
    clear(rig)
    answer = rig.program("plan-bench", rig.database, file, 0)
    assert answer["instructions"] == DEVICES, answer
    return answer["seconds"]


def insert_once(rig):
    clear(rig)
    began = time.monotonic()
    rig.psql(f"INSERT INTO instruction ({PLANNED}) SELECT {PLANNED} FROM planned")
    return time.monotonic() - began


def measure(rig):
    say(f"plan: {DEVICES:,} devices, {RUNS} runs of each side in turn")
    file = rig.folder / "plan.yaml"
    file.write_text(PLAN)
    rig.program("plan-bench", rig.database)
    make_fleet(rig, DEVICES)
    plan_once(rig, file)
    rig.psql(f"CREATE TABLE planned AS SELECT {PLANNED} FROM instruction ORDER BY id", "VACUUM ANALYZE planned")

    real, floor = [], []
    for _ in range(RUNS):
        floor.append(insert_once(rig))
        real.append(plan_once(rig, file))
        say(f"plan: planner {real[-1]:.2f} s, bare insert {floor[-1]:.2f} s")
    ratio = median(real) / median(floor)
    return Result("plan", f"{DEVICES:,} devices", f"planner {median(real):.2f} s", f"insert {median(floor):.2f} s", ratio,
                  TARGET, at_least=False, planner_seconds=real, insert_seconds=floor)
