"""What is taken out of a running rollout: the devices of a label or a branch, or one device."""

import concurrent.futures
import contextlib
import json

import pytest
from harness.branches import MARKER, complete, end
from harness.namespace import soon
from harness.operations import JSON, events, operate, post_operation
from harness.programs import command_line
from harness.wait import wait_for

EMEA = ["E1", "E2", "E3", "E4", "E5", "L1"]
LABELS = {name: {"region": "emea" if name in EMEA else "apac"} for name in (*EMEA, "P1", "P2", "P3", MARKER)}
FAST = {"execution": {"backoff": "1s"}, "disruptionBudget": {"maxUnavailable": 5}}


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.orchestrator()
    stack.import_fleet({"E1": ["E2", "E3", "E4", "E5"], "P1": ["P2", "P3"]}, ["L1", MARKER], labels=LABELS)
    stack.add_artifact()
    return stack


def begin(stack, rollout, device, state):
    stack.wait_for_state(rollout, device.name, "dispatched")
    device.ask()
    claims = device.wait_for_instruction()
    device.reply(claims, state)
    stack.wait_for_state(rollout, device.name, state)
    return claims


def preview(stack, rollout, verb="exclude", person="ola", **of):
    http = stack.http
    body = json.dumps({"version": stack.database.rollout(rollout)["version"], "reason": "r", **of})
    return http.ask("POST", f"/v1/rollouts/{rollout}/{verb}:preview", body, {**JSON, **http.as_(person)})


def wait_until_whole(stack, rollout):
    wait_for(lambda: stack.database.value("SELECT bool_and(is_whole) FROM exclusion WHERE rollout_id = %s", rollout), "all was looked at")


def ended(stack, rollout, device, code):
    row = stack.wait_for_state(rollout, device, "cancelled")
    assert row["code"] == code, row


def test_an_exclusion_ends_what_was_not_started_and_lets_finish_what_is_at_work(testbed):
    devices = ["E2", "E3", "E4", "E5", "L1", "P2", "P3"]
    rollout = testbed.submit("to-both", selector={"devices": devices}, abort=[{"on": "failed", "count": 9, "then": "pause"}],
                             groups=[{"name": "all", "percentage": 100, "success": 30}], **{**FAST, "execution": {"retries": 3, "retryOn": ["failed"], "backoff": "1h"}})
    e2, e3, l1 = testbed.device("E2", "E1"), testbed.device("E3", "E1"), testbed.device("L1")
    installing = begin(testbed, rollout, e2, "installing")
    e5 = testbed.device("E5", "E1")
    failing = begin(testbed, rollout, e5, "installing")
    e5.reply(failing, "failed", code="no_space")
    wait_for(lambda: testbed.database.instruction(rollout, "E5")["state_name"] == "created", "E5 waits for another attempt")
    for name in ("E3", "E4", "L1", "P2"):
        testbed.wait_for_state(rollout, name, "dispatched")
    wait_for(l1.tokens, "L1 has it on its topic")
    l1.close()

    told = preview(testbed, rollout, match="region=emea").json()
    assert told == {"match": {"region": ["emea"]}, "device": None, "devices": 5, "has_more_devices": False, "ended": 1,
                    "withdrawn": 3, "may_have_it": 1, "finish": 1, "stay": 0}
    assert testbed.http.document(f"/v1/rollouts/{rollout}")["exclusions"] == [], "a preview excludes nothing"
    answer = operate(testbed, rollout, "exclude", "ola", match="region=emea", reason="a storm", number=1)
    assert (answer["operation"], answer["state"], answer["existing"]) == ("exclude", "running", False)
    e3.ask()
    e3.wait_for_nothing()
    for name in ("E3", "E4", "L1"):
        ended(testbed, rollout, name, "excluded")
    row = testbed.wait_for_state(rollout, "E5", "failed")
    assert (row["code"], row["failures"]) == ("no_space", 1), row
    retained = testbed.spy.messages("tc/v1/device/L1/instruction")
    wait_for(lambda: retained[-1].payload == b"" or testbed.spy.messages("tc/v1/device/L1/instruction")[-1].payload == b"", "L1's topic is empty")
    e2.reply(installing, "completed")
    for name in ("P2", "P3"):
        complete(testbed, rollout, name, "P1")
    testbed.wait_for_rollout(rollout, "completed")
    assert testbed.database.states(rollout) == {"completed": 3, "cancelled": 3, "failed": 1} == testbed.database.counters(rollout)
    assert testbed.database.value("SELECT count(*) FROM failing WHERE rollout_id = %s", rollout) == 0, "nothing is tried again"

    again = operate(testbed, rollout, "exclude", "ola", match="region=emea", reason="a storm", version=answer["version"] - 1)
    assert again["existing"] is True
    (told,) = testbed.http.document(f"/v1/rollouts/{rollout}")["exclusions"]
    assert (told["match"], told["by"], told["reason"], told["ended"], told["is_whole"]) == ({"region": ["emea"]}, "ola", "a storm", 1, True)
    assert ("excluded", "ola") in events(testbed, rollout)
    report = testbed.http.document(f"/v1/rollouts/{rollout}/report")
    assert [event["reason"] for event in report["events"] if event["kind"] == "excluded"] == ["region=emea: a storm"]
    assert "nothing" in post_operation(testbed, rollout, "retry").json()["detail"], "no retry brings E5 back"


