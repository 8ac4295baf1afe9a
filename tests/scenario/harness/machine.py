"""A machine whose system trusts one authority alone."""

import os
import shutil
import subprocess

from .programs import BIN

NAMESPACE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]


class Machine:
    """`programs` is a folder with programs of ours that start on this machine."""

    def __init__(self, folder, authority, *names):
        self.programs, trusted = folder / "programs", folder / "system"
        for made in (self.programs, trusted):
            made.mkdir()
        for name in ("ca-certificates.crt", "authority.pem"):
            shutil.copy(authority.certificate, trusted / name)
        subprocess.run(["openssl", "rehash", trusted], check=True, capture_output=True)
        for name in names:
            program = self.programs / name
            program.write_text(f"#!/bin/sh\nexec {' '.join(NAMESPACE)} sh -c 'mount --bind {trusted} /etc/ssl/certs && "
                               f"exec {BIN}/{name} \"$@\"' sh \"$@\"\n", encoding="utf-8")
            program.chmod(0o755)
