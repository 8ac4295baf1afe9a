"""A client of the HTTP endpoint, and an HTTP server of artifacts that misbehaves on request."""

import hashlib
import http.client
import http.server
import json
import socket
import ssl
import threading


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Http:
    def __init__(self, port, token=None, scheme="http"):
        self.port = port
        self.token = token
        self.people = None  # those of the stack
        self.authority = None  # the file of the one whose certificate the server shows; None: no TLS
        self.url = f"{scheme}://127.0.0.1:{port}"

    def connection(self, seconds=60):
        if self.authority is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        trusted = ssl.create_default_context(cafile=self.authority)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=seconds, context=trusted)

    def ask(self, method, path, body=None, headers=None, seconds=60):
        connection = self.connection(seconds)
        token = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            if isinstance(body, str):
                body = body.encode()
            connection.request(method, path, body, {**token, **(headers or {})})
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def as_(self, person):
        """The headers of a request of this person, who has every role."""
        return self.people.headers(self, person)

    def at(self, person):
        """The options with which the command reaches the orchestrator as this person, who has every role."""
        return ("--server", self.url, "--token-file", self.people.file(self, person))

    def get(self, path, **headers):
        return self.ask("GET", path, headers=headers)

    def document(self, path):
        answer = self.get(path)
        assert answer.status == 200, answer
        return answer.json()

    def answers(self, path="/healthz"):
        try:
            return self.get(path).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def submit(self, document, key=None, kind="application/yaml"):
        headers = {"Content-Type": kind, **({"Idempotency-Key": key} if key else {})}
        return self.ask("POST", "/v1/rollouts", document, headers)

    def import_fleet(self, document, kind="application/yaml"):
        return self.ask("PUT", "/v1/fleet", document, {"Content-Type": kind})

    def add_artifact(self, content, name="atm-app", version="4.7.2", digest=None):
        digest = digest or hashlib.sha256(content).hexdigest()
        return self.ask("PUT", f"/v1/artifacts/{digest}?name={name}&version={version}", content)

    def metric(self, name):
        for line in self.get("/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        raise AssertionError(f"no metric {name}")


class ArtifactSite:
    """Serves one file as a bad line would: it can break off after a number of bytes, each time or once. With `certificates`, of
    an Authority, by HTTPS; `trusted` is the file of an authority whose certificates peers may show."""

    def __init__(self, content, certificates=None, trusted=None):
        self.content = content
        self.break_after = None  # bytes until the connection breaks
        self.breaks_left = 0
        self.ranges = []
        self.posts = 0
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802, the library calls it so
                site.serve(self)

            def do_POST(self):  # noqa: N802
                site.posts += 1
                self.send_error(404)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"{'https' if certificates else 'http'}://127.0.0.1:{self._server.server_port}/artifact"
        if certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates["certificate_file"], certificates["key_file"])
            if trusted:
                context.verify_mode = ssl.CERT_OPTIONAL
                context.load_verify_locations(trusted)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def serve(self, handler):
        begin = 0
        wanted = handler.headers.get("Range")
        if wanted:
            begin = int(wanted.removeprefix("bytes=").rstrip("-").split("-")[0])
        self.ranges.append(begin)
        body = self.content[begin:]
        handler.send_response(206 if wanted else 200)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("ETag", '"one"')
        handler.send_header("Accept-Ranges", "bytes")
        if wanted:
            handler.send_header("Content-Range", f"bytes {begin}-{len(self.content) - 1}/{len(self.content)}")
        handler.end_headers()
        if self.breaks_left > 0:
            self.breaks_left -= 1
            handler.wfile.write(body[: self.break_after])
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
        else:
            handler.wfile.write(body)

    def close(self):
        self._server.shutdown()
        self._server.server_close()
