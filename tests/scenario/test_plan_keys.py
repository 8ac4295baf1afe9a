"""Each key of a plan on the real stack: the action, the devices, the times, the rate, the groups. The reactions to failures are
in test_plan_keys_trouble.py."""

import hashlib
import pathlib
import re
import threading
from datetime import datetime, timedelta, timezone

import pytest
from harness.namespace import APPLICATION, IN_FLIGHT, OLD_VERSION, VERSION, soon, today
from harness.servers import ROOT
from harness.stack import CONTENT
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}


def started(rows):
    return {name for name, row in rows.items() if row["dispatched_at"] is not None}


def hour_that(opens_in_minutes):
    """A daily window of an hour that opens in so many minutes, in UTC."""
    opens = datetime.now(timezone.utc) + timedelta(minutes=opens_in_minutes)
    return [{"start": f"{opens:%H:%M}", "duration": "1h"}]


QUICK = {"installTimeout": "1s"}

def test_every_key_of_the_language_stands_in_a_plan_of_these_tests():
    source = (ROOT / "config/plan_keys.c").read_text(encoding="utf-8")
    keys = set(re.findall(r'(?:\.name = |[A-Z_]+\()"(\w+)"', source)) - {"apiVersion", "kind", "metadata", "spec"}
    tests = "".join(path.read_text(encoding="utf-8") for path in pathlib.Path(__file__).parent.glob("test_plan_key*.py"))
    assert len(keys) > 50
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", tests)] == []


# ---- metadata ---------------------------------------------------------------------------------


def test_metadata_name_change_and_description_are_kept_with_the_rollout(namespace):
    namespace.open({"B": "A1"})
    rollout = namespace.submit("named", metadata={"change": "CHG0041822", "description": "night of the first"})
    document = namespace.stack.http.document(f"/v1/rollouts/{rollout}")
    assert document["name"] == namespace.id("named")
    assert document["change"] == "CHG0041822"
    assert document["plan"]["metadata"]["description"] == "night of the first"


# ---- action -----------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["configure", "collect", "run"])
def test_spec_action_and_spec_parameters_reach_the_device(namespace, action):
    namespace.open({"B": "A1"})
    rollout = namespace.submit(action=action, artifact=None, parameters={"limit": 500, "file": "journal.log"})
    namespace.wait(rollout, A1="completed")
    claims = namespace.claims("A1")
    assert (claims["action"], claims["parameters"]) == (action, {"limit": 500, "file": "journal.log"})
    assert namespace.version("A1") == OLD_VERSION


def test_spec_action_rollback_leaves_the_version_of_spec_artifact(namespace):
    namespace.open({"B": "A1 A2"})
    first = namespace.submit("first", selector={"devices": namespace.ids("A1")})
    namespace.wait_until(first, "completed")
    back = namespace.submit("back", action="rollback")
    namespace.wait(back, A1="completed", A2="completed")
    assert (namespace.version("A1"), namespace.version("A2")) == (OLD_VERSION, OLD_VERSION)
    assert namespace.row(back, "A2")["code"] == "not_needed"


def test_spec_artifact_of_the_store_and_by_its_place(namespace):
    namespace.open({"B": "A1 A2"})
    digest = hashlib.sha256(CONTENT).hexdigest()
    stored = namespace.submit("stored", selector={"devices": namespace.ids("A1")})
    namespace.wait(stored, A1="completed")
    assert namespace.claims("A1")["artifact"]["sha256"] == digest
    assert namespace.claims("A1")["artifact"]["size"] == len(CONTENT)
    place = {"name": "other-app", "version": "1.0", "url": "http://127.0.0.1:1/x", "sha256": "a" * 64, "size": "2KiB"}
    placed = namespace.submit("placed", selector={"devices": namespace.ids("A2")}, artifact=place)
    namespace.wait(placed, A2="completed")
    assert namespace.claims("A2")["artifact"] == {**place, "size": 2048}


