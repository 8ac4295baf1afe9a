"""Guarantees that hold when parts of the orchestrator interleave, get wrong data, break off or are away."""

import contextlib
import itertools
import re
import signal
import threading

import psycopg2
import pytest
from harness.plan import plan
from harness.wait import wait_for

FAR = {"startAt": "2038-01-10T00:00:00Z"}
ONE_BATCH = {"threads": 1, "linger": "1s"}  # long enough that reports sent at once are written together


def start(stack, branches=None, pull=(), **settings):
    stack.orchestrator(**settings)
    stack.import_fleet(branches or {"B1": ["A1", "A2"]}, pull)
    stack.add_artifact()


def planned(stack, rollout):
    wait_for(lambda: stack.database.rollout(rollout)["state"] == "running", "the rollout is planned")
    return stack.database.instructions(rollout)


def dispatched(stack, *devices, **spec):
    """Submits a rollout to these ATMs or pull clients and answers them. Returns the rollout, the devices, and the claims of each."""
    rollout = stack.submit(selector={"devices": list(devices)}, **spec)
    stack.wait_for_states(rollout, dispatched=len(devices))
    clients = [stack.device(name, None if name.startswith("P") else "B1") for name in devices]
    for device in clients:
        device.ask()
    claims = [device.wait_for_instruction() for device in clients]
    stack.wait_for_states(rollout, sent=len(devices))
    return rollout, clients, claims


# Reports that are written together


def test_a_report_on_another_devices_instruction_does_not_displace_that_devices_own(stack):
    start(stack, updater=ONE_BATCH)
    rollout, (victim, liar), (claims, _) = dispatched(stack, "A1", "A2")
    forged = {"instruction": claims["instruction"], "attempt": 9, "sequence": 9, "state": "failed", "code": "forged"}
    liar.send_reply(forged)
    sequence = victim.reply(claims, "completed")
    liar.send_reply(forged)
    assert victim.wait_for_confirm(sequence)["accepted"] is True
    wait_for(lambda: len(liar.confirms()) == 2, "both that were forged are answered")
    assert not any(confirm["accepted"] for confirm in liar.confirms())
    assert stack.database.instruction(rollout, "A1")["state_name"] == "completed"
    assert stack.database.events(claims["instruction"]) == [], "a forged report leaves no event"


def test_a_completed_of_an_earlier_attempt_counts_beside_the_answer_to_the_next(stack):
    start(stack, updater=ONE_BATCH)
    quick = {"dispatchTimeout": "1m", "answerTimeout": "1s", "retries": 1, "backoff": "0s"}
    rollout, (atm,), (first,) = dispatched(stack, "A1", execution=quick)
    wait_for(
        lambda: (row := stack.database.instruction(rollout, "A1"))["attempt"] == 2
        and row["state_name"] == "dispatched",
        "the second attempt is dispatched",
    )
    atm.ask()
    sequence = atm.reply(first, "completed")
    assert atm.wait_for_confirm(sequence)["accepted"] is True
    stack.wait_for_states(rollout, completed=1)
    assert stack.database.counters(rollout) == {"completed": 1}


def test_an_attempt_after_a_deferred_one_cannot_be_reported_on_before_it_starts(stack):
    start(stack)
    rollout, (atm,), (first,) = dispatched(stack, "A1", execution={"backoff": "10m"})
    atm.wait_for_confirm(atm.reply(first, "deferred"))
    wait_for(lambda: stack.database.instruction(rollout, "A1")["attempt"] == 2, "the next attempt is planned")
    sequence = atm.reply({**first, "attempt": 2}, "failed")
    wait_for(lambda: len(atm.confirms()) == 2, "it is answered")
    confirm = atm.confirms()[1]
    assert (confirm["sequence"], confirm["accepted"], confirm["reason"]) == (sequence, False, "not started")
    assert stack.database.states(rollout) == {"created": 1}


# Claims


