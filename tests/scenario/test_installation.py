"""./run up and down: a permanent installation, with the programs under test."""

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess

import psycopg2
import pytest
from harness.installation import (PARTS, ask_postgres, installation, is_running, make_folder, port_of, process_of, run, start,
                                  trust_of)
from harness.programs import BIN
from harness.servers import ROOT, free_port
from harness.wait import wait_for


@pytest.fixture
def data(scratch):
    yield from make_folder(scratch)


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


def ask_redis(data, *command, user=None):
    """Returns what redis-cli says."""
    as_user = ["--user", user, "--pass", (data / "redis-password").read_text(encoding="utf-8").strip()] if user else []
    return subprocess.run(["redis-cli", "-s", data / "redis/redis.sock", "--no-auth-warning", *as_user, *command],
                          capture_output=True, text=True, check=False, timeout=20).stdout.strip()


def assert_is_closed(data):
    """Redis has one user, who may do little, and the daemon is not an administrator of PostgreSQL."""
    assert ask_redis(data, "get", "tc:probe").startswith("NOAUTH")
    assert ask_redis(data, "flushall", user="tellercast").startswith("NOPERM")
    assert ask_redis(data, "getrange", "tc:probe", "0", "-1", user="tellercast") == "1"
    daemons = ask_postgres(data, "tellercast", "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE "
                                               "'tellercastd%'")
    assert daemons == [("tellercast_run",)]
    owners = ask_postgres(data, "tellercast_read", "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert owners == [("tellercast_migrate",)]
    assert stat.S_IMODE((data / "redis-password").stat().st_mode) == 0o600
    access = (data / "postgres/data/pg_hba.conf").read_text(encoding="utf-8").splitlines()
    assert access and all(line.endswith("peer map=tellercast") for line in access)
    assert_asks_for_credentials(data)


def assert_asks_for_credentials(data):
    """Broker and HTTP let in who has a certificate or the token, and nobody else."""
    devices, operations, http = (port_of(data, name) for name in ("devices", "operations", "http"))
    operator = data / "certificates/operator"
    assert is_let_in(data, operations, operator) and not is_let_in(data, devices, operator)
    assert not is_let_in(data, operations, None) and not is_let_in(data, devices, None)
    answer = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", trust_of(data),
                             f"https://127.0.0.1:{http}/v1/rollouts"], capture_output=True, text=True, check=False)
    assert answer.stdout == "401"
    code, said = run('. "$1/environment" && tellercast rollout list', data)
    assert code == 0, said


def is_let_in(data, port, certificate):
    """Returns whether the broker answers a connection with this certificate, or none, by a session."""
    own = ["--cert", certificate / "cert.pem", "--key", certificate / "key.pem"] if certificate else []
    done = subprocess.run(["mosquitto_sub", "-V", "mqttv5", "-i", "operator/probe", "-h", "127.0.0.1", "-p", str(port), "--cafile",
                           trust_of(data), *own, "-t", "tc/v1/operator/operator/answer/+", "-E"], capture_output=True,
                          text=True, check=False, timeout=20)
    return done.returncode == 0


def test_an_installation_has_roles_and_a_user_of_redis(data):
    code, said = installation("up", data)
    assert code == 0, said
    assert_is_closed(data)


def test_the_roles_of_an_installation_reach_no_other_database(data):
    code, said = installation("up", data)
    assert code == 0, said
    for role in ("tellercast_migrate", "tellercast_run", "tellercast_read"):
        assert ask_postgres(data, role, "SELECT current_database()") == [("tellercast",)]
        for database in ("postgres", "template1"):
            with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
                ask_postgres(data, role, "SELECT 1", database)


def test_an_older_installation_gets_roles_and_a_user_of_redis_and_keeps_its_data(data):
    """An older version trusted everybody, and its daemon was the administrator of the database."""
    before = ('DATA=$1 LOGS=$1/logs LASTING=yes BIN=$TELLERCAST_BIN; export LASTING; open_data_folder; '
              'launch_part postgres INT scripts/server postgres "$DATA/postgres"; '
              'server_is_up postgres "$PID" postgres_is_ready "$DATA"; let_parts_live; '
              'query "$(database_of "$DATA" tellercast postgres)" "CREATE DATABASE tellercast"; '
              'printf "database: %s\n" "$(quote_yaml "$(database_of "$DATA" tellercast)")" >"$DATA/one-role.yaml"; '
              '"$BIN/tellercastd" migrate --config "$DATA/one-role.yaml"; '
              'query "$(database_of "$DATA" tellercast)" "INSERT INTO branch (id, name, zone) VALUES (\'B1\', \'kept\', \'UTC\')"; '
              'cat "$DATA/one-role.yaml"; for name in redis/redis.sock data tellercast.sock; do quote_yaml "$DATA/$name"; echo; done')
    code, said = run(before, data)
    assert code == 0, said
    database, redis, folder, socket_path = said.splitlines()[-4:]
    broker, http = free_port(), port_of(data, "http")
    (data / "mosquitto.port").write_text(f"{broker}\n", encoding="utf-8")
    settings = data / "tellercastd.yaml"
    mine = "# A line of the operator.\nlease: 5s\n"
    settings.write_text(f"data_folder: {folder}\n{database}\nbroker: {{port: {broker}, user: orchestrator}}\n"
                        f"redis: {{socket: {redis}}}\nhttp: {{port: {http}, public_url: \"http://127.0.0.1:{http}\"}}\nsocket: {{path: {socket_path}}}\n" + mine,
                        encoding="utf-8")
    assert installation("down", data)[0] == 0
    (data / "postgres/data/pg_hba.conf").write_text("local all all trust\n", encoding="utf-8")
    for _ in range(2):
        code, said = installation("up", data)
        assert code == 0, said
        assert_is_closed(data)
        assert ask_postgres(data, "tellercast_read", "SELECT name FROM branch") == [("kept",)]
        assert settings.read_text(encoding="utf-8").endswith(mine)


