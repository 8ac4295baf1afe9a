"""Asks of pull clients answered, against an echo by paho: the same load on the same kind of broker."""

from harness.process import Process
from harness.programs import BIN

from .plans import submit_at_once
from .result import Result, median
from .rig import say
from .usage import Meter

DEVICES, QUICK_DEVICES = 5000, 500
OUTSTANDING = 256
SECONDS, QUICK_SECONDS = 10, 2
RUNS = 3
TARGET = 0.6


def devices(rig):
    return QUICK_DEVICES if rig.is_quick else DEVICES


def seconds(rig):
    return QUICK_SECONDS if rig.is_quick else SECONDS


def load(rig, file, broker):
    """Returns the fleet's figures when it asks as fast as it gets answers."""
    return rig.program("tellercast-fleet", "--fleet", file, "--broker", f"127.0.0.1:{broker.port}", "--no-verify",
                       "--any-audience", "--no-presence", "--ask-load", f"{seconds(rig)}s", "--outstanding", OUTSTANDING,
                       "--quiet")


def run_echo(rig, file):
    broker = rig.broker("paho-echo")
    log = rig.new_log("echo")
    echo = rig.keep(Process("paho-echo", [BIN / "paho-echo", "--broker", f"tcp://127.0.0.1:{broker.port}"], log))
    echo.wait_until(lambda: "ready" in log.read_text(), "the echo is ready")
    meter = Meter(broker=broker.pid, orchestrator=echo.pid)
    found = {**load(rig, file, broker), "cpu_seconds": meter.read()}
    rig.end(echo)
    rig.end(broker)
    return found


def run_real(rig, file, name):
    """All instructions are claimed, in Redis, and retained by the broker before the first ask."""
    broker = rig.broker()
    orchestrator = rig.orchestrator(broker, log={"level": "warning"})
    rig.import_fleet(orchestrator, file)
    rig.psql("UPDATE instruction SET in_flight = false, wake_at = NULL, state = 9 WHERE in_flight")
    rig.redis.connect().flushall()
    rollout = submit_at_once(orchestrator, name)
    rig.wait_for_state(rollout, "dispatched", devices(rig))
    meter = Meter(broker=broker.pid, orchestrator=orchestrator.pid, postgres=rig.postgres.pid, redis=rig.redis.pid)
    found = {**load(rig, file, broker), "cpu_seconds": meter.read()}
    rig.end(orchestrator)
    rig.end(broker)
    return found


def measure(rig):
    turns = 1 if rig.is_quick else RUNS
    say(f"pull: {devices(rig):,} pull clients, {OUTSTANDING} asks at a time, {turns} runs of {seconds(rig)} s of each side in turn")
    file = rig.fleet_file(branches=0, pull=devices(rig))
    real, floor = [], []
    for run in range(turns):
        floor.append(run_echo(rig, file))
        say(f"pull: echo {floor[-1]}")
        real.append(run_real(rig, file, f"pull-{run}"))
        say(f"pull: tellercastd {real[-1]}")

    def middle(found, key):
        return median([one[key] for one in found])

    def text(name, found):
        return f"{name} {middle(found, 'per_second'):,.0f}/s p99 {middle(found, 'p99_us') / 1000:.1f} ms"

    ratio = middle(real, "per_second") / middle(floor, "per_second")
    return Result("pull", f"{devices(rig):,} pull clients", text("real", real), text("echo", floor), ratio, TARGET,
                  at_least=True, real_runs=real, echo_runs=floor)
