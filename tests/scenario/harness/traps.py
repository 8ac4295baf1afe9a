"""Servers that must get no request, or that redirect the client."""

import http.server
import socket
import ssl
import subprocess
import threading

from .wait import wait_for


class Trap:
    """Accepts every connection, keeps its first bytes, and closes it."""

    def __init__(self):
        self.heard = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    self.heard.append(connection.recv(4000))
                except OSError:
                    self.heard.append(b"")

    def heard_until_now(self):
        """Returns all bytes from before a connection that this method makes itself."""
        before = b"the last one"
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(before)
        wait_for(lambda: before in self.heard, "the trap hears")
        self.heard.remove(before)
        return self.heard

    def environment(self):
        """The environment of a server's shell whose proxy is this trap."""
        names = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
        return {**{name: self.url for name in names}, "no_proxy": "", "NO_PROXY": ""}

    def close(self):
        self._listener.close()


class Redirector:
    """Redirects every GET to `target`, by HTTPS with the certificate in `certificate`."""

    def __init__(self, folder, target):
        self.asked = 0
        self.certificate = folder / "redirector.pem"
        key = folder / "redirector.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
             "-out", self.certificate], check=True, capture_output=True)
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802, the library calls it so
                site.asked += 1
                self.send_response(302)
                self.send_header("Location", target)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