@pytest.mark.parametrize("code", ["no_space", "out_of_service"])
def test_an_exclusion_takes_no_failure_out_of_its_gate(testbed, code):
    rollout = testbed.submit("gated", selector={"devices": ["E2", "P2"]}, disruptionBudget={"maxUnavailable": 5},
                             groups=[{"name": "pilot", "devices": ["E2"]}, {"name": "rest", "percentage": 100}],
                             execution={"retries": 3, "retryOn": ["failed"], "backoff": "1h"})
    e2 = testbed.device("E2", "E1")
    e2.reply(begin(testbed, rollout, e2, "installing"), "failed", code=code)
    testbed.wait_for_state(rollout, "E2", "created")
    testbed.database.rows("DELETE FROM unavailable")  # the machine is back
    operate(testbed, rollout, "skip", "ola", device="E2")
    testbed.wait_for_rollout(rollout, "halted")
    row = testbed.database.instruction(rollout, "E2")
    assert (row["state_name"], row["code"], row["failures"]) == ("failed", code, 1), row
    states = testbed.database.states(rollout)
    assert states["failed"] == 1 and states == testbed.database.counters(rollout), states
    assert testbed.database.rows("SELECT code, is_retrying FROM failure WHERE rollout_id = %s", rollout) == [{"code": code, "is_retrying": False}]
    for table in ("failing", "unavailable"):
        assert testbed.database.value(f"SELECT count(*) FROM {table} WHERE rollout_id = %s", rollout) == 0, table
    assert testbed.database.instruction(rollout, "P2")["dispatched_at"] is None


def test_a_group_that_is_emptied_by_an_exclusion_opens_no_other(testbed):
    rollout = testbed.submit("emptied", selector={"devices": ["E2", "E3", "P2"]}, schedule={"startAt": soon(3)}, **FAST,
                             groups=[{"name": "pilot", "devices": ["E2", "E3"], "soak": "1h"}, {"name": "rest", "percentage": 100}])
    testbed.wait_for_rollout(rollout, "running")
    operate(testbed, rollout, "exclude", "ola", match="branch=E1")
    testbed.wait_for_rollout(rollout, "halted")
    assert testbed.database.instruction(rollout, "P2")["dispatched_at"] is None
    report = testbed.http.document(f"/v1/rollouts/{rollout}/report")
    assert any(event["kind"] == "halted" and "were excluded" in event["reason"] for event in report["events"]), report["events"]


