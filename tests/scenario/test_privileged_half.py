"""The agent without privileges and its privileged half, which believes nothing that the agent says."""

import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import tempfile
import time

import pytest
from harness.clocks import clock_at, right_clocks_only
from harness.fake_orchestrator import Signer
from harness.plan import APPLICATION, VERSION
from harness.privileged import (AGENT_USER, CONTENT, PrivilegedHalf, answer_of, answers_of, claims_of)
from harness.programs import BIN
from harness.stack import CONTENT as STACK_CONTENT
from harness.wait import wait_for

DEVICE = "A1"
HOUR = 3600


class Bench:
    """The privileged half of A1, the key that it trusts, and files of the agent."""

    def __init__(self, folder):
        self.folder = folder
        self.signer = Signer("trusted")
        self.keys = folder / "trusted-keys.json"
        self.keys.write_text(self.signer.public_set(), encoding="utf-8")
        self.half = None

    def open(self, **actions):
        self.half = PrivilegedHalf(self.folder, DEVICE, self.keys, **actions)
        return self.half

    def file(self, content=CONTENT):
        path = self.folder / "downloaded"
        path.write_bytes(content)
        return open(path, "r+b")

    def token(self, signer=None, nonce=None, **claims):
        """A token that answers an ask made now."""
        device = claims.pop("device", DEVICE)
        return (signer or self.signer).sign(claims_of(device, nonce or self.half.nonce(), **claims))

    def run(self, token, content=CONTENT, proof=None):
        with self.file(content) as file:
            return self.half.run(token, proof, file)

    def installed(self):
        path = self.half.installed / APPLICATION
        return path.read_bytes() if path.exists() else None

    def script(self, name, text):
        path = self.folder / name
        path.write_text(f"#!/bin/bash\n[[ $1 != versions ]] || exit 0\n{text}\n", encoding="utf-8")
        path.chmod(0o755)
        return str(path)


@pytest.fixture
def bench(scratch):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="p", dir=scratch))
    bench = Bench(folder)
    yield bench
    if bench.half is not None:
        bench.half.kill()


@pytest.fixture
def split(stack):
    """A stack that another user's agent can reach."""
    stack.folder.chmod(0o711)
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({}, ["P1"])
    return stack


def split_agent(stack, **actions):
    half = PrivilegedHalf(stack.folder, "P1", stack.keys, **actions)
    stack.programs.append(half)
    client = stack.client("pull", "P1", user=AGENT_USER,
                          actions={"install": "", "rollback": "", "socket": str(half.socket)})
    return half, client


# ---- together -----------------------------------------------------------------------------------


def test_an_unprivileged_agent_is_upgraded_by_its_privileged_half(split):
    half, client = split_agent(split)
    if AGENT_USER is not None:
        status = pathlib.Path(f"/proc/{client.pid}/status").read_text(encoding="utf-8")
        assert f"Uid:\t{AGENT_USER}\t{AGENT_USER}" in status
    rollout = split.submit(selector={"devices": ["P1"]})
    split.wait_for_states(rollout, completed=1)
    installed = half.installed / APPLICATION
    assert installed.read_bytes() == STACK_CONTENT
    assert installed.stat().st_uid == os.geteuid()
    assert not (client.installed / APPLICATION).exists()
    assert not list((half.folder / "staging").glob("artifact*"))
    versions = split.database.rows("SELECT versions FROM device WHERE id = 'P1'")[0]["versions"]
    assert versions[APPLICATION] == VERSION


@right_clocks_only
def test_a_device_whose_clock_is_wrong_by_decades_is_upgraded_by_its_privileged_half(split):
    """The privileged half knows the time from a signed answer, not from the machine."""
    half = PrivilegedHalf(split.folder, "P1", split.keys, environment=clock_at("1990-01-01 00:00:00"))
    split.programs.append(half)
    split.client("pull", "P1", user=AGENT_USER, actions={"install": "", "rollback": "", "socket": str(half.socket)})
    rollout = split.submit(selector={"devices": ["P1"]})
    split.wait_for_states(rollout, completed=1)


