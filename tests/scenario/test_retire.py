"""A retired device gets nothing, on a broker without the guard as well, and no rollout waits for it."""

import json

import pytest
from harness.operations import JSON
from harness.plan import fleet
from harness.wait import wait_for


def operate(stack, device, operation, reason="stolen"):
    return stack.http.ask("POST", f"/v1/devices/{device}/{operation}", json.dumps({"reason": reason}),
                          {**JSON, **stack.http.as_("bob")})


def machines(stack, branch="B1"):
    return stack.database.value("SELECT machines FROM branch WHERE id = %s", branch)


@pytest.mark.plain_broker
def test_a_retired_device_is_not_answered_and_is_no_machine_of_its_branch(stack):
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1", "A2"]})
    assert operate(stack, "A1", "retire").status == 200 and machines(stack) == 1
    retired, other = stack.device("A1", "B1"), stack.device("A2", "B1")
    retired.ask()
    other.ask()
    other.wait_for_nothing()
    other.ask()
    other.wait_for_nothing(after=1)
    assert retired.answers() == []
    shown = stack.http.document("/v1/devices/A1")["retired"]
    assert (shown["by"], shown["reason"]) == ("bob", "stolen")
    assert operate(stack, "A1", "return").status == 200 and machines(stack) == 2
    retired.ask()
    retired.wait_for_nothing()
    assert stack.http.document("/v1/devices/A1")["retired"] is None


@pytest.mark.parametrize("state", ["dispatched", "sent", "received", "installing"])
def test_an_instruction_of_a_retired_device_is_cancelled_in_each_state(stack, state):
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1"]})
    stack.add_artifact()
    rollout = stack.submit(selector={"devices": ["A1"]}, disruptionBudget={"per": "branch", "maxUnavailable": 1})
    stack.wait_for_state(rollout, "A1", "dispatched")
    device = stack.device("A1", "B1")
    if state != "dispatched":
        device.ask()
        claims = device.wait_for_instruction()
        stack.wait_for_state(rollout, "A1", "sent")
    for report in ["received", "installing"][:["sent", "received", "installing"].index(state) if state != "dispatched" else 0]:
        device.reply(claims, report, confirm=True)
        stack.wait_for_state(rollout, "A1", report)
    operate(stack, "A1", "retire")
    stack.wait_for_state(rollout, "A1", "cancelled")
    row = stack.database.instructions(rollout)["A1"]
    assert row["code"] == "device_retired" and not row["in_flight"]
    wait_for(lambda: stack.database.rollout(rollout)["state"] not in ("running", "accepted"), "the rollout does not wait for it")
    assert stack.database.states(rollout) == {"cancelled": 1}


def test_a_retired_device_is_in_no_new_rollout_and_its_id_is_not_given_again(stack):
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1", "A2"]})
    stack.add_artifact()
    operate(stack, "A1", "retire")
    rollout = stack.submit(selector={"branches": ["B1"]})
    wait_for(lambda: stack.database.instructions(rollout), "it is planned")
    assert set(stack.database.instructions(rollout)) == {"A2", "B1"}
    refused = stack.http.import_fleet(fleet({"B1": ["A1", "A3"]}))
    assert refused.status == 422 and "retired" in str(refused.json()), refused
    assert stack.http.import_fleet(fleet({"B1": ["A3"]})).status == 200 and machines(stack) == 2
    assert operate(stack, "A9", "retire").status == 404
