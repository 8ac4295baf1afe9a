"""Orchestrators and agents obey the limits that a broker announces in its CONNACK."""

import pytest
from harness.announcer import (MAXIMUM_PACKET_SIZE, MAXIMUM_QOS, PINGREQ, PUBLISH, RECEIVE_MAXIMUM, RETAIN_AVAILABLE,
                               SERVER_KEEP_ALIVE, SHARED_AVAILABLE, WILDCARDS_AVAILABLE, Announcer)
from harness.operations import operate
from harness.plan import plan
from harness.programs import ORCHESTRATOR_USER, command_line
from harness.stack import access_list
from harness.wait import wait_for

pytestmark = pytest.mark.plain_broker

LARGE = {"action": "configure", "artifact": None, "parameters": {"list": "x" * 12000}}
SMALL = {"action": "configure", "artifact": None, "parameters": {"list": "x"}}


@pytest.fixture
def announcer(stack):
    announcer = Announcer(stack.broker.port, {})
    yield announcer
    announcer.close()


def stack_behind(stack, announcer, branches=None, pull=("P1",), ready=True):
    stack.orchestrator(ready, broker={"port": announcer.port, "user": ORCHESTRATOR_USER, "in_flight": 100})
    if ready:
        stack.add_artifact()
        stack.import_fleet(branches or {"B1": ["A1", "A2"]}, pull)
    return stack


def client_behind(stack, announcer, role, name, branch=None, **settings):
    return stack.client(role, name, branch, broker={"port": announcer.port}, **settings)


def starts(testbed, branch="B1"):
    return [message.json() for message in testbed.spy.messages(f"tc/v1/branch/{branch}/start")]


def complete(testbed, rollout, name, branch=None):
    testbed.wait_for_state(rollout, name, "dispatched")
    device = testbed.device(name, branch)
    device.ask()
    device.reply(device.wait_for_instruction(), "completed")
    testbed.wait_for_rollout(rollout)


# ---- instructions that are too large --------------------------------------------------------


@pytest.mark.parametrize("name", ["A1", "P1"])
def test_an_instruction_that_the_broker_does_not_take_fails_before_its_device_hears_of_it(stack, announcer, name):
    announcer.announced = {MAXIMUM_PACKET_SIZE: 8000}
    testbed = stack_behind(stack, announcer)
    large = testbed.submit("large", selector={"devices": [name]}, execution={"retries": 0}, **LARGE)
    row = testbed.wait_for_state(large, name, "failed")
    assert row["code"] == "too_large_for_broker"
    assert "the broker takes" in row["detail"]
    small = testbed.submit("small", selector={"devices": ["A2"]}, **SMALL)
    complete(testbed, small, "A2", "B1")
    assert [start["devices"] for start in starts(testbed)] == [["A2"]]
    assert [message.payload for message in testbed.spy.messages(f"tc/v1/device/{name}/instruction") if message.payload] == []
    assert max(announcer.sizes(PUBLISH, "")) <= 8000
    assert "broker.lost" not in testbed.orchestrators[0].text()


def test_a_rollout_of_instructions_that_are_too_large_can_be_cancelled(stack, announcer):
    announcer.announced = {MAXIMUM_PACKET_SIZE: 8000}
    testbed = stack_behind(stack, announcer)
    large = testbed.submit("large", selector={"devices": ["A1"]}, execution={"retries": 5, "backoff": "1h"}, **LARGE)
    wait_for(lambda: testbed.database.instructions(large).get("A1", {}).get("failures", 0) > 0, "it has failed once")
    operate(testbed, large, "cancel")
    testbed.wait_for_rollout(large, "cancelled")


