"""What people order at the version before, and what of it is left when all are upgraded."""

import json
import stat
from datetime import datetime, timedelta, timezone

from harness.operations import JSON
from harness.wait import wait_for

from left_in_rounds import hold, release
from people import AMENDMENTS, APPROVER, AUTHOR, DEVICE, TOMORROW, WHY, lost, read_list

HELD = "R2-A2"  # a real device that a technician holds, and that gives a file
SKIPPED, EXCLUDED, AMENDED = "P0001", "B0001-A1", "P0002"
AFTER_TOMORROW = f"{datetime.now(timezone.utc) + timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"
FILE, CONTENT = "journal", "paid out"
COLLECTOR = f"""#!/bin/sh
[ "$1" = collect ] && echo "{CONTENT}"
exit 0
"""


def write_collector(folder):
    """Returns the executable by which a device gives a file."""
    path = folder / "collect"
    path.write_text(COLLECTOR, encoding="utf-8")
    path.chmod(stat.S_IRWXU)
    return path


class LeftInUpgrade:
    def __init__(self, upgrade):
        """`upgrade`: gives the operations."""
        self._upgrade, self.testbed = upgrade, upgrade.testbed
        self.steered = self.collect = None  # rollouts
        self._before = self._hold = None

    def rollouts(self):
        return [self.steered, self.collect]

    def order(self, one):
        """A freeze, amendments and exclusions of a rollout that begins tomorrow, and a file, for which the policy of the site
        asks for an approval."""
        self.testbed.people.freeze(one)
        self.steered = self.testbed.submit(
            "steered", "5.0.0", selector={"devices": [SKIPPED, EXCLUDED, AMENDED]}, rate={"perMinute": 60},
            schedule={"startAt": TOMORROW, "endAt": AFTER_TOMORROW})
        self._wait_for_state(self.steered, "running")
        for operation, what in (("amendments", {"rate": {"perMinute": 30}}), ("skip", {"device": SKIPPED}),
                                ("exclude", {"match": "branch=" + EXCLUDED.split("-", maxsplit=1)[0]})):
            self._upgrade.operate(AUTHOR, self.steered, operation, "version", **what)
        body, headers = json.dumps({"file": FILE, "reason": WHY}), {**JSON, **self.testbed.people.headers(AUTHOR)}
        self.collect = self.testbed.insist("a file is ordered", lambda http: http.ask(
            "POST", f"/v1/devices/{HELD}/collect", body, headers))["rollout"]
        self._wait_for_state(self.collect, "awaiting_approval")
        self._before = self._read(one)

    def hold(self):
        """At the machine, once it has nothing to do."""
        wait_for(lambda: not self.testbed.database.value(
            "SELECT count(*) FROM instruction i JOIN rollout r ON r.id = i.rollout_id WHERE i.device = %s AND i.ended_at IS NULL "
            "AND r.state <> 'awaiting_approval'", HELD), f"{HELD} has nothing to do", 90)
        self._hold = hold(self.testbed.clients[HELD], "2h")

    def _wait_for_state(self, rollout, state):
        wait_for(lambda: self._upgrade.shown(rollout)["state"] == state, f"rollout {rollout} is {state}")

    def _read(self, one):
        return {AMENDMENTS.rows: read_list(lambda path: self.testbed.people.ask(one, path), AMENDMENTS, self.steered)}

    def check(self, one):
        """All are upgraded."""
        assert all(self._before.values()), f"there is nothing to lose: {self._before}"
        gone = lost(self._before, self._read(one))
        assert not gone, "\n".join(gone)

        def shown_hold():
            held = self.testbed.people.ask(one, DEVICE.format(of=HELD)).json()["presence"]["hold"]
            return held and (held["reason"], held["until"][:19])
        self._connect_again()
        wait_for(lambda: shown_hold() == self._hold, "the hold is shown")
        assert self._upgrade.shown(self.collect)["state"] == "awaiting_approval"
        wait_for(lambda: self._codes() == {SKIPPED: "skipped", EXCLUDED: "excluded", AMENDED: None}, "the devices are excluded")

    def _connect_again(self):
        """Until the broker has the new guard, new orchestrators know of a device from its next connection on."""
        client = self.testbed.clients[HELD]
        client.stop()
        client.start()

    def _codes(self):
        return {row["device"]: row["code"] for row in self.testbed.database.rows(
            "SELECT device, code FROM instruction WHERE rollout_id = %s", self.steered)}

    def finish(self):
        """What waited can still be done, and the rest ends."""
        release(self.testbed.clients[HELD])
        self._upgrade.operate(APPROVER, self.collect, "approve", "digest")
        logs = f"/v1/devices/{HELD}/logs"
        log = wait_for(lambda: next((row for row in self._upgrade.get(logs)["logs"] if row["rollout"] == self.collect), None),
                       f"{HELD} gives its file")
        assert CONTENT in self._upgrade.get(f"/v1/logs/{log['log']}")["content"]
        self._wait_for_state(self.collect, "completed")
        self._upgrade.operate(AUTHOR, self.steered, "cancel", "version")
        self._wait_for_state(self.steered, "cancelled")
