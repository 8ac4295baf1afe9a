"""Certificates for one run, made with the openssl program: an authority of its own, and the certificates that it issues."""

import os
import shutil
import subprocess

from .clocks import clock_at

DAYS = 2  # of each certificate
SECONDS_A_DAY = 86400
HERE = "IP:127.0.0.1"


class Authority:
    """An authority whose files are in `folder`. All its files belong to this run alone."""

    def __init__(self, folder, name="authority"):
        self._folder = folder
        folder.mkdir()
        self._make("authority", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    @property
    def certificate(self):
        return self._path("authority", "pem")

    @property
    def key(self):
        return self._path("authority", "key")

    def issue(self, name, kind=None, ends=None, address=HERE, number=1):
        """Returns the settings of a connection in which `name` (the common name) and the other side show their certificates.
        With a kind (device, orchestrator, operator or server) the subject has that, too. `ends`: the time at which the
        certificate expires; it has begun DAYS days before. `address`: of the server. `number`: of this name's certificates."""
        file = name if kind is None else f"{kind}-{name}"
        if (ends, address, number) != (None, HERE, 1):
            file += f"-{ends}-{address.replace(':', '-')}-{number}"
        if not self._path(file, "pem").exists():
            subject = f"/CN={name}" if kind is None else f"/OU={kind}/CN={name}"
            self._make(file, subject, "-CA", self.certificate, "-CAkey", self.key,
                       "-addext", "basicConstraints=critical,CA:false", "-addext", f"subjectAltName={address}", ends=ends)
        return {"ca_file": str(self.certificate), "certificate_file": str(self._path(file, "pem")),
                "key_file": str(self._path(file, "key"))}

    def replace(self, files, by):
        """Puts the files `by` in the places of `files`, one after the other, as a renewal does."""
        for key, path in files.items():
            fresh = f"{path}.fresh"
            shutil.copy(by[key], fresh)  # with its mode
            os.replace(fresh, path)

    def _make(self, file, subject, *more, ends=None):
        clock = {} if ends is None else clock_at(ends - DAYS * SECONDS_A_DAY)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", str(DAYS), "-subj", subject,
                        "-keyout", self._path(file, "key"), "-out", self._path(file, "pem"), *more],
                       check=True, capture_output=True, env={**os.environ, **clock})

    def _path(self, name, kind):
        return self._folder / f"{name}.{kind}"
