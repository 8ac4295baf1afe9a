"""An operation that continues a rollout after an abort needs as many approvals as the plan."""

import pytest
from harness.operations import events, operate, post_operation, submit_as
from harness.plan import plan
from harness.programs import command_line
from harness.wait import wait_for


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2"]}, ["P1"])
    return stack


def to_abort(required, then, count=1):
    return {"approvals": {"required": required}, "selector": {"devices": ["A1", "P1"]}, "execution": {"retries": 0},
            "abort": [{"on": "failed", "count": count, "then": then}],
            "groups": [{"name": "all", "percentage": 100, "success": 0}]}


def abort_by_itself(testbed, required, then="pause"):
    """One of two devices fails; therefore the plan pauses or cancels the rollout."""
    rollout = submit_as(testbed, "ann", plan(**to_abort(required, then)))
    testbed.wait_for_rollout(rollout, "awaiting_approval" if required > 0 else "running")
    for approver in ("bob", "cid")[:required]:
        operate(testbed, rollout, "approve", approver)
    if then == "cancel":
        fail(testbed, rollout, "A1")
    fail(testbed, rollout, "P1")
    testbed.wait_for_rollout(rollout, "paused" if then == "pause" else "cancelled")
    return rollout


def fail(testbed, rollout, name):
    device, claims = take(testbed, rollout, name)
    device.reply(claims, "failed", code="no_space")


def cancel_what_is_left(testbed, rollout, completes=False):
    """A1 was answered, so it ends first."""
    device, claims = take(testbed, rollout, "A1")
    operate(testbed, rollout, "cancel", "bob")
    if completes:
        device.reply(claims, "completed")
    else:
        device.reply(claims, "failed", code="no_space")
    testbed.wait_for_rollout(rollout, "cancelled")


def take(testbed, rollout, name):
    testbed.wait_for_state(rollout, name, "dispatched")
    device = testbed.device(name, testbed.database.instruction(rollout, name)["branch"])
    device.ask()
    claims = wait_for(lambda: next((c for c in device.tokens() if c["rollout"] == rollout), None), f"{name} is answered")
    return device, claims


def resume_of(testbed, rollout):
    return testbed.http.document(f"/v1/rollouts/{rollout}")["resume"]


def test_a_resume_after_an_abort_asks_for_as_many_approvals_as_the_plan_did(testbed):
    rollout = abort_by_itself(testbed, 2)
    assert resume_of(testbed, rollout)["required"] == 2
    answer = operate(testbed, rollout, "resume", "dan", reason="that machine was broken before")
    assert answer["state"] == "paused"
    version = answer["version"]
    assert operate(testbed, rollout, "resume", "dan", reason="that machine was broken before",
                   version=version - 1)["existing"] is True
    assert "dan ordered the resume" in post_operation(testbed, rollout, "resume", "eve").json()["detail"]
    assert post_operation(testbed, rollout, "approve", "dan").status == 403
    assert post_operation(testbed, rollout, "approve", "ann").status == 403
    assert operate(testbed, rollout, "approve", "bob", reason="seen")["state"] == "paused"
    assert operate(testbed, rollout, "approve", "bob", reason="seen")["existing"] is True
    resume = resume_of(testbed, rollout)
    assert (resume["ordered_by"], resume["reason"]) == ("dan", "that machine was broken before")
    assert [given["actor"] for given in resume["given"]] == ["bob"]
    assert operate(testbed, rollout, "approve", "cid", reason="seen, too")["state"] == "running"
    assert operate(testbed, rollout, "approve", "cid", reason="seen, too")["existing"] is True
    assert [kind for kind, _ in events(testbed, rollout)][-5:] == [
        "paused", "resume_ordered", "resume_approved", "resume_approved", "resumed"]
    assert resume_of(testbed, rollout) is None


