"""A party that floods the broker with invalid or retained messages is refused, causes few log lines, and stops no other."""

import json
import pathlib
import signal
import time

import pytest
from harness.plan import APPLICATION
from harness.stack import SANITIZED
from harness.wait import wait_for

pytestmark = pytest.mark.plain_broker

MANY = 2000
FLOOD = 10_000 if SANITIZED else 100_000  # with sanitizers the programs take ten times as long for each message
LINES = 10  # lines of an event for one device in a period (LOG_LIMIT_LINES)
REFUSED = "tellercast_broker_messages_refused_total"


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2"]}, ["P1"])
    return stack


def take(testbed, rollout, name, branch):
    testbed.wait_for_state(rollout, name, "dispatched")
    device = testbed.device(name, branch)
    device.ask()
    return device, device.wait_for_instruction()


def lines(program, event):
    return [line for line in program.text().splitlines() if f" {event} " in line]


# ---- messages that the orchestrator refuses ---------------------------------------------------


def test_what_is_retained_where_devices_and_operators_speak_is_refused_once_and_not_at_each_connection(testbed):
    device, operator = testbed.device("A1", "B1"), testbed.operator()
    device.publish("tc/v1/device/A1/ask", b"", retain=True)
    device.publish("tc/v1/device/A1/reply", {"instruction": 1, "attempt": 1, "sequence": 1, "state": "received"},
                   retain=True)
    operator.publish("tc/v1/operator/operator/submit", b"a plan", retain=True)
    wait_for(lambda: testbed.http.metric(REFUSED) == 3, "each is refused")
    device.ask()
    device.wait_for_nothing()
    assert testbed.http.metric("tellercast_asks_received_total") == 1
    assert testbed.http.metric("tellercast_statuses_received_total") == 0
    testbed.orchestrators[0].stop()
    testbed.orchestrators[0].start()
    testbed.orchestrators[0].wait_until_ready()
    device.ask()
    wait_for(lambda: testbed.http.metric("tellercast_asks_received_total") == 1, "the orchestrator listens")
    assert testbed.http.metric(REFUSED) == 0


def test_a_report_with_a_wrong_version_counts_without_its_versions(testbed):
    rollout = testbed.submit(selector={"devices": ["A1"]})
    device, claims = take(testbed, rollout, "A1", "B1")
    sequence = device.reply(claims, "completed", versions={APPLICATION: "4.7 beta", "other": "1"})
    assert device.wait_for_confirm(sequence)["accepted"]
    testbed.wait_for_state(rollout, "A1", "completed")
    assert testbed.http.document("/v1/devices/A1")["versions"] == {APPLICATION: "4.7.0"}


def test_an_ask_with_a_wrong_version_is_answered(testbed):
    rollout = testbed.submit(selector={"devices": ["A1"]})
    testbed.wait_for_state(rollout, "A1", "dispatched")
    device = testbed.device("A1", "B1")
    device.ask({APPLICATION: "4.7 beta"})
    assert device.wait_for_instruction()["rollout"] == rollout


@pytest.mark.parametrize("wrong", [
    {"state": "done"}, {"progress": 101}, {"confirm": 1}, {"code": 7}, {"detail": "x" * 1025}, {"at": "yesterday"},
], ids=lambda wrong: next(iter(wrong)))
def test_an_identified_report_with_an_invalid_field_is_confirmed_as_refused(testbed, wrong):
    rollout = testbed.submit(selector={"devices": ["A1"]})
    device, claims = take(testbed, rollout, "A1", "B1")
    sequence = device.reply(claims, wrong.get("state", "received"), **{k: v for k, v in wrong.items() if k != "state"})
    confirm = device.wait_for_confirm(sequence)
    assert not confirm["accepted"]
    assert confirm["reason"].startswith(next(iter(wrong)))
    device.reply(claims, "completed")
    testbed.wait_for_state(rollout, "A1", "completed")


def left_out_lines(orchestrator):
    return {line.split(" of=")[1].split(" ms=")[0] for line in lines(orchestrator, "log.left_out")}


