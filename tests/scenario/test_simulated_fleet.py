"""The simulated fleet behaves as its rules say; other tests measure the orchestrator with it."""

import json
import pathlib
import socket
import tempfile

import pytest
from harness.plan import APPLICATION, OLD_VERSION, VERSION, fleet
from harness.fake_orchestrator import FakeOrchestrator, Signer
from harness.programs import Fleet
from harness.servers import Mosquitto
from harness.wait import wait_for
from harness.wire import Wire

BRANCH = {"B1": ["A1", "A2"]}
DEVICES = ["B1", "A1", "A2"]


class FleetTestbed:
    """A broker, a fake orchestrator and simulated fleets."""

    def __init__(self, folder):
        self._folder = folder
        self.broker = Mosquitto(folder, "pattern readwrite #\n")
        self.orchestrator = FakeOrchestrator(self.broker.port)
        self.fleet = self._control = None

    def open_fleet(self, document=None, behaviour=None, extra=()):
        keys = self._folder / "keys.json"
        keys.write_text(self.orchestrator.signer.public_set(), encoding="utf-8")
        self.fleet = Fleet(self._folder, document or fleet(BRANCH), behaviour, self.broker.port, keys, extra=extra)
        self.fleet.wait_until(self.fleet.control.exists, "the fleet can be asked")
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(120)
        connection.connect(str(self.fleet.control))
        self._control = connection.makefile("rw", encoding="utf-8")
        connection.close()

    def ask(self, what, **more):
        self._control.write(json.dumps({"do": what, **more}) + "\n")
        self._control.flush()
        return json.loads(self._control.readline())

    def wait(self, **counters):
        answer = self.ask("wait", **counters)
        assert answer["ok"], f"{counters}: {answer}"
        return answer

    def device(self, name):
        return self.ask("device", id=name)

    def executions(self, name):
        return sum(execution["executed"] for execution in self.device(name)["executions"])

    def open_ready_fleet(self, behaviour=None, **rule):
        """Opens a fleet of one branch and waits until all are connected. Each device has an instruction to ask for."""
        self.open_fleet(behaviour=behaviour or {"rules": [rule]})
        self.wait(connected=len(DEVICES))
        for number, device in enumerate(DEVICES, 1):
            self.orchestrator.order(device, number)

    def start(self, devices=None):
        self.orchestrator.start("B1", DEVICES if devices is None else devices)

    def close(self):
        if self._control is not None:
            self._control.close()
        code = 0 if self.fleet is None else self.fleet.stop()
        self.orchestrator.close()
        self.broker.stop()
        assert code == 0, self.fleet.text()


@pytest.fixture
def testbed(scratch):
    testbed = FleetTestbed(pathlib.Path(tempfile.mkdtemp(prefix="f", dir=scratch)))
    yield testbed
    testbed.close()


def test_a_node_relays_its_start_and_each_device_asks_and_completes(testbed):
    testbed.open_ready_fleet()
    testbed.start()
    counters = testbed.wait(confirmed_completed=3)
    assert (counters["starts"], counters["relayed"], counters["dispatches"]) == (1, 2, 2)
    assert counters["executed"] == counters["verified"] == 3
    assert counters["double_executions"] == counters["refused"] == counters["garbage"] == 0
    for device in DEVICES:
        assert testbed.orchestrator.states(device) == ["received", "completed"]
        assert testbed.orchestrator.replies(device)[-1]["versions"] == {APPLICATION: VERSION}
        assert testbed.device(device)["versions"] == {APPLICATION: VERSION}


def test_a_device_that_is_not_named_is_not_dispatched(testbed):
    testbed.open_ready_fleet()
    testbed.start(["B1", "A1"])
    testbed.wait(confirmed_completed=2)
    assert testbed.executions("A2") == 0
    assert not testbed.orchestrator.asks("A2")


def test_a_pull_client_takes_its_retained_instruction_and_asks_when_it_connects(testbed):
    testbed.orchestrator.send("P1", testbed.orchestrator.order("P1", 1), retain=True)
    testbed.open_fleet(fleet(pull=["P1", "P2"]))
    testbed.wait(confirmed_completed=1, connected=2, nothings=1)
    assert testbed.orchestrator.states("P1") == ["received", "completed"]
    assert testbed.executions("P1") == 1 and testbed.executions("P2") == 0
    assert len(testbed.orchestrator.asks("P2")) == 1


