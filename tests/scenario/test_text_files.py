"""Every text file of an operator is read, or refused with the reason: settings, plans, tokens, passwords."""

import contextlib
import json
import os
import socket
import subprocess

import pytest
from harness.people import token_of
from harness.plan import plan
from harness.process import running
from harness.programs import BIN, TELLERCAST, command_line

INVALID, ERROR, USAGE = 3, 1, 2
MARK = "\ufeff"
PLAN = plan("marked", action="run", artifact=None, parameters={"a": "b"})
SETTINGS = "instance: here\nlog: {level: info}\n"


def forms(text):
    """Forms in which editors write a text: (bytes, the reason for a refusal, or None)."""
    return [
        ((MARK + text).encode(), None), (text.replace("\n", "\r\n").encode(), None),
        ((MARK + text.replace("\n", "\r\n")).encode(), None), (text.rstrip("\n").encode(), None),
        (text.replace("\n", "\r").encode(), None), (text.encode("utf-16"), "UTF-16"),
        (text.encode("utf-16-le"), "UTF-16"), (text.encode() + b"# Z\xfcrich\n", "not UTF-8"),
        (text.encode() + b"# \0\n", "control characters"), (text.encode() + b"x:\n\ty: z\n", "tab"), (b"", "empty"),
    ]


@pytest.mark.parametrize("content, reason", forms(PLAN))
def test_a_plan_in_any_form_is_read_or_refused_with_the_reason(tmp_path, content, reason):
    file = tmp_path / "plan.yaml"
    file.write_bytes(content)
    done = command_line("plan", "validate", file, check=False)
    assert done.returncode == (0 if reason is None else INVALID), done
    assert reason is None or (reason in done.stderr and f"{file}:" in done.stderr), done


@pytest.mark.parametrize("content, reason", forms(SETTINGS))
def test_settings_in_any_form_are_read_or_refused_with_the_reason(tmp_path, content, reason):
    file = tmp_path / "settings.yaml"
    file.write_bytes(content)
    done = subprocess.run([BIN / "tellercastd", "--config", file, "--print-config"], capture_output=True, text=True,
                          timeout=60, check=False)
    assert (done.returncode == 0) == (reason is None), done
    assert ('instance: "here"' in done.stdout) if reason is None else (reason in done.stderr), done


def test_a_pipe_without_a_writer_and_a_folder_are_refused_at_once(tmp_path):
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path, reason in ((pipe, "empty"), (tmp_path, "directory")):
        done = subprocess.run([TELLERCAST, "plan", "validate", path], capture_output=True, text=True, timeout=20,
                              check=False)
        assert done.returncode != 0 and reason in done.stderr, done


def test_a_plan_from_a_slow_pipe_is_read(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN, encoding="utf-8")
    script = 'read -r line < <(sleep 0.2; echo go); cat "$0"'
    done = subprocess.run(
        ["bash", "-c", f"'{TELLERCAST}' plan validate <(bash -c '{script}' '{file}')"], capture_output=True, text=True,
        timeout=60, check=False)
    assert done.returncode == 0, done


@pytest.fixture(scope="module")
def daemon(module_stack):
    module_stack.people.add("ann")
    orchestrator = module_stack.orchestrator()
    module_stack.people.known(orchestrator.http, "ann")
    return orchestrator


def secrets(secret):
    """Files whose first line is meant to be this: (bytes, the reason why it is refused; None: it is read)."""
    return [
        (secret.encode(), None), (f"{secret}\r\n".encode(), None), (f"{MARK}{secret}\n".encode(), None),
        (f"{secret}\r".encode(), None), (f"{secret}\n".encode("utf-16"), "control characters"),
        (f"{secret[:5]}\0{secret[5:]}\n".encode(), "control characters"), (b"", "empty"), (MARK.encode(), "empty"),
        (f"\n{secret}\n".encode(), "empty"),
    ]


def secret_file(path, content, mode=0o600):
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("content, reason", secrets(token_of("ann")))
def test_a_token_file_in_any_form_is_read_or_refused_with_the_reason(daemon, tmp_path, content, reason):
    file = secret_file(tmp_path / "token", content)
    done = command_line("rollout", "list", "--server", daemon.http.url, "--token-file", file, check=False)
    assert done.returncode == (0 if reason is None else ERROR), done
    assert reason is None or reason in done.stderr
    assert "token-o" not in done.stderr


