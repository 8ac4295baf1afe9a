"""One group of a rollout is paused: nothing of it starts, and its gate, its soak and the other groups go on."""

from datetime import datetime, timedelta, timezone

import pytest
from harness.branches import MARKER, complete, look_again
from harness.operations import events, operate, post_operation
from harness.programs import command_line
from harness.wait import wait_for

GROUPS = [{"name": "first", "devices": ["A1", "A2"], "success": 50, "opens": "reached"}, {"name": "rest", "percentage": 100}]
BUDGET = {"disruptionBudget": {"maxUnavailable": 1}}


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1", "A2"], "B2": ["A3", "A4"]}, [MARKER])
    stack.add_artifact()
    return stack


def group(stack, rollout, name):
    return next(g for g in stack.http.document(f"/v1/rollouts/{rollout}")["groups"] if g["name"] == name)


def preview(stack, rollout, verb, name, status=200):
    answer = post_operation(stack, rollout, f"{verb}:preview", "ola", group=name)
    assert answer.status == status, answer
    return answer.json()


def state(stack, rollout, device):
    return stack.database.instruction(rollout, device)["state_name"]


def test_a_paused_group_starts_nothing_and_other_groups_go_on(testbed):
    rollout = testbed.submit(selector={"devices": ["A1", "A2", "A3", "A4"]}, groups=GROUPS, **BUDGET)
    testbed.wait_for_rollout(rollout, "running")
    one = wait_for(lambda: [d for d in ("A1", "A2") if state(testbed, rollout, d) == "dispatched"], "one starts")[0]
    other = "A1" if one == "A2" else "A2"
    answer = operate(testbed, rollout, "pause-group", "ola", group="first", reason="the line is slow", number=1)
    assert (answer["operation"], answer["state"], answer["existing"]) == ("pause-group", "running", False)
    held = preview(testbed, rollout, "resume-group", "first")
    assert (held["held"], held["may_start"], held["finish"], held["ended"], held["paused"]["by"]) == (1, 1, 0, 0, "ola"), held
    assert held["goes_on_at"] is not None
    complete(testbed, rollout, one, "B1")
    for name in ("A3", "A4"):
        complete(testbed, rollout, name, "B2")
    look_again(testbed)
    assert state(testbed, rollout, other) == "created"
    assert testbed.database.rollout(rollout)["state"] == "running"
    pause = group(testbed, rollout, "first")["paused"]
    assert (pause["by"], pause["reason"]) == ("ola", "the line is slow")
    assert group(testbed, rollout, "first")["state"] == "open" and group(testbed, rollout, "rest")["paused"] is None
    why = testbed.http.document(f"/v1/devices/{other}/why")
    assert "group first is paused by ola since" in str(why) and ": the line is slow" in str(why), why
    why = testbed.http.document(f"/v1/rollouts/{rollout}/why")
    assert [reason["code"] for reason in why["groups"][0]["reasons"]] == ["group_paused"], why
    attention = testbed.http.document("/v1/overview")["attention"]
    assert [(one["kind"], one["rollout"]) for one in attention if one["kind"] == "group_paused"] == [("group_paused", rollout)]
    wait_for(lambda: "resumed_at_once" in str(testbed.http.document(f"/v1/rollouts/{rollout}/forecast")), "the forecast says what it assumes")
    again = operate(testbed, rollout, "pause-group", "ola", group="first", reason="the line is slow", version=answer["version"] - 1)
    assert again["existing"] is True
    for verb, name, status, text in (("pause-group", "first", 409, "is paused already"), ("resume-group", "rest", 409, "is not paused"),
                                     ("pause-group", "lab", 404, "has no group lab")):
        refused = post_operation(testbed, rollout, verb, "ola", group=name)
        assert refused.status == status and text in refused.json()["detail"], refused
        assert text in preview(testbed, rollout, verb, name, status)["detail"], "the preview refuses what the order refuses"
    operate(testbed, rollout, "pause", "ola")
    operate(testbed, rollout, "resume", "ola")
    look_again(testbed)
    assert state(testbed, rollout, other) == "created", "the resume of the rollout resumes no group"
    operate(testbed, rollout, "resume-group", "ola", group="first")
    complete(testbed, rollout, other, "B1")
    testbed.wait_for_rollout(rollout, "completed")
    kinds = [event for event in events(testbed, rollout) if event[0] in ("group_paused", "group_resumed")]
    assert kinds == [("group_paused", "ola"), ("group_resumed", "ola")]


def test_a_paused_group_keeps_no_device_from_a_rollout_of_lower_priority(testbed):
    urgent = testbed.submit("urgent", selector={"devices": ["A1", "A3"]}, priority=100, **BUDGET,
                            groups=[{"name": "first", "devices": ["A1"]}, {"name": "rest", "percentage": 100}])
    testbed.wait_for_state(urgent, "A1", "dispatched")
    operate(testbed, urgent, "pause-group", "ola", group="rest")
    complete(testbed, urgent, "A1", "B1")
    wait_for(lambda: group(testbed, urgent, "rest")["state"] == "open", "it opens all the same")
    later = testbed.submit("later", selector={"devices": ["A3"]}, priority=10, **BUDGET)
    complete(testbed, later, "A3", "B2")
    assert state(testbed, urgent, "A3") == "created"
    operate(testbed, urgent, "resume-group", "ola", group="rest")
    complete(testbed, urgent, "A3", "B2")
    testbed.wait_for_rollout(urgent, "completed")


