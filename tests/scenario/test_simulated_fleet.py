"""The simulated fleet behaves as it is told: it is what other tests measure the orchestrator with."""

import json
import pathlib
import socket
import tempfile

import pytest
from harness.plan import APPLICATION, OLD_VERSION, VERSION, fleet
from harness.played import PlayedOrchestrator, Signer
from harness.programs import Fleet
from harness.servers import Mosquitto
from harness.wait import wait_for
from harness.wire import Wire

BRANCH = {"B1": ["A1", "A2"]}
DEVICES = ["B1", "A1", "A2"]


class Played:
    """A broker, an orchestrator played by the test, and simulated fleets."""

    def __init__(self, folder):
        self._folder = folder
        self.broker = Mosquitto(folder, "pattern readwrite #\n")
        self.orchestrator = PlayedOrchestrator(self.broker.port)
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
        """A fleet of one branch, all connected, each with an order on the table."""
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
def played(scratch):
    played = Played(pathlib.Path(tempfile.mkdtemp(prefix="f", dir=scratch)))
    yield played
    played.close()


def test_a_node_relays_its_start_and_each_device_asks_and_completes(played):
    played.open_ready_fleet()
    played.start()
    counters = played.wait(confirmed_completed=3)
    assert (counters["starts"], counters["relayed"], counters["dispatches"]) == (1, 2, 2)
    assert counters["executed"] == counters["verified"] == 3
    assert counters["double_executions"] == counters["refused"] == counters["garbage"] == 0
    for device in DEVICES:
        assert played.orchestrator.states(device) == ["received", "completed"]
        assert played.orchestrator.replies(device)[-1]["versions"] == {APPLICATION: VERSION}
        assert played.device(device)["versions"] == {APPLICATION: VERSION}


def test_a_device_that_is_not_named_is_not_dispatched(played):
    played.open_ready_fleet()
    played.start(["B1", "A1"])
    played.wait(confirmed_completed=2)
    assert played.executions("A2") == 0
    assert not played.orchestrator.asks("A2")


def test_a_pull_client_takes_its_retained_instruction_and_asks_when_it_connects(played):
    played.orchestrator.send("P1", played.orchestrator.order("P1", 1), retain=True)
    played.open_fleet(fleet(pull=["P1", "P2"]))
    played.wait(confirmed_completed=1, connected=2, nothings=1)
    assert played.orchestrator.states("P1") == ["received", "completed"]
    assert played.executions("P1") == 1 and played.executions("P2") == 0
    assert len(played.orchestrator.asks("P2")) == 1


def test_an_instruction_by_a_foreign_key_or_for_another_device_is_refused(played):
    played.open_ready_fleet()
    played.orchestrator.order("A1", 1, signer=Signer())
    played.orchestrator.order("A2", 2, aud="A1")
    played.start(["A1", "A2"])
    counters = played.wait(refused=2)
    assert counters["executed"] == 0


def test_an_instruction_out_of_its_time_is_rejected_with_the_reason(played):
    played.open_ready_fleet()
    played.orchestrator.order("A1", 1, exp=2, iat=1, nbf=1)
    played.orchestrator.order("A2", 2, start_before=2)
    played.start(["A1", "A2"])
    counters = played.wait(confirmed=2)
    assert counters["rejected"] == 2 and counters["executed"] == 0
    assert played.orchestrator.replies("A1")[-1]["code"] == "expired"
    assert played.orchestrator.replies("A2")[-1]["code"] == "window_missed"


def test_a_repeated_instruction_is_answered_and_not_executed_again(played):
    played.open_ready_fleet()
    played.start(["A1"])
    played.wait(confirmed_completed=1)
    played.orchestrator.send("A1", played.orchestrator.order("A1", 2, attempt=1))
    played.orchestrator.send("A1", played.orchestrator.order("A1", 2, attempt=2))
    counters = played.wait(confirmed_completed=3, repeated=1)
    assert counters["executed"] == 1
    assert played.orchestrator.replies("A1")[-1]["attempt"] == 2


def test_a_forgetful_device_shows_what_is_delivered_twice(played):
    played.open_ready_fleet(forgetful=True)
    token = played.orchestrator.order("A1", 2)
    played.orchestrator.send("A1", token)
    played.wait(confirmed_completed=1)
    played.orchestrator.send("A1", token)
    counters = played.wait(executed=2)
    assert counters["double_executions"] == 1
    assert played.ask("executions")["double"] == 1


def test_a_failing_device_reports_the_code(played):
    played.open_ready_fleet(failure={"rate": 100, "code": "disk_full"})
    played.start(["A1"])
    assert played.wait(confirmed=1)["failed"] == 1
    assert played.orchestrator.replies("A1")[-1]["code"] == "disk_full"
    assert played.device("A1")["versions"] == {APPLICATION: OLD_VERSION}


