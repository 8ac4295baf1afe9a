"""Four eyes: the author does not approve, and an approval is of exactly the plan that the operator read."""

from datetime import UTC, datetime, timedelta

import pytest
from harness.branches import end
from harness.operations import events, operate, post_operation, revise, submit_as
from harness.plan import plan
from harness.wait import wait_for
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

LATER = {"startAt": "2099-01-01T00:00:00Z"}
ROOT = "tc/v1"


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2"]}, ["P1"])
    return stack


# ---- the author of a plan by MQTT -------------------------------------------------------------

def test_a_plan_without_a_proven_author_is_refused_and_nobody_gets_an_answer(testbed):
    """An answer would reach whom the sender chose, which may be another operator."""
    operator, properties = testbed.operator(), Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = f"{ROOT}/operator/operator/forged"
    operator.publish(f"{ROOT}/rollout/submit", plan(schedule=LATER), properties=properties)
    wait_for(lambda: testbed.http.metric("tellercast_orders_refused_total") == 1, "the order is refused")
    own = operator.submit(plan(schedule=LATER))
    assert operator.messages(f"{ROOT}/operator/operator/forged") == []
    assert [row["id"] for row in testbed.database.rows("SELECT id FROM rollout")] == [own["rollout"]]


def test_the_author_of_a_plan_by_mqtt_is_the_person_of_the_user_of_the_topic(testbed):
    order = testbed.operator().submit(plan(schedule=LATER))
    assert testbed.database.rollout(order["rollout"])["author"] == "operator"


@pytest.mark.denied_by_guard
def test_nobody_submits_at_the_topic_of_another_operator(testbed):
    """The broker's access list stops the message."""
    device = testbed.device("A1", "B1")
    for user in ("operator", "A1"):
        device.publish(f"{ROOT}/operator/{user}/submit", plan("stolen"))
    testbed.operator().publish(f"{ROOT}/operator/other/submit", plan("stolen"))
    own = testbed.operator().submit(plan(schedule=LATER))
    assert [row["id"] for row in testbed.database.rows("SELECT id FROM rollout")] == [own["rollout"]]
    assert testbed.http.metric("tellercast_orders_refused_total") == 0


# ---- approvals ------------------------------------------------------------------------------------


def submit(testbed, required=1, actor="ann", name="upgrade", **spec):
    rollout = submit_as(testbed, actor, plan(name, approvals={"required": required}, schedule=LATER, **spec))
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    return rollout


def test_a_rollout_waits_until_somebody_else_approves_it(testbed):
    rollout = submit(testbed)
    assert testbed.database.states(rollout) == {"created": 4}
    refused = post_operation(testbed, rollout, "approve", "ann")
    assert refused.status == 403 and "ann" in refused.json()["detail"]
    answer = operate(testbed, rollout, "approve", "bob", reason="read it")
    assert answer == {"rollout": rollout, "name": "upgrade", "state": "running", "version": 2, "operation": "approve",
                      "existing": False}
    document = testbed.http.document(f"/v1/rollouts/{rollout}")
    assert document["state"] == "running" and document["version"] == 2
    assert document["approvals"]["required"] == 1
    (given,) = document["approvals"]["given"]
    assert (given["actor"], given["approved"], given["reason"]) == ("bob", True, "read it")
    assert (given["digest"], given["group"], given["void"]) == (document["digest"], None, False)
    kinds = [event["kind"] for event in document["events"]]
    assert kinds[:2] == ["submitted", "planned"] and kinds.index("approved") < kinds.index("started")


def test_as_many_different_operators_as_the_plan_says_must_approve(testbed):
    rollout = submit(testbed, required=2)
    assert operate(testbed, rollout, "approve", "bob")["state"] == "awaiting_approval"
    again = operate(testbed, rollout, "approve", "bob")
    assert again["existing"] is True and again["state"] == "awaiting_approval"
    assert post_operation(testbed, rollout, "approve", "bob", reason="another").status == 409
    assert testbed.database.rollout(rollout)["state"] == "awaiting_approval"
    assert operate(testbed, rollout, "approve", "cid")["state"] == "running"
    assert operate(testbed, rollout, "approve", "cid")["existing"] is True
    assert post_operation(testbed, rollout, "approve", "dan").status == 409


def test_an_approval_is_of_one_digest(testbed):
    rollout = submit(testbed)
    before = testbed.database.everything()
    answer = post_operation(testbed, rollout, "approve", digest="0" * 64)
    assert answer.status == 409 and testbed.database.rollout(rollout)["digest"] in answer.json()["detail"]
    assert testbed.database.everything() == before


def test_one_rejection_is_enough_and_ends_every_instruction(testbed):
    rollout = submit(testbed, required=2)
    operate(testbed, rollout, "approve", "bob")
    assert post_operation(testbed, rollout, "reject", "ann").status == 403
    assert operate(testbed, rollout, "reject", "bob", reason="read it again")["state"] == "rejected"
    assert operate(testbed, rollout, "reject", "bob", reason="read it again")["existing"] is True
    assert testbed.database.states(rollout) == testbed.database.counters(rollout) == {"cancelled": 4}
    assert testbed.http.document(f"/v1/rollouts/{rollout}")["ended_at"] is not None
    for operation in ("approve", "reject", "pause", "resume", "cancel", "retry", "rollback"):
        answer = post_operation(testbed, rollout, operation, "cid")
        assert answer.status == 409 and "is rejected" in answer.json()["detail"], answer


