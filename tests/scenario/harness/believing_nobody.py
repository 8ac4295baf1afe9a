"""An orchestrator without insecure_loopback, on a broker with the guard, and its people."""

import contextlib
import json
import subprocess

from .guarded import GuardedInstallation
from .people import bearer, token_of
from .programs import BIN, command_line
from .wait import wait_for


class ByMqtt:
    """Submits plans by MQTT with the certificate of an operator."""

    def __init__(self, installation, name="operator"):
        broker = installation.broker
        own = broker.certificate("operator", name)
        self._file = installation.stack.folder / "by-mqtt.yaml"
        self._options = ("--via", "mqtt", "--broker", f"mqtts://127.0.0.1:{broker.operations_port}", "--user", name, "--json",
                         "--ca-file", broker.server["ca_file"], "--certificate-file", own["certificate_file"], "--key-file",
                         own["key_file"])

    def submit(self, document):
        """Returns the answer, or its detail when it is a refusal."""
        self._file.write_text(document, encoding="utf-8")
        done = command_line("rollout", "submit", self._file, *self._options, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else {"detail": done.stderr}


@contextlib.contextmanager
def opened(stack, **settings):
    """An orchestrator that believes nobody, on a broker with the guard."""
    installation = GuardedInstallation(stack)
    stack.installation = installation
    installation.orchestrator(insecure_loopback=False, **settings)
    stack.by_mqtt = ByMqtt(installation)
    yield stack
    installation.close()


def supply(stack):
    """Gives the orchestrator a device and an artifact, in the name of a person."""
    stack.people.add("oskar", ["operator"])
    stack.people.known(stack.http, "oskar")
    stack.http.token = token_of("oskar")
    stack.import_fleet({"B1": ["A1", "A2"]})
    stack.add_artifact()
    stack.http.token = None


def make_admin(stack, name, **more):
    return subprocess.run([BIN / "tellercastd", "admin", "create", name, "--config", stack.orchestrators[0].file],
                          capture_output=True, text=True, timeout=60, check=False, **more)


def admin(stack, name):
    """Makes an admin, and returns its token."""
    done = make_admin(stack, name)
    assert done.returncode == 0, done
    token = done.stdout.strip()
    wait_for(lambda: stack.http.ask("GET", "/v1/me", headers=bearer(token)).status == 200, f"{name} is known")
    return token


class Admins:
    """Two admins, who use the command line."""

    def __init__(self, stack):
        self.stack = stack
        for name in ("ada", "ben"):
            file = stack.folder / f"token-{name}"
            file.write_text(admin(stack, name) + "\n", encoding="utf-8")
            file.chmod(0o600)

    def run(self, name, *words):
        return command_line(*words, "--server", self.stack.http.url, "--token-file", self.stack.folder / f"token-{name}",
                            check=False)

    def expect(self, name, code, *words):
        done = self.run(name, *words)
        assert done.returncode == code, done
        return done

    def shown(self, name):
        return json.loads(self.expect("ada", 0, "person", "show", name, "--json").stdout)
