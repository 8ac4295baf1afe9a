"""A plan that can never be planned ends as rejected, and every view of it gives the reason."""

import json

import pytest
from harness.plan import APPLICATION, fleet, plan
from harness.programs import command_line
from harness.wait import wait_for

GONE = "US/Pacific-New"  # a zone that systems with new zone data lack
NIGHTS = {"startAt": "2099-01-01T00:00:00Z", "windows": [{"start": "01:00", "duration": "3h"}]}
CONFIGURE = {"action": "configure", "artifact": None, "parameters": {"v": "1"}}
INVALID, ABORTED = 3, 5


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.http.import_fleet(fleet({"B1": ["A1", "A2"], "B2": ["A3"]}, ["P1"]))
    return stack


def lose_zone(testbed, table, name):
    """As after a move to a server whose zone data lacks the old names."""
    testbed.database.rows(f"UPDATE {table} SET zone = %s WHERE id = %s", GONE, name)


def run(testbed, *words):
    return command_line(*words, *testbed.http.at("ann"), check=False)


def write(testbed, name="one", **spec):
    file = testbed.folder / f"{name}.yaml"
    file.write_text(plan(name, **{**CONFIGURE, **spec}), encoding="utf-8")
    return file


@pytest.mark.parametrize("schedule", [NIGHTS, {"startAt": "2099-01-01T00:00:00Z"}])
@pytest.mark.parametrize("table, name, selector", [
    ("device", "P1", {"devices": ["P1"]}), ("branch", "B1", {"matchLabels": {"role": "atm"}}),
])
def test_a_zone_that_the_database_does_not_know_is_named_by_preview_and_in_the_answer_of_each_endpoint(
        testbed, schedule, table, name, selector):
    lose_zone(testbed, table, name)
    reason = f'{table} "{name}" has the zone "{GONE}"'
    file = write(testbed, selector=selector, schedule=schedule)
    previewed = run(testbed, "plan", "preview", file)
    assert previewed.returncode == INVALID, previewed.stderr
    assert reason in previewed.stderr and "spec.selector" in previewed.stderr
    assert testbed.database.rows("SELECT * FROM rollout") == []
    http, socket, mqtt = (write(testbed, endpoint, selector=selector, schedule=schedule).read_text(encoding="utf-8")
                          for endpoint in ("http", "socket", "mqtt"))
    for answer in (testbed.http.submit(http).json(), testbed.orchestrators[0].submit_by_socket(socket),
                   testbed.operator().submit(mqtt)):
        assert answer["state"] == "rejected" and reason in answer["detail"], answer
        assert testbed.database.rollout(answer["rollout"])["state"] == "rejected"
    submitted = run(testbed, "rollout", "submit", file)
    assert submitted.returncode == ABORTED and reason in submitted.stderr, submitted
    good = write(testbed, "good", selector={"devices": ["A3"]}, schedule=schedule)
    assert run(testbed, "rollout", "submit", good).returncode == 0, "others are not in its way"


def test_another_plan_that_cannot_be_planned_does_not_take_the_place_of_one_that_can(testbed):
    rollout = testbed.submit("one", **CONFIGURE, selector={"branches": ["B2"]}, approvals={"required": 1})
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    lose_zone(testbed, "branch", "B1")
    before = testbed.database.rollout(rollout)
    done = run(testbed, "rollout", "revise", rollout, write(testbed, selector={"branches": ["B1"]}), "--reason", "x")
    assert done.returncode == INVALID and GONE in done.stderr, done
    assert testbed.database.rollout(rollout) == before


def submit_behind_a_lock(testbed, file):
    """Submits a plan that is accepted, but not planned while the lock is held."""
    with testbed.database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; SELECT pg_advisory_xact_lock(hashtext('tellercast'), hashtext('plan'))")
        rollout = json.loads(run(testbed, "rollout", "submit", file, "--json").stdout)["rollout"]
        lose_zone(testbed, "branch", "B1")
        cursor.execute("COMMIT")
    return rollout


