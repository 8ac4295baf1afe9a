"""The effects of unavailable machines on aborts and budgets, until the machines are back."""

import json
import re

import pytest
from harness.branches import begin, complete, end, look_again, states, submit, under_way
from harness.operations import JSON, events, operate, post_operation
from harness.programs import command_line
from harness.wait import wait_for

OUT_OF_SERVICE = {"outOfService": 100}
ONE = {"maxUnavailable": 1}
WHOLE = [{"name": "all", "percentage": 100, "success": 0}]
AGAIN_LATER = {"retries": 2, "backoff": "1h"}
AT_ONCE = [{"on": "out_of_service", "count": 1, "then": "cancel"}]


def fail(testbed, rollout, name, code):
    """The device gets its instruction of this rollout and fails. It may be retried before the test looks."""
    device = testbed.device(name, "B1")
    testbed.wait_for_state(rollout, name, "dispatched")
    device.ask()
    claims = wait_for(lambda: [token for token in device.tokens() if token["rollout"] == rollout], f"{name} gets its instruction")
    device.wait_for_confirm(device.reply(claims[-1], "failed", code=code))
    device.close()


def unavailable(testbed):
    return [row["device"] for row in testbed.database.rows("SELECT device FROM unavailable ORDER BY 1")]


def in_flight(testbed):
    rows = testbed.database.rows("SELECT device FROM instruction WHERE in_flight AND branch = 'B1' ORDER BY 1")
    return [row["device"] for row in rows]


def break_down(testbed, name, *machines):
    """Makes rollouts without a budget that take these machines out of service."""
    rollout = submit(testbed, name, list(machines), groups=WHOLE)
    for machine in machines:
        end(testbed, rollout, machine, "B1", "failed", code="out_of_service")
    testbed.wait_for_rollout(rollout, "halted")
    assert unavailable(testbed) == sorted(machines)
    return rollout


def give_back(testbed, device, **body):
    text = json.dumps({"reason": "a new disk", **body})
    return testbed.http.ask("POST", f"/v1/devices/{device}/return", text, {**JSON, **testbed.http.as_("bob")})


def word(testbed, *words):
    return command_line(*words, "--server", testbed.http.url, check=False)


def first_row(table):
    """The first row of a command's table, by the titles of its columns."""
    titles, row = (re.split("  +", line.strip()) for line in table.splitlines()[:2])
    return dict(zip(titles, row))


# ---- aborts -------------------------------------------------------------------------------------


def test_an_abort_sees_the_first_machine_out_of_service_though_it_will_be_tried_again(namespace):
    namespace.open({"B": " ".join(f"A{number}" for number in range(1, 15))}, [OUT_OF_SERVICE])
    rollout = namespace.submit(disruptionBudget=ONE, execution={"retries": 2, "backoff": "1s"}, abort=AT_ONCE, groups=WHOLE)
    namespace.wait_until(rollout, "cancelled")
    broken = [row for row in namespace.rows(rollout).values() if row["code"] == "out_of_service"]
    assert len(broken) == 1, "and its code is kept when its retry is cancelled"
    assert "1 of 1 executed devices" in namespace.event(rollout, "aborted")["reason"]


@pytest.fixture
def testbed(stack):
    """Three machines, all of which fail at first and may be retried in an hour."""
    begin(stack, {"B1": ["A1", "A2", "A3"]})
    return stack


def again_now(testbed, rollout):
    testbed.database.rows("UPDATE instruction SET due_at = now() WHERE rollout_id = %s AND due_at IS NOT NULL", rollout)


def test_a_failure_counts_until_a_later_attempt_ends_well(testbed):
    rollout = submit(testbed, "upgrade", ["A1", "A2", "A3"], execution=AGAIN_LATER, groups=WHOLE,
                     abort=[{"on": "failed", "percentage": 67, "minimum": 3, "then": "pause"}])
    fail(testbed, rollout, "A1", "no_space")
    wait_for(lambda: testbed.http.document(f"/v1/rollouts/{rollout}")["retrying"]["failed"] == 1, "A1 waits for a retry")
    listed = first_row(word(testbed, "rollout", "list").stdout)
    groups = first_row(word(testbed, "rollout", "status", rollout).stdout.split("\n\n")[1])
    for row in (listed, groups):
        assert (row["DEVICES"], row["COMPLETED"], row["FAILED"], row["TO RETRY"]) == ("3", "0", "0", "1")
    again_now(testbed, rollout)
    complete(testbed, rollout, "A1", "B1")
    assert testbed.http.document(f"/v1/rollouts/{rollout}")["retrying"] == {"failed": 0, "timed_out": 0}
    fail(testbed, rollout, "A2", "no_space")
    fail(testbed, rollout, "A3", "no_space")  # two of three: 66.7 %
    wait_for(lambda: states(testbed, rollout) == {"A1": "completed", "A2": "created", "A3": "created"}, "they wait")
    look_again(testbed)
    assert testbed.database.rollout(rollout)["state"] == "running"