def test_spec_artifact_from_versions_takes_only_devices_that_have_one_of_them(namespace):
    namespace.open({"B": "A1 A2"})
    namespace.wait_until(namespace.submit("first", selector={"devices": namespace.ids("A1")}), "completed")
    artifact = {"name": APPLICATION, "version": VERSION, "fromVersions": [OLD_VERSION, "4.6.3"]}
    assert namespace.members(namespace.submit("second", artifact=artifact, schedule=LATER)) == "A2"
    again = {**artifact, "fromVersions": [VERSION]}
    assert namespace.members(namespace.submit("third", artifact=again, schedule=LATER)) == "A1"


# ---- selector ---------------------------------------------------------------------------------

SITES = {"A1": {"site": "branch", "make": "old"}, "A2": {"site": "offsite"}, "A3": {"site": "airport", "pilot": "yes"}}
SELECTORS = {
    "everything": ({}, "A1 A2 A3"),
    "match_labels": ({"matchLabels": {"site": "offsite"}}, "A2"),
    "in": ({"matchExpressions": [{"key": "site", "operator": "In", "values": ["branch", "airport"]}]}, "A1 A3"),
    "not_in": ({"matchExpressions": [{"key": "site", "operator": "NotIn", "values": ["branch", "airport"]}]}, "A2"),
    "exists": ({"matchExpressions": [{"key": "pilot", "operator": "Exists"}]}, "A3"),
    "does_not_exist": ({"matchExpressions": [{"key": "pilot", "operator": "DoesNotExist"}]}, "A1 A2"),
}


def test_spec_selector_match_labels_and_match_expressions(namespace):
    namespace.open({"B": "A1 A2 A3"}, labels=SITES)
    rollouts = {name: namespace.submit(name, selector=choice, schedule=LATER) for name, (choice, _) in SELECTORS.items()}
    found = {name: namespace.members(rollout) for name, rollout in rollouts.items()}
    assert found == {name: devices for name, (_, devices) in SELECTORS.items()}


def test_spec_selector_branches_and_devices(namespace):
    namespace.open({"B1": "A1 A2", "B2": "A3"})
    by_branch = namespace.submit("branches", selector={"branches": namespace.ids("B1")}, schedule=LATER)
    by_device = namespace.submit("devices", selector={"devices": namespace.ids("A1 A3")}, schedule=LATER)
    both = namespace.submit("both", schedule=LATER,
                            selector={"branches": namespace.ids("B1"), "devices": namespace.ids("A1 A3")})
    assert [namespace.members(rollout) for rollout in (by_branch, by_device, both)] == ["A1 A2", "A1 A3", "A1"]


def test_spec_selector_completed_in_takes_those_that_completed_another_rollout(namespace):
    namespace.open({"B": "A1 A2"}, [{"device": "A2", "failure": {"rate": 100}}])
    first = namespace.submit("first")
    namespace.wait(first, A1="completed", A2="failed")
    second = namespace.submit("second", selector={"completedIn": namespace.id("first")}, schedule=LATER)
    assert namespace.members(second) == "A1"


# ---- schedule ---------------------------------------------------------------------------------


def test_spec_schedule_start_at_and_end_at_bound_every_start(namespace):
    namespace.open({"B": "A1 A2"}, [{"install": {"min": "3s"}}])
    start_at, end_at = soon(0), soon(2)
    rollout = namespace.submit(
        schedule={"startAt": start_at, "endAt": end_at}, disruptionBudget={"maxUnavailable": 1}, execution=QUICK
    )
    namespace.wait_until(rollout, "completed", "halted")
    rows = namespace.rows(rollout)
    assert sorted(row["state_name"] for row in rows.values()) == ["completed", "expired"]
    (first,) = [row for row in rows.values() if row["dispatched_at"] is not None]
    assert datetime.fromisoformat(start_at) <= first["dispatched_at"] <= datetime.fromisoformat(end_at)