def test_a_submission_that_turns_out_impossible_ends_rejected_and_every_look_at_it_says_why(testbed):
    file = write(testbed, selector={"branches": ["B1"]}, schedule=NIGHTS)
    rollout = submit_behind_a_lock(testbed, file)
    testbed.wait_for_rollout(rollout, "rejected")
    row = testbed.database.rollout(rollout)
    assert f'branch "B1" has the zone "{GONE}"' in row["detail"] and row["ended_at"]
    assert testbed.database.instructions(rollout) == {}
    shown = testbed.http.document(f"/v1/rollouts/{rollout}")
    assert shown["detail"] == row["detail"]
    assert [(event["kind"], event["reason"]) for event in shown["events"]][-1] == ("rejected", row["detail"])
    for words in (["status"], ["wait"], ["watch"]):
        done = run(testbed, "rollout", words[0], rollout)
        assert GONE in done.stdout, done
        assert done.returncode == (0 if words == ["status"] else ABORTED)
    document = file.read_text(encoding="utf-8")
    for answer in (testbed.orchestrators[0].submit_by_socket(document), testbed.operator().submit(document),
                   testbed.http.submit(document).json()):
        assert answer["state"] == "rejected" and GONE in answer["detail"], answer
    waited = run(testbed, "rollout", "submit", file, "--wait")
    assert waited.returncode == ABORTED and GONE in waited.stderr, waited
    assert testbed.orchestrators[0].text().count("rollout.rejected") == 1
    assert "planning_failed" not in testbed.orchestrators[0].text()


def test_values_that_no_try_can_plan_are_no_reason_to_try_for_ever(testbed):
    testbed.database.rows(
        "INSERT INTO rollout (name, digest, plan, shared_claims, author, door, devices) VALUES "
        "('groups', 'x', '{\"spec\": {\"groups\": 7}}', '', 'test', 'http', 1), "
        "('soak', 'y', '{\"spec\": {\"groups\": [{\"name\": \"a\", \"soak\": \"long\"}]}}', '', 'test', 'http', 1)")
    for name in ("groups", "soak"):
        wait_for(lambda n=name: testbed.database.value("SELECT state FROM rollout WHERE name = %s", n) == "rejected",
                 f"{name} is rejected")
    assert testbed.database.value("SELECT count(*) FROM rollout_event WHERE kind = 'rejected' AND reason <> ''") == 2


def test_a_fault_of_the_server_is_tried_again_for_an_hour_and_then_ends_the_rollout(testbed):
    testbed.database.rows("ALTER TABLE rollout ADD CONSTRAINT broken CHECK (state <> 'running')")
    young, old = testbed.submit("young", **CONFIGURE), testbed.submit("old", **CONFIGURE)
    testbed.database.rows("UPDATE rollout SET submitted_at = now() - interval '61 min' WHERE id = %s", old)
    testbed.wait_for_rollout(old, "rejected")
    assert testbed.database.rollout(young)["state"] == "accepted"
    testbed.database.rows("ALTER TABLE rollout DROP CONSTRAINT broken")
    testbed.wait_for_rollout(young, "running")


def test_the_report_of_a_rollout_outlives_its_zone(testbed):
    testbed.add_artifact()
    testbed.client("node", "B1", "B1")
    testbed.client("atm", "A1", "B1")
    rollout = testbed.submit(selector={"devices": ["A1"]}, schedule={"windows": [{"start": "00:00", "duration": "24h"}]})
    testbed.wait_for_rollout(rollout, "completed")
    assert testbed.database.value("SELECT versions ->> %s FROM device WHERE id = 'A1'", APPLICATION)
    testbed.database.rows("UPDATE rollout_zone SET zone = %s WHERE rollout_id = %s", GONE, rollout)
    report = testbed.http.document(f"/v1/rollouts/{rollout}/report")
    assert sum(night["completed"] for night in report["nights"]) == 1
