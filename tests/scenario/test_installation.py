"""./run up and down: a lasting installation, with the programs under test."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import tempfile

import pytest
from harness.programs import BIN
from harness.servers import ROOT, free_port
from harness.wait import wait_for

PARTS = ["postgres", "redis", "mosquitto", "tellercastd"]
# As ./run does, with programs that are built already.
RUN = """
set -euo pipefail
. scripts/talk.sh
. scripts/process.sh
. scripts/servers.sh
. scripts/installation.sh
setup_packages() { :; }
build_preset() { BIN=$TELLERCAST_BIN; }
"""


def start(command, *arguments, programs=BIN):
    environment = {**os.environ, "ROOT": str(ROOT), "TELLERCAST_BIN": str(programs)}
    return subprocess.Popen(["bash", "-c", RUN + command, "run", *map(str, arguments)], cwd=ROOT, env=environment,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            start_new_session=True)


def run(command, *arguments):
    """The exit code and all that was said."""
    process = start(command, *arguments)
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


@pytest.fixture
def data(scratch):
    """A folder whose path has all that has to be quoted, with ports that nobody else has."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="i'", suffix='"\\ $', dir=scratch))
    folder.chmod(0o711)
    for part in ("mosquitto", "http"):
        (folder / f"{part}.port").write_text(f"{free_port()}\n", encoding="utf-8")
    yield folder
    installation("down", folder)


@contextlib.contextmanager
def somebody_listens(port):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        yield


def test_an_installation_comes_up_goes_down_and_comes_up_again(data):
    for _ in range(2):
        code, said = installation("up", data)
        assert code == 0 and "Tellercast is up" in said, said
        processes = [process_of(data, part) for part in PARTS]
        assert all(map(is_running, processes))
        code, said = installation("up", data)
        assert code == 0, said
        assert [process_of(data, part) for part in PARTS] == processes
        code, said = installation("down", data)
        assert code == 0, said
        assert not any(map(is_running, processes))


@pytest.mark.parametrize("file", ["mosquitto.port", "http.port"])
def test_up_does_not_use_a_port_that_another_program_has(data, file):
    port = int((data / file).read_text(encoding="utf-8"))
    with somebody_listens(port):
        code, said = installation("up", data)
    assert code == 1
    assert f"port {port}" in said and str(data / file) in said, said
    assert not list((data / "run").iterdir())


def test_a_server_is_not_up_when_another_answers_in_its_place(scratch):
    port = free_port()
    with somebody_listens(port):
        code, said = run('LOGS=$1; touch "$LOGS/it.log"; true & server_is_up it $! owns_port "$2"', scratch, port)
        assert code == 1 and "it did not start" in said, said
        code, said = run('owns_port $$ "$1"', port)
        assert code == 1, said
        code, said = run('owns_port "$1" "$2"', os.getpid(), port)
        assert code == 0, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_up_that_is_interrupted_ends_what_it_started_and_only_that(data, tmp_path, number):
    (tmp_path / "tellercast").symlink_to(BIN / "tellercast")
    (tmp_path / "tellercastd").write_text("#!/bin/sh\nexec tail -f /dev/null\n", encoding="utf-8")
    (tmp_path / "tellercastd").chmod(0o755)
    redis = run('DATA=$1 LOGS=$1/logs LASTING=yes; export LASTING; open_data_folder; '
                'launch_part redis TERM scripts/server redis "$DATA/redis"; let_parts_live', data)
    assert redis[0] == 0, redis
    up = start('installation "$@"', "up", "--data", data, programs=tmp_path)
    wait_for(lambda: all((data / "run" / f"{part}.pid").exists() for part in PARTS), "all parts were started")
    processes = {part: process_of(data, part) for part in PARTS}
    up.send_signal(number)
    said, _ = up.communicate(timeout=60)
    assert up.returncode == 128 + number, said
    assert [part for part in PARTS if is_running(processes[part])] == ["redis"]


def test_a_path_that_postgresql_cannot_have_is_refused(scratch):
    code, said = installation("up", scratch / "a,b")
    assert code == 1 and "comma" in said, said
    assert not (scratch / "a,b").exists()
