"""The test's own knowledge of each instruction, from the claims and reports and from the changes of the rows, and a check that
each of those changes is legal."""

CREATED, DISPATCHED, SENT, RECEIVED, INSTALLING, COMPLETED, FAILED, REJECTED, TIMED_OUT, CANCELLED, EXPIRED = range(11)
STATES = "created dispatched sent received installing completed failed rejected timed_out cancelled expired".split()
LINES_SHOWN = 60


class Violation(Exception):
    """A property does not hold."""


def is_flying(state):
    return DISPATCHED <= state <= INSTALLING


def timed_out(item, row):
    """The instruction was given up and got another attempt in one step of the conductor."""
    return is_flying(item.state) and row[7] == item.failures + 1


class Known:
    """An instruction."""

    def __init__(self, row):
        self.id, self.rollout, self.device, self.branch, self.group = row[:5]
        self.state, self.attempt, self.failures, self.deferrals = row[5:9]
        self.due_ms = row[10]
        self.code = row[11]
        self.starts = self.retries = self.putoffs = 0
        self.is_settled = False  # a late report made it failed, which leads to no other attempt
        self.started_ms = None
        self.ended_ms = None  # when it ended, except by a late report
        self.last_end = self.last_code = None  # of the last attempt that ended, since the last retry by an operator


class History:
    def __init__(self):
        self.known = {}
        self.lines = []
        self.now_ms = 0

    def record(self, text):
        self.lines.append((self.now_ms, text))

    def fail(self, what, *about):
        """`about`: texts that the lines to be shown contain."""
        shown = [f"  {at} {text}" for at, text in self.lines if any(word in text for word in about) or not about]
        raise Violation("\n".join([f"at {self.now_ms}: {what}", *shown[-LINES_SHOWN:]]))

    def of_rollout(self, rollout):
        return [item for item in self.known.values() if item.rollout == rollout]

    def flying(self):
        return [item for item in self.known.values() if is_flying(item.state)]

    def digest(self):
        """Returns the whole history as one text, which is the same for the same seed."""
        return "\n".join(f"{at} {text}" for at, text in self.lines)

    def observe(self, rows, cause, plans):
        """Takes the rows after `cause`. Returns the moved instructions: ((state, failures) before, instruction)."""
        changes = []
        for row in rows:
            item = self.known.get(row[0])
            if item is None:
                item = self.known[row[0]] = Known(row)
                if item.state != CREATED and item.state != CANCELLED:
                    self.fail(f"{item.device}: made in state {STATES[item.state]}")
            elif (item.state, item.attempt) != (row[5], row[6]):
                before = (item.state, item.failures)
                self._check_move(item, row, cause, plans[item.rollout])
                self.record(f"{cause}: {item.device} r{item.rollout} i{item.id}.{item.attempt} "
                            f"{STATES[item.state]} -> .{row[6]} {STATES[row[5]]} {row[11] or ''}")
                self._move(item, row, cause)
                changes.append((before, item))
            item.failures, item.deferrals = row[7:9]
            item.due_ms, item.code = row[10:12]
            if row[9] != is_flying(item.state):
                self.fail(f"{item.device}: in_flight is {row[9]} while it is {STATES[item.state]}", item.device)
        return changes

    def _move(self, item, row, cause):
        state = row[5]
        if COMPLETED <= state <= TIMED_OUT:
            item.last_end, item.last_code = state, row[11]
        elif timed_out(item, row):
            item.last_end, item.last_code = TIMED_OUT, row[11]
        if cause == "operators":
            item.putoffs = item.retries = 0
            item.last_end = item.last_code = None
        elif row[6] > item.attempt:
            item.putoffs += item.state == CREATED
            item.retries += item.state in (FAILED, TIMED_OUT) or timed_out(item, row)
        if item.state == CREATED and state == DISPATCHED:
            item.starts += 1
            item.started_ms = self.now_ms
        if state < COMPLETED:
            item.ended_ms = None
        elif item.ended_ms is None:
            item.ended_ms = self.now_ms
        item.is_settled = state == FAILED and item.state in (TIMED_OUT, CANCELLED, EXPIRED)
        item.state, item.attempt = state, row[6]

    def _check_move(self, item, row, cause, plan):
        """States go forward within an attempt; another attempt has the next number, within the plan's limits."""
        state, attempt = row[5], row[6]
        what = f"{item.device}: .{item.attempt} {STATES[item.state]} -> .{attempt} {STATES[state]} by {cause}"
        if attempt == item.attempt:
            forward = state > item.state and item.state < COMPLETED
            late_word = state in (COMPLETED, FAILED) and item.state in (TIMED_OUT, CANCELLED, EXPIRED)
            put_off = state == CREATED and is_flying(item.state) and row[8] == item.deferrals + 1
            if not (forward or late_word or put_off):
                self.fail(what, item.device)
            if item.state == CREATED and is_flying(state) and cause != "schedule":
                self.fail(f"started by another than the scheduler: {what}", item.device)
            return
        given_up = cause == "conduct" and state in (CANCELLED, EXPIRED)  # in the step that gave it another attempt
        if attempt != item.attempt + 1 or not (state == CREATED or given_up):
            self.fail(what, item.device)
        ended = TIMED_OUT if timed_out(item, row) else item.state
        was_failing = ended == CANCELLED and item.last_end in (FAILED, TIMED_OUT)
        if cause == "operators" and (ended in (FAILED, REJECTED, TIMED_OUT) or was_failing):
            return
        if ended == CREATED:
            if item.putoffs >= plan.execution["deferLimit"]:
                self.fail(f"put off more often than {plan.execution['deferLimit']} times: {what}", item.device)
        elif ended in (FAILED, TIMED_OUT):
            if item.retries >= plan.execution["retries"]:
                self.fail(f"more than {plan.execution['retries']} retries: {what}", item.device)
            if STATES[ended] not in plan.execution["retryOn"]:
                self.fail(f"retried, which the plan does not: {what}", item.device)
        elif ended != DISPATCHED or cause != "conduct":
            self.fail(what, item.device)
