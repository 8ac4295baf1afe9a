"""A group is promoted past what failed by an amendment: it names the failures, waits for as many approvals as the plan did, and
opens this gate alone."""

import json

import pytest
from harness.amendments import amend, ask_to_amend, ask_to_decide, decide, listed, submit_approved
from harness.branches import look_again
from harness.groups import PILOT, group, report, supply_pilot, wait_for_group
from harness.operations import JSON, events, operate, post_operation
from harness.plan import VERSION
from harness.programs import command_line

PROMOTE = {"promote": {"group": "pilot", "past": "failed"}}
HEALTHY, ERROR, USAGE, WAITS = 0, 1, 2, 4  # exit codes


@pytest.fixture
def testbed(stack):
    return supply_pilot(stack)


def spec_of(more):
    groups = [{"name": "pilot", "devices": PILOT, **more.pop("pilot", {})}, {"name": "rest", "percentage": 100, "success": 0}]
    return {"selector": {"devices": [*PILOT, "A4"]}, "groups": groups,
            "execution": {"dispatchTimeout": "1h", "answerTimeout": "1h", "retries": 0}, **more}


def submit(testbed, **more):
    """A rollout of ann that cid and dan approved."""
    return submit_approved(testbed, **spec_of(more))


def complete(testbed, rollout, *names):
    for name in names:
        report(testbed, rollout, name, "completed", versions={"atm-app": VERSION})


def fail(testbed, rollout, *names):
    for name in names:
        report(testbed, rollout, name, "failed", code="no_space")


def halt(testbed, rollout):
    """A1 and A2 complete, A3 fails."""
    complete(testbed, rollout, "A1", "A2")
    fail(testbed, rollout, "A3")
    testbed.wait_for_rollout(rollout, "halted")


def promote(testbed, rollout, state="awaiting_approval", **more):
    return amend(testbed, rollout, PROMOTE, state, **more)


def approve(testbed, rollout, amendment):
    decide(testbed, rollout, amendment, "cid", "awaiting_approval")
    return decide(testbed, rollout, amendment, "dan", "in_force")


def preview(testbed, rollout):
    body = {"version": 1, "reason": "to see it", **PROMOTE}
    return testbed.http.ask("POST", f"/v1/rollouts/{rollout}/amendments:preview", json.dumps(body),
                            {**JSON, **testbed.http.as_("bob")})


def is_refused(answer, words, status=409):
    assert answer.status == status and words in answer.json()["detail"], answer


# ---- approvals --------------------------------------------------------------------------------------


def test_a_group_opens_past_what_failed_when_as_many_people_approved_it_as_the_plan(testbed):
    rollout = submit(testbed)
    halt(testbed, rollout)
    amendment = promote(testbed, rollout)
    (told,) = listed(testbed, rollout)["amendments"]
    assert (told["kind"], told["subject"], told["is_loosening"], told["required"]) == ("promote", "pilot", True, 2)
    assert told["before"] == {"state": "not_reached", "success": 100, "completed": 2, "executed": 3}
    (failure,) = told["after"]["failures"]
    assert (failure["device"], failure["attempt"], failure["state"], failure["code"]) == ("A3", 1, "failed", "no_space")
    assert (told["after"]["past"], told["after"]["completed"], told["after"]["executed"]) == ("failed", 2, 2)
    (waiting,) = [one for one in testbed.http.document("/v1/approvals")["approvals"] if one["kind"] == "amendment"]
    assert (waiting["what"]["changes"], waiting["what"]["subject"], waiting["what"]["after"]) == ("promote", "pilot", told["after"])

    for author in ("bob", "ann"):
        is_refused(ask_to_decide(testbed, rollout, amendment, author), "another person must approve it", 403)
    decide(testbed, rollout, amendment, "cid", "awaiting_approval")
    (_, why) = testbed.http.document(f"/v1/rollouts/{rollout}/why")["reasons"]
    assert why["code"] == "promotion_awaiting_approval"
    assert why["text"] == "the promotion of group pilot past what failed waits for approval: 1 of 2 given"
    look_again(testbed)
    assert testbed.database.rollout(rollout)["state"] == "halted" and group(testbed, rollout)["state"] == "not_reached"
    assert testbed.database.instruction(rollout, "A4")["state_name"] == "created"
    assert decide(testbed, rollout, amendment, "dan", "in_force")["state"] == "running"
    complete(testbed, rollout, "A4")
    testbed.wait_for_rollout(rollout, "completed")
    shown = group(testbed, rollout)
    assert shown["state"] == "passed" and shown["counts"]["failed"] == 1, "it stays counted"
    assert shown["promoted_failures"] == [{"device": "A3", "attempt": 1, "state": "failed", "amendment": 1, "code": "no_space",
                                           "is_passed_over": True}]
    assert [event for event in events(testbed, rollout) if "amend" in event[0]] == [
        ("amendment_ordered", "bob"), ("amendment_approved", "cid"), ("amendment_approved", "dan"), ("amended", "tellercast")]
    evidence = testbed.http.document(f"/v1/rollouts/{rollout}/report")
    assert evidence["amendments"] == listed(testbed, rollout)["amendments"]
    assert evidence["groups"][0]["promoted_failures"] == shown["promoted_failures"]


