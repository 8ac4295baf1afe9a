"""The real clients: downloads that break, installers that misbehave, power that fails."""

import hashlib
import os
import pathlib
import signal

import psycopg2
import pytest
from harness.http import ArtifactSite
from harness.plan import APPLICATION, OLD_VERSION, VERSION
from harness.stack import CONTENT
from harness.wait import wait_for


INSTALLING = 4


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2", "A3"]}, ["P1"])
    return stack


@pytest.fixture
def site():
    site = ArtifactSite(CONTENT)
    yield site
    site.close()


def installer(stack, name, script):
    """A shell script as an installer. $RUNS counts its runs of `install`. The agent also calls it for the versions."""
    path = stack.folder / name
    runs = stack.folder / f"{name}.runs"
    runs.touch()
    path.write_text(
        f'#!/bin/bash\nRUNS={runs}\n[[ $1 == install ]] || exit 0\necho run >>"$RUNS"\n{script}\n', encoding="utf-8"
    )
    path.chmod(0o755)
    return path


def runs_of(path):
    return path.with_name(path.name + ".runs").read_text(encoding="utf-8").count("run")


def at_site(site, **wrong):
    return {"name": APPLICATION, "version": VERSION, "url": site.url, "size": len(CONTENT),
            "sha256": hashlib.sha256(CONTENT).hexdigest(), **wrong}


# ---- the power fails --------------------------------------------------------------------------


def test_a_client_killed_while_it_installs_reports_interrupted_and_never_runs_it_again(testbed):
    script = installer(testbed, "slow", 'echo "progress 10 begun"; trap "" TERM; while :; do sleep 0.1; done')
    client = testbed.client("pull", "P1", actions={"install": str(script)})
    rollout = testbed.submit(selector={"devices": ["P1"]})
    testbed.wait_for_state(rollout, "P1", "installing")
    wait_for(lambda: runs_of(script) == 1, "the installer runs")
    client.kill()
    kill_installers(script)
    client.start()
    row = testbed.wait_for_state(rollout, "P1", "failed")
    assert row["code"] == "interrupted"
    client.stop()
    client.start()
    device_topic = "tc/v1/device/P1/presence"
    client.wait_until(lambda: testbed.spy.messages(device_topic)[-1].json()["online"], "it is connected again")
    assert runs_of(script) == 1


