"""Private PostgreSQL, Redis and mosquitto, started as ./run starts them."""

import contextlib
import getpass
import itertools
import json
import os
import pathlib
import random
import signal
import socket
import subprocess

import psycopg2
import redis

from .process import Process
from .wait import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[3]
SERVER = ROOT / "scripts/server"
# What scripts/environment.sh lets through for sanitizers, and for the coverage of scenarios.
KEPT_VARIABLES = {"TELLERCAST_KEPT_VARIABLES": "LD_PRELOAD ASAN_OPTIONS LSAN_OPTIONS TSAN_OPTIONS UBSAN_OPTIONS LLVM_PROFILE_FILE"}
ROLES = ROOT / "packaging/roles.sql"
PROGRAMS = pathlib.Path(os.environ.get("TELLERCAST_BIN", ROOT / "build/release/bin")).resolve()


def _ports():
    """Those of this process: below those that the system gives to outgoing connections and those that scripts/process.sh takes.
    Each worker of pytest has a share of its own, since a port is free until its server has started."""
    first, end = 20000, 26000
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    share = (end - first) // workers
    ports = list(range(first + number * share, first + (number + 1) * share))
    random.shuffle(ports)
    return itertools.cycle(ports)


_PORTS = _ports()


def free_port():
    """Returns a free port, and the same one again only after all others."""
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def are_open(*ports):
    """mosquitto opens its listeners one after the other: who waits for a broker names them all."""

    def is_open(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return all(map(is_open, ports))


class Server(Process):
    """A server in `folder` that can be stopped and started again there."""

    kind = None

    def __init__(self, folder, environment=None):
        self.folder = pathlib.Path(folder) / self.kind
        self.folder.mkdir(exist_ok=True)
        pathlib.Path(folder).chmod(0o711)  # the server's user may enter
        self._environment = {**KEPT_VARIABLES, **(environment or {})}
        self._log = pathlib.Path(folder) / f"{self.kind}.log"
        self.start()

    def start(self):
        signal_number = signal.SIGINT if self.kind == "postgres" else signal.SIGTERM
        command = [SERVER, self.kind, self.folder]
        super().__init__(self.kind, command, self._log, signal_number, self._environment)
        self.wait_until(self.answers, f"{self.kind} is ready")

    def answers(self):
        raise NotImplementedError


class Postgres(Server):
    """Its administrator is the role `tellercast`. A database of `create_migrated` belongs to the role that migrates, and
    orchestrators use the role that runs, as in an installation."""

    kind = "postgres"
    template = "tellercast_template"
    port = 5432  # in the name of its socket
    _has_template = False

    def connect(self, database="postgres"):
        """A session in which, as in those of an orchestrator, no statement is compiled."""
        connection = psycopg2.connect(self.address(database), connect_timeout=5, options="-c jit=off")
        connection.autocommit = True
        return connection

    def address(self, database, role="tellercast"):
        return f"host={self.folder} port={self.port} user={role} dbname={database}"

    def answers(self):
        try:
            self.connect().close()
            return True
        except psycopg2.Error:
            return False

    def create_database(self, name):
        """Creates an empty database of the administrator."""
        self._do(f'CREATE DATABASE "{name}"')

    def create_migrated(self, name):
        """Copies a database that was made once, by the program under test. To copy its files takes less than to log the copy."""
        if not self._has_template:
            self.create_database(self.template)
            self.give_to_roles(self.template)
            self.migrate(self.template)
            self._has_template = True
        self._do(f'CREATE DATABASE "{name}" OWNER tellercast_migrate TEMPLATE {self.template} STRATEGY FILE_COPY',
                 f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC',
                 f'GRANT CONNECT ON DATABASE "{name}" TO tellercast_run, tellercast_read')

    def _do(self, *statements):
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def give_to_roles(self, name):
        """Makes the roles and gives them the database, as an administrator does."""
        subprocess.run(("psql", "-X", "-q", "-d", self.address(name), "-f", ROLES), check=True, timeout=120)

    def let_in(self, role):
        """Allows this user of the system one more role."""
        with open(self.folder / "data/pg_ident.conf", "a", encoding="utf-8") as names:
            names.write(f'tellercast "{getpass.getuser()}" {role}\n')
        self._do("SELECT pg_reload_conf()")

    def migrate(self, name, role="tellercast_migrate", check=True, programs=PROGRAMS):
        """Runs `tellercastd migrate`, which may belong to another version; returns its end."""
        settings = self.folder.parent / "migrate.yaml"
        settings.write_text(f"database_migration: '{self.address(name, role)}'\n", encoding="utf-8")
        return subprocess.run((programs / "tellercastd", "migrate", "--config", settings), check=check, timeout=120,
                              capture_output=True, text=True)

    def drop_database(self, name):
        self._do(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def send_all(self, number):
        """Sends a signal to all its processes, each of which leads its own group."""
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="utf-8").split()
        for pid in [self.pid, *map(int, children)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def set(self, *lines):
        with open(self.folder / "data/postgresql.conf", "a", encoding="utf-8") as settings:
            settings.writelines(f"{line}\n" for line in lines)

    def standby(self, folder):
        """Adds a synchronous standby, without which nothing is committed from now on."""
        self.stop()
        self.set("wal_level = replica", "max_wal_senders = 4")
        self.start()
        own = pathlib.Path(folder) / self.kind
        own.mkdir()
        command = ("pg_basebackup", f"--host={self.folder}", "--username=tellercast", f"--pgdata={own}/data",
                   "--write-recovery-conf", "--no-sync")
        subprocess.run(command, check=True, timeout=120)
        if os.geteuid() == 0:
            subprocess.run(("chown", "-R", "postgres:postgres", own), check=True)
        with open(own / "data/postgresql.conf", "a", encoding="utf-8") as settings:
            settings.write(f"unix_socket_directories = '\"{own}\"'\nsynchronous_standby_names = ''\n")
        standby = Postgres(folder)
        with self.connect().cursor() as cursor:
            cursor.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            cursor.execute("SELECT pg_reload_conf()")
        return standby


class QuickPostgres(Postgres):
    """A small one that does not wait for the disk. Its data survives kill -9 of all its processes: only the system could lose it."""

    def __init__(self, folder):
        own = pathlib.Path(folder) / self.kind
        own.mkdir(exist_ok=True)
        (own / "settings.conf").write_text("fsync = off\nshared_buffers = 64MB\nmax_wal_size = 256MB\n", encoding="utf-8")
        super().__init__(folder)


class Redis(Server):
    """Orchestrators that use its `settings` have the user that an installation has; the user `default` is the test itself."""

    kind = "redis"
    user = "tellercast"
    _printed = None

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.socket = folder / "redis/redis.sock"
        password = folder / "redis-password"
        password.write_text("secret of redis\n", encoding="utf-8")
        password.chmod(0o600)
        self.settings = {"socket": str(self.socket), "user": self.user, "password_file": str(password)}
        self.users = folder / "redis/users.acl"
        self.users.parent.mkdir(exist_ok=True)
        self.access = self._print_access(folder)
        self.users.write_text("user default on nopass ~* &* +@all\n" + self.access + "\n", encoding="utf-8")
        super().__init__(folder)

    def _print_access(self, folder):
        """Returns the user's line, which is the same for all, since they have the same password."""
        if self._printed is None:
            Redis._printed = print_redis_acl(folder, self.settings).splitlines()[1]
        return self._printed

    def give_access(self):
        """Gives the orchestrators' user its rights again."""
        _, name, *rules = self.access.split()
        self.connect().execute_command("ACL", "SETUSER", name, "reset", *rules)

    def connect(self):
        return redis.Redis(unix_socket_path=str(self.socket), decode_responses=True)

    def answers(self):
        try:
            return self.connect().ping()
        except redis.RedisError:
            return False


def print_redis_acl(folder, redis):
    """The users of Redis, as tellercastd prints them for these settings."""
    file = folder / "redis.yaml"
    file.write_text(json.dumps({"redis": redis}), encoding="utf-8")
    return subprocess.run((PROGRAMS / "tellercastd", "--config", file, "--print-redis-acl"), check=True, timeout=60,
                          capture_output=True, text=True).stdout


class Mosquitto(Server):
    """A broker with an access list and without TLS."""

    kind = "mosquitto"

    def __init__(self, folder, acl):
        self.port = self.device_port = self.operations_port = free_port()
        own = pathlib.Path(folder) / "mosquitto"
        own.mkdir(exist_ok=True)
        (own / "acl").write_text(acl, encoding="utf-8")
        super().__init__(folder, {"MOSQUITTO_PORT": str(self.port)})

    def answers(self):
        return are_open(self.port)

    def restart_with_memory(self, more_rights=""):
        """From now on it keeps what it retains, also when it dies: as it was when it last wrote that. `more_rights` are lines of
        its access list."""
        self.stop()
        self._environment["LASTING"] = "yes"
        if more_rights:
            with open(self.folder / "acl", "a", encoding="utf-8") as rights:
                rights.write(more_rights)
        self.start()

    def restart_with_short_queues(self):
        """It keeps no messages for a client that has all in flight that it takes, and drops them."""
        self.stop()
        (self.folder / "listeners").write_text("max_queued_messages 1\n", encoding="utf-8")
        self.start()

    def settings(self, _kind, _name):
        """Returns the settings `broker` of a program that connects as `_name`, except its user name."""
        return {"port": self.port}

    def voice(self, _kind, name):
        """Returns the arguments of a Wire that connects as `name`."""
        return {"port": self.port, "name": name}

    @staticmethod
    def fleet_options():
        """Returns the options of the simulated fleet."""
        return []


__all__ = ["Postgres", "Redis", "Mosquitto", "ROOT", "free_port", "wait_for"]
