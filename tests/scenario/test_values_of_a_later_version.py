"""A value that a later version wrote into the database is a fault of its row: this version logs it once, and continues with the
other rows."""

import json

import pytest
from harness.operations import operate, post_operation
from harness.plan import plan
from harness.wait import wait_for

UNKNOWN = "database.unknown_value"


def configure(name, device, **spec):
    return plan(name, action="configure", artifact=None, parameters={"v": 1}, selector={"devices": [device]}, **spec)


def submit(stack, name, device, **spec):
    answer = stack.http.submit(configure(name, device, **spec))
    assert answer.status == 201, answer
    return answer.json()["rollout"]


def cancelled_rollout(stack):
    stack.orchestrator()
    stack.import_fleet(pull=["P1"])
    rollout = submit(stack, "strange", "P1")
    stack.wait_for_states(rollout, dispatched=1)
    operate(stack, rollout, "cancel")
    stack.wait_for_rollout(rollout, "cancelled")
    return rollout


def let_conductor_end_one(stack):
    after = submit(stack, "after", "P2")
    stack.wait_for_states(after, dispatched=1)
    operate(stack, after, "cancel")
    stack.wait_for_rollout(after, "cancelled")


def unknown_lines(stack, word, role="conductor"):
    lines = stack.orchestrators[0].text().splitlines()
    return [line for line in lines if UNKNOWN in line and word in line and role in line]


def assert_each_once(lines):
    """The parts of a role that read the value, such as its forecast, each log it once."""
    without_time = [line.partition(" ")[2] for line in lines]
    assert len(set(without_time)) == len(lines), lines


def write_group_state(stack, rollout):
    stack.database.rows("ALTER TABLE rollout_group DROP CONSTRAINT rollout_group_state_check")
    stack.database.rows("UPDATE rollout_group SET state = 'simmering' WHERE rollout_id = %s", rollout)
    return "simmering"


def write_abort_cause(stack, rollout):
    stack.database.rows("UPDATE rollout SET plan = jsonb_set(plan, '{spec,abort}', "
                        "'[{\"on\": \"too_loud\", \"then\": \"pause\", \"count\": 1}]') WHERE id = %s", rollout)
    return "too_loud"


def write_abort_that_is_no_list(stack, rollout):
    stack.database.rows("UPDATE rollout SET plan = jsonb_set(plan, '{spec,abort}', '{\"when\": \"late\"}') WHERE id = %s",
                        rollout)
    return "late"


ABORTS = [
    {"on": "failed", "then": "pause", "count": 1.5},
    {"on": "failed", "then": "pause", "count": "2"},
    {"on": "failed", "then": "pause", "count": -1},
    {"on": "failed", "then": "pause"},
    {"on": "failed", "then": "pause", "percentage": "5%", "minimum": 1},
    {"on": "failed", "then": "pause", "percentage": 5, "minimum": "ten"},
    {"on": "failed", "then": "pause", "count": 1, "counts": "hourly"},
]


def allow_any_substate(stack):
    """As a later version does."""
    stack.database.rows("ALTER TABLE instruction DROP CONSTRAINT instruction_substate_check")


def write_instruction_state(stack, rollout):
    allow_any_substate(stack)
    stack.database.rows("UPDATE instruction SET state = 42, wake_at = now() WHERE rollout_id = %s", rollout)
    return '"instruction state" value=42'


def write_instruction_substate(stack, rollout):
    allow_any_substate(stack)
    stack.database.rows("UPDATE instruction SET substate = 42, wake_at = now() WHERE rollout_id = %s", rollout)
    return '"instruction substate" value=42'


def write_plan(stack, rollout, path, value):
    stack.database.rows("UPDATE rollout SET plan = jsonb_set(plan, %s::text[], %s::jsonb) WHERE id = %s", path, value,
                        rollout)
    return value.strip('"')


def write_install_timeout(stack, rollout):
    return write_plan(stack, rollout, "{spec,execution,installTimeout}", '"90m"')


def write_retries(stack, rollout):
    return write_plan(stack, rollout, "{spec,execution,retries}", "2.25")


