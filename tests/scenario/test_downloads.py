"""Downloads that cannot succeed end, and the next instruction runs."""

import hashlib
import time

import pytest
from harness.http import ArtifactSite
from harness.namespace import soon
from harness.operations import operate
from harness.plan import APPLICATION, VERSION
from harness.programs import INSTALLER
from harness.stack import CONTENT
from harness.wait import wait_for

ACTIONS = {"install": str(INSTALLER), "configure": str(INSTALLER)}


class BadSite(ArtifactSite):
    """Sends a byte now and then; or the whole file, without ranges, cut at the same place each time."""

    def __init__(self, cuts_at=None):
        self.cuts_at = cuts_at
        self.open_connections = 0
        super().__init__(CONTENT)

    def serve(self, handler):
        self.ranges.append(0)
        self.open_connections += 1
        handler.close_connection = True
        try:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(self.content)))
            handler.end_headers()
            if self.cuts_at is not None:
                handler.wfile.write(self.content[: self.cuts_at])
                return
            for byte in self.content:
                handler.wfile.write(bytes([byte]))
                time.sleep(0.1)
        except OSError:
            pass
        finally:
            self.open_connections -= 1


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1"]}, ["P1"])
    return stack


@pytest.fixture
def site():
    sites = []

    def open_site(**more):
        sites.append(BadSite(**more))
        return sites[-1]

    yield open_site
    for opened in sites:
        opened.close()


def artifact_at(site):
    return {"name": APPLICATION, "version": VERSION, "url": site.url, "size": len(CONTENT),
            "sha256": hashlib.sha256(CONTENT).hexdigest()}


def connect(testbed, device, **settings):
    if device == "A1":
        testbed.client("node", "B1")
        return testbed.client("atm", device, "B1", actions=ACTIONS, **settings)
    return testbed.client("pull", device, actions=ACTIONS, **settings)


def assert_next_runs(testbed, device):
    following = testbed.submit("next", selector={"devices": [device]}, action="configure", artifact=None,
                               parameters={"limit": 500})
    testbed.wait_for_state(following, device, "completed")


@pytest.mark.parametrize("device", ["A1", "P1"])
def test_a_download_ends_soon_after_its_instruction_was_given_up(testbed, site, device):
    dripping = site()
    connect(testbed, device, ask={"while_downloading": "1s"}, download={"least_bytes_per_second": 0})
    rollout = testbed.submit("lost", selector={"devices": [device]}, artifact=artifact_at(dripping),
                             execution={"receiveTimeout": "3s", "retries": 0})
    wait_for(lambda: dripping.open_connections == 1, "it downloads")
    testbed.wait_for_state(rollout, device, "timed_out")
    wait_for(lambda: dripping.open_connections == 0, "the download has ended", 20)
    testbed.wait_for_rollout(rollout, "halted")
    assert_next_runs(testbed, device)
    assert testbed.database.instruction(rollout, device)["state_name"] == "timed_out"
    assert len(dripping.ranges) == 1


@pytest.mark.parametrize("device", ["A1", "P1"])
def test_a_cancel_ends_a_download(testbed, site, device):
    dripping = site()
    connect(testbed, device, ask={"while_downloading": "1s"}, download={"least_bytes_per_second": 0})
    rollout = testbed.submit("lost", selector={"devices": [device]}, artifact=artifact_at(dripping))
    testbed.wait_for_state(rollout, device, "received")
    wait_for(lambda: dripping.open_connections == 1, "it downloads")
    operate(testbed, rollout, "cancel")
    testbed.wait_for_rollout(rollout, "cancelled", 30)
    row = testbed.database.instruction(rollout, device)
    assert (row["state_name"], row["deferrals"]) == ("cancelled", 0)
    assert [event["code"] for event in testbed.database.events(row["id"])] == ["withdrawn", "rollout_cancelled"]
    wait_for(lambda: dripping.open_connections == 0, "the download has ended", 20)
    assert_next_runs(testbed, device)
    assert len(dripping.ranges) == 1


