"""The operator's command line, from a plan's preview to the evidence of its rollout."""

import html.parser
import json
import xml.etree.ElementTree

import pytest
from harness.plan import VERSION, fleet, plan
from harness.programs import command_line
from harness.wait import wait_for

HEALTHY, ERROR, USAGE, INVALID, HELD, ABORTED, TIMED_OUT, UNREACHABLE = range(8)
LATER = {"startAt": "2099-01-01T00:00:00Z"}
BRANCHES = {"B1": ["A1", "A2"], "B2": ["A3"]}
ONE_THEN_REST = [{"name": "pilot", "count": 2, "approval": "manual"}, {"name": "rest", "percentage": 100}]


class Desk:
    """People at a desk with the command line."""

    def __init__(self, stack):
        self.stack = stack

    def file(self, name="upgrade", **spec):
        path = self.stack.folder / f"{name}.yaml"
        path.write_text(plan(name, **spec), encoding="utf-8")
        return path

    def run(self, who, *words, exits=HEALTHY):
        done = command_line("--server", self.stack.http.url, "--user", who, *words, check=False)
        assert done.returncode == exits, f"{words}: {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def json(self, who, *words):
        return json.loads(self.run(who, *words, "--json").stdout)

    def submit(self, name="upgrade", who="ann", **spec):
        return self.json(who, "rollout", "submit", self.file(name, **spec))["rollout"]

    def wait_for(self, rollout, state):
        self.stack.wait_for_rollout(rollout, state)


