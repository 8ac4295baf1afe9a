"""The broker of an installation: mosquitto with the guard, a listener for devices and one for orchestrators and operators."""

from .guard_files import PLUGIN, copy_guard_files, guard_settings, sanitizer_of
from .servers import ROOT, Mosquitto, Server, are_open, free_port

RELEASED_PLUGIN = ROOT / "build/release/lib" / PLUGIN.name


def plugin():
    """Returns the guard for tests that are not about it: without a sanitizer if there is one, since mosquitto has none."""
    return RELEASED_PLUGIN if sanitizer_of(PLUGIN) and RELEASED_PLUGIN.exists() else PLUGIN


class SecureMosquitto(Mosquitto):
    """The broker whose clients have certificates of `identities`, as ./run sets it up. `spy` may be a BridgedSpy."""

    def __init__(self, folder, identities, spy=None):
        self.device_port, self.operations_port = free_port(), free_port()
        self.identities = identities
        own = folder / self.kind
        own.mkdir(exist_ok=True)
        self._write_settings(own)
        if spy is not None:
            (own / "listeners").write_text(spy.listener_lines(), encoding="utf-8")
        Server.__init__(self, folder, sanitizer_of(plugin()))

    def _write_settings(self, own):
        """scripts/server gives the folder to the broker's user."""
        copy_guard_files(own, self.identities.certificate("server", "broker"), self.identities.device_authority / "trust.pem",
                         self.identities.operations_authority / "trust.pem", plugin())
        (own / "guard.conf").write_text(guard_settings(own, self.device_port, self.operations_port), encoding="utf-8")

    def answers(self):
        return are_open(self.device_port, self.operations_port)

    def _port_of(self, kind):
        return self.device_port if kind == "device" else self.operations_port

    def settings(self, kind, name):
        """Returns the settings `broker` of a program that connects as `name`."""
        return {"port": self._port_of(kind), **self.identities.settings(kind, name)}

    def voice(self, kind, name):
        """Returns the arguments of a Wire that connects as `name`. Only a device uses its plain ID as client ID."""
        client_id = name if kind == "device" else f"{name}/test"
        return {"port": self._port_of(kind), "name": name, "secure": self.identities.context(kind, name),
                "client_id": client_id}

    def fleet_options(self):
        """Returns the options of the simulated fleet."""
        return ["--ca-file", self.identities.trusted, "--device-authority", self.identities.device_authority]
