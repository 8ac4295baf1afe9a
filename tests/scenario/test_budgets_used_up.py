"""A branch whose budget is used up by machines that are out of service is at its budget, wherever that is shown."""

import re
from datetime import datetime, timedelta, timezone

from harness.branches import begin, end, look_again, submit
from harness.programs import command_line
from harness.wait import wait_for

ONE = {"maxUnavailable": 1}
SHORT = {"dispatchTimeout": "10m", "answerTimeout": "10m", "receiveTimeout": "10m", "installTimeout": "30m"}
WHOLE = [{"name": "all", "percentage": 100, "success": 0}]


def at_budget(stack):
    shown = stack.http.document("/v1/branches?at_budget=true")["branches"]
    return [(row["branch"], row["used"], row["budget"], row["unavailable"], row["in_flight"]) for row in shown]


def gauge(stack):
    text = stack.http.get("/metrics").body.decode()
    found = re.search(r"^tellercast_branches_at_budget (\d+)$", text, re.M)
    return found and int(found.group(1))


def forecast_that(stack, rollout, holds):
    """Waits for a forecast whose assumptions have such codes."""
    def made():
        document = stack.http.document(f"/v1/rollouts/{rollout}/forecast")
        return holds([row["code"] for row in document["assumptions"]]) and document
    return wait_for(made, "it is forecast again", 60)


def test_a_branch_that_a_machine_out_of_service_blocks_is_at_its_budget_until_it_returns(stack):
    begin(stack, {"B1": ["A1", "A2", "A3"]})
    rollout = submit(stack, "breaks", ["A1", "A2"], disruptionBudget=ONE, groups=WHOLE, execution={"retries": 0, **SHORT},
                     schedule={"endAt": f"{datetime.now(timezone.utc) + timedelta(hours=20):%Y-%m-%dT%H:%M:%SZ}"})
    first = wait_for(lambda: [name for name in ("A1", "A2")
                              if stack.database.instruction(rollout, name)["state_name"] == "dispatched"], "one starts")[0]
    end(stack, rollout, first, "B1", "failed", code="out_of_service")
    look_again(stack)
    other = next(name for name in ("A1", "A2") if name != first)
    assert stack.database.instruction(rollout, other)["state_name"] == "created", "its branch has no room"
    assert at_budget(stack) == [("B1", 1, 1, 1, 0)]
    assert stack.http.document("/v1/overview")["branches"]["at_budget"] == 1
    assert "branches     1 at their budget" in command_line("tonight", *stack.http.at("ola")).stdout
    document = forecast_that(stack, rollout, lambda codes: "not_returned" in codes)
    assert "returned_at_once" in str(document["assumptions"]) and document["best_end_at"] < document["worst_end_at"], document
    assert document["worst_end_at"] == document["end_at"] is not None, "nobody knows when the machine returns"
    wait_for(lambda: stack.http.document(f"/v1/rollouts/{rollout}")["forecast_end_at"] is None, "nothing goes on until it returns")
    wait_for(lambda: gauge(stack) == 1, "the gauges count it", 90)
    command_line("device", "return", first, "--reason", "repaired", *stack.http.at("ola"))
    document = forecast_that(stack, rollout, lambda codes: "not_returned" not in codes)
    assert document["worst_end_at"] < document["end_at"], document
    wait_for(lambda: stack.http.document(f"/v1/rollouts/{rollout}")["forecast_end_at"], "it has an expected end again")
    end(stack, rollout, other, "B1", "completed")
    stack.wait_for_rollout(rollout)
    assert at_budget(stack) == []


def test_a_machine_out_of_service_has_no_budget_once_its_rollout_has_ended(stack):
    begin(stack, {"B1": ["A1", "A2"]})
    rollout = submit(stack, "breaks", ["A1"], disruptionBudget=ONE, groups=WHOLE, execution={"retries": 0})
    end(stack, rollout, "A1", "B1", "failed", code="out_of_service")
    wait_for(lambda: stack.database.rollout(rollout)["ended_at"], "the rollout has ended")
    (branch,) = stack.http.document("/v1/branches?q=B1")["branches"]
    assert (branch["used"], branch["unavailable"], branch["budget"]) == (1, 1, None) and at_budget(stack) == []
