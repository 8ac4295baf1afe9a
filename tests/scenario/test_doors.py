"""Three doors, one funnel: the same plan gets the same answer, whichever way it comes."""

import concurrent.futures
import json

import pytest
import yaml
from harness.plan import plan
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}


def open_bank(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1"]}, ["P1"])
    stack.doors = {
        "http": lambda document: stack.http.submit(document).json(),
        "mqtt": stack.operator().submit,
        "socket": stack.orchestrators[0].submit_by_socket,
    }
    return stack


@pytest.fixture
def bank(stack):
    return open_bank(stack)


@pytest.fixture(scope="module")
def opened(module_stack):
    return open_bank(module_stack)


@pytest.fixture
def untouched(opened, request):
    """One bank for all the tests that change nothing."""
    request.node.stack = opened
    return opened


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
def test_a_bad_plan_gets_the_same_answer_at_all_doors(untouched, name):
    before = untouched.database.everything()
    answers = [submit(BAD_PLANS[name]) for submit in untouched.doors.values()]
    assert answers[0]["status"] in (413, 422), answers[0]
    assert answers[1] == answers[0]
    assert answers[2] == answers[0]
    assert untouched.database.everything() == before


def test_a_plan_that_is_too_large_gets_the_same_answer_at_every_door(untouched):
    document = plan() + "# " + "x" * (1 << 20) + "\n"
    answers = [submit(document) for submit in untouched.doors.values()]
    assert answers[0]["status"] == 413
    assert answers[1] == answers[0]
    assert answers[2] == answers[0]


def test_the_same_plan_again_is_the_same_rollout_at_every_door(bank):
    first = bank.doors["http"](plan(schedule=LATER))
    for submit in bank.doors.values():
        again = submit(plan(schedule=LATER))
        assert again["existing"] is True
        assert {**again, "existing": False, "state": first["state"]} == first
    assert len(bank.database.rows("SELECT id FROM rollout")) == 1


def test_another_plan_under_the_same_name_is_refused_at_every_door(bank):
    bank.doors["http"](plan(schedule=LATER))
    for submit in bank.doors.values():
        answer = submit(plan(schedule=LATER, selector={"devices": ["P1"]}))
        assert answer["status"] == 409
    assert len(bank.database.rows("SELECT id FROM rollout")) == 1


def test_the_same_idempotency_key_again_is_the_same_rollout(bank):
    first = bank.http.submit(plan("one", schedule=LATER), key="key-1")
    again = bank.http.submit(plan("one", schedule=LATER), key="key-1")
    other = bank.http.submit(plan("two", schedule=LATER), key="key-1")
    assert (first.status, again.status, other.status) == (201, 200, 409)
    assert again.json()["rollout"] == first.json()["rollout"]
    assert len(bank.database.rows("SELECT id FROM rollout")) == 1


def test_twenty_submissions_at_once_are_one_rollout(bank):
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: bank.http.submit(plan(schedule=LATER)), range(20)))
    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["rollout"] for answer in answers}) == 1


def test_a_message_without_a_proper_response_topic_is_refused(bank):
    """There is nowhere to answer to, so nothing is accepted."""
    operator = bank.operator("operator")
    operator.publish("tc/v1/rollout/submit", plan(schedule=LATER))
    wait_for(lambda: bank.http.metric("tellercast_orders_refused_total") == 1, "the order is refused")
    assert bank.database.rows("SELECT id FROM rollout") == []


def test_json_is_as_good_as_yaml(bank):
    document = yaml.safe_load(plan(schedule=LATER))
    by_json = bank.http.submit(json.dumps(document), kind="application/json")
    by_yaml = bank.http.submit(plan(schedule=LATER))
    assert (by_json.status, by_yaml.status) == (201, 200)
    assert by_json.json()["digest"] == by_yaml.json()["digest"]