def test_what_a_freeze_had_withdrawn_is_cancelled_when_it_is_excluded(testbed):
    rollout = testbed.submit("withdrawn", selector={"devices": ["E2", "P2"]}, **FAST)
    for name in ("E2", "P2"):
        testbed.wait_for_state(rollout, name, "dispatched")
    body = {"until": soon(3600), "reason": "a storm", "match": "region=emea"}
    assert testbed.http.ask("POST", "/v1/freezes", json.dumps(body), {**JSON, **testbed.http.as_("ola")}).status == 201
    wait_for(lambda: testbed.database.instruction(rollout, "E2")["substate_name"] == "withdrawing", "the freeze withdraws it")
    operate(testbed, rollout, "exclude", "ola", match="region=emea")
    ended(testbed, rollout, "E2", "excluded")


def test_no_retry_and_no_second_attempt_brings_an_excluded_device_back(testbed):
    rollout = testbed.submit("again", selector={"devices": ["E2", "E3", "P2"]},
                             groups=[{"name": "all", "percentage": 100, "success": 0}],
                             disruptionBudget={"maxUnavailable": 5}, execution={"retries": 3, "retryOn": ["failed"], "backoff": "1s"})
    e2, e3 = testbed.device("E2", "E1"), testbed.device("E3", "E1")
    failing = begin(testbed, rollout, e2, "installing")
    deferring = begin(testbed, rollout, e3, "received")
    operate(testbed, rollout, "exclude", "ola", match="branch=E1")
    e2.reply(failing, "failed", code="no_space")
    e3.reply(deferring, "deferred", code="customer_present")
    ended(testbed, rollout, "E3", "excluded")
    wait_for(lambda: testbed.database.instruction(rollout, "E2")["substate_name"] == "final", "no other attempt follows")
    end(testbed, rollout, "P2", "P1", "rejected", code="not_for_me")
    testbed.wait_for_rollout(rollout, "halted")
    operate(testbed, rollout, "retry")
    complete(testbed, rollout, "P2", "P1")
    testbed.wait_for_rollout(rollout, "completed")
    row = testbed.database.instruction(rollout, "E2")
    assert (row["state_name"], row["code"], row["attempt"]) == ("failed", "no_space", 1)


def test_a_device_is_skipped_and_one_that_has_ended_is_not(testbed):
    rollout = testbed.submit("one", selector={"devices": ["E2", "E3", "P2", "P3"]}, **FAST,
                             groups=[{"name": "first", "devices": ["P3"]}, {"name": "rest", "percentage": 100}])
    testbed.wait_for_rollout(rollout, "running")
    assert preview(testbed, rollout, "skip", device="E2").json()["ended"] == 1
    operate(testbed, rollout, "pause")
    operate(testbed, rollout, "skip", "ola", device="E2", reason="the cash is counted")
    ended(testbed, rollout, "E2", "skipped")
    for device, text in (("E2", "is out of rollout"), ("P1", "has no device of P1"), ("nobody", "has no device of nobody")):
        answer = post_operation(testbed, rollout, "skip", "ola", device=device)
        assert answer.status == 409 and text in answer.json()["detail"], answer
    operate(testbed, rollout, "resume")
    why = testbed.http.document("/v1/devices/E2/why")
    (told,) = [reason for item in why["instructions"] for reason in item["reasons"] if reason["code"] == "excluded"]
    assert told["text"].startswith("skipped by ola at ") and told["text"].endswith(": the cash is counted"), told
    complete(testbed, rollout, "P3", "P1")
    complete(testbed, rollout, "E3", "E1")
    answer = post_operation(testbed, rollout, "skip", "ola", device="E3")
    assert answer.status == 409 and "stays in its gates" in answer.json()["detail"], answer
    assert post_operation(testbed, rollout, "skip", "ola", device="P2", match="region=emea").status == 422
    assert post_operation(testbed, rollout, "exclude", "ola", match="region").status == 422
    assert post_operation(testbed, rollout, "skip", "ola", device="P2", version=1).status == 409
    complete(testbed, rollout, "P2", "P1")
    testbed.wait_for_rollout(rollout, "completed")
    assert post_operation(testbed, rollout, "skip", "ola", device="P2").status == 409


