"""An agent upgrades itself as an ordinary artifact, and goes back when the new one does not connect."""

import io
import os
import pathlib
import subprocess
import tarfile

import pytest
from harness.plan import text_of
from harness.privileged import AGENT_USER, PrivilegedHalf
from harness.process import Process
from harness.programs import BIN, copy_credentials
from harness.wait import wait_for

NAME = "tellercast-agent"
UPGRADER = BIN / "tellercast-install-agent"
SILENT = b'#!/bin/sh\n[ "$1" != --version ] || exit 0\nexec tail -f /dev/null\n'
BROKEN = b'#!/bin/sh\n[ "$1" != --version ] || exit 0\nexit 1\n'


def archive(program=None, name="bin/tellercast-pull", **more):
    """A tar file with an agent: the one under test, or another program."""
    content = (BIN / "tellercast-pull").read_bytes() if program is None else program
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz", compresslevel=1) as packed:
        about = tarfile.TarInfo(name)
        about.size, about.mode = len(content), 0o755
        for key, value in more.items():
            setattr(about, key, value)
        packed.addfile(about, io.BytesIO(content))
    return held.getvalue()


class Machine:
    """A machine whose agent P1 is supervised. Its versions are in a folder that the agent cannot write to."""

    def __init__(self, stack, user=None, socket=None):
        self.stack = stack
        self.root = stack.folder / "opt"
        self.data = stack.folder / "P1"
        self.log = stack.folder / "P1.log"
        self.root.mkdir()
        self.data.mkdir()
        self.archive = stack.folder / "first.tar.gz"
        self.archive.write_bytes(archive())
        self.user = user
        actions = {"socket": str(socket)} if socket else {"install": str(self.wrapper()), "rollback": str(self.wrapper())}
        broker = copy_credentials(stack.broker.settings("device", "P1"), self.data)
        self.settings = stack.folder / "P1.yaml"
        self.settings.write_text(text_of({
            "device": "P1", "data_folder": str(self.data), "trusted_keys": str(stack.keys),
            "broker": {**broker, "reconnect_first": "100ms", "reconnect_longest": "1s"},
            "actions": actions, "ask": {"first": "1s", "longest": "5s", "period": "0s"},
            "report": {"resend_first": "1s", "resend_longest": "5s"}}), encoding="utf-8")
        if user is not None:
            for path in (self.data, *self.data.iterdir()):
                os.chown(path, user, user)
        self.call("setup", self.archive, "1.0", check=True)

    def options(self):
        return ["--root", self.root, "--connected", self.data / "connected", "--within", "10"]

    def wrapper(self):
        path = self.stack.folder / "install"
        words = " ".join(f"'{word}'" for word in (UPGRADER, *self.options()))
        path.write_text(f'#!/bin/sh\nexec {words} "$1"\n', encoding="utf-8")
        path.chmod(0o755)
        return path

    def call(self, *arguments, check=False, **environment):
        return subprocess.run([str(part) for part in (UPGRADER, *self.options(), *arguments)], capture_output=True, text=True,
                              check=check, timeout=60, env={**os.environ, **environment})

    def start(self):
        as_user = [] if self.user is None else ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        program = [*as_user, self.root / "current/bin/tellercast-pull", "--config", self.settings]
        self.process = Process("supervisor", [UPGRADER, *self.options(), "supervise", *program], self.log)
        self.stack.programs.append(self.process)
        self.process.wait_until(lambda: self.stack.spy.messages("tc/v1/device/P1/presence"), "P1 is connected")
        return self

    def upgrade(self, version, content, **spec):
        self.stack.add_artifact(content, name=NAME, version=version)
        return self.stack.submit(f"agent-{version}", selector={"devices": ["P1"]},
                                 artifact={"name": NAME, "version": version}, **spec)

    def version(self):
        return os.readlink(self.root / "current").rpartition("/")[2]

    def running(self):
        """The path of the program that runs as the agent."""
        pid = (self.root / "agent.pid").read_text(encoding="utf-8").strip()
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()

    def reported(self):
        return self.stack.database.rows("SELECT versions FROM device WHERE id = 'P1'")[0]["versions"]


@pytest.fixture
def upgradable(stack):
    stack.folder.chmod(0o711)
    stack.orchestrator()
    stack.import_fleet({}, ["P1"])
    return stack


