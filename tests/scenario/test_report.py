"""The report of a rollout: who ordered and approved it, every state with its time, the plan beside the actual starts, the
deviations, and the drift of the fleet since."""

from datetime import datetime, timedelta, timezone

import pytest
from harness.operations import operate, submit_as
from harness.plan import OLD_VERSION, fleet, plan
from harness.wait import wait_for

UTC = timezone.utc
LATER = {"startAt": "2038-01-10T00:00:00Z"}


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2", "A3"]}, ["P1", "P2"], zones={"B1": "UTC"})
    return stack


def report(stack, rollout):
    return stack.http.document(f"/v1/rollouts/{rollout}/report")


def drift(stack, rollout):
    return stack.http.document(f"/v1/rollouts/{rollout}/drift")


def planned(stack, rollout):
    wait_for(lambda: stack.database.rollout(rollout)["state"] != "accepted", "the rollout is planned")
    return rollout


def answer(stack, rollout, name, state, attempt=1, **more):
    """The device gets its instruction and reports this end."""
    device = stack.device(name, "B1" if name[0] in "AB" else None)
    stack.wait_for_state(rollout, name, "dispatched")
    device.ask()
    claims = wait_for(lambda: [t for t in device.tokens() if t["rollout"] == rollout and t["attempt"] == attempt],
                      f"{name} has attempt {attempt}")[0]
    for before in ("received", "installing"):
        device.reply(claims, before)
        stack.wait_for_state(rollout, name, before)
    device.reply(claims, state, **more)

    def settled():
        row = stack.database.instruction(rollout, name)
        return row["attempt"] > attempt or row["state_name"] in ("completed", "failed")

    wait_for(settled, f"attempt {attempt} of {name} has come to its end")
    device.close()


def test_a_finished_rollout_with_failures_and_retries_is_reported_in_full(testbed):
    document = plan(
        "upgrade",
        selector={"devices": ["A1", "A2", "A3", "P1"]},
        groups=[{"name": "lab", "devices": ["A1"], "success": "100%"}, {"name": "rest", "percentage": "100%",
                                                                        "success": "60%"}],
        execution={"retries": 1, "retryOn": ["failed"], "backoff": "0s", "installTimeout": "1h"},
        approvals={"required": 1},
    )
    rollout = submit_as(testbed, "ann", document)
    wait_for(lambda: testbed.database.rollout(rollout)["state"] == "awaiting_approval", "it waits for approval")
    operate(testbed, rollout, "approve", "bob", reason="tested in the lab")
    answer(testbed, rollout, "A1", "failed", code="no_space", detail="disk is full")
    answer(testbed, rollout, "A1", "completed", attempt=2)
    answer(testbed, rollout, "A2", "completed")
    answer(testbed, rollout, "P1", "completed")
    answer(testbed, rollout, "A3", "failed", code="bad_image")
    answer(testbed, rollout, "A3", "failed", attempt=2, code="bad_image")
    testbed.wait_for_rollout(rollout)
    evidence = report(testbed, rollout)

    digest = testbed.database.rollout(rollout)["digest"]
    assert (evidence["author"], evidence["door"], evidence["digest"], evidence["state"]) == ("ann", "http", digest, "completed")
    given = evidence["approvals"]["given"]
    assert [(a["actor"], a["digest"], a["reason"], a["void"]) for a in given] == [
        ("bob", digest, "tested in the lab", False)]
    kinds = [event["kind"] for event in evidence["events"]]
    for earlier, later in (("submitted", "planned"), ("planned", "approved"), ("approved", "started"),
                           ("started", "group_passed"), ("group_passed", "completed")):
        assert kinds.index(earlier) < kinds.index(later), kinds
    times = [event["at"] for event in evidence["events"]]
    assert times == sorted(times) and given[0]["at"] <= evidence["groups"][0]["opened_at"]
    assert [(group["name"], group["state"], group["counts"]["completed"]) for group in evidence["groups"]] == [
        ("lab", "passed", 1), ("rest", "passed", 2)]
    assert evidence["counts"]["failed"] == 1

    def in_all_nights(group):  # one, unless midnight comes between
        return tuple(sum(night[key] for night in evidence["nights"] if night["group"] == group)
                     for key in ("planned", "started", "completed", "failed", "retried"))

    assert (in_all_nights("lab"), in_all_nights("rest")) == ((1, 1, 1, 0, 1), (3, 3, 2, 1, 1))
    deviations = evidence["deviations"]
    assert deviations["retried"] == {"devices": 2, "codes": {}, "examples": ["A1", "A3"]}
    assert deviations["failed"] == {"devices": 1, "codes": {"bad_image": 1}, "examples": ["A3"]}
    for kind in ("outside_window", "not_executed", "deferred"):
        assert deviations[kind]["devices"] == 0, kind
    assert evidence["drift"] == {"added": {"devices": 0, "examples": []}, "gone": {"devices": 0, "examples": []}}
    assert evidence["plan"]["spec"]["approvals"] == {"required": 1}

    # The states and attempts of each device, by pages.
    page = testbed.http.document(f"/v1/rollouts/{rollout}/instructions?limit=3")
    rest = testbed.http.document(f"/v1/rollouts/{rollout}/instructions?limit=3&after={page['next']}")
    rows = {row["device"]: row for row in page["instructions"] + rest["instructions"]}
    assert [(e["attempt"], e["state"], e["code"], e["detail"]) for e in rows["A1"]["events"]][:1] == [
        (1, "failed", "no_space", "disk is full")]
    assert rows["A1"]["attempt"] == 2
    assert rows["A2"]["events"] == []
    times = [rows["A2"][key] for key in ("planned_at", "dispatched_at", "sent_at", "received_at", "installing_at",
                                         "ended_at")]
    assert times == sorted(times) and all(times)