def test_a_flood_of_wrong_messages_writes_few_lines_and_says_how_many_it_left_out(testbed):
    device = testbed.device("A1", "B1")
    for _ in range(MANY):
        device.publish("tc/v1/device/A1/ask", b"{", qos=0)
        device.publish("tc/v1/device/A1/reply", b"{", qos=0)
        device.publish("tc/v1/device/A1/reply", {"instruction": 9, "attempt": 1, "sequence": 1, "state": "failed"}, qos=0)
    metric = testbed.http.metric

    def counts():
        return {"ask.refused": metric("tellercast_asks_refused_total"),
                "ask.replaced": metric("tellercast_asks_replaced_total"),
                "status.refused": metric("tellercast_statuses_refused_total"),
                "status.left_out": metric("tellercast_statuses_left_out_total")}

    wait_for(lambda: counts()["ask.refused"] + counts()["ask.replaced"] == MANY, "all asks have come")
    wait_for(lambda: counts()["status.refused"] + counts()["status.left_out"] == 2 * MANY, "all reports have come")
    found = counts()
    other = testbed.device("A2", "B1")
    other.publish("tc/v1/device/A2/ask", b"{")
    orchestrator = testbed.orchestrators[0]
    wait_for(lambda: [line for line in lines(orchestrator, "ask.refused") if "A2" in line], "others are still logged")
    orchestrator.stop()
    for event, count in found.items():
        assert len([line for line in lines(orchestrator, event) if "A1" in line]) == min(count, LINES)
    assert left_out_lines(orchestrator) == {f"{event} subject=A1 lines={count - LINES:.0f}"
                                            for event, count in found.items() if count > LINES}


# ---- more messages than a device's share -------------------------------------------------------

VERSIONS = {f"app-{number:02}-{'x' * 50}": "1" * 60 for number in range(63)}
ASK_BURST, ASK_INTERVAL_S = 32, 0.5  # orchestrator/queues/queued_ask.h
REPORTS_MAX = 64  # orchestrator/queues/update.h
MEMORY_KIB = 128 * 1024


