"""docs/openapi.yaml is the contract of the HTTP endpoint: schemathesis finds nothing with the token of any role."""

import json
import re
import subprocess
from datetime import date, timedelta

import pytest
from harness.believing_nobody import opened, supply
from harness.contract import check_contract
from harness.operations import JSON, operate
from harness.people import EVERY_ROLE, token_of
from harness.programs import BIN
from harness.receiver import new_secret

pytestmark = [pytest.mark.contract, pytest.mark.timeout(3600)]
LATER = {"startAt": "2099-01-01T00:00:00Z"}


def operations_of(role):
    """Those of the table that the role may do."""
    printed = subprocess.run([BIN / "tellercastd", "--print-access"], capture_output=True, text=True, check=True).stdout
    for line in printed.splitlines():
        act, roles = re.split("  +", line)[:2]
        if " " in act and (roles.startswith("every") or role in roles.split(" or ")):
            yield act


def order(testbed, path, **body):
    answer = testbed.http.ask("POST", path, json.dumps(body), JSON)
    assert answer.status == 201, answer


def steer(testbed, rollout):
    """Leaves a freeze, two amendments, one of which waits, an exclusion and a paused group."""
    def version():
        return testbed.database.rollout(rollout)["version"]
    for rate in (30, 90):
        order(testbed, f"/v1/rollouts/{rollout}/amendments", rate={"perMinute": rate}, reason="the line is slow", version=version())
    operate(testbed, rollout, "skip", "oskar", device="A2")
    operate(testbed, rollout, "pause-group", "oskar", group="all")
    order(testbed, "/v1/freezes", match="model=none", until=f"{date.today() + timedelta(days=2)}T00:00:00Z", reason="a storm")


def webhook(stack):
    """Nobody receives it."""
    secret = stack.folder / "siem.secret"
    new_secret(secret)
    return {"name": "siem", "url": "https://127.0.0.1:9/hook", "secret_files": [str(secret)]}


@pytest.fixture(scope="module")
def supplied(module_stack):
    """An orchestrator with a fleet, and with rollouts that run, are paused, wait for their time and for an approval."""
    with opened(module_stack, webhooks=[webhook(module_stack)]) as testbed:
        for role in EVERY_ROLE:
            testbed.people.add(f"only-{role}", (role,))
        testbed.people.add("somebody")
        testbed.people.settle(testbed.http)
        supply(testbed)
        testbed.http.token = token_of("oskar")
        testbed.submit("runs")
        later = testbed.submit("later", schedule=LATER, rate={"perMinute": 60}, approvals={"required": 1})
        testbed.submit("waits", schedule=LATER, approvals={"required": 2})
        testbed.wait_for_rollout(paused := testbed.submit("paused", schedule=LATER), "running")
        operate(testbed, paused, "pause", "oskar")
        testbed.wait_for_rollout(later, "awaiting_approval")
        operate(testbed, later, "approve", "anna")
        testbed.wait_for_rollout(later, "running")
        steer(testbed, later)
        testbed.http.token = None
        yield testbed


def known_to(testbed):
    """What requests can be about. The run keeps its own token."""
    queries = {
        "digests": "SELECT digest AS value FROM rollout",
        "files": "SELECT sha256 AS value FROM artifact",
        "keys": "SELECT id AS value FROM signing_key",
        "tokens": "SELECT id AS value FROM token WHERE person IN ('somebody', 'oskar')",
    }
    return {name: [row["value"] for row in testbed.database.rows(query)] for name, query in queries.items()}


@pytest.mark.parametrize("role", EVERY_ROLE)
def test_the_endpoint_keeps_its_contract_with_each_role(supplied, role, request):
    run = check_contract(request.config.option.contract, supplied.folder / role, supplied.http.url, token_of(f"only-{role}"),
                         known_to(supplied))
    print(f"{role}: {run.requests} requests to {len(run.operations())} operations", *run.said(), sep="\n  ")
    assert run.code == 0, run.text
    assert set(operations_of(role)) <= run.reached()
    assert supplied.orchestrators[0].is_ready()
