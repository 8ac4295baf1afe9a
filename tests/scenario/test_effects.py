"""What the commands show before an operation is ordered, and what the record of acts shows of it afterwards."""

import json

import pytest
from harness.branches import MARKER
from harness.namespace import soon
from harness.programs import command_line
from test_cli_plan import ask_at

LATER = {"schedule": {"startAt": soon(3600)}, "disruptionBudget": {"maxUnavailable": 5}}
GROUPS = [{"name": "pilot", "devices": ["E2"]}, {"name": "rest", "percentage": 100}]


@pytest.fixture
def waiting(stack):
    """A rollout of three devices, of which none has started."""
    stack.orchestrator()
    stack.import_fleet({"E1": ["E2", "E3"], "P1": ["P2"]}, [MARKER])
    stack.add_artifact()
    rollout = stack.submit("by-night", selector={"devices": ["E2", "E3", "P2"]}, groups=GROUPS, **LATER)
    stack.wait_for_rollout(rollout, "running")
    return rollout


def order(stack, verb, *words, **more):
    return command_line("rollout", verb, "by-night", *words, "--reason", "a storm", *stack.http.at("ola"), **more)


EFFECTS = [
    (["pause"], "by-night, 3 devices: 3 wait and do not start; 0 are at work and finish; 0 have ended"),
    (["pause", "--group", "pilot"],
     "group pilot: 1 waits and does not start; 0 are dispatched and may still start; 0 are at work and finish; 0 have ended"),
    (["cancel"], "by-night, 3 devices: 3 wait and are cancelled; 0 are at work, and finish if they have their instructions; "
                 "0 have ended and stay as they are"),
    (["retry"], "by-night, 3 devices: 0 failed, timed out or refused, and are tried again; 3 wait and may start as well; "
                "0 are at work"),
    (["promote", "pilot"], "by-night  group pilot, 1 device: 0 completed; 0 failed, timed out or refused; 0 are at work; "
                           "1 waits; other groups have 2 devices"),
    (["rollback"], "by-night, 3 devices: 0 completed and return to their previous version; 3 wait and are cancelled; "
                   "0 are at work and finish"),
    (["break-glass"], "by-night, 3 devices: 3 wait and may start; 0 are at work; 0 have ended"),
]


def test_a_dry_run_shows_how_many_devices_an_operation_touches_and_orders_nothing(stack, waiting):
    for words, effect in EFFECTS:
        shown = order(stack, words[0], *words[1:], "--dry-run")
        assert shown.stderr == f"rollout {waiting}  {effect}\n" and shown.stdout == "", (words, shown)
    assert stack.database.rollout(waiting)["version"] == 1, "nothing was ordered"


def test_an_operation_shows_what_it_touches_before_it_is_ordered(stack, waiting):
    paused = order(stack, "pause")
    assert f"rollout {waiting}  by-night, 3 devices: 3 wait and do not start" in paused.stderr, paused
    assert "paused" in paused.stdout, paused
    numbers = json.loads(order(stack, "cancel", "--dry-run", "--json").stdout)
    assert (numbers["version"], numbers["devices"], numbers["waiting"], numbers["at_work"]) == (2, 3, 3, 0), numbers
    unknown = order(stack, "pause", "--group", "nobody", "--dry-run", check=False)
    assert unknown.returncode == 1 and "has no group nobody" in unknown.stderr, unknown


def test_at_a_terminal_an_operation_asks_first(stack, waiting):
    words = ("rollout", "cancel", "by-night", "--reason", "a storm", *stack.http.at("ola"))
    code, shown = ask_at(words, b"n\n")
    assert code == 1 and "3 wait and are cancelled" in shown and "nothing was cancelled" in shown, shown
    assert stack.database.rollout(waiting)["version"] == 1, "nothing was ordered"
    code, shown = ask_at(words, b"y\n")
    assert code == 0 and "Cancel it? [y/N]" in shown, shown
    stack.wait_for_rollout(waiting, "cancelled")


def test_amendments_and_the_record_of_acts_say_in_words_what_was_changed(stack, waiting):
    order(stack, "skip", "E3")
    order(stack, "exclude", "--branch", "P1")
    order(stack, "amend", "--per-minute", "30")
    order(stack, "pause", "--group", "rest")
    shown = command_line("rollout", "amendments", "by-night", *stack.http.at("ola")).stdout
    for part in ("skip of E3", "branch=P1", "30 a minute", "not paused"):
        assert part in shown, shown
    assert "null" not in shown and "{" not in shown, shown
    acts = command_line("audit", "--who", "ola", *stack.http.at("ola")).stdout.splitlines()
    for verb, detail in (("skip", "device E3"), ("exclude", "branch=P1"), ("amend", "rate, 30 a minute"), ("pause-group", "group rest")):
        assert any(f" {verb} " in line and f" {detail} " in line for line in acts), (verb, acts)
