"""The upgrade from the version before, whose commit is in `previous`, with that version's own programs, step by step as
docs/upgrading.md tells it. The installation is half the way from passwords to certificates: two of three orchestrators and some
agents have them, and the guard is in report mode. The orchestrators are replaced one after the other while one rollout runs, one
is rolled back and one waits for an approval. Of the agents some are of the version before, some of the oldest that must go on, whose
commit is in `oldest_agents`, and some new; half of the real ones are upgraded half way. In the end everybody shows a certificate. What
people did before the upgrade is still there and counts."""

import json
import re
import socket
import ssl
import time

import psycopg2
from harness.operations import JSON
from harness.plan import APPLICATION, plan
from harness.programs import BIN
from harness.wait import wait_for

from audit import Audit
from left_in_upgrade import LeftInUpgrade
from moving import MovingTestbed
from moving_broker import PASSWORD
from orders import order
from people import APPROVER, AUTHOR, BAD_VERSION, BREAKER, SECOND_APPROVER, WHY, lost, missing_numbers
from versions import COMMIT, OLDEST, OLDEST_COMMIT, PREVIOUS

BUDGET, ENDS_S, FINISH_S = 2, 900, 90
TAKEN_OVER = "another orchestrator became the conductor"
SOME = 12  # instructions that must be completed meanwhile
TAKEN_BACK, WAITING, LATER = "5.1.0", "5.2.0", "5.3.0"
AWAITING = "awaiting_approval"

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


