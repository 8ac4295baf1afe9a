"""An orchestrator that starts asks devices in flight for their state at once, and waits for no deadline."""

import re
import signal

import pytest
from harness.operations import operate
from harness.plan import APPLICATION
from harness.wait import wait_for
from test_clients import installer

STARTS, INSTRUCTIONS = "tc/v1/branch/B1/start", "tc/v1/device/P1/instruction"
DEVICES = ["A1", "A2", "B1", "P1"]
# Every deadline that could help is hours away, so only the question at the start helps.
HOURS = {"dispatchTimeout": "6h", "answerTimeout": "6h", "receiveTimeout": "6h", "installTimeout": "6h"}
SILENT = {"ask": {"first": "1h", "longest": "2h", "period": "0s"},
          "report": {"resend_first": "1h", "resend_longest": "2h", "progress_period": "0s"}}
SECONDS = 20  # an orchestrator's start on a busy machine; the hours are far longer


@pytest.fixture
def testbed(stack):
    stack.orchestrator(lease="1h")
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2"]}, ["P1"])
    return stack


def starts(stack):
    return [message.json() for message in stack.spy.messages(STARTS)]


def restart(stack):
    """The new orchestrator does not wait for the lease of the dead one, which has hours left."""
    stack.orchestrators[0].start()


def test_a_lost_start_command_is_sent_again_when_the_orchestrator_comes_back(testbed):
    rollout = testbed.submit(selector={"devices": ["A1", "A2", "P1"]}, execution=HOURS)
    testbed.wait_for_states(rollout, dispatched=3)
    testbed.spy.wait_for(STARTS)
    testbed.orchestrators[0].kill()
    before = len(starts(testbed))
    testbed.client("node", "B1", "B1", **SILENT)  # no client heard the first one
    for atm in ("A1", "A2"):
        testbed.client("atm", atm, "B1", **SILENT)
    restart(testbed)
    testbed.spy.wait_for(STARTS, before + 1, seconds=SECONDS)
    assert starts(testbed)[before]["rollout"] == rollout
    assert sorted(starts(testbed)[before]["devices"]) == ["A1", "A2"], "one command a branch"
    testbed.client("pull", "P1", **SILENT)
    testbed.wait_for_rollout(rollout, seconds=SECONDS)
    assert {row["attempt"] for row in testbed.database.instructions(rollout).values()} == {1}


@pytest.mark.parametrize("may_begin", ["still", "no more"])
def test_reports_made_while_the_orchestrator_was_away_arrive_when_it_comes_back(testbed, may_begin):
    go = testbed.folder / "go"
    script = installer(testbed, "waits", f'until [[ -e {go} ]]; do sleep 0.05; done\n'
                       f'cp "$TELLERCAST_ARTIFACT_FILE" {APPLICATION}')
    own = {**SILENT, "actions": {"install": str(script)}}
    testbed.client("node", "B1", "B1", **own)
    for atm in ("A1", "A2"):
        testbed.client("atm", atm, "B1", **own)
    rollout = testbed.submit(selector={"devices": ["A1", "A2"]}, execution=HOURS)
    testbed.wait_for_states(rollout, installing=2)
    testbed.orchestrators[0].kill()
    go.touch()
    for atm in ("A1", "A2"):
        replies = f"tc/v1/device/{atm}/reply"
        wait_for(lambda: any(reply.json()["state"] == "completed" for reply in testbed.spy.messages(replies)),
                 f"{atm} reports completed, while no orchestrator runs")
    assert testbed.database.states(rollout) == {"installing": 2}
    if may_begin == "no more":
        testbed.database.rows("UPDATE instruction SET start_before = now() - interval '1 s'")
    restart(testbed)
    testbed.wait_for_states(rollout, completed=2, seconds=SECONDS)
    testbed.wait_for_rollout(rollout, seconds=SECONDS)


def restored(orchestrator):
    return orchestrator.text().count("broker.restored")


def test_the_conductor_asks_again_when_another_orchestrator_starts(testbed):
    """Only the dead orchestrator knew the messages that it acknowledged to the broker."""
    other = testbed.orchestrator(lease="1h")
    conductor = testbed.orchestrators[0]
    wait_for(lambda: restored(conductor) >= 2, "the other announced itself", SECONDS)
    other.kill()
    before = restored(conductor)
    other.start()
    wait_for(lambda: restored(conductor) > before, "all in flight is asked again", SECONDS)
    assert restored(other) == 0


def test_who_lost_the_lease_does_not_take_it_from_the_one_that_holds_it(stack):
    first, second = (stack.orchestrator(lease="2s") for _ in range(2))
    first.send(signal.SIGSTOP)
    wait_for(lambda: restored(second) == 1, "the other takes over", SECONDS)
    first.send(signal.SIGCONT)
    wait_for(lambda: "conductor.stepped_down" in first.text(), "the first sees it", SECONDS)
    elected = first.text().count("conductor.elected")
    expiry = "SELECT extract(epoch FROM expires_at)::float FROM lease WHERE name = 'conductor'"
    before = stack.database.value(expiry)
    wait_for(lambda: stack.database.value(expiry) > before + 3, "the other goes on renewing it", SECONDS)
    assert (first.text().count("conductor.elected"), restored(second)) == (elected, 1)


# ---- pull clients that were away -------------------------------------------------------------------


def withdraw(testbed, client):
    """A rollout is dispatched to P1, which is away, and cancelled before P1 returns. Returns the message that was retained."""
    client.stop()
    rollout = testbed.submit(selector={"devices": ["P1"]}, execution=HOURS)
    testbed.wait_for_states(rollout, dispatched=1)
    token = wait_for(lambda: [message.payload for message in testbed.spy.messages(INSTRUCTIONS) if message.payload],
                     "it is retained")
    operate(testbed, rollout, "cancel")
    testbed.wait_for_rollout(rollout, "cancelled")
    return rollout, token[-1]


def check_nothing_was_done(testbed, client, rollout):
    """The device's messages at the broker came with the connection, before the instruction that follows."""
    answers = len(testbed.spy.messages(INSTRUCTIONS))
    client.start()
    testbed.spy.wait_for(INSTRUCTIONS, answers + 1)
    following = testbed.submit("following", selector={"devices": ["P1"]})
    testbed.wait_for_states(following, completed=1)
    received = re.findall(r"instruction\.received instruction=(\d+)", client.text())
    assert received == [str(testbed.database.instruction(following, "P1")["id"])]
    assert testbed.database.states(rollout) == {"cancelled": 1}


def test_what_was_cancelled_while_a_pull_client_was_away_is_not_done_when_it_comes_back(testbed):
    client = testbed.client("pull", "P1")
    rollout, _ = withdraw(testbed, client)
    check_nothing_was_done(testbed, client, rollout)


def test_what_an_old_state_of_the_broker_brings_back_is_emptied_again(testbed):
    client = testbed.client("pull", "P1")
    rollout, token = withdraw(testbed, client)
    testbed.orchestrator_voice().publish(INSTRUCTIONS, token, retain=True)
    testbed.orchestrator(lease="1h")  # this makes the conductor restore
    wait_for(lambda: restored(testbed.orchestrators[0]) >= 2 and not testbed.spy.messages(INSTRUCTIONS)[-1].payload,
             "it is emptied", SECONDS)
    check_nothing_was_done(testbed, client, rollout)
