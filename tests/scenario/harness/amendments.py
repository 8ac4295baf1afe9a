"""Amendments of a rollout: orders and decisions."""

import json

from harness.operations import JSON, operate, submit_as
from harness.plan import plan


def ask_to_amend(testbed, rollout, change, actor="bob", number=0, **more):
    http = testbed.orchestrators[number].http
    body = {"version": testbed.database.rollout(rollout)["version"], "reason": "the line is slow", **change, **more}
    return http.ask("POST", f"/v1/rollouts/{rollout}/amendments", json.dumps(body), {**JSON, **http.as_(actor)})


def amend(testbed, rollout, change, state="in_force", **more):
    answer = ask_to_amend(testbed, rollout, change, **more)
    assert answer.status == 201, answer
    amendment = answer.json()["amendment"]
    assert amendment["state"] == state, answer
    return amendment


def ask_to_decide(testbed, rollout, amendment, actor, verb="approve", **more):
    body = {"digest": amendment["digest"], "reason": "agreed", **more}
    return testbed.http.ask("POST", f"/v1/rollouts/{rollout}/amendments/{amendment['amendment']}/{verb}", json.dumps(body),
                            {**JSON, **testbed.http.as_(actor)})


def decide(testbed, rollout, amendment, actor, state, verb="approve"):
    answer = ask_to_decide(testbed, rollout, amendment, actor, verb)
    assert answer.status == 200 and answer.json()["amendment"]["state"] == state, answer
    return answer.json()


def listed(testbed, rollout):
    return testbed.http.document(f"/v1/rollouts/{rollout}/amendments")


def submit_approved(testbed, **spec):
    """A rollout of ann that cid and dan approved."""
    rollout = submit_as(testbed, "ann", plan(approvals={"required": 2}, **spec))
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    for actor in ("cid", "dan"):
        operate(testbed, rollout, "approve", actor)
    testbed.wait_for_rollout(rollout, "running")
    return rollout
