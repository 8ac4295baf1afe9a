"""The simulated fleet behaves as it is told: it is what other tests measure the orchestrator with."""

import json
import pathlib
import socket
import tempfile

import pytest
from harness.plan import APPLICATION, OLD_VERSION, VERSION, fleet
from harness.fake_orchestrator import PlayedOrchestrator, Signer
from harness.programs import Fleet
from harness.servers import Mosquitto
from harness.wait import wait_for
from harness.wire import Wire

BRANCH = {"B1": ["A1", "A2"]}
DEVICES = ["B1", "A1", "A2"]


class FakeOrchestrator:
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
def fake_orchestrator(scratch):
    fake_orchestrator = FakeOrchestrator(pathlib.Path(tempfile.mkdtemp(prefix="f", dir=scratch)))
    yield fake_orchestrator
    fake_orchestrator.close()


def test_a_node_relays_its_start_and_each_device_asks_and_completes(fake_orchestrator):
    fake_orchestrator.open_ready_fleet()
    fake_orchestrator.start()
    counters = fake_orchestrator.wait(confirmed_completed=3)
    assert (counters["starts"], counters["relayed"], counters["dispatches"]) == (1, 2, 2)
    assert counters["executed"] == counters["verified"] == 3
    assert counters["double_executions"] == counters["refused"] == counters["garbage"] == 0
    for device in DEVICES:
        assert fake_orchestrator.orchestrator.states(device) == ["received", "completed"]
        assert fake_orchestrator.orchestrator.replies(device)[-1]["versions"] == {APPLICATION: VERSION}
        assert fake_orchestrator.device(device)["versions"] == {APPLICATION: VERSION}


def test_a_device_that_is_not_named_is_not_dispatched(fake_orchestrator):
    fake_orchestrator.open_ready_fleet()
    fake_orchestrator.start(["B1", "A1"])
    fake_orchestrator.wait(confirmed_completed=2)
    assert fake_orchestrator.executions("A2") == 0
    assert not fake_orchestrator.orchestrator.asks("A2")


def test_a_pull_client_takes_its_retained_instruction_and_asks_when_it_connects(fake_orchestrator):
    fake_orchestrator.orchestrator.send("P1", fake_orchestrator.orchestrator.order("P1", 1), retain=True)
    fake_orchestrator.open_fleet(fleet(pull=["P1", "P2"]))
    fake_orchestrator.wait(confirmed_completed=1, connected=2, nothings=1)
    assert fake_orchestrator.orchestrator.states("P1") == ["received", "completed"]
    assert fake_orchestrator.executions("P1") == 1 and fake_orchestrator.executions("P2") == 0
    assert len(fake_orchestrator.orchestrator.asks("P2")) == 1


def test_an_instruction_by_a_foreign_key_or_for_another_device_is_refused(fake_orchestrator):
    fake_orchestrator.open_ready_fleet()
    fake_orchestrator.orchestrator.order("A1", 1, signer=Signer())
    fake_orchestrator.orchestrator.order("A2", 2, aud="A1")
    fake_orchestrator.start(["A1", "A2"])
    fake_orchestrator.wait(refused=2)
    fake_orchestrator.start(["B1"])
    fake_orchestrator.wait(confirmed_completed=1)
    assert fake_orchestrator.executions("B1") == 1 and fake_orchestrator.executions("A1") == fake_orchestrator.executions("A2") == 0


def test_an_instruction_out_of_its_time_is_rejected_with_the_reason(fake_orchestrator):
    fake_orchestrator.open_ready_fleet()
    fake_orchestrator.orchestrator.order("A1", 1, exp=2, iat=1, nbf=1)
    fake_orchestrator.orchestrator.order("A2", 2, start_before=2)
    fake_orchestrator.start(["A1", "A2"])
    counters = fake_orchestrator.wait(confirmed=2)
    assert counters["rejected"] == 2 and counters["executed"] == 0
    assert fake_orchestrator.orchestrator.replies("A1")[-1]["code"] == "expired"
    assert fake_orchestrator.orchestrator.replies("A2")[-1]["code"] == "window_missed"


def test_a_repeated_instruction_is_answered_and_not_executed_again(fake_orchestrator):
    fake_orchestrator.open_ready_fleet()
    fake_orchestrator.start(["A1"])
    fake_orchestrator.wait(confirmed_completed=1)
    fake_orchestrator.orchestrator.send("A1", fake_orchestrator.orchestrator.order("A1", 2, attempt=1))
    fake_orchestrator.orchestrator.send("A1", fake_orchestrator.orchestrator.order("A1", 2, attempt=2))
    counters = fake_orchestrator.wait(confirmed_completed=3, repeated=1)
    assert counters["executed"] == 1
    assert fake_orchestrator.orchestrator.replies("A1")[-1]["attempt"] == 2