def test_what_was_promoted_past_as_silent_and_fails_then_counts_and_can_be_promoted_past(testbed):
    rollout = submit(testbed)
    complete(testbed, rollout, "A1", "A2")
    testbed.wait_for_state(rollout, "A3", "dispatched")
    operate(testbed, rollout, "promote", group="pilot")
    testbed.wait_for_state(rollout, "A4", "dispatched")
    fail(testbed, rollout, "A3")
    wait_for_group(testbed, rollout, "pilot", "not_reached")
    amendment = promote(testbed, rollout)
    (told,) = listed(testbed, rollout)["amendments"]
    assert [failure["device"] for failure in told["after"]["failures"]] == ["A3"]
    approve(testbed, rollout, amendment)
    wait_for_group(testbed, rollout, "pilot", "passed")
    complete(testbed, rollout, "A4")
    testbed.wait_for_rollout(rollout, "completed")


def test_a_promotion_that_was_rejected_opens_nothing(testbed):
    rollout = submit(testbed)
    halt(testbed, rollout)
    amendment = promote(testbed, rollout)
    decide(testbed, rollout, amendment, "cid", "rejected", verb="reject")
    is_refused(ask_to_decide(testbed, rollout, amendment, "dan"), "is rejected")
    look_again(testbed)
    assert testbed.database.rollout(rollout)["state"] == "halted" and group(testbed, rollout)["promoted_failures"] is None


def test_a_promotion_goes_on_to_wait_when_its_rollout_halts(testbed):
    rollout = submit(testbed)
    complete(testbed, rollout, "A1")
    fail(testbed, rollout, "A2")
    wait_for_group(testbed, rollout, "pilot", "not_reached")
    amendment = promote(testbed, rollout)
    assert testbed.database.rollout(rollout)["state"] == "running", "A3 is at work"
    complete(testbed, rollout, "A3")
    testbed.wait_for_rollout(rollout, "halted")
    assert [one["state"] for one in listed(testbed, rollout)["amendments"]] == ["awaiting_approval"]
    assert approve(testbed, rollout, amendment)["state"] == "running"
    testbed.wait_for_state(rollout, "A4", "dispatched")


def test_a_promotion_that_waits_is_void_when_its_rollout_is_cancelled(testbed):
    rollout = submit(testbed)
    halt(testbed, rollout)
    amendment = promote(testbed, rollout)
    operate(testbed, rollout, "cancel")
    is_refused(ask_to_decide(testbed, rollout, amendment, "cid"), "is void")


def test_a_plan_without_approvals_asks_for_none_and_the_same_order_again_changes_nothing(testbed):
    rollout = testbed.submit(**spec_of({}))
    halt(testbed, rollout)
    version = testbed.database.rollout(rollout)["version"]
    answer = ask_to_amend(testbed, rollout, PROMOTE, version=version)
    assert answer.status == 201 and answer.json()["state"] == "running", answer
    assert answer.json()["amendment"]["state"] == "in_force"
    again = ask_to_amend(testbed, rollout, PROMOTE, version=version)
    assert again.status == 200 and again.json()["existing"] is True, again
    assert again.json()["amendment"] == answer.json()["amendment"]
    complete(testbed, rollout, "A4")
    testbed.wait_for_rollout(rollout, "completed")


# ---- only what was named ----------------------------------------------------------------------------


