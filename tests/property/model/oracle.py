"""The properties. Each is checked against the history, the plans as the test made them, and Python's own calendar."""

import collections
import math

from .history import CANCELLED, COMPLETED, CREATED, DISPATCHED, EXPIRED, FAILED, STATES, is_flying
from .devices import COMPLETED as COMPLETED_EVENT
from .devices import FAILED as FAILED_EVENT
from .outages import CODES, Outages
from .zones import may_start

MINUTE_MS = 60_000
ENDED = ("completed", "halted", "cancelled", "rejected")
PULL_WAIT_MS = 6 * 3600_000
SURE_LOOKS = 3
MOVED = 0  # a verdict on a report


class Oracle:
    def __init__(self, history, fleet, plans, freezes, steering):
        self._history = history
        self._freezes = freezes
        self._steering = steering
        self._fleet = fleet
        self._plans = plans
        self._starts = {}  # rollout → times
        self._reached = {}  # (rollout, group) → when enough devices had completed, or its gate could not fail any more
        self.resumes = {}  # rollouts that an abort paused → number of approvals of their resume
        self.approved = {}  # (rollout, group) → when an operator approved
        self.approvals = {}  # rollout → number of approvals
        self.ordered = set()  # rollouts with an operation since the conductor's last step
        self.started = set()  # rollouts that ever began to run
        self._states = {}
        self._resumed = set()
        self._moved = set()  # reports
        self._awaited = {}
        self.outages = Outages(history, fleet, plans)
        self.explanations = collections.Counter()  # verdict → how often it was said

    # ---- a step of the scheduler -------------------------------------------------------------------------------

    def explained(self, explained, started):
        """In a turn that is a whole pass, what was said to start did, and what was said to wait did not."""
        for instruction, (verdict, codes) in explained.items():
            self.explanations[verdict] += 1
            if verdict == "starts" and instruction not in started:
                self._history.fail(f"i{instruction} was said to start and did not: {codes}")
            if verdict not in ("starts", "in_line") and instruction in started:
                self._history.fail(f"i{instruction} was said not to start, and did: {verdict} {codes}")
        if explained and not started <= explained.keys():
            self._history.fail(f"started and was not explained: {sorted(started - explained.keys())}")

    def scheduled(self, claimed, changes, due_before, states):
        """`claimed`: the instructions that the scheduler handed on; `changes`: the moved rows; `due_before`: instructions that
        were due before the step, by device; `states`: the present states of the rollouts."""
        history = self._history
        handed = {(row[0], row[1]): row[3] for row in claimed}
        started = []
        for _, item in changes:
            if item.state != DISPATCHED or (item.id, item.attempt) not in handed:
                history.fail(f"{item.device}: moved by the scheduler, and not handed on", item.device)
            started.append((item, handed[(item.id, item.attempt)]))
        for item, start_before_s in started:
            self._starts_at_the_right_time(item, start_before_s)
            self._starts_in_an_open_group(item)
            self._starts_in_its_turn(item, due_before, states)
            self._freezes.started(item)
            self._steering.started(item)
            if states[item.rollout] != "running":
                history.fail(f"{item.device}: started while rollout {item.rollout} is {states[item.rollout]}")
        for item in history.known.values():
            if (item.id, item.attempt) in handed and not is_flying(item.state):
                history.fail(f"{item.device}: handed on in state {STATES[item.state]}", item.device)
        for rollout in {item.rollout for item, _ in started}:
            self._keeps_the_rate(rollout, sum(item.rollout == rollout for item, _ in started))
        if started:
            self.outages.keep_budgets([item for item, _ in started])
            self.keeps_branches()

    def _starts_at_the_right_time(self, item, start_before_s):
        plan = self._plans[item.rollout]
        now_ms = self._history.now_ms
        spans = plan.spans(item.device)
        if not may_start(spans, now_ms, plan.install_ms):
            near = [span for span in spans if span[1] is None or span[1] > now_ms - 86400_000][:2]
            self._history.fail(f"{item.device}: rollout {item.rollout} started it outside its window; near: {near}, "
                               f"an installation takes {plan.install_ms}", item.device)
        if not may_start(spans, start_before_s * 1000, plan.install_ms):
            self._history.fail(f"{item.device}: rollout {item.rollout} lets it begin until {start_before_s}, when "
                               "too little of the window is left", item.device)

    def _starts_in_an_open_group(self, item):
        for number in range(1, item.group):
            rule = self._plans[item.rollout].groups[number - 1]
            reached_ms = self._reached.get((item.rollout, number))
            about = f"{item.device}: rollout {item.rollout} started it in group {item.group}"
            if reached_ms is None:
                self._history.fail(f"{about} before group {number} succeeded", f" r{item.rollout} ")
            if self._executed(item.rollout, number) and self._history.now_ms < reached_ms + rule[2]:
                self._history.fail(f"{about}; group {number} has not soaked", f" r{item.rollout} ")
            if rule[3] and (item.rollout, number) not in self.approved:
                self._history.fail(f"{about}; group {number} was not approved", f" r{item.rollout} ")
        if self.approvals.get(item.rollout, 0) < self._plans[item.rollout].approvals:
            self._history.fail(f"{item.device}: rollout {item.rollout} was not approved", f" r{item.rollout} ")

    def _starts_in_its_turn(self, item, due_before, states):
        plan = self._plans[item.rollout]
        for other in due_before.get(item.device, ()):
            theirs = self._plans[other.rollout]
            if not self._freezes.hold_up(other) and not self._steering.is_paused(other) and theirs.priority > plan.priority and may_start(theirs.spans(item.device), self._history.now_ms,
                                                             theirs.install_ms):
                self._history.fail(f"{item.device}: rollout {item.rollout} started it while it was due in rollout "
                                   f"{other.rollout} of a higher priority", item.device)
        for other in self._history.known.values():
            theirs = self._plans[other.rollout]
            if (other.device == item.device and other.state < COMPLETED and states[other.rollout] == "running"
                    and theirs.preempts and theirs.priority > plan.priority and not self._freezes.hold_up(other)):
                self._history.fail(f"{item.device}: rollout {item.rollout} started it, which rollout {other.rollout} "
                                   "preempts", item.device)

    def _keeps_the_rate(self, rollout, count):
        history = self._history
        starts = self._starts.setdefault(rollout, [])
        starts.extend([history.now_ms] * count)
        lately = sum(at > history.now_ms - MINUTE_MS for at in starts)
        completed = sum(item.state == COMPLETED for item in history.of_rollout(rollout))
        most = self._plans[rollout].per_minute(completed)
        if lately > most:
            history.fail(f"rollout {rollout}: {lately} starts in a minute, allowed {most} after {completed} "
                         "completed", f" r{rollout} ")

    # ---- always ------------------------------------------------------------------------------------------------

    def keeps_branches(self):
        """One instruction at a time on a device, no branch over any budget, a node alone."""
        flying = self._history.flying()
        devices, branches = set(), {}
        for item in flying:
            if item.device in devices:
                self._history.fail(f"{item.device}: two rollouts in flight", item.device)
            devices.add(item.device)
            if item.branch is not None:
                branches.setdefault(item.branch, []).append(item)
        for branch, items in branches.items():
            serving = [item for item in items if self.outages.serves(item)]
            for rollout in {item.rollout for item in serving}:
                headroom = self._plans[rollout].headroom(branch)
                if headroom is not None and len(serving) > headroom:
                    self._history.fail(f"{branch}: {len(serving)} in flight, rollout {rollout} allows {headroom}: "
                                       f"{[(item.device, item.rollout) for item in serving]}", branch)
            if branch in devices and len(items) > 1:
                self._history.fail(f"{branch}: its node is in flight, and so are others", branch)

    def reported(self, report, verdict):
        """A report on an ended attempt moves nothing, except its completion, or its failure when no other attempt will follow;
        a repeated report moves nothing twice."""
        if verdict != MOVED:
            return
        instruction, device, attempt, event = report[:4]
        item = self._history.known[instruction]
        is_late_word = event == COMPLETED_EVENT or event == FAILED_EVENT and item.state in (CANCELLED, EXPIRED, FAILED)
        if attempt != item.attempt and not is_late_word:
            self._history.fail(f"{device}: moved by a report on attempt {attempt}, event {event}", device)
        if report in self._moved:
            self._history.fail(f"{device}: moved twice by one report: {report}", device)
        self._moved.add(report)

    def looked(self, groups):
        """After any step that may end an instruction: finds the groups that have succeeded."""
        self._freezes.looked(groups)
        for rollout, number, state, _ in groups:
            if state == "waiting" or (rollout, number) in self._reached:
                continue
            items = [item for item in self._history.of_rollout(rollout) if item.group == number]
            if self._has_succeeded(rollout, number, items):
                self._reached[(rollout, number)] = max((item.ended_ms or 0 for item in items), default=0)
            elif self._is_certain(rollout, number, items):
                self._reached[(rollout, number)] = self._history.now_ms

    def _is_certain(self, rollout, number, items):
        """The group opens the next one when reached, and could not fail its gate whatever the remaining devices do."""
        rule, success, _, _ = self._plans[rollout].groups[number - 1]
        counted = [item for item in items if item.state not in (CANCELLED, EXPIRED)]
        completed = sum(item.state == COMPLETED for item in counted)
        return rule.get("opens") == "reached" and completed * 100 >= success * len(counted)

    def _executed(self, rollout, number=None):
        return [item for item in self._history.of_rollout(rollout)
                if number in (None, item.group) and item.state >= COMPLETED and item.state not in (CANCELLED, EXPIRED)]

    def conducted(self, changes, states, groups):
        """After a step of the conductor: it had a reason for each stop and each rollback."""
        for (before_state, failures), item in changes:
            if before_state == DISPATCHED and item.state == CREATED and item.failures == failures and not self._freezes.held_up(item):
                self._is_preempted(item)
        before, self._states = self._states, dict(states)
        for rollout, number, state, _ in groups:
            before_state = before.get((rollout, number))
            self._states[(rollout, number)] = state
            if state == "not_reached" and before_state not in (None, "not_reached", "awaiting_approval"):
                self._is_out_of_reach(rollout, number)
        for rollout, state in states.items():
            if before.get(rollout) == "running" and rollout not in self.ordered:
                if state == "paused":
                    self._is_aborted(rollout, "pause")
                    self.resumes[rollout] = 0
                if state in ("cancelling", "cancelled") and not self._is_superseded(rollout):
                    self._is_aborted(rollout, "cancel")
            if state == "running" and self._is_superseded(rollout):
                self._history.fail(f"rollout {rollout} runs beside one that supersedes it", f" r{rollout} ")
        for rollout in [rollout for rollout in self.resumes if states[rollout] != "paused"]:
            approvals = self.resumes.pop(rollout)
            if states[rollout] == "running" and approvals < self._plans[rollout].approvals:
                self._history.fail(f"rollout {rollout} goes on after an abort, and {approvals} approved that",
                                   f" r{rollout} ")
        self._resumed |= {rollout for rollout in self.ordered if states[rollout] == "running"}
        self.ordered.clear()

    def conducted_surely(self, states):
        """After a step of both instances, one of which is the conductor: by the third such step each necessary action is done."""
        for rollout, state in states.items():
            if state != "running":
                continue
            for what, has_to in (("abort", self._has_to_abort), ("end", self._has_to_end), ("cancel what is out", self._has_to_cancel)):
                key = (rollout, what)
                self._awaited[key] = self._awaited.get(key, 0) + 1 if has_to(rollout) else 0
                if self._awaited[key] > SURE_LOOKS:
                    self._history.fail(f"rollout {rollout} has to {what}, and runs on", f" r{rollout} ")

    def _has_to_abort(self, rollout):
        plan = self._plans[rollout]
        items = self._with_an_end(rollout)
        final = [item for item in items if item.state >= COMPLETED and (
                     item.is_settled or STATES[item.state] not in plan.execution["retryOn"]
                     or item.retries >= plan.execution["retries"])]
        for criterion in plan.aborts if rollout not in self._resumed else ():
            counted = final if "counts" in criterion else items
            count = sum(self._is_of_cause(item, criterion["on"]) for item in counted)
            if count >= criterion.get("count", math.inf):
                return True
            if "percentage" in criterion and len(items) >= criterion["minimum"] and count and \
                    count * 100 >= float(criterion["percentage"][:-1]) * len(items):
                return True
        return False

    def _has_to_cancel(self, rollout):
        return any(item.rollout == rollout for item in self._steering.conducted())

    def _is_of_cause(self, item, cause):
        """By the last of its attempts that ended; a machine out of service stays so until it is back."""
        if cause == "out_of_service" and item.last_end is not None and self.outages.holds(item):
            return True
        if item.last_end in (None, COMPLETED):
            return False
        return item.last_code in CODES if cause == "out_of_service" else STATES[item.last_end] == cause

    def _with_an_end(self, rollout):
        return [item for item in self._history.of_rollout(rollout) if item.last_end is not None]

    def _has_to_end(self, rollout):
        plan = self._plans[rollout]
        if plan.end_ms is None or any(manual for _, _, _, manual in plan.groups):
            return False
        stages = sum(plan.execution[key] for key in plan.execution if key.endswith("Timeout"))
        soaks_ms = sum(soak_ms for _, _, soak_ms, _ in plan.groups)
        return self._history.now_ms > plan.end_ms + stages * 1000 + PULL_WAIT_MS + 2 * soaks_ms

    def _is_superseded(self, rollout):
        """By a rollout that started; one that ended before its start, by a cancel for example, supersedes nothing."""
        return any(self._plans[rollout].name in self._plans[other].supersedes for other in self.started)

    def _is_preempted(self, item):
        higher = [other for other in self._history.known.values()
                  if other.device == item.device and other.state < COMPLETED and self._plans[other.rollout].preempts
                  and self._plans[other.rollout].priority > self._plans[item.rollout].priority]
        if not higher or self._fleet.devices[item.device].role == "pull":
            self._history.fail(f"{item.device}: taken back without a reason", item.device)

    def _is_out_of_reach(self, rollout, number):
        plan = self._plans[rollout]
        items = [item for item in self._history.of_rollout(rollout) if item.group == number]
        possible = sum(item.state < COMPLETED or self._may_be_retried(plan, item) for item in items)
        completed = sum(item.state == COMPLETED for item in items)
        executed = sum(not self._may_be_retried(plan, item) for item in self._executed(rollout, number))
        success = plan.groups[number - 1][1]
        if possible + executed and (completed + possible) * 100 >= success * (executed + possible):
            self._history.fail(f"rollout {rollout}: group {number} is given up with {completed} completed of "
                               f"{executed}, {possible} possible, {success} % wanted", f" r{rollout} ")

    def _may_be_retried(self, plan, item):
        """Whether it certainly may: its retries and its rollout are not at their end."""
        if item.is_settled or self._steering.is_out(item) or STATES[item.state] not in plan.execution["retryOn"] or item.code == "deferred_too_often":
            return False
        after_ms = plan.execution["backoff"] * 1000 * 2 ** max(item.failures, 1)
        return item.retries < plan.execution["retries"] and (
            plan.end_ms is None or self._history.now_ms + after_ms < plan.end_ms)

    def _is_aborted(self, rollout, action):
        plan = self._plans[rollout]
        items = self._with_an_end(rollout)
        for criterion in plan.aborts:
            if criterion["then"] != action:
                continue
            count = sum(self._is_of_cause(item, criterion["on"]) for item in items)
            if count >= criterion.get("count", math.inf):
                return
            if "percentage" in criterion and len(items) >= criterion["minimum"] and \
                    count * 100 >= float(criterion["percentage"][:-1]) * len(items):
                return
        self._history.fail(f"rollout {rollout}: {action} without a reason", f" r{rollout} ")

    def _has_succeeded(self, rollout, number, items):
        success = self._plans[rollout].groups[number - 1][1]
        if any(item.state < COMPLETED for item in items):
            return False
        executed = self._executed(rollout, number)
        if not executed:
            return success == 0 or all(item.state == CANCELLED for item in items)
        return sum(item.state == COMPLETED for item in executed) * 100 >= success * len(executed)

    def counts(self, counters, groups):
        """The orchestrator's counters equal a recount."""
        counted = {}
        for item in self._history.known.values():
            key = (item.rollout, item.group, item.state)
            counted[key] = counted.get(key, 0) + 1
        kept = {(rollout, group, state): int(count) for rollout, group, state, count in counters}
        if counted != kept:
            wrong = sorted(set(counted.items()) ^ set(kept.items()))
            self._history.fail(f"counters are wrong: {wrong}")
        for rollout, number, _, devices in groups:
            has = sum(count for (of, group, _), count in counted.items() if (of, group) == (rollout, number))
            if has != devices:
                self._history.fail(f"rollout {rollout}: group {number} has {has} devices, and says {devices}")

    # ---- at the end --------------------------------------------------------------------------------------------

    def ended(self, states, groups):
        """Everything has ended, and each instruction that was left undone has a reason."""
        opened = {(rollout, number): state for rollout, number, state, _ in groups}
        for rollout, state in states.items():
            if state not in ENDED:
                self._history.fail(f"rollout {rollout} is {state} in the end", f" r{rollout} ", f" r{rollout}:")
        for item in self._history.known.values():
            state = states[item.rollout]
            parked = state in ("halted", "rejected") and opened.get((item.rollout, item.group)) != "passed"
            if item.state < COMPLETED and not (item.state == CREATED and parked):
                self._history.fail(f"{item.device}: {STATES[item.state]} in the end of rollout {item.rollout}, "
                                   f"which is {state}", item.device)
        for rollout, state in states.items():
            self._ends_rightly(rollout, state, opened)

    def _ends_rightly(self, rollout, state, opened):
        plan = self._plans[rollout]
        if state not in ("completed", "halted"):
            return
        fails = []
        for number in range(1, len(plan.groups) + 1):
            items = [item for item in self._history.of_rollout(rollout) if item.group == number]
            if opened.get((rollout, number)) == "waiting":
                continue
            if not self._has_succeeded(rollout, number, [item for item in items if item.state >= COMPLETED]):
                fails.append(number)
        executed = self._executed(rollout)
        if state == "completed" and executed and all(item.state != COMPLETED for item in executed):
            self._history.fail(f"rollout {rollout} completed, though no device did", f" r{rollout} ")
        if state == "completed" and fails:
            self._history.fail(f"rollout {rollout} completed, though its groups {fails} did not", f" r{rollout} ")