def test_a_new_agent_that_connects_reports_completed_with_its_version(upgradable):
    machine = Machine(upgradable).start()
    rollout = machine.upgrade("2.0", archive())
    row = upgradable.wait_for_state(rollout, "P1", "completed")
    assert machine.reported()[NAME] == "2.0"
    assert not (machine.root / "pending").exists()
    assert (machine.data / "connected").read_text(encoding="utf-8").startswith(f"{machine.root}/versions/2.0/")
    starts = machine.log.read_text(encoding="utf-8").count("agent.started")
    assert starts == 2, "the old one, and the new one"
    states = [reply.json()["state"] for reply in upgradable.spy.messages("tc/v1/device/P1/reply")]
    assert states[-1] == "completed" and "failed" not in states, (states, row)


@pytest.mark.parametrize("program", [SILENT, BROKEN], ids=["silent", "broken"])
def test_a_new_agent_that_does_not_connect_is_left_for_the_old_one_which_says_so(upgradable, program):
    machine = Machine(upgradable).start()
    rollout = machine.upgrade("2.0", archive(program), execution={"retries": 0})
    row = upgradable.wait_for_state(rollout, "P1", "failed", 90)
    assert row["code"] == "agent_went_back"
    assert machine.version() == "1.0" and machine.reported()[NAME] == "1.0"
    rollout = machine.upgrade("3.0", archive())
    upgradable.wait_for_state(rollout, "P1", "completed", 90)
    assert machine.reported()[NAME] == "3.0"
    assert sorted(os.listdir(machine.root / "versions")) == ["1.0", "3.0"]


def test_a_rollback_brings_the_agent_before_back(upgradable):
    machine = Machine(upgradable).start()
    first = machine.upgrade("2.0", archive())
    upgradable.wait_for_states(first, completed=1)
    back = upgradable.submit("back", action="rollback", artifact={"name": NAME, "version": "2.0"},
                             selector={"devices": ["P1"]})
    upgradable.wait_for_states(back, completed=1)
    assert machine.version() == "1.0" and machine.reported()[NAME] == "1.0"


@pytest.mark.skipif(AGENT_USER is None, reason="only root can give the agent another user")
def test_an_unprivileged_agent_is_upgraded_in_a_folder_that_it_cannot_write_to(upgradable):
    half = PrivilegedHalf(upgradable.folder, "P1", upgradable.keys, install="", rollback="")
    machine = Machine(upgradable, AGENT_USER, half.socket)
    half.settings["actions"] = {"install": str(machine.wrapper()), "rollback": str(machine.wrapper())}
    half.stop()
    half.write_settings()
    half.start()
    upgradable.programs.append(half)
    machine.start()
    rollout = machine.upgrade("2.0", archive())
    upgradable.wait_for_states(rollout, completed=1)
    assert machine.version() == "2.0" and machine.reported()[NAME] == "2.0"
    owners = {path.stat().st_uid for path in (machine.root / "versions").rglob("*")}
    assert owners == {0}


# ---- the script alone -----------------------------------------------------------------------------


@pytest.fixture
def alone(tmp_path):
    machine = Machine.__new__(Machine)
    machine.root, machine.data = tmp_path / "opt", tmp_path / "data"
    machine.root.mkdir()
    machine.data.mkdir()
    machine.archive = tmp_path / "first.tar.gz"
    machine.archive.write_bytes(archive())
    machine.call("setup", machine.archive, "1.0", check=True)
    return machine


def install(machine, version, content):
    file = machine.archive.with_name("artifact")
    file.write_bytes(content)
    return machine.call("install", TELLERCAST_ARTIFACT_NAME=NAME, TELLERCAST_ARTIFACT_VERSION=version,
                        TELLERCAST_ARTIFACT_FILE=str(file))


@pytest.mark.parametrize("content, reason", [
    (b"no archive", "no tar file"), (archive(b"#!/bin/sh\nexit 1\n"), "does not run"), (archive(b"", "bin/other"), "has no bin"),
    (archive(b"", type=tarfile.SYMTYPE, linkname="/etc"), "more than files"),
    (archive(b"", name="../../../outside"), "no tar file"),
], ids=["no_archive", "does_not_run", "no_agent", "link", "path"])
def test_an_artifact_that_is_no_agent_changes_nothing(alone, content, reason):
    done = install(alone, "2.0", content)
    assert done.returncode == 1 and reason in done.stderr, done
    assert alone.version() == "1.0" and not (alone.root / "pending").exists()
    assert not (alone.root.parent / "outside").exists() and not (alone.root / "outside").exists()


@pytest.mark.parametrize("version", ["../x", ".hidden", "a b", "a/b"])
def test_a_version_that_is_no_name_is_refused_by_the_agents_installer(alone, version):
    assert install(alone, version, archive()).returncode == 1
    assert os.listdir(alone.root / "versions") == ["1.0"]