@pytest.mark.parametrize("behavior, taken_back", [("stop", False), ("cancel", True)])
def test_spec_schedule_end_behavior(namespace, behavior, taken_back):
    """At the end A1 is at work, A2 has not asked yet, and A3 waits for A1."""
    namespace.open({"B1": "A1 A3", "B2": "A2"},
                   [{"device": "A1", "install": {"min": "4s"}}, {"device": "A2", "silent": "atDispatch"}])
    groups = [{"name": "first", "devices": namespace.ids("A1 A2"), "success": 0}, {"name": "rest", "percentage": 100}]
    rollout = namespace.submit(
        schedule={"endAt": soon(2), "endBehavior": behavior},
        groups=groups,
        disruptionBudget={"maxUnavailable": 1},
        execution={**QUICK, "dispatchTimeout": "4s"},
    )
    namespace.wait(rollout, A1="completed", A3="expired", A2="cancelled" if taken_back else "timed_out")


def test_spec_schedule_windows_and_time_zone(namespace):
    namespace.open({"B1": "A1", "B2": "A2"}, zones={"B1": "UTC", "B2": "Asia/Kolkata"})
    own = namespace.submit("own", schedule={"windows": hour_that(-10)}, execution={"installTimeout": "5m"})
    namespace.wait(own, A1="completed")
    namespace.testbed.let_pass()
    waits = namespace.row(own, "A2")
    assert waits["state_name"] == "created" and waits["planned_at"] > datetime.now(timezone.utc)
    one = namespace.submit("one", schedule={"timeZone": "UTC", "windows": hour_that(-10)},
                           selector={"devices": namespace.ids("A2")}, execution={"installTimeout": "5m"})
    namespace.wait(one, A2="completed")


def test_spec_schedule_windows_days(namespace):
    namespace.open({"B": "A1"})
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    other = days[(today().weekday() + 3) % 7]
    rollout = namespace.submit(schedule={"windows": [{"days": [other], "start": "00:00", "duration": "1d"}]})
    namespace.members(rollout)
    planned = namespace.row(rollout, "A1")["planned_at"]
    assert days[planned.astimezone(timezone.utc).weekday()] == other


@pytest.mark.parametrize("layer", ["blackouts", "calendars"])
def test_spec_schedule_nothing_starts_in(namespace, layer):
    until = today() + timedelta(days=1)  # and this day included
    closed = {"from": str(today() - timedelta(days=1)), "to": str(until), "reason": "month end"}
    namespace.open({"B": "A1"})
    rollout = namespace.submit(schedule={layer: [closed] if layer == "blackouts" else ["closed"]})
    namespace.members(rollout)
    namespace.testbed.let_pass()
    row = namespace.row(rollout, "A1")
    assert row["state_name"] == "created"
    assert row["planned_at"].astimezone(timezone.utc).date() == until + timedelta(days=1)


def test_spec_schedule_calendars_that_nobody_knows_are_a_fault(namespace):
    namespace.open({"B": "A1"})
    answer = namespace.offer("unknown", schedule={"calendars": ["month-end"]})
    assert answer.status == 422
    assert [error["path"] for error in answer.json()["errors"]] == ["spec.schedule.calendars[0]"]


# ---- rate -------------------------------------------------------------------------------------


def test_spec_rate_per_minute(namespace):
    namespace.open({"B1": "A1 A2 A3", "B2": "A4 A5"})
    rollout = namespace.submit(rate={"perMinute": 2})
    namespace.members(rollout)
    # As if their forecast times had long passed: only the rate holds them back.
    namespace.database.rows("UPDATE instruction SET due_at = now() WHERE rollout_id = %s AND due_at IS NOT NULL", rollout)
    wait_for(lambda: len(started(namespace.rows(rollout))) == 2, "two were started")
    namespace.testbed.let_pass()
    assert len(started(namespace.rows(rollout))) == 2