def test_the_progress_the_code_and_the_detail_of_a_failure_come_back_from_the_privileged_half(split):
    script = split.folder / "failing"
    script.write_text('#!/bin/bash\n[[ $1 == install ]] || exit 0\necho "progress 40 copying"\necho "no paper"\n'
                      'echo "code printer_empty"\nexit 9\n', encoding="utf-8")
    script.chmod(0o755)
    split_agent(split, install=str(script))
    rollout = split.submit(selector={"devices": ["P1"]})
    row = split.wait_for_state(rollout, "P1", "failed")
    assert row["code"] == "printer_empty"
    replies = [message.json() for message in split.spy.messages("tc/v1/device/P1/reply")]
    assert any(reply.get("progress") == 40 and reply["detail"] == "copying" for reply in replies)
    assert replies[-1]["detail"] == "no paper"


def test_the_log_of_an_action_comes_masked_to_an_agent_that_asks_for_it(bench):
    bench.open(install=bench.script("prints", 'printf "card 4111 1111"; sleep 0.1; echo " 1111 1111"; seq -f "PIN %.0f" 20000; exit 7'),
               mask="PIN [0-9]")
    for wants in (False, True):
        request = {"request": "run", "token": bench.token(instruction=1 + wants).decode(), **({"log": True} if wants else {})}
        with bench.file() as file:
            answers = bench.half.ask(request, file)
        assert answers[-1]["outcome"] == "failed"
        log = "".join(answer["text"] for answer in answers if answer["answer"] == "log")
        assert bool(log) == wants
    lines = log.splitlines()
    assert lines[-1] == "*****0000" and 60000 < len(log.encode()) <= 65536 and "PIN" not in log
    bench.half.settings["actions"]["mask"] = "("
    bench.half.write_settings()
    done = subprocess.run([BIN / "tellercast-install", "--config", bench.half.file], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0 and "actions.mask: must be a POSIX extended regular expression" in done.stderr


def test_an_action_without_an_executable_at_the_privileged_half_is_rejected(split):
    split_agent(split, run="")
    rollout = split.submit(action="run", artifact=None, parameters={"procedure": "x"}, selector={"devices": ["P1"]})
    row = split.wait_for_state(rollout, "P1", "rejected")
    assert row["code"] == "unsupported_action"


def test_a_privileged_half_that_is_killed_during_an_action_makes_it_interrupted_and_it_never_runs_again(split):
    runs = split.folder / "runs"
    script = split.folder / "slow"
    script.write_text(f'#!/bin/bash\n[[ $1 == install ]] || exit 0\necho run >>{runs}\n'
                      f'while [[ ! -e {split.folder}/go ]]; do sleep 0.05; done\n', encoding="utf-8")
    script.chmod(0o755)
    half, _ = split_agent(split, install=str(script))
    rollout = split.submit(selector={"devices": ["P1"]})
    wait_for(runs.exists, "the installer runs")
    os.kill(half.pid, signal.SIGKILL)
    row = split.wait_for_state(rollout, "P1", "failed")
    assert row["code"] == "interrupted"
    (split.folder / "go").touch()
    half.wait()
    half.start()
    assert "instruction.interrupted" in half.text()
    assert runs.read_text(encoding="utf-8") == "run\n"


def test_an_agent_that_is_killed_during_an_action_leaves_it_to_finish(split):
    script = split.folder / "slow"
    script.write_text(f'#!/bin/bash\n[[ $1 == install ]] || exit 0\ntouch {split.folder}/begun\n'
                      f'while [[ ! -e {split.folder}/go ]]; do sleep 0.05; done\ntouch {split.folder}/finished\n',
                      encoding="utf-8")
    script.chmod(0o755)
    _, client = split_agent(split, install=str(script))
    rollout = split.submit(selector={"devices": ["P1"]})
    wait_for((split.folder / "begun").exists, "the installer runs")
    client.kill()
    client.start()
    row = split.wait_for_state(rollout, "P1", "failed")
    assert row["code"] == "interrupted"
    (split.folder / "go").touch()
    wait_for((split.folder / "finished").exists, "the installer has finished")


def test_an_agent_that_stops_ends_the_action(split):
    script = split.folder / "endless"
    script.write_text(f'#!/bin/bash\n[[ $1 == install ]] || exit 0\ntouch {split.folder}/begun\nexec tail -f /dev/null\n',
                      encoding="utf-8")
    script.chmod(0o755)
    half, client = split_agent(split, install=str(script))
    rollout = split.submit(selector={"devices": ["P1"]})
    wait_for((split.folder / "begun").exists, "the installer runs")
    assert client.stop() == 0
    client.start()
    row = split.wait_for_state(rollout, "P1", "failed")
    assert row["code"] == "agent_stopped"
    assert half.is_running()


# ---- attacks: the agent is the attacker's ---------------------------------------------------------


def test_a_signed_instruction_is_carried_out_once(bench):
    bench.open()
    token = bench.token()
    assert bench.run(token) == ("done", "")
    assert bench.installed() == CONTENT
    assert bench.run(token) == ("rejected", "already_done")
    assert bench.run(bench.token()) == ("rejected", "already_done")
    bench.half.stop()
    bench.half.start()
    assert bench.run(bench.token()) == ("rejected", "already_done")
    assert bench.run(bench.token(attempt=2)) == ("done", "")


def test_a_forged_instruction_is_refused_by_the_privileged_half(bench):
    bench.open()
    assert bench.run(bench.token(signer=Signer("trusted"))) == ("rejected", "bad_signature")
    assert bench.run(bench.token(signer=Signer("other"))) == ("rejected", "bad_signature")
    signed, other = (bench.token(instruction=number).rpartition(b".") for number in (1, 2))
    assert bench.run(b"".join([*signed[:2], other[2]])) == ("rejected", "bad_signature")
    assert bench.run(b"x")[0] == "rejected"
    assert bench.run(bench.token(device="A2")) == ("rejected", "wrong_device")
    assert bench.run(bench.signer.sign(answer_of(DEVICE, bench.half.nonce()))) == ("rejected", "malformed")
    assert bench.installed() is None


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"3", CONTENT[:-1], CONTENT + b"!", b""])
def test_an_artifact_that_is_not_the_signed_one_is_not_installed(bench, content):
    bench.open()
    assert bench.run(bench.token(), content) == ("failed", "digest_mismatch")
    assert bench.installed() is None
    assert not list((bench.half.folder / "staging").glob("artifact*"))
    assert bench.run(bench.token()) == ("done", "")  # the attempt has not begun


