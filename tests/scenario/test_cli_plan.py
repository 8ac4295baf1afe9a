"""The operator's command line, from a plan's preview to the evidence of its rollout."""

import errno
import html.parser
import itertools
import json
import os
import pty
import re
import subprocess
import xml.etree.ElementTree

import pytest
from harness.plan import VERSION, fleet, plan
from harness.process import running
from harness.programs import TELLERCAST, command_line
from harness.wait import wait_for

HEALTHY, ERROR, USAGE, INVALID, HELD, ABORTED, TIMED_OUT, UNREACHABLE = range(8)
LATER = {"startAt": "2099-01-01T00:00:00Z"}
BRANCHES = {"B1": ["A1", "A2"], "B2": ["A3"]}
ONE_THEN_REST = [{"name": "pilot", "count": 2, "approval": "manual"}, {"name": "rest", "percentage": 100}]


class Operators:
    """Operators at the command line."""

    def __init__(self, stack):
        self.stack = stack

    def file(self, name="upgrade", **spec):
        path = self.stack.folder / f"{name}.yaml"
        path.write_text(plan(name, **spec), encoding="utf-8")
        return path

    def run(self, who, *words, exits=HEALTHY):
        done = command_line(*self.stack.http.at(who), *words, check=False)
        assert done.returncode == exits, f"{words}: {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def json(self, who, *words):
        return json.loads(self.run(who, *words, "--json").stdout)

    def submit(self, name="upgrade", who="ann", **spec):
        return self.json(who, "rollout", "submit", self.file(name, **spec))["rollout"]

    def wait_for(self, rollout, state):
        self.stack.wait_for_rollout(rollout, state)