def test_spec_rate_growth_grow_after_and_maximum_per_minute(namespace):
    namespace.open({"B1": "A1 A2 A3 A4", "B2": "A5 A6 A7 A8"})
    rollout = namespace.submit(rate={"perMinute": 2, "growth": 10, "growAfter": 2, "maximumPerMinute": 5})
    namespace.members(rollout)
    namespace.database.rows("UPDATE instruction SET due_at = now() WHERE rollout_id = %s AND due_at IS NOT NULL", rollout)
    wait_for(lambda: len(started(namespace.rows(rollout))) == 5, "five were started")
    namespace.testbed.let_pass()
    assert len(started(namespace.rows(rollout))) == 5


# ---- budget -----------------------------------------------------------------------------------


@pytest.mark.parametrize("most, expected", [(1, 1), ("50%", 2), ("49%", 1)])
def test_spec_disruption_budget_max_unavailable(namespace, most, expected):
    namespace.open({"B": "A1 A2 A3 A4"}, [{"install": {"min": "300ms"}}])
    rollout = namespace.submit(disruptionBudget={"maxUnavailable": most})
    namespace.wait_until(rollout, "completed")
    spans = [(row["dispatched_at"], row["ended_at"]) for row in namespace.rows(rollout).values()]
    most_at_once = max(sum(begin <= at < end for begin, end in spans) for at, _ in spans)
    assert most_at_once == expected


def test_spec_disruption_budget_single_device(namespace):
    namespace.open({"B1": "A1", "B2": "A2 A3"})
    skip = namespace.submit("skip", disruptionBudget={"per": "branch", "maxUnavailable": 1, "singleDevice": "skip"})
    namespace.wait(skip, A1="cancelled", A2="completed", A3="completed")
    assert namespace.row(skip, "A1")["code"] == "single_device"
    allow = namespace.submit("allow", selector={"devices": namespace.ids("A1")},
                             disruptionBudget={"maxUnavailable": 1, "singleDevice": "allow"})
    namespace.wait(allow, A1="completed")


# ---- groups -----------------------------------------------------------------------------------

GROUPS = {
    "devices": [{"name": "lab", "devices": "A2 A3"}, {"name": "rest", "percentage": 100}],
    "branches": [{"name": "lab", "branches": "B2"}, {"name": "rest", "percentage": 100}],
    "percentage": [{"name": "lab", "percentage": 10}, {"name": "more", "percentage": 50},
                   {"name": "rest", "percentage": 100}],
    "count": [{"name": "lab", "count": 1}, {"name": "more", "count": 3}],
}
SIZES = {
    "devices": {"lab": 2, "rest": 3},
    "branches": {"lab": 3, "rest": 2},
    "percentage": {"lab": 1, "more": 2, "rest": 2},
    "count": {"lab": 1, "more": 2},
}


def test_spec_groups_devices_branches_percentage_and_count(namespace):
    namespace.open({"B1": "A1 A2", "B2": "A3 A4 A5"})
    found = {}
    for name, groups in GROUPS.items():
        groups = [{key: namespace.ids(value) if key in ("devices", "branches") else value for key, value in group.items()}
                  for group in groups]
        rollout = namespace.submit(name, groups=groups, schedule=LATER)
        namespace.members(rollout)
        found[name] = namespace.group_members(rollout)
    assert found == SIZES


@pytest.mark.parametrize("success, state, rest", [(50, "passed", "completed"), (51, "not_reached", "created")])
def test_spec_groups_success_lets_the_next_open_at_exactly_its_value(namespace, success, state, rest):
    namespace.open({"B": "A1 A2 A3"}, [{"device": "A2", "failure": {"rate": 100}}])
    groups = [{"name": "pilot", "devices": namespace.ids("A1 A2"), "success": success},
              {"name": "rest", "percentage": 100}]
    rollout = namespace.submit(groups=groups)
    namespace.wait_for_group(rollout, "pilot", state)
    namespace.wait_until(rollout, "completed" if state == "passed" else "halted")
    assert namespace.states(rollout) == {"A1": "completed", "A2": "failed", "A3": rest}