def test_an_artifact_that_the_agent_changes_after_the_check_is_installed_as_it_was_signed(bench):
    script = bench.script("patient", f'touch {bench.folder}/begun; while [[ ! -e {bench.folder}/go ]]; do sleep 0.05; done\n'
                                     f'cp "$TELLERCAST_ARTIFACT_FILE" {APPLICATION}')
    bench.open(install=script)
    with bench.file() as file:
        with bench.half.begin({"request": "run", "token": bench.token().decode()}, file) as connection:
            wait_for((bench.folder / "begun").exists, "the installer runs")
            file.write(b"x" * len(CONTENT))
            file.flush()
            (bench.folder / "go").touch()
            assert answers_of(connection)[-1]["outcome"] == "done"
    assert bench.installed() == CONTENT


def test_what_is_no_file_is_no_artifact(bench):
    bench.open()
    pipe = bench.folder / "pipe"
    os.mkfifo(pipe)
    with open(os.open(pipe, os.O_RDWR), "r+b", buffering=0) as file:
        assert bench.half.run(bench.token(), file=file) == ("failed", "digest_mismatch")
    with open("/dev/zero", "rb") as file:
        assert bench.half.run(bench.token(), file=file) == ("failed", "digest_mismatch")
    assert bench.half.run(bench.token()) == ("failed", "digest_mismatch")
    assert bench.installed() is None


def test_an_instruction_that_was_withheld_until_after_its_window_is_refused(bench):
    """The agent keeps a token for hours. A later answer shows what time it is, whatever the machine's clock says."""
    bench.open()
    now = int(time.time())
    token = bench.token(at=now, start_before=now + HOUR, exp=now + 3 * HOUR)
    for later, code in ((2 * HOUR, "window_missed"), (4 * HOUR, "expired")):
        proof = bench.signer.sign(answer_of(DEVICE, bench.half.nonce(), now + later))
        assert bench.run(token, proof=proof) == ("rejected", code)
    assert bench.run(bench.token(at=now - 4 * HOUR, instruction=2)) == ("done", "")  # the time is the answer's