class Upgrade:
    def __init__(self, testbed):
        self.testbed = testbed
        self.promises = {}
        self.left = LeftInUpgrade(self)

    # operations

    def _order(self, name, version, devices, rate=None, **spec):
        more = {"rate": {"perMinute": rate}} if rate else {}
        selector = {"selector": {"devices": devices}} if devices else {}
        return order(self.testbed, self.promises, name, version, BUDGET, 0, ENDS_S, abort=ABORT, **selector, **more, **spec)

    def operate(self, person, rollout, operation, *seen, **what):
        """`seen`: the fields of the rollout that the operation is bound to."""
        shown = self.shown(rollout)
        body = json.dumps({"reason": "the night of the upgrade", **{key: shown[key] for key in seen}, **what})
        headers = {**JSON, **self.testbed.people.headers(person)}
        self.testbed.insist(f"{operation} of rollout {rollout}",
                            lambda http: http.ask("POST", f"/v1/rollouts/{rollout}/{operation}", body, headers))

    def shown(self, rollout):
        return self.get(f"/v1/rollouts/{rollout}")

    def get(self, path):
        return self.testbed.insist(f"{path} is shown", lambda http: http.get(path))

    def _order_for_approval(self, *arguments):
        """Returns the rollout when it waits for an approval. It does not begin until _may_begin() is told of it."""
        rollout = self._order(*arguments, approvals={"required": 1})
        wait_for(lambda: self.shown(rollout)["state"] == AWAITING, f"rollout {rollout} waits for an approval")
        return rollout

    def _may_begin(self, rollout):
        self.promises[rollout].quiet.append((0, time.time()))

    def _take_back(self, rollout):
        self.operate(AUTHOR, rollout, "rollback", "version")
        made = wait_for(lambda: self.shown(rollout)["rollback"], f"rollout {rollout} is taken back")
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
        real = self._order_for_approval("before", "5.0.0", self.testbed.devices_of((), ["R2"]))
        self._may_begin(real)
        self.operate(BREAKER, real, "break-glass", "version")
        self._settle([real], "the real clients have a version to go back to")
        some = self.testbed.devices_of((1, 2, 4), ["R2"])
        origin = self._order("taken-back", TAKEN_BACK, some, rate=600)
        self._settle([origin], "what is to be taken back is there")
        waiting = self._order_for_approval("waiting", WAITING, None)
        self.operate(APPROVER, waiting, "approve", "digest")
        self.testbed.people.block(self.testbed.orchestrators[0])
        self.left.order(self.testbed.orchestrators[0])
        pull = set(self.testbed.pull) - set(self.testbed.pull_of(self.testbed.of_before))
        others = sorted({*self.testbed.devices_of(range(6, 11), ["R1"]), *pull, *self.testbed.real_pull})
        running = self._order("running", "5.0.0", others, rate=75)
        wait_for(lambda: self._completed([running]) > 0, "it is under way", FINISH_S)
        return waiting, origin, running

    def _go_half_the_way(self, running):
        """With the programs of before: certificates; three roles of the database; the guard in report mode, with both kinds of
        listeners; two orchestrators and some agents with certificates."""
        _, *moved = self.testbed.orchestrators
        self.testbed.spy.close()
        self.testbed.make_certificates()
        self.testbed.divide_the_database()
        self.testbed.broker.report()
        for one in moved:
            self.testbed.move_orchestrator(one)
        self.testbed.switch_on_those_of_before()
        self.testbed.enrol_clients(self.testbed.enrolled_before, moved[0])
        self._wait_for_more([running], "half the way from passwords to certificates")

    def _migrate(self, origin):
        """The programs of before go on. Returns the rollback of `origin`, which is under way."""
        self.testbed.migrate()
        rollback = self._take_back(origin)
        wait_for(lambda: self._completed([rollback]) > 0, "it is taken back", FINISH_S)
        return rollback

    def _upgrade_orchestrators(self, rollback, running):
        """Returns the rollouts that were ordered half way, at an older orchestrator and at a newer one."""
        first, second, third = self.testbed.orchestrators
        self.testbed.upgrade_orchestrator(first)
        assert not self.testbed.is_settled([rollback]), "the rollback was over before there were two versions"
        ordered = []
        for numbers, one, name in (([3], third, "at-an-older"), ([5, 11, 12], first, "at-a-newer")):
            self.testbed.at = one
            devices = [*self.testbed.devices_of(numbers), *self.testbed.pull_of(numbers)]
            ordered.append(self._order(name, "5.0.0", devices))
        self.testbed.at = None
        self._wait_for_more([running, *ordered], "with one newer")
        self.testbed.upgrade_clients(self.testbed.upgraded_first, first)
        self.left.hold()
        self.testbed.upgrade_orchestrator(second)
        self._wait_for_more([running], "with two newer")
        assert not self.testbed.is_settled([running]), "all was over before the last one was upgraded"
        self.testbed.upgrade_orchestrator(third)
        self._settle([rollback, running, *ordered], "all that ran comes to its end")
        return ordered

    def _check_what_people_left(self, before):
        """`before`: what an auditor was shown. The policy, the block and the review of before count, too."""
        one, people = self.testbed.orchestrators[0], self.testbed.people
        after = people.read(one)
        assert all(before.values()), f"there is nothing to lose: {before}"
        gone = lost(before, after) + missing_numbers(after["acts"])
        assert not gone, "\n".join(gone)
        self.left.check(one)
        for version, spec, status, why in ((BAD_VERSION, {}, 422, f"is blocked, by {AUTHOR}"),
                                           (LATER, {"preempt": True, "priority": 60}, 403, "policy.preempt")):
            answer = one.http.submit(plan("refused", artifact={"name": APPLICATION, "version": version}, **spec))
            assert answer.status == status and why in str(answer.json()), answer
        review = next(row["review"] for row in after["reviews"].values() if row["state"] == "pending")
        for person in (APPROVER, SECOND_APPROVER):
            people.act(one, person, "review", "accept", review, "--reason", WHY, programs=BIN)
        ended = people.read(one)["reviews"][review,]
        assert ended["state"] == "accepted", ended

    def _check_the_counts(self):
        """Says who connects without a certificate. Returns what the guard would have denied so far: the programs of before
        worked before it had a table of devices."""
        certified = {*self.testbed.enrolled_before, *self.testbed.upgraded_first}
        bare = self.testbed.simulated - self.testbed.simulated_before + len(set(self.testbed.clients) - certified)
        status = self.testbed.wait_for_status(lambda status: status["devices_without_certificate"]["connected"] == bare,
                                              f"{bare} devices are counted that have no certificate")
        assert status["mode"] == "report" and status["others_without_certificate"]["connected"] == 0, status
        return status["denied"]

    def _upgrade_the_rest(self, waiting, denied):
        """While a rollout of all devices runs."""
        self.testbed.replace_fleets()
        shown = self.shown(waiting)
        assert shown["state"] == AWAITING, shown
        self._may_begin(waiting)
        self.operate(SECOND_APPROVER, waiting, "approve", "digest")
        wait_for(lambda: self._completed([waiting]) > 0, "what waited is approved and under way", FINISH_S)
        rest = [name for name in self.testbed.clients if name not in self.testbed.upgraded_first]
        self.testbed.upgrade_clients(rest, self.testbed.orchestrators[0])
        self._settle([waiting], "what waited is completed")
        status = self.testbed.wait_for_status(
            lambda status: status["devices_without_certificate"]["connected"] == 0
            and status["connected"]["device"] == self.testbed.size, "no device is left without a certificate")
        assert status["since"] <= status["devices_without_certificate"]["last"] <= status["at"], status
        assert status["denied"] == denied, f"denied was {denied} when the last orchestrator was new, and is now {status['denied']}"

    def _close_the_former_listener(self):
        former = self.testbed.broker.port
        assert why_refused(former) is None, "the former listener is not open"
        self.testbed.broker.enforce()
        for port, trusted, reason in ((former, None, "refused"),
                                      (self.testbed.broker.device_port, self.testbed.pki / "operations/trust.pem", "")):
            why = why_refused(port, trusted)
            assert why and reason in why, f"an old device without a certificate at port {port}: {why or 'it is connected'}"
        self.testbed.wait_for_status(
            lambda status: status["mode"] == "enforce" and status["connected"]["device"] == self.testbed.size,
            "all devices have connected again")

    def run(self):
        waiting, origin, running = self._prepare()
        before = self.testbed.people.read(self.testbed.orchestrators[0])
        self._go_half_the_way(running)
        rollback = self._migrate(origin)
        self._upgrade_orchestrators(rollback, running)
        self._check_what_people_left(before)
        self.left.finish()
        denied = self._check_the_counts()
        self._upgrade_the_rest(waiting, denied)
        self._close_the_former_listener()
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
        bad = database.rows("SELECT rollout_id, kind, reason FROM rollout_event WHERE kind ~ 'abort|paus|cancel|refus|reject' "
                            "AND rollout_id <> ALL (%s)", self.left.rollouts())
        if bad:
            found.append(f"events that were not ordered: {bad}")
        found += self.testbed.webhook.faults(database)
        return found + [fault for one in self.testbed.orchestrators for fault in complaints(one)]