# ---- passwords --------------------------------------------------------------------------------------


@contextlib.contextmanager
def listener():
    """What a password is sent to: its port, and a function that returns the first bytes that somebody sends."""
    with socket.socket() as endpoint:
        endpoint.settimeout(60)
        endpoint.bind(("127.0.0.1", 0))
        endpoint.listen(5)

        def first_bytes():
            got = b""
            while not got:  # one that only looks whether somebody listens sends nothing
                with endpoint.accept()[0] as connection:
                    connection.settimeout(60)
                    got = connection.recv(4096)
            return got

        yield endpoint.getsockname()[1], first_bytes


def agent(tmp_path, port, file):
    """The agent of a pull client with this password file, and what it calls the file in a fault."""
    command_line("key", "create", tmp_path / "key.json")
    (tmp_path / "keys.json").write_text(command_line("key", "public", tmp_path / "key.json").stdout, encoding="utf-8")
    settings = {"device": "P1", "data_folder": str(tmp_path), "trusted_keys": str(tmp_path / "keys.json"),
                "broker": {"port": port, "password_file": str(file)}}
    (tmp_path / "pull.yaml").write_text(json.dumps(settings), encoding="utf-8")
    return [BIN / "tellercast-pull", "--config", tmp_path / "pull.yaml"], f"broker.password_file: {file}"


def submission(tmp_path, port, file):
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    return ([TELLERCAST, "rollout", "submit", tmp_path / "plan.yaml", "--via", "mqtt", "--user", "ann", "--broker",
             f"127.0.0.1:{port}", "--password-file", file], f"password file: {file}")


@pytest.mark.parametrize("program", [agent, submission])
@pytest.mark.parametrize("content, reason", secrets("a-secret"))
def test_a_password_file_in_any_form_is_read_or_refused_with_where_and_why(tmp_path, program, content, reason):
    file = secret_file(tmp_path / "password", content)
    with listener() as (port, first_bytes):
        command, where = program(tmp_path, port, file)
        with running(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as started:
            if reason is None:
                assert first_bytes().endswith(b"\0\x08a-secret"), "the last field of MQTT's CONNECT"
                started.kill()
            else:
                assert started.wait(60) == ERROR
            output = started.stderr.read()
    assert reason is None or (where in output and reason in output), output
    assert "a-sec" not in output


@pytest.mark.parametrize("key", ["broker", "redis"])
@pytest.mark.parametrize("content, reason", secrets("a-secret"))
def test_a_password_file_of_an_orchestrator_is_accepted_or_refused_with_where_and_why(tmp_path, key, content, reason):
    file, settings = secret_file(tmp_path / "password", content), tmp_path / "tellercastd.yaml"
    settings.write_text(json.dumps({"data_folder": str(tmp_path / "data"), "insecure_loopback": True,
                                    key: {"password_file": str(file)}}),
                        encoding="utf-8")
    for more in [["--check-config"], [] if reason else ["--print-config"]]:  # a start, where it is refused
        done = subprocess.run([BIN / "tellercastd", "--config", settings, *more], capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == (0 if reason is None else ERROR), done
        assert reason is None or (f"{key}.password_file: {file}" in done.stderr and reason in done.stderr), done
        assert "a-sec" not in done.stdout + done.stderr


@pytest.mark.plain_broker
def test_an_orchestrator_sends_passwords_without_the_mark_of_their_files(stack, tmp_path):
    file = secret_file(tmp_path / "password", f"{MARK}a-secret\n".encode())
    with listener() as (broker, broker_gets), listener() as (redis, redis_gets):
        orchestrator = stack.orchestrator(
            ready=False, broker={"port": broker, "password_file": str(file)},
            redis={"socket": "", "host": "127.0.0.1", "port": redis, "password_file": str(file)})
        assert broker_gets().endswith(b"\0\x08a-secret")
        assert redis_gets().endswith(b"\r\n$8\r\na-secret\r\n")
        orchestrator.kill()
