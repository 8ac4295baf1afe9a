"""The states of an instruction in the database: the same rules as the program's, and every move they allow."""

import itertools
import subprocess
import threading
from datetime import timedelta

import psycopg2
import pytest
from harness.database import STATES
from harness.operations import ordered
from harness.programs import BIN
from harness.servers import ROOT
from harness.wait import wait_for

REPORTS = ("received", "installing", "completed", "failed", "rejected", "deferred")


def rules():
    printed = subprocess.run([BIN / "tellercastd", "--print-states"], capture_output=True, text=True, check=True)
    instruction_moves = printed.stdout.split("\n\n")[0]
    return {tuple(line.split()[:2]): line.split()[2] for line in instruction_moves.splitlines()}


def test_the_rules_in_the_database_are_those_of_the_program(stack):
    stack.orchestrator()
    rows = stack.database.rows(
        "SELECT f.name AS from_state, e.name AS event, t.name AS to_state FROM instruction_rule r "
        "JOIN instruction_state f ON f.state = r.from_state JOIN instruction_state t ON t.state = r.to_state "
        "JOIN instruction_event_kind e USING (event)"
    )
    assert {(row["from_state"], row["event"]): row["to_state"] for row in rows} == rules()


def test_every_report_in_every_state_does_what_the_rules_say_and_nothing_else(stack):
    pairs = list(itertools.product(STATES, REPORTS))
    stack.orchestrator(conductor={"period": "1m"}, scheduler={"period": "1m"})
    stack.import_fleet({"B1": [f"A{number:02}" for number in range(len(pairs))]})
    stack.add_artifact()
    rollout = stack.submit(schedule={"startAt": "2027-01-10T00:00:00Z"})
    wait_for(lambda: stack.database.rollout(rollout)["state"] == "running", "it is planned")
    # Each device is put into its state by hand, as the second attempt of its instruction.
    for number, (state, _) in enumerate(pairs):
        stack.database.rows(
            "UPDATE instruction SET attempt = 2, sequence = 0, due_at = CASE WHEN %s = 'created' THEN due_at END, "
            "state = (SELECT state FROM instruction_state WHERE name = %s), "
            "in_flight = %s IN ('dispatched', 'sent', 'received', 'installing') WHERE rollout_id = %s AND device = %s",
            state, state, state, rollout, f"A{number:02}",
        )
    before = stack.database.instructions(rollout)
    for number, (_, report) in enumerate(pairs):
        name = f"A{number:02}"
        status = {"instruction": before[name]["id"], "attempt": 2, "sequence": 1, "state": report, "confirm": True}
        stack.device(name).send_reply(status)
    for number in range(len(pairs)):
        stack.spy.wait_for(f"tc/v1/device/A{number:02}/confirm")
    after = stack.database.instructions(rollout)
    known = rules()
    for number, (state, report) in enumerate(pairs):
        row = after[f"A{number:02}"]
        expected = known.get((state, report), state)
        if state == "created":
            expected = state  # an attempt that was not started cannot be reported on
        assert row["state_name"] == expected, (state, report)
        confirm = stack.spy.messages(f"tc/v1/device/A{number:02}/confirm")[0].json()
        assert confirm["accepted"] == (state != "created"), (state, report)


def play(stack, *reports, **execution):
    """One device that asks and replies; returns the rollout."""
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1"]})
    stack.add_artifact()
    rollout = stack.submit(selector={"devices": ["A1"]}, execution=execution)
    stack.wait_for_states(rollout, dispatched=1)
    atm = stack.device("A1", "B1")
    atm.ask()
    claims = atm.wait_for_instruction()
    for report in reports:
        atm.wait_for_confirm(atm.reply(claims, report, confirm=True))
    return rollout, atm, claims


def test_a_late_report_of_an_earlier_stage_changes_nothing_and_is_accepted(stack):
    rollout, atm, claims = play(stack, "received", "installing")
    sequence = atm.reply(claims, "received", confirm=True)
    assert atm.wait_for_confirm(sequence)["accepted"] is True
    assert stack.database.instruction(rollout, "A1")["state_name"] == "installing"


def test_the_same_report_twice_counts_once(stack):
    rollout, atm, claims = play(stack, "received")
    status = {"instruction": claims["instruction"], "attempt": 1, "sequence": 9, "state": "completed"}
    for _ in range(3):
        atm.send_reply(status)
    wait_for(lambda: len([c for c in atm.confirms() if c["sequence"] == 9]) >= 3, "each of them is confirmed")
    assert stack.database.counters(rollout) == {"completed": 1}


def test_a_failed_attempt_gets_another_after_its_backoff_with_a_new_number(stack):
    rollout, atm, claims = play(stack, "received", "failed", retries=1, backoff="1s")
    row = stack.wait_for_state(rollout, "A1", "dispatched")
    assert row["attempt"] == 2 and row["failures"] == 1
    failed = stack.database.events(claims["instruction"])[0]
    assert row["dispatched_at"] - failed["at"] >= timedelta(seconds=1)
    atm.ask()
    second = atm.wait_for_instruction(2)
    assert (second["instruction"], second["attempt"]) == (claims["instruction"], 2)
    atm.reply(second, "completed")
    stack.wait_for_rollout(rollout)
    assert failed["state_name"] == "failed"
    assert stack.database.counters(rollout) == {"completed": 1}


