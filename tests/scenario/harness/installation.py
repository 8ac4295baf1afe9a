"""./run up and down: a permanent installation, with the programs under test."""

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile

import psycopg2

from .programs import BIN
from .servers import KEPT_VARIABLES, ROOT, free_port
from .stack import SANITIZED

PARTS = ["postgres", "redis", "mosquitto", "tellercastd"]
# Like ./run, but with programs that are built already.
RUN = """
set -euo pipefail
. scripts/talk.sh
. scripts/process.sh
. scripts/environment.sh
. scripts/servers.sh
. scripts/credentials.sh
. scripts/daemon.sh
. scripts/installation.sh
setup_packages() { :; }
build_preset() { BIN=$TELLERCAST_BIN GUARD=$TELLERCAST_GUARD; }
"""
# mosquitto has no sanitizer, so it cannot load a guard that has one.
GUARD = (ROOT / "build/release/bin" if SANITIZED else BIN) / "../lib/tellercast_guard.so"


def hear_interrupts():
    """Lets SIGINT have its effect: a shell cannot trap a signal that was ignored at its start, as in a background job."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(command, *arguments, programs=BIN, user=None):
    environment = {**os.environ, **KEPT_VARIABLES, "ROOT": str(ROOT), "TELLERCAST_BIN": str(programs), "TELLERCAST_GUARD": str(GUARD)}
    return subprocess.Popen(["bash", "-c", RUN + command, "run", *map(str, arguments)], cwd=ROOT, env=environment,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            start_new_session=True, preexec_fn=hear_interrupts, user=user, group=user,
                            extra_groups=[] if user else None)


def run(command, *arguments, user=None):
    """Returns the exit code and all output."""
    process = start(command, *arguments, user=user)
    said, _ = process.communicate(timeout=120)
    return process.returncode, said


def installation(verb, data):
    return run('installation "$@"', verb, "--data", data)


def process_of(data, part):
    return int((data / "run" / f"{part}.pid").read_text(encoding="utf-8").split()[0])


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def make_folder(scratch):
    """A folder whose path contains every character that needs quotes, with ports that no other program uses."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="i'", suffix='"\\ $', dir=scratch))
    folder.chmod(0o711)
    for part in ("devices", "operations", "http", "est"):
        (folder / f"{part}.port").write_text(f"{free_port()}\n", encoding="utf-8")
    yield folder
    installation("down", folder)


def user_of(pid):
    return os.stat(f"/proc/{pid}").st_uid


def ask_postgres(data, role, statement, database="tellercast"):
    address = {"host": str(data / "postgres"), "port": 5432, "user": role, "dbname": database}
    with contextlib.closing(psycopg2.connect(**address)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def port_of(data, name):
    return int((data / f"{name}.port").read_text(encoding="utf-8"))


def trust_of(data):
    return data / "pki/operations/trust.pem"
