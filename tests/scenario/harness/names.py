"""Programs that know host names of the test's own, as of a file /etc/hosts that they alone see."""

import os

from .programs import BIN

# Another account needs a user namespace of its own.
UNSHARE = "unshare --mount" if os.geteuid() == 0 else "unshare --mount --map-root-user"
SCRIPT = """#!/bin/sh
exec {unshare} /bin/sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' {hosts} {program} "$@"
"""


def programs_with(folder, *lines):
    """Returns a folder of programs whose file of host names has these lines."""
    hosts, programs = folder / "hosts", folder / "programs-with-names"
    hosts.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    programs.mkdir()
    for name in ("tellercastd", "tellercast-node", "tellercast-atm", "tellercast-pull"):
        script = programs / name
        script.write_text(SCRIPT.format(unshare=UNSHARE, hosts=hosts, program=BIN / name), encoding="utf-8")
        script.chmod(0o755)
    return programs
