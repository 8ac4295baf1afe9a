"""Lifecycles of a fleet at half of its measured rate while one device in a hundred is hostile, against the same without
hostility. There is no guard in the broker: the daemon alone is judged, by its memory and by what the hostile devices get."""

import threading
import time

from harness.plan import fleet as fleet_document
from harness.programs import Fleet

from .plans import ARTIFACT, PATIENT, plan
from .result import Result, median
from .rig import say
from .usage import Meter, memory_kib

BRANCHES, ATMS_A_BRANCH, HOSTILE = 1000, 9, 100
DEVICES = BRANCHES * (ATMS_A_BRANCH + 1)
HONEST = DEVICES - 2 * HOSTILE  # a node waits for the ATMs of its branch, also for a hostile one
RUNS = 3
TARGET = 0.9
MEMORY_MIB = 128
# A hostile device sends 30 asks with 64 ever new versions a second, and 30 reports.
FLOOD = {"every": "67ms", "asks": 2, "reports": 2}
ASK_BURST, ASK_INTERVAL_S = 32, 0.5  # orchestrator/queues/queued_ask.h
REPORT_BURST, REPORT_INTERVAL_S, REPORTS_MAX = 128, 0.2, 64  # orchestrator/queues/update.h
MOST = 0.95  # of the honest devices: a message at QoS 0 that a busy broker drops is repeated seconds later
LOOK_EVERY_S = 0.1


def branches():
    def atms(branch):
        hostile = [f"B{branch}-H"] if branch < HOSTILE else []
        return hostile + [f"B{branch}-A{atm}" for atm in range(ATMS_A_BRANCH - len(hostile))]

    return {f"B{branch}": atms(branch) for branch in range(BRANCHES)}


def behaviour(is_hostile):
    """The hostile devices never install, so that the honest ones do the same work in both runs."""
    hostile = {"match": {"device": "*-H"}, "silent": "atDispatch", **({"flood": FLOOD} if is_hostile else {})}
    return {"rules": [hostile, {"askAgain": "2s", "resend": "2s"}]}


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


def roll_out(rig, orchestrator, name, rate=None):
    """Returns the honest devices that completed a second."""
    more = {} if rate is None else {"rate": {"perMinute": int(rate * 60)}}
    answer = orchestrator.http.submit(plan(name, artifact=ARTIFACT, execution=PATIENT, **more))
    assert answer.status == 201, answer
    rollout = answer.json()["rollout"]
    rig.wait_for_state(rollout, "completed", HONEST, seconds=120)
    seconds = float(rig.psql(f"""
        SELECT extract(epoch FROM percentile_disc({MOST}) WITHIN GROUP (ORDER BY ended_at) - min(dispatched_at))
        FROM instruction WHERE rollout_id = {rollout} AND ended_at IS NOT NULL"""))
    return MOST * HONEST / seconds


class Bench:
    def __init__(self, rig):
        self._rig = rig
        self._broker = rig.broker()
        self._orchestrator = rig.orchestrator(self._broker, log={"level": "warning"}, scheduler={"period": "250ms"})
        self._document = fleet_document(branches())
        answer = self._orchestrator.http.import_fleet(self._document)
        assert answer.status == 200, answer
        self._number = 0

    def run(self, rate, is_hostile):
        """Returns the rate, and the figures of the run."""
        self._number += 1
        fleet = self._rig.keep(Fleet(self._rig.folder, self._document, behaviour(is_hostile), self._broker.port,
                                     self._rig.trusted_keys(), self._number, extra=("--no-presence", "--quiet")))
        began = time.monotonic()
        fleet.wait_until_connected(DEVICES)
        watch = Watch(self._orchestrator)
        meter = Meter(broker=self._broker.pid, fleet=fleet.pid, orchestrator=self._orchestrator.pid,
                      postgres=self._rig.postgres.pid)
        found = roll_out(self._rig, self._orchestrator, f"flood-{self._number}", rate)
        usage, queues, seconds = meter.read(), watch.end(), time.monotonic() - began
        self._rig.processes.remove(fleet)
        counters = fleet.report()["counters"]
        assert counters["executed"] == HONEST, counters
        self._wait_until_all_is_served()
        figures = {"per_second": round(found), "seconds": round(seconds, 1), "longest_queues": queues, "cpu_seconds": usage,
                   **{name: value for name, value in counters.items() if name.startswith("flood_")},
                   "flood_refusals": counters["confirms_refused"]}
        return found, figures

    def _wait_until_all_is_served(self):
        """What a hostile device has in a queue is served at its own slow rate."""
        while any(self._orchestrator.http.metric(f"tellercast_queue_{name}") for name in ("asks", "statuses")):
            time.sleep(LOOK_EVERY_S)

    def memory_mib(self):
        return memory_kib(self._orchestrator.pid)[1] / 1024


def is_fair(figures):
    """True when the hostile devices got no more than their share of answers to asks, and of refusals of reports."""
    asks = HOSTILE * (ASK_BURST + figures["seconds"] / ASK_INTERVAL_S)
    reports = HOSTILE * (REPORT_BURST + figures["seconds"] / REPORT_INTERVAL_S)
    say(f"flood: hostile devices got {figures['flood_answers']:,} of at most {asks:,.0f} answers, "
        f"{figures['flood_refusals']:,} of at most {reports:,.0f} refusals")
    return figures["flood_answers"] <= asks and figures["flood_refusals"] <= reports


def measure(rig):
    say(f"flood: {DEVICES:,} devices, of which {HOSTILE} are hostile, {RUNS} runs without and with hostility in turn")
    bench = Bench(rig)
    full, figures = bench.run(None, is_hostile=False)
    say(f"flood: as fast as it can {full:,.0f}/s, CPU seconds {figures['cpu_seconds']}")
    calm, hostile, floods = [], [], []
    for _ in range(RUNS):
        rate, figures = bench.run(full / 2, is_hostile=False)
        calm.append(rate)
        say(f"flood: calm {rate:,.0f}/s {figures}")
        rate, figures = bench.run(full / 2, is_hostile=True)
        hostile.append(rate)
        floods.append(figures)
        say(f"flood: hostile {rate:,.0f}/s {figures}")
    memory_mib = bench.memory_mib()
    say(f"flood: resident at most {memory_mib:.0f} MiB")
    are_fair = all([is_fair(one) for one in floods])
    is_bounded = all(one["longest_queues"]["asks"] <= DEVICES and one["longest_queues"]["statuses"] <=
                     HOSTILE * REPORTS_MAX + 4 * HONEST for one in floods)
    return Result("flood", f"{DEVICES:,}, {HOSTILE} hostile", f"{median(hostile):,.0f}/s {memory_mib:.0f} MiB",
                  f"calm {median(calm):,.0f}/s", median(hostile) / median(calm), TARGET, at_least=True,
                  is_enough=are_fair and is_bounded and memory_mib < MEMORY_MIB, full_per_second=round(full),
                  most_mib=round(memory_mib, 1), calm_per_second=calm, hostile_per_second=hostile, floods=floods)
