"""./run up under root: which user each part is, and what it may read; and how a device enrols at the installation."""

import hashlib
import os
import pathlib
import pwd
import re
import shlex
import shutil
import socket
import stat
import subprocess

import pytest
from harness.installation import (PARTS, ask_postgres, installation, make_folder, port_of, process_of, run, start,
                                  trust_of, user_of)
from harness.servers import KEPT_VARIABLES

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start another user's process")
DAEMON = "tellercast"


@pytest.fixture
def data(scratch):
    yield from make_folder(scratch)


@AS_ROOT
def test_no_server_of_an_installation_runs_as_root(data):
    code, said = installation("up", data)
    assert code == 0, said
    assert_has_users_of_its_own(data)


def assert_has_users_of_its_own(data):
    """Each part runs as a user of its own; nobody looks into the folder of another, and the daemon passes to its sockets."""
    daemon = pwd.getpwnam(DAEMON)
    for part in PARTS:
        assert user_of(process_of(data, part)) == (daemon if part == "tellercastd" else pwd.getpwnam(part)).pw_uid
    for part, group, mode in (("postgres", daemon.pw_gid, 0o2710), ("redis", daemon.pw_gid, 0o2710),
                              ("mosquitto", pwd.getpwnam("mosquitto").pw_gid, 0o700)):
        found = (data / part).stat()
        assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (group, mode), part
    with socket.socket(socket.AF_UNIX) as operator:
        operator.connect(str(data / "socket/tellercast.sock"))


def as_user(user, *command):
    """Runs the command as this user; returns whether it succeeds."""
    becomes = ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--init-groups", "--"]
    return subprocess.run([*becomes, *command], cwd="/", capture_output=True, check=False, timeout=20).returncode == 0


def may(user, access, path):
    return as_user(user, "test", access, path)


@AS_ROOT
def test_the_daemon_of_an_installation_reads_what_is_its_own_and_nobody_else_does(data):
    code, said = installation("up", data)
    assert code == 0, said
    secrets = [data / name for name in ("data/signing-key.json", "redis-password", "pki/devices/key.pem",
                                        "certificates/tellercastd/key.pem")]
    others = [data / name for name in ("pki/root/key.pem", "pki/operations/key.pem", "operator-token", "admin-token", "mosquitto/server.key",
                                       "certificates/operator/key.pem", "certificates/broker/key.pem",
                                       "postgres/data/pg_hba.conf", "run/postgres.pid")]
    assert all(path.exists() for path in secrets + others) and may("nobody", "-r", trust_of(data))
    assert [path for path in secrets if not may(DAEMON, "-r", path) or may("nobody", "-r", path)] == []
    assert [path for path in others if may(DAEMON, "-r", path)] == []
    assert [path for path in (data, data / "bin", data / "bin/tellercastd", data / "tellercastd.yaml", data / "certificates",
                              data / "certificates/tellercastd", data / "pki/devices", data / "environment")
            if may(DAEMON, "-w", path)] == []
    assert not may("nobody", "-w", data / "socket/tellercast.sock")
    assert roles_open_to(data, DAEMON) == ["tellercast_run"]


def roles_open_to(data, user):
    address = f"host='{quoted(data / 'postgres')}' port=5432 dbname=tellercast"
    return [role for role in ("tellercast", "tellercast_migrate", "tellercast_run", "tellercast_read")
            if as_user(user, "psql", "-X", "-c", "SELECT 1", f"{address} user={role}")]


def quoted(path):
    """A path as libpq reads it in quotes."""
    return str(path).replace("\\", "\\\\").replace("'", "\\'")


