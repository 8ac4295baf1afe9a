"""An orchestrator that is stopped under full load ends within five seconds, and everything that it accepted is committed."""

import signal
import time

from harness.plan import fleet
from harness.stack import SANITIZED
from harness.wait import wait_for

BRANCHES = {f"B{b}": [f"B{b}-A{a}" for a in range(1, 10)] for b in range(1, 31)}
COUNT = 30 * 10
SECONDS = 5 if not SANITIZED else 20
CONFIRMS, REPLIES = "tc/v1/device/+/confirm", "tc/v1/device/+/reply"
# Each device sends many reports, again and again.
TALKATIVE = {"rules": [{"match": {"role": "any"}, "install": {"min": "500ms", "max": "6s"}, "installReports": 10,
                        "duplicates": 2}]}


def key_of(device, report):
    return (device, report["instruction"], report["attempt"], report["sequence"])


def accepted(stack):
    """Returns the confirmed reports of the devices, each with its content."""
    reports = {}
    for message in stack.spy.messages(REPLIES):
        device = message.topic.split("/")[3]
        reports[key_of(device, message.json())] = message.json()["state"]
    confirms = [(message.topic.split("/")[3], message.json()) for message in stack.spy.messages(CONFIRMS)
                if message.payload]  # an empty message is the orchestrator's probe
    return [(device, confirm, reports.get(key_of(device, confirm))) for device, confirm in confirms
            if confirm["accepted"]]


def check_accepted_is_there(stack, rollout):
    rows = stack.database.instructions(rollout)
    for device, confirm, state in accepted(stack):
        row = rows[device]
        assert row["id"] == confirm["instruction"]
        if state in ("completed", "failed"):
            assert row["state_name"] == state, f"{device} got a confirm for {state}"
        else:
            done = row["state_name"] in ("completed", "failed")
            assert done or row["sequence"] >= confirm["sequence"], f"{device}: {confirm}"


def wait_until_full(stack, rollout):
    wait_for(lambda: stack.database.states(rollout).get("completed", 0) > 10, "some are done")
    assert stack.database.states(rollout).get("installing", 0) > 30, "others are at it"


def end(orchestrator):
    began = time.monotonic()
    orchestrator.send(signal.SIGTERM)
    code = orchestrator.wait(SECONDS * 4)
    return code, time.monotonic() - began


def start_testbed(stack):
    # A batch waits long and is small, so that reports are in the queue when the shutdown begins.
    stack.orchestrator(updater={"threads": 2, "batch": 50}, queue_limit=2000, lease="1s")
    stack.add_artifact()
    stack.import_fleet(BRANCHES)
    return stack.simulated_fleet(fleet(BRANCHES), TALKATIVE)


def test_under_full_load_it_ends_in_time_and_nothing_accepted_is_lost(stack):
    simulated = start_testbed(stack)
    rollout = stack.submit()
    orchestrator = stack.orchestrators[0]
    wait_until_full(stack, rollout)
    code, seconds = end(orchestrator)
    assert code == 0, orchestrator.text()[-2000:]
    assert seconds < SECONDS
    check_accepted_is_there(stack, rollout)
    orchestrator.start()
    stack.wait_for_states(rollout, completed=COUNT)
    stack.wait_for_rollout(rollout)
    report = simulated.report()
    assert report["executions"]["double"] == 0
    assert {row["attempt"] for row in stack.database.instructions(rollout).values()} == {1}


def test_it_ends_well_when_it_is_told_to_while_it_waits_for_the_database(stack):
    settings = {"database": f"host={stack.folder}/nowhere dbname=bank"}
    orchestrator = stack.orchestrator(ready=False, **settings)
    orchestrator.wait_until(lambda: "database.unavailable" in orchestrator.text(), "it waits for the database")
    code, seconds = end(orchestrator)
    assert code == 0 and seconds < SECONDS
    assert "asked to stop while waiting for the database" in orchestrator.text()


def test_it_ends_in_time_while_the_servers_hang(stack):
    start_testbed(stack)
    rollout = stack.submit()
    orchestrator = stack.orchestrators[0]
    wait_until_full(stack, rollout)
    stack.broker.send(signal.SIGSTOP)
    stack.redis_server.send(signal.SIGSTOP)
    # Every statement waits, as on a disk that does not answer.
    blocker = stack.postgres.connect(stack.database._name)
    blocker.autocommit = False
    blocker.cursor().execute("LOCK TABLE instruction, lease, claim, rollout IN ACCESS EXCLUSIVE MODE")
    try:
        code, seconds = end(orchestrator)
    finally:
        blocker.rollback()
        blocker.close()
        stack.redis_server.send(signal.SIGCONT)
        stack.broker.send(signal.SIGCONT)
    assert code is not None and seconds < SECONDS
    check_accepted_is_there(stack, rollout)
    orchestrator.start()
    stack.wait_for_states(rollout, completed=COUNT)
