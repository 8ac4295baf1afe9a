"""The orchestrator and its devices on a broker with the guard: connections with certificates, and the table of devices."""

import json
import socket
import ssl
import subprocess
import time

import pytest

from harness.guarded import STATUS, DirectoryVoice, GuardedBroker, GuardedClient, Refused, entry
from harness.plan import fleet
from harness.programs import command_line
from harness.wait import wait_for


def test_a_rollout_runs_with_certificates_and_the_guard_refuses_nothing_of_it(guarded):
    stack = guarded.stack
    guarded.orchestrator()
    stack.import_fleet({"B1": ["A1"]}, pull=["P1"])
    guarded.wait_for_table()
    for role, device, branch in (("node", "B1", "B1"), ("atm", "A1", "B1"), ("pull", "P1", None)):
        guarded.client(role, device, branch)
    stack.add_artifact()
    rollout = stack.submit()
    stack.wait_for_rollout(rollout)
    stack.wait_for_states(rollout, completed=3)
    assert guarded.denied() == {}
    shown = command_line("broker", "guard", "status", "--server", stack.http.url).stdout
    assert shown.startswith("enforce\n") and "the guard has the devices that the database has" in shown


def test_a_retired_device_is_disconnected_and_gets_nothing_until_it_is_returned(guarded):
    stack = guarded.stack
    guarded.orchestrator()
    stack.import_fleet({"B1": ["A1", "A2"]})
    guarded.wait_for_table()
    guarded.client("node", "B1", "B1")
    victim = guarded.client("atm", "A1", "B1")
    other = guarded.client("atm", "A2", "B1")
    stack.add_artifact()
    victim.send(19)  # SIGSTOP: it gets an instruction, and does nothing with it
    rollout = stack.submit()
    stack.wait_for_state(rollout, "A1", "dispatched")
    retired = operate(stack, "A1", "retire", "stolen")
    assert retired.status == 200 and retired.json()["device"] == "A1"
    assert operate(stack, "A1", "retire", "stolen").status == 409
    stack.wait_for_state(rollout, "A1", "cancelled")
    assert stack.database.instructions(rollout)["A1"]["code"] == "device_retired"
    wait_for(lambda: guarded.status()["table"]["retired"] == 1, "the guard knows it")
    victim.send(18)  # SIGCONT
    wait_for(lambda: not guarded.is_online("A1"), "it is offline")
    wait_for(lambda: guarded.denied().get("retired", 0) > 0, "its next connection is refused")
    stack.wait_for_state(rollout, "A2", "completed")
    refused = stack.http.import_fleet(fleet({"B1": ["A1", "A2"]}))
    assert refused.status == 422 and "tellercast device return A1" in str(refused.json()), refused
    shown = command_line("device", "show", "A1", "--server", stack.http.url).stdout
    assert "retired" in shown and "stolen" in shown
    next_one = stack.submit("next", groups=[{"name": "all", "percentage": 100}])
    wait_for(lambda: stack.database.instructions(next_one), "it is planned")
    assert "A1" not in stack.database.instructions(next_one)
    assert operate(stack, "A1", "return", "found again").json()["code"] == "device_retired"
    wait_for(lambda: guarded.is_online("A1"), "it is connected again")
    assert other.is_running() and victim.is_running()


def operate(stack, device, operation, reason):
    headers = {"Content-Type": "application/json", **stack.http.as_("bob")}
    return stack.http.ask("POST", f"/v1/devices/{device}/{operation}", json.dumps({"reason": reason}), headers)


