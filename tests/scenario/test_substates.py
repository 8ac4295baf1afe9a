"""The substates of an instruction: the API shows them, and the database refuses a pair that is none."""

import psycopg2
import pytest
from harness.operations import operate

CANCELLED = 9


def test_a_deferred_withdrawn_or_given_up_instruction_is_shown_with_its_substate(stack):
    stack.orchestrator(conductor={"period": "1m"})
    stack.import_fleet({"B1": ["A1", "A2", "A3"]})
    stack.add_artifact()
    rollout = stack.submit(selector={"devices": ["A1", "A2", "A3"]})
    stack.wait_for_states(rollout, dispatched=3)
    for name, report in (("A1", "deferred"), ("A2", "failed")):
        device = stack.device(name, "B1")
        device.ask()
        device.wait_for_confirm(device.reply(device.wait_for_instruction(), report, confirm=True))
    shown = {item["device"]: f"{item['state']}/{item['substate']}"
             for item in stack.http.document(f"/v1/rollouts/{rollout}/instructions")["instructions"]}
    assert shown == {"A1": "created/deferred", "A2": "failed/undecided", "A3": "dispatched/active"}
    for wanted, devices in (("deferred", ["A1"]), ("undecided", ["A2"]), ("failed", ["A2"]), ("withdrawing", [])):
        listed = stack.http.document(f"/v1/rollouts/{rollout}/instructions?state={wanted}")["instructions"]
        assert [item["device"] for item in listed] == devices, wanted
    assert stack.http.document("/v1/devices/A1")["instructions"][0]["substate"] == "deferred"
    document = stack.http.document(f"/v1/rollouts/{rollout}")
    assert document["substates"] == document["groups"][0]["substates"] == {"deferred": 1, "withdrawing": 0, "undecided": 1}
    (listed,) = stack.http.document("/v1/rollouts")["rollouts"]
    assert listed["substates"] == document["substates"]


def test_a_cancelled_instruction_is_final_at_once(stack):
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1"]})
    stack.add_artifact()
    rollout = stack.submit(selector={"devices": ["A1"]})
    stack.wait_for_states(rollout, dispatched=1)
    stack.database.rows("CREATE TABLE seen AS SELECT state, wake_at FROM instruction WHERE false")
    stack.database.rows("CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN INSERT INTO seen VALUES (NEW.state, "
                        "NEW.wake_at); RETURN NULL; END $$")
    stack.database.rows("CREATE TRIGGER see AFTER UPDATE ON instruction FOR EACH ROW EXECUTE FUNCTION see()")
    operate(stack, rollout, "cancel")
    stack.wait_for_rollout(rollout, "cancelled")
    cancelled = stack.database.rows("SELECT wake_at FROM seen WHERE state = %s", CANCELLED)
    assert cancelled == [{"wake_at": None}]


def test_a_state_with_a_substate_that_it_does_not_have_is_refused_by_the_database(stack):
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1"]})
    stack.add_artifact()
    rollout = stack.submit(selector={"devices": ["A1"]}, schedule={"startAt": "2038-01-10T00:00:00Z"})
    stack.wait_for_states(rollout, created=1)
    known = {(row["state"], row["substate"])
             for row in stack.database.rows("SELECT state, substate FROM instruction_substate")}
    for pair in ((state, substate) for state in range(12) for substate in range(7)):
        write = "UPDATE instruction SET state = %s, substate = %s WHERE rollout_id = %s"
        if pair in known:
            stack.database.rows(write, *pair, rollout)
        else:
            with pytest.raises(psycopg2.errors.CheckViolation):
                stack.database.rows(write, *pair, rollout)
