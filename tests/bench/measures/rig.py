"""The servers of one measure, and the programs beside them."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from harness.programs import BIN, ORCHESTRATOR_USER, Orchestrator, command_line
from harness.servers import Mosquitto, Postgres, Redis
from harness.stack import access_list

DATABASE = "bench"
OPEN_ACL = "topic readwrite #\n"


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


class Rig:
    """Servers are started when they are first asked for, and gone at the end."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="b-", dir=os.environ.get("TELLERCAST_SCRATCH", "/tmp")))
        self.folder.chmod(0o711)
        self.processes = []
        self._postgres = None
        self._redis = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self, process):
        self.processes.append(process)
        return process

    def end(self, process):
        process.stop()
        self.processes.remove(process)

    @property
    def postgres(self):
        if self._postgres is None:
            self._postgres = self.keep(Postgres(self.folder))
            self._postgres.create_database(DATABASE)
        return self._postgres

    @property
    def database(self):
        return self.postgres.address(DATABASE)

    @property
    def redis(self):
        if self._redis is None:
            self._redis = self.keep(Redis(self.folder))
        return self._redis

    def broker(self):
        """A new broker, without an access list: both sides of a ratio have the same."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="m", dir=self.folder))
        return self.keep(Mosquitto(folder, access_list()))

    def open_broker(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="m", dir=self.folder))
        return self.keep(Mosquitto(folder, OPEN_ACL))

    def psql(self, *statements):
        """Runs statements one by one, as psql does; returns the rows of the last."""
        command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.database]
        for statement in statements:
            command += ["-c", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def program(self, name, *arguments):
        """Runs a program of the build to its end and returns the JSON that it printed."""
        done = subprocess.run([BIN / name, *map(str, arguments)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{name} failed: {done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def orchestrator(self, broker, **settings):
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        own = {"data_folder": str(data), "database": self.database,
               "broker": {"port": broker.port, "user": ORCHESTRATOR_USER}, "redis": {"socket": str(self.redis.socket)}}
        return self.keep(Orchestrator(self.folder, 1, own, settings)).wait_until_ready()

    def trusted_keys(self):
        """The public half of the orchestrator's key."""
        keys = self.folder / "trusted-keys.json"
        keys.write_text(command_line("key", "public", self.folder / "data/signing-key.json").stdout)
        return keys

    def fleet_file(self, **shape):
        """A generated fleet, as `tellercast fleet generate` writes it."""
        options = [word for name, value in shape.items() for word in (f"--{name}", value)]
        file = self.folder / "fleet.csv"
        file.write_text(command_line("fleet", "generate", *options).stdout)
        return file
