"""Keys, passwords and tokens: files that others may read are refused, and the processes that hold them leave no dump."""

import json
import os
import pathlib
import subprocess

import pytest
from harness.programs import BIN, TELLERCAST, command_line
from harness.servers import free_port
from harness.wait import wait_for

OTHER_USER = 65534
REFUSED = 1
FILE = "{file}"
SECRET_KEYS = [("tellercastd", "broker.password_file", {"broker": {"password_file": FILE}}),
               ("tellercastd", "broker.key_file", {"broker": {"certificate_file": FILE, "key_file": FILE, "ca_file": FILE}}),
               ("tellercastd", "redis.password_file", {"redis": {"password_file": FILE}}),
               ("tellercastd", "http.tokens_file", {"http": {"tokens_file": FILE}}),
               ("tellercastd", "http.key_file", {"http": {"certificate_file": FILE, "key_file": FILE}}),
               ("tellercast-pull", "broker.password_file", {"broker": {"password_file": FILE}}),
               ("tellercast-pull", "broker.key_file", {"broker": {"key_file": FILE}})]


def refused(file, mode="0640"):
    return f"{file}: has mode {mode}, allowed: 0600 or stricter"


def run(*command, **more):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=60, **more)


@pytest.mark.parametrize("program, key, settings", SECRET_KEYS, ids=[f"{row[0]}-{row[1]}" for row in SECRET_KEYS])
def test_a_secret_that_the_group_may_read_is_refused_with_its_setting_its_path_and_its_mode(tmp_path, program, key, settings):
    file, settings_file = tmp_path / "secret", tmp_path / "settings.yaml"
    file.write_text("ann " + "0" * 64 + "\n", encoding="utf-8")
    file.chmod(0o640)
    values = json.loads(json.dumps(settings).replace(FILE, str(file)))
    command_line("key", "create", tmp_path / "key.json")
    (tmp_path / "keys.json").write_text(command_line("key", "public", tmp_path / "key.json").stdout, encoding="utf-8")
    if program == "tellercast-pull":
        values |= {"device": "P1", "trusted_keys": str(tmp_path / "keys.json")}
    else:
        values |= {"insecure_loopback": True}
    settings_file.write_text(json.dumps({"data_folder": str(tmp_path / "data"), **values}), encoding="utf-8")
    check = ["--check-config"] if program == "tellercastd" else []
    done = run(BIN / program, "--config", settings_file, *check)
    assert done.returncode == REFUSED, done
    assert f"{key}: {refused(file)}" in done.stderr, done.stderr


def test_a_signing_key_that_others_may_read_signs_nothing(stack):
    stack.orchestrator()
    key = stack.data_folder / "signing-key.json"
    stack.orchestrators[0].stop()
    key.chmod(0o644)
    done = run(BIN / "tellercastd", "--config", stack.orchestrators[0].file)
    assert done.returncode == REFUSED and refused(key, "0644") in done.stderr, done
    done = run(TELLERCAST, "key", "public", key)
    assert done.returncode == REFUSED and refused(key, "0644") in done.stderr, done


def test_the_command_warns_of_a_token_that_others_may_read(tmp_path):
    file = tmp_path / "token"
    file.write_text("a-token\n", encoding="utf-8")
    file.chmod(0o604)
    command = (TELLERCAST, "rollout", "list", "--server", "http://127.0.0.1:9", "--token-file", file)
    assert f"warning: {refused(file, '0604')}" in run(*command).stderr
    file.chmod(0o600)
    assert "warning" not in run(*command).stderr


@pytest.mark.plain_broker
def test_an_agent_takes_its_password_from_a_credential_of_systemd(stack):
    credentials = stack.folder / "credentials"
    credentials.mkdir()
    password = credentials / "broker-password"
    password.write_text("a-secret\n", encoding="utf-8")
    password.chmod(0o440)
    stack.orchestrator()
    client = stack.client("pull", "P1")
    client.stop()
    settings = json.dumps({"device": "P1", "data_folder": str(client.folder), "trusted_keys": str(stack.keys),
                           "broker": {"port": stack.broker.port, "password_file": "credential:broker-password"}})
    (client.folder / "settings.yaml").write_text(settings, encoding="utf-8")
    before = client.text().count("agent.started")
    client.start(environment={"CREDENTIALS_DIRECTORY": str(credentials)})
    client.wait_until(lambda: client.text().count("agent.started") > before, "it has its password")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look into another user's process")
@pytest.mark.parametrize("program", ["tellercastd", "tellercast-pull", "tellercast-install"])
def test_a_process_with_keys_cannot_be_dumped_or_read_by_its_own_user(scratch, tmp_path, program):
    """The kernel gives the files of such a process in /proc to root."""
    folder = scratch / f"dump-{program}"
    folder.mkdir()
    os.chown(folder, OTHER_USER, OTHER_USER)
    command_line("key", "create", tmp_path / "key.json")
    (folder / "keys.json").write_text(command_line("key", "public", tmp_path / "key.json").stdout, encoding="utf-8")
    settings = {"tellercastd": {"insecure_loopback": True, "database": "host=/none", "data_folder": str(folder / "data"), "socket": {"path": ""},
                                "http": {"port": free_port()}},
                "tellercast-pull": {"device": "P1", "data_folder": str(folder / "data"),
                                    "trusted_keys": str(folder / "keys.json"), "broker": {"port": 9}},
                "tellercast-install": {"device": "P1", "state_folder": str(folder / "state"),
                                       "socket": str(folder / "socket")}}[program]
    (folder / "settings.yaml").write_text(json.dumps(settings), encoding="utf-8")
    process = subprocess.Popen(["setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups", "--pdeathsig",
                                "TERM", BIN / program, "--config", folder / "settings.yaml"], stderr=subprocess.DEVNULL)
    try:
        about = pathlib.Path(f"/proc/{process.pid}")
        wait_for(lambda: (about / "comm").read_text(encoding="utf-8").strip() == program[:15], "it runs")
        wait_for(lambda: os.stat(about / "environ").st_uid == 0, "its memory belongs to root")
        assert f"Uid:\t{OTHER_USER}\t" in (about / "status").read_text(encoding="utf-8")
        assert "State:\tZ" not in (about / "status").read_text(encoding="utf-8")
    finally:
        process.kill()
        process.wait(20)
