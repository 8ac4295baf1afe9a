"""Whole lifecycles of devices: against a null orchestrator in the same harness, and by brokers without TLS, with TLS alone, and
with TLS and the guard. The same fleet, connected before the clock starts, and the same settings else."""

import json
import resource

from harness.process import Process
from harness.programs import BIN

from .plans import submit_at_once
from .result import Result, median, median_ratio
from .rig import say
from .usage import Meter, memory_kib

BRANCHES, ATMS_A_BRANCH = 2000, 9
QUICK_BRANCHES = 50
RUNS = 3
TARGET = 0.7
GUARD_TARGET = 0.9
SPARE_FILES = 300
WINDOW = 2000  # devices in flight of the null orchestrator: more make it no faster
CONNECTING_S = 1800  # certificates for all, and a handshake with each: nothing else waits for it
NULL, PLAIN, TLS, GUARDED = "null orchestrator", "tellercastd", "tellercastd, TLS", "tellercastd, TLS and guard"
MICROSECONDS = 1_000_000


def branches(rig):
    """As many as can be connected at once."""
    possible = (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE_FILES) // (ATMS_A_BRANCH + 1)
    return min(QUICK_BRANCHES if rig.is_quick else BRANCHES, possible)


class Bench:
    def __init__(self, rig):
        self._rig = rig
        count = branches(rig)
        self.devices = count * (ATMS_A_BRANCH + 1)
        self._file = rig.fleet_file(branches=count, atms=ATMS_A_BRANCH)
        self._number = 0
        self._settings = {}
        self._key, self._null_keys = rig.folder / "null-key.json", rig.folder / "null-keys.json"
        rig.program("null-orchestrator", "--key", self._key, "--keys", self._null_keys)
        self._brokers = {PLAIN: rig.broker, TLS: lambda: rig.secure_broker(has_guard=False),
                         GUARDED: lambda: rig.secure_broker(has_guard=True)}

    def _start_fleet(self, broker, keys):
        """Returns when all devices are connected."""
        report = self._rig.folder / "fleet-report.json"
        log = self._rig.new_log("fleet")
        fleet = self._rig.keep(Process("fleet", [
            BIN / "tellercast-fleet", "--fleet", self._file, "--broker", f"127.0.0.1:{broker.port}", "--keys", keys,
            "--any-audience", "--no-presence", "--connections", self.devices, "--report", report, *broker.fleet_options()], log))
        fleet.report = report
        wanted = f"{self.devices} of {self.devices} connected"
        fleet.wait_until(lambda: wanted in log.read_text(), "the fleet is connected", CONNECTING_S)
        return fleet

    def _end_fleet(self, fleet):
        """Checks that each device ran once, and that none had to connect again while the clock ran."""
        self._rig.end(fleet)
        counters = json.loads(fleet.report.read_text())["counters"]
        found = {name: counters[name] for name in ("executed", "connects", "connect_failures")}
        assert found == {"executed": self.devices, "connects": self.devices, "connect_failures": 0}, found

    def _begin(self, orchestrator):
        """Called before the clock starts."""

    def _run_null(self):
        broker = self._rig.broker("null-orchestrator")
        fleet = self._start_fleet(broker, self._null_keys)
        meter = Meter(broker=broker.pid, fleet=fleet.pid)
        answer = self._rig.program("null-orchestrator", "--key", self._key, "--fleet", self._file, "--broker",
                                   f"tcp://127.0.0.1:{broker.port}", "--window", WINDOW, "--timeout", 300)
        usage = {**meter.read(), "orchestrator": answer["cpu_seconds"]}
        broker_mib = memory_kib(broker.pid)[1] / 1024
        self._end_fleet(fleet)
        self._rig.end(broker)
        return answer["per_second"], usage, broker_mib

    def _run_real(self, side):
        self._number += 1
        rig, broker = self._rig, self._brokers[side]()
        orchestrator = rig.orchestrator(broker, log={"level": "warning"}, scheduler={"period": "250ms"}, **self._settings)
        rig.import_fleet(orchestrator, self._file)
        broker.wait_for_table(orchestrator, self.devices)
        fleet = self._start_fleet(broker, rig.trusted_keys())
        self._begin(orchestrator)
        rig.psql("VACUUM ANALYZE", "CHECKPOINT")
        meter = Meter(broker=broker.pid, fleet=fleet.pid, orchestrator=orchestrator.pid, postgres=rig.postgres.pid,
                      redis=rig.redis.pid)
        rollout = submit_at_once(orchestrator, f"flow-{self._number}")
        rig.wait_for_state(rollout, "completed", self.devices)
        usage = meter.read()
        broker_mib = memory_kib(broker.pid)[1] / 1024
        seconds = float(rig.psql(f"""SELECT extract(epoch FROM max(ended_at) - min(dispatched_at)) FROM instruction
                                     WHERE rollout_id = {rollout}"""))
        self._end_fleet(fleet)
        rig.end(orchestrator)
        rig.end(broker)
        return self.devices / seconds, usage, broker_mib

    def run(self, side):
        """Returns the lifecycles a second, the µs of CPU that each part used for one, and the broker's memory."""
        rate, usage, broker_mib = self._run_null() if side == NULL else self._run_real(side)
        each = {part: round(seconds * MICROSECONDS / self.devices, 1) for part, seconds in usage.items()}
        say(f"flow: {side} {rate:,.0f}/s, µs of CPU a lifecycle {each}, broker {broker_mib:.0f} MiB")
        return {"per_second": rate, "cpu_us": each, "broker_mib": round(broker_mib, 1)}


def compare(name, devices, runs, real, floor, target):
    """The result for two of the sides."""
    rates = {side: [run["per_second"] for run in runs[side]] for side in (real, floor)}

    def text(side):
        return f"{side.removeprefix('tellercastd, ')} {median(rates[side]):,.0f}/s"

    return Result(name, f"{devices:,} devices", text(real), text(floor), median_ratio(rates[real], rates[floor]), target,
                  at_least=True, real_runs=runs[real], floor_runs=runs[floor])


def measure(rig):
    bench = Bench(rig)
    sides = (NULL, PLAIN, TLS, GUARDED)
    turns = 1 if rig.is_quick else RUNS
    say(f"flow: {bench.devices:,} devices, all connected before the clock starts, {turns} runs of each side in turn")
    runs = {side: [] for side in sides}
    for _ in range(turns):
        for side in sides:
            runs[side].append(bench.run(side))
    return [compare("flow", bench.devices, runs, PLAIN, NULL, TARGET),
            compare("flow-guard", bench.devices, runs, GUARDED, TLS, GUARD_TARGET),
            compare("flow-tls", bench.devices, runs, TLS, PLAIN, None)]
