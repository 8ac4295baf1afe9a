"""The operators: they approve, late or never, pause, resume, cancel and retry."""

HOUR_MS = 3600_000
APPROVERS = ("bea", "carl", "dora")
AUTHOR = "ann"
OPERATOR = "ops"
PEOPLE = (AUTHOR, OPERATOR, *APPROVERS)


class Operators:
    def __init__(self, rng, engine, history, oracle, plans):
        self._rng = rng
        self._engine = engine
        self._history = history
        self._oracle = oracle
        self._plans = plans
        self._dates = {}  # an open question → when an operator answers it
        self._meddles = rng.random() < 0.3
        self._retried = set()
        self._resuming = set()  # rollouts whose resume an operator ordered
        self._orders = 0

    def next_ms(self):
        return min((at for at in self._dates.values() if at > self._history.now_ms), default=None)

    def _has_come(self, *what, most_ms=40 * HOUR_MS):
        """An operator answers some time after the question."""
        if what not in self._dates:
            self._dates[what] = self._history.now_ms + self._rng.randint(0, most_ms)
        return self._dates[what] <= self._history.now_ms

    def act(self, rollouts, groups):
        """rollouts: (id, state, version, digest, …); groups: (rollout, number, state, devices). Returns whether an operation
        was carried out."""
        before = self._orders
        for rollout, state, version, digest, *_ in rollouts:
            if state == "awaiting_approval" and self._has_come("rollout", rollout, self._oracle.approvals.get(rollout)):
                self._approve(rollout, version, digest)
            if state == "paused" and self._has_come("paused", rollout, version):
                self._resume(rollout, version, digest)
            if self._meddles and state == "running" and self._has_come("meddle", rollout, version,
                                                                       most_ms=400 * HOUR_MS):
                self._meddle(rollout, version, digest)
            if self._meddles and state == "halted" and rollout not in self._retried:
                self._retried.add(rollout)
                self._order("retry", rollout, version, digest)
        for device in self._oracle.outages.devices():
            if self._has_come("back", device):
                self._give_back(device)
        for rollout, number, state, _ in groups:
            if state == "awaiting_approval" and self._has_come("group", rollout, number):
                self._decide_group(rollout, number, rollouts)
        return self._orders > before

    def _resume(self, rollout, version, digest):
        """After an abort, as many other operators approve the resume as the plan requires."""
        approvals = self._oracle.resumes.get(rollout)
        if rollout in self._resuming and approvals is not None:
            if self._order("approve", rollout, version, digest, actor=APPROVERS[approvals]):
                self._oracle.resumes[rollout] += 1
                return
        order = self._rng.choice(("resume", "resume", "cancel"))
        if self._order(order, rollout, version, digest) and order == "resume":
            self._resuming.add(rollout)

    def _meddle(self, rollout, version, digest):
        order = self._rng.choice(("pause", "pause", "cancel", "rollback"))
        if order == "rollback" and self._plans[rollout].document is None:
            order = "cancel"  # a rollback is not rolled back
        if self._order(order, rollout, version, digest) and order == "rollback":
            self._plans[rollout].rolled_back_by_operators = True

    def _give_back(self, device):
        """A technician repaired the machine."""
        self._orders += 1
        del self._dates[("back", device)]
        answer = self._engine.give_back(device, OPERATOR)
        self._history.record(f"operators: {device} is back: {answer}")
        if answer["result"] != "ok":
            self._history.fail(f"{device} is out of service and cannot be given back: {answer}", device)
        self._oracle.outages.given_back(device)

    def _approve(self, rollout, version, digest):
        if self._rng.random() < 0.2:
            author = OPERATOR if self._plans[rollout].document is None else AUTHOR  # of a rollback: the operator who ordered it
            if self._order("approve", rollout, version, digest, actor=author):
                self._history.fail(f"rollout {rollout}: its author approved it", f" r{rollout} ")
            return
        if self._rng.random() < 0.1:
            self._order("reject", rollout, version, digest, actor="carl")
            return
        given = self._oracle.approvals.get(rollout, 0)
        if self._order("approve", rollout, version, digest, actor=APPROVERS[given]):
            self._oracle.approvals[rollout] = given + 1
        else:  # too late: none of it could start any more
            self._order("reject", rollout, version, digest, actor=APPROVERS[given])
        if self._rng.random() < 0.2:  # a repeated approval is no second one
            self._order("approve", rollout, version, digest, actor=APPROVERS[given])

    def _decide_group(self, rollout, number, rollouts):
        version, digest = next((row[2], row[3]) for row in rollouts if row[0] == rollout)
        word = "approve" if self._rng.random() < 0.85 else "reject"
        if self._order(word, rollout, version, digest, actor="bea", group=f"g{number}") and word == "approve":
            self._oracle.approved[(rollout, number)] = self._history.now_ms

    def _order(self, operation, rollout, version, digest, actor=OPERATOR, group=""):
        """Returns whether the operation was carried out."""
        self._orders += 1
        answer = self._engine.operate(operation, rollout, version, actor, group, digest)
        self._history.record(f"operators: r{rollout} {operation} {group} by {actor}: {answer}")
        if answer["result"] == "ok":
            self._oracle.ordered.add(rollout)
        return answer["result"] == "ok"
