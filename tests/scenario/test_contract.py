"""docs/openapi.yaml is the contract of the HTTP endpoint: schemathesis finds nothing with the token of any role."""

import re
import subprocess

import pytest
from harness.believing_nobody import opened, supply
from harness.contract import check_contract
from harness.operations import operate
from harness.people import EVERY_ROLE, token_of
from harness.programs import BIN

pytestmark = [pytest.mark.contract, pytest.mark.timeout(3600)]
LATER = {"startAt": "2099-01-01T00:00:00Z"}


def operations_of(role):
    """Those of the table that the role may do."""
    printed = subprocess.run([BIN / "tellercastd", "--print-access"], capture_output=True, text=True, check=True).stdout
    for line in printed.splitlines():
        act, roles = re.split("  +", line)[:2]
        if " " in act and (roles.startswith("every") or role in roles.split(" or ")):
            yield act


@pytest.fixture(scope="module")
def supplied(module_stack):
    """An orchestrator with a fleet, and with rollouts that run, are paused, wait for their time and for an approval."""
    with opened(module_stack) as testbed:
        for role in EVERY_ROLE:
            testbed.people.add(f"only-{role}", (role,))
        testbed.people.add("somebody")
        testbed.people.settle(testbed.http)
        supply(testbed)
        testbed.http.token = token_of("oskar")
        testbed.submit("runs")
        testbed.submit("later", schedule=LATER)
        testbed.submit("waits", schedule=LATER, approvals={"required": 2})
        testbed.wait_for_rollout(paused := testbed.submit("paused", schedule=LATER), "running")
        operate(testbed, paused, "pause", "oskar")
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
