"""What one device may do how much at a broker with the guard, and what others lose by it: nothing."""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import pytest

from harness.guarded import STATUS, DirectoryVoice, GuardedBroker, GuardedClient, GuardedInstallation, Refused, entry
from harness.servers import are_open
from harness.stack import SANITIZED
from harness.wait import wait_for

ATTACKER = pathlib.Path(__file__).parent / "harness/attacker.py"
SECONDS = float(os.environ.get("TELLERCAST_ATTACK_SECONDS", "6"))
RESEND_BOUND_S = 5.0
VICTIMS = 6
PONGS_KIB_MAX = 85_000  # of the connection that reads none: mosquitto keeps max_queued_messages of them
BROKER_KIB_MAX = 2_000_000 if SANITIZED else 100_000 + PONGS_KIB_MAX  # a sanitizer keeps what was freed
PROPERTIES_KIB_MAX = 2_000_000 if SANITIZED else 8 << 10  # a packet of two megabytes is read and refused, one at a time
FLEET = [entry("B1", "B1", "node"), entry("A1", "B1", "atm"), entry("A2", "B1", "atm"), entry("P1", None, "pull")]


def guarded_broker(tmp_path, *lines, **options):
    broker = GuardedBroker(tmp_path / "guarded", *lines, **options)
    voice = DirectoryVoice(broker)
    voice.send(FLEET, "whole")
    return broker, voice


# ---- the attack ----

class Victim(threading.Thread):
    """A device that asks again and again, and counts how many asks were answered late or never. Its node sends it numbered
    dispatches at QoS 1."""

    def __init__(self, broker, device, ends):
        super().__init__()
        self.client = broker.client("device", device)
        self.answer, self.dispatch = f"tc/v1/device/{device}/instruction", f"tc/v1/branch/B1/dispatch/{device}"
        self.device, self.ends = device, ends
        assert all(self.client.subscribe(self.answer, f"tc/v1/branch/+/dispatch/{device}"))
        self.asks = 0
        self.late = []

    def run(self):
        while not self.ends.is_set():
            before, begun = len(self.client.messages(self.answer)), time.monotonic()
            self.client.publish(f"tc/v1/device/{self.device}/ask", b"{}")
            while len(self.client.messages(self.answer)) <= before:
                if time.monotonic() - begun > RESEND_BOUND_S:
                    self.late.append(self.asks)
                    break
                time.sleep(0.01)
            self.asks += 1
            self.ends.wait(0.5)


