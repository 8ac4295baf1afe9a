"""A small identity provider (OpenID Connect) with real keys, at a real HTTP server, that misbehaves on request."""

import base64
import hashlib
import http.server
import json
import threading
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

AUDIENCE = "tellercast-api"
CLIENT, SECRET = "tellercast", "secret-of-the-client"
VALID_S = 300


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encoded(document):
    return base64url(json.dumps(document).encode())


def number(value, length):
    return base64url(value.to_bytes(length, "big"))


class RsaKey:
    algorithm = "RS256"

    def __init__(self, kid):
        self.kid, self._key = kid, rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def public(self):
        numbers = self._key.public_key().public_numbers()
        return {"kty": "RSA", "kid": self.kid, "use": "sig", "n": number(numbers.n, 256), "e": number(numbers.e, 3)}

    def sign(self, data):
        return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())


class EcKey:
    algorithm = "ES256"

    def __init__(self, kid):
        self.kid, self._key = kid, ec.generate_private_key(ec.SECP256R1())

    def public(self):
        numbers = self._key.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "x": number(numbers.x, 32), "y": number(numbers.y, 32)}

    def sign(self, data):
        r, s = utils.decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """The client has gone, since the answer is too long or too slow."""


class IdentityProvider:
    def __init__(self):
        self.keys = [EcKey("one")]
        self.requests = []  # paths
        self.is_down = False
        self.keys_answer = None  # bytes, in place of the key set
        self.is_slow = False  # sends the key set a byte at a time, and never ends
        self.is_hanging = False  # answers no request for a token
        self.codes = {}  # code: what was asked for with it
        self.id_claims = {}  # put over those of ID tokens
        self._ended = threading.Event()
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802, the library calls it so
                provider.serve(self, None)

            def do_POST(self):  # noqa: N802
                provider.serve(self, self.rfile.read(int(self.headers["Content-Length"])).decode())

            def log_message(self, *_):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}/realm"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def settings(self, **more):
        """The settings of an orchestrator that trusts it."""
        return {"issuer": self.issuer, "audience": AUDIENCE, "keys_refresh": "1s", "keys_max_age": "1h",
                "groups": {"Night shift": ["operator"], "eyes": ["approver"]}, **more}

    def rotate(self, key):
        self.keys = [key]

    # ---- tokens ----

    def access_token(self, subject, key=None, headers=None, **claims):
        return self.token({"iss": self.issuer, "aud": AUDIENCE, "sub": subject, **self._times(), **claims}, key,
                          {"typ": "at+jwt", **(headers or {})})

    def token(self, claims, key=None, headers=None):
        key = key or self.keys[0]
        signed = f"{encoded({'alg': key.algorithm, 'kid': key.kid, **(headers or {})})}.{encoded(claims)}"
        return f"{signed}.{base64url(key.sign(signed.encode()))}"

    def alias(self, subject):
        return ("oidc", f"{self.issuer}#{subject}")

    @staticmethod
    def _times():
        now = int(time.time())
        return {"iat": now, "exp": now + VALID_S}

    # ---- the server ----

    def serve(self, handler, form):
        path, _, query = handler.path.partition("?")
        self.requests.append(path)
        if self.is_down:
            handler.send_error(503)
        elif path == "/realm/.well-known/openid-configuration":
            self._answer(handler, {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys",
                                   "authorization_endpoint": f"{self.issuer}/authorize",
                                   "token_endpoint": f"{self.issuer}/token"})
        elif path == "/realm/keys" and self.is_slow:
            self._drip(handler)
        elif path == "/realm/keys":
            self._answer(handler, {"keys": [key.public() for key in self.keys]}, self.keys_answer)
        elif path == "/realm/token" and form is not None:
            self._redeem(handler, dict(urllib.parse.parse_qsl(form)))
        else:
            handler.send_error(404)

    @staticmethod
    def _answer(handler, document, body=None, status=200):
        body = body or json.dumps(document).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _drip(self, handler):
        handler.send_response(200)
        handler.end_headers()
        while not self._ended.wait(0.2):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    # ---- sign-in ----

    def authorize(self, location, subject, **claims):
        """What a browser gets when a person signs in: the query of the redirect. `location`: where it was sent."""
        address, _, query = location.partition("?")
        asked = dict(urllib.parse.parse_qsl(query, strict_parsing=True))
        assert address == f"{self.issuer}/authorize" and asked["response_type"] == "code", location
        assert asked["client_id"] == CLIENT and "openid" in asked["scope"].split(), location
        assert asked["code_challenge_method"] == "S256", location
        code = f"code-{len(self.codes)}"
        self.codes[code] = {**asked, "subject": subject, "claims": claims}
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    def _redeem(self, handler, form):
        while self.is_hanging and not self._ended.wait(0.1):
            pass
        asked = self.codes.pop(form.get("code"), None)
        login = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        challenge = base64url(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if handler.headers.get("Authorization") != f"Basic {login}":
            self._answer(handler, {"error": "invalid_client"}, status=401)
        elif (asked is None or form.get("grant_type") != "authorization_code" or challenge != asked["code_challenge"]
              or form.get("redirect_uri") != asked["redirect_uri"]):
            self._answer(handler, {"error": "invalid_grant"}, status=400)
        else:
            claims = {"iss": self.issuer, "aud": CLIENT, "sub": asked["subject"], "nonce": asked["nonce"], **self._times(),
                      **asked["claims"], **self.id_claims}
            self._answer(handler, {"token_type": "Bearer", "access_token": "opaque", "id_token": self.token(claims)})
