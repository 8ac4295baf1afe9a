"""What people order beside the rollouts of the rounds, while parts are broken, and what of it is left after each round."""

import contextlib
import http.client
import json
import subprocess
import time

from harness.operations import JSON
from harness.programs import BIN
from harness.wait import wait_for

from people import AMENDMENTS, DEVICE, FREEZES, LISTS, TOMORROW, WEBHOOKS, lost, missing_numbers, read_list
from webhook import NAME

HELD = "RP2"  # a real pull client that a technician holds, and that is in no rollout
EXCLUDED, SITE = "P0001", "closed"  # a simulated device that operators exclude, and the value of its label `site`
LABELS = {HELD: {"held": "yes"}, EXCLUDED: {"site": SITE}}
NOT_HELD = {"matchExpressions": [{"key": "held", "operator": "DoesNotExist"}]}
WHY = "it is a bad night"
HOLD = "23h"  # longer than any night of rounds
RATE = {"perMinute": 30000}  # lower than none, and no round takes longer for it
ENDS = ("completed", "halted", "cancelled", "cancelling", "rejected")
ANSWER_S, SHOWN_S = 5, 60


class LeftInRounds:
    """A technician's hold of a device and a test of the webhook stand from the beginning. In each round an operator freezes
    devices that the fleet does not have, lowers the rate of the rollout, and excludes the devices of a label from it."""

    def __init__(self, testbed):
        self.testbed = testbed
        self._steered = []  # rollouts with amendments
        self._excluded = {}  # when an exclusion was answered, by rollout
        self._before, self._position = {}, 0  # what must be there; of the webhook
        self._hold = hold(testbed.clients[HELD], HOLD)
        wait_for(lambda: self._shown_hold() == self._hold, "the hold is shown", SHOWN_S)
        testbed.insist("a test of the webhook", lambda door: door.ask("POST", f"/v1/webhooks/{NAME}/test", seconds=ANSWER_S))
        self._before = wait_for(self._tested, "the webhook is tested", SHOWN_S)

    def _tested(self):
        shown = self._read()
        return shown if shown[WEBHOOKS.rows][NAME,]["tested_at"] else None

    def _shown_hold(self):
        """Without fractions of a second, which the device does not say."""
        held = self._ask(DEVICE.format(of=HELD)).json()["presence"]["hold"]
        return held and (held["reason"], held["until"][:19])

    def _ask(self, path):
        return self.testbed.http.ask("GET", path, seconds=ANSWER_S)

    # orders

    def order(self, rollout):
        """Repeats each order until it is answered. Returns what was ordered: a rollout that has ended is not steered any more."""
        reason = f"{WHY}: {self.testbed.rounds}"
        body = json.dumps({"match": f"model=none-{self.testbed.rounds}", "until": TOMORROW, "reason": reason})
        frozen = self.testbed.insist("a freeze", lambda door: door.ask("POST", "/v1/freezes", body, JSON, ANSWER_S))
        del frozen["existing"]
        self._before[FREEZES.rows][frozen["freeze"],] = frozen
        did = ["freeze"]
        for verb, kind, what in (("amendments", "rate", {"rate": RATE}), ("exclude", "exclude", {"match": f"site={SITE}"})):
            rows = self._steer(rollout, verb, kind, {**what, "reason": reason})
            if rows is not None:
                did.append(kind)
                self._before[AMENDMENTS.rows, rollout] = rows
        if "exclude" in did:
            self._excluded[rollout] = time.time()
        if len(did) > 1:
            self._steered.append(rollout)
        return did

    def _steer(self, rollout, verb, kind, body):
        """Returns the amendments, with this one; None: the rollout ended before, or the devices did."""
        def is_decided():
            with contextlib.suppress(OSError, http.client.HTTPException, StopIteration, AssertionError):
                rows = read_list(self._ask, AMENDMENTS, rollout)
                if any(row["kind"] == kind for row in rows.values()):
                    return (rows,)
                shown = self._ask(f"/v1/rollouts/{rollout}").json()
                if shown.get("state") in ENDS:
                    return (None,)
                answer = self.testbed.http.ask("POST", f"/v1/rollouts/{rollout}/{verb}", json.dumps(
                    {**body, "version": shown["version"]}), JSON, ANSWER_S)
                if answer.status == 409 and "have ended" in answer.json()["detail"]:
                    return (None,)
            return None
        return wait_for(is_decided, f"{kind} of rollout {rollout} is decided", 150)[0]

    # what is left

    def _read(self):
        shown = {each.rows: read_list(self._ask, each) for each in LISTS}
        for rollout in self._steered:
            shown[AMENDMENTS.rows, rollout] = read_list(self._ask, AMENDMENTS, rollout)
        return shown

    def faults(self):
        """Returns what was ordered until now, and is lost."""
        try:
            after = self._read()
            wait_for(lambda: self._shown_hold() == self._hold, "the hold is shown", SHOWN_S)
        except AssertionError as fault:
            return [str(fault)]
        found = lost(self._before, after) + missing_numbers(after["acts"])
        self._before = after
        return found + self._starts_of_excluded() + self._faults_of_webhook()

    def _starts_of_excluded(self):
        return [f"rollout {rollout}: started though it was excluded: {rows}" for rollout, at in self._excluded.items() if (
            rows := self.testbed.database.rows(
                "SELECT * FROM history WHERE rollout_id = %s AND device = %s AND to_flight AND NOT from_flight "
                "AND decided_at > to_timestamp(%s)", rollout, EXCLUDED, at))]

    def _faults_of_webhook(self):
        found = self.testbed.webhook.faults(self.testbed.database)
        shown = self.testbed.insist("the webhooks", lambda door: door.ask("GET", WEBHOOKS.path, seconds=ANSWER_S))["webhooks"]
        position = next(int(row["position"]) for row in shown if row["name"] == NAME)
        if position < self._position:
            found.append(f"the webhook's position was {self._position} and is {position}")
        self._position = position
        return found


def hold(client, time_s):
    """A technician holds the device. Returns its reason, and until when, without fractions of a second."""
    held = ask_agent(client, "hold", time_s, "--reason", WHY)["hold"]
    return held["reason"], held["until"][:19]


def release(client):
    assert ask_agent(client, "release")["hold"] is None


def ask_agent(client, *words):
    """Returns the status of the agent after this order of a technician."""
    socket = client.folder / "technician.socket"
    client.wait_until(socket.exists, f"{client.name} serves technicians")
    done = subprocess.run([BIN / "tellercast-agent", "--socket", socket, "--json", *words], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done
    return json.loads(done.stdout)["status"]
