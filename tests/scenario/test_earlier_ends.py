"""An earlier end of a rollout: what was dispatched and not answered starts in time or not at all; what was answered finishes."""

import contextlib
from datetime import datetime, timezone

import pytest
from harness.wait import wait_for
from test_amendments import ahead, amend

TOPIC = "tc/v1/device/P1/instruction"


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2", "A3"]}, ["P1"])
    return stack


def submit(testbed, devices):
    """A rollout whose devices may start for as long as it lasts, which is longer than any waits for its answer."""
    rollout = testbed.submit(selector={"devices": devices}, schedule={"endAt": ahead(hours=9)}, disruptionBudget={"maxUnavailable": 3},
                             execution={"installTimeout": "10m", "dispatchTimeout": "8h"})
    for name in devices:
        testbed.wait_for_state(rollout, name, "dispatched")
    testbed.database.rows("UPDATE instruction SET start_before = now() + interval '8 h' WHERE rollout_id = %s RETURNING id", rollout)
    return rollout


def seconds_left(claims):
    return claims["start_before"] - datetime.now(timezone.utc).timestamp()


def events_of(testbed, rollout, device):
    return testbed.database.rows("SELECT e.attempt, e.code FROM instruction_event e JOIN instruction i ON i.id = e.instruction_id "
                                 "WHERE i.rollout_id = %s AND i.device = %s ORDER BY e.at", rollout, device)


def test_what_was_dispatched_before_an_earlier_end_starts_in_time_for_it(testbed):
    rollout = submit(testbed, ["P1", "A1"])
    a1, p1 = testbed.device("A1", "B1"), testbed.device("P1")
    wait_for(p1.tokens, "P1 has it on its topic")
    amend(testbed, rollout, {"endAt": ahead(minutes=30)}, number=1)
    a1.ask()
    assert 15 * 60 < seconds_left(a1.wait_for_instruction()) <= 20 * 60, "an installation of 10 minutes fits"
    assert testbed.database.instruction(rollout, "A1")["attempt"] == 1
    again = wait_for(lambda: [claims for claims in p1.tokens() if claims["attempt"] == 2], "P1 gets another instruction")[0]
    assert 15 * 60 < seconds_left(again) <= 20 * 60, again
    assert any(event["code"] == "end_amended" for event in events_of(testbed, rollout, "P1"))


def test_what_was_not_answered_when_no_installation_fits_any_more_is_withdrawn_and_what_was_answered_finishes(testbed):
    rollout = submit(testbed, ["P1", "A1", "A2", "A3"])
    a1, a2, a3 = (testbed.device(name, "B1") for name in ("A1", "A2", "A3"))
    a2.ask()
    answered = a2.wait_for_instruction()
    testbed.wait_for_state(rollout, "A2", "sent")
    a3.ask()
    working = a3.wait_for_instruction()
    a3.reply(working, "installing")
    testbed.wait_for_state(rollout, "A3", "installing")
    wait_for(lambda: testbed.spy.messages(TOPIC), "P1 has it on its topic")
    amend(testbed, rollout, {"endAt": ahead(seconds=20)}, number=1)
    a1.ask()
    for name in ("A1", "P1"):
        wait_for(lambda name=name: testbed.database.instruction(rollout, name)["state_name"] in ("created", "expired"), f"{name} is withdrawn")
        assert any(event["code"] == "end_amended" for event in events_of(testbed, rollout, name)), name
    wait_for(lambda: testbed.spy.messages(TOPIC)[-1].payload == b"", "P1's topic is empty")
    a1.ask()
    a2.ask()
    assert a2.wait_for_instruction(2)["start_before"] == answered["start_before"], "it was answered: it may start as it was told"
    assert a1.tokens() == [], "nothing is answered that would not finish in time"
    a2.reply(answered, "completed")
    a3.reply(working, "completed")
    for name in ("A1", "P1"):
        testbed.wait_for_state(rollout, name, "expired")
    for name in ("A2", "A3"):
        testbed.wait_for_state(rollout, name, "completed")
    assert testbed.database.states(rollout) == {"completed": 2, "expired": 2} == testbed.database.counters(rollout)


def test_a_later_end_gives_the_time_back_that_an_earlier_one_took(testbed):
    rollout = submit(testbed, ["A1"])
    assert testbed.database.rollout(rollout)["last_start_at"] is None, "nothing is looked at before an end changes"
    amend(testbed, rollout, {"endAt": ahead(minutes=30)})
    amend(testbed, rollout, {"endAt": ahead(hours=9)})
    a1 = testbed.device("A1", "B1")
    a1.ask()
    assert seconds_left(a1.wait_for_instruction()) > 7 * 3600
    assert testbed.database.instruction(rollout, "A1")["attempt"] == 1, "nothing was withdrawn"


def test_waiting_instructions_get_other_times_in_the_order_of_their_ids_as_every_writer_locks_them(testbed):
    rollout = testbed.submit(selector={"devices": ["P1", "A1", "A2"]}, schedule={"startAt": ahead(hours=1), "endAt": ahead(hours=9)})
    testbed.wait_for_rollout(rollout, "running")
    first, *_, last = sorted(row["id"] for row in testbed.database.instructions(rollout).values())
    testbed.database.rows("UPDATE instruction SET due_at = now() + interval '2 h' - (id - %s) * interval '1 min' WHERE rollout_id = %s "
                          "RETURNING id", first, rollout)
    with contextlib.closing(testbed.database.connect()) as connection, connection.cursor() as cursor:
        connection.autocommit = False
        cursor.execute("SELECT FROM instruction WHERE id = %s FOR UPDATE", [first])
        amend(testbed, rollout, {"endAt": ahead(hours=8)})
        wait_for(lambda: testbed.database.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                                                "AND position('first_due_at' IN query) > 0 AND pid <> pg_backend_pid()"), "the conductor waits for the first")
        cursor.execute("SELECT FROM instruction WHERE id = %s FOR UPDATE NOWAIT", [last])
        connection.rollback()
    wait_for(lambda: not testbed.database.value("SELECT bool_or(retimes) FROM amendment WHERE rollout_id = %s", rollout), "all have their times")
