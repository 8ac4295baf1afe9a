"""Lifecycles of a fleet at half of its measured rate while one device in a hundred is hostile, against the same without
hostility: with a plain broker, where the daemon alone is judged, by its memory and by what the hostile devices get; and with
certificates and the guard, where the hostile devices may cost the others nothing."""

import threading
import time

import yaml
from harness.plan import fleet as fleet_document
from harness.plan import text_of
from harness.programs import Fleet

from .plans import ARTIFACT, PATIENT, plan
from .result import Result, median, median_ratio
from .rig import say
from .usage import Meter, memory_kib

BRANCHES, ATMS_A_BRANCH, HOSTILE_PERCENT = 1000, 9, 1
QUICK_BRANCHES = 100
RUNS = 3
TARGET = 0.9
MEMORY_MIB = 128
# A hostile device sends 30 asks with 64 ever new versions a second, and 30 reports.
FLOOD = {"every": "67ms", "asks": 2, "reports": 2}
ASK_BURST, ASK_INTERVAL_S = 32, 0.5  # orchestrator/queues/queued_ask.h
REPORT_BURST, REPORT_INTERVAL_S, REPORTS_MAX = 128, 0.2, 64  # orchestrator/queues/update.h
MOST = 0.95  # of the honest devices: a message at QoS 0 that a busy broker drops is repeated seconds later
LOOK_EVERY_S = 0.1
BEHAVIOUR = {"rules": [{"askAgain": "2s", "resend": "2s"}]}
CONNECTING_S, ASK_MS = 1800, 60_000  # certificates for all, and a handshake with each


class Devices:
    """A fleet with one hostile device in each of some branches, as documents: of all, of the honest, of the hostile."""

    def __init__(self, branches):
        self.count = branches * (ATMS_A_BRANCH + 1)
        self.hostile = self.count * HOSTILE_PERCENT // 100
        self.honest = self.count - self.hostile
        self.busy = self.honest - self.hostile  # a node waits for the ATMs of its branch, also for a hostile one
        self.document = fleet_document({f"B{branch}": self._atms(branch) for branch in range(branches)})
        self.of_honest, self.of_hostile = self._part(False), self._part(True)

    def _atms(self, branch):
        hostile = [f"B{branch}-H"] if branch < self.hostile else []
        return hostile + [f"B{branch}-A{atm}" for atm in range(ATMS_A_BRANCH - len(hostile))]

    def _part(self, is_hostile):
        document = yaml.safe_load(self.document)
        document["devices"] = [one for one in document["devices"] if one["id"].endswith("-H") == is_hostile]
        return text_of(document)


def hostile_behaviour(is_hostile):
    """The hostile devices never install, so that the honest ones do the same work in both runs."""
    return {"rules": [{"silent": "atDispatch", **({"flood": FLOOD} if is_hostile else {})}]}


class Watch(threading.Thread):
    """The longest queues that the metrics showed."""

    def __init__(self, orchestrator):
        super().__init__(daemon=True)
        self._orchestrator = orchestrator
        self._ended = threading.Event()
        self.most = {"asks": 0, "statuses": 0}
        self.start()

    def run(self):
        while not self._ended.wait(LOOK_EVERY_S):
            for name in self.most:
                self.most[name] = max(self.most[name], int(self._orchestrator.http.metric(f"tellercast_queue_{name}")))

    def end(self):
        self._ended.set()
        self.join()
        return self.most