def test_a_device_that_crashes_in_the_middle_reports_interrupted_and_never_runs_it_again(played):
    played.open_ready_fleet(crash={"rate": 100, "for": "100ms"}, install={"min": "20ms"})
    played.start(["A1"])
    counters = played.wait(confirmed=1, connects=4)
    assert (counters["executed"], counters["executing"]) == (1, 0)
    counters = played.wait(repeated=1)  # back again, it asks, and is given the same
    assert counters["executed"] == 1
    assert set(played.orchestrator.states("A1")[1:]) == {"failed"}
    assert played.orchestrator.replies("A1")[-1]["code"] == "interrupted"


@pytest.mark.parametrize("silence, states", [("atAsk", []), ("afterReceived", ["received"])])
def test_a_silent_atm_says_no_more(played, silence, states):
    played.open_ready_fleet(match={"device": "A1"}, silent=silence)
    played.start(["A1"])
    played.wait(instructions=1)
    played.start(["A2"])
    played.wait(confirmed_completed=1)
    assert played.orchestrator.states("A1") == states
    assert played.executions("A1") == 0


def test_a_silent_node_does_not_relay(played):
    played.open_ready_fleet(match={"role": "node"}, silent="atDispatch")
    played.start()
    counters = played.wait(starts=1)
    assert counters["relayed"] == 0
    assert not played.orchestrator.asks("B1")


def test_a_device_defers_the_first_attempts(played):
    played.open_ready_fleet(defer=2)
    for attempt, final in ((1, "deferred"), (2, "deferred"), (3, "completed")):
        played.orchestrator.order("A1", 2, attempt=attempt)
        played.start(["A1"])
        played.wait(confirmed=attempt)
        assert played.orchestrator.replies("A1")[-1]["state"] == final
    assert played.executions("A1") == 1


def test_a_rejecting_device_gives_its_code_and_executes_nothing(played):
    played.open_ready_fleet(reject="not_today")
    played.start(["A1"])
    assert played.wait(confirmed=1)["executed"] == 0
    assert played.orchestrator.states("A1") == ["rejected"]
    assert played.orchestrator.replies("A1")[-1]["code"] == "not_today"


def test_a_device_can_report_another_version_than_the_one_it_was_given(played):
    played.open_ready_fleet(version="0.0.1")
    played.start(["A1"])
    played.wait(confirmed_completed=1)
    assert played.orchestrator.replies("A1")[-1]["versions"] == {APPLICATION: "0.0.1"}


def test_a_device_out_of_service_has_done_the_work_and_says_that_it_cannot_serve(played):
    played.open_ready_fleet(outOfService=100)
    played.start(["A1"])
    assert played.wait(confirmed=1)["failed"] == 1
    last = played.orchestrator.replies("A1")[-1]
    assert (last["code"], last["versions"]) == ("out_of_service", {APPLICATION: VERSION})


def test_a_rollback_leaves_the_version_that_it_names_once(played):
    played.open_ready_fleet()
    played.start(["A1"])
    played.wait(confirmed_completed=1)
    for instruction in (10, 11, 12):
        played.orchestrator.send("A1", played.orchestrator.order(
            "A1", instruction, action="rollback", artifact={"name": APPLICATION, "version": VERSION}))
        played.wait(confirmed_completed=instruction - 8)
        assert played.device("A1")["versions"] == {APPLICATION: OLD_VERSION}
    completed = [reply for reply in played.orchestrator.replies("A1") if reply["state"] == "completed"]
    assert [reply.get("code", "") for reply in completed] == ["", "", "not_needed", "not_needed"]
    assert played.executions("A1") == 2


def test_a_device_that_had_no_other_version_cannot_go_back(played):
    played.open_ready_fleet()
    played.orchestrator.send("A1", played.orchestrator.order(
        "A1", 10, action="rollback", artifact={"name": APPLICATION, "version": OLD_VERSION}))
    assert played.wait(confirmed=1)["failed"] == 1
    assert played.orchestrator.replies("A1")[-1]["code"] == "no_previous"


def test_duplicates_and_progress_are_sent(played):
    played.open_ready_fleet(duplicates=3, installReports=2, install={"min": "30ms"}, confirmAll=True)
    played.start(["A1"])
    played.wait(confirmed_completed=1)
    assert played.orchestrator.states("A1") == ["received", "installing", "installing", "completed"]
    wait_for(lambda: len(played.orchestrator.replies("A1")) == 12, "each reply came three times")
    assert [reply.get("progress") for reply in played.orchestrator.replies("A1")[3:9:3]] == [33, 66]
    assert all(reply["confirm"] for reply in played.orchestrator.replies("A1"))


