"""The units of systemd: what each of them may do, as `systemd-analyze` judges it without a running systemd."""

import re
import subprocess

import pytest
from harness.servers import ROOT

UNITS = ROOT / "packaging"
# The highest exposure that is allowed. What the privileged half may do is the bank's to say: its score is printed.
SCORES = {"tellercastd.service": 1.5, "tellercast-agent@.service": 3.0, "tellercast-install@.service": 5.0,
          "tellercast-agent-upgrade@.service": 3.0}


def lines_of(name):
    return (UNITS / name).read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name, allowed", SCORES.items())
def test_a_unit_is_exposed_no_more_than_is_allowed(name, allowed):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", UNITS / name], capture_output=True,
                          text=True, check=False, timeout=60)
    score = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert score, done
    print(f"{name}: {score[1]}")
    assert float(score[1]) <= allowed


def test_every_unit_of_a_service_is_judged():
    assert {path.name for path in UNITS.glob("*.service")} == set(SCORES)


@pytest.mark.parametrize("name", SCORES)
def test_no_service_leaves_a_core_dump(name):
    assert "LimitCORE=0" in lines_of(name)


def test_the_agent_has_no_privilege_and_its_privileged_half_no_network():
    agent, half = lines_of("tellercast-agent@.service"), lines_of("tellercast-install@.service")
    assert {"User=tellercast-agent", "NoNewPrivileges=yes", "CapabilityBoundingSet="} <= set(agent)
    assert {"PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX"} <= set(half)
    assert not any(line.startswith("User=") for line in half)


def test_only_the_agents_user_may_connect_to_its_privileged_half():
    assert {"SocketUser=root", "SocketGroup=tellercast-agent", "SocketMode=0660"} <= set(lines_of("tellercast-install@.socket"))
    users = (UNITS / "sysusers.conf").read_text(encoding="utf-8")
    assert re.search(r"^u tellercast-agent ", users, re.MULTILINE)


@pytest.mark.parametrize("name", [path.name for path in sorted(UNITS.glob("tellercast*.*"))])
def test_systemd_reads_each_unit_without_a_warning(name, tmp_path):
    """Units name programs that are not installed here, so their paths are replaced by one that exists."""
    for path in UNITS.glob("tellercast*.*"):
        text = re.sub(r"^Exec(Start|Reload)=\S+", r"Exec\1=/bin/true", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        (tmp_path / path.name.replace("@.", "@atm.")).write_text(text, encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                           tmp_path / name.replace("@.", "@atm.")], capture_output=True, text=True, check=False, timeout=60)
    said = [line for line in done.stderr.splitlines() if str(tmp_path) in line or name.replace("@.", "@atm.") in line]
    assert done.returncode == 0 and not said, done
