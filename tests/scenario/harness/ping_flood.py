"""Run in a network namespace of its own, by `unshare --net`: a device at one address pings the broker's listener for devices as
fast as it can, while a device at another address publishes. Prints as JSON what each of them got.

ping_flood.py FOLDER CERTIFICATES RULES: as handshake_flood.py."""

import json
import pathlib
import select
import socket
import ssl
import subprocess
import sys
import threading
import time

from handshake_flood import ATTACKER, DEVICE, GIVE_UP_S, PORT, PUBLISHED, publish, set_up, start_broker, wait_for_broker

CONNECT = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02A9"
CONNACK_BYTES = 4
PINGS = b"\xc0\x00" * 8000  # a record of TLS
PONG_BYTES = 2
ENOUGH = 200_000  # answers, more than the rules allow at once


class Pinger(threading.Thread):
    """Sends whenever the broker takes something, and receives whatever comes. One thread: TLS allows no more."""

    def __init__(self, device):
        super().__init__(daemon=True)
        context = ssl.create_default_context(cafile=device["ca_file"])
        context.check_hostname = False
        context.load_cert_chain(device["certificate_file"], device["key_file"])
        self._link = context.wrap_socket(socket.create_connection((DEVICE, PORT), source_address=(ATTACKER, 0)))
        self._link.sendall(CONNECT)
        self._link.setblocking(False)
        self._received = 0
        self.start()

    def run(self):
        while True:
            readable, writable, _ = select.select([self._link], [self._link], [])
            try:
                if writable:
                    self._link.send(PINGS)
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                pass
            try:
                if readable:
                    self._received += len(self._link.recv(65536))
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                pass

    def answers(self):
        return (self._received - CONNACK_BYTES) // PONG_BYTES


def refused_packets():
    listed = subprocess.run(["/usr/sbin/nft", "-j", "list", "counters"], check=True, capture_output=True, text=True).stdout
    counters = [item["counter"] for item in json.loads(listed)["nftables"] if "counter" in item]
    return sum(counter["packets"] for counter in counters if counter["name"] == "refused_packets")


def main():
    folder, certificates, rules = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
    set_up(rules)
    broker = start_broker(folder, certificates["server"])
    try:
        wait_for_broker(certificates["device"])
        began = time.monotonic()
        pinger = Pinger(certificates["device"])
        while not refused_packets() and pinger.answers() < ENOUGH and time.monotonic() < began + GIVE_UP_S:
            time.sleep(0.05)
        accepted = sum(publish(certificates["device"]) for _ in range(PUBLISHED))
        answers = pinger.answers()
        print(json.dumps({"seconds": time.monotonic() - began, "published": accepted, "answers": answers,
                          "refused": refused_packets()}))
    finally:
        broker.kill()
        broker.wait()


if __name__ == "__main__":
    main()