def test_a_claim_that_began_before_the_exclusion_was_committed_starts_nothing_of_it(testbed):
    rollout = testbed.submit("raced", selector={"devices": ["E2", "P2"]}, schedule={"startAt": soon(2)}, **FAST)
    testbed.wait_for_rollout(rollout, "running")
    act = testbed.database.connect()
    try:
        act.autocommit = False
        with act.cursor() as cursor:
            cursor.execute("SELECT FROM rollout WHERE id = %s FOR UPDATE", (rollout,))
            wait_for(lambda: testbed.database.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                                                    "AND position('max_unavailable' IN query) > 0") > 0, "a claim waits")
            cursor.execute("INSERT INTO exclusion (rollout_id, scope, patterns, reason, excluded_by, excluded_at) VALUES "
                           "(%s, '{\"region\": [\"emea\"]}', ARRAY['{\"region\": \"emea\"}'::jsonb], 'r', 'ola', now())", (rollout,))
            cursor.execute("UPDATE rollout SET exclusions = 1, version = version + 1 WHERE id = %s", (rollout,))
        act.commit()
    finally:
        act.close()
    ended(testbed, rollout, "E2", "excluded")
    complete(testbed, rollout, "P2", "P1")
    testbed.wait_for_rollout(rollout, "completed")
    row = testbed.database.instruction(rollout, "E2")
    assert row["dispatched_at"] is None, "it was never started"


def test_an_answer_looks_for_exclusions_by_itself(testbed):
    """The rollout does not say that it has one, so that the conductor withdraws nothing."""
    rollout = testbed.submit("asked", selector={"devices": ["E2", "P2", "L1"]}, **FAST)
    for name in ("E2", "P2", "L1"):
        testbed.wait_for_state(rollout, name, "dispatched")
    e2, l1 = testbed.device("E2", "E1"), testbed.device("L1")
    wait_for(l1.tokens, "L1 has it on its topic")
    exclude = ("INSERT INTO exclusion (rollout_id, scope, patterns, reason, excluded_by, excluded_at) VALUES "
               "(%s, '{\"region\": [\"emea\"]}', ARRAY['{\"region\": \"emea\"}'::jsonb], 'r', 'ola', now())")
    testbed.database.rows(exclude, rollout)
    for device, answers in ((e2, 0), (l1, 1)):
        device.ask()
        device.wait_for_nothing(answers)
    other = testbed.device("P2", "P1")
    other.ask()
    assert other.wait_for_instruction()["rollout"] == rollout
    assert [testbed.database.instruction(rollout, name)["state_name"] for name in ("E2", "L1")] == ["dispatched"] * 2


def test_what_was_claimed_while_the_broker_was_away_is_not_given_once_it_is_excluded(testbed):
    testbed.broker.stop()
    rollout = testbed.submit("claimed", selector={"devices": ["L1", "P2"]}, **FAST)
    for name in ("L1", "P2"):
        testbed.wait_for_state(rollout, name, "dispatched")
    operate(testbed, rollout, "exclude", "ola", match="region=emea")
    testbed.broker.start()
    for one in testbed.orchestrators:
        one.wait_until_ready()
    ended(testbed, rollout, "L1", "excluded")
    complete(testbed, rollout, "P2", "P1")
    assert not any(message.payload for message in testbed.spy.messages("tc/v1/device/L1/instruction")), "its topic never had it"


