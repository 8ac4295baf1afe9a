"""The rollouts of a round, and the operations on them during the faults."""

import http.client
import json
import random
import threading
import time

from harness.operations import JSON
from harness.plan import fleet
from harness.wait import wait_for

from audit import Promise
from testbed import INSIST_S, REAL_BRANCH

LONGEST_S = 3.0  # between two operations, and the length of a pause
ANSWER_S = 5
PATCH = {"priority": 90, "preempt": True}
PATCH_BUDGET, PATCH_BRANCHES, PATCH_ENDS_S = 2, 3, 240


def order(testbed, promises, name, version, budget, starts_s, ends_s, **spec):
    """Submits a rollout whose windows open and close at whole seconds, so long from now."""
    opens_at, closes_at = int(time.time()) + starts_s, int(time.time()) + ends_s
    rollout = testbed.submit(f"{name}-{testbed.rounds}", version, disruptionBudget={"maxUnavailable": budget},
                             schedule={"startAt": utc(opens_at), "endAt": utc(closes_at)}, **spec)
    promises[rollout] = Promise(budget, opens_at, closes_at, [])
    return rollout


def utc(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class Unanswered(Exception):
    pass


class Operators(threading.Thread):
    """Operators who order what `left` looks for afterwards. Then they pause and resume the rollout, retry failed instructions,
    submit a patch of higher priority, which they cancel or roll back, or import a device and retire it: none, some or all of
    it, by the seed, one after the other."""

    def __init__(self, testbed, left, promises, seed):
        super().__init__(daemon=True)
        self.testbed, self.left, self.promises = testbed, left, promises
        self.rng = random.Random(f"{seed} people")
        self.did = []
        self._rollout = self._fault = None

    def begin(self, rollout):
        self._rollout = rollout
        self.start()

    def end(self):
        self.join()
        if self._fault is not None:
            raise self._fault

    def run(self):
        try:
            self.did += self.left.order(self._rollout)
            for what in self.rng.sample((self._pause, self._retry, self._patch, self._replace), self.rng.randint(0, 3)):
                self._wait()
                what(self._rollout)
        except Exception as fault:  # whatever the fault is, end() reports it
            self._fault = fault

    def _wait(self):
        time.sleep(self.rng.uniform(0, LONGEST_S))

    def _pause(self, rollout):
        if self._insist(rollout, "pause", ("paused", "completed", "halted"))["state"] != "paused":
            return
        paused_at = time.time()
        self._wait()
        self.promises[rollout].quiet.append((paused_at, time.time()))
        self._insist(rollout, "resume", ("running",))
        self.did.append("pause")

    def _retry(self, rollout):
        """Retries, if there is anything to retry."""

        def is_answered():
            status = self._order(rollout, self._shown(rollout), "retry")
            return status if status in (200, 409) else None

        if self._when_it_answers(is_answered, f"a retry of rollout {rollout}") == 200:
            self.did.append("retry")

    def _patch(self, _rollout):
        version = f"5.{self.testbed.rounds}.1"
        self.testbed.add_artifact(version)
        branches = [*self.rng.sample(sorted(self.testbed.branches), PATCH_BRANCHES), REAL_BRANCH]
        patch = order(self.testbed, self.promises, "patch", version, PATCH_BUDGET, 0, PATCH_ENDS_S,
                      selector={"branches": branches}, **PATCH)
        self._wait()
        self.did.append(self.rng.choice(("patch", "patch, cancelled", "patch, taken back")))
        if "cancelled" in self.did[-1]:
            self._cancel(patch)
        elif "taken back" in self.did[-1]:
            self._take_back(patch)

    def _cancel(self, patch):
        self._insist(patch, "cancel", ("cancelling", "cancelled", "completed", "halted"))
        self.promises[patch].quiet.append((time.time(), float("inf")))

    def _take_back(self, patch):
        """Rolls the patch back: with the patch's budget and without its end, or not at all when it completed nowhere."""

        def is_ordered():
            shown = self._shown(patch)
            kinds = {event["kind"] for event in shown["events"]}
            if not kinds & {"rollback_ordered", "rollback_made", "rollback_refused"}:
                return self._order(patch, shown, "rollback") == 409 and shown["state"] in ("completed", "halted")
            return shown["rollback"] or "rollback_refused" in kinds

        made = self._when_it_answers(is_ordered, f"rollout {patch} is taken back")
        if made is not True:
            self.promises[made] = self.promises[patch]._replace(closes_at=float("inf"), quiet=[])

    def _replace(self, rollout):
        """Imports a device and retires it, and so changes the guard's table twice. It is in no rollout: those that are planned
        from now on name their branches."""
        device = f"X{self.testbed.rounds}"
        self._when_it_answers(lambda: self._shown(rollout)["state"] != "accepted", f"rollout {rollout} is planned")
        self.testbed.insist(f"{device} is imported", lambda http: http.import_fleet(fleet({}, [device])))
        self._wait()
        self.testbed.insist(f"{device} is retired", lambda http: http.ask(
            "POST", f"/v1/devices/{device}/retire", json.dumps({"reason": "it was replaced"}), JSON, ANSWER_S), (200, 409))
        self.did.append("retirement")

    # by HTTP, repeated until it is answered

    def _insist(self, rollout, operation, states):
        """Returns the rollout when it is in one of these states."""

        def is_there():
            shown = self._shown(rollout)
            if shown["state"] in states:
                return shown
            self._order(rollout, shown, operation)
            return None

        return self._when_it_answers(is_there, f"{operation} of rollout {rollout}")

    def _when_it_answers(self, ask, what):
        def answered():
            try:
                return ask()
            except (OSError, http.client.HTTPException, StopIteration, Unanswered):
                return None
        return wait_for(answered, what, INSIST_S)

    def _shown(self, rollout):
        answer = self.testbed.http.ask("GET", f"/v1/rollouts/{rollout}", seconds=ANSWER_S)
        if answer.status != 200:
            raise Unanswered(answer)
        return answer.json()

    def _order(self, rollout, shown, operation):
        """Returns the status of the answer."""
        body = json.dumps({"version": shown["version"], "reason": "it is a bad night"})
        return self.testbed.http.ask("POST", f"/v1/rollouts/{rollout}/{operation}", body, JSON, ANSWER_S).status
