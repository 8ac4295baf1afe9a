"""The brokers of a measure: without TLS, with TLS alone, and with TLS and the guard. To each belong the settings of an
orchestrator and the options of a simulated fleet."""

import pathlib

from harness.guard_files import copy_guard_files, guard_settings, without_guard
from harness.programs import ORCHESTRATOR_USER, command_line
from harness.servers import Mosquitto, Server, are_open, free_port
from harness.wait import wait_for

SPY = "\nuser spy\ntopic read tc/v1/#\n"


def access_list(orchestrator=ORCHESTRATOR_USER):
    """The product's access list, in which the orchestrator has this name; a spy may read all."""
    return command_line("broker", "acl", "--orchestrator", orchestrator, "--operator", "operator").stdout + SPY


class PlainBroker(Mosquitto):
    """With the access list, and believes each client its user name."""

    def __init__(self, folder, orchestrator=ORCHESTRATOR_USER, more_rights=""):
        super().__init__(folder, access_list(orchestrator) + more_rights)
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
        (self._own / "guard.conf").write_text(self._settings(), encoding="utf-8")
        self.orchestrator_settings = {
            "port": self._operations_port, "ca_file": str(authorities.trust("operations")),
            "guard": "tellercast" if has_guard else "none", **authorities.certificate(ORCHESTRATOR_USER)}
        super().__init__(folder)

    def fleet_options(self):
        return ["--ca-file", self._authorities.trust("operations"), "--device-authority", self._authorities.folder / "devices"]

    def _copy(self, authorities):
        """The broker's user may read no other folder."""
        server = authorities.certificate("broker")
        copy_guard_files(self._own, (server["certificate_file"], server["key_file"]), authorities.trust("devices"),
                         authorities.trust("operations"))
        (self._own / "acl").write_text(access_list(), encoding="utf-8")

    def _settings(self):
        settings = guard_settings(self._own, self.port, self._operations_port)
        return settings if self._has_guard else without_guard(settings) + f"acl_file {self._own / 'acl'}\n"

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
