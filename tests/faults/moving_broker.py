"""The broker of an installation that moves from passwords to certificates."""

import pathlib
import shutil
import subprocess

from harness.guard_files import PLUGIN, copy_guard_files, guard_settings
from harness.programs import BIN, ORCHESTRATOR_USER, command_line
from harness.servers import Server, are_open, free_port

from versions import PREVIOUS

PASSWORD = "secret of all"
PRESENCE = "tc/v1/device/+/presence"

# mosquitto as docs/operations.md of the version before wanted it.
BEFORE = """per_listener_settings false
allow_anonymous false
set_tcp_nodelay true
max_inflight_messages 1000
max_queued_messages 1000000
max_packet_size 2097152
persistent_client_expiration 14d
password_file {folder}/passwords
acl_file {folder}/acl
listener {port} 127.0.0.1
"""


class MovingBroker(Server):
    """It has a listener with passwords; in report mode the guard of the version before and two listeners with certificates, too;
    then these alone, and the guard of this version."""

    kind = "mosquitto"

    def __init__(self, folder, users):
        self.port, self.device_port, self.operations_port = free_port(), free_port(), free_port()
        self.own = pathlib.Path(folder) / self.kind
        self.own.mkdir()
        (self.own / "passwords").write_text("".join(f"{user}:{PASSWORD}\n" for user in users), encoding="utf-8")
        subprocess.run(("mosquitto_passwd", "-U", self.own / "passwords"), check=True, timeout=60)
        acl = command_line("broker", "acl", "--orchestrator", ORCHESTRATOR_USER, programs=PREVIOUS).stdout
        (self.own / "acl").write_text(f"{acl}\nuser spy\ntopic read {PRESENCE}\n", encoding="utf-8")
        self._write(BEFORE.format(folder=self.own, port=self.port))
        self.open_ports = (self.port,)
        super().__init__(folder, {"LASTING": "yes"})  # it keeps sessions and retained messages over a restart

    def answers(self):
        return are_open(*self.open_ports)

    def _write(self, settings):
        (self.own / "guard.conf").unlink(missing_ok=True)  # it may be another user's now
        (self.own / "guard.conf").write_text(settings, encoding="utf-8")

    def give_certificates(self, pki):
        """Puts the broker's certificate, both issuers and the guard where its user reads them."""
        copy_guard_files(self.own, (pki / "broker/cert.pem", pki / "broker/key.pem"), pki / "devices/trust.pem",
                         pki / "operations/trust.pem", PREVIOUS.parent / "lib" / PLUGIN.name)

    def report(self):
        self.open_ports = (self.port, self.device_port, self.operations_port)
        self._write(self._settings_with_guard(
            PREVIOUS, "--mode", "report", "--former-port", f"{self.port} 127.0.0.1", "--former-passwords", self.own / "passwords",
            "--former-acl", self.own / "acl", "--orchestrator", ORCHESTRATOR_USER))
        assert self.stop() == 0
        self.start()

    def enforce(self):
        """Without the former listener."""
        self.open_ports = (self.device_port, self.operations_port)
        self._write(self._settings_with_guard(BIN))
        assert self.stop() == 0
        (self.own / "guard.so").unlink()
        shutil.copy(PLUGIN, self.own / "guard.so")
        self.start()

    def _settings_with_guard(self, programs, *words):
        return guard_settings(self.own, self.device_port, self.operations_port, *words, programs=programs)
