"""The devices' reactions to an instruction: they complete, fail, are silent, defer, refuse; late, twice, in the wrong order."""

import heapq

ANSWERED, RECEIVED, INSTALLING, COMPLETED, FAILED, REJECTED, DEFERRED = range(1, 8)

# The frequency of each behaviour among the devices of one model.
MOODS = (
    {"completes": 1},
    {"completes": 16, "fails": 1, "silent": 1, "late": 1},
    {"completes": 8, "fails": 1, "silent": 1, "defers": 2, "rejects": 1, "late": 2},
    {"completes": 2, "fails": 3, "silent": 2, "late": 3},
    {"completes": 3, "defers": 3},
)


class Devices:
    """All devices of a fleet. They know only what the test gave them."""

    def __init__(self, rng, fleet):
        self._rng = rng
        self._fleet = fleet
        self._mood = rng.choice(MOODS)
        self._waiting = []  # (at, number, report)
        self._numbers = 0
        self._completed = set()  # (device, instruction): its journal

    def _say(self, at_ms, report):
        self._numbers += 1
        heapq.heappush(self._waiting, (round(at_ms), self._numbers, report))

    def next_ms(self):
        return self._waiting[0][0] if self._waiting else None

    def take_due(self, now_ms):
        """Takes the reports until now; reports on one instruction stay in order."""
        reports = []
        while self._waiting and self._waiting[0][0] <= now_ms:
            report = heapq.heappop(self._waiting)[2]
            if report[3] == COMPLETED:
                self._completed.add((report[1], report[0]))
            reports.append(report)
        return reports

    def start(self, now_ms, plan, instruction, attempt, device, start_before_s):
        """The device may get its instruction now."""
        rng = self._rng
        role = self._fleet.devices[device].role
        timeouts = [plan.execution[key] * 1000 for key in
                    ("dispatchTimeout", "answerTimeout", "receiveTimeout", "installTimeout")]
        if role == "pull":
            timeouts[0] = max(start_before_s * 1000 - now_ms, 1000)
        if (device, instruction) in self._completed:
            self._say(now_ms + rng.uniform(0, timeouts[0]), (instruction, device, attempt, COMPLETED, 1, 100, ""))
            return
        kind = rng.choices(list(self._mood), list(self._mood.values()))[0]
        self._play(now_ms, kind, timeouts, instruction, attempt, device, start_before_s)

    def _play(self, at_ms, kind, timeouts, instruction, attempt, device, start_before_s):
        rng = self._rng
        last = rng.randint(0, 3) if kind in ("silent", "late", "defers", "rejects") else 3
        speed = rng.choice((0.05, 0.5, 0.95))
        sequence = 0
        for stage, event in enumerate((ANSWERED, RECEIVED, INSTALLING)):
            at_ms += rng.uniform(0, speed) * timeouts[stage]
            if kind == "silent" and stage == last:
                return
            if kind == "late" and stage == last:
                at_ms += timeouts[stage]
            if event == INSTALLING and at_ms > start_before_s * 1000:
                self._say(at_ms, (instruction, device, attempt, REJECTED, sequence + 1, -1, "too_late"))
                return
            if kind in ("defers", "rejects") and stage == last:
                break
            sequence += event != ANSWERED
            if rng.random() < 0.9:
                self._say_perhaps_twice(at_ms, (instruction, device, attempt, event, sequence,
                                                0 if event == INSTALLING else -1, ""))
        if kind == "silent":
            return
        at_ms += rng.uniform(0, speed) * timeouts[3] + (timeouts[3] if kind == "late" else 0)
        if kind == "late" and rng.random() < 0.3:
            kind = "fails"
        event, code = {"fails": (FAILED, rng.choice(("broken", "out_of_service"))), "defers": (DEFERRED, "customer"),
                       "rejects": (REJECTED, "not_for_me")}.get(kind, (COMPLETED, ""))
        self._say_perhaps_twice(at_ms, (instruction, device, attempt, event, sequence + 1, -1, code))

    def _say_perhaps_twice(self, at_ms, report):
        self._say(at_ms, report)
        if self._rng.random() < 0.1:
            self._say(at_ms + self._rng.uniform(0, 3600_000), report)
