"""Every read of the HTTP interface at 1,000,000 devices, in 20,000 branches and 200 rollouts, beside a flow at half of its measured
rate: to a person who sees everything and to one who sees a region. Against the statements that the read runs, by prepared queries
beside the same flow, and an HTTP exchange that asks nothing of the database."""

import contextlib
import itertools
import json
import math
import threading
import time

from harness.people import EVERY_ROLE, People
from harness.plan import fleet as fleet_document
from harness.plan import plan
from harness.programs import Fleet
from harness.wait import wait_for

from . import screen_rows
from .plans import ARTIFACT, PATIENT
from .result import Result, median
from .rig import DATABASE, put_behind, say
from .screen_reads import DOCUMENTS, PATHS, Floor, Log, Reader, check_that_no_read_is_forgotten

DEVICES, QUICK_DEVICES = 1_000_000, 100_000
FLOW_BRANCHES, QUICK_FLOW_BRANCHES = 200, 20  # of 50 devices, in cities of 20 branches
RUNS, QUICK_RUNS = 100, 5
CASE_S = 5  # a read that is so slow that its runs take longer gets fewer
ALLOWED_S, ALLOWED_RATIO = 0.1, 3.0
ALL, REGION = "everywhere", "region"
SCOPES = {ALL: {}, REGION: {"region": ["emea"]}}
BEHAVIOUR = {"rules": [{"askAgain": "2s", "resend": "2s"}]}
EMPTY = "/healthz"
PACE_S = 10  # the flow is counted in parts of so long
HELD = 0.9  # the part of its rate that the flow must have, for the figures to count


class Rows:
    """The database, as the harness of the scenarios uses one."""

    def __init__(self, rig):
        self._rig = rig

    def rows(self, text, *values):
        with contextlib.closing(self._rig.postgres.connect(DATABASE)) as connection, connection.cursor() as cursor:
            cursor.execute(text, values)
            return cursor.fetchall() if cursor.description else []