def write_fractional_rate(stack, rollout):
    return write_plan(stack, rollout, "{spec,rate,perMinute}", "0.5")


def write_huge_growth(stack, rollout):
    return write_plan(stack, rollout, "{spec,rate,growth}", "1" + "0" * 400)


@pytest.mark.parametrize("write", [write_group_state, write_abort_cause, write_abort_that_is_no_list,
                                   write_instruction_state, write_instruction_substate, write_install_timeout,
                                   write_retries])
def test_the_conductor_leaves_what_it_does_not_know_alone_and_goes_on_with_the_rest(stack, write):
    stack.orchestrator()
    stack.import_fleet(pull=["P1", "P2"])
    strange = submit(stack, "strange", "P1")
    stack.wait_for_states(strange, dispatched=1)
    word = write(stack, strange)
    wait_for(lambda: unknown_lines(stack, word), "it says what it does not know")
    let_conductor_end_one(stack)
    assert_each_once(unknown_lines(stack, word))
    assert stack.database.rollout(strange)["state"] == "running"


@pytest.mark.parametrize("write", [write_install_timeout, write_fractional_rate, write_huge_growth])
def test_the_scheduler_leaves_a_plan_it_does_not_know_alone_and_starts_the_rest(stack, write):
    stack.orchestrator()
    stack.import_fleet(pull=["P1", "P2"])
    strange = submit(stack, "strange", "P1")
    stack.wait_for_states(strange, dispatched=1)
    word = write(stack, strange)
    wait_for(lambda: unknown_lines(stack, word, "scheduler"), "it says what it does not know")
    let_conductor_end_one(stack)
    assert_each_once(unknown_lines(stack, word, "scheduler"))
    text = stack.orchestrators[0].text()
    assert "scheduler.failed" not in text and "not_forecast" not in text


@pytest.mark.parametrize("criterion", ABORTS)
def test_a_criterion_of_abort_that_is_not_known_is_no_criterion_of_zero(stack, criterion):
    """It would pause at once, or never. Only instructions that no known criterion would stop are started."""
    stack.orchestrator()
    stack.import_fleet(pull=["P1", "P2", "P3"])
    answer = stack.http.submit(plan("strange", action="configure", artifact=None, parameters={"v": 1},
                                    selector={"devices": ["P1", "P3"]}, execution={"retries": 0},
                                    abort=[{"on": "timed_out", "count": 2, "then": "pause"}],
                                    groups=[{"name": "first", "devices": ["P1"], "success": 0},
                                            {"name": "rest", "percentage": 100, "success": 0}]))
    strange = answer.json()["rollout"]
    stack.wait_for_states(strange, dispatched=1, created=1)
    write_plan(stack, strange, "{spec,abort}", json.dumps([criterion]))
    for role in ("conductor", "scheduler"):
        wait_for(lambda role=role: unknown_lines(stack, "abort", role), f"the {role} says what it does not know")
    device = stack.device("P1")
    device.ask()
    device.reply(device.wait_for_instruction(), "failed", code="no_space")
    stack.wait_for_state(strange, "P1", "failed")
    stack.database.rows("UPDATE rollout_group SET state = 'open' WHERE rollout_id = %s", strange)
    let_conductor_end_one(stack)
    assert stack.database.rollout(strange)["state"] == "running"
    assert stack.database.states(strange) == {"failed": 1, "created": 1}


@pytest.mark.parametrize("path, value", [
    ("{spec,execution,installTimeout}", '"90m"'), ("{spec,rate,growth}", '"twice"'), ("{spec,rate,perMinute}", "0.5"),
    ("{spec,groups,0,soak}", '"1h"'), ("{spec,groups,0,success}", '"most"')])
def test_a_report_is_refused_where_the_plan_holds_numbers_that_are_not_known(stack, path, value):
    """The plan of such a report cannot be shown, and is not empty."""
    rollout = cancelled_rollout(stack)
    write_plan(stack, rollout, path, value)
    answer = stack.http.get(f"/v1/rollouts/{rollout}/report")
    assert answer.status == 409 and "does not know" in answer.json()["detail"], answer


