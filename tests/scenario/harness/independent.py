"""A device that shares no code with the product: written from docs/protocol.md alone, for both versions of MQTT. It does the
minimum that the page demands of a node, an ATM client or a pull client, and keeps its journal and outbox in memory."""

import base64
import ctypes
import hashlib
import json
import secrets
import threading
import time
import urllib.request

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

SESSION_EXPIRY_S, NOT_BEFORE_PATIENCE_S = 604800, 60
RESEND_S, ASK_AGAIN_S = 1, 1
FINAL = ("completed", "deferred", "failed", "rejected")
_sodium = ctypes.CDLL("libsodium.so.23")


def decoded(part):
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def verified(token, keys):
    """Returns the claims if one of the keys of this JWK Set signed them."""
    header, payload, signature = token.split(b".")
    head = json.loads(decoded(header))
    assert head["alg"] == "EdDSA" and "crit" not in head, head
    public = next(decoded(key["x"].encode()) for key in keys["keys"] if key["kid"] == head["kid"])
    text = header + b"." + payload
    good = _sodium.crypto_sign_verify_detached(decoded(signature), text, ctypes.c_ulonglong(len(text)), public)
    assert good == 0, "bad_signature"
    return json.loads(decoded(payload))


class IndependentDevice:
    """`voice`: port, name and TLS, as of a Wire."""

    def __init__(self, voice, role, keys, protocol, versions):
        device = voice["name"]
        self.device, self.role, self.keys, self.versions = device, role, keys, versions
        self.begun, self.refused = [], []
        self._done = {}  # by instruction: the last report
        self._outbox = {}  # by (instruction, attempt): the unconfirmed report
        self._asks_until = 0.0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._client = mqtt.Client(client_id=device, protocol=protocol,
                                   clean_session=None if protocol == mqtt.MQTTv5 else role == "pull")
        self._client.username_pw_set(device)
        if "secure" in voice:
            self._client.tls_set_context(voice["secure"])
        self._client.will_set(self._own("presence"), self._presence(False), 1, True)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._connect(voice["port"], protocol)
        self._client.loop_start()
        self._again = threading.Thread(target=self._do_again, daemon=True)
        self._again.start()

    def _connect(self, port, protocol):
        if protocol == mqtt.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 0 if self.role == "pull" else SESSION_EXPIRY_S
            self._client.connect("127.0.0.1", port, clean_start=self.role == "pull", properties=properties)
        else:
            self._client.connect("127.0.0.1", port)

    def _own(self, what):
        return f"tc/v1/device/{self.device}/{what}"

    def _presence(self, online):
        return json.dumps({"online": online, "role": self.role, "agent": "independent"})

    def _on_connect(self, client, *_):
        filters = [(self._own("instruction"), 1 if self.role == "pull" else 0), (self._own("confirm"), 0)]
        if self.role == "node":
            filters.append((f"tc/v1/branch/{self.device}/start", 1))
        elif self.role == "atm":
            filters.append((f"tc/v1/branch/+/dispatch/{self.device}", 1))
        client.subscribe(filters)
        client.publish(self._own("presence"), self._presence(True), 1, True)
        self._send_outbox()
        self._ask()

    def _on_message(self, _client, _data, message):
        kind = message.topic.split("/")[-1]
        if message.topic.endswith(f"/dispatch/{self.device}"):
            self._obey(json.loads(message.payload)["expires"])
        elif kind == "start":
            self._relay(json.loads(message.payload))
        elif kind == "confirm":
            self._take_confirm(json.loads(message.payload))
        elif kind == "instruction":
            if not message.retain:
                self._asks_until = 0.0
            if message.payload:
                self._take_instruction(verified(message.payload, self.keys))

    # commands

    def _relay(self, start):
        for device in start["devices"]:
            if device == self.device:
                self._obey(start["expires"])
            else:
                dispatch = {"rollout": start["rollout"], "device": device, "expires": start["expires"]}
                self._client.publish(f"tc/v1/branch/{self.device}/dispatch/{device}", json.dumps(dispatch), 1)

    def _obey(self, expires):
        self._asks_until = time.mktime(time.strptime(expires[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
        self._send_outbox()
        self._ask()

    def _ask(self):
        self._client.publish(self._own("ask"), json.dumps({"versions": self.versions, "nonce": secrets.token_urlsafe(16)}))

    # the work

    def _take_instruction(self, claims):
        assert claims["iss"] == "tellercast" and claims["aud"] == self.device, claims
        if "instruction" not in claims:
            return
        number, attempt = claims["instruction"], claims["attempt"]
        with self._lock:
            known = self._done.get(number)
            if known is not None and known["attempt"] >= attempt:
                return
            self._done[number] = {"attempt": attempt, "sequence": 0}
        now = time.time()
        if claims["nbf"] > now + NOT_BEFORE_PATIENCE_S:
            self._report(number, "rejected", code="not_yet_valid")
        elif claims["exp"] <= now or claims["start_before"] <= now:
            self._report(number, "rejected", code="window_missed")
        elif claims["action"] != "install":
            self._report(number, "rejected", code="unsupported_action")
        else:
            self._report(number, "received")
            threading.Thread(target=self._install, args=(number, claims["artifact"]), daemon=True).start()

    def _install(self, number, artifact):
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(artifact["url"], timeout=30) as answer:
            content = answer.read()
        assert len(content) == artifact["size"] and hashlib.sha256(content).hexdigest() == artifact["sha256"]
        self.begun.append((number, self._done[number]["attempt"]))
        self._report(number, "installing", progress=0)
        self.versions = {**self.versions, artifact["name"]: artifact["version"]}
        self._report(number, "completed", versions=self.versions)

    # reports

    def _report(self, number, state, **more):
        with self._lock:
            known = self._done[number]
            known["sequence"] += 1
            report = {"instruction": number, "attempt": known["attempt"], "sequence": known["sequence"], "state": state, **more}
            self._outbox[number, known["attempt"]] = report
        self._client.publish(self._own("reply"), json.dumps(report), 1)

    def _take_confirm(self, confirm):
        if not confirm["accepted"]:
            self.refused.append(confirm)
        with self._lock:
            key = (confirm["instruction"], confirm["attempt"])
            if key in self._outbox and self._outbox[key]["sequence"] <= confirm["sequence"]:
                del self._outbox[key]

    def _send_outbox(self):
        with self._lock:
            waiting = [dict(report) for report in self._outbox.values()]
        for report in waiting:
            confirm = {} if report["state"] in FINAL else {"confirm": True}
            self._client.publish(self._own("reply"), json.dumps({**report, **confirm}), 1)

    def _do_again(self):
        """Repeats unanswered asks and unconfirmed reports."""
        while not self._stopping.wait(RESEND_S):
            self._send_outbox()
            if time.time() < self._asks_until:
                self._ask()

    def is_confirmed(self):
        return not self._outbox

    def close(self):
        self._stopping.set()
        self._again.join()
        self._client.disconnect()
        self._client.loop_stop()
