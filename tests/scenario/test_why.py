"""Why a device, a branch or a rollout waits, as the endpoint and the command line say it."""

import contextlib
import json

import pytest
from harness.branches import begin, complete, end, look_again, submit
from harness.operations import operate
from harness.programs import command_line
from harness.statements import Prepared
from harness.wait import wait_for

WHOLE = [{"name": "all", "percentage": 100, "success": 0}]
ONE = {"maxUnavailable": 1}
NEVER = {"windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "03:00", "duration": "2h"}],
         "startAt": "2099-01-01T00:00:00Z", "timeZone": "Asia/Shanghai"}


@pytest.fixture
def testbed(stack):
    begin(stack, {"B1": ["A1", "A2", "A3"]}, ["P1"])
    return stack


def why(testbed, path):
    return testbed.http.document(f"/v1/{path}/why")


def reasons_of(testbed, device, rollout):
    """The verdict, and each reason's code and sentence."""
    found = [row for row in why(testbed, f"devices/{device}")["instructions"] if row["rollout"] == rollout]
    assert len(found) == 1, found
    return found[0]["verdict"], [reason["code"] for reason in found[0]["reasons"]], [reason["text"] for reason in found[0]["reasons"]]


def in_flight(testbed):
    return [row["device"] for row in testbed.database.rows("SELECT device FROM instruction WHERE in_flight AND branch = 'B1'")]


def test_a_branch_at_its_budget_names_the_machine_that_uses_it(testbed):
    rollout = submit(testbed, "upgrade", ["A1", "A2", "A3"], disruptionBudget=ONE, groups=WHOLE)
    first = wait_for(lambda: in_flight(testbed), "one starts")[0]
    other = next(name for name in ("A1", "A2", "A3") if name != first)
    verdict, codes, texts = reasons_of(testbed, other, rollout)
    assert (verdict, codes) == ("waits", ["branch_budget"])
    assert texts[0].startswith(f"its branch is at its budget of 1: {first} is dispatched since ") and texts[0].endswith("Berlin")
    assert reasons_of(testbed, first, rollout)[:2] == ("at_work", ["ordered"])
    branch = why(testbed, "branches/B1")
    assert branch["machines"] == 3 and {row["device"] for row in branch["instructions"]} == {"A1", "A2", "A3"}
    complete(testbed, rollout, first, "B1")
    second = wait_for(lambda: in_flight(testbed), "the next starts")[0]
    assert reasons_of(testbed, second, rollout)[1] == ["ordered"]
    assert all(row["device"] != first for row in why(testbed, "branches/B1")["instructions"])


def test_a_rollout_says_what_holds_it_its_groups_and_the_first_in_line(testbed):
    groups = [{"name": "pilot", "devices": ["A1"], "approval": "manual"}, {"name": "rest", "percentage": 100}]
    rollout = submit(testbed, "upgrade", ["A1", "A2", "A3"], groups=groups)
    found = why(testbed, f"rollouts/{rollout}")
    assert [(group["group"], group["state"]) for group in found["groups"]] == [("pilot", "open"), ("rest", "waiting")]
    assert found["groups"][1]["reasons"][0]["text"] == "group rest waits: group pilot has not passed: 1 of its devices has not ended"
    assert found["groups"][1]["waiting"] == 2
    complete(testbed, rollout, "A1", "B1")
    wait_for(lambda: why(testbed, f"rollouts/{rollout}")["groups"][1]["reasons"][0]["code"] == "group_awaiting_approval",
             "the pilot awaits an approval")
    assert reasons_of(testbed, "A2", rollout)[2] == ["group rest waits: group pilot waits for an approval"]
    operate(testbed, rollout, "pause", "bob", reason="a storm")
    found = why(testbed, f"rollouts/{rollout}")
    assert found["reasons"][0]["code"] == "rollout_paused" and "paused by bob since" in found["reasons"][0]["text"]
    assert found["reasons"][0]["text"].endswith(": a storm")
    assert reasons_of(testbed, "A2", rollout)[1][0] == "rollout_paused"


def test_a_window_is_told_on_the_clock_of_its_zone(testbed):
    rollout = submit(testbed, "upgrade", ["A1", "P1"], schedule=NEVER, groups=WHOLE)
    verdict, codes, texts = reasons_of(testbed, "P1", rollout)
    assert (verdict, codes) == ("waits", ["scheduled"]) and texts == ["it is scheduled at 2099-01-02 03:00 Asia/Shanghai"]
    zones = why(testbed, f"rollouts/{rollout}")["zones"]
    assert len(zones) == 1 and zones[0]["zone"] == "Asia/Shanghai" and not zones[0]["open"]
    line = why(testbed, f"rollouts/{rollout}")["line"]
    assert line["explained"] == 2 and [(row["code"], row["devices"]) for row in line["reasons"]] == [("scheduled", 2)]


def test_the_rate_tells_how_many_are_before(testbed):
    rollout = submit(testbed, "upgrade", ["A1", "A2", "A3"], rate={"perMinute": 1}, groups=WHOLE)
    wait_for(lambda: in_flight(testbed), "one starts")
    # As after a time in which nothing could start: then more is due than the rate allows.
    testbed.database.rows("UPDATE instruction SET due_at = now() - id * interval '1 ms' WHERE due_at IS NOT NULL")
    told = {row["device"]: row["reasons"][0] for row in why(testbed, "branches/B1")["instructions"]
            if row["state"] == "created"}
    texts = sorted(reason["text"] for reason in told.values())
    assert texts == ["the rate allows 1 start a minute, and 0 are before it", "the rate allows 1 start a minute, and 1 is before it"]
    assert {reason["code"] for reason in told.values()} == {"rate"}
    assert why(testbed, f"rollouts/{rollout}")["line"]["reasons"][0]["code"] == "rate"