def test_a_device_that_moves_is_known_in_its_new_branch_at_once(guarded):
    stack = guarded.stack
    guarded.orchestrator()
    stack.import_fleet({"B1": ["A1"], "B2": ["A2"]})
    guarded.wait_for_table()
    nodes = {branch: guarded.broker.client("device", branch) for branch in ("B1", "B2")}
    machine = guarded.broker.client("device", "A1")
    assert machine.subscribe("tc/v1/branch/+/dispatch/A1") == [True]
    assert nodes["B1"].publish("tc/v1/branch/B1/dispatch/A1", "1")
    assert not nodes["B2"].publish("tc/v1/branch/B2/dispatch/A1", "2")
    stack.import_fleet({"B2": ["A1", "A2"]})
    wait_for(lambda: nodes["B2"].publish("tc/v1/branch/B2/dispatch/A1", "3"), "the new node may dispatch to it")
    assert not nodes["B1"].publish("tc/v1/branch/B1/dispatch/A1", "4")
    wait_for(lambda: "tc/v1/branch/B2/dispatch/A1" in machine.topics(), "it is dispatched to")
    assert machine.topics()[0] == "tc/v1/branch/B1/dispatch/A1"
    for client in (*nodes.values(), machine):
        client.close()


def test_the_guard_gets_the_whole_table_again_after_another_one_wrote_it(guarded):
    stack = guarded.stack
    guarded.orchestrator()
    stack.import_fleet({"B1": ["A1"]})
    guarded.wait_for_table()
    stranger = DirectoryVoice(guarded.broker, "stranger")
    assert stranger.send([], "whole")["table"]["devices"] == 0
    wait_for(lambda: guarded.status()["table"]["devices"] == 2, "the table is back")
    stranger.client.close()


def test_a_broker_that_starts_without_orchestrators_knows_its_devices(tmp_path):
    broker = GuardedBroker(tmp_path / "guarded")
    voice = DirectoryVoice(broker)
    voice.send([entry("B1", "B1", "node"), entry("A1", "B1", "atm"), entry("A9", "B1", "atm", retired=True)], "whole")
    voice.send([entry("A2", "B1", "atm")], revoked=["00abcdef"])
    voice.client.close()
    assert broker.stop() == 0
    broker.start()
    node = broker.client("device", "B1")
    assert node.publish("tc/v1/branch/B1/dispatch/A1") and node.publish("tc/v1/branch/B1/dispatch/A2")
    assert not node.publish("tc/v1/branch/B1/dispatch/A3")
    with pytest.raises(Refused):
        broker.client("device", "A9")
    watcher = broker.client("operator", "watcher")
    watcher.subscribe(STATUS)
    wait_for(lambda: watcher.messages(STATUS), "there is a status")
    table = json.loads(watcher.messages(STATUS)[-1])["table"]
    assert (table["devices"], table["retired"], table["revoked"]) == (4, 1, 1)
    for client in (node, watcher):
        client.close()
    assert broker.stop() == 0
    (broker.state / "devices.json").write_text("{\n", encoding="utf-8")
    broker.start()
    node = broker.client("device", "B1")
    assert not node.publish("tc/v1/branch/B1/dispatch/A1")
    node.close()
    broker.stop()
    assert "guard.table_unreadable" in broker.text()


def serial_of(certificate):
    text = subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", certificate["certificate_file"]],
                          capture_output=True, text=True, check=True).stdout
    return text.strip().split("=")[1].lower().lstrip("0")


def test_a_revoked_certificate_loses_its_connection_and_gets_no_other(tmp_path):
    broker = GuardedBroker(tmp_path / "guarded")
    voice = DirectoryVoice(broker)
    voice.send([entry("B1", "B1", "node"), entry("A1", "B1", "atm")], "whole")
    machine, node = broker.client("device", "A1"), broker.client("device", "B1")
    voice.send([], revoked=[serial_of(broker.certificate("device", "A1"))])
    machine.wait_until_ended()
    with pytest.raises(Refused):
        broker.client("device", "A1")
    assert node.is_connected() and node.publish("tc/v1/device/B1/ask")
    assert voice.denied()["revoked"] == 2, "the connection that was ended, and the one that was refused"
    node.close()
    voice.client.close()
    broker.stop()


