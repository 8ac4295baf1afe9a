"""The failures of a rollout, by what their devices have in common, and the devices behind them."""

import json
from urllib.parse import urlencode

import pytest
from harness.branches import begin, end, submit
from harness.operations import operate
from harness.people import bearer, token_of
from harness.plan import APPLICATION
from harness.programs import command_line
from harness.wait import wait_for

WHOLE = [{"name": "all", "percentage": 100, "success": 0}]
ONCE = {"retries": 0}
AGAIN_LATER = {"retries": 2, "backoff": "1h"}
JAM = {"code": "jam", "detail": "the belt stands"}


def groups(testbed, rollout, *keys, by=None, **headers):
    """Returns the groups: what they are by, how many devices have ended, and how many are failing now."""
    path = f"/v1/rollouts/{rollout}/failures" + (f"?by={by}" if by else "")
    document = testbed.http.get(path, **headers).json()
    assert document["is_complete"]
    for group in document["failures"]:
        assert not group["ended"]["is_more"] and not group["failing_now"]["is_more"]
    return [(*[group[key] for key in keys], group["ended"]["devices"], group["failing_now"]["devices"])
            for group in document["failures"]]


def devices(testbed, rollout, limit=1000, **filters):
    """Returns the devices behind failures by their IDs, read in pages of `limit`."""
    found, after = {}, {}
    while after is not None:
        query = urlencode({**filters, "limit": limit, **after})
        page = testbed.http.document(f"/v1/rollouts/{rollout}/failures/devices?{query}")
        found.update({device["device"]: device for device in page["devices"]})
        after = {"after": page["next"]} if page["next"] else None
    return found


def fail(testbed, rollout, name, **more):
    """The device fails. It may be retried before the test looks."""
    device = testbed.device(name, "B1")
    testbed.wait_for_state(rollout, name, "dispatched")
    device.ask()
    claims = wait_for(lambda: [token for token in device.tokens() if token["rollout"] == rollout], f"{name} gets its instruction")
    device.wait_for_confirm(device.reply(claims[-1], "failed", **more))
    device.close()


def describe(testbed, name, model="", version=None, **labels):
    """The device has this model, version and these labels from now on."""
    testbed.database.rows("UPDATE device SET model = %s, labels = %s, versions = %s WHERE id = %s RETURNING id", model,
                          json.dumps(labels), json.dumps({APPLICATION: version} if version else {}), name)


def word(testbed, *words, check=True):
    return command_line("rollout", "failures", *words, "--server", testbed.http.url, check=check)


@pytest.fixture
def testbed(stack):
    """Four machines of two models and two versions, and one that says nothing of itself."""
    begin(stack, {"B1": ["A1", "A2", "A3", "A4", "A5"]})
    describe(stack, "A1", "X1", "4.6", region="emea")
    describe(stack, "A2", "X1", "4.6", region="apac")
    describe(stack, "A3", "X1", "4.7", region="emea")
    describe(stack, "A4", "X2", "4.6", region="emea")
    describe(stack, "A5")
    return stack


def test_failures_are_grouped_and_lead_to_their_devices(testbed):
    names = ["A1", "A2", "A3", "A4", "A5"]
    rollout = submit(testbed, "fails", names, groups=WHOLE, execution=ONCE, disruptionBudget={"maxUnavailable": 5})
    for name in names:
        end(testbed, rollout, name, "B1", "failed", **({"code": "burnt"} if name == "A5" else JAM))
    testbed.wait_for_rollout(rollout, "halted")

    assert groups(testbed, rollout, "code", "model", "version") == [
        ("jam", "X1", "4.6", 2, 0), ("burnt", "", None, 1, 0), ("jam", "X1", "4.7", 1, 0), ("jam", "X2", "4.6", 1, 0)]
    assert groups(testbed, rollout, "code", by="code") == [("jam", 4, 0), ("burnt", 1, 0)]
    assert groups(testbed, rollout, "version", "model", by="version") == [("4.6", None, 3, 0), ("4.7", None, 1, 0), (None, None, 1, 0)]
    assert groups(testbed, rollout, "label", by="label:region") == [("emea", 3, 0), ("apac", 1, 0), (None, 1, 0)]
    assert groups(testbed, rollout, "label", by="label:branch") == [("B1", 5, 0)]

    assert list(devices(testbed, rollout, limit=1)) == list(devices(testbed, rollout)) and len(devices(testbed, rollout)) == 5
    for filters, wanted in (({"code": "jam", "model": "X1", "version": "4.6"}, {"A1", "A2"}), ({"label": "region=emea"}, {"A1", "A3", "A4"}),
                            ({"without": "model"}, {"A5"}), ({"without": "version,label:region"}, {"A5"}),
                            ({"state": "failing_now"}, set()), ({"state": "ended", "code": "burnt"}, {"A5"}), ({"without": "code"}, set())):
        assert set(devices(testbed, rollout, limit=1, **filters)) == wanted, filters
    shown = devices(testbed, rollout)["A1"]
    assert (shown["state"], shown["failed_as"], shown["failing_now"], shown["attempt"], shown["detail"], shown["branch"]) == (
        "failed", "failed", False, 1, JAM["detail"], "B1")

    table = word(testbed, rollout, "--by", "code,label:region").stdout.split("\n")
    assert table[0].split() == ["CODE", "LABEL", "FAILED", "FAILING", "NOW"] and table[1].split() == ["jam", "emea", "3", "0"]
    listed = word(testbed, "fails", "--devices", "--match", "region=apac").stdout
    assert "A2" in listed and "A1" not in listed and JAM["detail"] in listed
    assert json.loads(word(testbed, rollout, "--json").stdout)["failures"][0]["code"] == "jam"
    assert word(testbed, rollout, "--by", "colour", check=False).returncode == 1
    assert testbed.http.ask("GET", "/v1/rollouts/999/failures").status == 404
    assert testbed.http.ask("GET", "/v1/rollouts/999/failures/devices").status == 404


