"""The upgrade from the version before, whose commit is in `previous`, with that version's own programs. Three orchestrators are
replaced one after the other while one rollout runs, one is rolled back and one waits for an approval. Half of the agents
stay old to the end; the others are new from the beginning or are upgraded half way."""

import json
import pathlib
import re
import time

import psycopg2
from harness.operations import JSON
from harness.plan import APPLICATION
from harness.programs import BIN
from harness.wait import wait_for

from audit import Audit
from testbed import Testbed
from orders import order

COMMIT = (pathlib.Path(__file__).parent / "previous").read_text(encoding="utf-8").strip()
PREVIOUS = BIN.parent.parent / "previous" / COMMIT / "bin"  # ./run faults builds the programs there
ORCHESTRATORS, BRANCHES = 3, 24
BUDGET, ENDS_S, FINISH_S = 2, 900, 90
DATABASE = "tellercast"
TAKEN_OVER = "another orchestrator became the conductor"
SOME = 12  # instructions that must be completed meanwhile
TAKEN_BACK, WAITING, LATER = "5.1.0", "5.2.0", "5.3.0"

# An upgrade of the orchestrators must neither fail a device nor let one time out.
ABORT = [
    {"on": "out_of_service", "count": 1, "then": "cancel"}, {"on": "rejected", "count": 1, "then": "cancel"},
    {"on": "failed", "percentage": 25, "minimum": 8, "then": "pause"},
    {"on": "timed_out", "percentage": 25, "minimum": 8, "then": "pause"},
]
BEHAVIOUR = {
    "seed": 7,
    "rules": [
        {"match": {"percentage": 5}, "failure": {"rate": 30, "code": "disk_full"}, "install": {"min": "50ms", "max": "400ms"}},
        {"match": {"percentage": 5}, "duplicates": 3, "install": {"min": "50ms", "max": "400ms"}},
        {"match": {"percentage": 5}, "defer": 1},
        {"match": {"percentage": 5}, "lostReplies": 30, "installReports": 2, "install": {"min": "50ms", "max": "900ms"}},
        {"receive": {"min": "0ms", "max": "100ms"}, "install": {"min": "100ms", "max": "900ms"}, "installReports": 1},
    ],
}
for _rule in BEHAVIOUR["rules"]:
    _rule.update({"askAgain": "1s", "resend": "1s", "confirmAll": True})