def test_many_skips_stop_no_exclusion(testbed):
    rollout = testbed.submit("skipped", selector={"devices": ["E2", "P2", "P3"]}, schedule={"startAt": soon(3600)}, **FAST)
    testbed.wait_for_rollout(rollout, "running")

    def fill(count):
        testbed.database.rows("WITH put AS (INSERT INTO exclusion (rollout_id, device, scope, patterns, reason, excluded_by, excluded_at, is_whole) "
                              "SELECT %s, 'X' || n, '{}', '{}', 'r', 'ola', now(), true FROM generate_series(1, %s) n RETURNING 1) "
                              "UPDATE rollout SET exclusions = exclusions + (SELECT count(*) FROM put) WHERE id = %s", rollout, count, rollout)

    fill(1000)
    operate(testbed, rollout, "exclude", "ola", match="region=emea")
    ended(testbed, rollout, "E2", "excluded")
    fill(9000)
    answer = post_operation(testbed, rollout, "skip", "ola", device="P2")
    assert answer.status == 409 and "has 10000 exclusions of this kind" in answer.json()["detail"], answer
    operate(testbed, rollout, "exclude", "ola", match="branch=P1")
    ended(testbed, rollout, "P2", "excluded")


def test_labels_that_change_take_devices_into_an_exclusion(testbed):
    rollout = testbed.submit("moves", selector={"devices": ["E2", "P2", "P3"]}, schedule={"startAt": soon(3600)}, **FAST)
    testbed.wait_for_rollout(rollout, "running")
    operate(testbed, rollout, "exclude", "ola", match="region=emea")
    ended(testbed, rollout, "E2", "excluded")
    wait_until_whole(testbed, rollout)
    testbed.import_fleet({"P1": ["P2", "P3"]}, [], labels={**LABELS, "P2": {"region": "emea"}})
    ended(testbed, rollout, "P2", "excluded")
    wait_until_whole(testbed, rollout)
    assert testbed.database.instruction(rollout, "P3")["state_name"] == "created"


def test_an_exclusion_that_is_ordered_during_an_import_ends_what_the_import_brings_into_it(testbed):
    rollout = testbed.submit("beside", selector={"devices": ["E2", "P2", "P3"]}, schedule={"startAt": soon(3600)}, **FAST)
    testbed.wait_for_rollout(rollout, "running")
    row = testbed.database.instruction(rollout, "P2")
    with contextlib.closing(testbed.database.connect()) as connection, connection.cursor() as cursor, \
            concurrent.futures.ThreadPoolExecutor(1) as pool:
        connection.autocommit = False
        cursor.execute("SELECT FROM instruction WHERE id = %s FOR UPDATE", (row["id"],))
        labels = {**LABELS, "P2": {"region": "emea"}}
        importing = pool.submit(testbed.import_fleet, {"P1": ["P3"], "E1": ["P2"]}, [], labels=labels)  # P2 moves, so its instruction does
        wait_for(lambda: testbed.database.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                                                "AND position('unavailable_moved' IN query) > 0 AND pid <> pg_backend_pid()"), "the import waits")
        operate(testbed, rollout, "exclude", "ola", match="region=emea")
        ended(testbed, rollout, "E2", "excluded")
        wait_until_whole(testbed, rollout)
        assert not importing.done()
        connection.rollback()
        importing.result()
    ended(testbed, rollout, "P2", "excluded")
    wait_until_whole(testbed, rollout)
    (told,) = testbed.http.document(f"/v1/rollouts/{rollout}")["exclusions"]
    assert (told["ended"], told["is_whole"]) == (2, True)
    assert testbed.database.instruction(rollout, "P3")["state_name"] == "created"


