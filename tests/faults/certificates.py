"""Certificates for one run: its own authority, and the certificates that it issues."""

import subprocess


class Authority:
    def __init__(self, folder):
        self._folder = folder
        folder.mkdir()
        self._make("authority", "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, name):
        """Returns the settings of a connection in which `name` (the common name) and the other side show their certificates."""
        if not self._path(name, "pem").exists():
            self._make(name, "-CA", self._path("authority", "pem"), "-CAkey", self._path("authority", "key"),
                       "-addext", "basicConstraints=critical,CA:false", "-addext", "subjectAltName=IP:127.0.0.1")
        return {"ca_file": str(self._path("authority", "pem")), "certificate_file": str(self._path(name, "pem")),
                "key_file": str(self._path(name, "key"))}

    def _make(self, name, *more):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                        "-keyout", self._path(name, "key"), "-out", self._path(name, "pem"), *more],
                       check=True, capture_output=True)

    def _path(self, name, kind):
        return self._folder / f"{name}.{kind}"