def test_plan_and_actual_of_each_night_are_side_by_side(stack):
    """Devices that wait for a week start today, as if an operator had opened the window."""
    stack.orchestrator()
    stack.add_artifact()
    zones = {"B1": "UTC", "B2": "Asia/Kolkata"}
    branches = {"B1": ["A1", "A2"], "B2": ["C1", "C2"]}
    stack.import_fleet(branches, zones=zones)
    stack.simulated_fleet(fleet(branches, zones=zones))
    now = datetime.now(UTC)
    opened = max(now - timedelta(minutes=10), now.replace(hour=0, minute=0))  # five and a half hours ago in India
    window = {"days": [f"{opened:%a}".lower()], "start": f"{opened:%H:%M}", "duration": "4h"}
    rollout = stack.submit(
        schedule={"windows": [window]}, execution={"installTimeout": "2s"},
        groups=[{"name": "all", "percentage": "100%", "success": "100%"}],
    )
    stack.wait_for_states(rollout, completed=3, created=3)
    tonight, next_week = [night["night"] for night in report(stack, rollout)["nights"]]
    before = report(stack, rollout)["nights"]
    assert [(n["planned"], n["started"], n["completed"]) for n in before] == [(3, 3, 3), (3, 0, 0)]
    assert before[1]["first_start_at"] is None
    stack.database.rows(
        "INSERT INTO rollout_window SELECT rollout_id, zone_no, now() - interval '1 minute', now() + interval '1 hour' "
        "FROM rollout_zone WHERE zone = 'Asia/Kolkata'")
    stack.database.rows("UPDATE instruction SET due_at = now() WHERE due_at IS NOT NULL")
    stack.wait_for_rollout(rollout)
    evidence = report(stack, rollout)
    assert sum(night["started"] for night in evidence["nights"]) == 6
    assert evidence["deviations"]["outside_window"]["devices"] == 0
    # Without a window there would be a deviation.
    stack.database.rows(
        "DELETE FROM rollout_window USING rollout_zone z WHERE z.zone_no = rollout_window.zone_no "
        "AND z.zone = 'Asia/Kolkata' AND opens_at < now()")
    evidence = report(stack, rollout)
    planned_nights = {night["night"]: (night["planned"], night["started"]) for night in evidence["nights"]}
    assert planned_nights[next_week] == (3, 0)
    assert sum(started for _, started in planned_nights.values()) == 6
    assert evidence["deviations"]["outside_window"] == {"devices": 3, "codes": {}, "examples": ["B2", "C1", "C2"]}
    assert evidence["deviations"]["started_on_another_night"]["devices"] == 3
    assert evidence["deviations"]["started_on_another_night"]["examples"] == ["B2", "C1", "C2"]
    assert tonight < next_week