def test_a_forgetful_device_shows_what_is_delivered_twice(fake_orchestrator):
    fake_orchestrator.open_ready_fleet(forgetful=True)
    token = fake_orchestrator.orchestrator.order("A1", 2)
    fake_orchestrator.orchestrator.send("A1", token)
    fake_orchestrator.wait(confirmed_completed=1)
    fake_orchestrator.orchestrator.send("A1", token)
    counters = fake_orchestrator.wait(executed=2)
    assert counters["double_executions"] == 1
    assert fake_orchestrator.ask("executions")["double"] == 1


def test_a_failing_device_reports_the_code(fake_orchestrator):
    fake_orchestrator.open_ready_fleet(failure={"rate": 100, "code": "disk_full"})
    fake_orchestrator.start(["A1"])
    assert fake_orchestrator.wait(confirmed=1)["failed"] == 1
    assert fake_orchestrator.orchestrator.replies("A1")[-1]["code"] == "disk_full"
    assert fake_orchestrator.device("A1")["versions"] == {APPLICATION: OLD_VERSION}


def test_a_device_that_crashes_in_the_middle_reports_interrupted_and_never_runs_it_again(fake_orchestrator):
    fake_orchestrator.open_ready_fleet(crash={"rate": 100, "for": "100ms"}, install={"min": "20ms"})
    fake_orchestrator.start(["A1"])
    counters = fake_orchestrator.wait(confirmed=1, connects=4)
    assert (counters["executed"], counters["executing"]) == (1, 0)
    counters = fake_orchestrator.wait(repeated=1)  # back again, it asks, and is given the same
    assert counters["executed"] == 1
    assert set(fake_orchestrator.orchestrator.states("A1")[1:]) == {"failed"}
    assert fake_orchestrator.orchestrator.replies("A1")[-1]["code"] == "interrupted"


@pytest.mark.parametrize("silence, states", [("atAsk", []), ("afterReceived", ["received"])])
def test_a_silent_atm_says_no_more(fake_orchestrator, silence, states):
    fake_orchestrator.open_ready_fleet(match={"device": "A1"}, silent=silence)
    fake_orchestrator.start(["A1"])
    fake_orchestrator.wait(instructions=1)
    fake_orchestrator.start(["A2"])
    fake_orchestrator.wait(confirmed_completed=1)
    assert fake_orchestrator.orchestrator.states("A1") == states
    assert fake_orchestrator.executions("A1") == 0


def test_a_silent_node_does_not_relay(fake_orchestrator):
    fake_orchestrator.open_ready_fleet(match={"role": "node"}, silent="atDispatch")
    fake_orchestrator.start()
    fake_orchestrator.start()
    counters = fake_orchestrator.wait(starts=2)  # when it has the second, it has done what it does of the first
    assert counters["relayed"] == 0
    fake_orchestrator.orchestrator.dispatch("B1", "A1")
    fake_orchestrator.wait(confirmed_completed=1)
    assert not fake_orchestrator.orchestrator.asks("B1") and not fake_orchestrator.orchestrator.asks("A2")


def test_a_device_defers_the_first_attempts(fake_orchestrator):
    fake_orchestrator.open_ready_fleet(defer=2)
    for attempt, final in ((1, "deferred"), (2, "deferred"), (3, "completed")):
        fake_orchestrator.orchestrator.order("A1", 2, attempt=attempt)
        fake_orchestrator.start(["A1"])
        fake_orchestrator.wait(confirmed=attempt)
        assert fake_orchestrator.orchestrator.replies("A1")[-1]["state"] == final
    assert fake_orchestrator.executions("A1") == 1


def test_a_rejecting_device_gives_its_code_and_executes_nothing(fake_orchestrator):
    fake_orchestrator.open_ready_fleet(reject="not_today")
    fake_orchestrator.start(["A1"])
    assert fake_orchestrator.wait(confirmed=1)["executed"] == 0
    assert fake_orchestrator.orchestrator.states("A1") == ["rejected"]
    assert fake_orchestrator.orchestrator.replies("A1")[-1]["code"] == "not_today"


