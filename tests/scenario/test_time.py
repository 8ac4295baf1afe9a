"""The database's clock is the time, for the orchestrators that sign and for the devices that get an answer."""

import time
from datetime import datetime, timedelta, timezone

import pytest
from harness.programs import INSTALLER

DAY_S = 86400
TOLERANCE_S = 60


class DatabaseClock:
    """Puts its own now() before PostgreSQL's. The clocks of the machine and of the orchestrators stay right."""

    def __init__(self, stack):
        self._stack = stack
        name = stack.database.value("SELECT current_database()")
        stack.database.rows(
            "CREATE SCHEMA shifted; CREATE TABLE shifted.by (seconds bigint NOT NULL);"
            "INSERT INTO shifted.by VALUES (0);"
            "CREATE FUNCTION shifted.now() RETURNS timestamptz LANGUAGE sql STABLE AS "
            "'SELECT pg_catalog.now() + (SELECT seconds FROM shifted.by) * interval ''1 s''';"
            "GRANT USAGE ON SCHEMA shifted TO PUBLIC; GRANT SELECT ON shifted.by TO PUBLIC;"
            f'ALTER DATABASE "{name}" SET search_path = public, shifted, pg_catalog'
        )

    def set(self, seconds):
        """Sets the clock, and returns when the orchestrator has seen it."""
        program = self._stack.orchestrators[0]
        seen = program.text().count("clock_jumped")
        self._stack.database.rows("UPDATE shifted.by SET seconds = %s", seconds)
        program.wait_until(lambda: program.text().count("clock_jumped") > seen, "it has seen the database's clock")


@pytest.fixture
def testbed(stack):
    stack.clock = DatabaseClock(stack)
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1"]}, ["P1"])
    return stack


def open_window():
    """The windows of a schedule: one opened an hour ago, by the right time."""
    start = datetime.now(timezone.utc) - timedelta(hours=1)
    return {"timeZone": "UTC", "windows": [{"start": start.strftime("%H:%M"), "duration": "6h"}]}


def test_an_answer_is_signed_by_the_database_s_clock_and_repeats_the_nonce_of_its_ask(testbed):
    testbed.clock.set(3 * DAY_S)
    node, device = testbed.device("B1", "B1"), testbed.device("A1", "B1")
    rollout = testbed.submit(selector={"devices": ["A1"]})
    testbed.wait_for_state(rollout, "A1", "dispatched")
    start = node.wait_for("tc/v1/branch/B1/start")[0].json()
    device.ask(nonce="one-of-the-test")
    claims = device.wait_for_instruction()
    ahead = time.time() + 3 * DAY_S
    assert claims["nonce"] == "one-of-the-test"
    assert abs(claims["iat"] - ahead) < TOLERANCE_S and claims["nbf"] == claims["iat"]
    assert ahead < claims["start_before"] < claims["exp"] + 1
    assert datetime.fromisoformat(start["expires"].replace("Z", "+00:00")).timestamp() > ahead


def test_an_ask_without_a_nonce_gets_none_and_a_device_without_an_instruction_the_empty_answer(testbed):
    device, pull = testbed.device("A1", "B1"), testbed.device("P1")
    testbed.submit(selector={"devices": ["P1"]})
    assert "nonce" not in pull.wait_for_instruction()
    device.ask(nonce="one-of-the-test")
    assert device.wait_for("tc/v1/device/A1/instruction")[0].payload == b""
    pull.ask({"atm-app": "4.7.0"})
    assert "nonce" not in pull.wait_for_instruction(2)
    pull.ask({"atm-app": "4.7.0"}, nonce="another")
    assert pull.wait_for_instruction(3)["nonce"] == "another"


def test_a_device_goes_back_with_a_clock_that_was_ahead_for_a_while(testbed):
    testbed.clock.set(3 * DAY_S)
    client = testbed.client("pull", "P1", actions={"configure": str(INSTALLER)})
    ahead = testbed.submit("ahead", selector={"devices": ["P1"]})
    testbed.wait_for_state(ahead, "P1", "completed")
    testbed.clock.set(0)
    right = testbed.submit("right", selector={"devices": ["P1"]}, schedule=open_window(), action="configure",
                           artifact=None, parameters={"limit": 500})
    row = testbed.wait_for_state(right, "P1", "completed")
    assert row["attempt"] == 1
    assert client.is_running()
