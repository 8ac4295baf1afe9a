"""The orchestrator's parts, one step at a time: property-engine behind two pipes."""

import json
import subprocess


class EngineEnded(Exception):
    """The engine ended by itself: an assertion failed, or a sanitizer's check."""


class Engine:
    def __init__(self, program, database, log):
        self._log = open(log, "w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen([program, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=self._log)

    def _ask(self, name, *arguments):
        try:
            self._process.stdin.write(json.dumps([name, arguments]).encode() + b"\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            self._process.wait(10)
            raise EngineEnded(f"the engine ended at {name}: {self.said()}")
        return json.loads(answer)

    def _do(self, name, *arguments):
        answer = self._ask(name, *arguments)
        if "error" in answer:
            raise EngineEnded(f"{name}: {answer['error']}")
        return answer

    def migrate(self):
        self._do("migrate")

    def open(self, claim_batch):
        self._do("open", claim_batch)

    def clock(self, now_ms):
        self._do("clock", now_ms)

    def fleet(self, document):
        self._do("fleet", json.dumps(document))

    def calendars(self, document):
        self._do("calendars", json.dumps(document))

    def order(self, author, document):
        """Submits a plan. Returns the HTTP status and the body of the answer."""
        answer = self._ask("order", author, json.dumps(document))
        return answer["status"], answer["body"]

    def expand(self):
        self._do("expand")

    def schedule(self, instance, delivered):
        """Returns the claimed instructions: (instruction, attempt, device, start_before_s)."""
        return self._do("schedule", instance, delivered)["rows"]

    def explain(self, devices):
        """Returns {instruction: (verdict, codes)} of all that have not ended in the places of some devices."""
        return {row[0]: (row[1], row[2]) for row in self._do("explain", *devices)["rows"]}

    def conduct(self, instance):
        self._do("conduct", instance)

    def operate(self, operation, rollout, version, actor, group, digest):
        """Returns {"result": "ok", "state": …}, or the name and text of a fault."""
        return self._ask("operate", operation, rollout, version, actor, group, digest)

    def give_back(self, device, actor):
        """Returns a machine to service. Answers like operate()."""
        return self._ask("give_back", device, actor)

    def freeze(self, actor, match, excepts_rollbacks, until_ms):
        """Returns the freeze, as users see it."""
        return self._do("freeze", actor, match, excepts_rollbacks, until_ms)

    def lift(self, actor, number):
        return self._do("lift", actor, number)

    def report(self, reports):
        """reports: (instruction, device, attempt, event, sequence, progress, code). Returns their verdicts."""
        return self._do("report", *reports)["verdicts"]

    def said(self):
        """Returns the errors that it logged since the last call."""
        self._log.seek(0)
        text = self._log.read()
        self._log.seek(0)
        self._log.truncate()
        return text.strip()

    def close(self):
        self._process.stdin.close()
        code = self._process.wait(30)
        self._log.close()
        return code