def test_a_device_can_report_another_version_than_the_one_it_was_given(fake_orchestrator):
    fake_orchestrator.open_ready_fleet(version="0.0.1")
    fake_orchestrator.start(["A1"])
    fake_orchestrator.wait(confirmed_completed=1)
    assert fake_orchestrator.orchestrator.replies("A1")[-1]["versions"] == {APPLICATION: "0.0.1"}


def test_a_device_out_of_service_has_done_the_work_and_says_that_it_cannot_serve(fake_orchestrator):
    fake_orchestrator.open_ready_fleet(outOfService=100)
    fake_orchestrator.start(["A1"])
    assert fake_orchestrator.wait(confirmed=1)["failed"] == 1
    last = fake_orchestrator.orchestrator.replies("A1")[-1]
    assert (last["code"], last["versions"]) == ("out_of_service", {APPLICATION: VERSION})


def test_a_rollback_leaves_the_version_that_it_names_once(fake_orchestrator):
    fake_orchestrator.open_ready_fleet()
    fake_orchestrator.start(["A1"])
    fake_orchestrator.wait(confirmed_completed=1)
    for instruction in (10, 11, 12):
        fake_orchestrator.orchestrator.send("A1", fake_orchestrator.orchestrator.order(
            "A1", instruction, action="rollback", artifact={"name": APPLICATION, "version": VERSION}))
        fake_orchestrator.wait(confirmed_completed=instruction - 8)
        assert fake_orchestrator.device("A1")["versions"] == {APPLICATION: OLD_VERSION}
    completed = [reply for reply in fake_orchestrator.orchestrator.replies("A1") if reply["state"] == "completed"]
    assert [reply.get("code", "") for reply in completed] == ["", "", "not_needed", "not_needed"]
    assert fake_orchestrator.executions("A1") == 2


def test_a_device_that_had_no_other_version_cannot_go_back(fake_orchestrator):
    fake_orchestrator.open_ready_fleet()
    fake_orchestrator.orchestrator.send("A1", fake_orchestrator.orchestrator.order(
        "A1", 10, action="rollback", artifact={"name": APPLICATION, "version": OLD_VERSION}))
    assert fake_orchestrator.wait(confirmed=1)["failed"] == 1
    assert fake_orchestrator.orchestrator.replies("A1")[-1]["code"] == "no_previous"


def test_duplicates_and_progress_are_sent(fake_orchestrator):
    fake_orchestrator.open_ready_fleet(duplicates=3, installReports=2, install={"min": "30ms"}, confirmAll=True)
    fake_orchestrator.start(["A1"])
    fake_orchestrator.wait(confirmed_completed=1)
    assert fake_orchestrator.orchestrator.states("A1") == ["received", "installing", "installing", "completed"]
    wait_for(lambda: len(fake_orchestrator.orchestrator.replies("A1")) == 12, "each reply came three times")
    assert [reply.get("progress") for reply in fake_orchestrator.orchestrator.replies("A1")[3:9:3]] == [33, 66]
    assert all(reply["confirm"] for reply in fake_orchestrator.orchestrator.replies("A1"))


def test_a_late_reply_comes_after_those_behind_it(fake_orchestrator):
    fake_orchestrator.open_ready_fleet(lateReplies={"rate": 100, "by": "300ms"}, installReports=1)
    fake_orchestrator.start(["A1"])
    fake_orchestrator.wait(confirmed_completed=1)
    wait_for(lambda: len(fake_orchestrator.orchestrator.replies("A1")) == 3, "all three came")
    assert [reply["sequence"] for reply in fake_orchestrator.orchestrator.replies("A1")] == [2, 3, 1]


def test_a_lost_reply_comes_only_when_it_is_sent_again(fake_orchestrator):
    fake_orchestrator.open_ready_fleet(lostReplies=100, resend="50ms")
    fake_orchestrator.start(["A1"])
    assert fake_orchestrator.wait(confirmed_completed=1)["resends"] >= 1
    assert fake_orchestrator.orchestrator.states("A1") == ["completed"]


def test_a_final_report_is_sent_again_until_it_is_confirmed(fake_orchestrator):
    fake_orchestrator.orchestrator.confirms = False
    fake_orchestrator.open_ready_fleet(resend="50ms")
    fake_orchestrator.start(["A1"])
    fake_orchestrator.wait(resends=3)
    fake_orchestrator.orchestrator.confirms = True
    counters = fake_orchestrator.wait(confirmed_completed=1)
    assert counters["unconfirmed"] == 0 and counters["completed"] == 1
    assert fake_orchestrator.orchestrator.states("A1") == ["received", "completed"]


