"""A fake orchestrator: it answers asks as the test says, and keeps the reports of devices."""

import base64
import ctypes
import json
import threading
import time

from .plan import APPLICATION, VERSION
from .wire import ROOT_TOPIC, Wire

FINAL = {"completed", "failed", "rejected", "deferred"}
PUBLIC_SIZE, SECRET_SIZE, SIGNATURE_SIZE = 32, 64, 64


def _encoded(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


class Signer:
    """Signs by Ed25519 with libsodium, as the programs under test do."""

    def __init__(self, name="fake"):
        self.name = name
        self._sodium = ctypes.CDLL("libsodium.so.23")
        assert self._sodium.sodium_init() >= 0
        self._public = ctypes.create_string_buffer(PUBLIC_SIZE)
        self._secret = ctypes.create_string_buffer(SECRET_SIZE)
        self._sodium.crypto_sign_keypair(self._public, self._secret)

    def public_set(self):
        key = {"kty": "OKP", "crv": "Ed25519", "kid": self.name, "alg": "EdDSA", "x": _encoded(self._public.raw).decode()}
        return json.dumps({"keys": [key]})

    def sign(self, claims):
        header = {"alg": "EdDSA", "kid": self.name, "typ": "JWT"}
        text = b".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
        signature = ctypes.create_string_buffer(SIGNATURE_SIZE)
        self._sodium.crypto_sign_detached(signature, None, text, ctypes.c_ulonglong(len(text)), self._secret)
        return text + b"." + _encoded(signature.raw)


class FakeOrchestrator(Wire):
    """Answers asks with the instructions of `order(device, instruction, …)`. An answer repeats the ask's nonce and is signed at
    that moment, unless `repeats_nonces` is False, as at an earlier version."""

    def __init__(self, port):
        self.signer = Signer()
        self.confirms = True
        self.repeats_nonces = True
        self.deaf_to = 0  # number of asks that still get no answer
        self._table = {}
        self._asks_lock = threading.Lock()
        super().__init__(port, "fake-orchestrator", [f"{ROOT_TOPIC}/device/+/ask", f"{ROOT_TOPIC}/device/+/reply"])

    def order(self, device, instruction=1, attempt=1, signer=None, **more):
        """Sets the instruction that answers the device's asks from now on. Returns its token."""
        now = int(time.time())
        claims = {
            "iss": "tellercast", "aud": device, "jti": f"{instruction}.{attempt}", "iat": now, "nbf": now,
            "exp": now + 3600, "instruction": instruction, "rollout": 1, "attempt": attempt, "epoch": 1,
            "action": "install", "start_before": now + 3600,
            "artifact": {"name": APPLICATION, "version": VERSION, "url": "http://127.0.0.1/a", "sha256": "0" * 64,
                         "size": 1},
            **more,
        }
        signer = signer or self.signer
        self._table[device] = (signer, claims)
        return signer.sign(claims)

    def start(self, branch, devices):
        self.publish(f"{ROOT_TOPIC}/branch/{branch}/start",
                     {"rollout": 1, "devices": devices, "expires": "2099-01-01T00:00:00Z"})

    def dispatch(self, branch, device):
        """Dispatches the device in the name of its node."""
        self.publish(f"{ROOT_TOPIC}/branch/{branch}/dispatch/{device}",
                     {"rollout": 1, "device": device, "expires": "2099-01-01T00:00:00Z"})

    def send(self, device, token, retain=False):
        self.publish(f"{ROOT_TOPIC}/device/{device}/instruction", token, retain=retain)

    def replies(self, device):
        return [message.json() for message in self.messages(f"{ROOT_TOPIC}/device/{device}/reply")]

    def states(self, device):
        """Returns the states of the device's replies, each once."""
        seen = {(reply["attempt"], reply["sequence"]): reply["state"] for reply in self.replies(device)}
        return [seen[key] for key in sorted(seen)]

    def asks(self, device):
        return self.messages(f"{ROOT_TOPIC}/device/{device}/ask")

    def _on_message(self, client, data, message):
        device, kind = message.topic.split("/")[-2:]
        if kind == "ask":
            self._answer(client, device, json.loads(message.payload or b"{}").get("nonce"))
        else:
            self._confirm(client, device, json.loads(message.payload))
        super()._on_message(client, data, message)

    def _answer(self, client, device, nonce):
        with self._asks_lock:
            if self.deaf_to > 0:
                self.deaf_to -= 1
                return
        client.publish(f"{ROOT_TOPIC}/device/{device}/instruction", self._token(device, nonce))

    def _token(self, device, nonce):
        if device not in self._table:
            return b""
        signer, claims = self._table[device]
        if nonce and self.repeats_nonces:
            claims = {**claims, "iat": int(time.time()), "nonce": nonce}
        return signer.sign(claims)

    def _confirm(self, client, device, reply):
        if not self.confirms or (reply["state"] not in FINAL and not reply.get("confirm")):
            return
        confirm = {key: reply[key] for key in ("instruction", "attempt", "sequence")}
        client.publish(f"{ROOT_TOPIC}/device/{device}/confirm", json.dumps({**confirm, "accepted": True}))
