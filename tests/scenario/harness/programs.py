"""The programs under test with their settings files."""

import json
import os
import pathlib
import shutil
import socket
import subprocess

from .http import Http
from .plan import APPLICATION, OLD_VERSION, text_of
from .process import Process
from .servers import ROOT, free_port
from .wait import wait_for

BIN = pathlib.Path(os.environ.get("TELLERCAST_BIN", ROOT / "build/release/bin")).resolve()
TELLERCAST = BIN / "tellercast"
INSTALLER = BIN / "tellercast-install-file"
ORCHESTRATOR_USER = "orchestrator"


def command_line(*arguments, check=True, programs=BIN, **more):
    """Runs `tellercast`, which may belong to another version."""
    done = subprocess.run(
        [programs / TELLERCAST.name, *map(str, arguments)], capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL, **more
    )
    assert not check or done.returncode == 0, f"{arguments}: {done.returncode}: {done.stdout}{done.stderr}"
    return done


class Orchestrator(Process):
    """tellercastd. `settings` are added to those of the stack. `program` may belong to another version."""

    def __init__(self, folder, number, own, settings, program=BIN / "tellercastd"):
        self.http = Http(free_port(), scheme="https" if "certificate_file" in settings.get("http", {}) else "http")
        self.socket_path = folder / f"door{number}.sock"
        self.settings = {
            **own,
            "instance": f"orchestrator-{number}",
            "http": {"port": self.http.port, "public_url": self.http.url},
            "socket": {"path": str(self.socket_path)},
        }
        for key, value in settings.items():
            self.settings[key] = {**self.settings.get(key, {}), **value} if isinstance(value, dict) else value
        self.file = folder / f"tellercastd{number}.yaml"
        self.write_settings()
        self.program = program
        self._named, self._logs = f"tellercastd{number}", folder / f"tellercastd{number}.log"
        self.start()

    def write_settings(self, **changed):
        """Writes the settings file, for the next start."""
        self.settings.update(changed)
        self.file.write_text(text_of(self.settings), encoding="utf-8")

    def start(self, environment=None):
        super().__init__(self._named, [self.program, "--config", self.file], self._logs, environment=environment)

    def is_ready(self):
        return self.http.answers("/readyz")

    def wait_until_ready(self):
        self.wait_until(self.is_ready, "tellercastd is ready")
        return self

    def submit_by_socket(self, document):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(str(self.socket_path))
            connection.sendall(document.encode() if isinstance(document, str) else document)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while part := connection.recv(65536):
                answer += part
        return json.loads(answer)


def copy_credentials(broker, folder):
    """Returns the settings `broker` with copies of their files in `folder`, for an agent with a user of its own."""
    return {name: str(shutil.copy(value, folder / f"{name}.pem")) if name.endswith("_file") else value
            for name, value in broker.items()}


class Client(Process):
    """A real tellercast-node, -atm or -pull, from the folder `programs`."""

    def __init__(self, folder, role, device, branch, port, keys, settings, programs=BIN, user=None,
                 environment=None):
        self.device, self.role, self.programs, self.user = device, role, programs, user
        self.folder = folder / device
        self.installed = self.folder / "installed"
        (self.folder / "installed").mkdir(parents=True, exist_ok=True)
        values = {
            "device": device,
            "data_folder": str(self.folder),
            "trusted_keys": str(keys),
            "broker": {"port": port, "reconnect_first": "100ms", "reconnect_longest": "1s"},
            "actions": {"install": str(INSTALLER), "rollback": str(INSTALLER)},
            "ask": {"first": "1s", "longest": "5s", "period": "0s"},
            "report": {"resend_first": "1s", "resend_longest": "5s", "progress_period": "0s"},
            "download": {"backoff_first": "100ms", "backoff_longest": "1s"},
        }
        if branch:
            values["branch"] = branch
        for key, value in settings.items():
            values[key] = {**values.get(key, {}), **value} if isinstance(value, dict) else value
        if user is not None:
            values["broker"] = copy_credentials(values["broker"], self.folder)
        self._file, self._logs = self.folder / "settings.yaml", folder / f"{device}.log"
        self.settings = {}
        self.write_settings(**values)
        if user is not None:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, user, user)
        self.start(environment)

    def write_settings(self, **changed):
        """Writes the settings file, for the next start."""
        self.settings.update(changed)
        self._file.write_text(text_of(self.settings), encoding="utf-8")

    def start(self, environment=None):
        program = self.programs / f"tellercast-{self.role}"
        super().__init__(self.device, [program, "--config", self._file], self._logs, environment=environment,
                         user=self.user)


class Fleet(Process):
    """The simulated fleet, from the folder `programs`."""

    def __init__(self, folder, document, behaviour, port, keys, number=1, extra=(), programs=BIN):
        self.report_file = folder / f"fleet{number}-report.json"
        self.control = folder / f"fleet{number}.sock"
        fleet_file = folder / f"fleet{number}.yaml"
        fleet_file.write_text(document, encoding="utf-8")
        behaviour_file = folder / f"behaviour{number}.yaml"
        behaviour_file.write_text(text_of(behaviour or {}), encoding="utf-8")
        super().__init__(
            f"fleet{number}",
            [programs / "tellercast-fleet", "--fleet", fleet_file, "--behaviour", behaviour_file, "--broker",
             f"127.0.0.1:{port}", "--keys", keys, "--control", self.control, "--report", self.report_file,
             *extra],
            folder / f"fleet{number}.log",
        )

    def ask(self, what, **more):
        """Sends a request to the control socket; see tests/fleet/control.h."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(180)
            connection.connect(str(self.control))
            connection.sendall(json.dumps({"do": what, **more}).encode() + b"\n")
            return json.loads(connection.makefile("r", encoding="utf-8").readline())

    def wait_until_connected(self, devices):
        self.wait_until(self.control.exists, "the fleet can be asked")
        answer = self.ask("wait", connected=devices)
        assert answer["ok"], answer

    def report(self):
        """Ends the fleet and returns its counters and executions."""
        self.stop()
        return json.loads(self.report_file.read_text(encoding="utf-8"))


__all__ = [
    "APPLICATION", "BIN", "Client", "Fleet", "INSTALLER", "OLD_VERSION", "ORCHESTRATOR_USER", "Orchestrator",
    "TELLERCAST", "command_line", "copy_credentials", "wait_for",
]
