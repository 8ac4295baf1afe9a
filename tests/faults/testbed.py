"""An installation on one machine, every part of which can be broken: servers, orchestrators, a simulated fleet, real clients."""

import atexit
import collections
import functools
import http.client
import os
import pathlib
import shutil
import signal
import subprocess
import time

import psycopg2
from harness.database import Database
from harness.http import Http
from harness.identities import Identities
from harness.plan import APPLICATION, fleet, plan
from harness.process import Process
from harness.programs import BIN, INSTALLER, Client, Fleet, Orchestrator
from harness.servers import Postgres, Redis, free_port
from harness.wait import wait_for

from audit import AUDIT
from broker import KeepingMosquitto
from left_in_rounds import HELD, LABELS
from proxy import Network
from webhook import Webhook

NEXT = BIN.parent.parent / "next/bin/tellercastd"  # one version ahead, with a migration of its own
LEASE = "3s"
MAY_MOUNT = os.geteuid() == 0
INSIST_S = 150  # time during which an unanswered operator tries again
GUARD_S, ASK_S = 60, 0.2  # until the guard counts all, once everything works; between two questions to it
CONNECTIONS = 2  # of an orchestrator to the broker
WATCHES = 1  # of presence: one of the orchestrators conducts
QUICK = {
    "dispatchTimeout": "6s", "answerTimeout": "4s", "receiveTimeout": "4s", "installTimeout": "8s",
    "retries": 4, "backoff": "0s", "deferLimit": 50,
}
REAL_BRANCH, REAL_ATMS, REAL_PULL = "R1", ["R1-A1", "R1-A2"], ["RP1"]

# The installer records its begin and its end by a program that is no part of the product. Three installations of four take 0.3
# to 1.4 s, so that there is time for a kill.
COUNTED_INSTALL = """#!/bin/sh
[ "$1" = install ] || exec "{installer}" "$@"
work="$TELLERCAST_DEVICE $TELLERCAST_INSTRUCTION $TELLERCAST_ATTEMPT"
echo "$work" >>"{folder}/installs"
drawn=$(echo "{seed} $work" | cksum | cut -d ' ' -f 1)
[ $((drawn % 4)) = 0 ] || sleep "$((drawn / 4 % 2)).$((drawn / 8 % 2 + 3))"
"{installer}" "$@" || exit
echo "$work" >>"{folder}/installed"
"""

# The behaviour of a fleet on an ordinary night, and that of a bad line.
BEHAVIOUR = {
    "seed": 11,
    "rules": [
        {"match": {"percentage": 4}, "failure": {"rate": 50, "code": "disk_full"}, "install": {"min": "50ms", "max": "400ms"}},
        {"match": {"percentage": 4}, "duplicates": 3, "install": {"min": "50ms", "max": "400ms"}},
        {"match": {"percentage": 3}, "crash": {"rate": 50, "for": "1s"}, "install": {"min": "200ms", "max": "800ms"}},
        {"match": {"percentage": 3}, "defer": 1},
        {"match": {"percentage": 5}, "lostReplies": 30, "lateReplies": {"rate": 50, "by": "700ms"}, "installReports": 2,
         "install": {"min": "50ms", "max": "900ms"}},
        {"receive": {"min": "0ms", "max": "100ms"}, "install": {"min": "50ms", "max": "900ms"}, "installReports": 1},
    ],
}
for _rule in BEHAVIOUR["rules"]:
    _rule.update({"askAgain": "1s", "resend": "1s", "confirmAll": True})


Direct = collections.namedtuple("Direct", "listen")


def add_up(one, other):
    return {key: {**value, **other[key]} if isinstance(value, dict) else value + other[key] if isinstance(value, int) else value
            for key, value in one.items()}