class MixedTestbed(Testbed):
    """Begins with the orchestrators and the real clients of the version before. The first half of the simulated branches is
    old, the second is new. Each real branch has a client that stays old behind or beside newer ones."""

    real_branches = {"R1": ["R1-A1", "R1-A2"], "R2": ["R2-A1", "R2-A2"]}
    real_pull = ["RP1", "RP2"]
    upgraded = ["R1-A2", "R2", "R2-A2", "RP2"]
    orchestrator_program = PREVIOUS / "tellercastd"
    behaviour = BEHAVIOUR
    knows_redis_user, insecure = False, {}
    at = None  # the orchestrator that gets the operations, if that matters

    def __init__(self, folder):
        super().__init__(folder, BRANCHES, ORCHESTRATORS)

    @property
    def http(self):
        return super().http if self.at is None else self.at.http

    def _client(self, name, programs=PREVIOUS):
        return super()._client(name, programs)

    def _start_fleets(self):
        names, half = list(self.branches), BRANCHES // 2
        parts = ((names[:half], self.pull[:half], PREVIOUS), (names[half:], self.pull[half:], BIN))
        return [(self.simulate({name: self.branches[name] for name in branches}, pull, number, programs), half * 11)
                for number, (branches, pull, programs) in enumerate(parts, 1)]

    def devices_of(self, numbers, real=()):
        """Returns the devices of branches by number, each with the branch of the other half, and of real branches by name."""
        branches = [f"B{number:04}" for n in numbers for number in (n, n + BRANCHES // 2)]
        everybody = {**self.branches, **self.real_branches}
        return [device for branch in (*branches, *real) for device in (branch, *everybody[branch])]

    def upgrade_clients(self):
        """Upgrades the clients in place, as their packages do: settings, journal and outbox stay."""
        for name in self.upgraded:
            client = self.clients[name]
            client.stop()
            self.write_installer(self.folder / f"counted-install-{name}", BIN)
            client.programs = BIN
            client.start()


class Upgrade:
    def __init__(self, testbed):
        self.testbed = testbed
        self.promises = {}

    # operations

    def _order(self, name, version, devices, rate=None, **spec):
        more = {"rate": {"perMinute": rate}} if rate else {}
        selector = {"selector": {"devices": devices}} if devices else {}
        return order(self.testbed, self.promises, name, version, BUDGET, 0, ENDS_S, abort=ABORT, **selector, **more, **spec)

    def _operate(self, rollout, operation, *seen):
        """As another operator than the author. `seen`: the fields of the rollout that the operation is bound to."""
        shown = self._shown(rollout)
        body = json.dumps({"reason": "the night of the upgrade", **{key: shown[key] for key in seen}})
        headers = {**JSON, "Tellercast-Author": "bob"}
        self.testbed.insist(f"{operation} of rollout {rollout}",
                            lambda http: http.ask("POST", f"/v1/rollouts/{rollout}/{operation}", body, headers))

    def _shown(self, rollout):
        return self.testbed.insist(f"rollout {rollout} is shown", lambda http: http.get(f"/v1/rollouts/{rollout}"))

    def _take_back(self, rollout):
        self._operate(rollout, "rollback", "version")
        made = wait_for(lambda: self._shown(rollout)["rollback"], f"rollout {rollout} is taken back")
        self.promises[made] = self.promises[rollout]._replace(closes_at=float("inf"))
        return made

    # waits

    def _completed(self, rollouts):
        return self.testbed.database.value(
            "SELECT count(*) FROM instruction i JOIN instruction_state s USING (state) "
            "WHERE i.rollout_id = ANY (%s) AND s.name = 'completed'", rollouts)

    def _wait_for_more(self, rollouts, what):
        """Waits for some more completed instructions of each of these rollouts, while every orchestrator answers asks."""
        asked = {one.name: one.http.metric("tellercast_asks_answered_total") for one in self.testbed.orchestrators}
        before = [self._completed([rollout]) for rollout in rollouts]

        def went_on():
            return all(self._completed([rollout]) >= count + SOME for rollout, count in zip(rollouts, before)) and all(
                one.http.metric("tellercast_asks_answered_total") > asked[one.name] for one in self.testbed.orchestrators)
        wait_for(went_on, f"rollouts {rollouts} go on, and all orchestrators have a part in it, {what}", FINISH_S)

    def _settle(self, rollouts, what):
        wait_for(lambda: self.testbed.is_settled(rollouts), what, FINISH_S)

    # the night

    def _prepare(self):
        for version in ("5.0.0", TAKEN_BACK, WAITING, LATER):
            self.testbed.add_artifact(version)
        real = self._order("before", "5.0.0", self.testbed.devices_of((), ["R2"]))
        self._settle([real], "the real clients have a version to go back to")
        some = self.testbed.devices_of((1, 2, 3), ["R2"])
        origin = self._order("taken-back", TAKEN_BACK, some, rate=600)
        self._settle([origin], "what is to be taken back is there")
        waiting = self._order("waiting", WAITING, None, approvals={"required": 1})
        rollback = self._take_back(origin)
        others = sorted({*self.testbed.devices_of(range(6, BRANCHES // 2 + 1), ["R1"]), *self.testbed.pull, *self.testbed.real_pull})
        running = self._order("running", "5.0.0", others, rate=480)
        wait_for(lambda: min(self._completed([rollback]), self._completed([running])) > 0, "both are under way", FINISH_S)
        return waiting, rollback, running

    def _divide_the_database(self):
        """As docs/operations.md says: gives the database of the one role to three, and migrates it, while the orchestrators of
        the version before go on with the one role."""
        self.testbed.postgres.give_to_roles(DATABASE)
        self.testbed.postgres.migrate(DATABASE)

    def _upgrade_orchestrator(self, one):
        code = one.stop(seconds=10)
        assert code == 0, f"{one.name} ended with {code}"
        one.program = BIN / "tellercastd"
        one.write_settings(database=one.settings["database"].replace("user=tellercast ", "user=tellercast_run "),
                           redis={**self.testbed.redis_server.settings, **one.settings["redis"]}, insecure_loopback=True)
        one.start()
        one.wait_until_ready()

    def _upgrade_all(self, rollback, running):
        """Returns the rollouts that were ordered half way, at an older orchestrator and at a newer one."""
        first, second, third = self.testbed.orchestrators
        self._divide_the_database()
        self._wait_for_more([running], "on a database of three roles")
        self._upgrade_orchestrator(first)
        assert not self.testbed.is_settled([rollback]), "the rollback was over before there were two versions"
        ordered = []
        for number, one, name in ((4, third, "at-an-older"), (5, first, "at-a-newer")):
            self.testbed.at = one
            ordered.append(self._order(name, "5.0.0", self.testbed.devices_of([number])))
        self.testbed.at = None
        self._wait_for_more([running, *ordered], "with one newer")
        self.testbed.upgrade_clients()
        self._upgrade_orchestrator(second)
        self._wait_for_more([running], "with two newer")
        assert not self.testbed.is_settled([running]), "all was over before the last one was upgraded"
        self._upgrade_orchestrator(third)
        return ordered

    def run(self):
        waiting, rollback, running = self._prepare()
        ordered = self._upgrade_all(rollback, running)
        self._settle([rollback, running, *ordered], "all that ran comes to its end")
        shown = self._shown(waiting)
        assert shown["state"] == "awaiting_approval", shown
        self.promises[waiting].quiet.append((0, time.time()))
        self._operate(waiting, "approve", "digest")
        self._settle([waiting], "what waited is approved and completed")
        later = self._order("later", LATER, [*self.testbed.devices_of([1, 6], ["R1", "R2"]), *self.testbed.real_pull])
        self._settle([later], "what is ordered afterwards is completed")
        self._settle([self._take_back(later)], "and taken back")
        for one, _ in self.testbed.fleets:
            assert one.ask("wait_below", unconfirmed=1, timeout_ms=FINISH_S * 1000)["ok"]
        wait_for(self.testbed.clients_are_confirmed, "all that the real clients have to say is accepted", FINISH_S)
        self.testbed.ask_fleet("ask_all")  # an ask has versions, too, and the report of the end may have overtaken it
        wait_for(lambda: not self._strange(), f"all devices say that they have {WAITING}; last seen: {self._strange()[:5]}")

    def _strange(self):
        return self.testbed.database.rows("SELECT id, versions FROM device WHERE versions ->> %s IS DISTINCT FROM %s",
                                          APPLICATION, WAITING)

    # checks besides the audit

    def faults(self):
        database = self.testbed.database
        found = []
        for rollout in self.promises:
            state, states = database.rollout(rollout)["state"], database.states(rollout)
            if state != "completed" or set(states) != {"completed"}:
                found.append(f"rollout {rollout} is {state}: {states}")
        bad = database.rows("SELECT rollout_id, kind, reason FROM rollout_event WHERE kind ~ 'abort|paus|cancel|refus|reject'")
        if bad:
            found.append(f"events that were not ordered: {bad}")
        return found + [fault for one in self.testbed.orchestrators for fault in complaints(one)]


def complaints(orchestrator):
    """Returns the errors in its log, except that it took over a neighbour's work."""
    return [f"{orchestrator.name}: {line}" for line in orchestrator.text().splitlines()
            if re.search(r"^\S+ error ", line) and TAKEN_OVER not in line]


def run_upgrade(folder, keep):
    """Returns the violations of an upgrade from the version before to this one."""
    if not (PREVIOUS / "tellercastd").exists():
        return [f"the version before, {COMMIT}, is not built: ./run faults --upgrade does so"]
    began = time.monotonic()
    testbed = MixedTestbed(folder)
    upgrade, audit = Upgrade(testbed), Audit(testbed)
    faults = ["it did not come to its end"]
    try:
        upgrade.run()
        audit.check_all(upgrade.promises)
        faults = audit.faults + upgrade.faults()
        if not faults:
            print(f"✓ upgraded from {COMMIT[:7]}, {testbed.size} devices, half of them with the agents of then: "
                  f"{audit.accepted:,} statuses accepted, {time.monotonic() - began:.0f} s", flush=True)
    except (AssertionError, OSError, psycopg2.Error) as fault:
        faults = [f"{type(fault).__name__}: {fault}", *testbed.describe(list(upgrade.promises))]
    finally:
        testbed.close()
        if faults or keep:
            testbed.keep_logs()
    return faults