def test_a_resume_after_an_abort_that_is_rejected_or_aborted_again_must_be_ordered_anew(testbed):
    rollout = abort_by_itself(testbed, 1)
    operate(testbed, rollout, "resume", "bob")
    assert operate(testbed, rollout, "reject", "cid", reason="find the cause first")["state"] == "paused"
    assert resume_of(testbed, rollout)["ordered_by"] is None
    assert post_operation(testbed, rollout, "approve", "dan").status == 409
    operate(testbed, rollout, "resume", "bob", reason="it is found")
    testbed.database.rows("INSERT INTO rollout_event (rollout_id, kind, actor) VALUES (%s, 'aborted', 'tellercast')", rollout)
    assert post_operation(testbed, rollout, "approve", "dan").status == 409
    operate(testbed, rollout, "resume", "bob", reason="that one, too")
    assert operate(testbed, rollout, "approve", "dan")["state"] == "running"
    operate(testbed, rollout, "pause", "bob")
    assert operate(testbed, rollout, "resume", "bob")["state"] == "running", "a person paused it, and no abort"


def test_what_an_abort_cancelled_is_tried_again_when_as_many_approved_that_as_the_plan_asked_for(testbed):
    rollout = abort_by_itself(testbed, 2, then="cancel")
    answer = operate(testbed, rollout, "retry", "dan", reason="a new disk")
    assert answer["state"] == "paused"
    assert operate(testbed, rollout, "retry", "dan", reason="a new disk", version=answer["version"] - 1)["existing"] is True
    assert "dan ordered the resume" in post_operation(testbed, rollout, "resume", "eve").json()["detail"]
    for person in ("dan", "ann"):
        assert post_operation(testbed, rollout, "approve", person).status == 403
    assert operate(testbed, rollout, "approve", "bob")["state"] == "paused"
    resume = resume_of(testbed, rollout)
    assert (resume["required"], resume["ordered_by"], resume["reason"]) == (2, "dan", "a new disk")
    assert testbed.database.states(rollout) == {"created": 2}
    assert operate(testbed, rollout, "approve", "cid")["state"] == "running"
    testbed.wait_for_states(rollout, dispatched=2)
    assert [kind for kind, _ in events(testbed, rollout) if "re" in kind][-5:] == [
        "retry_ordered", "resume_ordered", "resume_approved", "resume_approved", "resumed"]
    operate(testbed, rollout, "pause", "dan")
    assert resume_of(testbed, rollout)["required"] == 0, "a person paused it, and no abort"
    assert operate(testbed, rollout, "resume", "dan")["state"] == "running"


def test_nobody_dodges_the_approvals_of_a_resume_by_a_cancel_and_a_retry(testbed):
    rollout = abort_by_itself(testbed, 1)
    cancel_what_is_left(testbed, rollout)
    assert operate(testbed, rollout, "retry", "bob")["state"] == "paused"
    assert resume_of(testbed, rollout)["ordered_by"] == "bob"
    after = submit_as(testbed, "ann", plan("after", selector={"devices": ["A2"]}))
    testbed.wait_for_states(after, dispatched=1)
    assert testbed.database.states(rollout) == {"created": 2}, "the scheduler looked, and started nothing"
    assert operate(testbed, rollout, "reject", "cid", reason="find the cause first")["state"] == "paused"
    assert post_operation(testbed, rollout, "approve", "dan").status == 409
    operate(testbed, rollout, "cancel", "bob")
    testbed.wait_for_rollout(rollout, "cancelled")
    assert operate(testbed, rollout, "retry", "bob", reason="it is found")["state"] == "paused"
    assert operate(testbed, rollout, "approve", "dan")["state"] == "running"


def test_what_a_person_cancelled_is_tried_again_at_once(testbed):
    rollout = submit_as(testbed, "ann", plan(**to_abort(1, "pause", count=2)))
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    operate(testbed, rollout, "approve", "bob")
    fail(testbed, rollout, "P1")
    cancel_what_is_left(testbed, rollout, completes=True)
    assert operate(testbed, rollout, "retry", "bob")["state"] == "running"


