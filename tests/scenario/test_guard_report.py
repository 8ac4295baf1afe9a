"""The guard in report mode beside the listener, the passwords and the access list of a broker from before."""

import subprocess

import pytest
from harness.guarded import STATUS, DirectoryVoice, GuardedBroker, GuardedClient, Refused, entry
from harness.programs import command_line
from harness.servers import are_open, free_port
from harness.wait import wait_for

FLEET = [entry("B1", "B1", "node"), entry("A1", "B1", "atm"), entry("P1", None, "pull")]
USERS = ("A1", "B1", "P1", "orchestrator", "alice")


class TellingBroker(GuardedBroker):
    """Its log has the end of each connection."""

    def settings(self):
        return super().settings() + "\nconnection_messages true\n"


class BrokerOfBefore(TellingBroker):
    """It has a listener without TLS, too, at which users have passwords."""

    def __init__(self, folder):
        self.plain_port = free_port()
        self.passwords, acl = folder / "passwords", folder / "acl"
        passwords = self.passwords
        passwords.write_text("".join(f"{user}:secret of {user}\n" for user in USERS), encoding="utf-8")
        subprocess.run(("mosquitto_passwd", "-U", passwords), check=True, timeout=60)
        acl.write_text(command_line("broker", "acl", "--orchestrator", "orchestrator", "--operator", "alice").stdout,
                       encoding="utf-8")
        super().__init__(folder / "guarded", mode="report", former=(
            "--former-port", f"{self.plain_port} 127.0.0.1", "--former-passwords", passwords, "--former-acl", acl,
            "--orchestrator", "orchestrator", "--operators", "alice"))

    def answers(self):
        return super().answers() and are_open(self.plain_port)

    def bare(self, user, password=None, **more):
        return GuardedClient(self.plain_port, user, None, None, user=user, password=password or f"secret of {user}", **more)


@pytest.fixture
def before(tmp_path):
    tmp_path.chmod(0o755)
    broker = BrokerOfBefore(tmp_path)
    yield broker
    broker.stop()


def test_the_files_of_before_decide_about_clients_without_certificates(before):
    voice = DirectoryVoice(before)
    voice.send(FLEET, "whole")
    for user, password in (("A1", "another"), ("X1", "secret of A1")):
        with pytest.raises(Refused):
            before.bare(user, password)
    with pytest.raises(Refused):
        GuardedClient(before.plain_port, "A1", None, None)
    machine, orchestrator = before.bare("A1"), before.bare("orchestrator")
    assert orchestrator.subscribe("tc/v1/device/+/ask") == [True]
    assert machine.publish("tc/v1/device/A1/ask")
    wait_for(lambda: orchestrator.topics() == ["tc/v1/device/A1/ask"], "the ask has arrived")
    assert not machine.publish("tc/v1/device/P1/ask"), "the access list of before forbids it"
    assert orchestrator.publish("tc/v1/device/A1/confirm")
    for client in (machine, orchestrator):
        client.close()


def test_who_has_no_certificate_is_counted_and_named_and_nothing_of_it_is_denied(before):
    voice = DirectoryVoice(before)
    voice.send(FLEET, "whole")
    machine, orchestrator, alice = before.bare("A1"), before.bare("orchestrator"), before.bare("alice")
    other = before.client("device", "P1")
    assert machine.publish("tc/v1/device/A1/ask") and other.publish("tc/v1/device/P1/ask")
    assert orchestrator.publish("tc/v1/branch/B1/start")

    def status():
        return voice.send([], generation="none", sequence=9)  # it answers each message with its status

    wait_for(lambda: status()["connected"] == {"device": 2, "orchestrator": 2, "operator": 1}, "all are connected")
    devices, others = (status()[f"{which}_without_certificate"] for which in ("devices", "others"))
    assert (devices["connected"], devices["name"]) == (1, "A1")
    assert (others["connected"], others["name"]) == (2, "operator:alice")
    assert status()["denied"] == {}
    for client in (machine, orchestrator, alice, other):
        client.close()
    wait_for(lambda: status()["devices_without_certificate"]["connected"] == 0, "it has gone")
    assert status()["devices_without_certificate"]["name"] == "A1"
    assert status()["since"] <= status()["devices_without_certificate"]["last"]
    voice.client.close()
    before.stop()  # it has written its log now
    assert "guard.connected_without_certificate identity=A1" in before.text()
    assert "guard.connected_without_certificate identity=P1" not in before.text()


def test_a_certificate_may_do_what_the_guard_allows_although_the_list_of_before_does_not_know_it(before):
    """That list knows neither the table of devices nor the names of certificates."""
    voice = DirectoryVoice(before)
    assert voice.send(FLEET, "whole")["table"]["devices"] == 3
    machine = before.client("device", "P1")
    assert machine.subscribe("tc/v1/device/P1/instruction") == [True]
    assert voice.client.publish("tc/v1/device/P1/instruction", b"first", retain=True)
    wait_for(lambda: machine.messages("tc/v1/device/P1/instruction"), "the instruction has arrived")
    machine.close()
    bare = before.bare("P1")  # and what is retained is given to clients of both listeners
    assert bare.subscribe("tc/v1/device/P1/instruction") == [True]
    wait_for(lambda: bare.messages("tc/v1/device/P1/instruction"), "the retained instruction has arrived")
    bare.close()


