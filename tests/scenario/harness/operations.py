"""Operations on a rollout."""

import json
from urllib.parse import quote, urlencode

JSON = {"Content-Type": "application/json"}


def post_operation(stack, rollout, operation, actor="bob", number=0, **body):
    """Sends the request to the orchestrator `number` and returns its answer. Without `digest` or `version` in `body` it has
    that of the rollout; None leaves a field out."""
    row = stack.database.rollout(rollout)
    seen = {"digest": row["digest"]} if operation in ("approve", "reject") else {"version": row["version"]}
    body = {"reason": "the test wants it", **seen, **body}
    text = json.dumps({key: value for key, value in body.items() if value is not None})
    http = stack.orchestrators[number].http
    return http.ask("POST", f"/v1/rollouts/{rollout}/{operation}", text, {**JSON, **(http.as_(actor) if actor else {})})


def operate(stack, rollout, operation, actor="bob", **body):
    """Sends the request, which must succeed. Returns the answer as JSON."""
    answer = post_operation(stack, rollout, operation, actor, **body)
    assert answer.status == 200, answer
    return answer.json()


def revise(stack, rollout, document, actor="ann", version=None, reason="a better plan"):
    if version is None:
        version = stack.database.rollout(rollout)["version"]
    query = urlencode({"version": version, "reason": reason}, quote_via=quote)
    headers = {"Content-Type": "application/yaml", **stack.http.as_(actor)}
    return stack.http.ask("PUT", f"/v1/rollouts/{rollout}/plan?{query}", document, headers)


def submit_as(stack, actor, document):
    """Submits a plan by HTTP as `actor`; returns the rollout's number."""
    headers = {"Content-Type": "application/yaml", **stack.http.as_(actor)}
    answer = stack.http.ask("POST", "/v1/rollouts", document, headers)
    assert answer.status == 201, answer
    return answer.json()["rollout"]


def events(stack, rollout):
    rows = stack.database.rows("SELECT kind, actor FROM rollout_event WHERE rollout_id = %s ORDER BY id", rollout)
    return [(row["kind"], row["actor"]) for row in rows]
