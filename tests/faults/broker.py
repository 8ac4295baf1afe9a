"""The broker of the testbed, with the guard, and what can be learned from it."""

import atexit
import collections
import re
import shutil

from harness.secure_broker import SecureMosquitto
from harness.spy import BridgedSpy
from harness.wait import wait_for
from harness.wire import ROOT_TOPIC

STATUS, EPOCH, INSTRUCTION = "broker/guard", "orchestrator/epoch", "device/+/instruction"
DENIED = re.compile(r"guard\.denied what=(\S+) reason=(\S+) identity=(\S+)")
LEFT_OUT = re.compile(r"guard\.left_out reason=(\S+) identity=(\S+) lines=(\d+)")


class KeepingMosquitto(SecureMosquitto):
    """Writes its state to a file on request, and can be started again with it or without. A spy hears its instructions."""

    def __init__(self, folder, identities):
        self._saved = folder / "saved"
        self._saved.mkdir()
        self.spy = BridgedSpy(STATUS, EPOCH, INSTRUCTION)
        super().__init__(folder, identities, self.spy)
        atexit.register(self.kill)  # it would last

    def start(self):
        self._environment = {**(self._environment or {}), "LASTING": "yes"}
        super().start()

    # its state on the disk: what it has for its clients, and the guard's table of devices

    @property
    def state(self):
        return self.folder / "mosquitto.db"

    @property
    def _table(self):
        return self.folder / "devices.json"

    def save(self):
        for path in (self.state, self._table):
            wait_for(path.exists, f"the broker wrote {path.name}")
            shutil.copy(path, self._saved)

    def restore(self):
        for path in (self.state, self._table):
            shutil.copy(self._saved / path.name, path)

    # what it says

    def status(self):
        """Returns the guard's status of now."""
        before = self._last()["at"]
        self.spy.ask_guard()
        wait_for(lambda: self._last()["at"] != before, "the guard says its status")
        return self._last()

    def _last(self):
        return wait_for(lambda: self.spy.messages(f"{ROOT_TOPIC}/{STATUS}"), "the guard said its status")[-1].json()

    def retained(self):
        """Returns the topics with an instruction that a new subscriber would get. The bridge begins with what is retained, and
        the status that is published afterwards comes after all of it."""
        before = self.spy.reconnect()
        self.status()
        last = {message.topic: message for message in self.spy.since(before) if message.retained}
        assert f"{ROOT_TOPIC}/{EPOCH}" in last, f"the spy heard {sorted(last)}"
        return [topic for topic, message in last.items() if topic.endswith("/instruction") and message.payload]

    def refused(self):
        """Returns how often the guard refused something since the first start, by reason, each with an example."""
        counts, examples = collections.Counter(), {}
        text = self.text()
        for what, reason, identity in DENIED.findall(text):
            counts[reason] += 1
            examples.setdefault(reason, f"{what} of {identity}")
        for reason, _, lines in LEFT_OUT.findall(text):
            counts[reason] += int(lines)
        return {reason: f"{count} times, first {examples.get(reason)}" for reason, count in counts.items()}
