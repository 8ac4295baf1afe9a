"""Run in a network namespace of its own, by `unshare --net`: one address begins TLS handshakes with the broker's listener for
devices as often as it can, while a device at another address publishes. Prints as JSON what each of them got.

handshake_flood.py FOLDER CERTIFICATES RULES: CERTIFICATES is a JSON object of settings, RULES a file for nft; "" for none."""

import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time

PORT = 8883
ATTACKER, DEVICE = "127.0.0.66", "127.0.0.1"
ATTACKERS = 8
PUBLISHED = 20  # messages of the device, each with a connection of its own
REFUSED_ENOUGH = 50
GIVE_UP_S = 60


def set_up(rules):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    if rules:
        subprocess.run(["/usr/sbin/nft", "-f", rules], check=True)


def start_broker(folder, server):
    settings = folder / "mosquitto.conf"
    settings.write_text("\n".join([
        f"listener {PORT}", "allow_anonymous true", "user root", f"cafile {server['ca_file']}",
        f"certfile {server['certificate_file']}", f"keyfile {server['key_file']}", "require_certificate true",
        "use_identity_as_username true", ""]), encoding="utf-8")
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
    with open(folder / "mosquitto.log", "ab") as log:
        return subprocess.Popen([program, "-c", settings], stdout=log, stderr=log)


class Attacker(threading.Thread):
    """Begins handshakes one after the other. The server has done its part when the client's is over."""

    def __init__(self, ca_file, ends):
        super().__init__(daemon=True)
        self._context = ssl.create_default_context(cafile=ca_file)
        self._context.check_hostname = False
        self._ends = ends
        self.handshakes = self.refused = 0

    def run(self):
        while not self._ends.is_set():
            try:
                with socket.create_connection((DEVICE, PORT), timeout=0.3, source_address=(ATTACKER, 0)) as link:
                    self._context.wrap_socket(link).close()
                self.handshakes += 1
            except OSError:
                self.refused += 1


def publish(device):
    """Returns whether the broker acknowledged a message from a new connection."""
    command = ["mosquitto_pub", "-h", DEVICE, "-p", str(PORT), "--cafile", device["ca_file"], "--cert",
               device["certificate_file"], "--key", device["key_file"], "-q", "1", "-t", "tc/v1/device/A1/reply", "-m", "{}"]
    try:
        return subprocess.run(command, timeout=20, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def wait_for_broker(device):
    deadline = time.monotonic() + GIVE_UP_S
    while not publish(device):
        if time.monotonic() > deadline:
            sys.exit("the broker did not start")
        time.sleep(0.05)


def main():
    folder, certificates, rules = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
    set_up(rules)
    broker = start_broker(folder, certificates["server"])
    try:
        wait_for_broker(certificates["device"])
        ends, began = threading.Event(), time.monotonic()
        attackers = [Attacker(certificates["server"]["ca_file"], ends) for _ in range(ATTACKERS)]
        for attacker in attackers:
            attacker.start()
        accepted = sum(publish(certificates["device"]) for _ in range(PUBLISHED))
        while rules and sum(attacker.refused for attacker in attackers) < REFUSED_ENOUGH:
            if time.monotonic() - began > GIVE_UP_S:
                break
            time.sleep(0.05)
        ends.set()
        for attacker in attackers:
            attacker.join()
        print(json.dumps({"seconds": time.monotonic() - began, "published": accepted,
                          "handshakes": sum(attacker.handshakes for attacker in attackers),
                          "refused": sum(attacker.refused for attacker in attackers)}))
    finally:
        broker.terminate()
        broker.wait()


if __name__ == "__main__":
    main()