def test_a_rollout_of_higher_priority_and_another_instruction_of_the_device_are_named(testbed):
    first = submit(testbed, "first", ["A1"], groups=WHOLE)
    testbed.wait_for_state(first, "A1", "dispatched")
    high = submit(testbed, "high", ["A1", "A2"], priority=70, disruptionBudget=ONE, groups=WHOLE)
    low = submit(testbed, "low", ["A2"], priority=10, groups=WHOLE)
    look_again(testbed)
    assert reasons_of(testbed, "A1", high)[1][0] == "device_busy"
    assert f"of rollout {first} (first)" in reasons_of(testbed, "A1", high)[2][0]
    verdict, codes, texts = reasons_of(testbed, "A2", low)
    assert verdict == "waits" and codes[0] == "higher_priority"
    assert texts[0] == f"rollout {high} (high), which has a higher priority, needs the device"
    # Of what else its places have, the line of a rollout needs what stands before it alone.
    assert [row["code"] for row in why(testbed, f"rollouts/{low}")["line"]["reasons"]] == ["higher_priority"]


def test_the_line_of_a_rollout_reads_other_devices_only_of_the_branches_in_which_they_matter(testbed):
    """A node starts after its devices, and of a rollout of higher priority any device can have the place."""
    low = submit(testbed, "low", ["B1", "A1", "A2"], schedule=NEVER, groups=WHOLE, priority=10)
    ids = {device: row["id"] for device, row in testbed.database.instructions(low).items()}
    with contextlib.closing(testbed.database.connect()) as connection, connection.cursor() as cursor:
        read = Prepared(cursor, "why_instructions")

        def read_for(device):
            read.run(branches=["B1"], devices=[device], rollout=low, line=[ids[device]], patterns=None, most=100)
            names = [column.name for column in cursor.description]
            return {(row["device"], row["rollout"]) for row in (dict(zip(names, values)) for values in cursor.fetchall())}

        assert read_for("A1") == {("A1", low)}
        assert read_for("B1") == {("B1", low), ("A1", low), ("A2", low)}
        high = submit(testbed, "high", ["A3", "P1"], schedule=NEVER, groups=WHOLE, priority=70)
        assert read_for("A1") == {("A1", low), ("A2", low), ("B1", low), ("A3", high)}


def test_a_deferral_and_a_failure_are_told_with_their_code_and_the_next_attempt(testbed):
    later = {"retries": 2, "backoff": "1h", "retryOn": ["failed"]}
    rollout = submit(testbed, "upgrade", ["A1", "A2"], execution=later, groups=WHOLE)
    for name, state, code in (("A1", "deferred", "customer_present"), ("A2", "failed", "disk_full")):
        device = testbed.device(name, "B1")
        testbed.wait_for_state(rollout, name, "dispatched")
        device.ask()
        claims = wait_for(lambda device=device: device.tokens(), f"{name} gets its instruction")
        device.wait_for_confirm(device.reply(claims[-1], state, code=code))
        device.close()
    wait_for(lambda: reasons_of(testbed, "A1", rollout)[1] == ["deferred"], "A1 waits again")
    text = reasons_of(testbed, "A1", rollout)[2][0]
    assert text.startswith("the device deferred it for the 1st time (customer_present) and it is due again at "), text
    testbed.wait_for_state(rollout, "A2", "created")
    assert reasons_of(testbed, "A2", rollout)[1] == ["backoff"]
    assert reasons_of(testbed, "A2", rollout)[2][0].startswith("its last attempt did not complete (disk_full) and it is due again at ")


def test_the_command_finds_branches_devices_and_rollouts(testbed):
    rollout = submit(testbed, "upgrade", ["A1", "A2"], disruptionBudget=ONE, groups=WHOLE)
    wait_for(lambda: in_flight(testbed), "one starts")

    def run(*words, exits=0):
        done = command_line(*testbed.http.at("ann"), "why", *words, check=False)
        assert done.returncode == exits, done
        return done

    assert "branch is at its budget of 1" in run("B1").stdout
    waiting = next(name for name in ("A1", "A2") if name not in in_flight(testbed))
    assert "branch is at its budget of 1" in run(waiting).stdout
    assert "nothing waits and nothing is at work here" in run("device=B1").stdout
    assert "The next 1 device in line" in run(str(rollout)).stdout and "pilot" not in run("upgrade").stdout
    assert json.loads(run("name=upgrade", "--json").stdout)["rollout"] == rollout
    assert "no rollout has the ID or the name" in run("nowhere", exits=1).stderr
    assert "no branch has the ID" in run("branch=nowhere", exits=1).stderr
    for path in ("branches/nowhere", "devices/nowhere", "rollouts/999"):
        assert testbed.http.ask("GET", f"/v1/{path}/why").status == 404


def test_of_a_device_for_which_nothing_waits_the_command_says_how_its_last_instruction_ended(testbed):
    rollout = submit(testbed, "upgrade", ["A1", "A2"], execution={"retries": 0}, groups=WHOLE)
    complete(testbed, rollout, "A1", "B1")
    end(testbed, rollout, "A2", "B1", "failed", code="disk_full", detail="2 MiB are left")
    for device, ended in (("A1", "ended as completed at "), ("A2", "ended as failed at ")):
        shown = command_line("why", device, *testbed.http.at("ann")).stdout
        assert f"its last instruction, of rollout {rollout} (upgrade), {ended}" in shown, shown
    assert shown.endswith(": disk_full, 2 MiB are left\n"), shown