def test_an_instruction_by_a_foreign_key_or_for_another_device_is_refused(testbed):
    testbed.open_ready_fleet()
    testbed.orchestrator.order("A1", 1, signer=Signer())
    testbed.orchestrator.order("A2", 2, aud="A1")
    testbed.start(["A1", "A2"])
    testbed.wait(refused=2)
    testbed.start(["B1"])
    testbed.wait(confirmed_completed=1)
    assert testbed.executions("B1") == 1 and testbed.executions("A1") == testbed.executions("A2") == 0


def test_an_instruction_out_of_its_time_is_rejected_with_the_reason(testbed):
    testbed.open_ready_fleet()
    testbed.orchestrator.order("A1", 1, exp=2, iat=1, nbf=1)
    testbed.orchestrator.order("A2", 2, start_before=2)
    testbed.start(["A1", "A2"])
    counters = testbed.wait(confirmed=2)
    assert counters["rejected"] == 2 and counters["executed"] == 0
    assert testbed.orchestrator.replies("A1")[-1]["code"] == "expired"
    assert testbed.orchestrator.replies("A2")[-1]["code"] == "window_missed"


def test_a_repeated_instruction_is_answered_and_not_executed_again(testbed):
    testbed.open_ready_fleet()
    testbed.start(["A1"])
    testbed.wait(confirmed_completed=1)
    testbed.orchestrator.send("A1", testbed.orchestrator.order("A1", 2, attempt=1))
    testbed.orchestrator.send("A1", testbed.orchestrator.order("A1", 2, attempt=2))
    counters = testbed.wait(confirmed_completed=3, repeated=1)
    assert counters["executed"] == 1
    assert testbed.orchestrator.replies("A1")[-1]["attempt"] == 2


def test_a_forgetful_device_shows_what_is_delivered_twice(testbed):
    testbed.open_ready_fleet(forgetful=True)
    token = testbed.orchestrator.order("A1", 2)
    testbed.orchestrator.send("A1", token)
    testbed.wait(confirmed_completed=1)
    testbed.orchestrator.send("A1", token)
    counters = testbed.wait(executed=2)
    assert counters["double_executions"] == 1
    assert testbed.ask("executions")["double"] == 1


def test_a_failing_device_reports_the_code(testbed):
    testbed.open_ready_fleet(failure={"rate": 100, "code": "disk_full"})
    testbed.start(["A1"])
    assert testbed.wait(confirmed=1)["failed"] == 1
    assert testbed.orchestrator.replies("A1")[-1]["code"] == "disk_full"
    assert testbed.device("A1")["versions"] == {APPLICATION: OLD_VERSION}


def test_a_device_that_crashes_in_the_middle_reports_interrupted_and_never_runs_it_again(testbed):
    testbed.open_ready_fleet(crash={"rate": 100, "for": "100ms"}, install={"min": "20ms"})
    testbed.start(["A1"])
    counters = testbed.wait(confirmed=1, connects=4)
    assert (counters["executed"], counters["executing"]) == (1, 0)
    counters = testbed.wait(repeated=1)  # it is back, asks, and gets the same instruction
    assert counters["executed"] == 1
    assert set(testbed.orchestrator.states("A1")[1:]) == {"failed"}
    assert testbed.orchestrator.replies("A1")[-1]["code"] == "interrupted"


@pytest.mark.parametrize("silence, states", [("atAsk", []), ("afterReceived", ["received"])])
def test_a_silent_atm_says_no_more(testbed, silence, states):
    testbed.open_ready_fleet(match={"device": "A1"}, silent=silence)
    testbed.start(["A1"])
    testbed.wait(instructions=1)
    testbed.start(["A2"])
    testbed.wait(confirmed_completed=1)
    assert testbed.orchestrator.states("A1") == states
    assert testbed.executions("A1") == 0


def test_a_silent_node_does_not_relay(testbed):
    testbed.open_ready_fleet(match={"role": "node"}, silent="atDispatch")
    testbed.start()
    testbed.start()
    counters = testbed.wait(starts=2)  # the report on the second shows that the node is done with the first
    assert counters["relayed"] == 0
    testbed.orchestrator.dispatch("B1", "A1")
    testbed.wait(confirmed_completed=1)
    assert not testbed.orchestrator.asks("B1") and not testbed.orchestrator.asks("A2")


def test_a_device_defers_the_first_attempts(testbed):
    testbed.open_ready_fleet(defer=2)
    for attempt, final in ((1, "deferred"), (2, "deferred"), (3, "completed")):
        testbed.orchestrator.order("A1", 2, attempt=attempt)
        testbed.start(["A1"])
        testbed.wait(confirmed=attempt)
        assert testbed.orchestrator.replies("A1")[-1]["state"] == final
    assert testbed.executions("A1") == 1