@pytest.mark.parametrize("state", ["accepted", "running", "paused", "completed", "halted", "cancelled", "rejected"])
def test_an_author_is_told_that_nothing_awaits_approval(testbed, state):
    """The refusal does not say that another operator must approve it."""
    rollout = submit(testbed)
    testbed.database.rows("UPDATE rollout SET state = %s WHERE id = %s", state, rollout)
    for operation in ("approve", "reject"):
        answer = post_operation(testbed, rollout, operation, "ann")
        assert answer.status == 409 and f"is {state}: {operation} is not possible" in answer.json()["detail"], answer


def test_what_nobody_approved_before_its_end_is_cancelled(testbed):
    soon = datetime.now(UTC) + timedelta(seconds=3)
    rollout = submit_as(testbed, "ann", plan(approvals={"required": 1}, schedule={"endAt": f"{soon:%Y-%m-%dT%H:%M:%SZ}"}))
    testbed.wait_for_rollout(rollout, "cancelled")
    assert testbed.database.states(rollout) == testbed.database.counters(rollout) == {"expired": 4}
    document = testbed.http.document(f"/v1/rollouts/{rollout}")
    assert document["detail"] == "its end came before it was approved" and document["ended_at"] is not None
    assert [event["kind"] for event in document["events"]] == ["submitted", "planned", "cancel_ordered", "cancelled"]
    assert post_operation(testbed, rollout, "approve", "bob").status == 409


def test_nobody_gives_an_order_in_the_orchestrators_own_name(testbed):
    """The orchestrator's own rollouts, rollbacks above all, need no approval."""
    rollout = submit(testbed)
    before = testbed.database.everything()
    for operation in ("approve", "reject", "pause", "resume", "cancel", "retry", "rollback"):
        answer = post_operation(testbed, rollout, operation, "tellercast")
        assert answer.status == 403 and "own name" in answer.json()["detail"], answer
    better = plan(approvals={"required": 1}, schedule=LATER, selector={"devices": ["P1"]})
    assert revise(testbed, rollout, better, "tellercast").status == 403
    assert testbed.database.everything() == before


def test_another_plan_voids_what_was_approved_and_its_writer_is_an_author(testbed):
    rollout = submit(testbed, required=2)
    first = testbed.database.rollout(rollout)["digest"]
    operate(testbed, rollout, "approve", "bob")
    document = plan(approvals={"required": 2}, schedule=LATER, selector={"devices": ["P1"]})
    answer = revise(testbed, rollout, document, "cid")
    assert answer.status == 200, answer
    assert answer.json() == {"rollout": rollout, "name": "upgrade", "state": "accepted", "version": 3,
                             "operation": "revise", "existing": False}
    assert revise(testbed, rollout, document, "cid", version=2).json()["existing"] is True
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    assert testbed.database.states(rollout) == testbed.database.counters(rollout) == {"created": 1}
    assert post_operation(testbed, rollout, "approve", "dan", digest=first).status == 409
    for author in ("ann", "cid"):
        assert post_operation(testbed, rollout, "approve", author).status == 403
    assert operate(testbed, rollout, "approve", "dan")["state"] == "awaiting_approval"
    given = testbed.http.document(f"/v1/rollouts/{rollout}")["approvals"]["given"]
    assert [(one["actor"], one["void"]) for one in given] == [("bob", True), ("dan", False)]
    assert operate(testbed, rollout, "approve", "bob")["state"] == "running"


def test_what_was_approved_stays_void_when_the_same_plan_comes_back(testbed):
    rollout = submit(testbed)
    first = plan(approvals={"required": 2}, schedule=LATER)
    assert revise(testbed, rollout, first).status == 200
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    operate(testbed, rollout, "approve", "bob")
    for document in (plan(approvals={"required": 2}, schedule=LATER, selector={"devices": ["P1"]}), first):
        assert revise(testbed, rollout, document).status == 200
        testbed.wait_for_rollout(rollout, "awaiting_approval")
    assert operate(testbed, rollout, "approve", "cid")["state"] == "awaiting_approval"
    assert operate(testbed, rollout, "approve", "bob") == {
        "rollout": rollout, "name": "upgrade", "state": "running", "version": 7, "operation": "approve",
        "existing": False}


