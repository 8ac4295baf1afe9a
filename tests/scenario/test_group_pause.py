"""One group of a rollout is paused: nothing of it starts, and its gate, its soak and the other groups go on."""

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


def state(stack, rollout, device):
    return stack.database.instruction(rollout, device)["state_name"]


def test_a_paused_group_starts_nothing_and_other_groups_go_on(testbed):
    rollout = testbed.submit(selector={"devices": ["A1", "A2", "A3", "A4"]}, groups=GROUPS, **BUDGET)
    testbed.wait_for_rollout(rollout, "running")
    one = wait_for(lambda: [d for d in ("A1", "A2") if state(testbed, rollout, d) == "dispatched"], "one starts")[0]
    other = "A1" if one == "A2" else "A2"
    answer = operate(testbed, rollout, "pause-group", "ola", group="first", reason="the line is slow", number=1)
    assert (answer["operation"], answer["state"], answer["existing"]) == ("pause-group", "running", False)
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
    done = command_line("rollout", "resume", rollout, "--group", "rest", *at)
    assert "group rest resumed; it is running, version 3\n" in done.stdout
