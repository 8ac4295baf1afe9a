"""What an attacker on the network sends to the HTTP endpoints, with and without TLS."""

import contextlib
import socket
import ssl

import pytest
from harness.certificates import Authority
from harness.enrolment import Est
from harness.wait import wait_for

SECONDS = 30
CONNECTIONS = 300  # of the endpoint of operators

GET = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /v1/rollouts HTTP/1.1\r\nHost: a\r\n"
OTHER = b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

# Each is answered 400, and the connection is closed.
MALFORMED = {
    "Content-Length with Transfer-Encoding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two Content-Lengths": POST + b"Content-Length: 5\r\nContent-Length: 3\r\n\r\nabcde",
    "a list of Content-Lengths": POST + b"Content-Length: 5, 5\r\n\r\nabcde",
    "a space before the colon": POST + b"Content-Length : 5\r\n\r\nabcde",
    "a Content-Length with a sign": POST + b"Content-Length: +5\r\n\r\nabcde",
    "two Transfer-Encodings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two Hosts": GET + b"Host: b\r\n\r\n",
    "no Host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "NUL in the target": b"GET /healthz\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a control in the target": b"GET /healthz\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    "DEL in the target": b"GET /healthz\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
    "C1 in the target": b"GET /healthz\xc2\x9b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a space in the target": b"GET /healthz x HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in a field": GET + b"X: a\0b\r\n\r\n",
    "a folded field": GET + b"X: a\r\n b\r\n\r\n",
    "a bare LF": b"GET /healthz HTTP/1.1\nHost: a\n\n",
    "a bare CR": GET + b"X: a\rY: b\r\n\r\n",
    "no name": GET + b": b\r\n\r\n",
    "a chunk with a negative size": CHUNKED + b"-1\r\n\r\n",
    "a chunk with a size in C": CHUNKED + b"0x5\r\nabcde\r\n0\r\n\r\n",
    "a chunk with bare LFs": CHUNKED + b"5\nabcde\n0\n\n",
    "a chunk with a size of 17 digits": CHUNKED + b"00000000000000005\r\nabcde\r\n0\r\n\r\n",
    "a chunk longer than its size": CHUNKED + b"5\r\nabcdefg\r\n0\r\n\r\n",
}


class Endpoint:
    """One of the ways to reach an HTTP endpoint: with TLS, when it has an authority."""

    def __init__(self, orchestrator, port, authority=None):
        self.orchestrator, self.port = orchestrator, port
        self.context = None if authority is None else ssl.create_default_context(cafile=authority)

    def connect(self, address="127.0.0.2"):
        plain = socket.create_connection(("127.0.0.1", self.port), SECONDS, source_address=(address, 0))
        return plain if self.context is None else self.context.wrap_socket(plain, server_hostname="127.0.0.1")

    def answers(self, request):
        """The status of each answer to these bytes, until the end of the connection."""
        with self.connect() as connection:
            connection.sendall(request)
            received = b""
            try:
                while piece := connection.recv(65536):
                    received += piece
            except TimeoutError:
                received += b"HTTP/1.1 000 the connection is not closed"
        return [int(answer[:3]) for answer in received.split(b"HTTP/1.1 ")[1:]]


@pytest.fixture
def plain(stack):
    orchestrator = stack.orchestrator(http={"connections": CONNECTIONS})
    return Endpoint(orchestrator, orchestrator.http.port)


@pytest.fixture
def secure(stack):
    authority = Authority(stack.folder / "http-authority")
    own = authority.issue("http", "server")
    orchestrator = stack.orchestrator(ready=False, http={
        "certificate_file": own["certificate_file"], "key_file": own["key_file"], "connections": CONNECTIONS})
    orchestrator.http.authority = str(authority.certificate)
    orchestrator.wait_until_ready()
    return Endpoint(orchestrator, orchestrator.http.port, authority.certificate)


@pytest.fixture
def est(stack):
    est = Est(stack)
    return Endpoint(est.orchestrator, est.port, est.ca_file)


@pytest.fixture(params=["plain", "secure", "est"])
def endpoint(request):
    return request.getfixturevalue(request.param)


def test_a_request_that_can_be_read_in_two_ways_is_answered_400_and_its_connection_closed(endpoint, stack):
    wrong = {name: answers for name, request in MALFORMED.items() if (answers := endpoint.answers(request)) != [400]}
    assert wrong == {}
    text = stack.orchestrators[0].text()
    assert "http.malformed" in text and "127.0.0.2" in text


def test_a_malformed_request_after_a_good_one_is_not_answered_before_it(endpoint):
    good = GET.replace(b"/healthz", b"/nothing") + b"\r\n"
    assert endpoint.answers(good + good + MALFORMED["two Hosts"] + good) == [404, 404, 400]
    assert endpoint.answers(good + MALFORMED["a chunk longer than its size"])[0] == 404


@pytest.mark.parametrize("name", ["secure", "est"])
def test_tls_before_1_2_is_refused(name, request):
    endpoint = request.getfixturevalue(name)
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = version
        with pytest.raises((ssl.SSLError, ConnectionError)), socket.create_connection(("127.0.0.1", endpoint.port)) as plain:
            old.wrap_socket(plain)
    endpoint.context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert endpoint.answers(OTHER) == [404]


# ---- slow clients ----


def client_hello():
    """The first bytes of a handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


class SlowClients:
    """Connections from many addresses that send the beginning of a handshake, or of a request, byte by byte."""

    def __init__(self, endpoint, addresses, each):
        self.begun, self.sent = [], 0
        self.bytes = GET + b"X: " + 1000 * b"a" if endpoint.context is None else client_hello()
        for number in range(addresses):
            for _ in range(each):
                connection = socket.create_connection(("127.0.0.1", endpoint.port), SECONDS, source_address=(f"127.0.1.{number + 1}", 0))
                connection.setblocking(False)
                self.begun.append(connection)
        self.drip()

    def drip(self):
        """Sends one more byte on each; closes those that the endpoint has closed. Returns how many are left."""
        for connection in list(self.begun):
            try:
                connection.send(self.bytes[self.sent:self.sent + 1])
                gone = connection.recv(1) == b""
            except BlockingIOError:
                gone = False
            except OSError:
                gone = True
            if gone:
                connection.close()
                self.begun.remove(connection)
        self.sent += 1
        return len(self.begun)

    def close(self):
        for connection in self.begun:
            connection.close()


@pytest.mark.parametrize("name, addresses, each", [("plain", 8, 60), ("secure", 8, 60), ("est", 32, 20)])
def test_slow_clients_at_many_addresses_keep_no_honest_one_out_and_are_closed(request, name, addresses, each):
    endpoint = request.getfixturevalue(name)
    slow = SlowClients(endpoint, addresses, each)
    for _ in range(20):
        assert endpoint.answers(OTHER) == [404]
        slow.drip()
    assert slow.drip() < addresses * each, "more than there is room for"
    wait_for(lambda: slow.drip() == 0, "the slow ones are closed, though each sends a byte now and then", 40)
    slow.close()


@pytest.mark.parametrize("name, most", [("plain", CONNECTIONS // 2), ("est", 20)])
def test_an_address_has_no_more_connections_than_its_share(request, name, most):
    endpoint = request.getfixturevalue(name)
    slow = SlowClients(endpoint, 1, most + 30)
    wait_for(lambda: slow.drip() <= most, "those that are too many are closed")
    assert endpoint.answers(OTHER) == [404], "at another address"
    assert "http.connection_refused" in endpoint.orchestrator.text()
    slow.close()
