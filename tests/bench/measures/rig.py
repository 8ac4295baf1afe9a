"""The servers of one measure, and its programs."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from harness.programs import BIN, ORCHESTRATOR_USER, Orchestrator, command_line
from harness.servers import Postgres, Redis

from .brokers import Authorities, PlainBroker, SecureBroker

DATABASE = "bench"
LOOK_EVERY_S = 0.25
BEHIND = 10  # a nice value


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def put_behind(process):
    """Lets all others have the processors first. For what stands for machines that are elsewhere."""
    for thread in os.listdir(f"/proc/{process.pid}/task"):
        os.setpriority(os.PRIO_PROCESS, int(thread), BEHIND)
    group = pathlib.Path(f"/proc/{process.pid}/autogroup")  # of its session, where the kernel shares by sessions
    if group.exists():
        group.write_text(str(BEHIND), encoding="ascii")


class Rig:
    """Starts servers at their first use, and stops them at the end. `is_quick`: the measure is only to show that it works."""

    def __init__(self, is_quick=False):
        self.is_quick = is_quick
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="b-", dir=os.environ.get("TELLERCAST_SCRATCH", "/tmp")))
        self.folder.chmod(0o711)
        self.processes = []
        self._logs = 0
        self._postgres = None
        self._redis = None
        self._authorities = None

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

    def new_log(self, name):
        """A log of one process alone, so that a wait finds no line of an earlier process."""
        self._logs += 1
        return self.folder / f"{name}-{self._logs}.log"

    @property
    def postgres(self):
        """With the memory that docs/operations.md gives a large fleet."""
        if self._postgres is None:
            settings = self.folder / Postgres.kind / "settings.conf"
            settings.parent.mkdir()
            settings.write_text("shared_buffers = 2GB\n", encoding="utf-8")
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

    def broker(self, orchestrator=ORCHESTRATOR_USER, more_rights=""):
        """A new broker without TLS; `more_rights` are lines of its access list."""
        return self.keep(PlainBroker(tempfile.mkdtemp(prefix="m", dir=self.folder), orchestrator, more_rights))

    def secure_broker(self, has_guard):
        if self._authorities is None:
            self._authorities = Authorities(self.folder / "pki")
        return self.keep(SecureBroker(tempfile.mkdtemp(prefix="m", dir=self.folder), self._authorities, has_guard))

    def psql(self, *statements):
        """Runs statements one by one, as psql does; returns the rows of the last."""
        command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.database]
        for statement in statements:
            command += ["-c", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def wait_for_state(self, rollout, state, count, seconds=600):
        """Waits until so many instructions of the rollout are in a state. Looks seldom, since each look costs time."""
        deadline = time.monotonic() + seconds
        with self.postgres.connect(DATABASE).cursor() as cursor:
            while True:
                cursor.execute("SELECT coalesce(sum(count), 0) FROM counter JOIN instruction_state USING (state) "
                               "WHERE rollout_id = %s AND name = %s", (rollout, state))
                found = int(cursor.fetchone()[0])
                if found == count:
                    return
                assert time.monotonic() < deadline, f"after {seconds} s {found} of {count} instructions are {state}"
                time.sleep(LOOK_EVERY_S)

    def program(self, name, *arguments):
        """Runs a program of the build to its end and returns the JSON that it printed."""
        done = subprocess.run([BIN / name, *map(str, arguments)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{name} failed: {done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def orchestrator(self, broker, number=1, **settings):
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        own = {"data_folder": str(data), "database": self.database, "insecure_loopback": True,
               "broker": broker.orchestrator_settings, "redis": {"socket": str(self.redis.socket)}}
        return self.keep(Orchestrator(self.folder, number, own, settings)).wait_until_ready()

    def import_fleet(self, orchestrator, file):
        answer = orchestrator.http.import_fleet(file.read_text(), "text/csv")
        assert answer.status == 200, answer

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
