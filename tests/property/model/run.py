"""One model: a fleet, a few plans, and the time until all rollouts have ended."""

import random

from .history import CREATED, DISPATCHED, History
from .devices import Devices
from .fleets import Fleet
from .freezes import Freezes
from .oracle import ENDED, Oracle
from .operators import AUTHOR, PEOPLE, Operators
from .plans import RANKS, RATES, Plan, make_calendars
from .steering import Steering

BASE_MS = 1_767_225_600_000  # 2026-01-01
YEAR_S = 365 * 86400
# In all of Berlin, New York, Santiago and Auckland the clocks change within days of one of these.
CHANGES_S = (66 * 86400, 87 * 86400, 93 * 86400, 246 * 86400, 268 * 86400, 297 * 86400, 304 * 86400)
LATE_MOST_MS = 3 * 86400_000  # the maximum time from the first plan to another one
STEPS_MOST = 6000
WHOLE_PASS = 1000  # a claim of so many looks at all that is due
EXPLAINED = 0.3  # of the scheduler's turns, when one is a whole pass
YEAR_MOST_MS = 400 * 86400_000
MINUTE_MS = 60_000


class Model:
    def __init__(self, seed, engine, database):
        self.seed = seed
        self._rng = random.Random(seed)
        self._curious = random.Random(seed)  # apart, so that asking changes nothing of what happens
        self._engine = engine
        self._database = database
        self._history = History()
        self._fleet = Fleet(self._rng)
        self._devices = Devices(self._rng, self._fleet)
        self._plans = {}
        self._freezes = Freezes(seed, self._engine, self._history, self._fleet, self._plans)
        self._steering = Steering(seed, self._engine, self._history, self._fleet)
        self._oracle = Oracle(self._history, self._fleet, self._plans, self._freezes, self._steering)
        self._operators = Operators(self._rng, self._engine, self._history, self._oracle, self._plans)
        self._rollouts, self._groups, self._states = [], [], {}  # the last values
        self.steps = 0
        self._begin_ms = BASE_MS + self._first_second() * 1000 + self._rng.randint(0, 999)
        self._calendars = make_calendars(self._rng, self._begin_ms)
        self._freezes.plan(self._begin_ms)
        self._steering.plan(self._begin_ms)
        self._orders_at = [self._begin_ms + self._rng.choice((0, 0, self._rng.randint(0, LATE_MOST_MS)))
                           for _ in range(self._rng.choice((1, 2, 2, 3, 4)))]
        self._orders_at[0] = self._begin_ms
        self._theme = self._rng.choice((None, None, None, RATES, RANKS))
        self._is_sly = self._theme == RANKS or self._rng.random() < 0.4

    def _first_second(self):
        if self._rng.random() < 0.4:
            return self._rng.choice(CHANGES_S) + self._rng.randint(-4 * 86400, 2 * 86400)
        return self._rng.randint(0, YEAR_S)

    @property
    def documents(self):
        return {rollout: plan.document for rollout, plan in self._plans.items() if plan.document is not None}

    @property
    def starts(self):
        return sum(item.starts for item in self._history.known.values())

    @property
    def explanations(self):
        return self._oracle.explanations

    def digest(self):
        return self._history.digest()

    def run(self):
        self._database.reset(PEOPLE)
        self._set_clock(self._begin_ms)
        self._claim_batch = self._rng.choice((1, 3, 10, WHOLE_PASS))
        self._engine.open(self._claim_batch)
        self._engine.fleet(self._fleet.document())
        self._engine.calendars(self._calendars)
        self._order_plans()
        while not self._step():
            self._set_clock(self._next_ms())
        self._end()

    def _set_clock(self, now_ms):
        self._history.now_ms = now_ms
        self._engine.clock(now_ms)
        self._database.set_clock(now_ms)

    def _order_plans(self):
        """Orders the plans that are due; in some models only while a device is about to start another instruction."""
        now_ms = self._history.now_ms
        holds = self._plans and self._is_sly and not any(item.state == DISPATCHED
                                                         for item in self._history.known.values())
        due = [at for at in self._orders_at if at + (LATE_MOST_MS if holds else 0) <= now_ms]
        for at in due:
            self._orders_at.remove(at)
            names = [plan.name for plan in self._plans.values() if plan.document is not None]
            plan = Plan(self._rng, f"plan-{len(self._orders_at)}", self._fleet, now_ms, names, self._calendars,
                        self._theme)
            status, answer = self._engine.order(AUTHOR, plan.document)
            if status == 201:
                self._plans[answer["rollout"]] = plan
            elif "selects no device" not in str(answer):
                self._history.fail(f"the plan was refused: {answer} {plan.document}")
        if due:
            self._engine.expand()
            self._observe("plan")

    def _observe(self, cause):
        """Reads all present rows; only the engine changes them. Returns the instructions that `cause` moved."""
        self._rollouts = self._database.rollouts()
        for rollout, _, _, _, origin, _ in self._rollouts:  # rollbacks that the orchestrator ordered
            if rollout not in self._plans:
                self._plans[rollout] = self._plans[origin].rollback(self._history.now_ms)
        self._states = {row[0]: row[1] for row in self._rollouts}
        self._groups = self._database.groups()
        self._oracle.started = self._database.started()
        changes = self._history.observe(self._database.instructions(), cause, self._plans)
        self._oracle.outages.moved(changes)
        self._oracle.looked(self._groups)
        return changes

    # ---- one step ----------------------------------------------------------------------------------------------

    def _step(self):
        """Each party acts once at this moment, in random order. Returns whether all rollouts have ended."""
        self.steps += 1
        turns = [self._hear_devices, self._schedule, self._conduct, self._hear_operators, self._order_plans]
        if self._rng.random() < 0.3:
            turns.append(self._rng.choice(turns[:3]))
        self._rng.shuffle(turns)
        for turn in turns:
            turn()
        said = self._engine.said() if self.steps % 16 == 0 else ""
        if said:
            self._history.fail(f"the engine logged: {said}")
        return not self._orders_at and all(state in ENDED and not wanted
                                           for _, state, _, _, _, wanted in self._rollouts)

    def _hear_devices(self):
        reports = self._devices.take_due(self._history.now_ms)
        while reports:
            batch, later, seen = [], [], set()
            for report in reports:
                (later if report[0] in seen else batch).append(report)
                seen.add(report[0])
            verdicts = self._engine.report(batch)
            for report, verdict in zip(batch, verdicts):
                self._history.record(f"report: {report[1]} i{report[0]}.{report[2]} event {report[3]} {report[6]}: "
                                     f"verdict {verdict}")
                self._oracle.reported(report, verdict)
            self._observe("report")
            reports = later

    def _schedule(self):
        due = {}
        for item in self._history.known.values():
            if item.state == CREATED and item.due_ms is not None and item.due_ms <= self._history.now_ms:
                due.setdefault(item.device, []).append(item)
        open_groups, states = self._open_groups(), self._states
        due = {device: [item for item in items if (item.rollout, item.group) in open_groups
                        and states[item.rollout] == "running"] for device, items in due.items()}
        explained = self._explain()
        claimed = self._engine.schedule(self._rng.randint(0, 1), self._rng.random() < 0.98)
        changes = self._observe("schedule")
        self._oracle.explained(explained, {item.id for _, item in changes if item.state == DISPATCHED})
        self._oracle.scheduled(claimed, changes, due, self._states)
        for _, item in changes:
            for instruction, attempt, device, start_before_s in claimed:
                if (instruction, attempt) == (item.id, item.attempt):
                    self._devices.start(self._history.now_ms, self._plans[item.rollout], instruction, attempt, device,
                                        start_before_s)

    def _explain(self):
        """Asks now and then why each instruction waits, if the next turn is a whole pass over what is due."""
        if self._claim_batch != WHOLE_PASS or self._curious.random() > EXPLAINED:
            return {}
        return self._engine.explain(self._fleet.one_of_each_place())

    def _conduct(self):
        surely = self._rng.random() < 0.1
        for instance in (0, 1) if surely else (self._rng.randint(0, 1),):
            self._engine.conduct(instance)
        self._engine.expand()  # the rollbacks that it ordered
        self._oracle.conducted(self._observe("conduct"), self._states, self._groups)
        if surely:
            self._oracle.conducted_surely(self._states)
        if self._rng.random() < 0.2:
            self._oracle.counts(self._database.counters(), self._groups)

    def _hear_operators(self):
        acted = self._operators.act(self._rollouts, self._groups)
        acted |= self._freezes.act()
        if self._steering.act(self._rollouts, self._groups) or acted:
            self._observe("operators")

    # ---- time --------------------------------------------------------------------------------------------------

    def _next_ms(self):
        rng, now_ms = self._rng, self._history.now_ms
        if self.steps > STEPS_MOST or now_ms > self._begin_ms + YEAR_MOST_MS:
            self._history.fail(f"not all has ended after {self.steps} steps: {self._rollouts} {self._groups}")
        awaited = [at for at in (self._devices.next_ms(), self._operators.next_ms(), self._freezes.next_ms(), self._steering.next_ms(),
                                 self._database.next_ms(), self._next_end_ms(), *self._orders_at)
                   if at is not None and at > now_ms]
        waits = [item for item in self._history.known.values()
                 if item.state == CREATED and item.due_ms is not None and item.due_ms <= now_ms]
        if waits and self._could_start(waits):
            awaited.append(now_ms + rng.choice((1000, 17_000, 61_000, 600_000)))
        if not awaited:
            return now_ms + rng.choice((1000, 3600_000))
        if rng.random() < 0.08:
            return min(awaited) + rng.randint(0, 6 * 3600_000)  # no step for hours
        return min(awaited) + rng.choice((0, 0, 1, 1000, rng.randint(0, MINUTE_MS)))

    def _could_start(self, waits):
        """Whether some of them wait in an open group, so that no known time holds them back."""
        open_groups = self._open_groups()
        return any((item.rollout, item.group) in open_groups and self._states[item.rollout] == "running"
                   and not self._freezes.hold_up(item) and not self._steering.hold_up(item) for item in waits)

    def _open_groups(self):
        return {(rollout, number) for rollout, number, state, _ in self._groups if state == "open"}

    def _next_end_ms(self):
        """Returns the next end of a rollout, or of a window less the time of an installation: from there starts are refused."""
        now_ms = self._history.now_ms
        ends = []
        for item in self._history.known.values():
            plan = self._plans[item.rollout]
            if item.state != CREATED:
                continue
            for begin, end in plan.spans(item.device):
                if end is not None and end - plan.install_ms > now_ms:
                    ends.append(end - plan.install_ms)
                    break
            if plan.schedule.get("endAt"):
                ends.append(plan.end_ms)
        return min((at for at in ends if at > now_ms), default=None)

    def _end(self):
        self._observe("end")
        self._oracle.counts(self._database.counters(), self._groups)
        self._oracle.keeps_branches()
        self._oracle.ended(self._states, self._groups)
        said = self._engine.said()
        if said:
            self._history.fail(f"the engine logged: {said}")
