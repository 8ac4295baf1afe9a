"""A listener where the broker and its clients show certificates."""

import shutil

from .servers import free_port
from .wait import wait_for


def keep_in(folder, certificates):
    """Copies the files to the broker's folder, which scripts/server gives to the broker's user. Returns their paths."""
    own = {key: folder / f"listener-{key}.pem" for key in certificates}
    for key, path in own.items():
        path.unlink(missing_ok=True)
        shutil.copy(certificates[key], path)
    return own


class SecureListener:
    """A further listener of the stack's broker. Both sides show certificates; the common name is the user's name.

    Make it before other clients than the stack's own are connected: it restarts the broker."""

    def __init__(self, stack, authority, name="broker"):
        self.port = free_port()
        self._broker, self._authority, self._name = stack.broker, authority, name
        self.use(authority.issue(name, "server"))

    def use(self, certificates, trusted=None):
        """Restarts the broker with these files. `trusted`: the file of the authorities whose certificates clients may show, unless
        it is that of the listener's authority."""
        self._broker.stop()
        own = keep_in(self._broker.folder, {"ca_file": trusted or self._authority.certificate, **{
            key: certificates[key] for key in ("certificate_file", "key_file")}})
        (self._broker.folder / "listeners").write_text(
            f"listener {self.port} 127.0.0.1\ncafile {own['ca_file']}\n"
            f"certfile {own['certificate_file']}\nkeyfile {own['key_file']}\n"
            "require_certificate true\nuse_identity_as_username true\nconnection_messages true\n", encoding="utf-8")
        self._broker.start()

    def settings(self, device, **more):
        """Returns the settings `broker` of an agent that connects here."""
        return {"port": self.port, **self._authority.issue(device, "device"), **more}

    def wait_for_refusals(self, count, reason):
        """Waits until the broker has logged `count` more handshakes that the other side ended for `reason`."""
        log = self._broker.log
        before = log.read_text(encoding="utf-8", errors="replace").count(reason)
        wait_for(lambda: log.read_text(encoding="utf-8", errors="replace").count(reason) >= before + count,
                 f"{count} handshakes end with {reason}")