@pytest.fixture
def desk(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet(BRANCHES, ["P1"])
    return Desk(stack)


# ---- approval ---------------------------------------------------------------------------------------


def test_a_plan_that_needs_approval_is_held_until_somebody_else_approves_what_they_read(desk):
    rollout = desk.submit(schedule=LATER, approvals={"required": 1})
    digest = desk.json("ann", "rollout", "status", rollout)["digest"]
    assert "awaiting approval" in desk.run("bob", "rollout", "watch", rollout, exits=HELD).stdout.replace("_", " ")
    status = desk.run("bob", "rollout", "status", rollout)
    assert "0 of 1 given" in status.stdout
    assert f"tellercast rollout approve {rollout}" in status.stderr

    own = desk.run("ann", "rollout", "approve", rollout, "--reason", "mine is good", exits=ERROR)
    assert "ann" in own.stderr and "403" in own.stderr
    other = desk.run("bob", "rollout", "approve", rollout, "--reason", "x", "--digest", "0" * 64, exits=ERROR)
    assert "digest" in other.stderr

    done = desk.run("bob", "rollout", "approve", "upgrade", "--reason", "read it all")
    assert digest in done.stderr and "devices      6" in done.stderr
    assert f"rollout {rollout}  upgrade  approved" in done.stdout
    desk.wait_for(rollout, "running")
    shown = desk.run("bob", "rollout", "status", rollout).stdout
    assert "1 of 1 given" in shown and "bob approved" in shown and "read it all" in shown


def test_a_rejected_rollout_has_ended_badly(desk):
    rollout = desk.submit(schedule=LATER, approvals={"required": 2})
    desk.wait_for(rollout, "awaiting_approval")
    desk.run("bob", "rollout", "reject", rollout, "--reason", "not in December")
    desk.run("ann", "rollout", "wait", rollout, exits=ABORTED)


def test_a_group_that_waits_for_a_person_holds_the_watcher(desk):
    desk.stack.simulated_fleet(fleet(BRANCHES, ["P1"]))
    rollout = desk.submit(groups=ONE_THEN_REST)
    held = desk.run("bob", "rollout", "watch", rollout, "--timeout", "60s", exits=HELD)
    assert "group pilot is awaiting approval" in held.stdout
    assert not desk.json("bob", "rollout", "status", rollout)["groups"][0]["decided"]
    desk.run("bob", "rollout", "approve", rollout, "--group", "pilot", "--reason", "quiet night")
    assert desk.json("bob", "rollout", "status", rollout)["groups"][0]["decided"]
    desk.run("bob", "rollout", "watch", rollout, "--timeout", "60s")
    assert "bob approved group pilot" in desk.run("ann", "rollout", "status", rollout).stdout


# ---- orders -----------------------------------------------------------------------------------------


def test_pause_resume_and_cancel_say_what_happened(desk):
    rollout = desk.submit(schedule=LATER)
    desk.wait_for(rollout, "running")
    seen = desk.json("bob", "rollout", "status", rollout)["version"]
    assert "paused" in desk.run("bob", "rollout", "pause", rollout, "--reason", "calls at the help desk").stdout
    desk.run("bob", "rollout", "watch", rollout, exits=HELD)
    again = desk.json("bob", "rollout", "pause", rollout, "--reason", "calls at the help desk", "--version", seen)
    assert again["existing"] is True
    desk.run("cid", "rollout", "resume", rollout, "--reason", "was the line")
    late = desk.run("bob", "rollout", "cancel", rollout, "--reason", "enough", "--version", seen, exits=ERROR)
    assert "cid" in late.stderr and "409" in late.stderr
    desk.run("bob", "rollout", "cancel", rollout, "--reason", "enough")
    desk.run("bob", "rollout", "wait", rollout, "--timeout", "60s", exits=ABORTED)
    listed = desk.json("bob", "rollout", "list")["rollouts"][0]
    assert (listed["rollout"], listed["state"]) == (rollout, "cancelled")


def test_what_failed_is_tried_again(desk):
    rules = [{"match": {"device": "A3"}, "failure": {"rate": 100}}]
    fleet_program = desk.stack.simulated_fleet(fleet(BRANCHES, ["P1"]), {"rules": rules})
    rollout = desk.submit(execution={"retries": 0}, groups=[{"name": "all", "percentage": 100, "success": 50}])
    desk.stack.wait_for_state(rollout, "A3", "failed")
    desk.run("bob", "rollout", "wait", rollout, "--timeout", "60s")
    fleet_program.stop()
    desk.stack.programs.remove(fleet_program)
    desk.run("bob", "rollout", "retry", rollout, "--reason", "the disk was changed")
    wait_for(lambda: desk.stack.database.instructions(rollout)["A3"]["attempt"] == 2, "A3 is tried again")


def test_a_rollback_is_a_rollout_that_is_linked_both_ways(desk):
    desk.stack.simulated_fleet(fleet(BRANCHES, ["P1"]))
    rollout = desk.submit()
    desk.run("bob", "rollout", "wait", rollout, "--timeout", "60s")
    desk.run("bob", "rollout", "rollback", rollout, "--reason", "receipts are blank")
    back = wait_for(lambda: desk.json("bob", "rollout", "status", rollout)["rollback"], "there is a rollback")
    assert desk.json("bob", "rollout", "status", back)["rollback_of"] == rollout
    shown = desk.run("bob", "rollout", "status", rollout).stdout.split()
    assert shown[shown.index("rollback") + 1] == str(back)


def test_another_plan_in_its_place_voids_what_was_approved(desk):
    rollout = desk.submit(schedule=LATER, approvals={"required": 2})
    desk.wait_for(rollout, "awaiting_approval")
    desk.run("bob", "rollout", "approve", rollout, "--reason", "fine")
    better = desk.file(schedule=LATER, approvals={"required": 2}, priority=60)
    done = desk.run("ann", "rollout", "revise", rollout, better, "--reason", "higher priority")
    assert "revised" in done.stdout
    shown = desk.run("bob", "rollout", "status", rollout).stdout
    assert "0 of 2 given" in shown and "void: of another plan" in shown
    bad = desk.file("bad", schedule={"startAt": "soon"})
    faults = desk.run("ann", "rollout", "revise", rollout, bad, "--reason", "worse", exits=INVALID)
    assert "spec.schedule.startAt" in faults.stderr


@pytest.mark.parametrize("words", [
    ("rollout", "pause", "1"),
    ("rollout", "approve", "1", "--reason", ""),
    ("rollout", "cancel", "1", "--reason", " \t"),
    ("rollout", "cancel", "1", "--reason", "x" * 501),
    ("rollout", "report", "1", "--json", "--html"),
])
def test_an_order_without_what_it_needs_is_a_wrong_use(desk, words):
    desk.run("bob", *words, exits=USAGE)


def test_what_is_not_there_is_an_error(desk):
    assert "404" in desk.run("bob", "rollout", "pause", 4711, "--reason", "x", exits=ERROR).stderr
    desk.run("bob", "rollout", "pause", "no-such-name", "--reason", "x", exits=ERROR)


# ---- before and after -------------------------------------------------------------------------------


def test_a_preview_shows_tables_and_timeline_and_writes_nothing(desk):
    before = desk.stack.database.everything()
    picture = desk.stack.folder / "plan.svg"
    path = desk.file(groups=ONE_THEN_REST, approvals={"required": 1})
    shown = desk.run("ann", "plan", "preview", path, "--svg", picture).stdout
    for part in ("6 devices in 2 groups", "1 approval needed", "pilot", "manual approval", "NIGHT", "The forecast supposes:"):
        assert part in shown, shown
    assert desk.stack.database.everything() == before
    root = xml.etree.ElementTree.parse(picture).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "pilot" in picture.read_text(encoding="utf-8")
    document = desk.json("ann", "plan", "preview", path)
    assert document["devices"] == 6
    assert [group["devices"] for group in document["groups"]] == [2, 4]


def test_a_preview_shows_every_fault_with_its_place(desk):
    here = desk.run("ann", "plan", "preview", desk.file(rate={"perMinute": 0}), exits=INVALID)
    assert "upgrade.yaml:11:16: spec.rate.perMinute: " in here.stderr
    there = desk.run("ann", "plan", "preview", desk.file(selector={"branches": ["B7"]}), exits=INVALID)
    assert "spec.selector.branches" in there.stderr


class Page(html.parser.HTMLParser):
    """The page's tags, and its text."""

    def __init__(self, document):
        super().__init__()
        self.tags, self.text = set(), ""
        self.feed(document)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def reported(desk):
    """A rollout that was approved, paused, resumed and completed."""
    desk.stack.simulated_fleet(fleet(BRANCHES, ["P1"]))
    rollout = desk.submit(approvals={"required": 1}, groups=ONE_THEN_REST)
    desk.wait_for(rollout, "awaiting_approval")
    desk.run("bob", "rollout", "approve", rollout, "--reason", "read <it> all")
    desk.run("bob", "rollout", "watch", rollout, "--timeout", "60s", exits=HELD)
    desk.run("cid", "rollout", "pause", rollout, "--reason", "wait & see")
    desk.run("cid", "rollout", "resume", rollout, "--reason", "saw")
    desk.run("bob", "rollout", "approve", rollout, "--group", "pilot", "--reason", "quiet")
    desk.run("bob", "rollout", "wait", rollout, "--timeout", "60s")
    return rollout


def test_the_report_is_the_whole_evidence(desk, reported):
    document = desk.json("ann", "rollout", "report", reported)
    assert (document["rollout"], document["author"], document["state"]) == (reported, "ann", "completed")
    kinds = [event["kind"] for event in document["events"]]
    for kind in ("submitted", "approved", "started", "paused", "resumed", "group_approved", "completed"):
        assert kind in kinds, kinds
    assert {given["actor"] for given in document["approvals"]["given"]} == {"bob"}
    assert len(document["instructions"]) == 6
    assert all(instruction["ended_at"] for instruction in document["instructions"])
    assert sum(night["started"] for night in document["nights"]) == 6
    assert document["deviations"]["outside_window"]["devices"] == 0
    text = desk.run("ann", "rollout", "report", reported).stdout
    for part in ("bob approved", "paused", "wait & see", "outside_window", "A3", "NIGHT"):
        assert part in text, text


def test_the_report_is_a_page_that_needs_nothing_else(desk, reported):
    path = desk.stack.folder / "report.html"
    desk.run("ann", "rollout", "report", reported, "--html", "-o", path)
    source = path.read_text(encoding="utf-8")
    page = Page(source)
    assert {"table", "svg", "thead", "style"} <= page.tags
    assert not {"script", "link", "img", "iframe", "it"} & page.tags
    for part in ("read <it> all", "wait & see", "A1", "P1", VERSION, "cid"):
        assert part in page.text, part
    assert desk.run("ann", "rollout", "report", reported, "--html").stdout.splitlines()[0] == "<!DOCTYPE html>"


def test_a_report_that_cannot_be_written_leaves_nothing(desk):
    rollout = desk.submit(schedule=LATER)
    desk.wait_for(rollout, "running")
    missing = desk.stack.folder / "no-such-folder" / "report.html"
    desk.run("ann", "rollout", "report", rollout, "--html", "-o", missing, exits=ERROR)
    folder = desk.stack.folder / "folder"
    folder.mkdir()
    desk.run("ann", "rollout", "report", rollout, "--html", "-o", folder, exits=ERROR)
    assert [path.name for path in desk.stack.folder.iterdir() if path.name.startswith("folder")] == ["folder"]


def test_drift_shows_what_the_selector_would_choose_now(desk):
    rollout = desk.submit(schedule=LATER)
    desk.wait_for(rollout, "running")
    desk.stack.import_fleet({"B9": ["A9"]})
    assert desk.json("ann", "rollout", "drift", rollout) == {
        "added": {"devices": 2, "examples": ["A9", "B9"]}, "gone": {"devices": 0, "examples": []}}
    assert "2 devices match now and are not in the rollout" in desk.run("ann", "rollout", "drift", rollout).stdout