def test_an_instruction_that_never_started_is_reported_with_the_reason(testbed):
    soon = datetime.now(UTC) + timedelta(seconds=2)
    rollout = testbed.submit("late", schedule={"endAt": f"{soon:%Y-%m-%dT%H:%M:%SZ}"}, execution={"installTimeout": "1h"})
    wait_for(lambda: testbed.database.rollout(rollout)["ended_at"], "it has ended")
    evidence = report(testbed, rollout)
    assert evidence["deviations"]["not_executed"] == {
        "devices": 6, "codes": {"rollout_ended": 6}, "examples": ["A1", "A2", "A3", "B1", "P1", "P2"]}
    assert evidence["nights"] == []
    cancelled = planned(testbed, testbed.submit("called-off", schedule=LATER))
    operate(testbed, cancelled, "cancel", reason="not this year")
    testbed.wait_for_rollout(cancelled, "cancelled")
    evidence = report(testbed, cancelled)
    assert evidence["deviations"]["not_executed"]["devices"] == 6
    assert ("cancel_ordered", "bob", "not this year") in [(e["kind"], e["actor"], e["reason"]) for e in evidence["events"]]


def test_the_report_of_a_rollout_that_did_not_start_has_its_plan_alone(testbed):
    waits = submit_as(testbed, "ann", plan("waits", approvals={"required": 1}, schedule=LATER))
    wait_for(lambda: testbed.database.rollout(waits)["state"] == "awaiting_approval", "it waits for approval")
    evidence = report(testbed, waits)
    assert evidence["started_at"] is None and evidence["first_start_at"] is None
    assert [(n["planned"], n["started"]) for n in evidence["nights"]] == [(6, 0)]
    assert all(deviation["devices"] == 0 for deviation in evidence["deviations"].values())


def test_drift_is_reported_both_ways(testbed):
    labels = {"A1": {"site": "old"}, "A2": {"site": "old"}, "P1": {"site": "old"}}
    everybody = ({"B1": ["A1", "A2", "A3"]}, ["P1", "P2"])
    testbed.import_fleet(*everybody, zones={"B1": "UTC"}, labels=labels)
    rollout = planned(testbed, testbed.submit(selector={"matchLabels": {"site": "old"}}, schedule=LATER))
    nothing = {"devices": 0, "examples": []}
    assert drift(testbed, rollout) == {"added": nothing, "gone": nothing}
    labels = {"A2": {"site": "old"}, "A3": {"site": "old"}, "P2": {"site": "old"}, "P1": {"site": "new"}}
    testbed.import_fleet(*everybody, zones={"B1": "UTC"}, labels=labels)
    assert drift(testbed, rollout) == {
        "added": {"devices": 2, "examples": ["A3", "P2"]},
        "gone": {"devices": 2, "examples": ["A1", "P1"]},
    }
    assert sorted(testbed.database.instructions(rollout)) == ["A1", "A2", "P1"], "membership stays as it was planned"


def test_an_upgrade_by_from_versions_is_no_drift_of_those_that_it_upgraded(testbed):
    artifact = {"name": "atm-app", "version": "4.7.2", "fromVersions": [OLD_VERSION]}
    rollout = testbed.submit(artifact=artifact, selector={"devices": ["P1"]})
    device = testbed.device("P1")
    testbed.wait_for_state(rollout, "P1", "dispatched")
    device.ask()
    device.reply(device.wait_for_instruction(), "completed", versions={"atm-app": "4.7.2"})
    testbed.wait_for_rollout(rollout)
    wait_for(lambda: testbed.http.document("/v1/devices/P1")["versions"] == {"atm-app": "4.7.2"}, "its version is known")
    assert drift(testbed, rollout)["gone"]["devices"] == 0


def test_a_report_of_nothing_is_not_found(testbed):
    for what in ("report", "drift"):
        assert testbed.http.get(f"/v1/rollouts/99/{what}").status == 404
        assert testbed.http.get(f"/v1/rollouts/x/{what}").status == 404