def kill_installers(script):
    """The installer leads its own process group, which outlives the client on purpose."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if str(script) in (process / "cmdline").read_text():
                os.kill(int(process.name), signal.SIGKILL)
        except OSError:
            pass


def test_a_client_killed_before_it_installs_takes_up_the_download_where_it_was(testbed, site):
    site.break_after, site.breaks_left = 50_000, 1
    client = testbed.client("pull", "P1", download={"backoff_first": "1h", "backoff_longest": "1h"})
    rollout = testbed.submit(selector={"devices": ["P1"]}, artifact=at_site(site))
    wait_for(lambda: len(site.ranges) == 1, "the download has begun")
    wait_for(lambda: any(part.stat().st_size == 50_000 for part in client.folder.rglob("*.part")), "half is there")
    client.kill()
    client.start()
    testbed.wait_for_states(rollout, completed=1)
    assert site.ranges == [0, 50_000]
    assert (client.installed / APPLICATION).read_bytes() == CONTENT


def test_a_report_survives_the_death_of_the_client_and_of_the_broker(testbed):
    go = testbed.folder / "go"
    wait_for_it = f"while [[ ! -e {go} ]]; do sleep 0.05; done"
    script = installer(testbed, "patient", f'{wait_for_it}; cp "$TELLERCAST_ARTIFACT_FILE" {APPLICATION}')
    client = testbed.client("pull", "P1", actions={"install": str(script)})
    rollout = testbed.submit(selector={"devices": ["P1"]})
    testbed.wait_for_state(rollout, "P1", "installing")
    testbed.broker.kill()
    go.touch()
    client.wait_until(lambda: "instruction.ended" in client.text(), "the outcome is in its journal")
    client.kill()
    testbed.broker.start()
    client.start()
    testbed.wait_for_states(rollout, completed=1)
    assert runs_of(script) == 1


def test_an_installation_that_an_orchestrator_died_with_is_reported_to_the_next_before_its_deadline(testbed):
    go = testbed.folder / "go"
    script = installer(testbed, "patient", f"while [[ ! -e {go} && -e $RUNS ]]; do sleep 0.05; done")
    testbed.client("node", "B1")
    testbed.client("atm", "A1", "B1", actions={"install": str(script), "versions": ""})
    with psycopg2.connect(testbed.database.address) as blocker, blocker.cursor() as cursor:
        rollout = testbed.submit(selector={"devices": ["A1"]}, schedule={"startAt": "2038-01-10T00:00:00Z"},
                                 execution={"receiveTimeout": "5s", "retries": 0})
        testbed.wait_for_rollout(rollout, "running")
        # The claim succeeds, and its delivery does not.
        testbed.database.rows("CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS "
                              "'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END'")
        testbed.database.rows("CREATE TRIGGER wait BEFORE UPDATE ON instruction FOR EACH ROW WHEN (NEW.state > 1) "
                              "EXECUTE FUNCTION wait()")
        cursor.execute("SELECT pg_advisory_xact_lock(1)")
        testbed.database.rows("UPDATE rollout_window SET opens_at = now() WHERE rollout_id = %s", rollout)
        testbed.database.rows("UPDATE instruction SET due_at = now() WHERE rollout_id = %s", rollout)
        wait_for(lambda: runs_of(script) == 1, "the installer runs")
        topic = "tc/v1/device/A1/reply"
        wait_for(lambda: [m for m in testbed.spy.messages(topic) if m.json()["state"] == "installing"], "it says so")
        testbed.orchestrators[0].kill()
        testbed.database.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'advisory'")
    testbed.orchestrators[0].start()
    wait_for(lambda: testbed.database.instruction(rollout, "A1")["state"] >= INSTALLING, "its stage is known, or given up", 20)
    assert testbed.database.instruction(rollout, "A1")["state_name"] == "installing"
    go.touch()
    testbed.wait_for_rollout(rollout)
    assert runs_of(script) == 1


# ---- the installer misbehaves -----------------------------------------------------------------


MISBEHAVING = {
    "crashes": ("kill -SEGV $$", "installer_signal_11"),
    "fails": ("echo disk is sour; exit 3", "installer_exit_3"),
    "hangs": ("while :; do sleep 0.1; done", "installer_timeout"),
    "ignores_the_end": ('trap "" TERM; while :; do sleep 0.1; done', "installer_timeout"),
    "prints_garbage_and_fails": ("head -c 3000000 /dev/urandom; exit 4", "installer_exit_4"),
}


@pytest.mark.parametrize("name", MISBEHAVING)
def test_an_installer_that(testbed, name):
    script, code = MISBEHAVING[name]
    path = installer(testbed, name, script)
    testbed.client("pull", "P1", actions={"install": str(path), "timeout": "2s", "grace": "500ms"})
    rollout = testbed.submit(selector={"devices": ["P1"]})
    row = testbed.wait_for_state(rollout, "P1", "failed")
    assert row["code"] == code
    assert runs_of(path) == 1
    if name == "fails":
        assert "disk is sour" in row["detail"]


def test_an_installer_that_prints_garbage_and_succeeds_is_completed(testbed):
    script = installer(testbed, "noisy", "head -c 1000000 /dev/urandom; echo; echo progress 9999; exit 0")
    testbed.client("pull", "P1", actions={"install": str(script)})
    rollout = testbed.submit(selector={"devices": ["P1"]})
    testbed.wait_for_states(rollout, completed=1)


def test_an_installer_that_says_later_is_started_again_later(testbed):
    script = installer(testbed, "busy", 'if [[ $(wc -l <"$RUNS") == 1 ]]; then exit 75; fi')
    testbed.client("pull", "P1", actions={"install": str(script)})
    rollout = testbed.submit(selector={"devices": ["P1"]}, execution={"backoff": "0s"})
    testbed.wait_for_states(rollout, completed=1)
    assert runs_of(script) == 2
    assert testbed.database.instruction(rollout, "P1")["deferrals"] == 1


def test_an_installer_that_says_later_can_say_why(testbed):
    script = installer(testbed, "polite", "echo code supervisor_mode; echo the door is open; exit 75")
    testbed.client("pull", "P1", actions={"install": str(script)})
    rollout = testbed.submit(selector={"devices": ["P1"]}, execution={"backoff": "0s", "deferLimit": 1})
    row = testbed.wait_for_state(rollout, "P1", "failed")
    events = testbed.database.events(row["id"])
    assert ("supervisor_mode", "the door is open") in [(event["code"], event["detail"]) for event in events]
    assert (row["code"], row["deferrals"]) == ("deferred_too_often", 2)


def test_a_machine_that_cannot_serve_after_the_work_is_told_apart(testbed):
    script = installer(testbed, "broken", "echo the dispenser does not answer; exit 69")
    testbed.client("pull", "P1", actions={"install": str(script)})
    rollout = testbed.submit(selector={"devices": ["P1"]})
    row = testbed.wait_for_state(rollout, "P1", "failed")
    assert (row["code"], row["detail"]) == ("out_of_service", "the dispenser does not answer")


def test_a_rollback_brings_back_what_was_there_before_the_version_to_leave(testbed):
    older = b"the older one"
    testbed.add_artifact(older, version=OLD_VERSION)
    client = testbed.client("pull", "P1")

    def run(name, action, version):
        rollout = testbed.submit(name, action=action, artifact={"name": APPLICATION, "version": version},
                                 selector={"devices": ["P1"]})
        ended = ({"completed": 1}, {"failed": 1})
        wait_for(lambda: testbed.database.states(rollout) in ended, f"{name} has ended")
        row = testbed.database.instruction(rollout, "P1")
        versions = testbed.http.document("/v1/devices/P1")["versions"]
        return row["state_name"], row["code"] or "", versions, (client.installed / APPLICATION).read_bytes()

    assert run("first", "install", OLD_VERSION) == ("completed", "", {APPLICATION: OLD_VERSION}, older)
    assert run("back-from-first", "rollback", OLD_VERSION) == (
        "failed", "no_previous", {APPLICATION: OLD_VERSION}, older)
    assert run("second", "install", VERSION) == ("completed", "", {APPLICATION: VERSION}, CONTENT)
    assert run("back", "rollback", VERSION) == ("completed", "", {APPLICATION: OLD_VERSION}, older)
    assert run("back-again", "rollback", VERSION) == (
        "completed", "not_needed", {APPLICATION: OLD_VERSION}, older)


def test_there_is_no_installer_for_the_action(testbed):
    testbed.client("pull", "P1")
    rollout = testbed.submit(action="run", artifact=None, parameters={"procedure": "reboot"},
                             selector={"devices": ["P1"]})
    wait_for(lambda: testbed.database.states(rollout) in ({"failed": 1}, {"rejected": 1}), "it is refused")
    assert testbed.database.instruction(rollout, "P1")["code"]


# ---- the download breaks ----------------------------------------------------------------------


def test_a_download_that_breaks_off_is_resumed_where_it_was(testbed, site):
    site.break_after, site.breaks_left = 30_000, 2
    client = testbed.client("pull", "P1")
    rollout = testbed.submit(selector={"devices": ["P1"]}, artifact=at_site(site))
    testbed.wait_for_states(rollout, completed=1)
    assert site.ranges == [0, 30_000, 60_000]
    assert (client.installed / APPLICATION).read_bytes() == CONTENT


@pytest.mark.parametrize("wrong, code", [
    ({"sha256": hashlib.sha256(b"other").hexdigest()}, "digest_mismatch"),
    ({"size": len(CONTENT) - 1}, "size_mismatch"),
    ({"size": len(CONTENT) + 1}, "size_mismatch"),
])
def test_what_is_not_what_was_ordered_is_never_installed(testbed, site, wrong, code):
    client = testbed.client("pull", "P1", download={"tries": 2})
    (client.installed / APPLICATION).write_bytes(b"old")
    rollout = testbed.submit(selector={"devices": ["P1"]}, artifact=at_site(site, **wrong))
    row = testbed.wait_for_state(rollout, "P1", "failed")
    assert row["code"] == code
    assert (client.installed / APPLICATION).read_bytes() == b"old"


def test_an_artifact_server_that_is_not_there_fails_the_instruction(testbed, site):
    site.close()
    testbed.client("pull", "P1", download={"tries": 2})
    rollout = testbed.submit(selector={"devices": ["P1"]}, artifact=at_site(site))
    assert testbed.wait_for_state(rollout, "P1", "failed")["code"] == "download_failed"


# ---- the branch -------------------------------------------------------------------------------


def test_a_node_is_upgraded_only_when_none_of_its_atms_is_in_flight(testbed):
    script = installer(testbed, "short", f'sleep 0.5; cp "$TELLERCAST_ARTIFACT_FILE" {APPLICATION}')
    testbed.client("node", "B1", "B1", actions={"install": str(script)})
    for atm in ("A1", "A2", "A3"):
        testbed.client("atm", atm, "B1", actions={"install": str(script)})
    rollout = testbed.submit(selector={"branches": ["B1"]})
    testbed.wait_for_states(rollout, completed=4)
    rows = testbed.database.instructions(rollout)
    node = rows.pop("B1")
    for atm in rows.values():
        assert atm["ended_at"] <= node["dispatched_at"] or node["ended_at"] <= atm["dispatched_at"]


def test_a_branch_never_has_more_devices_down_than_its_budget(testbed):
    script = installer(testbed, "short", f'sleep 0.3; cp "$TELLERCAST_ARTIFACT_FILE" {APPLICATION}')
    testbed.client("node", "B1", "B1", actions={"install": str(script)})
    for atm in ("A1", "A2", "A3"):
        testbed.client("atm", atm, "B1", actions={"install": str(script)})
    rollout = testbed.submit(selector={"branches": ["B1"]}, disruptionBudget={"maxUnavailable": 1})
    testbed.wait_for_states(rollout, completed=4)
    rows = sorted(testbed.database.instructions(rollout).values(), key=lambda row: row["dispatched_at"])
    for first, second in zip(rows, rows[1:]):
        assert first["ended_at"] <= second["dispatched_at"]


def test_a_start_that_came_while_the_node_was_away_is_relayed_when_it_is_back(testbed):
    node = testbed.client("node", "B1", "B1")
    testbed.client("atm", "A1", "B1")
    node.kill()
    rollout = testbed.submit(selector={"devices": ["A1"]})
    testbed.wait_for_state(rollout, "A1", "dispatched")
    node.start()
    testbed.wait_for_states(rollout, completed=1)
    assert testbed.database.instruction(rollout, "A1")["attempt"] == 1


def test_a_dispatched_instruction_reports_the_versions_that_are_there(testbed):
    testbed.client("node", "B1", "B1")
    client = testbed.client("atm", "A1", "B1")
    assert not (client.installed / APPLICATION).exists()
    rollout = testbed.submit(selector={"devices": ["A1"]})
    testbed.wait_for_states(rollout, completed=1)
    versions = testbed.http.document("/v1/devices/A1")["versions"]
    assert versions == {APPLICATION: VERSION} != {APPLICATION: OLD_VERSION}
