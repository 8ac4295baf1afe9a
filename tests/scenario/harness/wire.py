"""MQTT clients of the tests: one that reads everything, and clients that stand for a device or an operator."""

import base64
import json
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from .wait import wait_for

ROOT_TOPIC = "tc/v1"
REFUSED = 0x80  # reason codes from here are refusals


class Message:
    def __init__(self, topic, payload, retained, qos, correlation=None):
        self.topic = topic
        self.payload = payload
        self.retained = retained
        self.qos = qos
        self.correlation = correlation

    def json(self):
        return json.loads(self.payload)

    def __repr__(self):
        return f"<{self.topic} {self.payload[:120]!r}>"


class Mailbox:
    """All messages that somebody got, in order."""

    def __init__(self, name):
        self._messages = []
        self._lock = threading.Lock()
        self.name = name

    def keep(self, message):
        with self._lock:
            self._messages.append(message)

    def messages(self, topic):
        """Returns the messages with this topic; '+' stands for one level."""
        with self._lock:
            return [message for message in self._messages if mqtt.topic_matches_sub(topic, message.topic)]

    def wait_for(self, topic, count=1, seconds=60):
        """Returns the first `count` messages with a topic."""
        wait_for(lambda: len(self.messages(topic)) >= count, f"{self.name} has {count} of {topic}", seconds)
        return self.messages(topic)[:count]


class Wire(Mailbox):
    """An MQTT 5 client that keeps all messages that it gets. With `secure`, a context of ssl, it shows a certificate; its client
    ID is its name unless `client_id` says another."""

    def __init__(self, port, name, filters, will=None, secure=None, client_id=None):
        super().__init__(name)
        self._subscribed = threading.Event()
        self._refused = False
        self._filters = filters
        self._client = mqtt.Client(client_id=client_id or name, protocol=mqtt.MQTTv5)
        self._client.username_pw_set(name)
        if secure is not None:
            self._client.tls_set_context(secure)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe
        if will is not None:
            self._client.will_set(*will)
        self._client.connect("127.0.0.1", port, clean_start=True)
        self._client.loop_start()
        assert self._subscribed.wait(30), f"{name} could not subscribe"
        assert not self._refused, f"{name} may not subscribe to {filters}"

    def _on_connect(self, client, *_):
        if self._filters:
            client.subscribe([(name, 1) for name in self._filters])
        else:
            self._subscribed.set()

    def _on_subscribe(self, _client, _data, _number, codes, *_):
        self._refused = any(code.value >= REFUSED for code in codes)
        self._subscribed.set()

    def _on_message(self, _client, _data, message):
        correlation = getattr(message.properties, "CorrelationData", None)
        self.keep(Message(message.topic, message.payload, bool(message.retain), message.qos, correlation))

    def publish(self, topic, payload, qos=1, retain=False, properties=None):
        """Returns when the broker has acknowledged the message."""
        if isinstance(payload, (dict, list)):
            payload = json.dumps(payload)
        self._client.publish(topic, payload, qos, retain, properties=properties).wait_for_publish(30)

    def send_soon(self, topic, payload):
        """Publishes at QoS 0. Returns at once unless a thousand messages are not written yet."""
        while self._client._out_packet and len(self._client._out_packet) > 1000:
            time.sleep(0.001)
        self._client.publish(topic, payload, 0)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


class Spy(Wire):
    """One who reads all messages of a broker whose access list allows it."""

    def __init__(self, port):
        super().__init__(port, "spy", [f"{ROOT_TOPIC}/#"])


class Operator(Wire):
    """An operator who submits plans by MQTT."""

    def __init__(self, port, name="operator", **more):
        self._answers = f"{ROOT_TOPIC}/operator/{name}/answer"
        self._count = 0
        super().__init__(port, name, [f"{ROOT_TOPIC}/operator/{name}/#"], **more)

    def submit(self, document, topic=None):
        """Submits on the operator's own topic, or on `topic`."""
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = self._answers
        self._count += 1
        properties.CorrelationData = b"%d" % self._count
        self.publish(topic or f"{ROOT_TOPIC}/operator/{self.name}/submit", document, properties=properties)
        answer = self.wait_for(self._answers, self._count)[-1]
        assert answer.correlation == b"%d" % self._count
        return answer.json()


class Device(Wire):
    """A device that the test acts for, message by message."""

    def __init__(self, port, name, branch=None, **more):
        self.sequences = {}
        filters = [f"{ROOT_TOPIC}/device/{name}/instruction", f"{ROOT_TOPIC}/device/{name}/confirm"]
        if branch == name:
            filters.append(f"{ROOT_TOPIC}/branch/{name}/start")
        elif branch is not None:
            filters.append(f"{ROOT_TOPIC}/branch/+/dispatch/{name}")
        super().__init__(port, name, filters, **more)

    def ask(self, versions=None, nonce=None):
        ask = {key: value for key, value in (("versions", versions), ("nonce", nonce)) if value}
        self.publish(f"{ROOT_TOPIC}/device/{self.name}/ask", ask or b"")

    def answers(self):
        """Returns all messages on its instruction topic, also empty ones."""
        return self.messages(f"{ROOT_TOPIC}/device/{self.name}/instruction")

    def wait_for_nothing(self, after=0):
        """Waits until an ask is answered with an empty message; `after`: number of earlier answers."""
        wait_for(lambda: len(self.answers()) > after, f"{self.name} is answered")
        assert self.answers()[after].payload == b""

    def tokens(self):
        """Returns the claims of all instructions that it got."""
        return [claims_of(message.payload) for message in self.answers() if message.payload]

    def wait_for_instruction(self, count=1, seconds=60):
        wait_for(lambda: len(self.tokens()) >= count, f"{self.name} has {count} instructions", seconds)
        return self.tokens()[count - 1]

    def reply(self, claims, state, **more):
        """Sends a report on an instruction. Returns its sequence number."""
        key = (claims["instruction"], claims["attempt"])
        sequence = self.sequences[key] = self.sequences.get(key, 0) + 1
        status = {"instruction": key[0], "attempt": key[1], "sequence": sequence, "state": state, **more}
        self.publish(f"{ROOT_TOPIC}/device/{self.name}/reply", status)
        return sequence

    def send_reply(self, payload):
        self.publish(f"{ROOT_TOPIC}/device/{self.name}/reply", payload)

    def confirms(self):
        return [message.json() for message in self.messages(f"{ROOT_TOPIC}/device/{self.name}/confirm")]

    def wait_for_confirm(self, sequence, seconds=60):
        def find():
            return [confirm for confirm in self.confirms() if confirm["sequence"] == sequence]

        return wait_for(find, f"{self.name} has a confirm of {sequence}", seconds)[0]


def claims_of(token):
    """Returns the claims of a compact JWS without checking it."""
    part = token.split(b".")[1]
    return json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