def test_a_late_reply_comes_after_those_behind_it(played):
    played.open_ready_fleet(lateReplies={"rate": 100, "by": "300ms"}, installReports=1)
    played.start(["A1"])
    played.wait(confirmed_completed=1)
    wait_for(lambda: len(played.orchestrator.replies("A1")) == 3, "all three came")
    assert [reply["sequence"] for reply in played.orchestrator.replies("A1")] == [2, 3, 1]


def test_a_lost_reply_comes_only_when_it_is_sent_again(played):
    played.open_ready_fleet(lostReplies=100, resend="50ms")
    played.start(["A1"])
    assert played.wait(confirmed_completed=1)["resends"] >= 1
    assert played.orchestrator.states("A1") == ["completed"]


def test_a_final_report_is_sent_again_until_it_is_confirmed(played):
    played.orchestrator.confirms = False
    played.open_ready_fleet(resend="50ms")
    played.start(["A1"])
    played.wait(resends=3)
    played.orchestrator.confirms = True
    counters = played.wait(confirmed_completed=1)
    assert counters["unconfirmed"] == 0 and counters["completed"] == 1
    assert played.orchestrator.states("A1") == ["received", "completed"]


def test_an_ask_without_an_answer_is_asked_again(played):
    played.open_ready_fleet(askAgain="50ms")
    played.orchestrator.deaf_to = 2
    played.start(["A1"])
    assert played.wait(confirmed_completed=1)["asks_again"] >= 2


def test_what_happened_while_a_device_was_offline_reaches_the_orchestrator(played):
    played.open_ready_fleet(match={"device": "A1"}, install={"min": "300ms"}, offline={"after": "100ms", "for": "1s"})
    played.start(["A1"])
    counters = played.wait(confirmed_completed=1)
    assert counters["disconnects"] == 1 and counters["executed"] == 1


def test_a_device_that_comes_back_asks_for_what_it_missed(played):
    played.open_ready_fleet()
    assert played.ask("disconnect", match="A*", clean=True, for_ms=1500)["devices"] == 2
    assert played.ask("wait_below", connected=2)["ok"]
    played.start(["A1"])
    counters = played.wait(confirmed_completed=2, connected=3)
    assert counters["dispatches"] == 0
    assert played.executions("A1") == 1


def test_all_come_back_when_the_broker_was_away(played):
    played.open_ready_fleet()
    played.broker.kill()
    assert played.ask("wait_below", connected=1)["ok"]
    played.broker.start()
    played.wait(connected=3)
    played.orchestrator.close()
    played.orchestrator = PlayedOrchestrator(played.broker.port)


def test_devices_without_a_connection_get_theirs_when_others_have_finished(played):
    atms = [f"A{number}" for number in range(1, 41)]
    played.open_fleet(fleet({"B1": atms}), extra=["--connections", "10"])
    played.wait(connected=10, waiting=31)
    for number, device in enumerate(["B1", *atms], 1):
        played.orchestrator.order(device, number)
    played.start(["B1", *atms])
    counters = played.wait(confirmed_completed=41)
    assert counters["executed"] == 41 and counters["double_executions"] == 0
    assert counters["connected"] <= 10


def test_two_threads_count_what_one_counts(played):
    branches = {f"B{branch}": [f"B{branch}-A{atm}" for atm in range(5)] for branch in range(10)}
    played.open_fleet(fleet(branches, [f"P{number}" for number in range(10)]), extra=["--threads", "2"])
    played.wait(connected=70, nothings=10)
    devices = [device for branch, atms in branches.items() for device in [branch, *atms]]
    for number, device in enumerate(devices, 1):
        played.orchestrator.order(device, number)
    for branch, atms in branches.items():
        played.orchestrator.start(branch, [branch, *atms])
    played.wait(confirmed_completed=60)
    played.wait(asks=70)
    executions = played.ask("executions", match="B3*")
    assert (executions["executed"], executions["double"], len(executions["list"])) == (60, 0, 6)
    report = played.fleet.report()
    assert report["counters"]["executed"] == 60
    assert report["executions"]["digest"] == executions["digest"]
    assert report["versions"]["B3-A1"] == {APPLICATION: VERSION}


def test_a_device_that_ends_well_says_goodbye_and_one_that_is_cut_leaves_its_will(played):
    presence = "tc/v1/device/+/presence"
    watcher = Wire(played.broker.port, "watcher", [presence])

    def online(device):
        found = watcher.messages(presence.replace("+", device))
        return found[-1].json()["online"] if found else None

    played.open_ready_fleet()
    wait_for(lambda: all(online(device) for device in DEVICES), "all are online")
    played.ask("disconnect", match="A1", clean=True, for_ms=60000)
    played.ask("disconnect", match="A2", clean=False, for_ms=60000)
    wait_for(lambda: online("A1") is False and online("A2") is False, "both are offline")
    assert online("B1")
    watcher.close()