@pytest.mark.parametrize("state", ["halted", "completed"])
def test_an_end_after_an_abort_is_left_with_approvals_only(testbed, state):
    """A version before this one may have brought the rollout there."""
    rollout = abort_by_itself(testbed, 1)
    testbed.database.rows("UPDATE rollout SET state = %s, ended_at = now() WHERE id = %s", state, rollout)
    assert operate(testbed, rollout, "retry", "bob")["state"] == "paused"
    assert operate(testbed, rollout, "approve", "cid")["state"] == "running"


def test_nobody_dodges_the_approvals_of_a_resume_by_a_pause(testbed):
    rollout = abort_by_itself(testbed, 1)
    answer = post_operation(testbed, rollout, "pause", "bob")
    assert answer.status == 409 and "is paused" in answer.json()["detail"], answer
    assert resume_of(testbed, rollout)["required"] == 1
    assert operate(testbed, rollout, "resume", "bob")["state"] == "paused"


def test_an_abort_of_what_a_person_paused_asks_for_approvals(testbed):
    """The instructions in flight fail while the rollout is paused."""
    rollout = submit_as(testbed, "ann", plan(**to_abort(1, "pause")))
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    operate(testbed, rollout, "approve", "bob")
    device, claims = take(testbed, rollout, "P1")
    operate(testbed, rollout, "pause", "bob")
    device.reply(claims, "failed", code="no_space")
    wait_for(lambda: ("aborted", "tellercast") in events(testbed, rollout), "it is aborted")
    assert resume_of(testbed, rollout)["required"] == 1
    assert operate(testbed, rollout, "resume", "bob")["state"] == "paused"


def test_more_failures_abort_again_what_a_person_paused_after_a_resume(testbed):
    rollout = abort_by_itself(testbed, 1)
    operate(testbed, rollout, "resume", "bob")
    operate(testbed, rollout, "approve", "cid")
    device, claims = take(testbed, rollout, "A1")
    operate(testbed, rollout, "pause", "bob")
    device.reply(claims, "failed", code="no_space")
    wait_for(lambda: events(testbed, rollout).count(("aborted", "tellercast")) == 2, "it is aborted again")
    assert operate(testbed, rollout, "resume", "bob")["state"] == "paused"


def test_an_approval_of_a_resume_counts_no_more_when_its_rollout_was_cancelled(testbed):
    rollout = abort_by_itself(testbed, 2)
    operate(testbed, rollout, "resume", "dan")
    operate(testbed, rollout, "approve", "bob")
    cancel_what_is_left(testbed, rollout)
    assert operate(testbed, rollout, "retry", "eve")["state"] == "paused"
    resume = resume_of(testbed, rollout)
    assert (resume["ordered_by"], resume["given"]) == ("eve", [])
    assert operate(testbed, rollout, "approve", "bob", reason="that, too")["state"] == "paused"
    assert operate(testbed, rollout, "approve", "dan")["state"] == "running"


def test_a_resume_or_a_retry_asks_for_no_approval_where_the_plan_asked_for_none(testbed):
    rollout = abort_by_itself(testbed, 0)
    assert operate(testbed, rollout, "resume", "bob")["state"] == "running"
    cancel_what_is_left(testbed, rollout)
    assert operate(testbed, rollout, "retry", "bob")["state"] == "running"


def test_the_command_says_that_what_it_ordered_waits_for_others(testbed):
    def word(verb):
        return command_line("rollout", verb, rollout, "--reason", "a new disk", *testbed.http.at("dan"),
                            check=False)

    rollout = abort_by_itself(testbed, 1)
    done = word("retry")
    assert done.returncode == 0 and "approve" not in done.stderr, "it is as paused as it was"
    assert word("resume").returncode == 4
    cancel_what_is_left(testbed, rollout)
    done = word("retry")
    assert done.returncode == 4 and "other people must approve" in done.stderr, done