def test_the_times_of_an_attempt_that_failed_are_kept_beside_those_of_the_next(stack):
    rollout, atm, _ = play(stack, "received", "installing", "failed", retries=1, backoff="0s")
    stack.wait_for_state(rollout, "A1", "dispatched")
    atm.ask()
    atm.reply(atm.wait_for_instruction(2), "completed")
    stack.wait_for_rollout(rollout)
    shown = stack.http.document(f"/v1/rollouts/{rollout}/instructions")["instructions"][0]
    first = shown["events"][0]
    stages = ("dispatched_at", "sent_at", "received_at", "installing_at")
    assert (first["attempt"], first["state"]) == (1, "failed")
    times = [first[stage] for stage in stages] + [first["at"], shown["dispatched_at"]]
    assert None not in times and times == sorted(times)
    told = stack.http.document("/v1/devices/A1")["instructions"][0]["events"][0]
    assert [told[stage] for stage in stages] == times[:4]


def test_a_failed_attempt_is_final_when_no_retry_is_left(stack):
    rollout, _, _ = play(stack, "received", "failed", retries=0)
    stack.wait_for_rollout(rollout, "halted")
    assert stack.database.states(rollout) == {"failed": 1}


def test_a_deferred_attempt_comes_again_and_is_no_failure(stack):
    rollout, atm, _ = play(stack, "received", "deferred", backoff="1s")
    row = stack.wait_for_state(rollout, "A1", "dispatched")
    assert (row["attempt"], row["failures"], row["deferrals"]) == (2, 0, 1)
    atm.ask()
    atm.reply(atm.wait_for_instruction(2), "completed")
    stack.wait_for_rollout(rollout)


@pytest.mark.parametrize("code", ["window_missed", "expired"])
def test_a_device_that_got_its_instruction_too_late_gets_it_again(stack, code):
    rollout, atm, claims = play(stack, "received", backoff="1s")
    atm.reply(claims, "rejected", code=code)
    row = stack.wait_for_state(rollout, "A1", "dispatched")
    assert (row["attempt"], row["failures"], row["deferrals"]) == (2, 0, 1)
    atm.ask()
    atm.reply(atm.wait_for_instruction(2), "completed")
    stack.wait_for_rollout(rollout)


def test_a_silent_node_is_told_from_a_silent_atm(stack):
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1"], "B2": ["A2"]})
    stack.add_artifact()
    quick = {"dispatchTimeout": "2s", "answerTimeout": "2s", "retries": 0}
    rollout = stack.submit(selector={"devices": ["A1", "A2"]}, execution=quick)
    stack.wait_for_states(rollout, dispatched=2)
    atm = stack.device("A2", "B2")
    atm.ask()
    atm.wait_for_instruction()
    stack.wait_for_states(rollout, timed_out=2)
    assert stack.database.instruction(rollout, "A1")["code"] == "node_silent"
    assert stack.database.instruction(rollout, "A2")["code"] == "atm_silent"


def test_a_device_that_completed_after_we_gave_up_on_it_has_completed(stack):
    rollout, atm, claims = play(stack, answerTimeout="2s", retries=0)
    stack.wait_for_states(rollout, timed_out=1)
    atm.reply(claims, "completed")
    stack.wait_for_states(rollout, completed=1)
    assert stack.database.counters(rollout) == {"completed": 1}


def test_a_device_that_failed_after_we_gave_up_on_it_has_failed_once(stack):
    rollout, atm, claims = play(stack, answerTimeout="2s", retries=0)
    stack.wait_for_states(rollout, timed_out=1)
    stack.wait_for_rollout(rollout, "halted")
    sequence = atm.reply(claims, "failed", code="out_of_service")
    assert atm.wait_for_confirm(sequence)["accepted"] is True
    row = stack.database.instruction(rollout, "A1")
    assert (row["state_name"], row["code"], row["failures"]) == ("failed", "out_of_service", 1)
    assert (row["in_flight"], row["wake_at"]) == (False, None)
    assert stack.database.counters(rollout) == {"failed": 1}
    assert [event["state_name"] for event in stack.database.events(claims["instruction"])] == ["timed_out", "failed"]


