"""What following events costs the flow: whole lifecycles of devices while 1,000 clients follow all events and the progress of
rollouts, against the same without. Also the memory that they take."""

import hashlib
import select
import socket
import threading
import time

from harness.people import RAISE
from harness.wait import wait_for

from . import flow
from .result import Result, median, median_ratio
from .rig import say
from .usage import memory_kib

READERS, QUICK_READERS, PEOPLE = 1000, 40, 4
RUNS = 3
TARGET = 0.95
MOST_MIB = 128
SETTINGS = {"http": {"address_connections": 0, "event_readers": READERS}}


class Readers(threading.Thread):
    """Clients that read all that comes, in one thread."""

    def __init__(self, rig, port, count):
        super().__init__(daemon=True)
        self.bytes, self._ended, self._poll, self._sockets = 0, False, select.epoll(), {}
        tokens = [self._person(rig, number) for number in range(PEOPLE)]
        for number in range(count):
            one = self._connect(port, tokens[number % PEOPLE])
            self._sockets[one.fileno()] = one
            self._poll.register(one, select.EPOLLIN)
        self.start()

    @staticmethod
    def _person(rig, number):
        token = f"token-{number}"
        digest = hashlib.sha256(token.encode()).hexdigest()
        rig.psql(f"INSERT INTO person (name, created_by) VALUES ('reader{number}', 'bench') ON CONFLICT DO NOTHING",
                 f"""INSERT INTO person_role (person, role, granted_by, confirmed_at, confirmed_by)
                     VALUES ('reader{number}', 'viewer', 'bench', now(), 'bench') ON CONFLICT DO NOTHING""",
                 f"""INSERT INTO token (id, person, digest, created_by, confirmed_at, confirmed_by, expires_at)
                     VALUES (left('{digest}', 12), 'reader{number}', '{digest}', 'bench', now(), 'bench', now() + interval '1 day')
                     ON CONFLICT DO NOTHING""",
                 RAISE)
        return token

    @staticmethod
    def _connect(port, token):
        request = f"GET /v1/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        deadline = time.monotonic() + 30
        while True:
            one = socket.create_connection(("127.0.0.1", port))
            one.sendall(request)
            answer = one.recv(65536)
            if b" 200 " in answer.split(b"\r\n", 1)[0]:
                return one
            assert time.monotonic() < deadline, answer
            one.close()  # the orchestrator has not read the people yet
            time.sleep(0.2)

    def run(self):
        while not self._ended:
            for handle, _ in self._poll.poll(0.5):
                part = self._sockets[handle].recv(65536)
                assert part or self._ended, "a stream has ended"
                self.bytes += len(part)

    def end(self):
        self._ended = True
        self.join()
        for one in self._sockets.values():
            one.close()


class Bench(flow.Bench):
    """The flow without TLS, with or without readers beside it."""

    def __init__(self, rig):
        super().__init__(rig)
        self._brokers = {flow.PLAIN: rig.broker}
        self._count = QUICK_READERS if rig.is_quick else READERS
        self._settings = SETTINGS
        self._has_readers = False
        self._readers = None
        self._orchestrator = None
        self.mib = 0

    def _begin(self, orchestrator):
        self._orchestrator = orchestrator
        if self._has_readers:
            self._readers = Readers(self._rig, orchestrator.http.port, self._count)
            wait_for(lambda: orchestrator.http.metric("tellercast_event_readers") == self._count, "all follow")

    def _end_fleet(self, fleet):
        super()._end_fleet(fleet)
        self.mib = memory_kib(self._orchestrator.pid)[1] / 1024
        if self._has_readers:
            dropped = self._orchestrator.http.metric("tellercast_event_readers_dropped_total")
            assert dropped == 0 and self._readers.bytes > 0, (dropped, self._readers.bytes)
            say(f"events: {self._readers.bytes >> 10:,} KiB to {self._count:,} readers")
            self._readers.end()

    def run_beside(self, has_readers):
        self._has_readers = has_readers
        run = self.run(flow.PLAIN)
        say(f"events: tellercastd {self.mib:.0f} MiB")
        return {**run, "mib": round(self.mib, 1)}


def measure(rig):
    bench = Bench(rig)
    turns = 1 if rig.is_quick else RUNS
    say(f"events: {bench.devices:,} devices, {turns} runs of each side in turn")
    runs = {has_readers: [] for has_readers in (False, True)}
    for _ in range(turns):
        for has_readers in runs:
            runs[has_readers].append(bench.run_beside(has_readers))
    rates = {has_readers: [run["per_second"] for run in runs[has_readers]] for has_readers in runs}
    mib = median([one["mib"] - other["mib"] for one, other in zip(runs[True], runs[False], strict=True)])
    return Result("events", f"{READERS:,} readers, {mib:.0f} MiB", f"beside them {median(rates[True]):,.0f}/s",
                  f"alone {median(rates[False]):,.0f}/s", median_ratio(rates[True], rates[False]), TARGET, at_least=True,
                  is_enough=mib <= MOST_MIB, mib=mib, real_runs=runs[True], floor_runs=runs[False])