def test_a_rejecting_device_gives_its_code_and_executes_nothing(testbed):
    testbed.open_ready_fleet(reject="not_today")
    testbed.start(["A1"])
    assert testbed.wait(confirmed=1)["executed"] == 0
    assert testbed.orchestrator.states("A1") == ["rejected"]
    assert testbed.orchestrator.replies("A1")[-1]["code"] == "not_today"


def test_a_device_can_report_another_version_than_the_one_it_was_given(testbed):
    testbed.open_ready_fleet(version="0.0.1")
    testbed.start(["A1"])
    testbed.wait(confirmed_completed=1)
    assert testbed.orchestrator.replies("A1")[-1]["versions"] == {APPLICATION: "0.0.1"}


def test_a_device_out_of_service_has_done_the_work_and_says_that_it_cannot_serve(testbed):
    testbed.open_ready_fleet(outOfService=100)
    testbed.start(["A1"])
    assert testbed.wait(confirmed=1)["failed"] == 1
    last = testbed.orchestrator.replies("A1")[-1]
    assert (last["code"], last["versions"]) == ("out_of_service", {APPLICATION: VERSION})


def test_a_rollback_leaves_the_version_that_it_names_once(testbed):
    testbed.open_ready_fleet()
    testbed.start(["A1"])
    testbed.wait(confirmed_completed=1)
    for instruction in (10, 11, 12):
        testbed.orchestrator.send("A1", testbed.orchestrator.order(
            "A1", instruction, action="rollback", artifact={"name": APPLICATION, "version": VERSION}))
        testbed.wait(confirmed_completed=instruction - 8)
        assert testbed.device("A1")["versions"] == {APPLICATION: OLD_VERSION}
    completed = [reply for reply in testbed.orchestrator.replies("A1") if reply["state"] == "completed"]
    assert [reply.get("code", "") for reply in completed] == ["", "", "not_needed", "not_needed"]
    assert testbed.executions("A1") == 2


def test_a_device_that_had_no_other_version_cannot_go_back(testbed):
    testbed.open_ready_fleet()
    testbed.orchestrator.send("A1", testbed.orchestrator.order(
        "A1", 10, action="rollback", artifact={"name": APPLICATION, "version": OLD_VERSION}))
    assert testbed.wait(confirmed=1)["failed"] == 1
    assert testbed.orchestrator.replies("A1")[-1]["code"] == "no_previous"


def test_duplicates_and_progress_are_sent(testbed):
    testbed.open_ready_fleet(duplicates=3, installReports=2, install={"min": "30ms"}, confirmAll=True)
    testbed.start(["A1"])
    testbed.wait(confirmed_completed=1)
    assert testbed.orchestrator.states("A1") == ["received", "installing", "installing", "completed"]
    wait_for(lambda: len(testbed.orchestrator.replies("A1")) == 12, "each reply came three times")
    assert [reply.get("progress") for reply in testbed.orchestrator.replies("A1")[3:9:3]] == [33, 66]
    assert all(reply["confirm"] for reply in testbed.orchestrator.replies("A1"))


def test_a_late_reply_comes_after_those_behind_it(testbed):
    testbed.open_ready_fleet(lateReplies={"rate": 100, "by": "300ms"}, installReports=1)
    testbed.start(["A1"])
    testbed.wait(confirmed_completed=1)
    wait_for(lambda: len(testbed.orchestrator.replies("A1")) == 3, "all three came")
    assert [reply["sequence"] for reply in testbed.orchestrator.replies("A1")] == [2, 3, 1]


def test_a_lost_reply_comes_only_when_it_is_sent_again(testbed):
    testbed.open_ready_fleet(lostReplies=100, resend="50ms")
    testbed.start(["A1"])
    assert testbed.wait(confirmed_completed=1)["resends"] >= 1
    assert testbed.orchestrator.states("A1") == ["completed"]


def test_a_final_report_is_sent_again_until_it_is_confirmed(testbed):
    testbed.orchestrator.confirms = False
    testbed.open_ready_fleet(resend="50ms")
    testbed.start(["A1"])
    testbed.wait(resends=3)
    testbed.orchestrator.confirms = True
    counters = testbed.wait(confirmed_completed=1)
    assert counters["unconfirmed"] == 0 and counters["completed"] == 1
    assert testbed.orchestrator.states("A1") == ["received", "completed"]


