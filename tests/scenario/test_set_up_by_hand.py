"""The commands of docs/operations.md, "Set it up by hand", are run as they stand there, on a machine of their own: namespaces in
which all that they write is thrown away. Only systemd is missing; a script does what its units say."""

import os
import pathlib
import re
import subprocess

import pytest
from harness.programs import BIN
from harness.servers import ROOT
from harness.stack import SANITIZED

PAGE = ROOT / "docs/operations.md"
# What is not run, and why.
NOT_RUN = {"apt-get ": "the packages are installed", "cmake --preset ": "the programs are built"}

# Keeps what is written below these folders in memory, and starts with no cluster of PostgreSQL and no settings of Tellercast.
MACHINE = """
set -euo pipefail
mount -t tmpfs none "$SCRATCH"
for folder in /etc /var /usr/local /root; do
    own=$SCRATCH/$(basename "$folder")
    mkdir "$own" "$own.work" && chmod --reference="$folder" "$own"
    mount -t overlay overlay -o "lowerdir=$folder,upperdir=$own,workdir=$own.work" "$folder"
done
mount -t tmpfs -o mode=755 none /run
ip link set lo up
rm -rf /etc/tellercast /var/lib/tellercast /etc/postgresql/* /var/lib/postgresql/* /var/lib/redis/* /var/lib/mosquitto/*
install -d -o postgres -g postgres -m 2775 /run/postgresql
pg_createcluster 15 main >/dev/null
pg_ctlcluster 15 main start
install -d /usr/local/bin
cp "$SYSTEMCTL" /usr/local/bin/systemctl && chmod 755 /usr/local/bin/systemctl
cd -- "$ROOT"
"""

# As the units of Debian's packages and of Tellercast say.
SYSTEMCTL = r"""#!/bin/bash
set -euo pipefail
export PATH=$PATH:/usr/sbin
case "$*" in
"restart postgresql") pg_ctlcluster 15 main restart ;;
"restart mosquitto")
    install -d -o mosquitto /run/mosquitto
    setsid mosquitto -c /etc/mosquitto/mosquitto.conf </dev/null >/dev/null 2>&1 &
    ;;
"restart redis-server")
    install -d -o redis -g redis -m 2755 /run/redis
    setpriv --reuid=redis --regid=redis --init-groups redis-server /etc/redis/redis.conf --daemonize yes >/dev/null
    ;;
"enable --now tellercastd")
    unit=/usr/local/lib/systemd/system/tellercastd.service
    user=$(sed -n 's/^User=//p' "$unit") group=$(sed -n 's/^Group=//p' "$unit")
    install -d -o "$user" -g "$group" -m "$(sed -n 's/^StateDirectoryMode=//p' "$unit")" /var/lib/tellercast
    install -d -o "$user" -g "$group" /run/tellercast
    # shellcheck disable=SC2046
    setsid setpriv --reuid="$user" --regid="$group" --init-groups $(sed -n 's/^ExecStart=//p' "$unit") </dev/null >/run/log 2>&1 &
    for ((i = 0; i < 600; i++)); do # the unit is of type notify: systemctl waits until it is ready
        ! curl -fs --cacert /etc/tellercast/operations.pem https://127.0.0.1:8080/readyz >/dev/null || exit 0
        kill -0 $! 2>/dev/null || break
        sleep 0.1
    done
    cat /run/log /var/log/mosquitto/mosquitto.log
    exit 1
    ;;
*) echo "systemctl $*: unexpected" && exit 2 ;;
esac
"""

LOOK = """
as() { setpriv --reuid="$1" --regid="$1" --init-groups -- "${@:2}"; }
echo "daemon: $(stat -c %U /proc/$(pgrep -x tellercastd))"
echo "listening: $(awk '$4 == "0A" { print substr($2, length($2) - 3) }' /proc/net/tcp | sort -u | while read -r port; do printf '%d ' "0x$port"; done)"
tellercast fleet import config/examples/fleet-small.yaml
echo "code: $(tellercast --quiet device enroll B0001-A1 | wc -c)"
"""


def commands():
    page = PAGE.read_text(encoding="utf-8")
    section = re.search(r"^## Set it up by hand\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)[1]
    lines = [line for block in re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL) for line in block.splitlines()]
    return [line for line in lines if not line.startswith(tuple(NOT_RUN))]


def prepared(lines):
    """The programs under test may be in another folder."""
    return [line.replace("cmake --install build/release", f"cmake --install '{BIN.parent}' >/dev/null") for line in lines]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have a machine of its own")
@pytest.mark.skipif(SANITIZED, reason="mosquitto cannot load a guard with a sanitizer")
def test_the_commands_that_set_it_up_by_hand_make_a_secure_installation(scratch):
    machine = scratch / "machine"
    machine.mkdir(exist_ok=True)  # a second try finds it empty: the first wrote into namespaces of its own
    systemctl = scratch / "systemctl"
    systemctl.write_text(SYSTEMCTL, encoding="utf-8")
    lines = commands()
    assert len(lines) > 30
    script = scratch / "by-hand.sh"
    script.write_text("\n".join([MACHINE, 'PS4="> "; set -x', *prepared(lines), "set +x", LOOK]), encoding="utf-8")
    environment = {**os.environ, "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "ROOT": str(ROOT),
                   "SCRATCH": str(machine), "SYSTEMCTL": str(systemctl)}
    done = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", script],
                          env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=180)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "daemon: tellercast\n" in said and "listening: 8080 8085 8883 8884 \n" in said, said
    assert "devices   12 added" in said and re.search(r"code: [2-9]\d\n", said), said
    assert not pathlib.Path("/etc/tellercast/redis-password").exists()