def test_a_budget_of_one_lets_a_branch_go_on_in_whatever_order_its_node_stands(stack):
    branches = {f"B{number}": [f"B{number}-A"] for number in range(8)}
    start(stack, branches)
    rollout = stack.submit(disruptionBudget={"per": "branch", "maxUnavailable": 1})
    # Of eight branches about four have their node in front; in each the ATM still goes first.
    stack.wait_for_states(rollout, dispatched=8, created=8)
    assert {name for name, row in stack.database.instructions(rollout).items() if row["state"] == 1} == {
        f"B{number}-A" for number in range(8)
    }


def test_branches_whose_budget_is_used_up_do_not_hold_up_the_others(stack):
    branches = {f"B{number}": [f"B{number}-A{atm}" for atm in range(4)] for number in range(6)}
    start(stack, branches, scheduler={"claim_batch": 3})
    rollout = stack.submit(disruptionBudget={"per": "branch", "maxUnavailable": 1})
    stack.wait_for_states(rollout, seconds=20, dispatched=6, created=24)


def test_a_claim_whose_answer_was_lost_is_delivered_after_its_lease(stack):
    start(stack, {"B1": ["A1"]}, lease="1s")
    rollout = stack.submit(selector={"devices": ["A1"]}, schedule=FAR)
    instruction = planned(stack, rollout)["A1"]["id"]
    instance = re.search(r"daemon.started instance=(\S+)", stack.orchestrators[0].text())[1]
    # The state of the database after a claim was committed and the connection broke before the orchestrator got the result.
    stack.database.rows(
        "WITH c AS (INSERT INTO claim (instance, lease_until, rollout_id, instructions) "
        "VALUES (%s, now() + interval '1 s', %s, ARRAY[%s::bigint])) "
        "UPDATE instruction SET state = 1, in_flight = true, due_at = NULL, dispatched_at = now(), "
        "start_before = now() + interval '1 h', wake_at = now() + interval '1 h' WHERE id = %s",
        instance, rollout, instruction, instruction,
    )
    assert stack.spy.wait_for("tc/v1/branch/B1/start", seconds=20)[0].json()["devices"] == ["A1"]
    wait_for(lambda: stack.database.value("SELECT count(*) FROM claim") == 0, "the claim is done with")


def test_a_claim_in_work_is_not_given_up_while_the_broker_is_away(stack):
    start(stack, {"B1": ["A1"]}, lease="1s")
    stack.broker.stop()
    rollout = stack.submit(selector={"devices": ["A1"]})
    stack.wait_for_states(rollout, dispatched=1)
    first = stack.database.value("SELECT lease_until FROM claim")
    wait_for(lambda: stack.database.value("SELECT lease_until FROM claim") > first, "its lease is renewed")
    assert "claim.taken_over" not in stack.orchestrators[0].text()


def test_what_cannot_be_signed_does_not_hold_up_what_can(stack):
    start(stack, {"B1": ["A1"]}, pull=["P1"])
    rollout = stack.submit("gone", selector={"devices": ["P1"]}, schedule=FAR)
    planned(stack, rollout)
    # An operator deleted a rollout by hand while one of its instructions was about to be claimed.
    stack.database.rows(
        "WITH r AS (DELETE FROM rollout WHERE id = %s), c AS (INSERT INTO claim (instance, lease_until, rollout_id, "
        "instructions) SELECT 'gone', now(), rollout_id, ARRAY[id] FROM instruction WHERE rollout_id = %s) "
        "UPDATE instruction SET state = 1, in_flight = true, due_at = NULL, dispatched_at = now(), "
        "start_before = now() + interval '1 h' WHERE rollout_id = %s",
        rollout, rollout, rollout,
    )
    orchestrator = stack.orchestrators[0]
    orchestrator.wait_until(lambda: "claim.taken_over" in orchestrator.text(), "the claim is taken over")
    stack.submit("next", selector={"devices": ["A1"]})
    stack.spy.wait_for("tc/v1/branch/B1/start", seconds=20)