def test_a_device_that_failed_later_is_not_among_those_that_were_named(testbed):
    rollout = submit(testbed)
    complete(testbed, rollout, "A1")
    fail(testbed, rollout, "A2")
    wait_for_group(testbed, rollout, "pilot", "not_reached")
    amendment = promote(testbed, rollout)
    fail(testbed, rollout, "A3")
    testbed.wait_for_rollout(rollout, "halted")
    decide(testbed, rollout, amendment, "cid", "awaiting_approval")
    is_refused(ask_to_decide(testbed, rollout, amendment, "dan"), "cannot reach its gate of 100 % either: order the promotion again")
    assert testbed.database.rollout(rollout)["state"] == "halted" and group(testbed, rollout)["promoted_failures"] is None
    wider = promote(testbed, rollout)
    assert [one["device"] for one in listed(testbed, rollout)["amendments"][-1]["after"]["failures"]] == ["A2", "A3"]
    approve(testbed, rollout, wider)
    testbed.wait_for_state(rollout, "A4", "dispatched")
    assert [one["state"] for one in listed(testbed, rollout)["amendments"]] == ["void", "in_force"]


def test_a_device_that_fails_while_its_group_soaks_after_a_promotion_counts(testbed):
    rollout = submit(testbed)
    complete(testbed, rollout, "A1")
    fail(testbed, rollout, "A2")
    wait_for_group(testbed, rollout, "pilot", "not_reached")
    approve(testbed, rollout, promote(testbed, rollout))
    wait_for_group(testbed, rollout, "pilot", "open")
    fail(testbed, rollout, "A3")
    testbed.wait_for_rollout(rollout, "halted")
    assert group(testbed, rollout)["state"] == "not_reached"
    assert testbed.database.instruction(rollout, "A4")["state_name"] == "created"


def test_a_named_device_that_is_tried_again_and_fails_again_is_not_passed_over(testbed):
    rollout = submit(testbed, pilot={"soak": "1h"})
    halt(testbed, rollout)
    approve(testbed, rollout, promote(testbed, rollout))
    wait_for_group(testbed, rollout, "pilot", "soaking")
    operate(testbed, rollout, "retry")
    assert [one["is_passed_over"] for one in group(testbed, rollout)["promoted_failures"]] == [False]
    fail(testbed, rollout, "A3")
    testbed.wait_for_rollout(rollout, "halted")
    assert group(testbed, rollout)["state"] == "not_reached"
    assert [one["is_passed_over"] for one in group(testbed, rollout)["promoted_failures"]] == [False]
    again = promote(testbed, rollout)
    assert [one["attempt"] for one in listed(testbed, rollout)["amendments"][-1]["after"]["failures"]] == [2]
    approve(testbed, rollout, again)
    wait_for_group(testbed, rollout, "pilot", "soaking")


def test_a_promotion_whose_devices_are_tried_again_before_it_is_approved_opens_nothing(testbed):
    rollout = submit(testbed)
    halt(testbed, rollout)
    amendment = promote(testbed, rollout)
    operate(testbed, rollout, "retry")
    decide(testbed, rollout, amendment, "cid", "awaiting_approval")
    is_refused(ask_to_decide(testbed, rollout, amendment, "dan"), "group pilot is open")
    fail(testbed, rollout, "A3")
    testbed.wait_for_rollout(rollout, "halted")
    is_refused(ask_to_decide(testbed, rollout, amendment, "dan"), "order the promotion again")
    assert testbed.database.rows("SELECT * FROM promoted_failure") == []


def test_an_abort_counts_the_failures_that_a_group_was_promoted_past(testbed):
    rollout = submit(testbed, abort=[{"on": "failed", "count": 2, "then": "pause"}])
    halt(testbed, rollout)
    approve(testbed, rollout, promote(testbed, rollout))
    fail(testbed, rollout, "A4")
    testbed.wait_for_rollout(rollout, "paused")
    assert ("aborted", "tellercast") in events(testbed, rollout)


# ---- what is refused --------------------------------------------------------------------------------


def test_a_promotion_past_what_failed_that_makes_no_sense_is_refused_and_says_why(testbed):
    rollout = submit(testbed)
    testbed.wait_for_state(rollout, "A1", "dispatched")
    is_refused(ask_to_amend(testbed, rollout, PROMOTE), "group pilot is open: a promotion past what failed is not possible")
    for name, words, status in (("rest", "group rest is waiting", 409), ("lab", "has no group lab", 404)):
        is_refused(ask_to_amend(testbed, rollout, {"promote": {"group": name, "past": "failed"}}), words, status)
    for wrong in ({"group": "pilot"}, {"group": "pilot", "past": "silent"}, {"past": "failed"}):
        assert ask_to_amend(testbed, rollout, {"promote": wrong}).status == 422
    fail(testbed, rollout, *PILOT)
    testbed.wait_for_rollout(rollout, "halted")
    for answer in (ask_to_amend(testbed, rollout, PROMOTE), preview(testbed, rollout)):
        is_refused(answer, "no device of group pilot completed")
    is_refused(ask_to_amend(testbed, rollout, PROMOTE, version=1), "not at version 1")
    operate(testbed, rollout, "cancel")
    testbed.wait_for_rollout(rollout, "cancelled")
    for answer in (ask_to_amend(testbed, rollout, PROMOTE), preview(testbed, rollout)):
        is_refused(answer, "allowed: running, paused, halted")
    assert listed(testbed, rollout)["amendments"] == []