def assert_download_ended(testbed, rollout, device, site, state, *codes):
    row = testbed.wait_for_state(rollout, device, state)
    assert [event["code"] for event in testbed.database.events(row["id"])] == list(codes)
    wait_for(lambda: site.open_connections == 0, "the download has ended", 20)
    assert_next_runs(testbed, device)
    assert len(site.ranges) == 1


@pytest.mark.parametrize("device", ["A1", "P1"])
def test_an_abort_that_cancels_ends_a_download(testbed, site, device):
    dripping = site()
    connect(testbed, device, ask={"while_downloading": "1s"}, download={"least_bytes_per_second": 0})
    testbed.import_fleet({}, ["P1", "P2"])
    broken = testbed.device("P2")
    rollout = testbed.submit("lost", selector={"devices": [device, "P2"]}, artifact=artifact_at(dripping),
                             execution={"retries": 0}, abort=[{"on": "failed", "count": 1, "then": "cancel"}])
    testbed.wait_for_state(rollout, device, "received")
    wait_for(lambda: dripping.open_connections == 1, "it downloads")
    broken.reply(wait_for(broken.tokens, "it has its instruction")[0], "failed", code="broken")
    testbed.wait_for_rollout(rollout, "cancelled", 30)
    assert_download_ended(testbed, rollout, device, dripping, "cancelled", "withdrawn", "rollout_cancelled")


def ends_soon():
    return {"schedule": {"endAt": soon(12), "endBehavior": "cancel"}, "execution": {"installTimeout": "4s"}}


@pytest.mark.parametrize("device, least", [("A1", 0), ("P1", 0), ("P1", 5)])
def test_a_download_ends_before_the_end_of_its_rollout(testbed, site, device, least):
    """The installation may not begin after the end. The site is as fast as twice the minimum."""
    dripping = site()
    connect(testbed, device, ask={"while_downloading": "1h"},
            download={"least_bytes_per_second": least, "stall_timeout": "2s"})
    rollout = testbed.submit("lost", selector={"devices": [device]}, artifact=artifact_at(dripping), **ends_soon())
    testbed.wait_for_state(rollout, device, "received")
    wait_for(lambda: dripping.open_connections == 1, "it downloads")
    testbed.wait_for_rollout(rollout, "halted", 40)
    assert_download_ended(testbed, rollout, device, dripping, "expired", "window_missed")


def test_an_end_that_cancels_withdraws_what_a_device_downloads_nevertheless(testbed, site):
    device = testbed.device("P1")
    rollout = testbed.submit(selector={"devices": ["P1"]}, artifact=artifact_at(site()), **ends_soon())
    claims = wait_for(device.tokens, "it has its instruction")[0]
    device.reply(claims, "received")
    wait_for(lambda: testbed.database.instruction(rollout, "P1")["withdrawn_at"], "it is withdrawn", 40)
    count = len(device.tokens())
    device.ask()
    wait_for(lambda: testbed.http.metric("tellercast_asks_empty_total") > 0, "it gets an empty answer")
    assert len(device.tokens()) == count
    device.reply(claims, "deferred", code="withdrawn")
    row = testbed.wait_for_state(rollout, "P1", "expired")
    assert [event["code"] for event in testbed.database.events(row["id"])][-1] == "withdrawn"
    testbed.wait_for_rollout(rollout, "halted")


def test_a_device_that_begins_anew_after_a_cancel_says_that_it_began_nothing(testbed, site):
    dripping = site()
    client = connect(testbed, "P1", ask={"while_downloading": "1h"}, download={"least_bytes_per_second": 0})
    rollout = testbed.submit("lost", selector={"devices": ["P1"]}, artifact=artifact_at(dripping))
    testbed.wait_for_state(rollout, "P1", "received")
    client.kill()
    operate(testbed, rollout, "cancel")
    wait_for(lambda: testbed.database.instruction(rollout, "P1")["withdrawn_at"], "it is withdrawn")
    assert testbed.database.rollout(rollout)["state"] == "cancelling"
    client.start()
    testbed.wait_for_rollout(rollout, "cancelled", 30)
    assert testbed.database.instruction(rollout, "P1")["state_name"] == "cancelled"
    assert_next_runs(testbed, "P1")
    assert len(dripping.ranges) == 1