def test_an_operation_on_a_rollout_in_an_unknown_state_is_refused_with_the_reason(stack):
    stack.orchestrator()
    stack.import_fleet(pull=["P1", "P2"])
    strange = submit(stack, "strange", "P1")
    stack.wait_for_states(strange, dispatched=1)
    stack.database.rows("ALTER TABLE rollout DROP CONSTRAINT rollout_state_check")
    stack.database.rows("UPDATE rollout SET state = 'frozen' WHERE id = %s", strange)
    answer = post_operation(stack, strange, "pause")
    assert answer.status == 409 and "frozen" in answer.json()["detail"], answer
    let_conductor_end_one(stack)


def test_a_device_of_an_unknown_role_gets_no_answer_and_the_others_do(stack):
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1", "A2"]})
    stack.database.rows("DO $$ DECLARE c record; BEGIN FOR c IN SELECT conname FROM pg_constraint WHERE conrelid = "
                        "'device'::regclass AND contype = 'c' LOOP EXECUTE format('ALTER TABLE device DROP CONSTRAINT %I', "
                        "c.conname); END LOOP; END $$")
    stack.wait_for_states(submit(stack, "one", "A1"), dispatched=1)
    stack.wait_for_states(submit(stack, "two", "A2"), dispatched=1)
    stack.database.rows("UPDATE device SET role = 'kiosk' WHERE id = 'A1'")
    stack.redis.flushall()
    strange, other = stack.device("A1", "B1"), stack.device("A2", "B1")
    strange.ask()
    wait_for(lambda: "value=kiosk" in stack.orchestrators[0].text(), "it says what it does not know")
    other.ask()
    assert other.wait_for_instruction()["action"] == "configure"


@pytest.mark.parametrize("number", [0, 7])
def test_a_report_tells_a_group_that_the_plan_does_not_have_by_its_number(stack, number):
    rollout = cancelled_rollout(stack)
    stack.database.rows("INSERT INTO rollout_group (rollout_id, group_no, name, success) VALUES (%s, %s, 'later', 100)",
                        rollout, number)
    stack.database.rows("UPDATE instruction SET group_no = %s WHERE rollout_id = %s", number, rollout)
    nights = stack.http.document(f"/v1/rollouts/{rollout}/report")["nights"]
    assert [night["group"] for night in nights if night["started"]] == [str(number)]


@pytest.mark.parametrize("groups", ["[{}]", "[7]", "[]"])
def test_a_report_tells_groups_whose_names_are_not_there_by_their_numbers(stack, groups):
    rollout = cancelled_rollout(stack)
    write_plan(stack, rollout, "{spec,groups}", groups)
    nights = stack.http.document(f"/v1/rollouts/{rollout}/report")["nights"]
    assert [night["group"] for night in nights if night["started"]] == ["1"]


@pytest.mark.parametrize("groups", ["7", "null", '{"first": 1}', '"all"'])
def test_a_report_is_refused_where_the_groups_of_the_plan_are_not_a_list(stack, groups):
    rollout = cancelled_rollout(stack)
    write_plan(stack, rollout, "{spec,groups}", groups)
    for document in ("report", "drift"):
        answer = stack.http.get(f"/v1/rollouts/{rollout}/{document}")
        assert answer.status == 409 and "spec.groups" in answer.json()["detail"], answer
    assert stack.http.document(f"/v1/rollouts/{rollout}")["state"] == "cancelled", "it goes on"


def test_an_import_is_done_even_if_the_statistics_after_it_cannot_be_made(stack):
    stack.orchestrator()
    stack.database.rows("CREATE FUNCTION number_of(id text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN "
                        "IF current_query() LIKE '%%analyze_fleet%%' THEN RAISE EXCEPTION 'no statistics today'; END IF; "
                        "RETURN 1; END $$")
    stack.database.rows("CREATE INDEX strange ON device (number_of(id))")
    stack.import_fleet(pull=["P1"])
    assert stack.database.value("SELECT count(*) FROM device") == 1
    wait_for(lambda: "fleet.not_analyzed" in stack.orchestrators[0].text(), "it says so")
