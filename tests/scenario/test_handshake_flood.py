"""The packet filter's limits for the broker's listener, in a network namespace with the shipped rules."""

import json
import os
import subprocess

import pytest
from harness.certificates import Authority
from harness.servers import ROOT

HARNESS = ROOT / "tests/scenario/harness"
RULES = ROOT / "packaging/nftables/tellercast-broker.nft"
BURST, PER_SECOND = 120, 2  # handshakes, as in the rules
BURST_BYTES, BYTES_PER_SECOND = 256 << 10, 64 << 10  # as in the rules
PING_BYTES = 2
NAMESPACE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]


@pytest.fixture
def flood(tmp_path):
    authority = Authority(tmp_path / "certificates")
    certificates = {"server": authority.issue("broker", "server"), "device": authority.issue("A1", "device")}

    def run(rules, script="handshake_flood.py"):
        command = [*NAMESPACE, "/usr/bin/python3", HARNESS / script, tmp_path, json.dumps(certificates), rules]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=200).stdout)

    return run


def test_an_address_that_floods_the_broker_with_handshakes_is_limited_and_a_device_at_another_is_not(flood):
    found = flood(str(RULES))
    assert found["published"] == 20
    assert found["handshakes"] <= BURST + PER_SECOND * found["seconds"] + 1
    assert found["refused"] >= 50


def test_without_the_rules_the_same_flood_gets_more_handshakes_than_they_allow(flood):
    found = flood("")
    assert found["handshakes"] > BURST + PER_SECOND * found["seconds"] + 1


def most_pings(seconds):
    """A bucket of bytes holds the burst and a second more of the rate (Linux, net/netfilter/nft_limit.c)."""
    return (BURST_BYTES + BYTES_PER_SECOND * (seconds + 1)) / PING_BYTES


def test_an_address_that_floods_the_broker_with_pings_is_slowed_and_a_device_at_another_is_not(flood):
    found = flood(str(RULES), "ping_flood.py")
    assert found["published"] == 20
    assert 1000 < found["answers"] <= most_pings(found["seconds"])
    assert found["refused"] > 0