def test_a_rollout_that_cannot_be_planned_does_not_hold_up_the_next(stack):
    start(stack, {"B1": ["A1"]})
    # A plan that another version accepted, and this one cannot read.
    stack.database.rows(
        "INSERT INTO rollout (name, digest, plan, shared_claims, author, door, devices) "
        "SELECT 'broken', 'x', '{\"spec\": {\"groups\": 7}}', '', 'test', 'http', 1"
    )
    rollout = stack.submit("good", selector={"devices": ["A1"]})
    stack.wait_for_states(rollout, seconds=20, dispatched=1)
    assert "rollout.rejected" in stack.orchestrators[0].text()
    broken = stack.database.row("SELECT * FROM rollout WHERE name = 'broken'")
    assert broken["state"] == "rejected" and broken["detail"], broken


# The cache


def test_a_redis_that_refuses_to_forget_does_not_answer_what_has_ended(stack):
    start(stack, {"B1": ["A1"]}, ["P1"])
    rollout, (client,), (claims,) = dispatched(stack, "P1")
    # As when Redis cannot save: it answers reads and refuses writes.
    stack.redis.execute_command("ACL", "SETUSER", "tellercast", "-@write")
    client.wait_for_confirm(client.reply(claims, "completed"))
    stack.redis_server.give_access()
    wait_for(lambda: stack.redis.get("tc:instruction:P1") is None, "it is forgotten", 20)
    wait_for(lambda: stack.http.get("/readyz").status == 200, "all is well")
    assert stack.database.states(rollout) == {"completed": 1}


def test_a_confirm_does_not_wait_for_a_redis_that_stands_still(stack):
    """The updater finds out that Redis stands still, and counts it, after it has confirmed."""
    start(stack, {"B1": ["A1"]}, ["P1"])
    _, (client,), (claims,) = dispatched(stack, "P1")
    faults = stack.http.metric("tellercast_cache_faults_total")
    stack.redis_server.send(signal.SIGSTOP)
    try:
        client.wait_for_confirm(client.reply(claims, "completed"))
        assert stack.http.metric("tellercast_cache_faults_total") == faults
    finally:
        stack.redis_server.send(signal.SIGCONT)
    wait_for(lambda: stack.redis.get("tc:instruction:P1") is None, "it is forgotten", 30)


def test_an_ask_that_is_not_answered_since_the_database_is_away_is_counted(stack):
    start(stack, {"B1": ["A1"]})
    device = stack.device("A1", "B1")
    stack.postgres.stop()
    try:
        device.ask()
        wait_for(lambda: unanswered(stack) == 1, "it is counted")
        assert not device.answers()
    finally:
        stack.postgres.start()
    wait_for(lambda: ask_again(stack, device), "it is answered")


def ask_again(stack, device):
    """Asks, and waits until it is answered or counted as not answered. Returns whether it is answered."""
    before = unanswered(stack)
    device.ask()
    wait_for(lambda: device.answers() or unanswered(stack) > before, "the ask has an end")
    return device.answers()


def unanswered(stack):
    return stack.http.metric("tellercast_asks_unanswered_total")


def test_an_end_that_is_reported_again_is_forgotten_again(stack):
    """An orchestrator that dies after its commit has not deleted the cache entry."""
    start(stack, {"B1": ["A1"]}, ["P1"])
    _, (client,), (claims,) = dispatched(stack, "P1")
    entry = stack.redis.get("tc:instruction:P1")
    sequence = client.reply(claims, "completed")
    client.wait_for_confirm(sequence)
    wait_for(lambda: stack.redis.get("tc:instruction:P1") is None, "it is forgotten")
    stack.redis.set("tc:instruction:P1", entry)
    client.send_reply(
        {"instruction": claims["instruction"], "attempt": 1, "sequence": sequence, "state": "completed"}
    )
    wait_for(lambda: stack.redis.get("tc:instruction:P1") is None, "it is forgotten again")


# The shutdown of the orchestrator