def test_a_limit_that_comes_with_another_connection_counts(stack, announcer):
    testbed = stack_behind(stack, announcer)
    complete(testbed, testbed.submit("before", selector={"devices": ["A1"]}, **LARGE), "A1", "B1")
    announcer.announced = {MAXIMUM_PACKET_SIZE: 8000}
    announcer.disconnect()
    testbed.orchestrators[0].wait_until(lambda: testbed.orchestrators[0].text().count("broker.connected") == 2, "it is back")
    large = testbed.submit("after", selector={"devices": ["A1"]}, execution={"retries": 0}, **LARGE)
    assert testbed.wait_for_state(large, "A1", "failed")["code"] == "too_large_for_broker"


def test_start_commands_are_split_to_fit(stack, announcer):
    announcer.announced = {MAXIMUM_PACKET_SIZE: 1500, RECEIVE_MAXIMUM: 2}
    atms = [f"{'A' * 57}{number:03}" for number in range(60)]
    testbed = stack_behind(stack, announcer, {"B1": atms})
    testbed.submit("all", selector={"devices": atms}, rate={"perMinute": 100000}, **SMALL)
    wait_for(lambda: sum(len(start["devices"]) for start in starts(testbed)) == len(atms), "all are started")
    assert sorted(sum((start["devices"] for start in starts(testbed)), [])) == atms
    assert max(announcer.sizes(PUBLISH, "")) <= 1500


# ---- a broker that lacks something ----------------------------------------------------------


@pytest.mark.parametrize("announced, what", [
    ({SHARED_AVAILABLE: 0}, "shared subscriptions"),
    ({WILDCARDS_AVAILABLE: 0}, "wildcard subscriptions"),
    ({RETAIN_AVAILABLE: 0}, "does not retain messages"),
    ({MAXIMUM_QOS: 0}, "QoS 1"),
], ids=["shared", "wildcards", "retain", "qos"])
def test_readyz_says_what_the_broker_lacks(stack, announcer, announced, what):
    announcer.announced = announced
    stack_behind(stack, announcer, ready=False)
    wait_for(lambda: stack.http.answers(), "it answers")
    wait_for(lambda: what in stack.http.get("/readyz").json()["broker"], f"it says {what}")
    assert stack.http.get("/readyz").status == 503
    announcer.announced = {}
    stack.orchestrators[0].wait_until_ready()


def test_a_publish_that_the_broker_refuses_is_logged_and_stops_no_other(stack):
    (stack.broker.folder / "acl").write_text(
        access_list().replace("topic write tc/v1/branch/+/start", "topic write tc/v1/branch/B2/start"), encoding="utf-8")
    stack.broker.stop()
    stack.broker.start()
    testbed = stack
    testbed.orchestrator()
    testbed.add_artifact()
    testbed.import_fleet({"B1": ["A1"], "B2": ["A2"]}, ["P1"])
    assert testbed.http.get("/readyz").status == 200
    testbed.spy.wait_for("tc/v1/orchestrator/epoch")  # the orchestrator is connected again
    testbed.submit("refused", selector={"devices": ["A1"]})
    wait_for(lambda: "publishing is refused" in testbed.http.get("/readyz").json()["broker"], "/readyz says so")
    testbed.submit("other", selector={"devices": ["P1", "A2"]})
    testbed.spy.wait_for("tc/v1/device/P1/instruction")
    testbed.spy.wait_for("tc/v1/branch/B2/start")
    wait_for(lambda: testbed.database.value("SELECT count(*) FROM claim") == 0, "all is delivered")


def test_an_orchestrator_lives_as_the_broker_wants(stack, announcer):
    announcer.announced = {SERVER_KEEP_ALIVE: 2}
    testbed = stack_behind(stack, announcer)
    name = next(who for who, *_ in announcer.packets if who.endswith("-out"))
    assert announcer.keep_alives(name)[-1] == 2
    wait_for(lambda: min(len(announcer.sizes(PINGREQ, who)) for who in (name, name[:-3] + "in")) >= 2,
             "both ping again and again")
    assert "broker.lost" not in testbed.orchestrators[0].text()


