"""One who reads all messages of a broker with the guard, which lets nobody do that: the other end of a bridge. mosquitto asks no
plugin about its own bridges. The spy takes what the bridge sends. It says one thing: it can ask the guard for its status."""

import contextlib
import socket
import threading

from .wire import ROOT_TOPIC, Mailbox, Message

CONNECT, PUBLISH, PINGREQ, DISCONNECT = 1, 3, 12, 14
CONTROL = "$CONTROL/tellercast"
CONNACK_PACKET, PINGRESP_PACKET = bytes((0x20, 2, 0, 0)), bytes((0xD0, 0))


def read_length(stream):
    """Reads a variable byte integer (MQTT 3.1.1, 2.2.3)."""
    value, shift = 0, 0
    while True:
        digit = stream.read(1)[0]
        value |= (digit & 0x7F) << shift
        shift += 7
        if digit < 0x80:
            return value


class BridgedSpy(Mailbox):
    """Messages are those since it was made, and before them the broker's retained ones. `filters`: of its topics, without the
    root."""

    def __init__(self, *filters):
        super().__init__("spy")
        self._filters = filters or ("#",)
        self._connected = threading.Event()
        self._endpoint = socket.create_server(("127.0.0.1", 0))
        self._link = None
        threading.Thread(target=self._serve, daemon=True).start()

    def listener_lines(self):
        """Returns what the broker's settings need."""
        port = self._endpoint.getsockname()[1]
        topics = "".join(f"topic {ROOT_TOPIC}/{one} out 1\n" for one in self._filters)
        return (f"connection spy\naddress 127.0.0.1:{port}\n{topics}bridge_protocol_version mqttv311\n"
                "try_private false\nnotifications false\nbridge_attempt_unsubscribe false\nrestart_timeout 1\n")

    def wait_until_connected(self):
        assert self._connected.wait(30), "the broker's bridge has not come"

    def ask_guard(self):
        """Makes the guard publish its status: it does so after each message on its topic, also from one who may say nothing."""
        topic = CONTROL.encode()
        self._link.sendall(bytes((PUBLISH << 4, 2 + len(topic))) + len(topic).to_bytes(2, "big") + topic)

    def since(self, number):
        """Returns all messages but the first `number` ones."""
        with self._lock:
            return self._messages[number:]

    def reconnect(self):
        """The broker connects again, and sends all retained messages again. Returns how many messages had come before."""
        self._connected.clear()
        before = len(self.since(0))
        self._break_link()
        self.wait_until_connected()
        return before

    def close(self):
        self._endpoint.close()
        self._break_link()

    def _break_link(self):
        if self._link is not None:
            with contextlib.suppress(OSError):
                self._link.shutdown(socket.SHUT_RDWR)

    def _serve(self):
        """The broker connects again after its restart."""
        with contextlib.suppress(OSError):
            while True:
                self._link, _ = self._endpoint.accept()
                with contextlib.suppress(OSError, IndexError), self._link, self._link.makefile("rb") as stream:
                    self._listen(self._link, stream)

    def _listen(self, link, stream):
        while True:
            head, length = stream.read(1)[0], read_length(stream)
            body = stream.read(length)
            if len(body) < length:
                return  # the broker was killed
            kind = head >> 4
            if kind == CONNECT:
                link.sendall(CONNACK_PACKET)
                self._connected.set()
            elif kind == PUBLISH:
                self._take(link, head, body)
            elif kind == PINGREQ:
                link.sendall(PINGRESP_PACKET)

    def _take(self, link, head, body):
        qos, end = head >> 1 & 3, 2 + int.from_bytes(body[:2], "big")
        topic, rest = body[2:end].decode(), body[end:]
        if qos > 0:
            link.sendall(bytes((0x40, 2)) + rest[:2])  # a PUBACK
            rest = rest[2:]
        self.keep(Message(topic, rest, bool(head & 1), qos))