def test_an_instruction_without_a_proof_of_the_time_is_put_off(bench):
    bench.open()
    old_nonce = bench.half.nonce()
    bare = bench.signer.sign(claims_of(DEVICE))
    made_up = bench.signer.sign(claims_of(DEVICE, "bm9uY2UtMTIzNDU2Nzg5MDEyMzQ1Njc4"))
    forged = Signer("trusted").sign(answer_of(DEVICE, bench.half.nonce()))
    foreign = bench.signer.sign(answer_of("A2", bench.half.nonce()))
    assert bench.run(bare) == ("deferred", "time_unproven")
    assert bench.run(made_up) == ("deferred", "time_unproven")
    assert bench.run(bare, proof=forged) == ("deferred", "time_unproven")
    assert bench.run(bare, proof=foreign) == ("deferred", "time_unproven")
    bench.half.stop()
    bench.half.start()
    assert bench.run(bench.signer.sign(claims_of(DEVICE, old_nonce))) == ("deferred", "time_unproven")
    assert bench.installed() is None
    assert bench.run(bare, proof=bench.signer.sign(answer_of(DEVICE, bench.half.nonce()))) == ("done", "")


def test_an_instruction_that_was_issued_before_one_that_was_carried_out_is_put_off(bench):
    """Else an agent could bring an old version back, with an order that it withheld."""
    bench.open()
    now = int(time.time())
    withheld = bench.token(instruction=1, at=now - 60)
    assert bench.run(bench.token(instruction=2, at=now)) == ("done", "")
    proof = bench.signer.sign(answer_of(DEVICE, bench.half.nonce(), now + 1))
    assert bench.run(withheld, proof=proof) == ("deferred", "superseded")
    assert bench.run(bench.token(instruction=3, at=now + 1)) == ("done", "")


def test_a_time_that_was_once_wrong_does_not_lock_out_later_instructions(bench):
    bench.open()
    now = int(time.time())
    assert bench.run(bench.token(instruction=1, at=now + 20 * 365 * 24 * HOUR)) == ("done", "")
    assert bench.run(bench.token(instruction=2, at=now)) == ("done", "")


def test_an_instruction_of_an_earlier_epoch_or_with_another_content_is_refused(bench):
    bench.open()
    assert bench.run(bench.token(epoch=5)) == ("done", "")
    assert bench.run(bench.token(instruction=2, epoch=4)) == ("rejected", "old_epoch")
    other = {"name": "other", "version": "1", "url": "http://127.0.0.1/a", "size": 1, "sha256": "0" * 64}
    assert bench.run(bench.token(attempt=2, epoch=5, artifact=other)) == ("rejected", "conflict")


@pytest.mark.parametrize("packet", [b"{", b"[]", b'{"request":"run"}', b'{"request":"root"}', b"\xff" * 60000,
                                    b'{"request":"stop"}'],
                         ids=["no_json", "a_list", "no_token", "unknown", "large", "stop"])
def test_a_malformed_request_is_dropped_and_the_next_is_served(bench, packet):
    half = bench.open()
    with half.connect() as connection:
        connection.sendall(packet)
        assert connection.recv(100) == b""
    assert half.nonce()


def test_agents_that_say_nothing_do_not_lock_out_the_one_that_does(bench):
    half = bench.open()
    silent = [half.connect() for _ in range(8)]
    try:
        wait_for(half.answers, "it answers again", 60)
    finally:
        for connection in silent:
            connection.close()


def test_a_second_action_waits_for_the_first(bench):
    script = bench.script("patient", f'touch {bench.folder}/begun; while [[ ! -e {bench.folder}/go ]]; do sleep 0.05; done\n'
                                     f'cp "$TELLERCAST_ARTIFACT_FILE" {APPLICATION}')
    bench.open(install=script)
    with bench.file() as file, bench.half.begin({"request": "run", "token": bench.token().decode()}, file) as first:
        wait_for((bench.folder / "begun").exists, "the installer runs")
        other = {"content": b"another"}
        assert bench.run(bench.token(instruction=2, **other), **other) == ("deferred", "installer_busy")
        assert bench.half.ask({"request": "versions"})[-1]["code"] == "installer_busy"
        (bench.folder / "go").touch()
        assert answers_of(first)[-1]["outcome"] == "done"
    assert bench.installed() == CONTENT
    assert bench.run(bench.token(instruction=2, **other), **other) == ("done", "")  # it had not begun