class Attacker:
    """See harness/attacker.py."""

    def __init__(self, broker, device):
        certificate = {**broker.certificate("device", device), "name": device, "ca_file": broker.server["ca_file"]}
        self._process = subprocess.Popen([sys.executable, ATTACKER, str(broker.device_port), json.dumps(certificate)],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def rage(self):
        self._process.stdin.write("rage\n")
        self._process.stdin.flush()

    def end(self):
        """Returns how often it did what."""
        return json.loads(self._process.communicate("end\n", timeout=60)[0])


def memory_kib(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def dispatch_for(seconds, node, victims, first=0):
    """Sends numbered dispatches to all victims; returns the next number."""
    number, deadline = first, time.monotonic() + seconds
    while time.monotonic() < deadline:
        sent = [node.send(victim.dispatch, b"%d" % number) for victim in victims]
        assert all(node.is_published(one) for one in sent)
        number += 1
        time.sleep(0.2)
    return number


def test_an_attacker_with_the_certificate_of_a_device_costs_no_other_device_a_message(stack):
    """For one half of the time he does nothing that a limit forbids, for the other everything."""
    guarded = GuardedInstallation(stack)
    guarded.orchestrator()
    stack.import_fleet({"B1": [f"A{number}" for number in range(VICTIMS)] + ["A9"]})
    guarded.wait_for_table()
    ends = threading.Event()
    node = guarded.broker.client("device", "B1")
    victims = [Victim(guarded.broker, f"A{number}", ends) for number in range(VICTIMS)]
    attacker = Attacker(guarded.broker, "A9")
    for victim in victims:
        victim.start()
    sent = dispatch_for(SECONDS / 2, node, victims)
    patient = guarded.denied()
    attacker.rage()
    sent = dispatch_for(SECONDS / 2, node, victims, sent)
    wait_for(lambda: guarded.denied().get("suspended"), "the attacker is suspended")
    ends.set()
    for victim in victims:
        victim.join()
    counts = attacker.end()
    print(f"{SECONDS:.0f} s: the attacker {counts}; dispatches {sent} each; asks {[victim.asks for victim in victims]}; "
          f"broker {memory_kib(guarded.broker.pid)} KiB; refused while patient {patient}, in all {guarded.denied()}")
    assert counts["sent"] > 100 and counts["refused"] > 10 and "taken over" not in counts, counts
    assert "suspended" not in patient and counts["pings"] > 0
    for victim in victims:
        wait_for(lambda: len(victim.client.messages(victim.dispatch)) >= sent, f"{victim.device} has every dispatch")
        assert victim.client.messages(victim.dispatch) == [b"%d" % number for number in range(sent)]
        assert not victim.late and victim.asks > 1 and victim.client.is_connected(), (victim.device, victim.late)
        victim.client.close()
    assert stack.orchestrators[0].is_ready()
    assert memory_kib(guarded.broker.pid) < BROKER_KIB_MAX
    node.close()
    guarded.close()


# ---- the limits, one by one ----

def test_a_device_that_does_something_too_often_is_slowed_and_no_other_is(tmp_path):
    broker, voice = guarded_broker(tmp_path, rate_ask="5,60", rate_denied="1000,60")
    fast, other = broker.client("device", "A1"), broker.client("device", "A2")
    asks = [fast.send("tc/v1/device/A1/ask") for _ in range(50)]
    taken = sum(fast.is_published(number) for number in asks)
    assert 5 <= taken < 10
    assert other.publish("tc/v1/device/A2/ask") and fast.publish("tc/v1/device/A1/reply")
    assert voice.denied()["too_fast"] == 50 - taken
    for client in (fast, other, voice.client):
        client.close()
    broker.stop()


def test_a_message_larger_than_any_real_one_is_refused(tmp_path):
    broker, voice = guarded_broker(tmp_path)
    machine = broker.client("device", "A1")
    sizes = {"ask": 16 << 10, "reply": 32 << 10, "presence": 1 << 10}
    for kind, size in sizes.items():
        assert machine.publish(f"tc/v1/device/A1/{kind}", bytes(size))
        assert not machine.publish(f"tc/v1/device/A1/{kind}", bytes(size + 1))
    assert voice.denied()["too_large"] == 3
    for client in (machine, voice.client):
        client.close()
    broker.stop()


def test_what_waits_for_a_device_has_no_properties_that_nobody_counts(tmp_path):
    """With 1.9 MB of them in each message, a node filled the broker's memory with what waited for an ATM."""
    broker, voice = guarded_broker(tmp_path)
    machine = broker.client("device", "A1", expiry=600, clean_start=False)
    assert machine.subscribe("tc/v1/branch/+/dispatch/A1") == [True]
    machine.close()
    node, before = broker.client("device", "B1"), memory_kib(broker.pid)
    user, response, correlation = ({"UserProperty": [(f"k{n}", 60000 * "x") for n in range(31)]}, {"ResponseTopic": 60000 * "x"},
                                   {"CorrelationData": bytes(60000)})
    for properties in (user, response, correlation, {"ContentType": 60000 * "x"}) * 10:
        assert not node.is_published(node.send("tc/v1/branch/B1/dispatch/A1", b"{}", properties=properties))
    assert node.is_published(node.send("tc/v1/branch/B1/dispatch/A1", b"last", properties={"MessageExpiryInterval": 60}))
    assert voice.denied()["properties"] == 40
    assert memory_kib(broker.pid) < before + PROPERTIES_KIB_MAX
    machine = broker.client("device", "A1", expiry=600, clean_start=False)
    wait_for(lambda: machine.topics(), "it gets what waited")
    assert machine.messages("tc/v1/branch/B1/dispatch/A1") == [b"last"]
    for client in (machine, node, voice.client):
        client.close()
    broker.stop()


def test_a_device_leaves_one_session_behind(tmp_path):
    """Each client ID has a session at the broker, with a will that can have two megabytes, for days."""
    broker, voice = guarded_broker(tmp_path)
    for number in range(5):
        with pytest.raises(Refused):
            broker.client("device", "A1", f"A1/{number}", expiry=0xFFFFFFFF, clean_start=False)
    assert voice.denied()["client_id"] == 5
    voice.client.close()
    broker.stop()


def test_an_identity_that_does_too_much_that_is_denied_is_suspended_for_a_while(tmp_path):
    broker, voice = guarded_broker(tmp_path, rate_denied="20,60", suspension_seconds="2")
    machine = broker.client("device", "A1")
    first, idle = broker.client("operator", "alice", "alice/first"), broker.client("operator", "alice", "alice/idle")
    for _ in range(30):
        machine.send("tc/v1/device/A2/ask", qos=0)
        first.send("tc/v1/device/A2/ask", qos=0)
    for client in (machine, first, idle):
        client.wait_until_ended()
    for kind, name in (("device", "A1"), ("operator", "alice")):
        with pytest.raises(Refused):
            broker.client(kind, name)
    assert voice.denied()["suspended"] >= 1

    def connects():
        try:
            broker.client("device", "A1").close()
            return True
        except Refused:
            return False

    wait_for(connects, "it may connect again")
    voice.client.close()
    broker.stop()


def test_what_waits_for_a_device_that_is_away_is_capped_and_then_flows_again(tmp_path):
    broker, voice = guarded_broker(tmp_path, waiting_messages="10")
    filters = ("tc/v1/device/A1/instruction", "tc/v1/branch/+/dispatch/A1")
    machine = broker.client("device", "A1", expiry=600, clean_start=False)
    assert all(machine.subscribe(*filters))
    machine.close()
    node = broker.client("device", "B1")
    for number in range(30):
        assert node.publish("tc/v1/branch/B1/dispatch/A1", b"%d" % number)
    assert voice.denied()["queue_full"] == 20
    machine = broker.client("device", "A1", expiry=600, clean_start=False)
    wait_for(lambda: len(machine.topics()) == 10, "it gets what waited")
    node.publish("tc/v1/branch/B1/dispatch/A1", b"last")
    wait_for(lambda: b"last" in machine.messages("tc/v1/branch/B1/dispatch/A1"), "it gets the next one")
    for client in (machine, node, voice.client):
        client.close()
    broker.stop()


def test_nothing_waits_for_a_second_session_of_a_device(tmp_path):
    """It is from a time when the guard refused nothing."""
    lines = ("persistence true", f"persistence_location {tmp_path}/")
    broker, voice = guarded_broker(tmp_path, *lines, mode="report")
    voice.client.close()
    second = broker.client("device", "A1", "A1/second", expiry=600, clean_start=False)
    assert second.subscribe("tc/v1/branch/+/dispatch/A1") == [True]
    second.close()
    assert broker.stop() == 0
    broker.mode = "enforce"
    broker.start()
    voice = DirectoryVoice(broker)
    node = broker.client("device", "B1")
    assert node.publish("tc/v1/branch/B1/dispatch/A1", b"1")
    assert voice.denied()["queue_full"] == 1
    for client in (node, voice.client):
        client.close()
    broker.stop()


# ---- from a broker without the guard to one with it ----

def test_a_session_from_before_the_guard_loses_the_filters_that_it_may_not_have(tmp_path):
    """With the guard in report mode a device could subscribe to anything, and its session is persistent."""
    lines = ("persistence true", f"persistence_location {tmp_path}/")
    broker, voice = guarded_broker(tmp_path, *lines, mode="report")
    voice.client.close()
    thief = broker.client("device", "A2", expiry=600, clean_start=False)
    assert thief.subscribe("tc/v1/device/+/reply", "tc/v1/device/A2/confirm") == [True, True]
    assert broker.stop() == 0
    broker.mode = "enforce"
    broker.start()
    voice = DirectoryVoice(broker)
    machine = broker.client("device", "A1")
    assert machine.publish("tc/v1/device/A1/reply", b"{}")
    assert voice.denied()["not_permitted"] == 1  # the session would have got it
    for _ in range(3):
        assert machine.publish("tc/v1/device/A1/reply", b"{}")
    assert voice.denied()["not_permitted"] == 1  # and now has no such filter
    voice.client.publish("tc/v1/device/A2/confirm", b"{}")
    thief = broker.client("device", "A2", expiry=600, clean_start=False)
    wait_for(lambda: thief.topics() == ["tc/v1/device/A2/confirm"], "it keeps the other")
    for client in (thief, machine, voice.client):
        client.close()
    broker.stop()


def test_in_report_mode_it_counts_what_it_would_refuse_and_refuses_nothing(tmp_path):
    broker, voice = guarded_broker(tmp_path, mode="report")
    machine = broker.client("device", "A1")
    assert machine.subscribe("#", "$share/x/tc/v1/device/+/ask") == [True, True]
    assert machine.publish("tc/v1/device/A2/ask") and machine.publish("tc/v1/branch/B9/dispatch/A2", b"", True)
    other = broker.client("device", "A2", "anything")
    counted = voice.denied()
    assert {"wildcard", "shared", "not_own", "client_id"} <= set(counted), counted
    assert voice.status()["mode"] == "report"
    for client in (machine, other, voice.client):
        client.close()
    broker.stop()


def test_a_listener_without_certificates_is_counted_in_report_mode_and_refused_after_it(tmp_path):
    port = 18830 + os.getpid() % 1000
    lines = (f"listener {port} 127.0.0.1",)
    broker, voice = guarded_broker(tmp_path, mode="report")
    broker_lines = broker.settings
    broker.settings = lambda: broker_lines() + "\n".join(lines) + "\n"
    broker.stop()
    broker.start()
    wait_for(lambda: are_open(port), "the listener is open")
    voice = DirectoryVoice(broker)
    bare = GuardedClient(port, "A1", None, None, user="A1")
    wait_for(lambda: voice.send([], generation="none", sequence=9)["devices_without_certificate"]["connected"] == 1,
             "the device is counted")
    bare.close()
    wait_for(lambda: voice.send([], generation="none", sequence=9)["devices_without_certificate"]["connected"] == 0,
             "it has gone")
    assert "last" in voice.status()["devices_without_certificate"]
    voice.client.close()
    broker.mode = "enforce"
    broker.stop()
    broker.start()
    wait_for(lambda: are_open(port), "the last listener is open, too")
    with pytest.raises(Refused):
        GuardedClient(port, "A1", None, None, user="A1")
    broker.stop()


def test_the_status_is_for_orchestrators_and_operators_alone(tmp_path):
    broker, voice = guarded_broker(tmp_path)
    machine = broker.client("device", "A1")
    assert machine.subscribe(STATUS) == [False]
    for client in (machine, voice.client):
        client.close()
    broker.stop()