def test_an_ask_without_an_answer_is_asked_again(fake_orchestrator):
    fake_orchestrator.open_ready_fleet(askAgain="50ms")
    fake_orchestrator.orchestrator.deaf_to = 2
    fake_orchestrator.start(["A1"])
    assert fake_orchestrator.wait(confirmed_completed=1)["asks_again"] >= 2


def test_what_happened_while_a_device_was_offline_reaches_the_orchestrator(fake_orchestrator):
    fake_orchestrator.open_ready_fleet(match={"device": "A1"}, install={"min": "300ms"}, offline={"after": "100ms", "for": "1s"})
    fake_orchestrator.start(["A1"])
    counters = fake_orchestrator.wait(confirmed_completed=1)
    assert counters["disconnects"] == 1 and counters["executed"] == 1


def test_a_device_that_comes_back_asks_for_what_it_missed(fake_orchestrator):
    fake_orchestrator.open_ready_fleet()
    assert fake_orchestrator.ask("disconnect", match="A*", clean=True, for_ms=1500)["devices"] == 2
    assert fake_orchestrator.ask("wait_below", connected=2)["ok"]
    fake_orchestrator.start(["A1"])
    counters = fake_orchestrator.wait(confirmed_completed=2, connected=3)
    assert counters["dispatches"] == 0
    assert fake_orchestrator.executions("A1") == 1


def test_all_come_back_when_the_broker_was_away(fake_orchestrator):
    fake_orchestrator.open_ready_fleet()
    fake_orchestrator.broker.kill()
    assert fake_orchestrator.ask("wait_below", connected=1)["ok"]
    fake_orchestrator.broker.start()
    fake_orchestrator.wait(connected=3)
    fake_orchestrator.orchestrator.close()
    fake_orchestrator.orchestrator = PlayedOrchestrator(fake_orchestrator.broker.port)


def test_devices_without_a_connection_get_theirs_when_others_have_finished(fake_orchestrator):
    atms = [f"A{number}" for number in range(1, 41)]
    fake_orchestrator.open_fleet(fleet({"B1": atms}), extra=["--connections", "10"])
    fake_orchestrator.wait(connected=10, waiting=31)
    for number, device in enumerate(["B1", *atms], 1):
        fake_orchestrator.orchestrator.order(device, number)
    fake_orchestrator.start(["B1", *atms])
    counters = fake_orchestrator.wait(confirmed_completed=41)
    assert counters["executed"] == 41 and counters["double_executions"] == 0
    assert counters["connected"] <= 10


def test_two_threads_count_what_one_counts(fake_orchestrator):
    branches = {f"B{branch}": [f"B{branch}-A{atm}" for atm in range(5)] for branch in range(10)}
    fake_orchestrator.open_fleet(fleet(branches, [f"P{number}" for number in range(10)]), extra=["--threads", "2"])
    fake_orchestrator.wait(connected=70, nothings=10)
    devices = [device for branch, atms in branches.items() for device in [branch, *atms]]
    for number, device in enumerate(devices, 1):
        fake_orchestrator.orchestrator.order(device, number)
    for branch, atms in branches.items():
        fake_orchestrator.orchestrator.start(branch, [branch, *atms])
    fake_orchestrator.wait(confirmed_completed=60)
    fake_orchestrator.wait(asks=70)
    executions = fake_orchestrator.ask("executions", match="B3*")
    assert (executions["executed"], executions["double"], len(executions["list"])) == (60, 0, 6)
    report = fake_orchestrator.fleet.report()
    assert report["counters"]["executed"] == 60
    assert report["executions"]["digest"] == executions["digest"]
    assert report["versions"]["B3-A1"] == {APPLICATION: VERSION}


def test_a_device_that_ends_well_says_goodbye_and_one_that_is_cut_leaves_its_will(fake_orchestrator):
    presence = "tc/v1/device/+/presence"
    watcher = Wire(fake_orchestrator.broker.port, "watcher", [presence])

    def online(device):
        found = watcher.messages(presence.replace("+", device))
        return found[-1].json()["online"] if found else None

    fake_orchestrator.open_ready_fleet()
    wait_for(lambda: all(online(device) for device in DEVICES), "all are online")
    fake_orchestrator.ask("disconnect", match="A1", clean=True, for_ms=60000)
    fake_orchestrator.ask("disconnect", match="A2", clean=False, for_ms=60000)
    wait_for(lambda: online("A1") is False and online("A2") is False, "both are offline")
    assert online("B1")
    watcher.close()