class Bench:
    """One orchestrator and one broker, at which the fleet connects anew for each run."""

    def __init__(self, rig, devices, name, broker):
        self._rig, self._devices, self._name, self._broker = rig, devices, name, broker
        self.orchestrator = rig.orchestrator(broker, log={"level": "warning"}, scheduler={"period": "250ms"})
        answer = self.orchestrator.http.import_fleet(devices.document)
        assert answer.status == 200, answer
        broker.wait_for_table(self.orchestrator, devices.count)
        self._number = 0

    def _fleet(self, document, behaviour, count, kind):
        """Connected when this returns. The hostile devices are a program of their own, so that the CPU of each is known, and that
        they begin when all others are there."""
        fleet = self._rig.keep(Fleet(
            self._rig.folder, document, behaviour, self._broker.port, self._rig.trusted_keys(),
            f"-{self._name}-{self._number}-{kind}", extra=("--no-presence", "--quiet", *self._broker.fleet_options())))
        deadline = time.monotonic() + CONNECTING_S
        fleet.wait_until(fleet.control.exists, "the fleet can be asked", CONNECTING_S)
        while not fleet.ask("wait", connected=count, timeout_ms=ASK_MS)["ok"]:
            assert time.monotonic() < deadline, f"the fleet is not connected after {CONNECTING_S} s"
        return fleet

    def _end(self, fleet):
        self._rig.processes.remove(fleet)
        return fleet.report()["counters"]

    def _roll_out(self, rate):
        """Returns the honest devices that completed a second."""
        more = {} if rate is None else {"rate": {"perMinute": int(rate * 60)}}
        name = f"flood-{self._name}-{self._number}"
        answer = self.orchestrator.http.submit(plan(name, artifact=ARTIFACT, execution=PATIENT, **more))
        assert answer.status == 201, answer
        rollout = answer.json()["rollout"]
        self._rig.wait_for_state(rollout, "completed", self._devices.busy, seconds=300)
        seconds = float(self._rig.psql(f"""
            SELECT extract(epoch FROM percentile_disc({MOST}) WITHIN GROUP (ORDER BY ended_at) - min(dispatched_at))
            FROM instruction WHERE rollout_id = {rollout} AND ended_at IS NOT NULL"""))
        return MOST * self._devices.busy / seconds

    def run(self, rate, is_hostile):
        """Returns the rate, and the figures of the run."""
        self._number += 1
        devices = self._devices
        honest = self._fleet(devices.of_honest, BEHAVIOUR, devices.honest, "honest")
        began = time.monotonic()
        hostile = self._fleet(devices.of_hostile, hostile_behaviour(is_hostile), devices.hostile, "hostile")
        watch = Watch(self.orchestrator)
        meter = Meter(broker=self._broker.pid, fleet=honest.pid, hostile=hostile.pid, orchestrator=self.orchestrator.pid,
                      postgres=self._rig.postgres.pid)
        found = self._roll_out(rate)
        usage, queues = meter.read(), watch.end()
        of_hostile, seconds = self._end(hostile), time.monotonic() - began
        counters = self._end(honest)
        assert counters["executed"] == devices.busy and counters["connects"] == devices.honest, counters
        self._wait_until_all_is_served()
        figures = {"per_second": round(found), "seconds": round(seconds, 1), "longest_queues": queues, "cpu_seconds": usage,
                   **{name: value for name, value in of_hostile.items() if name.startswith("flood_")},
                   "flood_refusals": of_hostile["confirms_refused"], "flood_connects": of_hostile["connects"],
                   "flood_connects_refused": of_hostile["connect_failures"]}
        say(f"{self._name}: {'hostile' if is_hostile else 'calm'} {found:,.0f}/s {figures}")
        return found, figures

    def _wait_until_all_is_served(self):
        """What a hostile device has in a queue is served at its own slow rate."""
        while any(self.orchestrator.http.metric(f"tellercast_queue_{name}") for name in ("asks", "statuses")):
            time.sleep(LOOK_EVERY_S)

    def memory_mib(self):
        """At most so far, of the orchestrator and of the broker."""
        return memory_kib(self.orchestrator.pid)[1] / 1024, memory_kib(self._broker.pid)[1] / 1024

    def is_fair(self, figures):
        """True when the hostile devices got no more than their share of answers to asks, and of refusals of reports."""
        asks = self._devices.hostile * (ASK_BURST + figures["seconds"] / ASK_INTERVAL_S)
        reports = self._devices.hostile * (REPORT_BURST + figures["seconds"] / REPORT_INTERVAL_S)
        say(f"{self._name}: hostile devices got {figures['flood_answers']:,} of at most {asks:,.0f} answers, "
            f"{figures['flood_refusals']:,} of at most {reports:,.0f} refusals")
        return figures["flood_answers"] <= asks and figures["flood_refusals"] <= reports

    def is_bounded(self, figures):
        queues, devices = figures["longest_queues"], self._devices
        return (queues["asks"] <= devices.count and
                queues["statuses"] <= devices.hostile * REPORTS_MAX + 4 * devices.honest)

    def end(self):
        self._rig.end(self.orchestrator)
        self._rig.end(self._broker)


def measure_one(rig, devices, name, broker):
    turns = 1 if rig.is_quick else RUNS
    bench = Bench(rig, devices, name, broker)
    full, _ = bench.run(None, is_hostile=False)
    calm, hostile, floods = [], [], []
    for _ in range(turns):
        calm.append(bench.run(full / 2, is_hostile=False)[0])
        rate, figures = bench.run(full / 2, is_hostile=True)
        hostile.append(rate)
        floods.append(figures)
    memory_mib, broker_mib = bench.memory_mib()
    say(f"{name}: resident at most {memory_mib:.0f} MiB, the broker {broker_mib:.0f} MiB")
    is_enough = all([bench.is_fair(one) and bench.is_bounded(one) for one in floods]) and memory_mib < MEMORY_MIB
    denied = broker.denied(bench.orchestrator)
    say(f"{name}: refused by the guard, in all runs {denied}")
    bench.end()
    return Result(name, f"{devices.count:,}, {devices.hostile} hostile", f"{median(hostile):,.0f}/s {memory_mib:.0f} MiB",
                  f"calm {median(calm):,.0f}/s", median_ratio(hostile, calm), TARGET, at_least=True, is_enough=is_enough,
                  full_per_second=round(full), most_mib=round(memory_mib, 1), broker_mib=round(broker_mib, 1), denied=denied,
                  calm_per_second=calm, hostile_per_second=hostile, floods=floods)


def measure(rig):
    devices = Devices(QUICK_BRANCHES if rig.is_quick else BRANCHES)
    say(f"flood: {devices.count:,} devices, of which {devices.hostile} are hostile, runs without and with hostility in turn")
    return [measure_one(rig, devices, "flood", rig.broker()),
            measure_one(rig, devices, "flood-guard", rig.secure_broker(has_guard=True))]