def test_a_machine_counts_as_out_of_service_until_it_is_back_however_its_next_attempt_ends(testbed):
    """A half broken machine reports another code at its second attempt, and is still down."""
    rollout = submit(testbed, "upgrade", ["A1", "A2", "A3"], execution=AGAIN_LATER, groups=WHOLE,
                     abort=[{"on": "out_of_service", "count": 2, "then": "cancel"}])
    fail(testbed, rollout, "A1", "out_of_service")
    wait_for(lambda: states(testbed, rollout)["A1"] == "created", "A1 waits for a retry")
    again_now(testbed, rollout)
    fail(testbed, rollout, "A1", "installer_exit_1")
    wait_for(lambda: states(testbed, rollout)["A1"] == "created", "A1 waits for a retry")
    fail(testbed, rollout, "A2", "out_of_service")
    testbed.wait_for_rollout(rollout, "cancelled")
    assert unavailable(testbed) == ["A1", "A2"] and states(testbed, rollout)["A3"] == "cancelled"


def test_a_failure_that_waits_for_a_retry_is_executed_and_failed(testbed):
    rollout = submit(testbed, "upgrade", ["A1", "A2", "A3"], execution=AGAIN_LATER, groups=WHOLE,
                     abort=[{"on": "failed", "percentage": 50, "minimum": 2, "then": "pause"}])
    fail(testbed, rollout, "A1", "no_space")
    wait_for(lambda: states(testbed, rollout)["A1"] == "created", "it waits for its retry")
    complete(testbed, rollout, "A2", "B1")
    testbed.wait_for_rollout(rollout, "paused")
    reason = testbed.database.value("SELECT reason FROM rollout_event WHERE kind = 'aborted'")
    assert reason.startswith("failed: 1 of 2 executed devices"), reason


def test_what_was_seen_of_an_abort_follows_a_count_that_falls(testbed):
    rollout = submit(testbed, "upgrade", ["A1", "A2", "A3"], execution=AGAIN_LATER, groups=WHOLE,
                     abort=[{"on": "failed", "count": 1, "then": "pause"}])
    fail(testbed, rollout, "A1", "no_space")
    testbed.wait_for_rollout(rollout, "paused")
    operate(testbed, rollout, "resume")
    again_now(testbed, rollout)
    complete(testbed, rollout, "A1", "B1")
    wait_for(lambda: testbed.database.rollout(rollout)["abort_seen"] == [0], "nothing is failed any more")
    assert testbed.database.rollout(rollout)["state"] == "running"
    fail(testbed, rollout, "A2", "no_space")
    testbed.wait_for_rollout(rollout, "paused")


# ---- the budget ---------------------------------------------------------------------------------


def test_a_machine_out_of_service_uses_the_budget_until_an_operator_says_that_it_is_back(testbed):
    rollout = submit(testbed, "upgrade", ["A1", "A2", "A3"], disruptionBudget=ONE, groups=WHOLE)
    broken = under_way(testbed, rollout, "B1")
    end(testbed, rollout, broken, "B1", "failed", code="out_of_service")
    look_again(testbed)
    assert in_flight(testbed) == []
    document = testbed.http.document(f"/v1/rollouts/{rollout}")
    waits = {"branches": 1, "devices": 2, "examples": [{"branch": "B1", "devices": 2, "unavailable": [broken]}]}
    assert document["awaiting_return"] == waits
    assert [machine["device"] for machine in document["unavailable"]["examples"]] == [broken]
    assert testbed.http.document(f"/v1/rollouts/{rollout}/report")["awaiting_return"] == waits
    assert f"branch B1: 2 devices wait until {broken} is back" in word(testbed, "rollout", "status", rollout).stdout
    assert f"branch B1: 2 devices wait until {broken} is back" in word(testbed, "rollout", "report", rollout).stdout
    assert "wait until a machine of their branch is back" in word(testbed, "rollout", "report", rollout, "--html").stdout
    assert "out_of_service since" in word(testbed, "device", "show", broken).stdout

    assert "--reason is required" in word(testbed, "device", "return", broken).stderr
    answer = word(testbed, "device", "return", broken, "--reason", "a new disk", *testbed.http.at("bob")[2:])
    assert answer.returncode == 0 and "returned" in answer.stdout, answer
    assert ("device_returned", "bob") in events(testbed, rollout)
    reason = testbed.database.value("SELECT reason FROM rollout_event WHERE kind = 'device_returned'")
    assert reason == f"{broken}: a new disk"
    assert under_way(testbed, rollout, "B1") != broken
    assert testbed.http.document(f"/v1/rollouts/{rollout}")["awaiting_return"]["branches"] == 0
    again = give_back(testbed, broken)
    assert again.status == 409 and f"device {broken} is neither out of service nor retired" in again.json()["detail"], again
    assert give_back(testbed, "A9").status == 404


