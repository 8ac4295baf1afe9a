"""The next group need not wait for silent machines: `opens: reached`, and an operator's `promote`."""

import json

import pytest
from harness.branches import look_again
from harness.groups import PILOT, group, report, supply_pilot, wait_for_group
from harness.namespace import soon
from harness.operations import JSON, events, operate, post_operation
from harness.programs import command_line
from harness.wait import wait_for

ERROR, USAGE = 1, 2
START_NOW = "UPDATE instruction SET due_at = now() WHERE rollout_id = %s AND device = %s"


@pytest.fixture
def testbed(stack):
    return supply_pilot(stack)


def submit(testbed, execution=None, **pilot):
    groups = [{"name": "pilot", "devices": PILOT, **pilot}, {"name": "rest", "percentage": 100, "success": 0}]
    return testbed.submit(selector={"devices": [*PILOT, "A4"]}, groups=groups,
                          execution={"dispatchTimeout": "1h", "answerTimeout": "1h", "retries": 0, **(execution or {})})


# ---- opens: reached ---------------------------------------------------------------------------------


def test_a_group_that_opens_the_next_when_reached_waits_for_no_silent_device(testbed):
    rollout = submit(testbed, success=66, opens="reached")
    report(testbed, rollout, "A1", "completed")
    look_again(testbed)
    assert group(testbed, rollout)["reached_at"] is None and group(testbed, rollout, "rest")["state"] == "waiting"
    report(testbed, rollout, "A2", "completed")
    report(testbed, rollout, "A4", "completed")
    pilot = group(testbed, rollout)
    assert (pilot["opens"], pilot["state"]) == ("reached", "open") and pilot["reached_at"] is not None
    assert testbed.database.instruction(rollout, "A3")["state_name"] == "dispatched"
    assert testbed.database.rollout(rollout)["state"] == "running", "A3 is still awaited"
    report(testbed, rollout, "A3", "failed", code="no_space")
    testbed.wait_for_rollout(rollout, "completed")
    assert [kind for kind, _ in events(testbed, rollout)].count("group_reached") == 1


def test_a_group_that_opens_the_next_when_settled_waits_for_the_last_device(testbed):
    rollout = submit(testbed, success=66)
    report(testbed, rollout, "A1", "completed")
    report(testbed, rollout, "A2", "completed")
    report(testbed, rollout, "A3", "received")
    look_again(testbed)
    assert group(testbed, rollout, "rest")["state"] == "waiting"
    assert group(testbed, rollout)["reached_at"] is None


def test_a_reached_group_soaks_from_then_on_and_asks_for_a_persons_word_before_it_is_settled(testbed):
    rollout = submit(testbed, success=66, opens="reached", soak="2s", approval="manual")
    report(testbed, rollout, "A1", "completed")
    assert post_operation(testbed, rollout, "approve", group="pilot").status == 409
    report(testbed, rollout, "A2", "completed")
    wait_for(lambda: group(testbed, rollout)["awaits_approval"], "it asks")
    assert group(testbed, rollout, "rest")["state"] == "waiting"
    operate(testbed, rollout, "approve", "bob", group="pilot")
    testbed.wait_for_state(rollout, "A4", "dispatched")
    assert group(testbed, rollout)["state"] == "open"


# ---- promote ------------------------------------------------------------------------------------------


def test_a_promoted_group_goes_past_what_is_silent_and_keeps_it_listed(testbed):
    rollout = submit(testbed)
    report(testbed, rollout, "A1", "completed")
    silent = testbed.device("A3", "B3")
    silent.ask()
    silent.wait_for_instruction()
    testbed.wait_for_state(rollout, "A3", "sent")
    device, claims = report(testbed, rollout, "A2", "received")
    answer = operate(testbed, rollout, "promote", "bob", group="pilot", reason="A3 is in the basement")
    assert (answer["operation"], answer["state"], answer["existing"]) == ("promote", "running", False)
    again = operate(testbed, rollout, "promote", "bob", group="pilot", reason="A3 is in the basement",
                    version=answer["version"] - 1)
    assert again["existing"] is True
    assert group(testbed, rollout, "rest")["state"] == "waiting", "A2 is at work, and not silent"
    device.reply(claims, "completed")
    report(testbed, rollout, "A4", "completed")
    (past,) = group(testbed, rollout)["promoted_past"]
    assert (past["device"], past["state"]) == ("A3", "sent")
    assert testbed.database.rollout(rollout)["state"] == "running", "A3 is still awaited"
    document = testbed.http.document(f"/v1/rollouts/{rollout}/report")
    (promoted,) = [event for event in document["events"] if event["kind"] == "group_promoted"]
    assert (promoted["actor"], promoted["group"], promoted["reason"]) == ("bob", "pilot", "A3 is in the basement")
    assert [device["device"] for device in document["groups"][0]["promoted_past"]] == ["A3"]
    silent.reply(silent.wait_for_instruction(), "completed")
    testbed.wait_for_rollout(rollout, "completed")