class Flow(threading.Thread):
    """Devices that run one rollout after the other, at half of the rate that they reach: a rollout of the branches of a city, whenever
    its turn comes by the clock. A rate of the rollouts themselves limits nothing: it lets as many devices begin as a minute may
    have. Branches are named: by a label the whole fleet would be looked through for each rollout."""

    def __init__(self, rig, orchestrator, broker, branches):
        super().__init__(daemon=True)
        self._rig, self._orchestrator = rig, orchestrator
        self._count, self._cities = branches * screen_rows.DEVICES_A_BRANCH, branches // screen_rows.BRANCHES_A_CITY
        names = [f"B{number:05}" for number in range(branches)]
        self._branches = list(zip(*[iter(names)] * screen_rows.BRANCHES_A_CITY))
        document = fleet_document({name: [f"{name}-A{atm}" for atm in range(1, screen_rows.DEVICES_A_BRANCH)] for name in names})
        self._fleet = rig.keep(Fleet(rig.folder, document, BEHAVIOUR, broker.port, rig.trusted_keys(), "-screen",
                                     extra=("--no-presence", "--quiet", *broker.fleet_options())))
        self._fleet.wait_until_connected(self._count)
        put_behind(self._fleet)
        self._ended, self._number = threading.Event(), 0
        self.half = self._measure_full() / 2

    def _submit(self, cities):
        self._number += 1
        answer = self._orchestrator.http.submit(plan(
            f"flow-{self._number}", artifact={**ARTIFACT, "version": f"6.{self._number}.0"}, execution=PATIENT,
            selector={"branches": [branch for city in cities for branch in self._branches[city]]}))
        assert answer.status == 201, answer
        return answer.json()["rollout"]

    def _measure_full(self):
        """Returns the lifecycles a second of a rollout of all devices that nothing limits."""
        rollout = self._submit(range(self._cities))
        wait_for(lambda: self._rig.psql(f"SELECT state FROM rollout WHERE id = {rollout}") == "completed", "all devices ended", 300)
        return self._count / float(self._rig.psql(f"""SELECT extract(epoch FROM max(ended_at) - min(dispatched_at)) FROM instruction
                                                      WHERE rollout_id = {rollout}"""))

    def run(self):
        step_s = screen_rows.CITY_DEVICES / self.half
        began = self._began = time.monotonic()
        for turn in itertools.count():
            if self._ended.wait(max(0.0, began + turn * step_s - time.monotonic())):
                return
            self._submit([turn % self._cities])

    def end(self):
        """Returns the lifecycles of each PACE_S since the flow began, a second. The last, which has no PACE_S, is left out."""
        seconds = int(time.monotonic() - self._began)
        counts = dict(map(int, line.split("|")) for line in self._rig.psql(
            f"""SELECT floor(({seconds} - extract(epoch FROM now() - i.ended_at)) / {PACE_S})::int, count(*)
                FROM rollout r JOIN instruction i ON i.rollout_id = r.id
                WHERE r.name LIKE 'flow-%' AND i.ended_at > now() - interval '{seconds} seconds' GROUP BY 1""").splitlines())
        self._ended.set()
        self.join()
        self._fleet.stop()
        self._rig.processes.remove(self._fleet)
        return [counts.get(place, 0) / PACE_S for place in range(max(1, seconds // PACE_S))]


class Testbed:
    """What the reads find."""

    def __init__(self, rig):
        self._rig, self._people = rig, People(Rows(rig), rig.folder)
        self.broker = rig.broker()
        self.devices = QUICK_DEVICES if rig.is_quick else DEVICES
        self.flow_branches = QUICK_FLOW_BRANCHES if rig.is_quick else FLOW_BRANCHES
        self.orchestrator = self._start()
        self._say("a fleet", screen_rows.make_fleet, rig, self.devices)
        for name, scope in SCOPES.items():
            self._people.add(name, EVERY_ROLE, valid_for="1 day", scope=scope)
        self._say("plans", self._plan)
        self._rig.end(self.orchestrator)
        self.made = self._say("rollouts", screen_rows.copy_rollouts, rig, self.devices, self.flow_branches)
        self._say("their states", screen_rows.move, rig, self.made)
        self._say("acts", screen_rows.add_acts, rig)
        self.orchestrator = self._start()
        wait_for(lambda: rig.psql("SELECT presence_generation()"), "presence is watched", 60)
        self._say("presence", screen_rows.add_presence, rig)
        self.values = self._choose()
        screen_rows.add_logs(rig, self.values["device"])
        self._say("statistics", screen_rows.settle, rig)

    def _start(self):
        return self._rig.orchestrator(self.broker, log={"level": "warning"}, scheduler={"period": "250ms"})

    @staticmethod
    def _say(what, act, *arguments):
        began = time.monotonic()
        found = act(*arguments)
        say(f"screen: {what} in {time.monotonic() - began:.1f} s")
        return found

    def _plan(self):
        for document in screen_rows.patterns(self.devices, self.flow_branches // screen_rows.BRANCHES_A_CITY):
            answer = self.orchestrator.http.submit(document)
            assert answer.status == 201, answer
        wait_for(lambda: self._rig.psql("SELECT count(*) FROM rollout WHERE planned_at IS NULL OR state = 'accepted'") == "0",
                 "all is planned", 900)

    def _choose(self):
        """A device and a branch of the region that the other person sees, that no flow uses; and a device and its branch at work.
        And a freeze of a place where no flow is: no group of it would open."""
        far = self.devices // screen_rows.DEVICES_A_BRANCH // 10 * 9
        branch = f"B{far - far % 5:05}"
        answer = self.orchestrator.http.ask("POST", "/v1/freezes", json.dumps(
            {"match": f"city=c{self.devices // screen_rows.CITY_DEVICES - 1}", "until": screen_rows.LATER, "reason": "bench"}), {"Content-Type": "application/json"})
        assert answer.status == 201, answer
        busy = self._rig.psql("SELECT device || ' ' || branch FROM instruction JOIN rollout r ON r.id = rollout_id "
                              "WHERE in_flight AND name LIKE 'open%' LIMIT 1").split()
        return {**{kind: rollouts[0] for kind, rollouts in self.made.items()}, "branch": branch, "device": f"{branch}-A7",
                "city": self._rig.psql(f"SELECT labels ->> 'city' FROM branch WHERE id = '{branch}'"), "busy": busy[0], "busy_branch": busy[1],
                "freeze": answer.json()["freeze"], "key": self.orchestrator.http.document("/v1/keys")["keys"][0]["key"],
                "yesterday_ms": int((time.time() - 86400) * 1000)}


def percentile(values, part):
    """The nearest rank: of 100 values and 0.99, the 99th."""
    return sorted(values)[math.ceil(len(values) * part) - 1]


def measure_case(reader, floor, path, statements, runs):
    """Both sides in turn. Returns the seconds of each run of the read, and of its floor."""
    real, bare, began = [], [], time.monotonic()
    while len(real) < runs and (len(real) < 3 or time.monotonic() - began < CASE_S):
        empty = reader.read(EMPTY)[0]
        bare.append(floor.run(statements) + empty)
        real.append(reader.read(path)[0])
    return real, bare


def describe(name, person, path, statements, real, bare):
    p50, floor_ms = median(real) * 1000, median(bare) * 1000
    found = {"read": name, "person": person, "path": path, "runs": len(real), "p50_ms": round(p50, 2),
             "p99_ms": round(percentile(real, 0.99) * 1000, 2), "floor_ms": round(floor_ms, 2), "ratio": round(p50 / floor_ms, 2),
             "statements": [one for one, _ in statements], "is_document": name in DOCUMENTS}
    is_slow = found["p99_ms"] > ALLOWED_S * 1000 and not found["is_document"]
    say(f"screen: {person:10} p50 {found['p50_ms']:8.2f} p99 {found['p99_ms']:8.2f} floor {found['floor_ms']:8.2f} ms "
        f"ratio {found['ratio']:5.2f} {path}{'   SLOW' if is_slow else ''}{'   RATIO' if found['ratio'] > ALLOWED_RATIO else ''}")
    return found


def read_all(testbed, log):
    """Yields each read of each person: its name, the path, and the statements that it runs. Leaves out what a person may not see."""
    for person in SCOPES:
        reader = Reader(testbed.orchestrator.http.port, person)
        wait_for(lambda who=reader: who.read("/v1/me")[1] == 200, f"{person} is known")
        for name, templates in {**PATHS, **DOCUMENTS}.items():
            for template in templates:
                path = template.format(**testbed.values)
                (_, status), statements = log.of(lambda at=path, who=reader: who.read(at))
                assert status == 200 or person != ALL and status in (403, 404), f"{path}: {status}"
                if status == 200:
                    yield person, name, path, statements


def worst(found, by):
    return max(found, key=lambda one: one[by])


def measure(rig):
    check_that_no_read_is_forgotten()
    testbed, floor = Testbed(rig), Floor(rig)
    reads = list(read_all(testbed, Log(rig)))
    flow = Flow(rig, testbed.orchestrator, testbed.broker, testbed.flow_branches)
    say(f"screen: {testbed.devices:,} devices, {len(reads)} reads, a flow of {flow.half:,.0f}/s beside them")
    flow.start()
    found = []
    readers = {person: Reader(testbed.orchestrator.http.port, person) for person in SCOPES}
    for person, name, path, statements in reads:
        runs = QUICK_RUNS if rig.is_quick else RUNS
        found.append(describe(name, person, path, statements, *measure_case(readers[person], floor, path, statements, runs)))
    rates = flow.end()
    pace = sum(rates) / len(rates)
    judged = [one for one in found if not one["is_document"]]
    slow, far = worst(judged, "p99_ms"), worst(found, "ratio")
    scale = f"{testbed.devices:,} devices"
    details = {"reads": found, "flow_per_second": [round(rate) for rate in rates], "flow_half_per_second": round(flow.half)}
    for one in (slow, far):
        say(f"screen: the worst is {one}")
    say(f"screen: the flow had {', '.join(f'{rate:,.0f}/s' for rate in rates)}")
    return [Result("screen", scale, f"worst p99 {slow['p99_ms']:.0f} ms", f"{ALLOWED_S * 1000:.0f} ms", slow["p99_ms"] / 1000 / ALLOWED_S, 1.0,
                   at_least=False, **details),
            Result("screen-floor", scale, f"{far['p50_ms']:.1f} ms", f"bare statement {far['floor_ms']:.1f} ms", far["ratio"], ALLOWED_RATIO,
                   at_least=False, read=far),
            Result("screen-flow", f"{testbed.flow_branches * screen_rows.DEVICES_A_BRANCH:,} devices", f"{pace:,.0f}/s",
                   f"half of its rate {flow.half:,.0f}/s", pace / flow.half, HELD, at_least=True)]
