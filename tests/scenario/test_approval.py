"""Four eyes: who orders does not approve, and what is approved is exactly what was read."""

from datetime import UTC, datetime, timedelta

import pytest
from harness.operations import events, order, ordered, revise, submit_as
from harness.plan import plan
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}
ROOT = "tc/v1"


@pytest.fixture
def bank(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2"]}, ["P1"])
    return stack


# ---- whose plan it is, by MQTT ----------------------------------------------------------------

NEED_APPROVAL = {
    "the rollout": {"approvals": {"required": 1}},
    "a group": {"groups": [{"name": "pilot", "count": 1, "approval": "manual"}, {"name": "rest", "percentage": 100}]},
}


@pytest.mark.parametrize("what", NEED_APPROVAL)
def test_a_plan_that_needs_approval_is_refused_where_its_author_is_not_proven(bank, what):
    document = plan(schedule=LATER, **NEED_APPROVAL[what])
    problem = bank.operator().submit(document, f"{ROOT}/rollout/submit")
    assert problem["status"] == 403
    assert "operator/operator/submit" in problem["detail"]
    assert bank.database.rows("SELECT id FROM rollout") == []
    assert bank.operator().submit(document)["existing"] is False


def test_a_plan_that_needs_no_approval_is_taken_at_either_topic(bank):
    first = bank.operator().submit(plan(schedule=LATER), f"{ROOT}/rollout/submit")
    again = bank.operator().submit(plan(schedule=LATER))
    assert (first["existing"], again["existing"]) == (False, True)
    assert bank.database.rollout(first["rollout"])["author"] == "operator"


def test_nobody_submits_at_the_topic_of_another_operator(bank):
    """The broker's access list: the message does not get through."""
    device = bank.device("A1", "B1")
    for user in ("operator", "A1"):
        device.publish(f"{ROOT}/operator/{user}/submit", plan("stolen"))
    bank.operator().publish(f"{ROOT}/operator/other/submit", plan("stolen"))
    own = bank.operator().submit(plan(schedule=LATER))
    assert [row["id"] for row in bank.database.rows("SELECT id FROM rollout")] == [own["rollout"]]
    assert bank.http.metric("tellercast_orders_refused_total") == 0


# ---- who approves, and what ---------------------------------------------------------------------


def submit(bank, required=1, actor="ann", name="upgrade", **spec):
    rollout = submit_as(bank, actor, plan(name, approvals={"required": required}, schedule=LATER, **spec))
    bank.wait_for_rollout(rollout, "awaiting_approval")
    return rollout


def test_a_rollout_waits_until_somebody_else_approves_it(bank):
    rollout = submit(bank)
    assert bank.database.states(rollout) == {"created": 4}
    refused = order(bank, rollout, "approve", "ann")
    assert refused.status == 403 and "ann" in refused.json()["detail"]
    answer = ordered(bank, rollout, "approve", "bob", reason="read it")
    assert answer == {"rollout": rollout, "name": "upgrade", "state": "running", "version": 2, "operation": "approve",
                      "existing": False}
    document = bank.http.document(f"/v1/rollouts/{rollout}")
    assert document["state"] == "running" and document["version"] == 2
    assert document["approvals"]["required"] == 1
    (given,) = document["approvals"]["given"]
    assert (given["actor"], given["approved"], given["reason"]) == ("bob", True, "read it")
    assert (given["digest"], given["group"], given["void"]) == (document["digest"], None, False)
    kinds = [event["kind"] for event in document["events"]]
    assert kinds[:2] == ["submitted", "planned"] and kinds.index("approved") < kinds.index("started")


def test_as_many_different_people_as_the_plan_says_must_approve(bank):
    rollout = submit(bank, required=2)
    assert ordered(bank, rollout, "approve", "bob")["state"] == "awaiting_approval"
    again = ordered(bank, rollout, "approve", "bob")
    assert again["existing"] is True and again["state"] == "awaiting_approval"
    assert order(bank, rollout, "approve", "bob", reason="another").status == 409
    assert bank.database.rollout(rollout)["state"] == "awaiting_approval"
    assert ordered(bank, rollout, "approve", "cid")["state"] == "running"
    assert ordered(bank, rollout, "approve", "cid")["existing"] is True
    assert order(bank, rollout, "approve", "dan").status == 409


def test_an_approval_is_of_one_digest(bank):
    rollout = submit(bank)
    before = bank.database.everything()
    answer = order(bank, rollout, "approve", digest="0" * 64)
    assert answer.status == 409 and bank.database.rollout(rollout)["digest"] in answer.json()["detail"]
    assert bank.database.everything() == before


def test_one_rejection_is_enough_and_ends_every_instruction(bank):
    rollout = submit(bank, required=2)
    ordered(bank, rollout, "approve", "bob")
    assert order(bank, rollout, "reject", "ann").status == 403
    assert ordered(bank, rollout, "reject", "bob", reason="read it again")["state"] == "rejected"
    assert ordered(bank, rollout, "reject", "bob", reason="read it again")["existing"] is True
    assert bank.database.states(rollout) == bank.database.counters(rollout) == {"cancelled": 4}
    assert bank.http.document(f"/v1/rollouts/{rollout}")["ended_at"] is not None
    for operation in ("approve", "reject", "pause", "resume", "cancel", "retry", "rollback"):
        answer = order(bank, rollout, operation, "cid")
        assert answer.status == 409 and "is rejected" in answer.json()["detail"], answer


def test_what_nobody_approved_before_its_end_is_cancelled(bank):
    soon = datetime.now(UTC) + timedelta(seconds=3)
    rollout = submit_as(bank, "ann", plan(approvals={"required": 1}, schedule={"endAt": f"{soon:%Y-%m-%dT%H:%M:%SZ}"}))
    bank.wait_for_rollout(rollout, "cancelled")
    assert bank.database.states(rollout) == bank.database.counters(rollout) == {"expired": 4}
    told = bank.http.document(f"/v1/rollouts/{rollout}")
    assert told["detail"] == "its end came before it was approved" and told["ended_at"] is not None
    assert [event["kind"] for event in told["events"]] == ["submitted", "planned", "cancel_ordered", "cancelled"]
    assert order(bank, rollout, "approve", "bob").status == 409


def test_nobody_gives_an_order_in_the_orchestrators_own_name(bank):
    """What it orders by itself, a rollback above all, needs no approval."""
    rollout = submit(bank)
    before = bank.database.everything()
    for operation in ("approve", "reject", "pause", "resume", "cancel", "retry", "rollback"):
        answer = order(bank, rollout, operation, "tellercast")
        assert answer.status == 403 and "own name" in answer.json()["detail"], answer
    better = plan(approvals={"required": 1}, schedule=LATER, selector={"devices": ["P1"]})
    assert revise(bank, rollout, better, "tellercast").status == 403
    assert bank.database.everything() == before


def test_another_plan_voids_what_was_approved_and_its_writer_is_an_author(bank):
    rollout = submit(bank, required=2)
    first = bank.database.rollout(rollout)["digest"]
    ordered(bank, rollout, "approve", "bob")
    document = plan(approvals={"required": 2}, schedule=LATER, selector={"devices": ["P1"]})
    answer = revise(bank, rollout, document, "cid")
    assert answer.status == 200, answer
    assert answer.json() == {"rollout": rollout, "name": "upgrade", "state": "accepted", "version": 3,
                             "operation": "revise", "existing": False}
    assert revise(bank, rollout, document, "cid", version=2).json()["existing"] is True
    bank.wait_for_rollout(rollout, "awaiting_approval")
    assert bank.database.states(rollout) == bank.database.counters(rollout) == {"created": 1}
    assert order(bank, rollout, "approve", "dan", digest=first).status == 409
    for author in ("ann", "cid"):
        assert order(bank, rollout, "approve", author).status == 403
    assert ordered(bank, rollout, "approve", "dan")["state"] == "awaiting_approval"
    given = bank.http.document(f"/v1/rollouts/{rollout}")["approvals"]["given"]
    assert [(one["actor"], one["void"]) for one in given] == [("bob", True), ("dan", False)]
    assert ordered(bank, rollout, "approve", "bob")["state"] == "running"


def test_what_was_approved_stays_void_when_the_same_plan_comes_back(bank):
    rollout = submit(bank)
    first = plan(approvals={"required": 2}, schedule=LATER)
    assert revise(bank, rollout, first).status == 200
    bank.wait_for_rollout(rollout, "awaiting_approval")
    ordered(bank, rollout, "approve", "bob")
    for document in (plan(approvals={"required": 2}, schedule=LATER, selector={"devices": ["P1"]}), first):
        assert revise(bank, rollout, document).status == 200
        bank.wait_for_rollout(rollout, "awaiting_approval")
    assert ordered(bank, rollout, "approve", "cid")["state"] == "awaiting_approval"
    assert ordered(bank, rollout, "approve", "bob") == {
        "rollout": rollout, "name": "upgrade", "state": "running", "version": 7, "operation": "approve",
        "existing": False}


def test_a_plan_in_place_of_another_is_refused_when_it_cannot_stand_there(bank):
    rollout = submit(bank)
    good = plan(approvals={"required": 1}, schedule=LATER, selector={"devices": ["P1"]})
    same = plan(approvals={"required": 1}, schedule=LATER)
    before = bank.database.everything()
    cases = (
        (revise(bank, rollout, good, version=9), 409, "at version 1, not at version 9"),
        (revise(bank, rollout, plan("other", schedule=LATER)), 409, "same name"),
        (revise(bank, rollout, same), 409, "has this plan already"),
        (revise(bank, rollout, plan(schedule=LATER, selector={"branches": ["B7"]})), 422, "1 fault"),
        (revise(bank, rollout, good, reason="  "), 400, "reason"),
        (revise(bank, 999, good, version=1), 404, "999"),
    )
    for answer, status, detail in cases:
        assert answer.status == status and detail in answer.json()["detail"], answer
    assert bank.database.everything() == before
    ordered(bank, rollout, "approve")
    answer = revise(bank, rollout, good)
    assert answer.status == 409 and "is running; revise is for" in answer.json()["detail"]


# ---- groups ---------------------------------------------------------------------------------------

TWO_GROUPS = [{"name": "pilot", "devices": ["P1"], "approval": "manual"}, {"name": "rest", "percentage": 100}]


def run_pilot(bank):
    device = bank.device("P1")
    rollout = submit_as(bank, "ann", plan(groups=TWO_GROUPS, selector={"devices": ["P1", "A1"]}))
    bank.wait_for_state(rollout, "P1", "dispatched")
    device.ask()
    device.reply(device.wait_for_instruction(), "completed")
    wait_for(lambda: groups(bank, rollout)["pilot"] == "awaiting_approval", "the pilot awaits a person")
    return rollout


def groups(bank, rollout):
    return {group["name"]: group["state"] for group in bank.http.document(f"/v1/rollouts/{rollout}")["groups"]}


def test_a_group_waits_for_a_person_who_is_no_author(bank):
    rollout = run_pilot(bank)
    assert order(bank, rollout, "approve", "ann", group="pilot").status == 403
    assert order(bank, rollout, "approve", "bob", group="rest").status == 409
    assert order(bank, rollout, "approve", "bob", group="nobody").status == 404
    assert order(bank, rollout, "approve", "bob").status == 409
    assert groups(bank, rollout) == {"pilot": "awaiting_approval", "rest": "waiting"}
    ordered(bank, rollout, "approve", "bob", group="pilot")
    bank.wait_for_state(rollout, "A1", "dispatched")
    assert groups(bank, rollout) == {"pilot": "passed", "rest": "open"}
    assert ordered(bank, rollout, "approve", "bob", group="pilot")["existing"] is True
    assert order(bank, rollout, "approve", "cid", group="pilot").status == 409
    assert ("group_approved", "bob") in events(bank, rollout)
    (given,) = bank.http.document(f"/v1/rollouts/{rollout}")["approvals"]["given"]
    assert (given["group"], given["actor"]) == ("pilot", "bob")


def test_a_group_that_is_rejected_halts_the_rollout(bank):
    rollout = run_pilot(bank)
    ordered(bank, rollout, "reject", "bob", group="pilot", reason="the screens flicker")
    bank.wait_for_rollout(rollout, "halted")
    assert groups(bank, rollout)["pilot"] == "not_reached"
    assert bank.database.instruction(rollout, "A1")["state_name"] == "created"
