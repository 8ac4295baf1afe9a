"""Previewing a rollout over HTTP against the bare statement that counts its devices by group."""

import statistics
import time

from .fleet_rows import make_fleet
from .plan import PLAN
from .result import Result, median
from .rig import DATABASE, say

DEVICES = 100_000
RUNS = 15
TARGET = 2.0
BUDGET = "  disruptionBudget: {maxUnavailable: 2}\n"
# The groups of all devices as planning computes them, without zones, branches, windows, budgets or a forecast.
COUNT = """
SELECT m.group_no, count(*)
FROM group_members('[{"name": "pilot", "percentage": 2}, {"name": "rest", "percentage": 100}]', rollout_seed('bench'),
                   %s, '{}', '{}', '{}', '[]', 'atm-app', '{}', NULL) m
GROUP BY 1
"""


def preview_once(orchestrator):
    began = time.monotonic()
    answer = orchestrator.http.ask("POST", "/v1/rollouts:preview", PLAN + BUDGET, {"Content-Type": "application/yaml"})
    seconds = time.monotonic() - began
    assert answer.status == 200 and answer.json()["devices"] == DEVICES, answer
    return seconds


def count_once(cursor):
    began = time.monotonic()
    cursor.execute(COUNT, (DEVICES,))
    counts = dict(cursor.fetchall())
    seconds = time.monotonic() - began
    assert sum(counts.values()) == DEVICES, counts
    return seconds


def measure(rig):
    say(f"preview: {DEVICES:,} devices, {RUNS} runs of each side in turn")
    orchestrator = rig.orchestrator(rig.broker())
    make_fleet(rig, DEVICES)
    real, floor = [], []
    with rig.postgres.connect(DATABASE).cursor() as cursor:
        for _ in range(3):  # both sides have their rows in memory, and their statements prepared
            count_once(cursor)
            preview_once(orchestrator)
        for _ in range(RUNS):
            floor.append(count_once(cursor))
            real.append(preview_once(orchestrator))
    ratio = median(real) / median(floor)
    say(f"preview: {statistics.median(real) * 1000:.0f} ms, counting {statistics.median(floor) * 1000:.0f} ms")
    return Result("preview", f"{DEVICES:,} devices", f"preview {median(real) * 1000:.0f} ms",
                  f"count {median(floor) * 1000:.0f} ms", ratio, TARGET, at_least=False, preview_seconds=real,
                  count_seconds=floor)
