"""What an attacker on the network sends to the HTTP endpoints, with and without TLS."""

import contextlib
import re
import socket
import ssl
import subprocess

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


def restart_with(endpoint, **http):
    orchestrator = endpoint.orchestrator
    orchestrator.stop()
    orchestrator.write_settings(http={**orchestrator.settings["http"], **http})
    orchestrator.start()
    orchestrator.wait_until_ready()


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


# What a slow client sends at once, and of what it sends a byte now and then.
SLOW = {
    "handshake": (b"", client_hello()),
    "head": (b"", GET + b"X: " + 1000 * b"a"),
    "body": (POST + b"Content-Length: 60000\r\n\r\n", 1000 * b"a"),
    "answer": (200 * (GET.replace(b"/healthz", b"/metrics") + b"\r\n"), 1000 * b"a"),  # of which it reads nothing
}
SMALL_WINDOW = 4096
BUFFER = 65536  # HTTP_CLIENT_BUFFER


class SlowClients:
    """So many connections at many addresses. One that the endpoint closes is opened again, until `ends`."""

    def __init__(self, endpoint, kind, addresses, each):
        self.endpoint, self.reads = endpoint, kind != "answer"
        self.first, self.then = SLOW[kind]
        self.sources, self.sent = {}, {}  # by connection: its address, and how many bytes it has sent
        self.closed, self.ends = 0, False
        for number in range(addresses * each):
            self.open(f"127.0.1.{number % addresses + 1}")

    def open(self, source):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
        connection.setblocking(False)
        connection.bind((source, 0))
        connection.connect_ex(("127.0.0.1", self.endpoint.port))
        self.sources[connection] = source
        self.sent[connection] = 0

    def speak(self, connection):
        """Sends what comes at once, and then a byte at a time. Whether the endpoint has the connection still open."""
        sent = self.sent[connection]
        some = self.first[sent:] or self.then[(sent - len(self.first)) % len(self.then):][:1]
        try:
            self.sent[connection] += connection.send(some)
        except BlockingIOError:
            pass
        except OSError:
            return False
        try:
            return not self.reads or connection.recv(4096) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def drip(self):
        """Sends more on each. Returns how many are left of those that were open before."""
        left = 0
        for connection, source in list(self.sources.items()):
            if self.speak(connection):
                left += 1
                continue
            connection.close()
            del self.sources[connection], self.sent[connection]
            self.closed += 1
            if not self.ends:
                self.open(source)
        return left

    def close(self):
        for connection in self.sources:
            connection.close()


@pytest.mark.parametrize("name, kind, addresses, each", [
    ("plain", "head", 8, 60), ("plain", "body", 8, 60), ("plain", "answer", 8, 60), ("secure", "handshake", 8, 60),
    ("est", "handshake", 32, 20)])
def test_slow_clients_at_many_addresses_keep_no_honest_one_out_and_are_closed(request, name, kind, addresses, each):
    endpoint = request.getfixturevalue(name)
    slow = SlowClients(endpoint, kind, addresses, each)
    for _ in range(20):
        assert endpoint.answers(OTHER) == [404]
        slow.drip()
    assert slow.closed > 0, "there is no room for all"
    slow.ends = True
    wait_for(lambda: slow.drip() == 0, "the slow ones are closed, though each sends a byte now and then", 100)
    slow.close()


@pytest.mark.parametrize("name, kind", [("plain", "head"), ("plain", "body"), ("secure", "handshake")])
def test_six_thousand_connections_that_send_a_byte_now_and_then_keep_no_honest_client_out(request, name, kind):
    endpoint = request.getfixturevalue(name)
    restart_with(endpoint, connections=10000)
    slow = SlowClients(endpoint, kind, 24, 250)
    for _ in range(10):
        assert endpoint.answers(OTHER) == [404]
        slow.drip()
    assert endpoint.orchestrator.is_ready()
    slow.close()


def held_for(connection, port):
    """The bytes that wait at the endpoint for a client, and the bytes that may wait there and come there from it."""
    client = connection.getsockname()[1]
    line = subprocess.run(["ss", "-tmnOH", f"sport = :{port} and dport = :{client}"], capture_output=True, text=True, check=True)
    return [int(re.search(rf"\b{name}(\d+)", line.stdout)[1]) for name in ("w", "tb", "rb")]


def test_little_of_an_answer_that_no_client_takes_is_held(plain):
    content = bytes(range(256)) * 65536  # more than a kernel holds by itself
    stored = plain.orchestrator.http.add_artifact(content, version="16")
    assert stored.status == 201
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
        client.connect(("127.0.0.1", plain.port))
        client.sendall(f"GET /v1/artifacts/{stored.json()['sha256']} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        wait_for(lambda: held_for(client, plain.port)[0] > BUFFER, "the answer waits for the client")
        held, output, input_ = held_for(client, plain.port)
        assert output <= 2 * BUFFER and input_ <= 2 * BUFFER and held < 4 * BUFFER
        received = b"".join(iter(lambda: client.recv(1 << 20), b""))
    assert received.endswith(content)


@pytest.mark.parametrize("name, most", [("plain", CONNECTIONS // 2), ("est", 20)])
def test_an_address_has_no_more_connections_than_its_share(request, name, most):
    endpoint = request.getfixturevalue(name)
    slow = SlowClients(endpoint, "head" if name == "plain" else "handshake", 1, most + 30)
    wait_for(lambda: slow.drip() <= most and slow.closed > 0, "those that are too many are closed")
    assert endpoint.answers(OTHER) == [404], "at another address"
    assert "http.connection_refused" in endpoint.orchestrator.text()
    slow.close()


def test_an_address_begins_no_more_handshakes_than_its_share(secure):
    restart_with(secure, connections=2000)

    def begin_many():
        """Fewer at once than an address may have connections."""
        begun = [socket.create_connection(("127.0.0.1", secure.port), SECONDS, source_address=("127.0.1.1", 0)) for _ in range(450)]
        for connection in begun:
            with contextlib.suppress(ConnectionError):
                connection.sendall(GET)  # no handshake
        for connection in begun:
            with connection, contextlib.suppress(ConnectionError):
                while connection.recv(1000):
                    pass
        return "address=127.0.1.1 reason=handshakes" in secure.orchestrator.text()

    wait_for(begin_many, "its handshakes are refused")
    assert secure.answers(OTHER) == [404], "at another address"


def test_a_new_client_gets_the_place_of_the_one_that_is_idle_for_longest(stack):
    few = 10
    orchestrator = stack.orchestrator(http={"connections": few})
    endpoint = Endpoint(orchestrator, orchestrator.http.port)
    idle = [endpoint.connect(f"127.0.1.{number + 1}") for number in range(few)]
    for connection in idle:
        connection.sendall(GET.replace(b"/healthz", b"/nothing") + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 404")
    assert endpoint.answers(OTHER) == [404]
    assert idle[0].recv(1) == b"", "it was idle for longest"
    for connection in idle[1:]:
        connection.sendall(OTHER)
        assert connection.recv(65536).startswith(b"HTTP/1.1 404")