def test_the_command_promotes_a_group_and_status_says_past_what(testbed):
    rollout = submit(testbed)
    report(testbed, rollout, "A1", "completed")
    report(testbed, rollout, "A2", "completed")
    testbed.wait_for_state(rollout, "A3", "dispatched")
    at = testbed.http.at("bob")
    done = command_line("rollout", "promote", "upgrade", "pilot", *at, "--reason", "A3 is in the basement")
    assert done.stdout == f"rollout {rollout}  upgrade  promoted; it is running, version 2\n"
    testbed.wait_for_state(rollout, "A4", "dispatched")
    shown = command_line("rollout", "status", rollout, *at).stdout
    assert "promoted     pilot, past A3 (dispatched)\n" in shown
    (by,) = testbed.database.rows("SELECT actor, reason FROM rollout_event WHERE kind = 'group_promoted'")
    assert (by["actor"], by["reason"]) == ("bob", "A3 is in the basement")
    refused = command_line("rollout", "promote", rollout, "lab", *at, "--reason", "x", check=False)
    assert refused.returncode == ERROR and "has no group lab" in refused.stderr
    again = command_line("rollout", "promote", rollout, *at, "--reason", "x", check=False)  # the group that keeps others waiting
    assert again.returncode == ERROR and "group pilot has no silent or deferring device" in again.stderr
    assert command_line("rollout", "promote", rollout, "pilot", *at, check=False).returncode == USAGE


def test_a_group_that_was_not_reached_for_its_silent_devices_can_be_promoted_after_the_end(testbed):
    groups = [{"name": "pilot", "devices": PILOT}, {"name": "rest", "percentage": 100, "success": 0}]
    rollout = testbed.submit(selector={"devices": [*PILOT, "A4"]}, groups=groups,
                             execution={"dispatchTimeout": "4s", "retries": 0})
    report(testbed, rollout, "A1", "completed")
    report(testbed, rollout, "A2", "completed")
    testbed.wait_for_rollout(rollout, "halted")
    shown = command_line("rollout", "status", rollout, *testbed.http.at("bob")).stderr
    assert f"silent: tellercast rollout promote {rollout} pilot --reason REASON" in shown, shown
    assert operate(testbed, rollout, "promote", group="pilot")["state"] == "running"
    report(testbed, rollout, "A4", "completed")
    testbed.wait_for_rollout(rollout, "completed")
    (past,) = group(testbed, rollout)["promoted_past"]
    assert (past["device"], past["state"], past["code"]) == ("A3", "timed_out", "not_asked")


def defer(testbed, rollout, name):
    """The device asks for a later time, and gets one in an hour."""
    device, claims = report(testbed, rollout, name, "received")
    device.reply(claims, "deferred", code="customer_present")
    testbed.wait_for_state(rollout, name, "created")
    wait_for(lambda: testbed.database.instruction(rollout, name)["due_at"] is not None, "it has its next time")