def test_an_ask_without_an_answer_is_asked_again(testbed):
    testbed.open_ready_fleet(askAgain="50ms")
    testbed.orchestrator.deaf_to = 2
    testbed.start(["A1"])
    assert testbed.wait(confirmed_completed=1)["asks_again"] >= 2


def test_what_happened_while_a_device_was_offline_reaches_the_orchestrator(testbed):
    testbed.open_ready_fleet(match={"device": "A1"}, install={"min": "300ms"}, offline={"after": "100ms", "for": "1s"})
    testbed.start(["A1"])
    counters = testbed.wait(confirmed_completed=1)
    assert counters["disconnects"] == 1 and counters["executed"] == 1


def test_a_device_that_comes_back_asks_for_what_it_missed(testbed):
    testbed.open_ready_fleet()
    assert testbed.ask("disconnect", match="A*", clean=True, for_ms=1500)["devices"] == 2
    assert testbed.ask("wait_below", connected=2)["ok"]
    testbed.start(["A1"])
    counters = testbed.wait(confirmed_completed=2, connected=3)
    assert counters["dispatches"] == 0
    assert testbed.executions("A1") == 1


def test_all_come_back_when_the_broker_was_away(testbed):
    testbed.open_ready_fleet()
    testbed.broker.kill()
    assert testbed.ask("wait_below", connected=1)["ok"]
    testbed.broker.start()
    testbed.wait(connected=3)
    testbed.orchestrator.close()
    testbed.orchestrator = FakeOrchestrator(testbed.broker.port)


def test_a_device_tries_again_when_its_handshake_is_ended(scratch, identities):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="f", dir=scratch))
    keys = folder / "keys.json"
    keys.write_text(Signer().public_set(), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as endpoint:
        endpoint.settimeout(60)
        program = Fleet(folder, fleet(BRANCH), None, endpoint.getsockname()[1], keys, extra=[
            "--ca-file", identities.trusted, "--device-authority", identities.device_authority])
        for _ in range(3 * len(DEVICES)):
            link, _ = endpoint.accept()
            with link:
                assert link.recv(65536), "there was no handshake"
    assert program.stop() == 0, program.text()


def test_devices_without_a_connection_get_theirs_when_others_have_finished(testbed):
    atms = [f"A{number}" for number in range(1, 41)]
    testbed.open_fleet(fleet({"B1": atms}), extra=["--connections", "10"])
    testbed.wait(connected=10, waiting=31)
    for number, device in enumerate(["B1", *atms], 1):
        testbed.orchestrator.order(device, number)
    testbed.start(["B1", *atms])
    counters = testbed.wait(confirmed_completed=41)
    assert counters["executed"] == 41 and counters["double_executions"] == 0
    assert counters["connected"] <= 10


def test_two_threads_count_what_one_counts(testbed):
    branches = {f"B{branch}": [f"B{branch}-A{atm}" for atm in range(5)] for branch in range(10)}
    testbed.open_fleet(fleet(branches, [f"P{number}" for number in range(10)]), extra=["--threads", "2"])
    testbed.wait(connected=70, nothings=10)
    devices = [device for branch, atms in branches.items() for device in [branch, *atms]]
    for number, device in enumerate(devices, 1):
        testbed.orchestrator.order(device, number)
    for branch, atms in branches.items():
        testbed.orchestrator.start(branch, [branch, *atms])
    testbed.wait(confirmed_completed=60)
    testbed.wait(asks=70)
    executions = testbed.ask("executions", match="B3*")
    assert (executions["executed"], executions["double"], len(executions["list"])) == (60, 0, 6)
    report = testbed.fleet.report()
    assert report["counters"]["executed"] == 60
    assert report["executions"]["digest"] == executions["digest"]
    assert report["versions"]["B3-A1"] == {APPLICATION: VERSION}


def test_a_device_that_ends_well_says_goodbye_and_one_that_is_cut_leaves_its_will(testbed):
    presence = "tc/v1/device/+/presence"
    watcher = Wire(testbed.broker.port, "watcher", [presence])

    def online(device):
        found = watcher.messages(presence.replace("+", device))
        return found[-1].json()["online"] if found else None

    testbed.open_ready_fleet()
    wait_for(lambda: all(online(device) for device in DEVICES), "all are online")
    testbed.ask("disconnect", match="A1", clean=True, for_ms=60000)
    testbed.ask("disconnect", match="A2", clean=False, for_ms=60000)
    wait_for(lambda: online("A1") is False and online("A2") is False, "both are offline")
    assert online("B1")
    watcher.close()