def test_spec_groups_soak_keeps_the_next_closed(namespace):
    namespace.open({"B": "A1 A2"})
    groups = [{"name": "pilot", "devices": namespace.ids("A1"), "soak": "2s"}, {"name": "rest", "percentage": 100}]
    rollout = namespace.submit(groups=groups)
    namespace.wait_for_group(rollout, "pilot", "soaking")
    namespace.wait_until(rollout, "completed")
    rows = namespace.rows(rollout)
    assert rows["A2"]["dispatched_at"] - rows["A1"]["ended_at"] >= timedelta(seconds=2)


def test_spec_groups_approval_manual_waits_for_somebody_who_is_no_author(namespace):
    namespace.open({"B": "A1 A2"})
    groups = [{"name": "pilot", "devices": namespace.ids("A1"), "approval": "manual"}, {"name": "rest", "percentage": 100}]
    rollout = namespace.submit(groups=groups)
    namespace.wait_for_group(rollout, "pilot", "awaiting_approval")
    assert namespace.operate(rollout, "approve", "ann", group="pilot").status == 403
    namespace.testbed.let_pass()
    assert namespace.states(rollout) == {"A1": "completed", "A2": "created"}
    answer = namespace.operate(rollout, "approve", "bob", group="pilot")
    assert answer.status == 200, answer
    namespace.wait_until(rollout, "completed")
    assert "group_approved" in namespace.events(rollout)


# ---- approvals --------------------------------------------------------------------------------


def test_spec_approvals_required_starts_nothing_before_so_many_operators_said_yes(namespace):
    namespace.open({"B": "A1"})
    rollout = namespace.submit(approvals={"required": 2})
    namespace.wait_until(rollout, "awaiting_approval")
    assert namespace.operate(rollout, "approve", "ann").status == 403
    for _ in range(2):  # one operator counts once
        assert namespace.operate(rollout, "approve", "bob").status == 200
    namespace.testbed.let_pass()
    assert namespace.database.rollout(rollout)["state"] == "awaiting_approval"
    assert not set(namespace.states(rollout).values()) & IN_FLIGHT
    assert namespace.operate(rollout, "approve", "cid").status == 200
    namespace.wait_until(rollout, "completed")


# ---- other rollouts ---------------------------------------------------------------------------


def in_turn(namespace, first, second, name="A1"):
    """Asserts that the first rollout had ended on the device before the second began."""
    namespace.wait_until(first, "completed")
    namespace.wait_until(second, "completed")
    return namespace.row(first, name)["ended_at"] <= namespace.row(second, name)["dispatched_at"]


def test_spec_priority_lets_the_higher_go_first(namespace):
    namespace.open({"B": "A1"}, [{"install": {"min": "300ms"}}])
    schedule = {"startAt": soon(1)}
    low = namespace.submit("low", priority=10, schedule=schedule)
    usual = namespace.submit("usual", schedule=schedule)
    high = namespace.submit("high", priority=90, schedule=schedule)
    assert in_turn(namespace, high, usual) and in_turn(namespace, usual, low)


def test_spec_preempt_parks_what_a_device_has_not_answered_yet(namespace):
    namespace.open({"B": "A1"}, [{"device": "A1", "silent": "atDispatch"}])
    low = namespace.submit("low", execution={"dispatchTimeout": "1h"})
    namespace.wait(low, A1="dispatched")
    high = namespace.submit("high", priority=90, preempt=True, execution={"dispatchTimeout": "1s"}, groups=[
        {"name": "all", "percentage": 100, "success": 0}])
    namespace.wait(high, A1="dispatched")
    assert (namespace.row(low, "A1")["state_name"], namespace.row(low, "A1")["attempt"]) == ("created", 2)
    namespace.wait_until(high, "halted")
    namespace.wait(low, A1="dispatched")  # and it resumes
    assert "preempting" in namespace.events(high)


