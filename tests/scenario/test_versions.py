"""The database has the versions that a device reported last, all of them, with the time."""

import contextlib
import pathlib

import pytest
from harness.wait import wait_for

MIGRATIONS = pathlib.Path(__file__).parents[2] / "orchestrator/store/migrations"
OLD, NEW = {"atm-app": "4.7.0"}, {"atm-app": "4.7.2"}


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1"]})
    stack.add_artifact()
    return stack


def versions(stack):
    return stack.database.value("SELECT versions FROM device WHERE id = 'A1'")


def wait_for_versions(stack, expected):
    wait_for(lambda: versions(stack) == expected, f"the versions are {expected}; they are {versions(stack)}")


def sent(stack, device, name, count):
    """Submits a rollout, and returns its number and the claims that the device got."""
    rollout = stack.submit(name, selector={"devices": ["A1"]})
    stack.wait_for_states(rollout, dispatched=1)
    device.ask()
    claims = device.wait_for_instruction(count)
    stack.wait_for_states(rollout, sent=1)
    return rollout, claims


def test_a_report_that_comes_again_late_does_not_bring_its_versions_back(testbed):
    device = testbed.device("A1", "B1")
    _, claims = sent(testbed, device, "one", 1)
    attempt = {"instruction": claims["instruction"], "attempt": claims["attempt"]}
    device.send_reply({**attempt, "sequence": 5, "state": "completed", "versions": NEW})
    assert device.wait_for_confirm(5)["accepted"] is True
    device.send_reply({**attempt, "sequence": 2, "state": "installing", "versions": OLD, "confirm": True})
    device.wait_for_confirm(2)
    assert versions(testbed) == NEW


def test_a_late_report_on_an_earlier_instruction_does_not_put_older_versions_over_newer_ones(testbed):
    device = testbed.device("A1", "B1")
    first, early = sent(testbed, device, "first", 1)
    testbed.database.rows("UPDATE instruction SET state = 8, in_flight = false, wake_at = NULL, ended_at = now() "
                          "WHERE rollout_id = %s", first)  # it was given up
    _, later = sent(testbed, device, "second", 2)
    device.send_reply({"instruction": later["instruction"], "attempt": 1, "sequence": 5, "state": "completed",
                       "versions": NEW})
    assert device.wait_for_confirm(5)["accepted"] is True
    device.send_reply({"instruction": early["instruction"], "attempt": 1, "sequence": 7, "state": "completed",
                       "versions": OLD})
    assert device.wait_for_confirm(7)["accepted"] is True
    assert testbed.database.instruction(first, "A1")["state_name"] == "completed"
    assert versions(testbed) == NEW


def test_what_a_device_does_not_say_any_more_is_not_installed_any_more(testbed):
    device = testbed.device("A1", "B1")
    device.ask({**OLD, "printer": "1.0"})
    wait_for_versions(testbed, {**OLD, "printer": "1.0"})
    device.ask(OLD)
    wait_for_versions(testbed, OLD)
    _, claims = sent(testbed, device, "one", 1)
    device.reply(claims, "completed", versions={"reader": "2"})
    wait_for_versions(testbed, {"reader": "2"})


def test_the_time_of_reported_versions_is_shown_also_when_they_are_the_same(testbed):
    device = testbed.device("A1", "B1")
    device.ask(OLD)
    wait_for_versions(testbed, OLD)
    for wrong in ("now() - interval '1 h'", "now() + interval '3 days'"):
        testbed.database.rows(f"UPDATE device SET versions_at = {wrong} WHERE id = 'A1'")
        device.ask(OLD)
        wait_for(lambda: testbed.database.value("SELECT versions_at BETWEEN now() - interval '1 min' AND now() "
                                                "FROM device WHERE id = 'A1'"), "it was said now")


def test_versions_that_were_written_a_moment_ago_are_not_written_again(stack):
    orchestrator = stack.orchestrator(updater={"threads": 1})
    stack.import_fleet({"B1": ["A1", "A2"]})
    first, second = stack.device("A1", "B1"), stack.device("A2", "B1")
    first.ask(NEW)
    wait_for_versions(stack, NEW)
    with contextlib.closing(stack.database.connect()) as holder:
        holder.autocommit = False
        holder.cursor().execute("UPDATE device SET versions_at = now() WHERE id = 'A1'")
        holder.commit()
        holder.cursor().execute("SELECT FROM device WHERE id = 'A1' FOR UPDATE")
        answers = len(first.answers())
        first.ask(NEW)
        first.wait_for_nothing(after=answers)
        second.ask(NEW)
        wait_for(lambda: stack.database.value("SELECT versions FROM device WHERE id = 'A2'") == NEW, "A2's are written")
    assert "versions.not_written" not in orchestrator.text(), "the one updater has waited for the row of A1"


@pytest.mark.plain_broker
def test_three_hundred_asks_with_ever_new_versions_leave_those_of_the_last(testbed):
    device = testbed.device("A1", "B1")
    last = {}
    for number in range(300):
        last = {f"app-{number}-{entry}": "1" for entry in range(64)}
        device.ask(last)
    wait_for_versions(testbed, last)


@pytest.mark.parametrize("wrong", [{f"app-{entry}": "1" for entry in range(65)}, {"x" * 65: "1"}, {"app": "1" * 65}],
                         ids=["many", "long name", "long version"])
def test_an_ask_with_more_versions_than_a_device_may_have_changes_none(testbed, wrong):
    device = testbed.device("A1", "B1")
    device.ask(OLD)
    wait_for_versions(testbed, OLD)
    answers = len(device.answers())
    device.ask(wrong)
    device.wait_for_nothing(after=answers)
    sequence = device.reply({"instruction": 1, "attempt": 1}, "completed")
    device.wait_for_confirm(sequence)  # what it said before is written
    assert versions(testbed) == OLD


def test_versions_that_were_merged_for_ever_are_bounded_by_a_migration(testbed):
    testbed.submit(selector={"devices": ["A1"]})  # its plan names atm-app
    names = ", ".join(f"'app-{entry:05}', '1'" for entry in range(50))
    merged = "SELECT jsonb_object_agg('app-' || n, '1') || '{\"atm-app\": \"4.7.0\"}' FROM generate_series(1, 18304) n"
    testbed.import_fleet({"B1": ["A1", "A2"]})
    testbed.database.rows(f"UPDATE device SET versions = ({merged}) WHERE id = 'A1'")
    testbed.database.rows(f"UPDATE device SET versions = jsonb_build_object({names}) WHERE id = 'A2'")
    migration, = MIGRATIONS.glob("*_bounded_versions.sql")
    testbed.database.rows(migration.read_text(encoding="utf-8"))
    assert len(versions(testbed)) == 64
    assert versions(testbed)["atm-app"] == "4.7.0"
    assert len(testbed.database.value("SELECT versions FROM device WHERE id = 'A2'")) == 50
