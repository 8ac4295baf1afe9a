"""Resident memory of tellercastd with rollouts of more and more devices, planned and in flight."""

from .fleet_rows import make_fleet
from .plans import submit_at_once
from .result import Result
from .rig import say
from .usage import memory_kib

DEVICES = (10_000, 100_000, 1_000_000)
TARGET_MIB = 96


def measure_one(rig, devices):
    """No device asks, so every instruction stays in flight."""
    rig.program("plan-bench", rig.database)
    make_fleet(rig, devices)
    rig.psql("TRUNCATE rollout, instruction, counter, claim, instruction_event CASCADE")
    rig.redis.connect().flushall()
    broker = rig.broker()
    orchestrator = rig.orchestrator(broker, log={"level": "warning"})
    rollout = submit_at_once(orchestrator, f"memory-{devices}")
    # Nodes wait for the ATMs of their branch.
    rig.wait_for_state(rollout, "dispatched", devices - devices // 20, seconds=1200)
    now, most = memory_kib(orchestrator.pid)
    rig.end(orchestrator)
    rig.end(broker)
    say(f"memory: {devices:,} devices: {now / 1024:.1f} MiB, at most {most / 1024:.1f} MiB")
    return {"devices": devices, "resident_mib": round(now / 1024, 1), "most_mib": round(most / 1024, 1)}


def measure(rig):
    found = [measure_one(rig, devices) for devices in DEVICES]
    first, last = found[0]["most_mib"], found[-1]["most_mib"]
    return Result("memory", f"{DEVICES[-1]:,} in flight", f"peak {last:.0f} MiB of {TARGET_MIB} MiB",
                  f"{DEVICES[0]:,}: {first:.0f} MiB", last / TARGET_MIB, 1.0, at_least=False, found=found,
                  target_mib=TARGET_MIB)