def test_a_broker_that_has_again_what_was_withdrawn_from_a_download_is_emptied(testbed, site):
    rollout = testbed.submit(selector={"devices": ["P1"]}, artifact=artifact_at(site()))
    topic = "tc/v1/device/P1/instruction"
    given = testbed.spy.wait_for(topic)[0].payload
    device = testbed.device("P1")
    claims = wait_for(device.tokens, "it has its instruction")[0]
    device.reply(claims, "received")
    testbed.wait_for_state(rollout, "P1", "received")
    operate(testbed, rollout, "cancel")
    wait_for(lambda: not testbed.spy.messages(topic)[-1].payload, "it is withdrawn")
    testbed.orchestrators[0].kill()
    testbed.orchestrator_voice().publish(topic, given, retain=True)
    wait_for(lambda: testbed.spy.messages(topic)[-1].payload, "it is there again")
    testbed.orchestrators[0].start()
    wait_for(lambda: not testbed.spy.messages(topic)[-1].payload, "it is emptied again")
    before = len(device.answers())
    device.ask()
    device.wait_for_nothing(after=before)
    assert testbed.database.instruction(rollout, "P1")["state_name"] == "received"


def test_what_installs_when_its_rollout_is_cancelled_is_left_alone_and_what_downloads_is_not(testbed, site):
    dripping = site()
    connect(testbed, "P1", ask={"while_downloading": "1s"}, download={"least_bytes_per_second": 0})
    testbed.import_fleet({}, ["P1", "P2"])
    installs = testbed.device("P2")
    rollout = testbed.submit(selector={"devices": ["P1", "P2"]}, artifact=artifact_at(dripping))
    claims = wait_for(installs.tokens, "it has its instruction")[0]
    installs.reply(claims, "installing")
    testbed.wait_for_state(rollout, "P2", "installing")
    testbed.wait_for_state(rollout, "P1", "received")
    operate(testbed, rollout, "cancel")
    testbed.wait_for_state(rollout, "P1", "cancelled")
    assert testbed.database.instruction(rollout, "P2")["state_name"] == "installing"
    installs.reply(claims, "completed")
    testbed.wait_for_rollout(rollout, "cancelled")
    assert testbed.database.states(rollout) == {"cancelled": 1, "completed": 1}


def test_a_server_that_drips_is_given_up(testbed, site):
    dripping = site()
    connect(testbed, "P1", download={"stall_timeout": "1s", "tries": 2})
    rollout = testbed.submit(selector={"devices": ["P1"]}, artifact=artifact_at(dripping), execution={"retries": 0})
    row = testbed.wait_for_state(rollout, "P1", "failed")
    assert row["code"] == "download_failed"
    assert len(dripping.ranges) == 2


def test_a_server_without_ranges_that_always_cuts_is_given_up(testbed, site):
    cutting = site(cuts_at=len(CONTENT) // 2)
    connect(testbed, "P1", download={"tries": 3})
    rollout = testbed.submit(selector={"devices": ["P1"]}, artifact=artifact_at(cutting), execution={"retries": 0})
    row = testbed.wait_for_state(rollout, "P1", "failed")
    assert row["code"] == "download_failed"
    assert len(cutting.ranges) == 4  # the first connection brought bytes


def test_a_download_has_a_deadline(testbed, site):
    dripping = site()
    connect(testbed, "P1", download={"deadline": "2s", "least_bytes_per_second": 0})
    rollout = testbed.submit(selector={"devices": ["P1"]}, artifact=artifact_at(dripping), execution={"retries": 0})
    row = testbed.wait_for_state(rollout, "P1", "failed")
    assert row["code"] == "download_timeout"
    wait_for(lambda: dripping.open_connections == 0, "the download has ended", 20)
