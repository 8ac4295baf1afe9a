"""What presence costs the flow: whole lifecycles of devices while 100,000 devices a minute come and go, as their presence says
over four connections, against the same without."""

import itertools
import socket
import threading
import time

from harness.wait import wait_for

from . import flow
from .result import Result, median, median_ratio
from .rig import say

CHANGES_A_MINUTE, CONNECTIONS = 100_000, 4
TICK_S = 0.1
RUNS = 3
TARGET = 0.9
ANNOUNCER = "announcer"
WRITTEN = 0.8  # of the changes: of two of one device that wait at the same time one is written
PUBLISH_QOS1_RETAINED = 0x33


def text(value):
    return len(value).to_bytes(2, "big") + value.encode()


def packet(head, body):
    """One of MQTT 3.1.1, of less than 16 KiB."""
    length = len(body)
    return bytes([head, length]) + body if length < 128 else bytes([head, length & 127 | 128, length >> 7]) + body


def change_of(device, online):
    message = '{"online":%s,"role":"pull","agent":"bench"}' % ("true" if online else "false")
    return packet(PUBLISH_QOS1_RETAINED, text(f"tc/v1/device/{device}/presence") + (1).to_bytes(2, "big") + message.encode())


class Connection:
    """Publishes at QoS 1 and reads every acknowledgment."""

    def __init__(self, port, number):
        self._socket = socket.create_connection(("127.0.0.1", port))
        has_user, is_clean = 0x80, 0x02
        self._socket.sendall(packet(0x10, text("MQTT") + bytes([4, has_user | is_clean, 0, 0]) + text(f"{ANNOUNCER}-{number}")
                                    + text(ANNOUNCER)))
        assert self._socket.recv(4)[3] == 0, "the broker refuses the connection"
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self):
        try:
            while self._socket.recv(1 << 16):
                pass
        except OSError:
            pass  # it was closed

    def send(self, packets):
        self._socket.sendall(b"".join(packets))

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class Changes(threading.Thread):
    """Devices that come and go, each in its turn, until the end."""

    def __init__(self, port, devices):
        super().__init__(daemon=True)
        self._connections = [Connection(port, number) for number in range(CONNECTIONS)]
        self._changes = itertools.cycle([change_of(device, online) for online in (True, False) for device in devices])
        self._ended = threading.Event()
        self.sent = 0
        self.began = time.monotonic()
        self.start()

    def run(self):
        turns = itertools.cycle(self._connections)
        while not self._ended.wait(TICK_S):
            due = int((time.monotonic() - self.began) * CHANGES_A_MINUTE / 60) - self.sent
            next(turns).send(itertools.islice(self._changes, due))
            self.sent += due

    def end(self):
        """Returns how many were sent."""
        self._ended.set()
        self.join()
        seconds = time.monotonic() - self.began
        for connection in self._connections:
            connection.close()
        say(f"presence: {self.sent:,} changes in {seconds:.1f} s")
        return self.sent


class Bench(flow.Bench):
    """The flow without TLS, with or without changes beside it."""

    def __init__(self, rig):
        super().__init__(rig)
        self._brokers = {flow.PLAIN: self._broker}
        self.has_changes = False
        self._changes = None

    def _broker(self):
        return self._rig.broker(more_rights=f"\nuser {ANNOUNCER}\ntopic write tc/v1/device/+/presence\n")

    def _start_fleet(self, broker, keys):
        fleet = super()._start_fleet(broker, keys)
        if self.has_changes:
            wait_for(lambda: self._rig.psql("SELECT presence_generation()"), "presence is watched")
            devices = self._rig.psql("SELECT string_agg(id, ' ') FROM device").split()
            self._changes = Changes(broker.port, devices)
        return fleet

    def _end_fleet(self, fleet):
        if self.has_changes:
            sent = self._changes.end()
            wanted = min(sent, self.devices) * WRITTEN
            wait_for(lambda: int(self._rig.psql("SELECT online + offline FROM presence_watch")) >= wanted, "presence is written")
        super()._end_fleet(fleet)

    def run_beside(self, has_changes):
        self.has_changes = has_changes
        return self.run(flow.PLAIN)


def measure(rig):
    bench = Bench(rig)
    turns = 1 if rig.is_quick else RUNS
    say(f"presence: {bench.devices:,} devices, {turns} runs of each side in turn")
    runs = {has_changes: [] for has_changes in (False, True)}
    for _ in range(turns):
        for has_changes in runs:
            runs[has_changes].append(bench.run_beside(has_changes))
    rates = {has_changes: [run["per_second"] for run in runs[has_changes]] for has_changes in runs}
    return Result("presence", f"{CHANGES_A_MINUTE:,} changes a minute", f"beside them {median(rates[True]):,.0f}/s",
                  f"alone {median(rates[False]):,.0f}/s", median_ratio(rates[True], rates[False]), TARGET, at_least=True,
                  real_runs=runs[True], floor_runs=runs[False])
