"""The forecast end of a running rollout, which the server repeats while the rollout runs."""

from datetime import datetime, timedelta

import pytest
from harness.operations import operate
from harness.programs import command_line
from harness.wait import wait_for


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2", "A3", "A4"], "B2": ["A5"]})
    return stack


def forecast_of(testbed, rollout):
    document = testbed.http.document(f"/v1/rollouts/{rollout}")
    end = document["forecast_end_at"]
    return document, None if end is None else datetime.fromisoformat(end) - datetime.fromisoformat(document["at"])


def wait_for_forecast(testbed, rollout, least, most):
    """Waits until the forecast remaining time is between `least` and `most`. Returns it."""
    def within():
        left = forecast_of(testbed, rollout)[1]
        return left is not None and least < left < most
    wait_for(within, f"the forecast is between {least} and {most}")


ATMS = {"devices": ["A1", "A2", "A3", "A4", "A5"]}


def test_a_running_rollout_shows_when_it_will_end_by_the_devices_left_and_how_long_others_took(testbed):
    """One device at a time in its branch, at most an hour each: four hours. Three devices that took seconds lower the forecast."""
    rollout = testbed.submit(selector=ATMS, disruptionBudget={"maxUnavailable": 1}, execution={"installTimeout": "1h"},
                             groups=[{"name": "all", "percentage": 100, "success": 0, "soak": "10m"}])
    wait_for_forecast(testbed, rollout, timedelta(hours=4), timedelta(hours=4, minutes=15))
    for _ in range(4):
        name = wait_for(lambda: next((row["device"] for row in testbed.database.instructions(rollout).values()
                                      if row["state_name"] == "dispatched"), None), "the next one is dispatched")
        device = testbed.device(name, testbed.database.instruction(rollout, name)["branch"])
        device.ask()
        device.reply(device.wait_for_instruction(), "completed")
        testbed.wait_for_state(rollout, name, "completed")
    wait_for_forecast(testbed, rollout, timedelta(minutes=10), timedelta(minutes=12))
    operate(testbed, rollout, "pause")
    assert forecast_of(testbed, rollout)[1] is None, "the end of a pause is unknown"


def test_what_cannot_start_in_time_ends_with_the_rollout(testbed):
    end = datetime.now().astimezone() + timedelta(hours=3)
    rollout = testbed.submit(selector=ATMS, disruptionBudget={"maxUnavailable": 1}, execution={"installTimeout": "1h"},
                             schedule={"endAt": f"{end:%Y-%m-%dT%H:%M:%S%z}"[:-2] + ":00"})
    wait_for_forecast(testbed, rollout, timedelta(hours=2, minutes=50), timedelta(hours=3, seconds=1))


def test_nobody_knows_when_a_person_answers(testbed):
    groups = [{"name": "pilot", "devices": ["A5"], "approval": "manual"}, {"name": "rest", "percentage": 100}]
    rollout = testbed.submit(selector=ATMS, groups=groups)
    wait_for_forecast(testbed, rollout, timedelta(hours=1), timedelta(days=1))
    testbed.wait_for_state(rollout, "A5", "dispatched")
    device = testbed.device("A5", "B2")
    device.ask()
    device.reply(device.wait_for_instruction(), "completed")
    wait_for(lambda: forecast_of(testbed, rollout)[0]["groups"][0]["awaits_approval"], "it asks")
    wait_for(lambda: forecast_of(testbed, rollout)[1] is None, "it shows no end")
    operate(testbed, rollout, "approve", group="pilot")
    wait_for_forecast(testbed, rollout, timedelta(minutes=30), timedelta(days=1))


def test_what_has_ended_is_not_forecast(testbed):
    rollout = testbed.submit(selector=ATMS)
    wait_for_forecast(testbed, rollout, timedelta(minutes=1), timedelta(days=1))
    server = ("--server", testbed.http.url)
    assert "forecast" in command_line("rollout", "status", str(rollout), *server).stdout
    operate(testbed, rollout, "cancel")
    testbed.wait_for_rollout(rollout, "cancelled")
    assert forecast_of(testbed, rollout)[1] is None
    status = command_line("rollout", "status", str(rollout), *server).stdout
    assert "ended" in status and "forecast" not in status