def test_a_change_that_lost_its_power_half_way_was_not_made(alone):
    assert install(alone, "2.0", archive()).returncode == 0
    (alone.root / "current").unlink()
    (alone.root / "current").symlink_to("versions/1.0")  # as before the second step
    done = alone.call("versions")
    assert (done.returncode, done.stdout) == (0, f"version {NAME} 1.0\n")
    assert not (alone.root / "pending").exists()


def test_while_an_agent_is_unconfirmed_no_version_is_told_and_no_other_change_begins(alone):
    """`installer_busy` makes an older agent wait, too."""
    assert install(alone, "2.0", archive()).returncode == 0
    done = alone.call("versions")
    assert (done.returncode, done.stdout) == (75, "code installer_busy\n")
    assert install(alone, "3.0", archive()).returncode == 75
    assert alone.call("rollback", TELLERCAST_ARTIFACT_NAME=NAME).returncode == 75


@pytest.mark.parametrize("trick", ["nothing", "old", "link", "pipe", "folder"])
def test_only_the_new_agent_itself_can_say_that_it_has_connected(alone, trick):
    assert install(alone, "2.0", archive()).returncode == 0
    connected = alone.data / "connected"
    right = f"{alone.root}/versions/2.0/bin/tellercast-pull\n"
    if trick == "old":
        connected.write_text(right.replace("2.0", "1.0"), encoding="utf-8")
    elif trick == "link":
        (alone.data / "other").write_text(right, encoding="utf-8")
        connected.symlink_to(alone.data / "other")
    elif trick == "pipe":
        os.mkfifo(connected)
    elif trick == "folder":
        connected.mkdir()
    done = alone.call("--within", "1", "--restart", "true", "watch")
    assert done.returncode == 0 and "did not connect within 1 s" in done.stderr, done
    assert alone.version() == "1.0"
    assert alone.call("versions").stdout == f"version {NAME} 1.0\ncode agent_went_back\n"


def test_a_restart_command_is_called_for_the_new_agent_and_for_the_old_one(alone):
    calls = alone.data / "calls"
    assert install(alone, "2.0", archive()).returncode == 0
    command = f"readlink {alone.root}/current >>{calls}"
    alone.call("--within", "1", "--restart", command, "watch", check=True)
    assert calls.read_text(encoding="utf-8") == "versions/2.0\nversions/1.0\n"
    assert install(alone, "2.0", archive()).returncode == 0
    right = f"echo {alone.root}/versions/2.0/bin/tellercast-pull >{alone.data}/connected"
    done = alone.call("--within", "60", "--restart", right, "watch", check=True)
    assert "has connected" in done.stderr and alone.version() == "2.0"
    alone.call("--restart", "false", "watch", check=True)  # nothing to do


def test_other_artifacts_go_to_the_next_installer(alone, tmp_path):
    following = tmp_path / "next"
    following.write_text('#!/bin/sh\necho "next $1 $TELLERCAST_ARTIFACT_NAME"\n', encoding="utf-8")
    following.chmod(0o755)
    done = alone.call("--next", following, "install", TELLERCAST_ARTIFACT_NAME="atm-app")
    assert (done.returncode, done.stdout) == (0, "next install atm-app\n")
    done = alone.call("--next", following, "versions")
    assert done.stdout == f"version {NAME} 1.0\nnext versions \n"


def test_the_last_agent_has_no_previous_one(alone):
    assert alone.call("rollback", TELLERCAST_ARTIFACT_NAME=NAME).returncode == 66
    assert alone.call("rollback", TELLERCAST_ARTIFACT_NAME=NAME, TELLERCAST_ARTIFACT_VERSION="0.9").returncode == 0


def test_nothing_is_left_of_a_supervised_agent_that_is_stopped(alone):
    settings = alone.data / "settings"
    program = alone.data / "program"
    program.write_text(f"#!/bin/sh\necho $$ >{settings}\nexec tail -f /dev/null\n", encoding="utf-8")
    program.chmod(0o755)
    process = subprocess.Popen([str(part) for part in (UPGRADER, *alone.options(), "supervise", program)])
    wait_for(lambda: settings.exists() and settings.read_text(encoding="utf-8"), "it runs")
    process.terminate()
    assert process.wait(30) == 0
    pid = int(settings.read_text(encoding="utf-8"))
    assert not pathlib.Path(f"/proc/{pid}").exists()
