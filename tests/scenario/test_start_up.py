"""What is in flight when an orchestrator comes back is asked for its state at once: no deadline is waited for."""

import pytest
from harness.plan import APPLICATION
from harness.wait import wait_for
from test_clients import installer

STARTS = "tc/v1/branch/B1/start"
DEVICES = ["A1", "A2", "B1", "P1"]
# Whatever would help in time is hours away: only being asked helps.
HOURS = {"dispatchTimeout": "6h", "answerTimeout": "6h", "receiveTimeout": "6h", "installTimeout": "6h"}
SILENT = {"ask": {"first": "1h", "longest": "2h", "period": "0s"},
          "report": {"resend_first": "1h", "resend_longest": "2h", "progress_period": "0s"}}
SECONDS = 20  # the orchestrator's own start on a busy machine; the hours are far beyond


@pytest.fixture
def bank(stack):
    stack.orchestrator(lease="1h")
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2"]}, ["P1"])
    return stack


def starts(stack):
    return [message.json() for message in stack.spy.messages(STARTS)]


def restart(stack):
    """The new one need not wait for the lease of the one that died, either: it has hours left."""
    stack.orchestrators[0].start()


def test_a_lost_start_command_is_sent_again_when_the_orchestrator_comes_back(bank):
    rollout = bank.submit(selector={"devices": ["A1", "A2", "P1"]}, execution=HOURS)
    bank.wait_for_states(rollout, dispatched=3)
    bank.spy.wait_for(STARTS)
    bank.orchestrators[0].kill()
    before = len(starts(bank))
    bank.client("node", "B1", "B1", **SILENT)  # nobody heard the first
    for atm in ("A1", "A2"):
        bank.client("atm", atm, "B1", **SILENT)
    restart(bank)
    bank.spy.wait_for(STARTS, before + 1, seconds=SECONDS)
    assert starts(bank)[before]["rollout"] == rollout
    assert sorted(starts(bank)[before]["devices"]) == ["A1", "A2"], "one command a branch"
    bank.client("pull", "P1", **SILENT)
    bank.wait_for_rollout(rollout, seconds=SECONDS)
    assert {row["attempt"] for row in bank.database.instructions(rollout).values()} == {1}


@pytest.mark.parametrize("may_begin", ["still", "no more"])
def test_what_devices_finished_meanwhile_is_told_when_the_orchestrator_comes_back(bank, may_begin):
    go = bank.folder / "go"
    script = installer(bank, "waits", f'until [[ -e {go} ]]; do sleep 0.05; done\n'
                                      f'cp "$TELLERCAST_ARTIFACT_FILE" {APPLICATION}')
    own = {**SILENT, "actions": {"install": str(script)}}
    bank.client("node", "B1", "B1", **own)
    for atm in ("A1", "A2"):
        bank.client("atm", atm, "B1", **own)
    rollout = bank.submit(selector={"devices": ["A1", "A2"]}, execution=HOURS)
    bank.wait_for_states(rollout, installing=2)
    bank.orchestrators[0].kill()
    go.touch()
    for atm in ("A1", "A2"):
        replies = f"tc/v1/device/{atm}/reply"
        wait_for(lambda: any(reply.json()["state"] == "completed" for reply in bank.spy.messages(replies)),
                 f"{atm} has told nobody that it completed")
    assert bank.database.states(rollout) == {"installing": 2}
    if may_begin == "no more":
        bank.database.rows("UPDATE instruction SET start_before = now() - interval '1 s'")
    restart(bank)
    bank.wait_for_states(rollout, completed=2, seconds=SECONDS)
    bank.wait_for_rollout(rollout, seconds=SECONDS)