def test_it_ends_when_told_though_the_pool_is_full_and_the_broker_away(stack):
    branches = {f"B{number:02}": [] for number in range(40)}
    start(stack, branches, scheduler={"claim_batch": 1})
    stack.broker.stop()
    rollout = stack.submit()
    # One batch is being delivered, sixteen wait, and the next has no space.
    wait_for(lambda: stack.database.states(rollout).get("dispatched", 0) >= 18, "the pool is full")
    assert stack.orchestrators[0].stop() == 0
    left = stack.database.states(rollout)
    assert left.get("created", 0) > 0, "it claims nothing more when it is to end"


@pytest.mark.plain_broker
def test_it_ends_when_told_though_its_queues_are_full_and_the_database_takes_no_writes(stack):
    start(stack, {"B1": ["A1", "A2", "A3"]}, queue_limit=100, updater={"threads": 1, "batch": 1, "linger": "0s"})
    reporting, asking = [stack.device(name, "B1") for name in ("A1", "A2")], stack.device("A3", "B1")
    orchestrator = stack.orchestrators[0]
    versions = itertools.count()

    def are_full():
        """The updater writes one report, those of two devices fill its queue, and the dispatcher waits for space for its update:
        it answers no ask."""
        answered = stack.http.metric("tellercast_asks_empty_total")
        for _ in range(20):
            for device in reporting:
                device.reply({"instruction": 77, "attempt": 1}, "received")
            asking.ask({"app": str(next(versions))})
        return (stack.http.metric("tellercast_statuses_left_out_total") > 0
                and stack.http.metric("tellercast_asks_empty_total") == answered)

    with contextlib.closing(psycopg2.connect(stack.database.address)) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE device, instruction IN EXCLUSIVE MODE")
        wait_for(are_full, "the queues are full")
        assert orchestrator.stop() == 0


def test_it_ends_when_told_while_a_submission_waits_for_the_database_at_the_start(stack):
    stack.postgres.stop()
    try:
        orchestrator = stack.orchestrator(ready=False)
        orchestrator.wait_until(lambda: orchestrator.http.answers("/healthz"), "the doors are open")
        answers = []
        order = threading.Thread(target=lambda: answers.append(orchestrator.http.submit(plan()).status))
        order.start()
        orchestrator.wait_until(lambda: orchestrator.http.metric("tellercast_queue_orders") >= 0, "it is asked")
        orchestrator.stop()
        order.join()
        assert answers == [503]
    finally:
        stack.postgres.start()


def test_a_broker_that_comes_back_while_the_orchestrator_ends_does_no_harm(stack):
    start(stack, {"B1": ["A1"]})
    orchestrator = stack.orchestrators[0]
    rollout, (atm,), (claims,) = dispatched(stack, "A1")
    # The updater waits for a locked row, so that the shutdown takes a while.
    held = stack.postgres.connect(stack.database._name)
    held.autocommit = False
    held.cursor().execute("SELECT * FROM instruction FOR UPDATE")
    atm.reply(claims, "received")
    wait_for(
        lambda: stack.database.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0,
        "the updater waits",
    )
    orchestrator.send(signal.SIGTERM)
    wait_for(
        lambda: stack.database.value(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tellercastd conductor'"
        )
        == 0,
        "the conductor has ended",
    )
    stack.broker.stop()
    stack.broker.start()
    again = orchestrator.text().count("broker.connected")
    orchestrator.wait_until(lambda: orchestrator.text().count("broker.connected") > again, "it is connected again")
    held.rollback()
    assert orchestrator.wait() == 0
    assert stack.database.states(rollout) == {"received": 1}


# Text


def test_text_that_the_database_refuses_is_refused_before(stack):
    start(stack, {"B1": ["A1"]})
    for document in (
        plan().replace("action: install", 'action: install\n  parameters: {note: "a\\0b"}'),
        plan().replace("name: upgrade", 'name: upgrade\n  change: "a\\0b"'),
    ):
        answer = stack.http.submit(document)
        assert answer.status == 422, answer
    headers = {"Content-Type": "application/yaml", "Idempotency-Key": "caf\xe9"}
    assert stack.http.ask("POST", "/v1/rollouts", plan(), headers).status == 400