def test_what_will_be_tried_again_is_failing_now_and_what_was_given_up_has_ended(testbed):
    rollout = submit(testbed, "again", ["A1", "A2"], groups=WHOLE, execution=AGAIN_LATER, disruptionBudget={"maxUnavailable": 5})
    for name in ("A1", "A2"):
        fail(testbed, rollout, name, **JAM)
    testbed.wait_for_states(rollout, created=2)
    assert groups(testbed, rollout, "code", by="code") == [("jam", 0, 2)]
    found = devices(testbed, rollout, limit=1, state="failing_now", code="jam")
    assert set(found) == {"A1", "A2"} and {(device["state"], device["failed_as"]) for device in found.values()} == {("created", "failed")}
    assert "failing now" in word(testbed, rollout, "--devices").stdout

    operate(testbed, rollout, "cancel")
    testbed.wait_for_rollout(rollout, "cancelled")
    assert groups(testbed, rollout, "code", by="code") == [("jam", 2, 0)]
    assert {device["state"] for device in devices(testbed, rollout, state="ended").values()} == {"cancelled"}


def test_what_succeeds_at_last_is_no_failure_any_more(testbed):
    rollout = submit(testbed, "mends", ["A1", "A2"], groups=WHOLE, execution={"retries": 1, "backoff": "1s"},
                     disruptionBudget={"maxUnavailable": 5})
    for name in ("A1", "A2"):
        fail(testbed, rollout, name, **JAM)
    end(testbed, rollout, "A1", "B1", "completed")
    end(testbed, rollout, "A2", "B1", "failed", code="burnt")
    testbed.wait_for_rollout(rollout, "completed")
    assert groups(testbed, rollout, "code", by="code") == [("burnt", 1, 0)]
    assert devices(testbed, rollout)["A2"]["attempt"] == 2


def test_a_reader_in_a_scope_sees_the_failures_of_its_devices_alone(testbed):
    testbed.people.add("emil", ("viewer",), scope={"region": ["emea"]})
    testbed.people.known(testbed.http, "emil")
    names = ["A1", "A2"]
    rollout = submit(testbed, "scoped", names, groups=WHOLE, execution=ONCE, disruptionBudget={"maxUnavailable": 5})
    for name in names:
        end(testbed, rollout, name, "B1", "failed", **JAM)
    testbed.wait_for_rollout(rollout, "halted")
    assert groups(testbed, rollout, "code", by="code") == [("jam", 2, 0)]
    assert groups(testbed, rollout, "code", by="code", **bearer(token_of("emil"))) == [("jam", 1, 0)]
    listed = testbed.http.get(f"/v1/rollouts/{rollout}/failures/devices", **bearer(token_of("emil"))).json()["devices"]
    assert [device["device"] for device in listed] == ["A1"]


def test_the_table_of_failures_has_what_the_instructions_say(testbed):
    """In each state that an attempt can end in, and after an operator has ordered it again."""
    names = ["A1", "A2", "A3"]
    rollout = submit(testbed, "table", names, groups=WHOLE, execution=ONCE, disruptionBudget={"maxUnavailable": 5})
    for name, state in zip(names, ("failed", "rejected", "completed")):
        end(testbed, rollout, name, "B1", state, code="" if state == "completed" else "jam")
    testbed.wait_for_rollout(rollout)
    assert set(devices(testbed, rollout)) == {"A1", "A2"}
    operate(testbed, rollout, "retry")
    for name in ("A1", "A2"):
        end(testbed, rollout, name, "B1", "completed")
    testbed.wait_for_rollout(rollout)
    assert groups(testbed, rollout, "code", by="code") == [] and "no failures" in word(testbed, rollout).stderr