def memory_kib(program):
    status = pathlib.Path(f"/proc/{program.pid}/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0])


def test_a_device_that_floods_asks_is_answered_as_often_as_its_share_and_the_memory_stays(testbed):
    other = testbed.device("A2", "B1")
    began = time.monotonic()
    for number in range(MANY):
        other.send_soon("tc/v1/device/A2/ask", json.dumps({"versions": {**VERSIONS, "turn": str(number)}, "nonce": f"n{number}"}))
    other.publish("tc/v1/device/A2/ask", json.dumps({"versions": {"turn": "last"}, "nonce": "last"}))
    wait_for(lambda: testbed.database.value("SELECT versions FROM device WHERE id = 'A2'") == {"turn": "last"},
             "its last ask counts")
    share = ASK_BURST + (time.monotonic() - began) / ASK_INTERVAL_S + 1
    assert testbed.http.metric("tellercast_asks_empty_total") <= share
    assert SANITIZED or memory_kib(testbed.orchestrators[0]) < MEMORY_KIB


def test_asks_of_a_device_that_floods_do_not_wait_before_those_of_others(testbed):
    honest, other = testbed.device("A1", "B1"), testbed.device("A2", "B1")
    received = testbed.http.metric("tellercast_asks_received_total")
    testbed.postgres.send_all(signal.SIGSTOP)
    try:
        for number in range(MANY - 1):
            other.send_soon("tc/v1/device/A2/ask", f'{{"nonce":"n{number}"}}')
        other.publish("tc/v1/device/A2/ask", '{"nonce":"last"}')
        honest.ask()
        wait_for(lambda: testbed.http.metric("tellercast_asks_received_total") == received + MANY + 1, "all wait")
        before = len(other.answers())
    finally:
        testbed.postgres.send_all(signal.SIGCONT)
    honest.wait_for_nothing()
    assert len(other.answers()) - before <= ASK_BURST


def test_reports_of_a_device_that_floods_do_not_wait_before_those_of_others_and_those_are_not_lost(testbed):
    rollout = testbed.submit(selector={"devices": ["A1"]})
    honest, claims = take(testbed, rollout, "A1", "B1")
    testbed.wait_for_state(rollout, "A1", "sent")
    other = testbed.device("A2", "B1")
    metric = testbed.http.metric
    testbed.postgres.send_all(signal.SIGSTOP)
    try:
        for number in range(MANY):
            other.send_soon("tc/v1/device/A2/reply", json.dumps({"instruction": claims["instruction"], "attempt": 1,
                                                                 "sequence": number + 1, "state": "failed"}))
        sequence = honest.reply(claims, "completed")
        wait_for(lambda: metric("tellercast_statuses_left_out_total") >= MANY - 3 * REPORTS_MAX, "few wait")
    finally:
        testbed.postgres.send_all(signal.SIGCONT)
    assert honest.wait_for_confirm(sequence)["accepted"]
    testbed.wait_for_state(rollout, "A1", "completed")
    left_out = metric("tellercast_statuses_left_out_total")
    wait_for(lambda: left_out + metric("tellercast_statuses_refused_total") == MANY, "each is refused or counted")


# ---- messages that an agent refuses -----------------------------------------------------------


def test_a_dispatch_that_is_retained_is_not_obeyed(testbed):
    """Any client could publish one, and the device would get it at each connection."""
    other = testbed.device("A2", "A2")
    other.publish("tc/v1/branch/A2/dispatch/A1", {"rollout": 1, "device": "A1", "expires": "2099-01-01T00:00:00Z"},
                  retain=True)
    client = testbed.client("atm", "A1", "B1")
    testbed.client("node", "B1")
    rollout = testbed.submit(selector={"devices": ["A1"]})
    testbed.wait_for_states(rollout, completed=1)
    assert len(lines(client, "dispatch.received")) == 1


def flood(wire, topic, payload, count=FLOOD):
    """Publishes at QoS 0, as fast as the broker accepts messages. Returns when the broker has the last one."""
    for _ in range(count - 1):
        wire.send_soon(topic, payload)
    wire.publish(topic, payload)


def test_an_atm_under_a_hundred_thousand_dispatches_still_upgrades(testbed):
    client = testbed.client("atm", "A1", "B1")
    testbed.client("node", "B1")
    other = testbed.device("A2", "B1")
    flood(other, "tc/v1/branch/A2/dispatch/A1", '{"rollout":1,"device":"A1","expires":"2099-01-01T00:00:00Z"}')
    flood(other, "tc/v1/branch/A2/dispatch/A1", "{")
    rollout = testbed.submit(selector={"devices": ["A1"]}, execution={"dispatchTimeout": "30s", "retries": 0})
    testbed.wait_for_states(rollout, completed=1)
    assert len(client.text().splitlines()) < 300
    assert len(testbed.spy.messages("tc/v1/device/A1/ask")) < 500, "a flood makes no other"


@pytest.mark.parametrize("role, name", [("pull", "P1"), ("atm", "A1")])
def test_a_client_under_a_hundred_thousand_unreadable_tokens_still_upgrades(testbed, role, name):
    client = testbed.client(role, name, "B1" if role == "atm" else None)
    testbed.client("node", "B1")
    flood(testbed.orchestrator_voice(), f"tc/v1/device/{name}/instruction", "no token")
    rollout = testbed.submit(selector={"devices": [name]}, execution={"dispatchTimeout": "30s", "retries": 0})
    testbed.wait_for_states(rollout, completed=1)
    assert len(client.text().splitlines()) < 300


def test_a_node_under_a_hundred_thousand_starts_still_starts_its_branch(testbed):
    testbed.client("atm", "A1", "B1")
    client = testbed.client("node", "B1")
    flood(testbed.orchestrator_voice(), "tc/v1/branch/B1/start",
          '{"rollout":1,"devices":["A2","B1"],"expires":"2099-01-01T00:00:00Z"}')
    rollout = testbed.submit(selector={"devices": ["A1", "B1"]}, execution={"dispatchTimeout": "30s", "retries": 0})
    testbed.wait_for_states(rollout, completed=2)
    assert len(client.text().splitlines()) < 300


def test_an_orchestrator_under_a_hundred_thousand_asks_and_reports_still_upgrades(testbed):
    testbed.client("atm", "A1", "B1")
    testbed.client("node", "B1")
    other = testbed.device("A2", "B1")
    flood(other, "tc/v1/device/A2/ask", "{")
    flood(other, "tc/v1/device/A2/reply", "{")
    rollout = testbed.submit(selector={"devices": ["A1"]})
    testbed.wait_for_states(rollout, completed=1)
