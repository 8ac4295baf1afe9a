"""A refused body gets an answer, however it is sent."""

import http.client

import pytest
from harness.plan import fleet

MIB = 1 << 20
PIECE = b"# a comment\n" * 5461  # 64 KiB of YAML
ROUTES = [
    ("POST", "/v1/rollouts", 413), ("POST", "/v1/rollouts:preview", 413),
    ("PUT", "/v1/rollouts/1/plan?version=1&reason=x", 413), ("POST", "/v1/rollouts/1/pause", 413),
    ("PUT", "/v1/fleet", 413), ("PUT", "/v1/artifacts/" + "0" * 64 + "?name=a&version=1", 411),
    ("GET", "/v1/rollouts", 200), ("POST", "/v1/nothing", 404), ("DELETE", "/v1/fleet", 405),
]


@pytest.fixture(scope="module")
def daemon(module_stack):
    orchestrator = module_stack.orchestrator(fleet={"size_limit": "1MiB"})
    module_stack.import_fleet(pull=["P1"])
    return orchestrator


def send(daemon, method, path, size, chunked, kind="application/yaml"):
    """Sends the whole body before it reads the answer, as simple clients do."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.http.port, timeout=60)
    pieces = (PIECE for _ in range(size // len(PIECE) + 1))
    headers = {"Content-Type": kind}
    if not chunked:
        headers["Content-Length"] = str(len(PIECE) * (size // len(PIECE) + 1))
    connection.request(method, path, pieces, headers, encode_chunked=chunked)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("method, path, status", ROUTES)
def test_a_body_of_20_mb_is_answered_at_each_route(daemon, method, path, status, chunked):
    if not chunked and status == 411:
        status = 422  # its length is known, and it is another file
    answered, body = send(daemon, method, path, 20 * MIB, chunked)
    assert answered == status, body
    assert status == 200 or b'"status":%d' % status in body


def test_a_body_of_200_mb_is_answered(daemon):
    assert send(daemon, "POST", "/v1/rollouts", 200 * MIB, True)[0] == 413
    assert daemon.http.import_fleet(fleet(pull=["P1"])).status == 200, "and the daemon goes on"


def test_a_plan_of_200_mb_is_answered_at_the_socket(daemon):
    assert daemon.submit_by_socket(PIECE * (200 * MIB // len(PIECE)))["status"] == 413
