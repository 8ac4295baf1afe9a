"""Steering: operators take devices out of rollouts that run, and pause groups of them and resume these later. What is out must not
start again, and nothing of a paused group may."""

import json
import random

from .history import COMPLETED

HOUR_MS = 3600_000
OPERATOR = "ops"


class Steering:
    def __init__(self, seed, engine, history, fleet):
        self._rng = random.Random(f"steering of {seed}")  # its own: the models of all seeds stay what they were
        self._engine = engine
        self._history = history
        self._fleet = fleet
        self._orders_at = []
        self._out = []  # (rollout, label or None, value or device)
        self._paused = {}  # (rollout, group) → when it is resumed

    def plan(self, begin_ms):
        if self._rng.random() < 0.4:
            self._orders_at = [begin_ms + self._rng.randint(0, 40 * HOUR_MS) for _ in range(self._rng.randint(1, 6))]

    def next_ms(self):
        return min((at for at in (*self._orders_at, *self._paused.values()) if at > self._history.now_ms), default=None)

    def act(self, rollouts, groups):
        """Returns whether an operation was carried out."""
        now_ms, before = self._history.now_ms, len(self._out) + len(self._paused)
        versions = {row[0]: row[2] for row in rollouts if row[1] in ("running", "paused")}
        due = [at for at in self._orders_at if at <= now_ms]
        over = [key for key, at in self._paused.items() if at <= now_ms]
        for at in due:
            self._orders_at.remove(at)
            if versions:
                self._order(self._rng.choice(sorted(versions)), versions, groups)
        for rollout, group in over:
            if rollout in versions and self._operate("resume-group", rollout, versions, f"g{group}"):
                del self._paused[(rollout, group)]
            elif rollout not in versions and not any(row[0] == rollout and row[1] == "halted" for row in rollouts):
                del self._paused[(rollout, group)]
            else:
                self._paused[(rollout, group)] = now_ms + HOUR_MS
        return bool(over) or len(self._out) + len(self._paused) > before

    def _operate(self, verb, rollout, versions, of):
        answer = self._engine.operate(verb, rollout, versions[rollout], OPERATOR, of, "")
        self._history.record(f"operators: r{rollout} {verb} {of}: {answer}")
        if answer["result"] == "ok":
            versions[rollout] = answer["version"]
        return answer["result"] == "ok"

    def _order(self, rollout, versions, groups):
        rng = self._rng
        device = rng.choice(sorted(self._fleet.devices.values(), key=lambda device: device.name))
        order = rng.choice(("skip", "exclude", "pause"))
        if order == "skip" and self._operate("skip", rollout, versions, device.name):
            self._out.append((rollout, None, device.name))
        if order == "exclude" and device.labels:
            label, value = rng.choice(sorted(device.labels.items()))
            if self._operate("exclude", rollout, versions, json.dumps({label: [value]})):
                self._out.append((rollout, label, value))
        if order == "pause":
            group = rng.choice([row[1] for row in groups if row[0] == rollout])
            if (rollout, group) not in self._paused and self._operate("pause-group", rollout, versions, f"g{group}"):
                self._paused[(rollout, group)] = self._history.now_ms + rng.randint(0, 20 * HOUR_MS)

    def is_out(self, item):
        labels = self._fleet.devices[item.device].labels
        return any(rollout == item.rollout and (value == item.device if label is None else labels.get(label) == value)
                   for rollout, label, value in self._out)

    def is_paused(self, item):
        return (item.rollout, item.group) in self._paused

    def hold_up(self, item):
        return self.is_out(item) or self.is_paused(item)

    def started(self, item):
        if self.is_out(item):
            self._history.fail(f"{item.device}: rollout {item.rollout} started it, which is out of it", item.device)
        if self.is_paused(item):
            self._history.fail(f"{item.device}: rollout {item.rollout} started it in group {item.group}, which is paused", item.device)

    def conducted(self):
        """After steps of the conductor, while it runs: nothing that is out goes on waiting."""
        return [item for item in self._history.known.values() if item.state < COMPLETED and item.due_ms is not None and self.is_out(item)]
