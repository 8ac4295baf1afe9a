"""The states of an instruction in the database: the rules are those of the program, and allow exactly the same moves."""

import itertools
import re
import subprocess
import threading
from datetime import timedelta

import psycopg2
import pytest
from harness.operations import operate
from harness.programs import BIN
from harness.statements import Prepared, vocabulary
from harness.wait import wait_for

REPORTS = ("received", "installing", "completed", "failed", "rejected", "deferred")


def rules():
    """Returns (from, event) → to, each a state with its substate: "created/scheduled"."""
    printed = subprocess.run([BIN / "tellercastd", "--print-states"], capture_output=True, text=True, check=True)
    instruction_moves = printed.stdout.split("\n\n")[0]
    return {tuple(line.split()[:2]): line.split()[2] for line in instruction_moves.splitlines()}


def substates():
    known = rules()
    return sorted({start for start, _ in known} | set(known.values()))


def test_the_rules_in_the_database_are_those_of_the_program(stack):
    stack.orchestrator()
    rows = stack.database.rows(
        "SELECT concat(fs.name, '/', fb.name) AS was, e.name AS event, concat(ts.name, '/', tb.name) AS becomes "
        "FROM instruction_transition t JOIN instruction_event_kind e USING (event) "
        "JOIN instruction_state fs ON fs.state = t.from_state JOIN instruction_state ts ON ts.state = t.to_state "
        "JOIN instruction_substate fb ON (fb.state, fb.substate) = (t.from_state, t.from_substate) "
        "JOIN instruction_substate tb ON (tb.state, tb.substate) = (t.to_state, t.to_substate)"
    )
    assert {(row["was"], row["event"]): row["becomes"] for row in rows} == rules()
    named = stack.database.rows("SELECT concat(s.name, '/', b.name) AS name FROM instruction_substate b "
                                "JOIN instruction_state s USING (state) ORDER BY 1")
    assert [row["name"] for row in named] == substates()


def test_the_words_in_the_database_are_those_of_the_vocabulary(stack):
    stack.orchestrator()
    states, events = vocabulary("INSTRUCTION_STATE"), vocabulary("INSTRUCTION_EVENT")
    numbers = {constant: number for constant, number, _ in (*states, *events)}
    first_end = numbers[dict(vocabulary("STATE_BOUND"))["FIRST_END"]]

    def rows(table):
        return {tuple(row.values()) for row in stack.database.rows(f"SELECT * FROM {table}")}

    assert rows("instruction_state") == {(number, name, number >= first_end) for _, number, name in states}
    assert rows("instruction_event_kind") == {(number, name) for _, number, name in events}
    specials = vocabulary("SPECIAL_SUBSTATE")
    numbers |= {constant: number for constant, number, _ in (*vocabulary("USUAL_SUBSTATE"), *specials)}
    assert rows("instruction_transition") == {tuple(numbers[word] for word in rule[:5])
                                              for rule in vocabulary("INSTRUCTION_RULE")}
    named = {(number, name) for _, number, name in specials}
    assert {(substate, name) for _, substate, name in rows("instruction_substate") if substate != 0} == named


@pytest.mark.parametrize("table, column, kind", [("rollout", "state", "ROLLOUT_STATE"), ("device", "role", "DEVICE_ROLE"),
                                                 ("rollout_group", "state", "GROUP_STATE")])
def test_a_column_takes_the_words_of_the_vocabulary_and_no_others(stack, table, column, kind):
    stack.orchestrator()
    check = stack.database.value("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s",
                                 f"{table}_{column}_check")
    assert set(re.findall(r"'(\w+)'", check)) == {name for _, name in vocabulary(kind)}


# The times of a row in each substate.
TIMES_OF = {"no_window": "due_at = 'infinity'", "deferred": "due_at = NULL, wake_at = now() + interval '1 h'",
            "admitted": "due_at = NULL", "withdrawing": "due_at = NULL, withdrawn_at = now()",
            "undecided": "due_at = NULL, wake_at = now() + interval '1 h'", "active": "due_at = NULL",
            "final": "due_at = NULL", "scheduled": "planned_at = planned_at"}
NOT_STARTED = ("created/scheduled", "created/no_window")  # such an attempt cannot be reported on


def put(stack, rollout, device, substate):
    """Writes by hand the second attempt of its instruction."""
    state, special = substate.split("/")
    stack.database.rows(
        f"UPDATE instruction i SET attempt = 2, sequence = 0, state = b.state, substate = b.substate, {TIMES_OF[special]}, "
        "in_flight = s.name IN ('dispatched', 'sent', 'received', 'installing') "
        "FROM instruction_state s JOIN instruction_substate b USING (state) "
        "WHERE rollout_id = %s AND device = %s AND s.name = %s AND b.name = %s", rollout, device, state, special)