def test_spec_preempt_leaves_alone_what_is_at_work(namespace):
    namespace.open({"B": "A1"}, [{"install": {"min": "1s"}}])
    low = namespace.submit("low")
    namespace.wait(low, A1="received")
    high = namespace.submit("high", priority=90, preempt=True)
    assert in_turn(namespace, low, high)
    assert namespace.row(low, "A1")["attempt"] == 1


def test_spec_supersedes_cancels_what_is_undone_of_the_older(namespace):
    namespace.open({"B": "A1 A2"})
    groups = [{"name": "first", "devices": namespace.ids("A1"), "soak": "1h"}, {"name": "rest", "percentage": 100}]
    old = namespace.submit("old", groups=groups)
    namespace.wait_for_group(old, "first", "soaking")
    new = namespace.submit("new", supersedes=[namespace.id("old")])
    namespace.wait_until(new, "completed")
    namespace.wait_until(old, "cancelled")
    assert namespace.states(old) == {"A1": "completed", "A2": "cancelled"}
    assert "superseded" in namespace.events(old)


ABORT = {"abort": [{"on": "failed", "count": 1, "then": "cancel"}]}


@pytest.mark.parametrize("success, abort, ended", [(100, {}, "halted"), (0, {}, "completed"), (0, ABORT, "cancelled")])
def test_spec_supersedes_keeps_what_has_ended_from_coming_back(namespace, success, abort, ended):
    namespace.open({"B": "A1 A2"}, [{"device": "A1", "failure": {"rate": 100}}])
    groups = [{"name": "first", "devices": namespace.ids("A1"), "success": success}, {"name": "rest", "percentage": 100}]
    old = namespace.submit("old", groups=groups, execution={"retries": 0}, **abort)
    namespace.wait_until(old, ended)
    new = namespace.submit("new", selector={"devices": namespace.ids("A2")}, supersedes=[namespace.id("old")])
    namespace.wait_until(new, "completed")
    namespace.wait_until(old, "completed" if ended == "completed" else "cancelled")
    answer = namespace.operate(old, "retry", "bob")
    assert answer.status == 409 and "is superseded by" in answer.json()["detail"], answer


def test_spec_supersedes_cancels_what_is_tried_again_while_it_starts(namespace):
    """The retry finds no superseding rollout, and is committed when the other has begun to start."""
    namespace.open({"B": "A1 A2"})
    old = namespace.submit("old", selector={"devices": namespace.ids("A1")})
    namespace.wait_until(old, "completed")
    new = namespace.submit("new", selector={"devices": namespace.ids("A2")}, supersedes=[namespace.id("old")],
                           approvals={"required": 1}, schedule=LATER)
    namespace.wait_until(new, "awaiting_approval")
    retry = namespace.database.connect()
    retry.autocommit = False
    with retry.cursor() as cursor:
        cursor.execute("UPDATE rollout SET state = 'running', ended_at = NULL, version = version + 1 WHERE id = %s",
                       (old,))
    start = threading.Thread(target=namespace.operate, args=(new, "approve", "bob"))
    start.start()
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    wait_for(lambda: not start.is_alive() or namespace.database.value(waits) > 0, "the start waits, or is through")
    retry.commit()
    retry.close()
    start.join()
    assert namespace.database.rollout(new)["state"] == "running"
    assert "superseded" in namespace.events(old)
    namespace.operate(new, "cancel", "bob")


def test_spec_supersedes_of_a_name_that_nobody_knows_is_a_fault(namespace):
    namespace.open({"B": "A1"})
    answer = namespace.offer("new", supersedes=[namespace.id("old")])
    assert answer.status == 422
    assert [error["path"] for error in answer.json()["errors"]] == ["spec.supersedes[0]"]