@pytest.fixture
def operators(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet(BRANCHES, ["P1"])
    return Operators(stack)


# ---- approval ---------------------------------------------------------------------------------------


def test_a_plan_that_needs_approval_is_held_until_somebody_else_approves_what_they_read(operators):
    rollout = operators.submit(schedule=LATER, approvals={"required": 1})
    digest = operators.json("ann", "rollout", "status", rollout)["digest"]
    operators.run("bob", "rollout", "wait", rollout, exits=HELD)
    status = operators.run("bob", "rollout", "status", rollout)
    assert "0 of 1 given" in status.stdout
    assert f"tellercast rollout approve {rollout}" in status.stderr

    own = operators.run("ann", "rollout", "approve", rollout, "--reason", "mine is good", exits=ERROR)
    assert "ann" in own.stderr and "403" in own.stderr
    other = operators.run("bob", "rollout", "approve", rollout, "--reason", "x", "--digest", "0" * 64, exits=ERROR)
    assert "digest" in other.stderr

    tried = operators.run("bob", "rollout", "approve", "upgrade", "--reason", "read it all", "--dry-run")
    assert "ordered by" in tried.stderr and "digest" in tried.stderr and tried.stdout == "", tried
    assert "0 of 1 given" in operators.run("ann", "rollout", "status", rollout).stdout
    done = operators.run("bob", "rollout", "approve", "upgrade", "--reason", "read it all")
    assert digest in done.stderr and "devices      6" in done.stderr
    assert f"rollout {rollout}  upgrade  approved" in done.stdout
    operators.wait_for(rollout, "running")
    shown = operators.run("bob", "rollout", "status", rollout).stdout
    assert "1 of 1 given" in shown and "bob approved" in shown and "read it all" in shown


def ask(operators, *words):
    """Like run(), but at a terminal, where the question gets the answer yes. Returns the exit code and all output."""
    return ask_at([*operators.stack.http.at("bob"), *map(str, words)], b"y\n")


def ask_at(words, answer):
    """Runs the command at a terminal, where a question gets this answer. Returns the exit code and all output."""
    ours, theirs = pty.openpty()
    try:
        with running([TELLERCAST, *words], stdin=theirs, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            os.write(ours, answer)
            shown = read_terminal(ours)
            return process.wait(timeout=60), shown
    finally:
        os.close(ours)


def read_terminal(terminal):
    """Reads until the last program of the terminal has ended. The kernel passes output on later than the program ends."""
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return shown.decode()


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_what_awaits_no_approval_is_not_shown_and_asked_for(operators, verb):
    rollout = operators.submit(schedule=LATER, approvals={"required": 1})
    operators.wait_for(rollout, "awaiting_approval")
    refused = 0
    for state in ("accepted", "running", "paused", "completed", "halted", "cancelled", "rejected"):
        operators.stack.database.rows("UPDATE rollout SET state = %s WHERE id = %s", state, rollout)
        said = f"rollout {rollout} is {state}: it awaits no approval"
        code, shown = ask(operators, "rollout", verb, rollout, "--reason", "read it")
        assert code == ERROR and said in shown and "[y/N]" not in shown and "digest" not in shown
        for who in ("ann", "bob"):
            error = operators.run(who, "rollout", verb, rollout, "--reason", "read it", "--yes", exits=ERROR).stderr
            assert said in error and "409" not in error and "403" not in error
            refused += 1
    assert refused == 14
    operators.stack.database.rows("UPDATE rollout SET state = 'awaiting_approval' WHERE id = %s", rollout)
    code, shown = ask(operators, "rollout", verb, rollout, "--reason", "read it")
    assert code == HEALTHY and "[y/N]" in shown and "digest" in shown
    again = operators.run("bob", "rollout", verb, rollout, "--reason", "read it")
    assert "was already" in again.stdout and "digest" not in again.stderr


def test_a_group_that_awaits_no_approval_is_not_asked_for(operators):
    operators.stack.simulated_fleet(fleet(BRANCHES, ["P1"]))
    rollout = operators.submit(groups=ONE_THEN_REST)
    operators.run("bob", "rollout", "wait", rollout, "--timeout", "60s", exits=HELD)
    for words, said in (
        ((), "is running: it awaits no approval; its group pilot awaits approval: --group pilot"),
        (("--group", "rest"), "is running, and its group rest is waiting: the group awaits no approval"),
        (("--group", "nobody"), f"rollout {rollout} has no group nobody"),
    ):
        code, shown = ask(operators, "rollout", "approve", rollout, "--reason", "read it", *words)
        assert code == ERROR and said in shown and "[y/N]" not in shown
    code, shown = ask(operators, "rollout", "approve", rollout, "--reason", "read it", "--group", "pilot")
    assert code == HEALTHY and "[y/N]" in shown


def test_a_rejected_rollout_has_ended_badly(operators):
    rollout = operators.submit(schedule=LATER, approvals={"required": 2})
    operators.wait_for(rollout, "awaiting_approval")
    operators.run("bob", "rollout", "reject", rollout, "--reason", "not in December")
    operators.run("ann", "rollout", "wait", rollout, exits=ABORTED)


def test_a_group_that_waits_for_a_person_is_watched_on_and_ends_a_wait(operators):
    operators.stack.simulated_fleet(fleet(BRANCHES, ["P1"]))
    rollout = operators.submit(groups=ONE_THEN_REST)
    operators.run("bob", "rollout", "wait", rollout, "--timeout", "60s", exits=HELD)
    watched = operators.run("bob", "rollout", "watch", rollout, "--timeout", "1s", exits=TIMED_OUT)
    assert "group pilot is awaiting approval" in watched.stdout
    assert not operators.json("bob", "rollout", "status", rollout)["groups"][0]["decided"]
    operators.run("bob", "rollout", "approve", rollout, "--group", "pilot", "--reason", "quiet night")
    assert operators.json("bob", "rollout", "status", rollout)["groups"][0]["decided"]
    operators.run("bob", "rollout", "watch", rollout, "--timeout", "60s")
    assert "bob approved group pilot" in operators.run("ann", "rollout", "status", rollout).stdout


# ---- operations -------------------------------------------------------------------------------------


def test_pause_resume_and_cancel_say_what_happened(operators):
    rollout = operators.submit(schedule=LATER)
    operators.wait_for(rollout, "running")
    seen = operators.json("bob", "rollout", "status", rollout)["version"]
    assert "paused" in operators.run("bob", "rollout", "pause", rollout, "--reason", "calls at the help desk").stdout
    operators.run("bob", "rollout", "wait", rollout, exits=HELD)
    again = operators.json("bob", "rollout", "pause", rollout, "--reason", "calls at the help desk", "--version", seen)
    assert again["existing"] is True
    operators.run("cid", "rollout", "resume", rollout, "--reason", "was the line")
    late = operators.run("bob", "rollout", "cancel", rollout, "--reason", "enough", "--version", seen, exits=ERROR)
    assert "cid" in late.stderr and "409" in late.stderr
    operators.run("bob", "rollout", "cancel", rollout, "--reason", "enough")
    operators.run("bob", "rollout", "wait", rollout, "--timeout", "60s", exits=ABORTED)
    listed = operators.json("bob", "rollout", "list")["rollouts"][0]
    assert (listed["rollout"], listed["state"]) == (rollout, "cancelled")


def test_what_failed_is_tried_again(operators):
    rules = [{"match": {"device": "A3"}, "failure": {"rate": 100}}]
    fleet_program = operators.stack.simulated_fleet(fleet(BRANCHES, ["P1"]), {"rules": rules})
    rollout = operators.submit(execution={"retries": 0}, groups=[{"name": "all", "percentage": 100, "success": 50}])
    operators.stack.wait_for_state(rollout, "A3", "failed")
    operators.run("bob", "rollout", "wait", rollout, "--timeout", "60s")
    fleet_program.stop()
    operators.stack.programs.remove(fleet_program)
    operators.run("bob", "rollout", "retry", rollout, "--reason", "the disk was changed")
    wait_for(lambda: operators.stack.database.instructions(rollout)["A3"]["attempt"] == 2, "A3 is tried again")


def test_a_rollback_is_a_rollout_that_is_linked_both_ways(operators):
    operators.stack.simulated_fleet(fleet(BRANCHES, ["P1"]))
    rollout = operators.submit()
    operators.run("bob", "rollout", "wait", rollout, "--timeout", "60s")
    operators.run("bob", "rollout", "rollback", rollout, "--reason", "receipts are blank")
    back = wait_for(lambda: operators.json("bob", "rollout", "status", rollout)["rollback"], "there is a rollback")
    assert operators.json("bob", "rollout", "status", back)["rollback_of"] == rollout
    shown = operators.run("bob", "rollout", "status", rollout).stdout.split()
    assert shown[shown.index("rollback") + 1] == str(back)


def test_another_plan_in_its_place_voids_what_was_approved(operators):
    rollout = operators.submit(schedule=LATER, approvals={"required": 2})
    operators.wait_for(rollout, "awaiting_approval")
    operators.run("bob", "rollout", "approve", rollout, "--reason", "fine")
    better = operators.file(schedule=LATER, approvals={"required": 2}, priority=60)
    done = operators.run("ann", "rollout", "revise", rollout, better, "--reason", "higher priority")
    assert "revised" in done.stdout
    shown = operators.run("bob", "rollout", "status", rollout).stdout
    assert "0 of 2 given" in shown and "void: of another plan" in shown
    bad = operators.file("bad", schedule={"startAt": "soon"})
    faults = operators.run("ann", "rollout", "revise", rollout, bad, "--reason", "worse", exits=INVALID)
    assert "spec.schedule.startAt" in faults.stderr


@pytest.mark.parametrize("words", [
    ("rollout", "pause", "1"),
    ("rollout", "approve", "1", "--reason", ""),
    ("rollout", "cancel", "1", "--reason", " \t"),
    ("rollout", "cancel", "1", "--reason", "x" * 501),
    ("rollout", "report", "1", "--json", "--html"),
])
def test_an_operation_without_a_required_argument_is_a_usage_error(operators, words):
    operators.run("bob", *words, exits=USAGE)


def test_what_is_not_there_is_an_error(operators):
    assert "4711" in operators.run("bob", "rollout", "pause", 4711, "--reason", "x", exits=ERROR).stderr
    operators.run("bob", "rollout", "pause", "no-such-name", "--reason", "x", exits=ERROR)


# ---- preview and report -----------------------------------------------------------------------------


def test_a_preview_shows_tables_and_timeline_and_writes_nothing(operators):
    before = operators.stack.database.everything()
    picture = operators.stack.folder / "plan.svg"
    path = operators.file(groups=ONE_THEN_REST, approvals={"required": 1})
    shown = operators.run("ann", "plan", "preview", path, "--svg", picture).stdout
    for part in ("6 devices in 2 groups", "1 approval needed", "pilot", "manual approval", "NIGHT", "The forecast assumes:"):
        assert part in shown, shown
    assert operators.stack.database.everything() == before
    root = xml.etree.ElementTree.parse(picture).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "pilot" in picture.read_text(encoding="utf-8")
    document = operators.json("ann", "plan", "preview", path)
    assert document["devices"] == 6
    assert [group["devices"] for group in document["groups"]] == [2, 4]


def test_a_preview_shows_every_fault_with_its_place(operators):
    here = operators.run("ann", "plan", "preview", operators.file(rate={"perMinute": 0}), exits=INVALID)
    assert "upgrade.yaml:11:16: spec.rate.perMinute: " in here.stderr
    there = operators.run("ann", "plan", "preview", operators.file(selector={"branches": ["B7"]}), exits=INVALID)
    assert "spec.selector.branches" in there.stderr


class Page(html.parser.HTMLParser):
    """The tags of the page, and its text."""

    def __init__(self, document):
        super().__init__()
        self.tags, self.text = set(), ""
        self.feed(document)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def reported(operators):
    """A rollout that was approved, paused, resumed and completed."""
    operators.stack.simulated_fleet(fleet(BRANCHES, ["P1"]))
    rollout = operators.submit(approvals={"required": 1}, groups=ONE_THEN_REST)
    operators.wait_for(rollout, "awaiting_approval")
    operators.run("bob", "rollout", "approve", rollout, "--reason", "read <it> all")
    operators.run("bob", "rollout", "wait", rollout, "--timeout", "60s", exits=HELD)
    operators.run("cid", "rollout", "pause", rollout, "--reason", "wait & see")
    operators.run("cid", "rollout", "resume", rollout, "--reason", "saw")
    operators.run("bob", "rollout", "approve", rollout, "--group", "pilot", "--reason", "quiet")
    operators.run("bob", "rollout", "wait", rollout, "--timeout", "60s")
    return rollout


def test_the_report_is_the_whole_evidence(operators, reported):
    document = operators.json("ann", "rollout", "report", reported)
    assert (document["rollout"], document["author"], document["state"]) == (reported, "ann", "completed")
    kinds = [event["kind"] for event in document["events"]]
    for kind in ("submitted", "approved", "started", "paused", "resumed", "group_approved", "completed"):
        assert kind in kinds, kinds
    assert {given["actor"] for given in document["approvals"]["given"]} == {"bob"}
    assert len(document["instructions"]) == 6
    assert all(instruction["ended_at"] for instruction in document["instructions"])
    assert sum(night["started"] for night in document["nights"]) == 6
    assert document["deviations"]["outside_window"]["devices"] == 0
    text = operators.run("ann", "rollout", "report", reported).stdout
    for part in ("bob approved", "paused", "wait & see", "outside_window", "A3", "NIGHT"):
        assert part in text, text


def test_the_report_is_a_page_that_needs_nothing_else(operators, reported):
    path = operators.stack.folder / "report.html"
    operators.run("ann", "rollout", "report", reported, "--html", "-o", path)
    source = path.read_text(encoding="utf-8")
    page = Page(source)
    assert {"table", "svg", "thead", "style"} <= page.tags
    assert not {"script", "link", "img", "iframe", "it"} & page.tags
    for part in ("read <it> all", "wait & see", "A1", "P1", VERSION, "cid"):
        assert part in page.text, part
    assert operators.run("ann", "rollout", "report", reported, "--html").stdout.splitlines()[0] == "<!DOCTYPE html>"


def test_a_report_that_cannot_be_written_leaves_nothing(operators):
    rollout = operators.submit(schedule=LATER)
    operators.wait_for(rollout, "running")
    missing = operators.stack.folder / "no-such-folder" / "report.html"
    operators.run("ann", "rollout", "report", rollout, "--html", "-o", missing, exits=ERROR)
    folder = operators.stack.folder / "folder"
    folder.mkdir()
    operators.run("ann", "rollout", "report", rollout, "--html", "-o", folder, exits=ERROR)
    assert [path.name for path in operators.stack.folder.iterdir() if path.name.startswith("folder")] == ["folder"]


def test_drift_shows_what_the_selector_would_choose_now(operators):
    rollout = operators.submit(schedule=LATER)
    operators.wait_for(rollout, "running")
    operators.stack.import_fleet({"B9": ["A9"]})
    assert operators.json("ann", "rollout", "drift", rollout) == {
        "added": {"devices": 2, "examples": ["A9", "B9"]}, "gone": {"devices": 0, "examples": []}}
    assert "2 devices match now and are not in the rollout" in operators.run("ann", "rollout", "drift", rollout).stdout


def test_a_resume_after_an_abort_says_with_its_exit_code_that_it_waits_for_approval(operators):
    rollout = operators.submit(approvals={"required": 1}, selector={"devices": ["P1"]}, execution={"retries": 0},
                               abort=[{"on": "rejected", "count": 1, "then": "pause"}],
                               groups=[{"name": "all", "percentage": 100, "success": 0}])
    operators.wait_for(rollout, "awaiting_approval")
    operators.run("bob", "rollout", "approve", rollout, "--reason", "read it", "--yes")
    device = operators.stack.device("P1", None)
    operators.stack.wait_for_state(rollout, "P1", "dispatched")
    device.ask()
    device.reply(device.wait_for_instruction(), "rejected", code="wrong_version")
    operators.wait_for(rollout, "paused")
    assert "must approve" in operators.run("bob", "rollout", "status", rollout).stderr
    waits = operators.run("bob", "rollout", "resume", rollout, "--reason", "it was", exits=HELD)
    assert "it is paused" in waits.stdout and "rollout approve" in waits.stderr
    shown = operators.run("ann", "rollout", "status", rollout)
    assert "ordered by bob" in shown.stdout and "0 of 1 approvals given" in shown.stdout
    operators.run("bob", "rollout", "wait", rollout, exits=HELD)
    read = operators.run("cid", "rollout", "approve", rollout, "--reason", "so it was", "--yes").stderr
    assert "resume       ordered by bob: it was" in read
    operators.run("bob", "rollout", "wait", rollout, exits=ABORTED)  # no device completed it


def test_a_trace_gives_each_attempt_its_own_times(operators):
    stack = operators.stack
    rollout = operators.submit(selector={"devices": ["A1"]}, execution={"retries": 2, "backoff": "1h"})
    device = stack.device("A1", "B1")

    def take(number, *states):
        device.ask()
        claims = device.wait_for_instruction(number)
        stack.wait_for_state(rollout, "A1", "sent")
        for state, follows in itertools.zip_longest(states, states[:-1], fillvalue="created"):
            device.reply(claims, state)
            stack.wait_for_state(rollout, "A1", follows)

    def trace():
        return re.findall(r" (\d+) +(\w+)", operators.run("bob", "device", "trace", "A1").stdout.partition("STATE")[2])

    first = [("1", "dispatched"), ("1", "sent"), ("1", "received"), ("1", "installing"), ("1", "failed"), ("2", "created")]
    stack.wait_for_state(rollout, "A1", "dispatched")
    take(1, "received", "installing", "failed")
    assert trace() == first
    stack.database.rows("UPDATE instruction SET due_at = now() WHERE rollout_id = %s", rollout)
    stack.wait_for_state(rollout, "A1", "dispatched")
    take(2, "received", "deferred")
    assert trace() == [*first, ("2", "dispatched"), ("2", "sent"), ("2", "received"), ("2", "created")]


def test_a_watch_goes_on_through_a_pause_and_while_the_server_is_away_until_the_end(operators):
    rollout = operators.submit(schedule=LATER)
    operators.wait_for(rollout, "running")
    operators.run("bob", "rollout", "pause", rollout, "--reason", "calls at the help desk")
    with running([TELLERCAST, "--server", operators.stack.http.url, "rollout", "watch", str(rollout)],
                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watcher:
        assert ": paused," in watcher.stdout.readline()
        operators.stack.orchestrators[0].stop()
        assert "retrying" in watcher.stderr.readline()
        operators.stack.orchestrators[0].start()
        operators.stack.orchestrators[0].wait_until_ready()
        assert watcher.stderr.readline() == "the server answers again\n"
        operators.run("bob", "rollout", "resume", rollout, "--reason", "quiet again")
        assert ": running," in watcher.stdout.readline()
        operators.run("bob", "rollout", "cancel", rollout, "--reason", "enough")
        output = watcher.stdout.read()
        assert watcher.wait(timeout=60) == ABORTED
    assert "6 not started" in output and "failed" not in output


def test_a_submission_that_waits_ends_at_a_pause(operators):
    words = [*operators.stack.http.at("ann"), "rollout", "submit", operators.file(schedule=LATER), "--wait"]
    with running([TELLERCAST, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:
        while ": running," not in (shown := waiting.stderr.readline()):
            assert shown, "it ended before the rollout was running"
        operators.run("bob", "rollout", "pause", "upgrade", "--reason", "calls at the help desk")
        submitted, shown = waiting.communicate(timeout=60)
    assert waiting.returncode == HELD, shown
    assert "upgrade" in submitted and ": paused," in shown


def test_devices_that_never_started_did_not_fail_and_a_cancelled_rollout_asks_for_nothing(operators):
    operators.stack.simulated_fleet(fleet(BRANCHES, ["P1"]))
    rollout = operators.submit(groups=ONE_THEN_REST)
    operators.run("bob", "rollout", "wait", rollout, "--timeout", "60s", exits=HELD)
    operators.run("bob", "rollout", "cancel", rollout, "--reason", "enough")
    operators.run("bob", "rollout", "wait", rollout, "--timeout", "60s", exits=ABORTED)
    rejected = operators.submit("second", schedule=LATER, approvals={"required": 1})
    operators.wait_for(rejected, "awaiting_approval")
    operators.run("bob", "rollout", "reject", rejected, "--reason", "not in December")
    shown = operators.run("bob", "rollout", "status", rollout)
    assert "approve" not in shown.stderr
    titles, *rows = operators.run("bob", "rollout", "list").stdout.splitlines()
    assert titles.split()[4:8] == ["COMPLETED", "FAILED", "REFUSED", "TO"]
    assert rows[0].split()[3:9] == ["6", "0", "0", "0", "0", "6"]
    assert rows[1].split()[3:9] == ["6", "2", "0", "0", "0", "4"]


def test_who_approves_reads_in_words_what_is_approved(operators):
    rollout = operators.submit(approvals={"required": 1}, groups=ONE_THEN_REST,
                               schedule={**LATER, "endAt": "2099-02-01T00:00:00Z", "timeZone": "device",
                                         "windows": [{"days": ["tue", "wed"], "start": "01:00", "duration": "3h"}],
                                         "blackouts": [{"from": "2099-01-08", "to": "2099-01-10", "reason": "pay days"}]})
    operators.wait_for(rollout, "awaiting_approval")
    shown = operators.run("bob", "rollout", "status", rollout).stdout
    read = operators.run("bob", "rollout", "approve", rollout, "--reason", "read it", "--yes").stderr
    for text in (shown, read):
        for words in (f"install atm-app {VERSION}",
                      "pilot: 2 devices, earlier groups included; then success 100 %, manual approval",
                      "rest: 100 % of all, earlier groups included; success 100 %",
                      "tue wed from 01:00 for 3h, in the time of each branch",
                      "not before 2099-01-01 00:00:00Z, until 2099-02-01 00:00:00Z",
                      "not from 2099-01-08 to 2099-01-10 (pay days)"):
            assert words in text, (words, text)