def test_every_report_in_every_substate_does_what_the_rules_say_and_nothing_else(stack):
    pairs = list(itertools.product(substates(), REPORTS))
    names = [f"A{number:03}" for number in range(len(pairs))]
    devices = [stack.device(name) for name in names]  # before the conductor's minute begins
    stack.orchestrator(conductor={"period": "1m"}, scheduler={"period": "1m"})
    stack.import_fleet({"B1": names})
    stack.add_artifact()
    rollout = stack.submit(schedule={"startAt": "2038-01-10T00:00:00Z"})
    wait_for(lambda: stack.database.rollout(rollout)["state"] == "running", "it is planned")
    for name, (substate, _) in zip(names, pairs):
        put(stack, rollout, name, substate)
    before = stack.database.instructions(rollout)
    for name, device, (_, report) in zip(names, devices, pairs):
        status = {"instruction": before[name]["id"], "attempt": 2, "sequence": 1, "state": report, "confirm": True}
        device.send_reply(status)
    for name in names:
        stack.spy.wait_for(f"tc/v1/device/{name}/confirm")
    after = stack.database.instructions(rollout)
    known = rules()
    for name, (substate, report) in zip(names, pairs):
        expected = known.get((substate, report), substate)
        if substate in NOT_STARTED:
            expected = substate
        row = after[name]
        assert f"{row['state_name']}/{row['substate_name']}" == expected, (substate, report)
        confirm = stack.spy.messages(f"tc/v1/device/{name}/confirm")[0].json()
        assert confirm["accepted"] == (substate not in NOT_STARTED), (substate, report)


def play(stack, *reports, **execution):
    """One device that asks and sends these reports. Returns the rollout."""
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
    ended = stack.http.document("/v1/devices/A1")["instructions"][0]["events"][0]
    assert [ended[stage] for stage in stages] == times[:4]


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


def test_what_did_not_ask_is_told_from_what_was_answered_and_a_node_from_an_atm_that_may_be_away_itself(stack):
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1"], "B2": ["A2"], "B3": []})
    stack.add_artifact()
    quick = {"dispatchTimeout": "2s", "answerTimeout": "2s", "retries": 0}
    rollout = stack.submit(selector={"devices": ["A1", "A2", "B3"]}, execution=quick)
    stack.wait_for_states(rollout, dispatched=3)
    atm = stack.device("A2", "B2")
    atm.ask()
    atm.wait_for_instruction()
    stack.wait_for_states(rollout, timed_out=3)
    codes = {device: stack.database.instruction(rollout, device)["code"] for device in ("A1", "A2", "B3")}
    assert codes == {"A1": "not_asked", "A2": "atm_silent", "B3": "node_silent"}


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
    operate(stack, rollout, "cancel")
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
    operate(stack, rollout, "cancel")
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
ATTEMPTS_MAX = 1_000_000
REPORTED_INSTALLING = 3


PLANS = {"nested loops": {"enable_hashjoin": "off", "enable_mergejoin": "off"},
         "hash joins": {"enable_nestloop": "off", "enable_mergejoin": "off"},
         "merge joins": {"enable_nestloop": "off", "enable_hashjoin": "off"}}


def write_again_and_again(address, plan, name, values_at, faults):
    try:
        with psycopg2.connect(address) as connection, connection.cursor() as cursor:
            prepared = Prepared(cursor, name)
            for setting, value in PLANS[plan].items():
                cursor.execute(f"SET {setting} = {value}")
            for time in range(1, TIMES + 1):
                prepared.run(**values_at(time))
                connection.commit()
    except psycopg2.Error as error:
        faults.append(error)


@pytest.mark.parametrize("plan", PLANS)
def test_writers_of_the_same_instructions_in_other_orders_never_wait_in_a_circle(stack, plan):
    """Several orchestrators get the same reports, and the conductor looks at late instructions. The order of row locks must not
    depend on PostgreSQL's plan of a query."""
    stack.orchestrator(conductor={"period": "1m"}, scheduler={"period": "1m"})
    stack.import_fleet({"B1": [f"A{number:04}" for number in range(1000)]})
    stack.add_artifact()
    rollout = stack.submit(schedule={"startAt": "2038-01-10T00:00:00Z"})
    wait_for(lambda: stack.database.rollout(rollout)["state"] == "running", "it is planned")
    stack.database.rows("UPDATE instruction SET state = 4, in_flight = true, due_at = NULL")
    rows = stack.database.rows("SELECT id, device FROM instruction ORDER BY id")
    count = len(rows)

    def updater(rows):
        fixed = {"id": [row["id"] for row in rows], "device": [row["device"] for row in rows], "attempt": [1] * count,
                 "event": [REPORTED_INSTALLING] * count, "code": [""] * count, "detail": [""] * count, "shard": 0,
                 "held_deferrals_max": 300, "stage_bounds": "{100,1000}"}
        return ("move_reported", lambda time: {**fixed, "sequence": [time] * count, "progress": [time] * count,
                                               "versions": ['{"app": "%d"}' % time] * count})

    def conductor(rows):
        fixed = {"id": [row["id"] for row in rows], "from_state": [INSTALLING] * count, "attempt": [1] * count,
                 "from_substate": [0] * count, "to_state": [INSTALLING] * count, "to_substate": [0] * count,
                 "may_install_until_ms": [0] * count, "due_ms": [0] * count, "code": [""] * count, "detail": [""] * count, "shard": 0,
                 "attempts_max": ATTEMPTS_MAX}
        return ("move_decided", lambda time: {**fixed, "next_check_ms": [time] * count})

    faults = []
    parts = [updater(rows), updater(rows[::-1]), updater(rows[500:] + rows[:500]), conductor(rows[::-1])]
    address = stack.database.address
    writers = [threading.Thread(target=write_again_and_again, args=(address, plan, *part, faults)) for part in parts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not faults
    assert stack.database.rows("SELECT DISTINCT state, sequence FROM instruction") == [{"state": 4, "sequence": TIMES}]
