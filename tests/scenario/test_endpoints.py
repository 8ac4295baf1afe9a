"""Three endpoints, one gateway: every endpoint gives the same answer to the same plan."""

import concurrent.futures
import json

import pytest
import yaml
from harness.plan import plan
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}


def open_testbed(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1"]}, ["P1"])
    stack.endpoints = {
        "http": lambda document: stack.http.submit(document).json(),
        "mqtt": stack.operator().submit,
        "socket": stack.orchestrators[0].submit_by_socket,
    }
    return stack


@pytest.fixture
def testbed(stack):
    return open_testbed(stack)


BAD_PLANS = {
    "not_yaml": "spec: [1, 2",
    "empty": "",
    "faulty": plan(schedule={"startAt": "soon"}, rate={"perMinute": 0}),
    "no_device": plan(selector={"matchLabels": {"region": "atlantis"}}),
    "unknown_artifact": plan(artifact={"name": "atm-app", "version": "9.9.9"}),
    "unknown_branch": plan(selector={"branches": ["B7"]}),
    "over": plan(schedule={"endAt": "2020-01-01T00:00:00Z"}),
}


@pytest.mark.parametrize("name", BAD_PLANS)
def test_a_bad_plan_gets_the_same_answer_at_all_endpoints(untouched, name):
    before = untouched.database.everything()
    answers = [submit(BAD_PLANS[name]) for submit in untouched.endpoints.values()]
    assert answers[0]["status"] in (413, 422), answers[0]
    assert answers[1] == answers[0]
    assert answers[2] == answers[0]
    assert untouched.database.everything() == before


@pytest.mark.plain_broker
def test_a_plan_that_is_too_large_gets_the_same_answer_at_every_endpoint(testbed):
    document = plan() + "# " + "x" * (1 << 20) + "\n"
    answers = [submit(document) for submit in testbed.endpoints.values()]
    assert answers[0]["status"] == 413
    assert answers[1] == answers[0]
    assert answers[2] == answers[0]


def test_the_same_plan_again_is_the_same_rollout_at_every_endpoint(testbed):
    first = testbed.endpoints["http"](plan(schedule=LATER))
    for submit in testbed.endpoints.values():
        again = submit(plan(schedule=LATER))
        assert again["existing"] is True
        assert {**again, "existing": False, "state": first["state"]} == first
    assert len(testbed.database.rows("SELECT id FROM rollout")) == 1


def test_another_plan_under_the_same_name_is_refused_at_every_endpoint(testbed):
    testbed.endpoints["http"](plan(schedule=LATER))
    for submit in testbed.endpoints.values():
        answer = submit(plan(schedule=LATER, selector={"devices": ["P1"]}))
        assert answer["status"] == 409
    assert len(testbed.database.rows("SELECT id FROM rollout")) == 1


def test_the_same_idempotency_key_again_is_the_same_rollout(testbed):
    first = testbed.http.submit(plan("one", schedule=LATER), key="key-1")
    again = testbed.http.submit(plan("one", schedule=LATER), key="key-1")
    other = testbed.http.submit(plan("two", schedule=LATER), key="key-1")
    assert (first.status, again.status, other.status) == (201, 200, 409)
    assert again.json()["rollout"] == first.json()["rollout"]
    assert len(testbed.database.rows("SELECT id FROM rollout")) == 1


def test_twenty_submissions_at_once_are_one_rollout(testbed):
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: testbed.http.submit(plan(schedule=LATER)), range(20)))
    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["rollout"] for answer in answers}) == 1


def test_a_message_without_a_proper_response_topic_is_refused(testbed):
    """Without a response topic there is no way to answer, so the plan is not accepted."""
    operator = testbed.operator("operator")
    operator.publish("tc/v1/rollout/submit", plan(schedule=LATER))
    wait_for(lambda: testbed.http.metric("tellercast_orders_refused_total") == 1, "the order is refused")
    own = operator.submit(plan(schedule=LATER))
    assert [row["id"] for row in testbed.database.rows("SELECT id FROM rollout")] == [own["rollout"]]


def test_json_is_as_good_as_yaml(testbed):
    document = yaml.safe_load(plan(schedule=LATER))
    by_json = testbed.http.submit(json.dumps(document), kind="application/json")
    by_yaml = testbed.http.submit(plan(schedule=LATER))
    assert (by_json.status, by_yaml.status) == (201, 200)
    assert by_json.json()["digest"] == by_yaml.json()["digest"]
