"""What a lift of a freeze would let start: counted by the API and shown by the command line before it lifts."""

import json

import pytest
from harness.operations import JSON, operate, submit_as
from harness.people import bearer, token_of
from harness.plan import plan
from harness.programs import command_line
from harness.wait import wait_for

from test_freezes import freeze, lay_out, lift


@pytest.fixture
def testbed(stack):
    """Emea is frozen. L2 and E4 wait for their time in a group that is open; E2, E3, L1 and P2 are due in one that is not."""
    lay_out(stack)
    for name, roles, scope in (("apac", ("operator",), {"region": ["apac"]}), ("of-e1", ("approver",), {"branch": ["E1"]}),
                               ("of-all", ("approver",), None)):
        stack.people.add(name, roles, scope=scope)
    stack.people.settle(stack.http)
    far = {"startAt": "2099-01-01T00:00:00Z"}
    stack.later = submit_as(stack, "ola", plan("later", selector={"devices": ["E4", "L2"]}, schedule=far))
    wait_for(lambda: group_of(stack, stack.later)["state"] == "open", "its group is open")
    stack.emea = freeze(stack)
    stack.now = submit_as(stack, "ola", plan("now", selector={"devices": ["E2", "E3", "L1", "P2"]}))
    stack.wait_for_rollout(stack.now, "running")
    return stack


def group_of(stack, rollout):
    (group,) = stack.database.rows("SELECT name, state FROM rollout_group WHERE rollout_id = %s", rollout) or [{"state": None}]
    return group


def previewed(stack, number, person="ola"):
    answer = stack.http.ask("GET", f"/v1/freezes/{number}/lift", headers=bearer(token_of(person)))
    return answer.json() if answer.status == 200 else answer.status


def counts(stack, number, person="ola"):
    shown = previewed(stack, number, person)
    return tuple(shown[key] for key in ("rollouts", "waiting", "may_start", "due", "groups", "still_frozen"))


def test_a_preview_of_a_lift_counts_what_waits_in_the_scope_and_what_other_freezes_hold(testbed):
    assert counts(testbed, testbed.emea) == (2, 5, 5, 3, 1, 0)
    assert previewed(testbed, testbed.emea)["others"] == [] and not previewed(testbed, testbed.emea)["has_more"]
    of_branch = freeze(testbed, "branch=E1")
    assert counts(testbed, testbed.emea) == (2, 5, 1, 0, 0, 4)  # L1 by its group
    of_apac = freeze(testbed, "region=apac")  # P2, and so its group
    assert previewed(testbed, testbed.emea)["others"] == [{"freeze": of_branch, "match": {"branch": ["E1"]}, "waiting": 4},
                                                          {"freeze": of_apac, "match": {"region": ["apac"]}, "waiting": 3}]
    assert counts(testbed, of_branch) == (2, 3, 0, 0, 0, 3)
    everything = freeze(testbed, None)
    assert counts(testbed, everything) == (2, 6, 0, 0, 0, 6)
    assert lift(testbed, everything).status == 200 and previewed(testbed, everything)["state"] == "lifted"
    assert counts(testbed, everything) == (0, 0, 0, 0, 0, 0)


def test_what_is_paused_does_not_start_by_a_lift(testbed):
    operate(testbed, testbed.later, "pause", "ola", reason="not yet")
    assert counts(testbed, testbed.emea) == (1, 3, 3, 3, 1, 0)
    body = {"version": testbed.database.rollout(testbed.now)["version"], "reason": "look first", "group": group_of(testbed, testbed.now)["name"]}
    answer = testbed.http.ask("POST", f"/v1/rollouts/{testbed.now}/pause-group", json.dumps(body), {**JSON, **testbed.http.as_("ola")})
    assert answer.status == 200 and counts(testbed, testbed.emea) == (0, 0, 0, 0, 0, 0), answer


def test_a_person_with_a_scope_gets_the_counts_of_it(testbed):
    assert previewed(testbed, testbed.emea, "apac") == 404
    assert counts(testbed, testbed.emea, "of-e1") == (2, 3, 3, 2, 1, 0)
    assert previewed(testbed, testbed.emea, "of-all")["waiting"] == 5
    assert previewed(testbed, 12345) == 404 and previewed(testbed, "x") == 404


def test_the_command_line_says_what_a_lift_lets_start_before_it_lifts(testbed):
    def run(*words):
        return command_line("freeze", "lift", testbed.emea, "--reason", "it is over", *words, *testbed.http.at("bob"), check=False)

    tried = run("--dry-run")
    assert tried.returncode == 0 and tried.stdout == "", tried
    assert "region=emea: 5 instructions of 2 running rollouts wait; 5 may start, 3 of them are due; 1 group may open" in tried.stderr, tried
    of_branch = freeze(testbed, "branch=E1")
    assert f"; 4 stay frozen, 4 by freeze {of_branch} of branch=E1" in run("--dry-run").stderr
    assert json.loads(run("--dry-run", "--json").stdout)["still_frozen"] == 4
    assert testbed.database.value("SELECT lifted_at FROM freeze_order WHERE id = %s", testbed.emea) is None
    done = run()
    assert done.returncode == 0 and "region=emea  lifted" in done.stdout and "5 instructions" in done.stderr, done
    assert lift(testbed, of_branch).status == 200
    wait_for(lambda: testbed.database.instruction(testbed.now, "L1")["state_name"] != "created", "L1 starts")
    again = run("--dry-run")
    assert again.returncode == 1 and f"freeze {testbed.emea} is lifted already" in again.stderr, again
    again = run()
    assert again.returncode == 1 and "lifted" in again.stderr, again
