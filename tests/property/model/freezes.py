"""Freezes: operators order them at random and lift them later. What is in the scope of one must not start meanwhile, and no group
may open that it touches."""

import json
import random

from .history import CREATED

HOUR_MS = 3600_000
OPERATOR = "ops"


class Freeze:
    def __init__(self, match, excepts_rollbacks, lift_ms):
        self.match, self.excepts_rollbacks, self.lift_ms = match, excepts_rollbacks, lift_ms

    def has(self, device):
        return all(device.labels.get(label) in values for label, values in self.match.items())


class Freezes:
    def __init__(self, seed, engine, history, fleet, plans):
        self._rng = random.Random(f"freezes of {seed}")  # its own: the models of all seeds stay what they were
        self._engine = engine
        self._history = history
        self._fleet = fleet
        self._plans = plans
        self._in_force = {}  # number → freeze
        self._all = []
        self._orders_at = []
        self._groups = {}  # (rollout, group) → its last state

    def plan(self, begin_ms):
        if self._rng.random() < 0.4:
            self._orders_at = [begin_ms + self._rng.choice((0, self._rng.randint(0, 30 * HOUR_MS)))
                               for _ in range(self._rng.randint(1, 3))]

    def next_ms(self):
        times = [*self._orders_at, *(freeze.lift_ms for freeze in self._in_force.values())]
        return min((at for at in times if at > self._history.now_ms), default=None)

    def act(self):
        """Returns whether one was ordered or lifted."""
        now_ms = self._history.now_ms
        due = [at for at in self._orders_at if at <= now_ms]
        over = [number for number, freeze in self._in_force.items() if freeze.lift_ms <= now_ms]
        for at in due:
            self._orders_at.remove(at)
            self._order(now_ms)
        for number in over:
            del self._in_force[number]
            self._history.record(f"operators: lift freeze {number}: {self._engine.lift(OPERATOR, number)['state']}")
        return bool(due or over)

    def _order(self, now_ms):
        rng = self._rng
        device = rng.choice(sorted(self._fleet.devices.values(), key=lambda device: device.name))
        match = rng.choice(({}, *({label: [value]} for label, value in sorted(device.labels.items()))))
        freeze = Freeze(match, rng.random() < 0.5, now_ms + rng.randint(1, 8 * HOUR_MS))
        number = self._engine.freeze(OPERATOR, json.dumps(match), freeze.excepts_rollbacks, now_ms + HOUR_MS)["freeze"]
        self._in_force[number] = freeze
        self._all.append(freeze)
        self._history.record(f"operators: freeze {number} of {match}, except rollbacks: {freeze.excepts_rollbacks}")

    def _holds_up(self, freeze, item):
        is_rollback = self._plans[item.rollout].document is None
        return freeze.has(self._fleet.devices[item.device]) and not (freeze.excepts_rollbacks and is_rollback)

    def hold_up(self, item):
        return any(self._holds_up(freeze, item) for freeze in self._in_force.values())

    def held_up(self, item):
        """At any time so far."""
        return any(self._holds_up(freeze, item) for freeze in self._all)

    def started(self, item):
        if self.hold_up(item):
            self._history.fail(f"{item.device}: rollout {item.rollout} started it, which is frozen", item.device)

    def looked(self, groups):
        """After any step."""
        for rollout, number, state, _ in groups:
            before, self._groups[(rollout, number)] = self._groups.get((rollout, number), "waiting"), state
            if (before, state) != ("waiting", "open"):
                continue
            for item in self._history.of_rollout(rollout):
                if item.group == number and item.state == CREATED and self.hold_up(item):
                    self._history.fail(f"rollout {rollout}: its group {number} opened, and {item.device} is frozen", f" r{rollout} ")
