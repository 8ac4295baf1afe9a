"""Whole lifecycles of devices against a null orchestrator in the same harness: the same fleet, the same broker."""

import json
import resource

from harness.process import Process
from harness.programs import BIN

from .plans import submit_at_once
from .result import Result, median
from .rig import say
from .usage import Meter

BRANCHES, ATMS_A_BRANCH = 2000, 9
DEVICES = BRANCHES * (ATMS_A_BRANCH + 1)
RUNS = 3
TARGET = 0.7
SPARE_FILES = 300
WINDOW = 2000  # devices in flight of the null orchestrator: more make it no faster


def connections():
    return min(DEVICES, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE_FILES)


def start_fleet(rig, file, broker, keys):
    """Returns when as many devices are connected as the limit allows."""
    report = rig.folder / "fleet-report.json"
    log = rig.new_log("fleet")
    fleet = rig.keep(Process("fleet", [
        BIN / "tellercast-fleet", "--fleet", file, "--broker", f"127.0.0.1:{broker.port}", "--keys", keys,
        "--any-audience", "--no-presence", "--connections", connections(), "--report", report], log))
    fleet.report = report
    wanted = f"{connections()} of {DEVICES} connected"
    fleet.wait_until(lambda: wanted in log.read_text(), "the fleet is connected", 180)
    return fleet


def run_null(rig, file):
    key, keys = rig.folder / "null-key.json", rig.folder / "null-keys.json"
    rig.program("null-orchestrator", "--key", key, "--keys", keys)
    broker = rig.broker("null-orchestrator")
    fleet = start_fleet(rig, file, broker, keys)
    meter = Meter(broker=broker.pid, fleet=fleet.pid)
    answer = rig.program("null-orchestrator", "--key", key, "--fleet", file, "--broker", f"tcp://127.0.0.1:{broker.port}",
                         "--window", WINDOW, "--timeout", 300)
    usage = {**meter.read(), "orchestrator": answer["cpu_seconds"]}
    rig.end(fleet)
    rig.end(broker)
    return answer["per_second"], usage


def run_real(rig, file, name):
    broker = rig.broker()
    orchestrator = rig.orchestrator(broker, log={"level": "warning"}, scheduler={"period": "250ms"})
    rig.import_fleet(orchestrator, file)
    fleet = start_fleet(rig, file, broker, rig.trusted_keys())
    rig.psql("VACUUM ANALYZE", "CHECKPOINT")
    meter = Meter(broker=broker.pid, fleet=fleet.pid, orchestrator=orchestrator.pid, postgres=rig.postgres.pid,
                  redis=rig.redis.pid)
    rollout = submit_at_once(orchestrator, name)
    rig.wait_for_state(rollout, "completed", DEVICES)
    usage = meter.read()
    seconds = float(rig.psql(f"""SELECT extract(epoch FROM max(ended_at) - min(dispatched_at)) FROM instruction
                                 WHERE rollout_id = {rollout}"""))
    rig.end(fleet)
    executed = json.loads(fleet.report.read_text())["counters"]["executed"]
    assert executed == DEVICES, f"{executed} executions of {DEVICES} devices"
    rig.end(orchestrator)
    rig.end(broker)
    return DEVICES / seconds, usage


def measure(rig):
    say(f"flow: {DEVICES:,} devices, {connections():,} connected at once, {RUNS} runs of each side in turn")
    file = rig.fleet_file(branches=BRANCHES, atms=ATMS_A_BRANCH)
    real, floor, real_usage, floor_usage = [], [], [], []
    for run in range(RUNS):
        rate, usage = run_null(rig, file)
        floor.append(rate)
        floor_usage.append(usage)
        say(f"flow: null orchestrator {rate:,.0f}/s, CPU seconds {usage}")
        rate, usage = run_real(rig, file, f"flow-{run}")
        real.append(rate)
        real_usage.append(usage)
        say(f"flow: tellercastd {rate:,.0f}/s, CPU seconds {usage}")
    return Result("flow", f"{DEVICES:,} devices", f"real {median(real):,.0f}/s", f"null {median(floor):,.0f}/s",
                  median(real) / median(floor), TARGET, at_least=True, connected=connections(), real_per_second=real,
                  null_per_second=floor, real_cpu_seconds=real_usage, null_cpu_seconds=floor_usage)
