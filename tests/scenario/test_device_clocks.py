"""Devices whose clocks are wrong by decades: they connect, and complete rollouts, before their clocks are mended."""

import hashlib
import re
import time

import pytest
from harness.certificates import Authority
from harness.clocks import clock_at, right_clocks_only
from harness.http import ArtifactSite
from harness.plan import APPLICATION, VERSION
from harness.secure import SecureListener
from harness.stack import CONTENT
from harness.wait import wait_for

pytestmark = [right_clocks_only, pytest.mark.plain_broker]

YEARS = ("1990", "2046")
DAY_S = 86400


def clock_of(year):
    return clock_at(f"{year}-06-01 12:00:00")


@pytest.fixture
def authority(stack):
    return Authority(stack.folder / "certificates")


@pytest.fixture
def listener(stack, authority):
    return SecureListener(stack, authority)


@pytest.fixture
def testbed(stack, listener):
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1"]}, ["P1", "P2"])
    stack.listener = listener
    return stack


@pytest.fixture
def site(authority):
    """Artifacts by HTTPS."""
    site = ArtifactSite(CONTENT, authority.issue("artifacts", "server"))
    yield site
    site.close()


def client(testbed, role, device, year, branch=None, **settings):
    environment = clock_of(year) if year else None
    return testbed.client(role, device, branch, environment, broker=testbed.listener.settings(device), **settings)


def upgrade(testbed, device, name, version=VERSION):
    """Completes a rollout, by whose signed answer the device knows the time."""
    testbed.add_artifact(CONTENT, version=version)
    rollout = testbed.submit(name, selector={"devices": [device]}, artifact={"name": APPLICATION, "version": version})
    testbed.wait_for_rollout(rollout)
    return rollout


def shown_years(program):
    return set(re.findall(r"^(\d{4})-", program.text(), re.MULTILINE))


def is_online(testbed, device):
    messages = testbed.spy.messages(f"tc/v1/device/{device}/presence")
    return bool(messages) and messages[-1].json()["online"]


@pytest.mark.parametrize("year", YEARS)
def test_devices_whose_clocks_are_decades_wrong_complete_a_rollout_with_certificates_on_every_connection(testbed, authority,
                                                                                                       site, year):
    trusted = {"ca_file": str(authority.certificate)}
    programs = [client(testbed, "node", "B1", year, download=trusted),
                client(testbed, "atm", "A1", year, "B1", download=trusted),
                client(testbed, "pull", "P1", year, download=trusted)]
    rollout = testbed.submit(selector={"devices": ["B1", "A1", "P1"]}, artifact={
        "name": APPLICATION, "version": VERSION, "url": site.url, "size": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest()})
    testbed.wait_for_states(rollout, completed=3)
    assert len(site.ranges) == 3, "all of them downloaded by HTTPS"
    for program in programs:
        assert shown_years(program) == {year}, "its clock was never mended"


def test_once_answers_have_proven_the_time_an_expired_certificate_of_the_broker_is_refused(testbed, authority):
    """The device's own clock says 1990: by that, the certificate has not expired."""
    program = client(testbed, "pull", "P1", "1990")
    upgrade(testbed, "P1", "first")
    testbed.listener.use(authority.issue("broker", "server", ends=int(time.time()) - DAY_S))
    testbed.listener.wait_for_refusals(2, "certificate expired")
    assert not is_online(testbed, "P1")
    testbed.listener.use(authority.issue("broker", "server"))
    wait_for(lambda: is_online(testbed, "P1"), "P1 is back")
    assert shown_years(program) == {"1990"}
    upgrade(testbed, "P1", "second", "4.7.3")


def test_once_answers_have_proven_the_time_a_certificate_of_days_to_come_is_refused(testbed, authority):
    """The device's own clock says 2046, and the certificate would still have expired by that."""
    client(testbed, "pull", "P1", "2046")
    upgrade(testbed, "P1", "first")
    testbed.listener.use(authority.issue("broker", "server", ends=int(time.time()) + 30 * DAY_S))
    testbed.listener.wait_for_refusals(2, "bad certificate")
    assert not is_online(testbed, "P1")
    testbed.listener.use(authority.issue("broker", "server"))
    wait_for(lambda: is_online(testbed, "P1"), "P1 is back")


def test_a_device_that_restarts_knows_no_time_and_takes_a_certificate_of_any_date(testbed, authority):
    program = client(testbed, "pull", "P1", "1990")
    upgrade(testbed, "P1", "first")
    program.stop()
    testbed.listener.use(authority.issue("broker", "server", ends=int(time.time()) - DAY_S))
    program.start(clock_of("1990"))
    wait_for(lambda: is_online(testbed, "P1"), "P1 is back")


@pytest.mark.parametrize("year", YEARS)
def test_a_device_with_a_wrong_clock_refuses_another_authority_s_broker(testbed, year):
    other = Authority(testbed.folder / "other", "other")
    settings = {**testbed.listener.settings("P1"), "ca_file": str(other.certificate)}
    testbed.start_client("pull", "P1", environment=clock_of(year), broker=settings)
    testbed.listener.wait_for_refusals(2, "unknown ca")
    client(testbed, "pull", "P2", year)
    assert not is_online(testbed, "P1")


@pytest.mark.parametrize("year", YEARS)
def test_a_device_with_a_wrong_clock_refuses_a_broker_of_another_name(testbed, authority, year):
    testbed.listener.use(authority.issue("broker", "server", address="DNS:elsewhere.example"))
    program = testbed.start_client("pull", "P1", environment=clock_of(year), broker=testbed.listener.settings("P1"))
    program.wait_until(lambda: "broker.disconnected" in program.text(), "the device has refused the broker")
    testbed.listener.use(authority.issue("broker", "server"))
    wait_for(lambda: is_online(testbed, "P1"), "P1 takes the broker of the right name")
    assert shown_years(program) == {year}