def test_of_machines_that_are_unavailable_one_at_a_time_is_repaired_however_many_there_are(testbed):
    break_down(testbed, "bad", "A1", "A2")
    rollout = submit(testbed, "repair", ["A1", "A2", "A3"], disruptionBudget=ONE)
    first = under_way(testbed, rollout, "B1")
    look_again(testbed)
    assert in_flight(testbed) == [first] and first != "A3", "what is unavailable goes first, and one at a time"
    complete(testbed, rollout, first, "B1")
    second = under_way(testbed, rollout, "B1")
    look_again(testbed)
    assert in_flight(testbed) == [second] and {first, second} == {"A1", "A2"}
    complete(testbed, rollout, second, "B1")
    assert under_way(testbed, rollout, "B1") == "A3"


@pytest.mark.parametrize("plan, code, back", [
    ({"action": "configure", "artifact": None, "parameters": {"a": 1}}, "", False),
    ({"action": "collect", "artifact": None, "parameters": {"a": 1}}, "", False),
    ({"action": "rollback", "artifact": {"name": "atm-app", "version": "4.7.2"}}, "not_needed", False),
    ({}, "already_completed", False),
    ({"action": "rollback", "artifact": {"name": "atm-app", "version": "4.7.2"}}, "", True),
    ({"action": "run", "artifact": None, "parameters": {"a": 1}}, "", True),
    ({}, "", True),
], ids=["configure", "collect", "not_needed", "already_completed", "rollback", "run", "install"])
def test_a_machine_is_back_when_an_installer_was_called_and_ended_well(testbed, plan, code, back):
    break_down(testbed, "bad", "A1")
    rollout = submit(testbed, "later", ["A1"], disruptionBudget=ONE, **plan)
    end(testbed, rollout, "A1", "B1", "completed", **({"code": code} if code else {}))
    assert unavailable(testbed) == ([] if back else ["A1"])


def test_its_own_word_that_it_completed_after_all_brings_a_machine_back(testbed):
    rollout = submit(testbed, "slow", ["A1"], groups=WHOLE, execution={"installTimeout": "1s"})
    device = testbed.device("A1", "B1")
    testbed.wait_for_state(rollout, "A1", "dispatched")
    device.ask()
    claims = device.wait_for_instruction()
    device.reply(claims, "installing")
    testbed.wait_for_state(rollout, "A1", "timed_out")
    assert unavailable(testbed) == ["A1"]
    device.reply(claims, "completed")
    testbed.wait_for_state(rollout, "A1", "completed")
    assert unavailable(testbed) == []


def test_a_node_out_of_service_is_no_machine(testbed):
    rollout = submit(testbed, "node", ["B1"], groups=WHOLE)
    end(testbed, rollout, "B1", "B1", "failed", code="out_of_service")
    testbed.wait_for_rollout(rollout, "halted")
    assert unavailable(testbed) == []


# ---- after an abort -----------------------------------------------------------------------------


def aborted(testbed, then="cancel", **more):
    """One machine completed, one is out of service, one was not started."""
    rollout = submit(testbed, "upgrade", ["A1", "A2", "A3"], disruptionBudget=ONE, groups=WHOLE, execution=AGAIN_LATER,
                     abort=[{"on": "out_of_service", "count": 1, "then": then}], **more)
    good = under_way(testbed, rollout, "B1")
    complete(testbed, rollout, good, "B1")
    broken = wait_for(lambda: [name for name in in_flight(testbed) if name != good], "the next is started")[0]
    fail(testbed, rollout, broken, "out_of_service")
    testbed.wait_for_rollout(rollout, "cancelled")
    assert testbed.database.instruction(rollout, broken)["code"] == "out_of_service"
    document = testbed.http.document(f"/v1/rollouts/{rollout}")
    ended = document["counts"]["failed"]  # 1: the abort came before another attempt was ordered
    assert document["given_up"] == {"failed": 1 - ended, "timed_out": 0} and document["counts"]["cancelled"] == 2 - ended, document
    deviations = testbed.http.document(f"/v1/rollouts/{rollout}/report")["deviations"]
    assert deviations["failed"]["examples"] == [broken]
    assert deviations["failed"]["codes"] == {"out_of_service": 1}
    assert deviations["not_executed"]["devices"] == 1, "it was executed, and failed"
    assert "1 failed, 1 not started" in word(testbed, "rollout", "watch", rollout).stdout
    return rollout, good, broken


