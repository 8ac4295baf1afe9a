"""The authorities of an installation, and the verdicts of OpenSSL's own program about what they made."""

import subprocess

from .programs import command_line

CLIENT = "sslclient"
UNKNOWN_ISSUER = "unable to get local issuer certificate"


def run(*arguments, **more):
    return subprocess.run([str(part) for part in arguments], capture_output=True, text=True, timeout=60, check=False, **more)


class Authorities:
    """A folder with authorities, and folders with certificates beside it."""

    def __init__(self, folder):
        self.root = folder
        self.folder = folder / "pki"
        self.pki("init", "--name", "Bank")

    def pki(self, verb, *arguments, check=True):
        return command_line("pki", verb, self.folder, *arguments, check=check)

    def issue(self, kind, identity, *more):
        """Returns the path of the new certificate; its key is beside it."""
        folder = self.root / f"{kind}-{identity}"
        self.pki("issue", "--kind", kind, "--id", identity, "--out", folder, *more)
        return folder / "cert.pem"

    def server(self):
        return self.issue("server", "broker", "--ip", "127.0.0.1", "--dns", "localhost")

    def trust(self, authority):
        return self.folder / authority / "trust.pem"

    def verify(self, certificate, authority, purpose=CLIENT, crl=None):
        """Returns the verdict of `openssl verify` with the trust file of an authority: "OK" or its reason."""
        lists = ["-crl_check", "-CRLfile", crl] if crl else []
        return verdict(run("openssl", "verify", "-purpose", purpose, "-no-CApath", "-no-CAstore", "-CAfile",
                           self.trust(authority), *lists, certificate))


def verdict(done):
    if done.returncode == 0:
        return "OK"
    return done.stderr.split("lookup: ", 1)[1].splitlines()[0]


def text_of(certificate):
    return run("openssl", "x509", "-in", certificate, "-noout", "-text").stdout