@AS_ROOT
def test_an_installation_whose_daemon_is_root_is_handed_over_while_it_runs(data):
    """As an older version left it: the daemon and its files are root's, its socket is beside them, and it has no EST, and
    a file of tokens. Devices need no certificate for downloads."""
    assert installation("up", data)[0] == 0
    key = (data / "data/signing-key.json").read_bytes()
    assert installation("down", data)[0] == 0
    tokens = data / "tokens"
    tokens.write_text(f"operator {hashlib.sha256(b'secret').hexdigest()}\n", encoding="utf-8")
    tokens.chmod(0o600)
    for path in (data / "data", *(data / "data").rglob("*"), data / "redis-password", data / "pki/devices/key.pem",
                 data / "certificates/tellercastd/key.pem"):
        os.chown(path, 0, 0)
    shutil.rmtree(data / "socket")
    (data / "est.port").unlink()
    settings = data / "tellercastd.yaml"
    before = [re.sub(", device_issuer_file: .*}$", "}", line).replace("/socket/tellercast.sock", "/tellercast.sock")
              for line in settings.read_text(encoding="utf-8").splitlines() if not line.startswith("est:")]
    path = str(tokens).replace("'", "''")
    with_tokens = [line.replace(", certificate_file:", f", tokens_file: '{path}', certificate_file:") if line.startswith("http:") else line
                   for line in before]
    assert with_tokens != before
    settings.write_text("\n".join(with_tokens) + "\n", encoding="utf-8")
    code, said = run('DATA=$1 LOGS=$1/logs LASTING=yes BIN=$TELLERCAST_BIN; export LASTING; open_data_folder; '
                     'for part in redis mosquitto postgres; do launch_part $part INT scripts/server $part "$DATA/$part"; done; '
                     'server_is_up postgres "$PID" postgres_is_ready "$DATA"; '
                     'launch_part tellercastd TERM "$BIN/tellercastd" --config "$DATA/tellercastd.yaml"; '
                     'server_is_up tellercastd "$PID" tellercastd_is_ready "$(cat "$DATA/http.port")" "$DATA"; let_parts_live', data)
    assert code == 0, said
    assert user_of(process_of(data, "tellercastd")) == 0
    for _ in range(2):
        code, said = installation("up", data)
        assert code == 0, said
        assert_has_users_of_its_own(data)
        assert [line for line in settings.read_text(encoding="utf-8").splitlines() if not line.startswith("est:")] == [
            line.replace("/tellercast.sock", "/socket/tellercast.sock") for line in before]
        assert settings.read_text(encoding="utf-8").count("\nest: {port: ") == 1
        assert (data / "data/signing-key.json").read_bytes() == key


@AS_ROOT
def test_an_installation_comes_up_twice_as_a_user_that_is_not_root(data):
    nobody = pwd.getpwnam("nobody")
    for path in (data, *data.iterdir()):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    for _ in range(2):
        code, said = run('installation "$@"', "up", "--data", data, user=nobody.pw_uid)
        assert code == 0 and "Tellercast is up" in said, said
        assert {user_of(process_of(data, part)) for part in PARTS} == {nobody.pw_uid}
        code, said = run('installation "$@"', "down", "--data", data, user=nobody.pw_uid)
        assert code == 0, said


def variables_of(pid):
    text = pathlib.Path(f"/proc/{pid}/environ").read_text(encoding="utf-8", errors="replace")
    return dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)


def test_no_part_of_an_installation_gets_a_variable_of_who_starts_it(data, monkeypatch):
    """Some of these would also lead ./run elsewhere, where it asks whether a part is ready."""
    with monkeypatch.context() as caller:
        for name, value in (("A_SECRET", "never-shown"), ("LANG", "C"), ("PGHOSTADDR", "127.0.0.2"), ("PGOPTIONS", "-c none=1"),
                            ("https_proxy", "http://127.0.0.1:1"), ("TZ", "Asia/Tokyo")):
            caller.setenv(name, value)
        code, said = installation("up", data)
    assert code == 0, said
    kept = {"TELLERCAST_RUN", *KEPT_VARIABLES["TELLERCAST_KEPT_VARIABLES"].split()}
    for part in PARTS:
        pid = process_of(data, part)
        found = variables_of(pid)
        assert "A_SECRET" not in found and "PGHOSTADDR" not in found, part
        if part != "redis":  # it writes its title over them
            assert found.keys() - kept == {"PATH", "HOME", "LANG", "TZ"} and found["LANG"] == "C.UTF-8", (part, found)
            assert found["HOME"] == pwd.getpwuid(user_of(pid)).pw_dir or os.geteuid() != 0


def test_an_agent_enrols_at_an_installation_by_the_steps_that_it_shows(data):
    code, said = installation("up", data)
    assert code == 0 and f"{data}/agent.yaml" in said and f"https://127.0.0.1:{port_of(data, 'est')}" in said, said
    example = (data / "agent.yaml").read_text(encoding="utf-8")
    steps = [line[4:] for line in example.splitlines() if line.startswith("#   ")]
    assert len(steps) == 4 and "enroll" in steps[2] and steps[-1].startswith("tellercast-atm ")
    shown = "; ".join([f'. {shlex.quote(str(data))}/environment', *steps[:-1]])
    code, said = run(f"set -e; {shown}", data)
    assert code == 0, said
    agent = start(f'. "$1/environment"; exec {steps[-1]}', data)
    try:
        seen = iter(agent.stdout.readline, "")
        assert any("enrolment.enrolled" in line for line in seen)
        assert any("broker.connected" in line for line in seen)
    finally:
        agent.terminate()
        agent.communicate(timeout=60)
    assert not (data / "agent/code").exists()
    assert ask_postgres(data, "tellercast_read", "SELECT device FROM device_certificate") == [("B0001-A1",)]