def test_settings_that_a_person_changed_are_kept_and_other_ports_in_them_are_said(data):
    """It was up once, and then an operator changed its settings."""
    assert installation("up", data)[0] == 0
    settings = data / "tellercastd.yaml"
    installation("down", data)
    changed = "".join(line for line in settings.open(encoding="utf-8") if not line.startswith("est:")) + "lease: 5s\n"
    settings.write_text(changed, encoding="utf-8")
    code, said = installation("up", data)
    assert code == 0 and f"lacks port {port_of(data, 'est')} of EST" in said and "of the broker" not in said, said
    assert settings.read_text(encoding="utf-8") == changed
    installation("down", data)
    (data / "operations.port").write_text(f"{free_port()}\n", encoding="utf-8")
    up = start('installation "$@"', "up", "--data", data)
    said = iter(up.stdout.readline, "")
    assert any(f"{settings} is kept" in line for line in said)
    up.send_signal(signal.SIGTERM)  # it is not ready without its broker
    up.communicate(timeout=60)
    assert settings.read_text(encoding="utf-8") == changed


@pytest.mark.parametrize("command", ["setup", "build", "demo", "up", "down", "status", "test", "property", "bench", "faults",
                                     "fuzz", "lint"])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_of_run_shows_its_usage_and_does_nothing(command, option):
    done = subprocess.run(["./run", command, option], cwd=ROOT, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0 and done.stdout.startswith("Usage: ./run COMMAND") and not done.stderr


def test_help_looks_at_no_process(tmp_path):
    """There can be thousands of processes, and the help needs none of them."""
    for name in ("bash", "env", "dirname", "cat"):
        (tmp_path / name).symlink_to(shutil.which(name))
    for name in ("tr", "grep", "mktemp"):
        (tmp_path / name).write_text(f"#!/bin/bash\necho {name} >>{tmp_path}/called\nexit 1\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(["./run", "status", "-h"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=20,
                          env={"PATH": str(tmp_path)})
    assert done.returncode == 0 and done.stdout.startswith("Usage: ./run COMMAND") and not done.stderr
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("form", ["--data={}", "--data {}"])
@pytest.mark.parametrize("command, code", [("status", 1), ("down", 0)])
def test_an_option_of_run_may_have_its_value_behind_a_sign_or_a_space(form, command, code, tmp_path):
    done = subprocess.run(["./run", command, *form.format(tmp_path / "none").split()], cwd=ROOT, capture_output=True,
                          text=True, check=False, timeout=20)
    assert (done.returncode, done.stdout) == (code, f"there is no installation in {tmp_path / 'none'}\n")


@pytest.mark.parametrize("option", [["--devices=7"], ["--devices", "7"]])
def test_a_demo_says_how_many_devices_it_takes(option):
    done = subprocess.run(["./run", "demo", *option], cwd=ROOT, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1 and '--devices: found "7"' in done.stderr


@pytest.mark.parametrize("arguments", [["test", "--slow"], ["lint", "all"], ["build", "release", "debug"], ["up", "--port", "1"],
                                       ["setup", "x"], ["status", "x", "y"], ["status", "x"], ["status", "--data="],
                                       ["up", "--data"], ["demo", "7"], ["tests"]])
def test_what_run_does_not_know_is_refused_with_the_usage(arguments):
    done = subprocess.run(["./run", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("./run ") and "Usage: ./run COMMAND" in done.stderr


@pytest.mark.parametrize("file", ["devices.port", "operations.port", "http.port"])
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


def test_up_and_the_demo_wait_for_both_listeners_of_the_broker(data, scratch):
    """mosquitto opens one after the other."""
    asked = scratch / "asked"
    watch = f'eval "real_$(declare -f owns_port)"; owns_port() {{ echo "$2" >>"{asked}"; real_owns_port "$@"; }}; '
    code, said = run(watch + 'installation "$@"', "up", "--data", data)
    assert code == 0, said
    assert {port_of(data, "devices"), port_of(data, "operations")} <= set(map(int, asked.read_text(encoding="utf-8").split()))
    asked.unlink()
    code, said = run(watch + 'build_preset; SCRATCH=$1 LOGS=$1/logs; mkdir -m 711 "$1"; start_servers "$1"; echo "$DEVICE_PORT $OPERATIONS_PORT"',
                     scratch / "demo")
    assert code == 0, said
    assert set(said.splitlines()[-1].split()) <= set(asked.read_text(encoding="utf-8").split())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_up_that_is_interrupted_ends_what_it_started_and_only_that(data, tmp_path, number):
    (tmp_path / "tellercast").symlink_to(BIN / "tellercast")
    (tmp_path / "tellercastd").write_text(
        f'#!/bin/sh\ncase "$*" in migrate*|*--print*) exec "{BIN}/tellercastd" "$@" ;; esac\nexec tail -f /dev/null\n',
        encoding="utf-8")
    (tmp_path / "tellercastd").chmod(0o755)
    redis = run('DATA=$1 LOGS=$1/logs LASTING=yes BIN=$TELLERCAST_BIN; export LASTING; open_data_folder; '
                'mkdir "$DATA/socket"; have_daemon_user; write_redis_access "$DATA"; '
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