def test_a_linked_staging_folder_is_not_followed(bench):
    victim = bench.folder / "victim"
    victim.mkdir(mode=0o700)
    (victim / "kept").touch()
    half = bench.open()
    half.stop()
    (half.folder / "staging").rmdir()
    (half.folder / "staging").symlink_to(victim)
    done = subprocess.run([BIN / "tellercast-install", "--config", half.file], capture_output=True, text=True, check=False,
                          timeout=20)
    assert done.returncode == 1 and "staging" in done.stderr
    assert (victim / "kept").exists()


def test_a_link_in_the_path_of_the_working_folder_is_not_followed(bench):
    """The folder may belong to the application that is upgraded."""
    half = bench.open()
    victim = bench.folder / "victim"
    victim.mkdir()
    half.installed.rmdir()
    half.installed.symlink_to(victim)
    assert bench.run(bench.token()) == ("failed", "installer_missing")
    assert not list(victim.iterdir())
    half.stop()
    done = subprocess.run([BIN / "tellercast-install", "--config", half.file], capture_output=True, text=True, check=False,
                          timeout=20)
    assert done.returncode == 1 and "without symbolic links in its path" in done.stderr


@pytest.mark.parametrize("which", ["settings", "executable"])
def test_what_others_may_write_decides_nothing(bench, which):
    half = bench.open(install=bench.script("installer", "exit 0"))
    half.stop()
    path = half.file if which == "settings" else bench.folder / "installer"
    path.chmod(path.stat().st_mode | stat.S_IWOTH)
    done = subprocess.run([BIN / "tellercast-install", "--config", half.file], capture_output=True, text=True, check=False,
                          timeout=20)
    assert done.returncode == 2
    assert f"{path}: has mode 0{path.stat().st_mode & 0o777:o}, allowed: only its owner may write to it" in done.stderr


def test_trusted_keys_and_executables_that_others_may_write_are_not_used_while_it_runs(bench):
    bench.open(install=bench.script("installer", "exit 0"))
    bench.keys.chmod(0o666)
    assert bench.run(bench.token()) == ("failed", "trusted_keys")
    bench.keys.chmod(0o644)
    (bench.folder / "installer").chmod(0o777)
    assert bench.run(bench.token()) == ("failed", "installer_unsafe")


def test_the_executable_of_the_privileged_half_gets_the_signed_parameters_and_no_more(bench):
    script = bench.script("print", f'cp "$TELLERCAST_PARAMETERS" {APPLICATION}; env >environment; ls /proc/$$/fd >files')
    bench.open(configure=script)
    token = bench.token(action="configure", artifact=None, parameters={"limit": 500})
    claims = claims_of(DEVICE, bench.half.nonce(), action="configure", parameters={"limit": 500})
    del claims["artifact"]
    assert bench.run(token)[0] == "rejected"  # an artifact of null is malformed
    assert bench.run(bench.signer.sign(claims)) == ("done", "")
    assert json.loads(bench.installed()) == {"limit": 500}
    environment = (bench.half.installed / "environment").read_text(encoding="utf-8")
    assert f"TELLERCAST_DEVICE={DEVICE}\n" in environment
    assert "HOME=" not in environment and "LISTEN_" not in environment


def test_the_privileged_half_takes_the_socket_that_systemd_hands_over(bench):
    half = bench.open()
    half.stop()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    path = bench.folder / "handed-over.sock"
    listening.bind(str(path))
    listening.listen()
    del half.settings["socket"]
    half.write_settings()
    command = f'exec 3<&{listening.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" --config "$1"'
    process = subprocess.Popen(["bash", "-c", command, BIN / "tellercast-install", half.file], pass_fds=[listening.fileno()],
                               stderr=subprocess.DEVNULL)
    try:
        half.socket = path
        assert half.nonce()
    finally:
        process.terminate()
        assert process.wait(20) == 0
        listening.close()
