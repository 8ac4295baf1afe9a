"""A receiver of webhooks: a real HTTP server that answers as the test says, and keeps what it got."""

import base64
import hashlib
import hmac
import http.server
import json
import os
import ssl
import threading

from .wait import wait_for


def new_secret(path):
    """Makes a secret file, and returns its bytes."""
    secret = os.urandom(32)
    path.write_text(f"whsec_{base64.b64encode(secret).decode()}\n", encoding="utf-8")
    path.chmod(0o600)
    return secret


def verify(secret, headers, body):
    """What docs/webhooks.md tells receivers to do, but for the time. Returns whether a signature is this secret's."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(f"v1,{expected}", signature) for signature in headers["webhook-signature"].split(" "))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """The client has gone."""


class Receiver:
    """`status`, `body`: what it answers. `hold`: it answers when this is set. `hold_body`: and sends the body when this is."""

    def __init__(self, files=None):
        self.status, self.body, self.headers = 200, b"", {}
        self.hold, self.hold_body = threading.Event(), threading.Event()
        self.statuses = {}  # what it answers to single requests, by their place in `got`
        self.failures = 0  # so many requests are answered with 500 first
        self.hold.set()
        self.hold_body.set()
        self.answered = 0  # requests whose status was sent
        self.got = []  # (headers, body) of each request, whatever was answered
        self.taken = []  # the bodies that were answered with 200
        self._files, self._server, self.port = files, None, 0
        self.start()

    def start(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                place = len(receiver.got)
                receiver.got.append((dict(self.headers), body))
                receiver.hold.wait(60)
                status = receiver.statuses.get(place, receiver.status)
                if receiver.failures > 0:
                    receiver.failures, status = receiver.failures - 1, 500
                if status == 200:
                    receiver.taken.append(json.loads(body))
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(receiver.body)))
                self.end_headers()
                receiver.answered += 1
                receiver.hold_body.wait(60)
                self.wfile.write(receiver.body)

            def log_message(self, *_):
                pass

        self._server = Server(("127.0.0.1", self.port), Handler)
        if self._files:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._files["certificate_file"], self._files["key_file"])
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self.hold.set()
        self.hold_body.set()
        self._server.shutdown()
        self._server.server_close()

    def url(self, path="/hook"):
        return f"{'https' if self._files else 'http'}://127.0.0.1:{self.port}{path}"

    def events(self):
        """What it took, without tests."""
        return [message for message in list(self.taken) if message["type"] != "test"]

    def numbers(self):
        return [int(message["position"].split("-")[1]) for message in self.events()]

    def wait_for(self, count):
        wait_for(lambda: len(self.events()) >= count, f"{count} events are taken", 90)
        return self.events()