@pytest.fixture
def bare(tmp_path):
    broker = GuardedBroker(tmp_path / "guarded")
    yield broker
    broker.stop()


def test_a_client_id_is_its_identitys_own(bare):
    voice = DirectoryVoice(bare)
    voice.send([entry("B1", "B1", "node"), entry("A1", "B1", "atm")], "whole")
    machine = bare.client("device", "A1")
    for kind, name, client_id in (("device", "B1", "A1"), ("device", "B1", "A1/x"), ("device", "B1", "central/directory"),
                                  ("device", "B1", "B12"), ("device", "B1", "b1"), ("operator", "A1", "A1"),
                                  ("operator", "alice", "central/directory"), ("orchestrator", "central", "A1"),
                                  ("device", "A1", "A1/more"), ("operator", "alice", "alice/" + 200 * "x")):
        with pytest.raises(Refused):
            bare.client(kind, name, client_id)
    assert machine.is_connected() and voice.client.is_connected()
    bare.client("operator", "alice", "alice/more").close()
    again = bare.client("device", "A1")  # its own connection it may take over
    machine.wait_until_ended()
    for client in (again, voice.client):
        client.close()


def test_a_certificate_is_of_its_kind_by_its_issuer_or_of_nobody(bare):
    wrong = {"a device of the operations authority": (bare.operations.issue("A1", "device"), bare.operations_port),
             "an orchestrator of the devices' authority": (bare.devices.issue("central", "orchestrator"), bare.device_port),
             "an operator of the devices' authority": (bare.devices.issue("alice", "operator"), bare.device_port),
             "a server": (bare.operations.issue("central", "server"), bare.operations_port),
             "no kind": (bare.devices.issue("A1"), bare.device_port),
             "an unknown kind": (bare.devices.issue("A1", "devices"), bare.device_port),
             "no ID": (bare.devices.issue("A 1", "device"), bare.device_port)}
    for what, (certificate, port) in wrong.items():
        with pytest.raises(Refused):
            client = bare_client(bare, port, certificate)
            pytest.fail(f"{what} is connected: {client}")
    with pytest.raises(ssl.SSLError):  # the listener of devices does not trust the other authority at all
        shake_hands(bare, bare.device_port, bare.operations.issue("A2", "device"))


def bare_client(broker, port, certificate):
    return GuardedClient(port, "A1", broker.server["ca_file"], certificate)


def shake_hands(broker, port, certificate):
    context = ssl.create_default_context(cafile=broker.server["ca_file"])
    context.check_hostname = False
    context.load_cert_chain(certificate["certificate_file"], certificate["key_file"])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as link, context.wrap_socket(link) as tls:
        tls.recv(1)  # in TLS 1.3 the server answers after the client is done


def test_a_certificate_that_an_operator_revokes_loses_its_connection_and_another_is_good(guarded):
    stack = guarded.stack
    guarded.orchestrator()
    stack.import_fleet({"B1": ["A1"]})
    guarded.wait_for_table()
    machine = guarded.broker.client("device", "A1")
    serial = serial_of(guarded.broker.certificate("device", "A1"))
    stack.database.rows("INSERT INTO device_certificate (serial, device, not_after) "
                        "VALUES (%s, 'A1', now() + interval '1 day') RETURNING serial", serial.upper())
    done = command_line("device", "revoke", "A1", "--reason", "leaked", "--server", stack.http.url)
    assert done.returncode == 0
    machine.wait_until_ended()
    with pytest.raises(Refused):
        guarded.broker.client("device", "A1")
    revoked_at = int(time.time())
    wait_for(lambda: int(time.time()) > revoked_at, "another second has begun: certificates have whole seconds")
    for file in guarded.broker.folder.glob("devices/device-A1.*"):
        file.unlink()
    other = guarded.broker.client("device", "A1")
    assert other.publish("tc/v1/device/A1/ask")
    other.close()
