"""Random plans, and their meaning for the test, which reads nothing of it back from the orchestrator."""

import copy
import math

from .fleets import APPLICATION, VERSIONS
from .zones import WEEKDAYS, ZONES, read_time, time_of, work_spans

MINUTE, HOUR, DAY = 60, 3600, 86400
DEFAULT_PER_MINUTE = 600
# The theme of all plans of a model: rates that grow, or a second rollout of higher priority.
RATES, RANKS = "rates", "ranks"


def chance(rng, probability):
    return rng.random() < probability


def span(seconds):
    return f"{seconds}s"


def stamp(ms):
    return time_of(ms).strftime("%Y-%m-%dT%H:%M:%SZ")


class Plan:
    """One plan, as the document and as numbers."""

    def __init__(self, rng, name, fleet, now_ms, others, calendars, theme):
        self.name = name
        self.now_ms = now_ms
        self.fleet = fleet
        self.rolled_back_by_operators = False
        self.action = "install"
        self._spans = {}
        spec = {"action": "install", "artifact": {
            "name": APPLICATION, "version": "4.8.0", "url": "https://files.invalid/app", "sha256": "a" * 64, "size": 1}}
        self.execution = make_execution(rng, spec)
        self.schedule = make_schedule(rng, spec, now_ms, self.execution["installTimeout"], calendars)
        self.rate = make_rate(rng, spec)
        self.budget = make_budget(rng, spec, "endAt" in self.schedule)
        if theme is not None:
            self._take_theme(rng, spec, theme, others)
        self.groups = make_groups(rng, spec, fleet)
        self.aborts = make_aborts(rng, spec)
        self.priority, self.preempts, self.supersedes = make_priority(rng, spec, others, theme)
        self.approvals = rng.randint(1, 2) if chance(rng, 0.15) else 0
        if self.approvals:
            spec["approvals"] = {"required": self.approvals}
        self.rolls_back = make_rollback(rng, spec)
        if theme is None:
            make_selector(rng, spec, fleet)
        self.document = {"apiVersion": "tellercast/v1", "kind": "Rollout", "metadata": {"name": name}, "spec": spec}

    def _take_theme(self, rng, spec, theme, others):
        """Only the theme holds back the devices of such a plan."""
        for schedule in (spec["schedule"], self.schedule):
            schedule.pop("windows", None)
        spec.pop("disruptionBudget", None)
        self.budget = None
        if theme == RATES or not others:
            growth, after, most = rng.choice((1.5, 2)), rng.randint(1, 3), rng.choice((2, 3, None))
            self.rate = 1, growth, after, most
            spec["rate"] = {"perMinute": 1, "growth": growth, "growAfter": after,
                            **({} if most is None else {"maximumPerMinute": most})}
        elif theme == RANKS:
            self.budget = 1, None, True
            spec["disruptionBudget"] = {"maxUnavailable": 1}

    def rollback(self, now_ms):
        """Returns the plan that rolls this one back."""
        plan = copy.copy(self)
        plan.document = None  # the orchestrator makes it
        plan.name, plan.now_ms, plan._spans = self.name + ".rollback", now_ms, {}
        plan.schedule = {key: value for key, value in self.schedule.items()
                         if key not in ("startAt", "endAt", "endBehavior")}
        plan.action = "rollback"
        plan.groups = [({"percentage": 100}, max(1, min(success for _, success, _, _ in self.groups)), 0, False)]
        plan.approvals = self.approvals if self.rolled_back_by_operators else 0
        plan.supersedes = []
        plan.aborts = [{**criterion, "then": "pause"} for criterion in self.aborts]
        return plan

    @property
    def end_ms(self):
        return read_time(self.schedule["endAt"]) if "endAt" in self.schedule else None

    @property
    def install_ms(self):
        return self.execution["installTimeout"] * 1000

    def zone_of(self, device):
        named = self.schedule.get("timeZone", "device")
        return self.fleet.devices[device].zone if named == "device" else named

    def spans(self, device):
        zone = self.zone_of(device)
        if zone not in self._spans:
            self._spans[zone] = work_spans(self.schedule, self.now_ms, zone)
        return self._spans[zone]

    def headroom(self, branch):
        """Returns how many devices of a branch may be in flight; None: any number."""
        if self.budget is None:
            return None
        most, percent, allowed = self.budget
        machines = self.fleet.machines[branch]
        if machines <= 1 and not allowed:
            return 0
        if most is not None:
            return most
        headroom = math.floor(machines * percent / 100)
        return headroom if headroom >= 1 else int(allowed)

    def per_minute(self, completed):
        if self.rate is None:
            return DEFAULT_PER_MINUTE
        rate, growth, after, most = self.rate
        if growth == 1:
            return rate
        grown = rate * growth ** (completed // after)
        return math.floor(min(grown, most or 1e9) + 1e-9)


def make_execution(rng, spec):
    execution = {
        "dispatchTimeout": rng.choice((MINUTE, 5 * MINUTE, 15 * MINUTE)),
        "answerTimeout": rng.choice((MINUTE, 10 * MINUTE)),
        "receiveTimeout": rng.choice((MINUTE, 15 * MINUTE)),
        "installTimeout": rng.choice((10 * MINUTE, 30 * MINUTE, HOUR)),
        "retries": rng.choice((0, 0, 1, 2, 3)),
        "backoff": rng.choice((0, MINUTE, 10 * MINUTE, HOUR)),
        "deferLimit": rng.choice((0, 1, 3)),
        "retryOn": rng.choice((["timed_out", "failed"], ["timed_out"], ["failed"], [])),
    }
    spec["execution"] = {key: span(value) if key.endswith("Timeout") or key == "backoff" else value
                         for key, value in execution.items()}
    return execution


def make_windows(rng, install, may_be_rare):
    windows = []
    for _ in range(rng.randint(1, 2)):
        days = rng.sample(WEEKDAYS, rng.randint(2 if may_be_rare else 5, 7))
        seconds = min(install + rng.choice((MINUTE, 10 * MINUTE, HOUR, 5 * HOUR)), DAY)
        hour, minute = rng.choice((0, 1, 2, 3, 22, 23, rng.randint(0, 23))), rng.choice((0, 30, rng.randint(0, 59)))
        start = f"{hour:02}:{minute:02}"
        windows.append({"days": days, "start": start, "seconds": seconds})
    return windows


def make_blackouts(rng, now_ms):
    blackouts = []
    for _ in range(rng.randint(1, 2)):
        begin = now_ms + rng.randint(-DAY, 5 * DAY) * 1000
        if chance(rng, 0.5):
            day = time_of(begin).date().isoformat()
            last = time_of(begin + rng.randint(0, 2) * DAY * 1000).date().isoformat()
            blackouts.append({"from": day, "to": last})
        else:
            blackouts.append({"from": stamp(begin), "to": stamp(begin + rng.randint(10 * MINUTE, DAY) * 1000)})
    return blackouts


def make_calendars(rng, now_ms):
    """Returns the calendars of the settings: name → blackouts."""
    return {name: make_blackouts(rng, now_ms) for name in ("month-end", "elections")}


def make_schedule(rng, spec, now_ms, install, calendars):
    schedule = {}
    if chance(rng, 0.3):
        schedule["startAt"] = stamp(now_ms + rng.randint(-2 * DAY, 2 * DAY) * 1000)
    if chance(rng, 0.6):
        schedule["endAt"] = stamp(now_ms + rng.randint(2 * DAY + HOUR, 12 * DAY) * 1000)
        schedule["endBehavior"] = rng.choice(("stop", "cancel"))
    if chance(rng, 0.3):
        schedule["timeZone"] = rng.choice(ZONES)
    if chance(rng, 0.6):
        schedule["windows"] = make_windows(rng, install, "endAt" in schedule)
    if chance(rng, 0.3):
        schedule["blackouts"] = make_blackouts(rng, now_ms)
    spec["schedule"] = dict(schedule)
    if chance(rng, 0.2):
        spec["schedule"]["calendars"] = names = rng.sample(sorted(calendars), rng.randint(1, len(calendars)))
        schedule["blackouts"] = sum((calendars[name] for name in names), schedule.get("blackouts", []))
    if "windows" in schedule:
        spec["schedule"]["windows"] = [{"days": window["days"], "start": window["start"],
                                        "duration": span(window["seconds"])} for window in schedule["windows"]]
    return schedule


def make_rate(rng, spec):
    if chance(rng, 0.4):
        return None
    rate = rng.choice((1, 2, 3, 10))
    spec["rate"] = {"perMinute": rate}
    if chance(rng, 0.6):
        return rate, 1, 1, None
    growth, after = rng.choice((1.5, 2, 1.1)), rng.randint(1, 4)
    most = rng.choice((None, rate + 2))
    spec["rate"].update({"growth": growth, "growAfter": after})
    if most is not None:
        spec["rate"]["maximumPerMinute"] = most
    return rate, growth, after, most


def make_budget(rng, spec, ends):
    """Returns (number, percent, whether a single device may be taken). A plan with devices that can never start needs an end."""
    if chance(rng, 0.35):
        return None
    allowed = chance(rng, 0.7)
    if chance(rng, 0.6) or not (allowed or ends):
        most, percent = rng.choice((1, 1, 2, 3)), None
    else:
        most, percent = None, rng.choice((10, 25, 33.4, 50, 100))
    spec["disruptionBudget"] = {"maxUnavailable": f"{percent}%" if most is None else most,
                                "singleDevice": "allow" if allowed else "skip"}
    return most, percent, allowed


def make_groups(rng, spec, fleet):
    """[(rule, success, soak in ms, manual)]"""
    if chance(rng, 0.15):
        return [({"percentage": 100}, 100, 0, False)]
    groups, percentage, count = [], 0, 0
    for number in range(rng.randint(1, 3)):
        kind = rng.choice(("percentage", "count", "devices", "branches"))
        if kind == "percentage":
            percentage = rng.randint(max(percentage, 1), 99)
            rule = {"percentage": f"{percentage}%"}
        elif kind == "count":
            count = rng.randint(max(count, 1), count + 4)
            rule = {"count": count}
        elif kind == "devices":
            rule = {"devices": rng.sample(list(fleet.devices), rng.randint(1, min(3, len(fleet.devices))))}
        else:
            rule = {"branches": [rng.choice(list(fleet.branches))]}
        if chance(rng, 0.3):
            rule["opens"] = "reached"
        groups.append((rule, rng.choice((100, 90, 50, 50, 33.3, 10, 0)), rng.choice((0, 0, 0, HOUR, 30 * HOUR)) * 1000,
                       chance(rng, 0.2)))
    if chance(rng, 0.8):
        groups.append(({"percentage": 100}, rng.choice((100, 80, 30, 0)), rng.choice((0, HOUR)) * 1000, False))
    spec["groups"] = [{"name": f"g{number}", **rule, "success": f"{success}%", "soak": span(soak_ms // 1000),
                       "approval": "manual" if manual else "automatic"}
                      for number, (rule, success, soak_ms, manual) in enumerate(groups, 1)]
    return groups


def make_aborts(rng, spec):
    if chance(rng, 0.65):
        return []
    aborts = []
    for _ in range(rng.randint(1, 2)):
        criterion = {"on": rng.choice(("failed", "timed_out", "rejected", "out_of_service")),
                     "then": rng.choice(("pause", "cancel"))}
        if chance(rng, 0.5):
            criterion["count"] = rng.randint(1, 4)
        else:
            criterion["percentage"] = f"{rng.choice((10, 25, 50))}%"
            criterion["minimum"] = rng.randint(1, 6)
        if chance(rng, 0.2):
            criterion["counts"] = "final"
        aborts.append(criterion)
    spec["abort"] = aborts
    return aborts


def make_rollback(rng, spec):
    if not chance(rng, 0.3):
        return False
    on = rng.sample(("failed", "timed_out"), rng.randint(1, 2))
    if any(criterion["then"] != "pause" for criterion in spec.get("abort", [])):
        on.append("abort")
    spec["rollback"] = {"to": "previous", "on": on}
    return True


def make_priority(rng, spec, others, theme):
    if theme == RANKS:
        spec["priority"] = priority = 90 if others else 10
        return priority, False, []
    if chance(rng, 0.4):
        return 50, False, []
    spec["priority"] = priority = rng.choice((10, 50, 60, 90, 90))
    preempts = priority > 50 and chance(rng, 0.6)
    spec["preempt"] = preempts
    supersedes = [rng.choice(others)] if others and chance(rng, 0.2) else []
    if supersedes:
        spec["supersedes"] = supersedes
    return priority, preempts, supersedes


def make_selector(rng, spec, fleet):
    pick = rng.random()
    if pick < 0.6:
        return
    if pick < 0.7:
        spec["selector"] = {"branches": rng.sample(list(fleet.branches), rng.randint(1, len(fleet.branches)))}
    elif pick < 0.8:
        spec["selector"] = {"devices": rng.sample(list(fleet.devices), rng.randint(1, min(8, len(fleet.devices))))}
    elif pick < 0.9:
        spec["selector"] = {"matchExpressions": [{"key": "model", "operator": rng.choice(("In", "NotIn")),
                                                  "values": [rng.choice(("red", "blue"))]}]}
    else:
        spec["artifact"]["fromVersions"] = [rng.choice(VERSIONS)]
