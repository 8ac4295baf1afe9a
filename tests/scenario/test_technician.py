"""tellercast-agent, the technician's program: it asks the agent of its machine, and orders."""

import grp
import json
import os
import subprocess

import pytest
from harness.plan import APPLICATION, VERSION
from harness.programs import BIN, INSTALLER, command_line
from harness.relay import Relay
from harness.servers import free_port
from harness.wait import wait_for

REASON = "replacing the dispenser"
NOBODY = 65534


def ask(client, *words, user=None):
    """Runs the program against this agent, with JSON."""
    other = [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return subprocess.run([*other, BIN / "tellercast-agent", "--socket", client.folder / "technician.socket", "--json", *words],
                          capture_output=True, text=True, timeout=60, check=False)


def status(client, *words):
    done = ask(client, *(words or ("status",)))
    assert done.returncode == 0, done
    return json.loads(done.stdout)["status"]


def wait_for_status(client, condition, what, seconds=60):
    return wait_for(lambda: (found := status(client)) and condition(found) and found, what, seconds)


@pytest.fixture
def branch(stack):
    """A branch with one ATM and its node, and an artifact."""
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1"]})
    stack.add_artifact()
    stack.client("node", "B1")
    return stack


def attempt(stack, rollout):
    row = stack.database.instructions(rollout).get("A1")
    return row["attempt"] if row else 0


def order_again(stack, rollout, most):
    """Leaves out the pause before what was deferred is ordered again. Returns whether there have been more than `most` attempts."""
    stack.database.rows("UPDATE instruction SET due_at = now() WHERE rollout_id = %s AND due_at IS NOT NULL", rollout)
    return attempt(stack, rollout) > most


# orchestrator/rollout/deadline.h
HELD_DEFERRALS_MAX = 300

# What is deferred is ordered again after a short time.
SOON = {"execution": {"backoff": "1s", "deferLimit": 0}, "selector": {"devices": ["A1"]}}


def test_the_status_shows_the_connection_the_clock_the_certificate_and_what_is_installed(branch):
    client = branch.client("atm", "A1", "B1")
    branch.wait_for_rollout(branch.submit(**SOON))
    found = wait_for_status(client, lambda seen: not seen["unconfirmed_reports"], "its reports are confirmed")
    assert (found["last"]["state"], found["versions"]) == ("completed", {APPLICATION: VERSION})
    assert (found["device"], found["branch"], found["role"]) == ("A1", "B1", "atm")
    assert found["connection"]["state"] == "connected" and found["connection"]["port"] == branch.broker.device_port
    assert found["clock"]["proven"] and abs(found["clock"]["wall_clock_ahead_s"]) <= 1
    assert found["certificate"]["valid"] and found["hold"] is None
    text = subprocess.run([BIN / "tellercast-agent", "-s", client.folder / "technician.socket", "status"], capture_output=True,
                          text=True, check=True, timeout=60).stdout
    assert "Device       A1, atm of branch B1" in text and "Hold         none" in text


def presence(branch):
    return branch.http.get("/v1/devices/A1").json()["presence"]


def test_a_hold_is_reported_before_anything_is_ordered_and_until_it_ends_also_while_the_machine_is_away(branch):
    client = branch.client("atm", "A1", "B1")
    wait_for(lambda: presence(branch)["state"] == "online", "it is online")
    assert presence(branch)["hold"] is None
    until = status(client, "hold", "2h", "--reason", REASON)["hold"]["until"]
    held = wait_for(lambda: presence(branch)["hold"], "the orchestrator knows of the hold")
    assert held["reason"] == REASON and held["until"][:19] == until[:19]
    shown = command_line("device", "show", "A1", "--server", branch.http.url).stdout
    assert "by a technician until" in shown and REASON in shown
    assert "online, held" in command_line("device", "list", "--server", branch.http.url).stdout
    later = branch.submit("later", schedule={"startAt": "2099-01-01T00:00:00Z"}, selector={"devices": ["A1"]})
    branch.wait_for_rollout(later, "running")
    (told,) = branch.http.get("/v1/devices/A1/why").json()["instructions"]
    assert [reason["code"] for reason in told["reasons"]] == ["scheduled", "device_held"]
    assert REASON in told["reasons"][1]["text"] and told["verdict"] == "waits"

    client.kill()
    wait_for(lambda: presence(branch)["state"] == "offline", "its will says that it is away")
    assert presence(branch)["hold"]["reason"] == REASON
    client.start()
    wait_for(lambda: presence(branch)["state"] == "online", "it is back")
    assert presence(branch)["hold"]["reason"] == REASON, "it says so again"
    status(client, "release")
    wait_for(lambda: presence(branch)["hold"] is None, "the hold has ended")


def test_a_hold_defers_what_is_ordered_and_a_release_lets_it_go_on(branch):
    client = branch.client("atm", "A1", "B1")
    assert status(client, "hold", "2h", "--reason", REASON)["hold"]["reason"] == REASON
    rollout = branch.submit(**SOON)
    wait_for(lambda: order_again(branch, rollout, 2), "it is ordered again and again")
    shown = branch.http.document("/v1/devices/A1")["instructions"][0]
    held = [event for event in shown["events"] if event["code"] == "held_by_technician"]
    assert held and all(event["detail"] == REASON for event in held)
    assert branch.database.instructions(rollout)["A1"]["deferrals"] == 0, "the plan's limit is not for holds"
    assert "held_by_technician" in [reason["code"] for reason in status(client)["reasons"]]
    assert status(client, "release")["hold"] is None
    wait_for(lambda: order_again(branch, rollout, 0) and branch.database.instructions(rollout)["A1"]["state_name"] == "completed",
             "it goes on")
    branch.wait_for_rollout(rollout)
    assert status(client)["last"]["state"] == "completed"
    assert ask(client, "release").returncode == 1, "there is no hold any more"


def test_a_hold_with_a_plan_without_a_backoff_is_asked_seldom_and_counts_as_a_deferral_in_the_end(branch):
    client = branch.client("atm", "A1", "B1")
    status(client, "hold", "2h", "--reason", REASON)
    rollout = branch.submit(execution={"backoff": "0s", "deferLimit": 0}, selector={"devices": ["A1"]})
    row = wait_for(lambda: branch.database.rows("SELECT id, deferrals, due_at - now() AS wait FROM instruction "
                                                "WHERE rollout_id = %s AND attempt > 1", rollout), "it is deferred")[0]
    assert row["deferrals"] == 0 and 200 < row["wait"].total_seconds() <= 300
    branch.database.rows("INSERT INTO instruction_event (instruction_id, attempt, state, code, detail) SELECT %s, 1, 0, "
                         "'held_by_technician', '' FROM generate_series(1, %s)", row["id"], HELD_DEFERRALS_MAX - 1)
    order_again(branch, rollout, 0)
    branch.wait_for_rollout(rollout, "halted")
    found = branch.database.instructions(rollout)["A1"]
    assert (found["state_name"], found["code"], found["deferrals"]) == ("failed", "deferred_too_often", 1)


def test_the_operator_is_told_that_a_technician_holds_the_machine(branch):
    client = branch.client("atm", "A1", "B1")
    status(client, "hold", "2h", "--reason", REASON)
    rollout = branch.submit(selector={"devices": ["A1"]}, execution={"backoff": "1h"})
    wait_for(lambda: attempt(branch, rollout) > 1, "it is deferred")
    found = branch.http.document("/v1/devices/A1/why")["instructions"][0]["reasons"][0]
    assert found["code"] == "deferred"
    assert found["text"].startswith("a technician at the machine holds it (held_by_technician) and it is due again at "), found


def test_a_hold_outlives_the_agent_and_is_ended_by_its_time(branch):
    client = branch.client("atm", "A1", "B1")
    until = status(client, "hold", "1m", "--reason", REASON)["hold"]["until"]
    client.kill()
    client.start()
    wait_for((client.folder / "technician.socket").exists, "the agent serves again")
    found = wait_for(lambda: ask(client, "status").returncode == 0 and status(client), "it answers")
    assert found["hold"]["until"] == until
    rollout = branch.submit(**SOON)
    wait_for(lambda: attempt(branch, rollout) > 1, "it is deferred")
    wait_for_status(client, lambda seen: seen["hold"] is None, "its time is over", 120)
    wait_for(lambda: order_again(branch, rollout, 0) and branch.database.instructions(rollout)["A1"]["state_name"] == "completed",
             "it goes on")
    branch.wait_for_rollout(rollout)
    assert status(client)["hold"] is None


def test_what_is_installing_goes_on_during_a_hold(branch):
    file, script = branch.folder / "go-on", branch.folder / "wait-and-install"
    script.write_text(f'#!/bin/sh\nwhile [ "$1" = install ] && [ ! -e {file} ]; do sleep 0.1; done\nexec {INSTALLER} "$@"\n',
                      encoding="utf-8")
    script.chmod(0o755)
    client = branch.client("atm", "A1", "B1", actions={"install": str(script)})
    rollout = branch.submit(**SOON)
    found = wait_for_status(client, lambda seen: "installing" in [reason["code"] for reason in seen["reasons"]], "it installs")
    assert (found["instruction"]["artifact"], found["instruction"]["version"]) == (APPLICATION, VERSION)
    status(client, "hold", "2h", "--reason", REASON)
    file.touch()
    branch.wait_for_rollout(rollout)
    assert status(client)["versions"] == {APPLICATION: VERSION}


def test_retry_connect_does_not_wait_for_the_next_try(branch):
    port = free_port()
    client = branch.start_client("atm", "A1", "B1", broker={"port": port, "reconnect_first": "1h", "reconnect_longest": "1h"})
    found = wait_for(lambda: ask(client, "status").returncode == 0 and status(client)["connection"]["state"] == "waiting"
                     and status(client), "it waits to try again")
    assert found["connection"]["next_try_in_s"] > 1000 and found["connection"]["fault"]
    assert "not_connected" in [reason["code"] for reason in found["reasons"]]
    relay = Relay(port, branch.broker.settings("device", "A1")["port"])
    status(client, "retry-connect")
    wait_for_status(client, lambda seen: seen["connection"]["state"] == "connected", "it is connected")
    client.stop()
    relay.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_other_users_are_refused_unless_they_are_of_the_group(branch):
    client = branch.client("atm", "A1", "B1")
    branch.folder.chmod(0o755)
    client.folder.chmod(0o755)  # an installation's is closed
    done = ask(client, "hold", "2h", "--reason", REASON, user=NOBODY)
    assert done.returncode == 1 and f"user {NOBODY} is not served" in done.stderr, done
    assert status(client)["hold"] is None
    client.stop()
    client.write_settings(technician={"group": grp.getgrgid(NOBODY).gr_name})
    client.start()
    wait_for(lambda: ask(client, "status").returncode == 0, "it serves")
    assert ask(client, "hold", "2h", "--reason", REASON, user=NOBODY).returncode == 0
    assert status(client)["hold"]["person"] == f"uid {NOBODY}"


def test_the_page_has_the_help_of_the_program():
    page = (BIN.parents[2] / "docs/technician.md").read_text(encoding="utf-8")
    assert subprocess.run([BIN / "tellercast-agent", "--help"], capture_output=True, text=True, check=True, timeout=60).stdout in page


@pytest.mark.parametrize("words", [(), ("reboot",), ("hold",), ("hold", "2h"), ("hold", "2h", "--reason", ""), ("hold", "30s", "--reason", "x"),
                                   ("hold", "25h", "--reason", "x"), ("hold", "x", "--reason", "x"), ("status", "now"),
                                   ("status", "--reason", "x"), ("hold", "2h", "--reason", "x" * 201), ("--unknown",)])
def test_unusable_words_are_a_usage_fault(words):
    done = subprocess.run([BIN / "tellercast-agent", *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and done.stderr and not done.stdout


def test_without_an_agent_the_program_says_so():
    done = subprocess.run([BIN / "tellercast-agent", "-s", "/nonexistent/technician.socket", "status"], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 7 and "technician.socket" in done.stderr