def test_a_group_that_a_person_rejected_is_not_promoted_past_its_failures(testbed):
    rollout = submit(testbed, pilot={"success": 50, "approval": "manual"})
    complete(testbed, rollout, "A1", "A2")
    fail(testbed, rollout, "A3")
    wait_for_group(testbed, rollout, "pilot", "awaiting_approval")
    operate(testbed, rollout, "reject", "cid", group="pilot")
    testbed.wait_for_rollout(rollout, "halted")
    is_refused(ask_to_amend(testbed, rollout, PROMOTE), "the failures of group pilot allow its gate")


def test_a_promotion_past_what_is_silent_and_one_past_what_failed_add_up(testbed):
    rollout = submit(testbed)
    complete(testbed, rollout, "A1")
    fail(testbed, rollout, "A2")
    wait_for_group(testbed, rollout, "pilot", "not_reached")
    assert post_operation(testbed, rollout, "promote", group="pilot").status == 409, "A3 is silent, but A2 failed"
    approve(testbed, rollout, promote(testbed, rollout))
    wait_for_group(testbed, rollout, "pilot", "open")
    operate(testbed, rollout, "promote", group="pilot")
    testbed.wait_for_state(rollout, "A4", "dispatched")


# ---- the preview and the command line ---------------------------------------------------------------


def test_a_preview_names_the_failures_and_the_end_before_and_after_and_changes_nothing(testbed):
    rollout = submit(testbed)
    complete(testbed, rollout, "A1")
    fail(testbed, rollout, "A2")
    wait_for_group(testbed, rollout, "pilot", "not_reached")
    row = testbed.database.rollout(rollout)
    told = preview(testbed, rollout).json()
    assert (told["kind"], told["subject"], told["is_loosening"], told["required"]) == ("promote", "pilot", True, 2)
    assert [one["device"] for one in told["after"]["failures"]] == ["A2"]
    assert (told["waiting"], told["at_work"], told["ended"]) == (1, 1, 2)
    assert set(told["forecast"]) == {"before", "after"}
    assert listed(testbed, rollout)["amendments"] == [] and testbed.database.rollout(rollout) == row
    complete(testbed, rollout, "A3")
    testbed.wait_for_rollout(rollout, "halted")
    assert preview(testbed, rollout).json()["forecast"] is None


def test_the_command_line_promotes_past_what_failed(testbed):
    rollout = submit(testbed)
    halt(testbed, rollout)

    def give(person, *words, code=HEALTHY):
        done = command_line("rollout", *words, *testbed.http.at(person), check=False)
        assert done.returncode == code, done
        return done

    why = ("--reason", "A3 has a full disk")
    change = "promote group pilot past 1 failed device, A3 (failed: no_space): 2 of 2 completed in place of 2 of 3, and its gate is 100 %"
    shown = give("bob", "promote", rollout, "--past", "failed", "--dry-run", *why)
    assert shown.stdout == "" and f"{change}: it loosens, and waits for 2 approvals" in shown.stderr, shown
    waits = give("bob", "promote", rollout, "pilot", "--past", "failed", *why, code=WAITS)
    assert "amendment 1 ordered; it is awaiting approval" in waits.stdout
    assert f"1, {change}, ordered by bob" in give("cid", "status", rollout).stdout
    assert f"upgrade, amendment 1: {change}" in command_line("approval", "list", *testbed.http.at("cid")).stdout
    approved = give("cid", "approve", rollout, "--amendment", "1", "--reason", "agreed")
    assert change in approved.stderr, approved
    give("dan", "approve", rollout, "--amendment", "1", "--reason", "agreed")
    testbed.wait_for_state(rollout, "A4", "dispatched")
    assert "promoted     pilot, past A3 (failed: no_space)\n" in give("bob", "status", rollout).stdout
    assert "promote of pilot 2 of 3 completed 2 of 2 completed" in " ".join(give("bob", "amendments", rollout).stdout.split())
    assert "no group that is not_reached" in give("bob", "promote", rollout, "--past", "failed", *why, code=ERROR).stderr
    give("bob", "promote", rollout, "pilot", "--past", "all", *why, code=USAGE)