def test_the_commands_pause_and_resume_one_group(testbed):
    rollout = testbed.submit(selector={"devices": ["A1", "A2", "A3"]}, groups=GROUPS, **BUDGET)
    testbed.wait_for_rollout(rollout, "running")
    at = (*testbed.http.at("ola"), "--reason", "the line is slow")
    done = command_line("rollout", "pause", rollout, "--group", "rest", *at)
    assert done.stdout == f"rollout {rollout}  upgrade  group rest paused; it is running, version 2\n"
    shown = command_line("rollout", "status", rollout, *testbed.http.at("ola")).stdout
    assert "paused       rest, by ola, " in shown and ": the line is slow" in shown, shown
    tonight = command_line("tonight", *testbed.http.at("ola")).stdout
    assert "group paused" in tonight and "group_paused" not in tonight, tonight
    done = command_line("rollout", "resume", rollout, "--group", "rest", *at)
    assert "group rest resumed; it is running, version 3\n" in done.stdout


def test_a_preview_says_what_a_pause_holds_up_and_when_a_resume_lets_it_go_on(testbed):
    tomorrow = f"{datetime.now(timezone.utc) + timedelta(days=1):%Y-%m-%d}T00:00:00.000Z"
    rollout = testbed.submit(selector={"devices": ["A1", "A2", "A3", "A4"]}, groups=GROUPS, **BUDGET, schedule={"startAt": tomorrow})
    testbed.wait_for_rollout(rollout, "running")
    before = testbed.database.rollout(rollout)
    told = preview(testbed, rollout, "pause-group", "first")
    assert {name: told[name] for name in ("group", "state", "paused", "held", "may_start", "finish", "ended", "goes_on_at")} == {
        "group": "first", "state": "open", "paused": None, "held": 2, "may_start": 0, "finish": 0, "ended": 0, "goes_on_at": tomorrow}
    assert preview(testbed, rollout, "pause-group", "rest")["goes_on_at"] is None, "a group that waits starts nothing"
    assert testbed.database.rollout(rollout) == before and group(testbed, rollout, "first")["paused"] is None

    def give(*words, code=0):
        done = command_line("rollout", *words, "--reason", "r", *testbed.http.at("ola"), check=False)
        assert done.returncode == code, done
        return done
    shown = give("pause", str(rollout), "--group", "first", "--dry-run").stderr
    assert shown == f"rollout {rollout}  group first: 2 wait and do not start; 0 are dispatched and may still start; 0 are at work and finish; 0 have ended\n"
    assert group(testbed, rollout, "first")["paused"] is None
    assert shown in give("pause", str(rollout), "--group", "first").stderr, "the order shows what its preview shows"
    seen = str(before["version"])
    assert "was already group first paused" in give("pause", str(rollout), "--group", "first", "--version", seen).stdout
    assert "is paused already" in give("pause", str(rollout), "--group", "first", code=1).stderr
    assert f"2 wait; the first can start at {tomorrow[:10]} 00:00" in give("resume", str(rollout), "--group", "first", "--dry-run").stderr
    assert group(testbed, rollout, "first")["paused"] is not None


def test_a_group_whose_window_was_missed_goes_on_with_the_next_one_once_its_rollout_runs(testbed):
    rollout = testbed.submit(selector={"devices": ["A1", "A2"]}, schedule={"startAt": "2099-01-01T00:00:00Z"})
    testbed.wait_for_rollout(rollout, "running")
    name, = (one["name"] for one in testbed.http.document(f"/v1/rollouts/{rollout}")["groups"])
    operate(testbed, rollout, "pause-group", "ola", group=name)
    rows = testbed.database.rows
    zone = testbed.database.instructions(rollout)["A1"]["zone_no"]
    rows("DELETE FROM rollout_window WHERE rollout_id = %s RETURNING zone_no", rollout)
    for opens, closes in (("-2 h", "-1 h"), ("1 h", "2 h"), ("3 h", "4 h")):
        rows("INSERT INTO rollout_window VALUES (%s, %s, now() + %s::interval, now() + %s::interval) RETURNING zone_no", rollout, zone, opens, closes)
    rows("UPDATE instruction SET due_at = now() - interval '90 min' WHERE rollout_id = %s RETURNING id", rollout)
    next_one = rows("SELECT rfc3339(opens_at) AS at FROM rollout_window WHERE rollout_id = %s ORDER BY opens_at LIMIT 1 OFFSET 1", rollout)[0]["at"]
    rows("INSERT INTO rollout_window VALUES (%s, 99, now(), now() + interval '3 h') RETURNING zone_no", rollout)  # of another zone
    assert preview(testbed, rollout, "resume-group", name)["goes_on_at"] == next_one
    rows("UPDATE rollout_window SET opens_at = now() - interval '1 min' WHERE rollout_id = %s AND opens_at BETWEEN now() AND now() + interval '90 min' RETURNING zone_no",
         rollout)
    before = rows("SELECT rfc3339(now()) AS at")[0]["at"]
    assert preview(testbed, rollout, "resume-group", name)["goes_on_at"] >= before, "a window is open: at once"
    operate(testbed, rollout, "pause", "ola")
    assert preview(testbed, rollout, "resume-group", name)["goes_on_at"] is None, "the rollout does not run"