def test_a_promoted_group_goes_past_what_defers_again_and_again(testbed):
    rollout = submit(testbed, {"backoff": "1h", "deferLimit": 1})
    report(testbed, rollout, "A1", "completed")
    report(testbed, rollout, "A2", "completed")
    path = f"/v1/rollouts/{rollout}/instructions?state=deferred"
    assert testbed.http.document(path)["instructions"] == []
    defer(testbed, rollout, "A3")
    (found,) = testbed.http.document(path)["instructions"]
    assert (found["device"], found["state"], found["substate"], found["deferrals"]) == ("A3", "created", "scheduled", 1)
    assert group(testbed, rollout, "rest")["state"] == "waiting"
    assert operate(testbed, rollout, "promote", "bob", group="pilot", reason="its customers never leave")["state"] == "running"
    report(testbed, rollout, "A4", "completed")
    (past,) = group(testbed, rollout)["promoted_past"]
    assert (past["device"], past["state"], past["code"]) == ("A3", "created", "customer_present")
    assert testbed.database.rollout(rollout)["state"] == "running", "A3 is still awaited"
    testbed.database.rows(START_NOW, rollout, "A3")
    device, claims = report(testbed, rollout, "A3", "received")
    device.reply(claims, "deferred", code="customer_present")
    testbed.wait_for_rollout(rollout, "completed")
    (past,) = group(testbed, rollout)["promoted_past"]
    assert (past["device"], past["state"], past["code"]) == ("A3", "failed", "deferred_too_often")


def test_what_deferred_and_was_then_withdrawn_does_not_defer(testbed):
    rollout = submit(testbed, {"backoff": "1h"})
    defer(testbed, rollout, "A3")
    path = f"/v1/rollouts/{rollout}/instructions?state=deferred"
    assert len(testbed.http.document(path)["instructions"]) == 1
    testbed.database.rows(START_NOW, rollout, "A3")
    testbed.wait_for_state(rollout, "A3", "dispatched")
    body = {"match": "branch=B3", "until": soon(3600), "reason": "a storm"}
    assert testbed.http.ask("POST", "/v1/freezes", json.dumps(body), {**JSON, **testbed.http.as_("ola")}).status == 201
    frozen = testbed.wait_for_state(rollout, "A3", "created")
    assert [event["code"] for event in testbed.database.events(frozen["id"])][-1] == "frozen"
    assert testbed.http.document(path)["instructions"] == []


def test_a_group_that_was_not_reached_for_what_deferred_too_often_can_be_promoted(testbed):
    rollout = submit(testbed, {"deferLimit": 0})
    report(testbed, rollout, "A1", "completed")
    report(testbed, rollout, "A2", "completed")
    device, claims = report(testbed, rollout, "A3", "received")
    device.reply(claims, "deferred", code="customer_present")
    testbed.wait_for_rollout(rollout, "halted")
    shown = command_line("rollout", "status", rollout, *testbed.http.at("bob")).stderr
    assert f"tellercast rollout promote {rollout} pilot --past failed --reason REASON" in shown, shown
    assert operate(testbed, rollout, "promote", group="pilot")["state"] == "running"
    report(testbed, rollout, "A4", "completed")
    testbed.wait_for_rollout(rollout, "completed")


def test_what_failed_is_not_gone_past(testbed):
    rollout = submit(testbed)
    report(testbed, rollout, "A1", "completed")
    report(testbed, rollout, "A2", "failed", code="no_space")
    wait_for_group(testbed, rollout, "pilot", "not_reached")
    answer = post_operation(testbed, rollout, "promote", group="pilot")
    assert answer.status == 409 and "not failed ones" in answer.json()["detail"]
    assert testbed.database.rows("SELECT * FROM promoted_past") == []


def test_a_promotion_that_makes_no_sense_is_refused_and_says_why(testbed):
    rollout = submit(testbed)
    for device in PILOT:
        testbed.wait_for_state(rollout, device, "dispatched")
    detail = {"pilot": "all of group pilot is silent or defers",
              "rest": "group rest is waiting: promote is not possible; allowed: open", "lab": "has no group lab"}
    for name, text in detail.items():
        assert text in post_operation(testbed, rollout, "promote", group=name).json()["detail"]
    report(testbed, rollout, "A1", "completed")
    operate(testbed, rollout, "promote", group="pilot")
    assert "promoted past already" in post_operation(testbed, rollout, "promote", group="pilot").json()["detail"]
    assert post_operation(testbed, rollout, "promote").status == 422


def test_a_promotion_is_bound_to_the_version_that_was_seen(testbed):
    rollout = submit(testbed)
    report(testbed, rollout, "A1", "completed")
    operate(testbed, rollout, "pause")
    assert post_operation(testbed, rollout, "promote", group="pilot", version=1).status == 409
    assert operate(testbed, rollout, "promote", group="pilot")["state"] == "paused"