def test_claims_go_on_while_the_devices_of_a_wide_exclusion_are_looked_up(testbed):
    rollout = testbed.submit("wide", selector={"devices": ["E2", "P2"]}, schedule={"startAt": soon(3600)}, **FAST)
    testbed.wait_for_rollout(rollout, "running")
    with contextlib.closing(testbed.database.connect()) as connection, connection.cursor() as cursor, \
            concurrent.futures.ThreadPoolExecutor(1) as pool:
        connection.autocommit = False
        cursor.execute("LOCK TABLE device_search IN ACCESS EXCLUSIVE MODE")  # stands for a look-up that takes long
        order = pool.submit(operate, testbed, rollout, "exclude", "ola", match="region=emea")
        wait_for(lambda: testbed.database.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                                                "AND position('is_open' IN query) > 0 AND pid <> pg_backend_pid()"), "the look-up waits")
        cursor.execute("SELECT FROM rollout WHERE id = %s FOR SHARE NOWAIT", (rollout,))  # as a claim locks it
        connection.rollback()
        order.result()
    ended(testbed, rollout, "E2", "excluded")


def test_a_person_with_a_scope_excludes_within_it_from_a_rollout_that_reaches_further(testbed):
    rollout = testbed.submit("wide", selector={"devices": ["E2", "P2"]}, schedule={"startAt": soon(3600)}, **FAST)
    elsewhere = testbed.submit("elsewhere", selector={"devices": ["P3"]}, schedule={"startAt": soon(3600)}, **FAST)
    testbed.people.add("emea", ("operator",), scope={"region": ["emea"]})
    testbed.people.settle(testbed.http)
    testbed.people.settle(testbed.orchestrators[1].http)
    for verb, of, status in (("exclude", {"match": "region=apac"}, 403), ("skip", {"device": "P2"}, 403),
                             ("exclude", {"match": "branch=P1"}, 403), ("exclude", {"match": "region=emea"}, 200)):
        assert preview(testbed, rollout, verb, "emea", **of).status == status, (verb, of)
        answer = post_operation(testbed, rollout, verb, "emea", **of)
        assert answer.status == status, (verb, of, answer)
    assert post_operation(testbed, elsewhere, "exclude", "emea", match="region=emea").status == 404
    assert preview(testbed, elsewhere, "exclude", "emea", match="region=emea").status == 404
    assert post_operation(testbed, rollout, "pause-group", "emea", group="all").status == 403
    ended(testbed, rollout, "E2", "excluded")
    assert testbed.database.instruction(rollout, "P2")["state_name"] == "created"


def test_the_commands_show_what_they_will_do_and_status_says_what_they_did(testbed):
    rollout = testbed.submit("by-hand", selector={"devices": ["E2", "E3", "P2"]}, schedule={"startAt": soon(3600)}, **FAST)
    testbed.wait_for_rollout(rollout, "running")
    at = (*testbed.http.at("ola"), "--reason", "a storm")
    tried = command_line("rollout", "exclude", "by-hand", "--branch", "E1", "--dry-run", *at)
    assert "2 devices; ended: 2 instructions that were not started" in tried.stderr and tried.stdout == "", tried
    assert testbed.database.rollout(rollout)["exclusions"] == 0
    done = command_line("rollout", "skip", "by-hand", "P2", "--yes", *at)
    assert done.stdout == f"rollout {rollout}  by-hand  skipped P2; it is running, version 2\n"
    assert "1 device; ended: 1 instruction that was not started" in done.stderr, done
    done = command_line("rollout", "exclude", "by-hand", "--branch", "E1", "--yes", *at)
    assert "excluded branch=E1; it is running, version 3\n" in done.stdout
    for device, code in (("E2", "excluded"), ("P2", "skipped")):
        ended(testbed, rollout, device, code)
    testbed.wait_for_rollout(rollout, "halted")
    status = command_line("rollout", "status", "by-hand", *testbed.http.at("ola"))
    assert f"tellercast rollout retry {rollout} --reason REASON" in status.stderr, status
    shown = status.stdout
    assert "excluded     branch=E1, by ola, " in shown and ": a storm; 2 instructions ended" in shown, shown
    assert "skipped      P2, by ola, " in shown, shown
    neither = command_line("rollout", "exclude", "by-hand", *at, check=False)
    assert neither.returncode == 1 and "--match or --branch" in neither.stderr