def test_a_machine_that_went_out_of_service_while_its_instruction_was_cancelled_is_known_to_be(stack):
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1"]})
    stack.add_artifact()
    rollout = stack.submit(selector={"devices": ["A1"]})
    row = stack.wait_for_state(rollout, "A1", "dispatched")
    ordered(stack, rollout, "cancel")
    stack.wait_for_rollout(rollout, "cancelled")
    assert stack.database.states(rollout) == {"cancelled": 1}
    atm = stack.device("A1", "B1")
    atm.send_reply({"instruction": row["id"], "attempt": 1, "sequence": 3, "state": "failed", "code": "out_of_service"})
    assert atm.wait_for_confirm(3)["accepted"] is True
    row = stack.database.instruction(rollout, "A1")
    assert (row["state_name"], row["code"], row["wake_at"]) == ("failed", "out_of_service", None)
    assert stack.database.counters(rollout) == {"failed": 1}
    assert stack.database.rollout(rollout)["state"] == "cancelled"


def test_a_first_attempt_that_failed_counts_when_the_second_will_not_come(stack):
    rollout, atm, claims = play(stack, answerTimeout="1s", retries=3, backoff="10m")
    wait_for(lambda: stack.database.instruction(rollout, "A1")["attempt"] == 2, "another attempt is planned")
    ordered(stack, rollout, "cancel")
    stack.wait_for_rollout(rollout, "cancelled")
    sequence = atm.reply(claims, "failed", code="out_of_service")
    assert atm.wait_for_confirm(sequence)["accepted"] is True
    row = stack.database.instruction(rollout, "A1")
    assert (row["state_name"], row["code"], row["failures"]) == ("failed", "out_of_service", 1)
    assert stack.database.counters(rollout) == {"failed": 1}


def test_a_device_that_completed_its_first_attempt_needs_no_second(stack):
    rollout, atm, claims = play(stack, answerTimeout="1s", retries=3, backoff="10m")
    wait_for(lambda: stack.database.instruction(rollout, "A1")["attempt"] == 2, "another attempt is planned")
    atm.reply(claims, "completed")
    stack.wait_for_states(rollout, completed=1)
    stack.wait_for_rollout(rollout)


@pytest.mark.parametrize("stage, reports", [("received", ["received"]), ("installing", ["received", "installing"])])
def test_a_stage_that_lasts_too_long_is_timed_out(stack, stage, reports):
    rollout, _, _ = play(stack, *reports, receiveTimeout="2s", installTimeout="2s", retries=0)
    stack.wait_for_states(rollout, timed_out=1)
    code = {"received": "not_installing", "installing": "install_timeout"}[stage]
    assert stack.database.instruction(rollout, "A1")["code"] == code


INSTALLING, TIMES = 4, 20
REPORTED_INSTALLING = 3


def statement(name):
    return (ROOT / f"orchestrator/store/queries/{name}.sql").read_text(encoding="utf-8")


def write_again_and_again(address, types, text, arrays, faults):
    try:
        with psycopg2.connect(address) as connection, connection.cursor() as cursor:
            cursor.execute(f"PREPARE write ({types}) AS {text}")
            for time in range(1, TIMES + 1):
                values = arrays(time)
                cursor.execute(f"EXECUTE write ({', '.join(['%s'] * len(values))})", values)
                connection.commit()
    except psycopg2.Error as error:
        faults.append(error)


def test_writers_of_the_same_instructions_in_other_orders_never_wait_in_a_circle(stack):
    """Each of several orchestrators is told what another was told, too, and the conductor looks at what is late."""
    stack.orchestrator(conductor={"period": "1m"}, scheduler={"period": "1m"})
    stack.import_fleet({"B1": [f"A{number:04}" for number in range(1000)]})
    stack.add_artifact()
    rollout = stack.submit(schedule={"startAt": "2027-01-10T00:00:00Z"})
    wait_for(lambda: stack.database.rollout(rollout)["state"] == "running", "it is planned")
    stack.database.rows("UPDATE instruction SET state = 4, in_flight = true, due_at = NULL")
    rows = stack.database.rows("SELECT id, device FROM instruction ORDER BY id")
    count = len(rows)

    def updater(rows):
        ids, devices = [row["id"] for row in rows], [row["device"] for row in rows]
        return ("bigint[], text[], int[], smallint[], int[], smallint[], text[], text[], text[], smallint",
                statement("move_reported"),
                lambda time: (ids, devices, [1] * count, [REPORTED_INSTALLING] * count, [time] * count, [time] * count,
                              [""] * count, [""] * count, ['{"app": "%d"}' % time] * count, 0))

    def conductor(rows):
        ids = [row["id"] for row in rows]
        return ("bigint[], smallint[], int[], smallint[], bigint[], bigint[], text[], smallint",
                statement("move_decided"),
                lambda time: (ids, [INSTALLING] * count, [1] * count, [INSTALLING] * count, [0] * count, [time] * count,
                              [""] * count, 0))

    faults = []
    parts = [updater(rows), updater(rows[::-1]), updater(rows[500:] + rows[:500]), conductor(rows[::-1])]
    writers = [threading.Thread(target=write_again_and_again, args=(stack.database.address, *part, faults)) for part in parts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not faults
    assert stack.database.rows("SELECT DISTINCT state, sequence FROM instruction") == [{"state": 4, "sequence": TIMES}]