def rollback_of(testbed, rollout):
    return wait_for(lambda: testbed.database.value("SELECT max(id) FROM rollout WHERE rollback_of = %s", rollout),
                    "it is rolled back")


@pytest.mark.parametrize("who", ["the plan", "a person"])
def test_what_broke_is_the_first_to_be_brought_back(testbed, who):
    rollout, good, broken = aborted(testbed, "rollback" if who == "the plan" else "cancel")
    if who == "a person":
        operate(testbed, rollout, "rollback")
    rollback = rollback_of(testbed, rollout)
    testbed.wait_for_rollout(rollback, "running")
    assert set(states(testbed, rollback)) == {good, broken}
    assert under_way(testbed, rollback, "B1") == broken
    look_again(testbed)
    assert in_flight(testbed) == [broken]
    complete(testbed, rollback, broken, "B1")
    complete(testbed, rollback, good, "B1")
    testbed.wait_for_rollout(rollback, "completed")
    assert unavailable(testbed) == []


def test_a_rollback_of_what_broke_alone_is_no_rollback_of_nothing(testbed):
    rollout = submit(testbed, "upgrade", ["A1"], disruptionBudget=ONE, execution=AGAIN_LATER, abort=AT_ONCE, groups=WHOLE)
    fail(testbed, rollout, "A1", "out_of_service")
    testbed.wait_for_rollout(rollout, "cancelled")
    operate(testbed, rollout, "rollback")
    rollback = rollback_of(testbed, rollout)
    testbed.wait_for_state(rollback, "A1", "dispatched")
    device = testbed.device("A1", "B1")
    device.ask()
    claims = wait_for(lambda: [token for token in device.tokens() if token["rollout"] == rollback], "A1 gets its instruction")[0]
    assert claims["out_of_service"] is True, "so that its installer is called, whatever version it has"
    device.reply(claims, "completed")
    testbed.wait_for_rollout(rollback, "completed")
    later = submit(testbed, "later", ["A1"])
    testbed.wait_for_state(later, "A1", "dispatched")
    device.ask()
    claims = wait_for(lambda: [token for token in device.tokens() if token["rollout"] == later], "A1 gets its instruction")[0]
    assert "out_of_service" not in claims


def test_a_rollback_that_fails_everywhere_is_stopped_and_not_called_completed(testbed):
    rollout, good, broken = aborted(testbed, "rollback")
    rollback = rollback_of(testbed, rollout)
    fail(testbed, rollback, broken, "out_of_service")
    testbed.wait_for_rollout(rollback, "paused")
    assert ("aborted", "tellercast") in events(testbed, rollback)
    assert states(testbed, rollback)[good] == "created"


def test_a_retry_after_a_cancelling_abort_gives_another_attempt_to_what_broke_and_to_nothing_else(testbed):
    rollout, good, broken = aborted(testbed)
    rest = ({"A1", "A2", "A3"} - {good, broken}).pop()
    operate(testbed, rollout, "retry")
    complete(testbed, rollout, broken, "B1")
    testbed.wait_for_rollout(rollout, "completed")
    assert states(testbed, rollout) == {good: "completed", broken: "completed", rest: "cancelled"}
    assert post_operation(testbed, rollout, "retry").status == 409


def test_a_cancel_keeps_the_code_of_what_an_operator_ordered_to_be_tried_again(testbed):
    rollout, _, broken = aborted(testbed)
    operate(testbed, rollout, "retry")
    testbed.wait_for_state(rollout, broken, "dispatched")
    operate(testbed, rollout, "cancel")
    testbed.wait_for_rollout(rollout, "cancelled")
    assert testbed.database.instruction(rollout, broken)["code"] == "out_of_service"
    assert post_operation(testbed, rollout, "retry").status == 200


def test_a_rollout_brings_back_what_it_broke_though_another_broke_it_again(testbed):
    rollout = submit(testbed, "upgrade", ["A1"], groups=WHOLE, execution={"retries": 1, "backoff": "1h"})
    fail(testbed, rollout, "A1", "out_of_service")
    wait_for(lambda: states(testbed, rollout)["A1"] == "created", "A1 waits for a retry")
    again_now(testbed, rollout)
    fail(testbed, rollout, "A1", "no_space")
    testbed.wait_for_rollout(rollout, "halted")
    break_down(testbed, "repair", "A1")
    operate(testbed, rollout, "rollback")
    testbed.wait_for_state(rollback_of(testbed, rollout), "A1", "dispatched")