def test_an_operators_certificate_gives_no_rights_of_an_orchestrator(before):
    alice = GuardedClient(before.operations_port, "alice/1", before.server["ca_file"], before.certificate("operator", "alice"),
                          user="orchestrator")
    assert not alice.publish("tc/v1/branch/B1/start")
    assert alice.subscribe(STATUS) == [True]
    wait_for(lambda: alice.messages(STATUS), "it may read the status")
    alice.close()


def test_a_certificate_that_names_nobody_needs_a_password(before):
    nobody = before.devices.issue("A1")  # without a kind
    with pytest.raises(Refused):
        GuardedClient(before.device_port, "A1", before.server["ca_file"], nobody, user="orchestrator")
    client = GuardedClient(before.device_port, "A1", before.server["ca_file"], nobody, user="A1", password="secret of A1")
    assert client.publish("tc/v1/device/A1/ask") and not client.publish("tc/v1/device/P1/ask")
    client.close()


def test_what_belongs_to_report_mode_is_refused_in_the_other():
    for option, value in (("--former-port", "1883"), ("--former-acl", "acl"), ("--former-passwords", "passwords"),
                          ("--orchestrator", "tellercastd"), ("--operators", "alice")):
        done = command_line("broker", "guard", option, value, check=False)
        assert done.returncode == 2 and f"{option}: needs --mode report" in done.stderr, done


@pytest.mark.parametrize("option", ["--device-port", "--operations-port", "--former-port"])
@pytest.mark.parametrize("value", ["", "0", "65536", "99999999999", "-1", "88x", "8883 ", "8883 127.0.0.1 more", " 8883"])
def test_a_port_that_no_listener_can_have_is_refused(option, value):
    done = command_line("broker", "guard", "--mode", "report", option, value, check=False)
    assert done.returncode == 2 and not done.stdout, done
    assert f'{option}: found "{value}", allowed: 1 to 65535, or "PORT ADDRESS"' in done.stderr, done


@pytest.mark.parametrize("value", ["", "alice bob", "alice, bob", ",alice", "alice,", "alice,,bob"])
def test_operators_whose_names_are_not_joined_by_commas_are_refused(value):
    done = command_line("broker", "guard", "--mode", "report", "--operators", value, check=False)
    assert done.returncode == 2 and not done.stdout, done
    assert f'--operators: found "{value}", allowed: user names joined by commas, without blanks' in done.stderr, done


# ---- SIGHUP, with which a new revocation list is given to the broker ------------------------------


def assert_stays_in(broker, session):
    """mosquitto asks the guard again about each client, also about one that is away and shows no certificate any more. If that
    one is refused, mosquitto 2.0.11 ends its connection once more, and may use freed memory. The log shows each end."""
    voice = DirectoryVoice(broker)
    voice.send(FLEET, "whole")
    node = broker.client("device", "B1")

    def leave(machine, times):
        machine.close()
        broker.wait_until(lambda: ends() >= times, "the broker has ended the connection")

    def ends():
        return broker.text().count("Client A1 disconnected.")

    for number in range(3):
        machine = session()
        assert machine.subscribe("tc/v1/branch/+/dispatch/A1") == [True]
        leave(machine, 2 * number + 1)
        broker.reload()
        assert node.publish("tc/v1/branch/B1/dispatch/A1", b"%d" % number)
        broker.reload()
        machine = session()
        wait_for(lambda: machine.messages("tc/v1/branch/B1/dispatch/A1") == [b"%d" % number], "it gets what waited")
        leave(machine, 2 * number + 2)
    assert node.is_connected() and voice.client.is_connected()
    for client in (node, voice.client):
        client.close()
    assert broker.stop() == 0
    assert ends() == 6, "its connection was ended while it was away"


def test_a_device_that_is_away_stays_in_when_the_broker_reads_its_files_again(tmp_path):
    broker = TellingBroker(tmp_path / "guarded")
    assert_stays_in(broker, lambda: broker.client("device", "A1", expiry=600, clean_start=False))


def test_in_report_mode_a_device_that_is_away_stays_in_when_the_broker_reads_its_files_again(before):
    assert_stays_in(before, lambda: before.client("device", "A1", expiry=600, clean_start=False))


def test_who_may_connect_no_more_is_disconnected_when_the_broker_reads_its_files_again(before):
    machine, other = before.bare("A1"), before.bare("P1")
    subprocess.run(("mosquitto_passwd", "-D", before.passwords, "A1"), check=True, timeout=60)
    before.passwords.chmod(0o644)
    before.reload()
    machine.wait_until_ended()
    assert other.is_connected()
    other.close()
