"""The brokers of a measure: without TLS, with TLS alone, and with TLS and the guard. To each belong the settings of an
orchestrator and the options of a simulated fleet."""

import pathlib
import re
import shutil

from harness.programs import BIN, ORCHESTRATOR_USER, command_line
from harness.servers import Mosquitto, Server, are_open, free_port
from harness.wait import wait_for

GUARD = BIN.parent / "lib/tellercast_guard.so"
SPY = "\nuser spy\ntopic read tc/v1/#\n"


def access_list(orchestrator=ORCHESTRATOR_USER):
    """The product's access list, in which the orchestrator has this name; a spy may read all."""
    return command_line("broker", "acl", "--orchestrator", orchestrator, "--operator", "operator").stdout + SPY


class PlainBroker(Mosquitto):
    """With the access list, and believes each client its user name."""

    def __init__(self, folder, orchestrator=ORCHESTRATOR_USER):
        super().__init__(folder, access_list(orchestrator))
        self.orchestrator_settings = {"port": self.port, "user": ORCHESTRATOR_USER}

    @staticmethod
    def fleet_options():
        return []

    def wait_for_table(self, orchestrator, devices):
        """Waits until the broker knows all devices: at once, as it need not."""

    def denied(self, orchestrator):
        """What the guard has refused, by its reasons."""
        return {}


class Authorities:
    """The authorities of a measure, and the certificates of its broker and its orchestrator."""

    def __init__(self, folder):
        self.folder = folder
        command_line("pki", "init", folder, "--name", "bench")
        self._issue("server", "broker", "--ip", "127.0.0.1")
        self._issue("orchestrator", ORCHESTRATOR_USER)

    def _issue(self, kind, name, *more):
        command_line("pki", "issue", self.folder, "--kind", kind, "--id", name, "--out", self.folder / name, *more)

    def certificate(self, name):
        return {"certificate_file": str(self.folder / name / "cert.pem"), "key_file": str(self.folder / name / "key.pem")}

    def trust(self, authority):
        return self.folder / authority / "trust.pem"


class SecureBroker(Server):
    """A listener for devices and one for orchestrators, each of which trusts its own authority. Without the guard the access
    list decides, by the names in the certificates; all other settings are the same."""

    kind = "mosquitto"

    def __init__(self, folder, authorities, has_guard):
        self.port, self._operations_port = free_port(), free_port()
        self._own = pathlib.Path(folder) / self.kind
        self._own.mkdir()
        self._has_guard, self._authorities = has_guard, authorities
        self._copy(authorities)
        written = self._write_settings()
        (self._own / "guard.conf").write_text(written if has_guard else self._without_guard(written), encoding="utf-8")
        self.orchestrator_settings = {
            "port": self._operations_port, "ca_file": str(authorities.trust("operations")),
            "guard": "tellercast" if has_guard else "none", **authorities.certificate(ORCHESTRATOR_USER)}
        super().__init__(folder)

    def fleet_options(self):
        return ["--ca-file", self._authorities.trust("operations"), "--device-authority", self._authorities.folder / "devices"]

    def _copy(self, authorities):
        """The broker's user may read no other folder."""
        server = authorities.certificate("broker")
        sources = {"server.pem": server["certificate_file"], "server.key": server["key_file"], "guard.so": GUARD,
                   "devices.pem": authorities.trust("devices"), "operations.pem": authorities.trust("operations")}
        for name, source in sources.items():
            shutil.copyfile(source, self._own / name)
        (self._own / "acl").write_text(access_list(), encoding="utf-8")

    def _write_settings(self):
        own = self._own
        return command_line(
            "broker", "guard", "--plugin", own / "guard.so", "--state", own, "--device-port", f"{self.port} 127.0.0.1",
            "--operations-port", f"{self._operations_port} 127.0.0.1", "--device-issuer", own / "devices.pem",
            "--operations-issuer", own / "operations.pem", "--server-certificate", own / "server.pem",
            "--server-key", own / "server.key").stdout

    def _without_guard(self, settings):
        settings = re.sub(r"^plugin.*\n", "", settings, flags=re.MULTILINE)
        settings = settings.replace("use_identity_as_username false", "use_identity_as_username true")
        assert settings.count("use_identity_as_username true") == 2 and "plugin" not in settings.split("\n", 1)[1], settings
        return settings + f"acl_file {self._own / 'acl'}\n"

    def answers(self):
        return are_open(self.port, self._operations_port)

    def wait_for_table(self, orchestrator, devices):
        """Waits until the guard, if there is one, knows all devices."""

        def knows_all():
            answer = orchestrator.http.document("/v1/broker/guard")
            return answer["is_current"] and answer["status"]["table"]["devices"] == devices

        if self._has_guard:
            wait_for(knows_all, "the guard knows all devices")

    def denied(self, orchestrator):
        return orchestrator.http.document("/v1/broker/guard")["status"]["denied"] if self._has_guard else {}
