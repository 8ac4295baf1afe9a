"""The certificates of one run: an installation's authorities, made by `tellercast pki`, and a certificate for whoever needs
one. Each is made once, since making it takes longer than using it."""

import functools
import ssl

from .programs import command_line

OTHER_ADDRESS, BROKER_NAME = "127.0.0.2", "broker.test"  # in the certificate of the broker, beside 127.0.0.1


class Identities:
    """All its files are in `folder`, and belong to this run alone."""

    def __init__(self, folder):
        self._pki, self._folder = folder / "pki", folder / "certificates"
        folder.mkdir()
        command_line("pki", "init", self._pki, "--name", "Tests")
        self.device_authority, self.operations_authority = self._pki / "devices", self._pki / "operations"
        self.trusted = self.operations_authority / "trust.pem"  # of all clients

    @functools.cache
    def certificate(self, kind, name):
        """Returns the paths of a certificate and its key."""
        folder = self._folder / f"{kind}-{name}"
        at = [] if kind in ("device", "operator") else ["--ip", "127.0.0.1"]
        if kind == "server":
            at += ["--ip", OTHER_ADDRESS, "--dns", BROKER_NAME]
        command_line("pki", "issue", self._pki, "--kind", kind, "--id", name, "--out", folder, *at)
        return folder / "cert.pem", folder / "key.pem"

    def settings(self, kind, name):
        """Returns what the settings `broker` of a program need for its certificate."""
        certificate, key = self.certificate(kind, name)
        return {"ca_file": str(self.trusted), "certificate_file": str(certificate), "key_file": str(key)}

    @functools.cache
    def context(self, kind, name):
        """Returns what a client of the test needs for its certificate."""
        context = ssl.create_default_context(cafile=str(self.trusted))
        context.load_cert_chain(*self.certificate(kind, name))
        return context
