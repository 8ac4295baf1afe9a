"""Machines that were taken out of service and are not back, as the test itself computes."""

from .history import COMPLETED, FAILED, REJECTED, TIMED_OUT

CODES = ("out_of_service", "install_timeout")
BRINGS_BACK = ("install", "rollback", "run")


class Outages:
    def __init__(self, history, fleet, plans):
        self._history = history
        self._fleet = fleet
        self._plans = plans
        self._since = {}  # device → since when, and the last instruction
        self._repairs = set()  # attempts that began on a machine out of service

    def devices(self, branch=None):
        return [device for device in self._since if branch in (None, self._fleet.devices[device].branch)]

    def moved(self, changes):
        """After any step that may end an attempt."""
        for (_, failures), item in changes:
            has_ended = item.state in (FAILED, REJECTED, TIMED_OUT) or item.failures > failures  # an attempt, in this step
            if has_ended and item.last_code in CODES:
                if item.device != item.branch:
                    since_ms = self._since.get(item.device, (self._history.now_ms, 0))[0]
                    self._since[item.device] = since_ms, item.id
            elif item.state == COMPLETED and item.code is None and item.device in self._since:
                since_ms, instruction = self._since[item.device]
                began_later = item.started_ms is not None and item.started_ms >= since_ms
                if (began_later or instruction == item.id) and self._plans[item.rollout].action in BRINGS_BACK:
                    del self._since[item.device]

    def holds(self, item):
        """Whether its device is out of service since one of its attempts."""
        return self._since.get(item.device, (None, None))[1] == item.id

    def given_back(self, device):
        del self._since[device]

    def keep_budgets(self, started):
        """After a step of the scheduler: machines out of service use the budget, and one at a time is repaired."""
        for item in started:
            if item.device in self._since:
                self._repairs.add((item.id, item.attempt))
        for branch in {item.branch for item in started if item.branch is not None}:
            self._keep_budget(branch, [item for item in started if item.branch == branch])

    def _keep_budget(self, branch, started):
        flying = [item for item in self._history.flying() if item.branch == branch]
        down = set(self.devices(branch))
        used = {item.device for item in flying} | down
        repairs = {item.device for item in flying} & down
        for item in started:
            headroom = self._plans[item.rollout].headroom(branch)
            if headroom is None:
                continue
            is_repair = item.device in down
            if is_repair and len(repairs) > 1:
                self._history.fail(f"{branch}: {sorted(repairs)} are out of service and at it at once", branch)
            if not is_repair and len(used) > headroom:
                self._history.fail(f"{branch}: {item.device} is started, rollout {item.rollout} allows {headroom}, and "
                                   f"{sorted(used)} are in flight or out of service", branch)

    def serves(self, item):
        """Whether it was in service at its start, so that it takes a place of its branch's budget."""
        return (item.id, item.attempt) not in self._repairs
