"""Between which IDs the instructions of a rollout are: lists and scopes read those of a rollout by them."""

import pytest
from harness.branches import begin, submit
from harness.operations import operate, revise
from harness.people import bearer, token_of
from harness.plan import plan

LATER = {"startAt": "2099-01-01T00:00:00Z"}
MACHINES = {f"B{number}": [f"A{number}-{place}" for place in range(6)] for number in range(1, 5)}


@pytest.fixture
def testbed(stack):
    begin(stack, MACHINES)
    stack.people.add("ola")
    stack.people.add("emea", ["viewer"], scope={"region": ["emea"]})
    stack.people.settle(stack.http)
    stack.database.rows("UPDATE branch SET labels = jsonb_build_object('region', CASE WHEN id IN ('B1', 'B2') THEN 'emea' ELSE 'apac' END)")
    return stack


def numbers(testbed, rollout):
    row = testbed.database.row("SELECT r.*, numbered_at = planned_at AS holds FROM rollout r WHERE id = %s", rollout)
    (bounds,) = testbed.database.rows("SELECT min(id) AS first, max(id) AS last, count(*) AS count FROM instruction WHERE rollout_id = %s", rollout)
    return row, bounds


def check(testbed, rollout):
    """The numbers are those of the instructions, without a gap."""
    row, bounds = numbers(testbed, rollout)
    assert row["holds"] and (row["first_instruction"], row["last_instruction"]) == (bounds["first"], bounds["last"])
    assert bounds["last"] - bounds["first"] + 1 == bounds["count"] == row["devices"]


def listed(testbed, rollout, person="ola", query=""):
    found, after = [], 0
    while after is not None:
        path = f"/v1/rollouts/{rollout}/instructions?limit=5&after={after}{query}"
        page = testbed.http.ask("GET", path, headers=bearer(token_of(person))).json()
        found += [row["device"] for row in page["instructions"]]
        after = page["next"]
    return found


def seen(testbed, person):
    return [row["rollout"] for row in testbed.http.ask("GET", "/v1/rollouts", headers=bearer(token_of(person))).json()["rollouts"]]


def test_a_rollout_knows_the_numbers_of_its_instructions_also_when_it_is_planned_anew(testbed):
    first = submit(testbed, "first", list(MACHINES["B1"]), schedule=LATER)
    waiting = testbed.submit("waiting", schedule=LATER, approvals={"required": 1})
    testbed.wait_for_rollout(waiting, "awaiting_approval")
    for rollout in (first, waiting):
        check(testbed, rollout)
    answer = revise(testbed, waiting, plan("waiting", schedule=LATER, approvals={"required": 1}, selector={"devices": MACHINES["B2"]}))
    assert answer.status in (200, 201), answer
    testbed.wait_for_rollout(waiting, "awaiting_approval")
    check(testbed, waiting)
    assert sorted(listed(testbed, waiting)) == sorted(MACHINES["B2"]) and sorted(listed(testbed, first)) == sorted(MACHINES["B1"])


@pytest.mark.parametrize("change", [
    "numbered_at = NULL, first_instruction = NULL, last_instruction = NULL",  # planned by the version before
    "numbered_at = planned_at - interval '1 hour', first_instruction = 1, last_instruction = 2",  # planned anew by it
])
def test_a_rollout_that_the_version_before_planned_is_read_as_before(testbed, change):
    rollout = submit(testbed, "all", [device for devices in MACHINES.values() for device in devices], schedule=LATER)
    of_region = sorted(MACHINES["B1"] + MACHINES["B2"])
    other = submit(testbed, "apac", MACHINES["B3"], schedule=LATER)
    for _ in range(2):
        assert len(listed(testbed, rollout)) == 24 and sorted(listed(testbed, rollout, "emea")) == of_region
        assert rollout in seen(testbed, "emea") and other not in seen(testbed, "emea") and other in seen(testbed, "ola")
        shown = testbed.http.ask("GET", f"/v1/rollouts/{rollout}", headers=bearer(token_of("emea"))).json()
        assert shown["counts"]["created"] == 12 and shown["plan"] is None
        for path, status in ((f"/v1/rollouts/{rollout}/forecast", 200), (f"/v1/rollouts/{rollout}/why", 200),
                             (f"/v1/rollouts/{other}/forecast", 404), (f"/v1/rollouts/{other}/why", 404)):
            assert testbed.http.ask("GET", path, headers=bearer(token_of("emea"))).status == status, path
        overview = testbed.http.ask("GET", "/v1/overview", headers=bearer(token_of("emea"))).json()
        assert [row["rollout"] for row in overview["rollouts"]] == [rollout]
        testbed.database.rows(f"UPDATE rollout SET {change}")


def test_a_rollout_that_lies_in_a_scope_is_shown_whole_until_one_device_leaves_it(testbed):
    rollout = submit(testbed, "emea", MACHINES["B1"], schedule=LATER)

    def shown():
        return testbed.http.ask("GET", "/v1/overview", headers=bearer(token_of("emea"))).json()["rollouts"][0]

    assert shown()["devices"] == 6
    testbed.database.rows("UPDATE device SET labels = %s WHERE id = 'A1-3'", '{"region": "apac"}')
    assert shown()["devices"] == 5
    testbed.database.rows("UPDATE device SET labels = '{}' WHERE id = 'A1-3'")
    assert shown()["devices"] == 6
    operate(testbed, rollout, "cancel", "ola")