class Testbed:
    """`branches` of nine ATMs and a node, and as many pull clients, simulated; one real branch."""

    real_branches, real_pull = {REAL_BRANCH: REAL_ATMS}, [*REAL_PULL, HELD]
    orchestrator_program = BIN / "tellercastd"
    behaviour = BEHAVIOUR
    knows_redis_user = True  # the orchestrators' setting

    def __init__(self, folder, branches=95, orchestrators=2, disk="1g", direct=False, seed=1):
        """`direct`: the fleet's connections do not go through the network that can be broken, whose capacity is smaller."""
        self.folder, self.seed = pathlib.Path(folder), seed
        self.network = Network()
        self._mount(disk)
        self.postgres = Postgres(folder)
        self.postgres.create_database("tellercast")
        self.database = Database(self.postgres, "tellercast")
        self.redis_server = Redis(folder)
        self.broker = self._open_broker()
        self.branches = {f"B{b:04}": [f"B{b:04}-A{a}" for a in range(1, 10)] for b in range(1, branches + 1)}
        self.pull = [f"P{p:04}" for p in range(1, branches + 1)]
        self.simulated = branches * 11
        self.size = self.simulated + len(self.real)
        self.rounds = 0
        self._open_routes(direct)
        self.webhook = self._open_webhook()
        self.orchestrators = [self._orchestrator(number) for number in range(1, orchestrators + 1)]
        for orchestrator in self.orchestrators:
            orchestrator.wait_until_ready()
        self.database.rows(AUDIT)
        self._import()
        self.keys = self.folder / "keys.json"
        private = self.folder / "data/signing-key.json"
        self.keys.write_text(subprocess.run([BIN / "tellercast", "key", "public", private], check=True,
                                            capture_output=True, text=True).stdout)
        self.fleets = self._start_fleets()
        self.spy = self._open_spy()
        self.clients = {name: self._client(name) for name in self.real}
        for one, size in self.fleets:
            one.wait_until_connected(size)
        self._wait_until_online()

    # parts

    def _mount(self, disk):
        """Makes a small disk for PostgreSQL, so that it can be filled."""
        (self.folder / "postgres").mkdir()
        if not MAY_MOUNT:
            return
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={disk}", "tellercast", self.folder / "postgres"], check=True)
        atexit.register(self._unmount)

    def _unmount(self):
        if not MAY_MOUNT:
            return
        subprocess.run(["umount", "--lazy", self.folder / "postgres"], check=False, stderr=subprocess.DEVNULL)

    def _open_broker(self):
        self.identities = Identities(self.folder / "identities")
        return KeepingMosquitto(self.folder, self.identities)

    def _open_spy(self):
        return self.broker.spy

    def _wait_until_online(self):
        wrong = self.wrong_at_guard()
        assert not wrong, wrong

    def _open_routes(self, direct):
        """Each program has its own route to each server."""
        routes = self.folder / "routes"
        routes.mkdir()
        os.chmod(routes, 0o711)
        self._open_routes_to_broker(direct)
        self.to_postgres = self.network.route(routes / ".s.PGSQL.5432", self.postgres.folder / ".s.PGSQL.5432")
        self.to_redis = self.network.route(routes / "redis.sock", self.redis_server.socket)
        self.endpoints = []  # the ports of the orchestrators' HTTP endpoints
        self.to_artifacts = self.network.route(free_port(), self.endpoints)
        self.routes = routes

    def _open_routes_to_broker(self, direct):
        own = self.broker.device_port
        self.to_fleet = Direct(own) if direct else self.network.route(free_port(), own)
        self.to_clients = self.network.route(free_port(), own)
        self.to_broker = self.network.route(free_port(), self.broker.operations_port)

    def _orchestrator(self, number):
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        own = {
            "data_folder": str(data), "lease": LEASE, **self._more_settings(),
            "database": f"host={self.routes} port=5432 user=tellercast dbname=tellercast connect_timeout=2 "
                        "tcp_user_timeout=3000",
            "broker": self._broker_of_orchestrator(number),
            "redis": {**(self.redis_server.settings if self.knows_redis_user else {}), "socket": str(self.routes / "redis.sock")},
            "scheduler": {"period": "200ms"}, "conductor": {"period": "200ms", "progress_period": "1s"},
        }
        made = Orchestrator(self.folder, number, own, {"http": self._http_of_orchestrators()}, self.orchestrator_program)
        self.endpoints.append(made.http.port)
        return made

    def _open_webhook(self):
        return Webhook(self.folder)

    def _more_settings(self):
        """Of orchestrators, whose HTTP endpoint has no tokens."""
        return {"insecure_loopback": True, "webhooks": self.webhook.settings()}

    def _broker_of_orchestrator(self, number):
        own = self.broker.settings("orchestrator", f"orchestrator-{number}")
        return {**own, "port": self.to_broker.listen, "guard": "tellercast"}

    def _http_of_orchestrators(self):
        return {"public_url": f"http://127.0.0.1:{self.to_artifacts.listen}"}

    @property
    def real(self):
        atms = [atm for branch in self.real_branches.values() for atm in branch]
        return [*self.real_branches, *atms, *self.real_pull]

    def _client(self, name, programs=BIN):
        role = "node" if name in self.real_branches else "pull" if name in self.real_pull else "atm"
        branch = None if role == "pull" else name.split("-")[0]
        counted = self.folder / f"counted-install-{name}"
        self.write_installer(counted, programs)
        settings = {"actions": {"install": str(counted), "rollback": str(counted)}, **self._settings_of_client(name)}
        return Client(self.folder, role, name, branch, self.to_clients.listen, self.keys, settings, programs)

    def _settings_of_client(self, name):
        return {"broker": self.identities.settings("device", name)}

    def write_installer(self, counted, programs):
        """Replaces an existing installer at once."""
        fresh = counted.with_suffix(".fresh")
        fresh.write_text(COUNTED_INSTALL.format(seed=self.seed, folder=self.folder, installer=programs / INSTALLER.name))
        fresh.chmod(0o755)
        fresh.rename(counted)

    def _start_fleets(self):
        """Starts the fleets, each with the number of its devices."""
        return [(self.simulate(self.branches, self.pull), self.simulated)]

    def simulate(self, branches, pull, number=1, programs=BIN):
        return Fleet(self.folder, fleet(branches, pull), self.behaviour, self.to_fleet.listen, self.keys, number,
                     ("--quiet", *self.broker.fleet_options()), programs)

    def _import(self):
        everybody = fleet({**self.branches, **self.real_branches}, [*self.pull, *self.real_pull], labels=LABELS)
        answer = self.http.import_fleet(everybody)
        assert answer.status == 200, answer

    @property
    def http(self) -> Http:
        return next(one for one in self.orchestrators if one.is_running()).http

    def insist(self, what, call, statuses=(200, 201)):
        """Repeats the call until its answer is good, as an operator does in a bad night."""

        def answered():
            try:
                answer = call(self.http)
            except (OSError, http.client.HTTPException, StopIteration):
                return None
            return answer if answer.status in statuses else None

        return wait_for(answered, what, INSIST_S).json()

    def ask_fleet(self, what, **more):
        """With several fleets, returns the values that all have, and the sums of their counters."""
        answers = [one.ask(what, **more) for one, _ in self.fleets]
        assert all(answer["ok"] for answer in answers), answers
        return functools.reduce(add_up, answers)

    # the guard

    def wrong_at_guard(self):
        """Waits until the guard has the table of devices that the database has, and counts exactly those who are connected.
        Returns what is still wrong after a while."""
        devices = self.database.row("SELECT count(*) AS devices, count(retired_at) AS retired FROM device")
        is_right = {"mode": "enforce", "is_current": True, "device": self.size, "operator": 0,
                    "orchestrator": CONNECTIONS * len(self.orchestrators) + WATCHES, **devices}
        found = {}

        def differs():
            status = self.broker.status()
            current = any(one.http.document("/v1/broker/guard")["is_current"] for one in self.orchestrators)
            found.update({**status, **status["table"], **status["connected"], "is_current": current})
            return {key: (found[key], value) for key, value in is_right.items() if found[key] != value}

        end = time.monotonic() + GUARD_S
        while (wrong := differs()) and time.monotonic() < end:
            time.sleep(ASK_S)
        return wrong

    # rollouts

    def add_artifact(self, version):
        content = f"{APPLICATION} {version}\n".encode() * 2000
        self.insist("the artifact is taken", lambda http: http.add_artifact(content, version=version))

    def submit(self, name, version, **spec):
        """Submits through any open endpoint."""
        document = plan(name, artifact={"name": APPLICATION, "version": version}, execution=QUICK,
                        groups=[{"name": "all", "percentage": 100, "success": 0}], **spec)
        return self.insist(f"{name} is accepted", lambda http: http.submit(document, key=name))["rollout"]

    def is_settled(self, rollouts):
        try:
            open_ones = self.database.value(
                "SELECT count(*) FROM rollout WHERE id = ANY (%s) AND state NOT IN "
                "('completed', 'halted', 'cancelled', 'rejected')", rollouts)
        except psycopg2.Error:
            self.database.forget()
            return False
        return open_ones == 0

    def clients_are_confirmed(self):
        """Returns whether their outboxes are empty."""
        return not [left for client in self.clients.values() for left in (client.folder / "outbox").iterdir()]

    # faults and repairs

    def begin_round(self):
        """Saves the present state, which is an old one later."""
        self.rounds += 1
        self.broker.send(signal.SIGUSR1)  # it writes its state
        self.redis_server.connect().save()
        self.broker.save()
        shutil.copy(self.redis_dump, self.folder / "redis.saved")

    @property
    def redis_dump(self):
        return self.redis_server.folder / "dump.rdb"

    def restore_redis(self):
        shutil.copy(self.folder / "redis.saved", self.redis_dump)

    def start_postgres(self):
        if not self.postgres.is_running():
            wait_for(self._try_postgres, "PostgreSQL starts, and nothing of the killed one is left", 60)
        self.database.forget()

    def _try_postgres(self):
        (self.postgres.folder / "data/postmaster.pid").unlink(missing_ok=True)
        try:
            self.postgres.start()
        except AssertionError:
            return False
        return True

    def signal_postgres(self, number):
        """Signals all its processes, each of which leads its own group."""
        children = pathlib.Path(f"/proc/{self.postgres.pid}/task/{self.postgres.pid}/children").read_text().split()
        for pid in [self.postgres.pid, *map(int, children)]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def fill_disk(self):
        """Fills the disk of PostgreSQL alone, a file system of its own."""
        ballast = self.postgres.folder / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 20))
            except OSError:
                pass

        def mend():
            ballast.unlink()
            self.start_postgres()

        return mend

    def make_whole(self):
        """Repairs everything, whatever the faults left."""
        for one in self.orchestrators:
            if not one.is_running():
                one.start()
        for one in self.orchestrators:
            one.wait_until_ready()
        self.database.forget()
        for one, size in self.fleets:
            one.wait_until_connected(size * 99 // 100)  # some of which always crash

    def describe(self, rollouts):
        """Returns a description for a round that does not end."""
        self.database.forget()
        try:
            return [f"rollout {rollout}: {self.database.rollout(rollout)['state']} {self.database.states(rollout)}"
                    for rollout in rollouts]
        except psycopg2.Error as error:
            return [f"the database says nothing: {error}"]

    # the end

    def keep_logs(self):
        """Keeps the logs of all programs and the state of the clients, outside the testbed's folder."""
        kept = pathlib.Path(os.environ.get("TELLERCAST_LOGS", "/tmp")) / "faults"
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        for log in [*self.folder.glob("*.log"), *self.folder.glob("*/*.log")]:
            shutil.copy(log, kept)
        for name in self.clients:
            shutil.copytree(self.folder / name, kept / name, ignore=shutil.ignore_patterns("*.socket"))
        print(f"the logs are in {kept}", flush=True)

    def close(self):
        self.spy.close()
        for client in self.clients.values():
            client.kill()
        for one, _ in self.fleets:
            one.kill()
        for orchestrator in self.orchestrators:
            orchestrator.kill()
        for server in (self.broker, self.redis_server, self.postgres):
            server.kill()
        self.network.close()
        self.webhook.close()
        self._unmount()


__all__ = ["Testbed", "Process", "REAL_ATMS", "REAL_BRANCH", "REAL_PULL", "QUICK", "LEASE"]
