"""A relay to the broker that changes the properties of its CONNACK (MQTT 5, 3.2.2.3)."""

import socket
import struct
import threading

RECEIVE_MAXIMUM, SERVER_KEEP_ALIVE, MAXIMUM_QOS = 0x21, 0x13, 0x24
RETAIN_AVAILABLE, WILDCARDS_AVAILABLE, SHARED_AVAILABLE = 0x25, 0x28, 0x2A
MAXIMUM_PACKET_SIZE = 0x27
WIDTHS = {RECEIVE_MAXIMUM: ">H", SERVER_KEEP_ALIVE: ">H", MAXIMUM_PACKET_SIZE: ">I"}
CONNACK, CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PINGREQ = 2, 1, 3, 4, 8, 12


def number(value):
    """Encodes a variable byte integer."""
    text = bytearray()
    while True:
        value, digit = divmod(value, 128)
        text.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(text)


class Announcer:
    """Listens on `port`, passes everything on to the broker's port, and adds `announced` to each CONNACK. It records the
    clients' packets: `packets` (client ID, packet type, bytes, keep-alive of a CONNECT); `published` (client ID, QoS,
    retained); `subscribed` (client ID, bytes of the SUBSCRIBE); and the maximum number of unacknowledged QoS 1 messages of
    each client."""

    def __init__(self, broker_port, announced):
        self.announced = announced
        self.packets = []
        self.published, self.subscribed = [], []
        self.under_way, self.most_under_way = {}, {}
        self._broker_port = broker_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()
        self.disconnect()

    def disconnect(self):
        for each in self._sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._sockets = []

    def sizes(self, kind, client):
        return [size for who, what, size, _ in self.packets if what == kind and who.startswith(client)]

    def keep_alives(self, client):
        return [keep_alive for who, what, _, keep_alive in self.packets if what == CONNECT and who == client]

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
                broker = socket.create_connection(("127.0.0.1", self._broker_port))
            except OSError:
                return
            self._sockets += [client, broker]
            client_id = [""]
            threading.Thread(target=self._pass, args=(client, broker, self._note, client_id), daemon=True).start()
            threading.Thread(target=self._pass, args=(broker, client, self._change, client_id), daemon=True).start()

    def _pass(self, source, target, handle, client_id):
        try:
            while True:
                head, body = self._read(source)
                body = handle(head, body, client_id)
                target.sendall(bytes([head]) + number(len(body)) + body)
        except OSError:
            pass
        for each in (source, target):
            each.close()

    def _read(self, source):
        head = self._exactly(source, 1)[0]
        length, shift = 0, 0
        while True:
            digit = self._exactly(source, 1)[0]
            length |= (digit & 0x7F) << shift
            shift += 7
            if digit < 0x80:
                return head, self._exactly(source, length)

    @staticmethod
    def _exactly(source, length):
        text = b""
        while len(text) < length:
            more = source.recv(length - len(text))
            if not more:
                raise OSError("closed")
            text += more
        return text

    def _note(self, head, body, client_id):
        kind, keep_alive = head >> 4, None
        if kind == CONNECT:
            keep_alive = struct.unpack_from(">H", body, 8)[0]
            properties = body[10]  # fewer than 128 bytes of properties
            at = 11 + properties
            length = struct.unpack_from(">H", body, at)[0]
            client_id[0] = body[at + 2:at + 2 + length].decode()
            self.under_way[client_id[0]] = 0
        if kind == PUBLISH:
            qos = head >> 1 & 3
            self.published.append((client_id[0], qos, head & 1 == 1))
            self._count(client_id[0], 1 if qos else 0)
        if kind == SUBSCRIBE:
            self.subscribed.append((client_id[0], body))
        self.packets.append((client_id[0], kind, 1 + len(number(len(body))) + len(body), keep_alive))
        return body

    def _count(self, client, change):
        self.under_way[client] += change
        self.most_under_way[client] = max(self.most_under_way.get(client, 0), self.under_way[client])

    def _change(self, head, body, client_id):
        if head >> 4 == PUBACK:
            self._count(client_id[0], -1)
        if head >> 4 != CONNACK or body[1] != 0:
            return body
        properties = body[3:3 + body[2]]  # fewer than 128 bytes of properties
        for code, value in self.announced.items():
            properties = self._without(properties, code) + bytes([code]) + struct.pack(WIDTHS.get(code, ">B"), value)
        return body[:2] + number(len(properties)) + properties

    @staticmethod
    def _without(properties, code):
        """Returns the properties without `code`. mosquitto announces only numbers of one, two and four bytes."""
        kept, at = b"", 0
        while at < len(properties):
            width = ">H" if properties[at] == 0x22 else ">I" if properties[at] == 0x11 else ">B"
            size = 1 + struct.calcsize(WIDTHS.get(properties[at], width))
            kept += b"" if properties[at] == code else properties[at:at + size]
            at += size
        return kept