def test_a_plan_in_place_of_another_is_refused_when_it_cannot_replace_it(testbed):
    rollout = submit(testbed)
    good = plan(approvals={"required": 1}, schedule=LATER, selector={"devices": ["P1"]})
    same = plan(approvals={"required": 1}, schedule=LATER)
    before = testbed.database.everything()
    cases = (
        (revise(testbed, rollout, good, version=9), 409, "at version 1, not at version 9"),
        (revise(testbed, rollout, plan("other", schedule=LATER)), 409, "same name"),
        (revise(testbed, rollout, same), 409, "has this plan already"),
        (revise(testbed, rollout, plan(schedule=LATER, selector={"branches": ["B7"]})), 422, "1 fault"),
        (revise(testbed, rollout, good, reason="  "), 400, "reason"),
        (revise(testbed, 999, good, version=1), 404, "999"),
    )
    for answer, status, detail in cases:
        assert answer.status == status and detail in answer.json()["detail"], answer
    assert testbed.database.everything() == before
    operate(testbed, rollout, "approve")
    answer = revise(testbed, rollout, good)
    assert answer.status == 409 and "is running: revise is not possible" in answer.json()["detail"]


# ---- groups ---------------------------------------------------------------------------------------

TWO_GROUPS = [{"name": "pilot", "devices": ["P1"], "approval": "manual"}, {"name": "rest", "percentage": 100}]


def run_pilot(testbed):
    device = testbed.device("P1")
    rollout = submit_as(testbed, "ann", plan(groups=TWO_GROUPS, selector={"devices": ["P1", "A1"]}))
    testbed.wait_for_state(rollout, "P1", "dispatched")
    device.ask()
    device.reply(device.wait_for_instruction(), "completed")
    wait_for(lambda: groups(testbed, rollout)["pilot"] == "awaiting_approval", "the pilot awaits a person")
    return rollout


def groups(testbed, rollout):
    return {group["name"]: group["state"] for group in testbed.http.document(f"/v1/rollouts/{rollout}")["groups"]}


def test_a_group_waits_for_a_person_who_is_no_author(testbed):
    rollout = run_pilot(testbed)
    assert post_operation(testbed, rollout, "approve", "ann", group="pilot").status == 403
    for person in ("ann", "bob"):
        assert post_operation(testbed, rollout, "approve", person, group="rest").status == 409
    assert post_operation(testbed, rollout, "approve", "bob", group="nobody").status == 404
    assert post_operation(testbed, rollout, "approve", "bob").status == 409
    assert groups(testbed, rollout) == {"pilot": "awaiting_approval", "rest": "waiting"}
    operate(testbed, rollout, "approve", "bob", group="pilot")
    testbed.wait_for_state(rollout, "A1", "dispatched")
    assert groups(testbed, rollout) == {"pilot": "passed", "rest": "open"}
    assert operate(testbed, rollout, "approve", "bob", group="pilot")["existing"] is True
    assert post_operation(testbed, rollout, "approve", "cid", group="pilot").status == 409
    assert ("group_approved", "bob") in events(testbed, rollout)
    (given,) = testbed.http.document(f"/v1/rollouts/{rollout}")["approvals"]["given"]
    assert (given["group"], given["actor"]) == ("pilot", "bob")


def test_a_group_that_is_rejected_halts_the_rollout(testbed):
    rollout = run_pilot(testbed)
    operate(testbed, rollout, "reject", "bob", group="pilot", reason="the screens flicker")
    testbed.wait_for_rollout(rollout, "halted")
    assert groups(testbed, rollout)["pilot"] == "not_reached"
    assert testbed.database.instruction(rollout, "A1")["state_name"] == "created"


def test_a_retry_voids_the_approval_of_a_group_and_keeps_it_in_the_evidence(testbed):
    groups = [{"name": "pilot", "devices": ["A1", "P1"], "success": 50, "approval": "manual"},
              {"name": "rest", "percentage": 100, "success": 0}]
    rollout = submit_as(testbed, "ann", plan(groups=groups, execution={"retries": 0}))
    end(testbed, rollout, "P1", None, "failed", code="no_space")
    complete(testbed, rollout, "A1")
    wait_for(lambda: group_state(testbed, rollout, "pilot") == "awaiting_approval", "it asks")
    operate(testbed, rollout, "approve", "bob", group="pilot", reason="one is enough")
    wait_for(lambda: group_state(testbed, rollout, "pilot") == "passed", "it passed")
    operate(testbed, rollout, "retry", "cid")
    for path in (f"/v1/rollouts/{rollout}", f"/v1/rollouts/{rollout}/report"):
        (given,) = testbed.http.document(path)["approvals"]["given"]
        assert (given["actor"], given["group"], given["reason"]) == ("bob", "pilot", "one is enough")
        assert given["void"] is True and "tried again" in given["void_because"]
    complete(testbed, rollout, "P1", attempt=2)
    wait_for(lambda: group_state(testbed, rollout, "pilot") == "awaiting_approval", "it asks again")
    operate(testbed, rollout, "approve", "bob", group="pilot", reason="both are fine")
    given = testbed.http.document(f"/v1/rollouts/{rollout}")["approvals"]["given"]
    assert [one["void"] for one in given] == [True, False]


def complete(testbed, rollout, name, attempt=1):
    testbed.wait_for_state(rollout, name, "dispatched")
    device = testbed.device(name, testbed.database.instruction(rollout, name)["branch"])
    device.ask()
    device.reply(device.wait_for_instruction(attempt), "completed")


def group_state(testbed, rollout, name):
    groups = testbed.http.document(f"/v1/rollouts/{rollout}")["groups"]
    return next(group["state"] for group in groups if group["name"] == name)
