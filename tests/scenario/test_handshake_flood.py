"""The packet filter's limits for the broker's listener, in a network namespace with the shipped rules."""

import json
import os
import subprocess

import pytest
from harness.certificates import Authority
from harness.servers import ROOT

FLOOD = ROOT / "tests/scenario/harness/handshake_flood.py"
RULES = ROOT / "packaging/nftables/tellercast-broker.nft"
BURST, PER_SECOND = 120, 2  # as in the rules
NAMESPACE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]


@pytest.fixture
def flood(tmp_path):
    authority = Authority(tmp_path / "certificates")
    certificates = {"server": authority.issue("broker", "server"), "device": authority.issue("A1", "device")}

    def run(rules):
        command = [*NAMESPACE, "/usr/bin/python3", FLOOD, tmp_path, json.dumps(certificates), rules]
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