def why_refused(port, trusted=None):
    """Connects as a device that has its password, but no certificate; with TLS if `trusted` names the authority of the broker.
    Returns why it failed, or None."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as link:
            context = None if trusted is None else ssl.create_default_context(cafile=trusted)
            connection = link if context is None else context.wrap_socket(link, server_hostname="127.0.0.1")
            connection.sendall(connect_packet("P0001", PASSWORD))
            answer = connection.recv(4)  # CONNACK: its fourth byte is 0 when the device may connect
            return None if len(answer) == 4 and answer[3] == 0 else f"answered {answer}"
    except OSError as fault:
        return str(fault)


def connect_packet(name, password):
    def text(value):
        return len(value).to_bytes(2, "big") + value.encode()
    rest = text("MQTT") + b"\x04\xc2\x00\x3c" + text(f"{name}/old") + text(name) + text(password)  # 3.1.1, a clean session
    return bytes([0x10, len(rest)]) + rest


def complaints(orchestrator):
    """Returns the errors in its log, except that it took over a neighbour's work."""
    return [f"{orchestrator.name}: {line}" for line in orchestrator.text().splitlines()
            if re.search(r"^\S+ error ", line) and TAKEN_OVER not in line]


def run_upgrade(folder, keep):
    """Returns the violations of an upgrade from the version before to this one."""
    for program, what in ((PREVIOUS / "tellercastd", COMMIT), (OLDEST / "tellercast-node", OLDEST_COMMIT)):
        if not program.exists():
            return [f"{program.name} of {what} is not built: ./run faults --upgrade does so"]
    began = time.monotonic()
    testbed = MovingTestbed(folder, BEHAVIOUR)
    upgrade, audit = Upgrade(testbed), Audit(testbed)
    faults = ["it did not come to its end"]
    try:
        upgrade.run()
        audit.check_all(upgrade.promises)
        faults = audit.faults + upgrade.faults()
        if not faults:
            print(f"✓ upgraded from {COMMIT[:7]}, {testbed.size} devices, some with agents of {OLDEST_COMMIT[:7]}, all with "
                  f"certificates now: {audit.accepted:,} statuses accepted, {time.monotonic() - began:.0f} s", flush=True)
    except (AssertionError, OSError, psycopg2.Error) as fault:
        faults = [f"{type(fault).__name__}: {fault}", *testbed.describe(list(upgrade.promises))]
    finally:
        testbed.close()
        if faults or keep:
            testbed.keep_logs()
    return faults