def test_the_command_line_says_when_the_broker_does_not_take_a_plan(stack, announcer):
    testbed = stack_behind(stack, announcer)
    file = testbed.folder / "plan.yaml"
    file.write_text(plan("large", selector={"devices": ["A1"]}, **LARGE), encoding="utf-8")
    submit = ["rollout", "submit", file, "--via", "mqtt", "--broker", f"127.0.0.1:{announcer.port}", "--user", "operator"]
    announcer.announced = {MAXIMUM_PACKET_SIZE: 8000}
    refused = command_line(*submit, check=False)
    assert refused.returncode != 0
    assert "the maximum packet size is 8000 bytes; the plan's packet has 12" in refused.stderr
    assert max(announcer.sizes(PUBLISH, "")) <= 8000
    announcer.announced = {}
    assert "accepted" in command_line(*submit).stdout


# ---- agents ---------------------------------------------------------------------------------


def test_an_agent_shortens_a_report_that_the_broker_does_not_take(stack, announcer):
    testbed = stack
    testbed.orchestrator()
    testbed.add_artifact()
    testbed.import_fleet({"B1": ["A1"]})
    script = testbed.folder / "talkative"
    versions = "".join(f"echo version app-{number}-{'x' * 40} {'1' * 60};" for number in range(20))
    script.write_text(f'#!/bin/bash\n{versions}\n[[ $1 == install ]] || exit 0\n'
                      f'echo "progress 10 {"x" * 100}"; echo "{"y" * 900}" >&2; exit 1\n', encoding="utf-8")
    script.chmod(0o755)
    announcer.announced = {MAXIMUM_PACKET_SIZE: 500}
    client_behind(testbed, announcer, "node", "B1")
    client = client_behind(testbed, announcer, "atm", "A1", "B1", actions={"install": str(script)})
    rollout = testbed.submit(selector={"devices": ["A1"]}, execution={"retries": 0})
    testbed.wait_for_state(rollout, "A1", "failed")
    assert "message.too_large_for_broker topic=tc/v1/device/A1/reply" in client.text()
    assert "message.too_large_for_broker topic=tc/v1/device/A1/ask" in client.text()
    assert max(announcer.sizes(PUBLISH, "A1")) <= 500


@pytest.mark.parametrize("announced", [
    {MAXIMUM_QOS: 0}, {RETAIN_AVAILABLE: 0}, {WILDCARDS_AVAILABLE: 0}, {SERVER_KEEP_ALIVE: 2}, {RECEIVE_MAXIMUM: 1},
], ids=["qos", "retain", "wildcards", "keep-alive", "receive"])
def test_agents_do_without_what_the_broker_lacks_and_live_as_it_wants(stack, announcer, announced):
    testbed = stack
    testbed.orchestrator()
    testbed.add_artifact()
    testbed.import_fleet({"B1": ["A1"]})
    announcer.announced = announced
    client_behind(testbed, announcer, "node", "B1")
    client_behind(testbed, announcer, "atm", "A1", "B1")
    rollout = testbed.submit(selector={"devices": ["A1"]})
    testbed.wait_for_states(rollout, completed=1)
    connects = {MAXIMUM_QOS: 1, RETAIN_AVAILABLE: 1, WILDCARDS_AVAILABLE: 1, SERVER_KEEP_ALIVE: 2, RECEIVE_MAXIMUM: 2}
    assert len(announcer.keep_alives("A1")) == connects[next(iter(announced))], "a second connection only when it is needed"
    if MAXIMUM_QOS in announced:
        assert {qos for _, qos, _ in announcer.published} == {0}
    if RETAIN_AVAILABLE in announced:
        assert not [who for who, _, retained in announcer.published if retained]
    if WILDCARDS_AVAILABLE in announced:
        assert announcer.subscribed and not [who for who, filters in announcer.subscribed if b"+" in filters]
    if RECEIVE_MAXIMUM in announced:
        assert announcer.most_under_way == {"A1": 1, "B1": 1}
    if SERVER_KEEP_ALIVE in announced:
        assert announcer.keep_alives("A1")[-1] == 2
        wait_for(lambda: announcer.sizes(PINGREQ, "A1"), "it pings")
