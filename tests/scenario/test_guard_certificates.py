"""Certificates that stop being good while their holders are connected: they were revoked, or have expired."""

import subprocess
import time

import pytest
from harness.certificates import DAYS, SECONDS_A_DAY
from harness.enrolment import Est
from harness.guarded import DirectoryVoice, GuardedBroker, GuardedClient, Refused, entry, resume
from harness.programs import command_line
from harness.wait import wait_for

VALIDITY_S = 8  # of a certificate that expires in a test: long enough to connect


def time_text(moment):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def wait_for_next_second():
    before = int(time.time())
    wait_for(lambda: int(time.time()) > before, "another second has begun: certificates have whole seconds")


class Broker(GuardedBroker):
    """`client` takes the certificate to show; without one it makes the identity's own."""

    def connect(self, kind, name, certificate):
        port = self.device_port if kind == "device" else self.operations_port
        return GuardedClient(port, name if kind == "device" else f"{name}/test", self.server["ca_file"], certificate)

    def expiring(self, kind, name):
        """Returns a certificate that expires soon, and when."""
        ends = int(time.time()) + VALIDITY_S
        return (self.devices if kind == "device" else self.operations).issue(name, kind, ends=ends), ends


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path / "guarded")
    yield broker
    broker.stop()


# ---- revoked ----


def test_a_revocation_ends_every_certificate_of_the_device_that_began_before_it_also_after_a_restart(broker):
    voice = DirectoryVoice(broker)
    fleet = [entry("B1", "B1", "node"), entry("A1", "B1", "atm")]
    voice.send(fleet, "whole")
    own = broker.certificate("device", "A1")
    older = broker.devices.issue("A1", "device", ends=int(time.time()) + SECONDS_A_DAY)  # it began a day ago
    machine, node = broker.connect("device", "A1", own), broker.client("device", "B1")
    revoked_at = int(time.time())
    voice.send([entry("A1", "B1", "atm", revoked_at=time_text(revoked_at))])
    machine.wait_until_ended()
    assert voice.denied()["revoked"] == 1, "the end of the connection is counted"
    for certificate in (own, older):
        with pytest.raises(Refused):
            broker.connect("device", "A1", certificate)
    assert node.is_connected() and node.publish("tc/v1/branch/B1/dispatch/A1")
    for client in (node, voice.client):
        client.close()
    assert broker.stop() == 0
    broker.start()  # it has its table from its file
    with pytest.raises(Refused):
        broker.connect("device", "A1", own)
    wait_for_next_second()
    fresh = broker.connect("device", "A1", broker.devices.issue("A1", "device", number=2))
    assert fresh.publish("tc/v1/device/A1/ask")
    fresh.close()


@pytest.mark.denied_by_guard
def test_a_revoked_device_gets_nothing_by_any_certificate_that_it_had_and_everything_by_its_next_one(stack):
    est = Est(stack, pki=stack.broker.identities.device_authority.parent)
    stack.import_fleet(pull=["P1", "P2"])
    known, known_key = est.enrolled("P1")
    unknown = est.issue("device", "P1")  # the database does not know it, like one of a bank's authority
    unknown_key = unknown.parent / "key.pem"

    def connect(certificate, key, name="P1"):
        files = {"certificate_file": certificate, "key_file": key}
        return GuardedClient(stack.broker.device_port, name, stack.broker.identities.trusted, files)

    machine = connect(unknown, unknown_key)
    other = connect(*stack.broker.identities.certificate("device", "P2"), "P2")
    done = est.word("device", "revoke", "P1", "--reason", "stolen")
    assert "; the database knows 1 of them" in done.stdout, done
    machine.wait_until_ended()
    for certificate, key in ((unknown, unknown_key), (known, known_key)):
        with pytest.raises(Refused):
            connect(certificate, key)
        answer = est.reenroll(certificate, key, est.request("P1", key=key))
        assert answer.status == 403 and "was revoked" in answer.json()["detail"], answer

    # Its next certificates are good at once, although the authority dates others back.
    own, key = est.enrolled("P1")
    for certificate in (own, est.save(est.reenroll(own, key, est.request("P1", key=key)), "renewed")):
        machine = connect(certificate, key)
        assert machine.publish("tc/v1/device/P1/ask")
        machine.close()
    assert other.is_connected()
    other.close()


def test_a_revocation_by_an_operator_ends_a_certificate_that_the_database_does_not_know(guarded):
    stack = guarded.stack
    guarded.orchestrator()
    stack.import_fleet({"B1": ["A1", "A2"]})
    guarded.wait_for_table()
    machine, other = guarded.broker.client("device", "A1"), guarded.broker.client("device", "A2")
    done = command_line("device", "revoke", "A1", "--reason", "stolen", "--server", stack.http.url)
    assert "A1  revoked all certificates that began before" in done.stdout and "knows 0 of them" in done.stdout, done
    machine.wait_until_ended()
    with pytest.raises(Refused):
        guarded.broker.client("device", "A1")
    assert other.publish("tc/v1/device/A2/ask")
    other.close()


# ---- expired ----


@pytest.mark.parametrize("kind, name", [("device", "P1"), ("orchestrator", "other"), ("operator", "alice")])
def test_a_connection_ends_when_its_certificate_does(broker, kind, name):
    voice = DirectoryVoice(broker)
    voice.send([entry("P1", None, "pull"), entry("P2", None, "pull")], "whole")
    certificate, ends = broker.expiring(kind, name)
    client, other = broker.connect(kind, name, certificate), broker.client("device", "P2")
    client.wait_until_ended()
    assert time.time() >= ends, "not before"
    assert voice.denied() == {"expired": 1}
    assert other.publish("tc/v1/device/P2/ask")
    for client in (other, voice.client):
        client.close()
    wait_for(lambda: f'client="{name}' in broker.text() and "reason=expired" in broker.text(), "it is logged")


@pytest.mark.parametrize("kind, name", [("device", "P1"), ("orchestrator", "other"), ("operator", "alice")])
def test_a_certificate_that_has_expired_connects_by_no_tls_session_that_it_has(broker, kind, name):
    accepted, not_authorized = 0, 5
    voice = DirectoryVoice(broker)
    voice.send([entry("P1", None, "pull")], "whole")
    port, client_id = (broker.device_port, name) if kind == "device" else (broker.operations_port, f"{name}/test")
    certificate, ends = broker.expiring(kind, name)
    first = broker.connect(kind, name, certificate)
    session = first.tls_session()
    assert resume(port, client_id, *session) == accepted, "it is valid"
    first.wait_until_ended()  # its client ID was taken over
    wait_for(lambda: time.time() >= ends, "the certificate has expired")
    assert resume(port, client_id, *session) == not_authorized
    own = broker.connect(kind, name, broker.certificate(kind, name))  # the renewed one
    assert resume(port, client_id, *session) == not_authorized
    assert own.is_connected() and voice.denied() == {"expired": 2}
    for client in (own, voice.client):
        client.close()


def test_a_device_that_renewed_in_time_keeps_its_connection_when_its_first_certificate_ends(broker):
    voice = DirectoryVoice(broker)
    voice.send([entry("P1", None, "pull"), entry("P2", None, "pull")], "whole")
    first, ends = broker.expiring("device", "P1")
    before, witness = broker.connect("device", "P1", first), broker.connect("device", "P2", broker.expiring("device", "P2")[0])
    renewed = broker.connect("device", "P1", broker.certificate("device", "P1"))  # its client ID takes the connection over
    before.wait_until_ended()
    assert time.time() < ends, "the certificate has ended already: the test says nothing"
    witness.wait_until_ended()  # its certificate does not end before the first one of P1
    assert renewed.is_connected() and renewed.publish("tc/v1/device/P1/ask")
    assert voice.denied() == {"expired": 1}
    for client in (renewed, voice.client):
        client.close()


def test_an_agent_that_renews_by_itself_is_never_disconnected_for_an_expired_certificate(stack):
    est = Est(stack, pki=stack.broker.identities.device_authority.parent, certificate_validity="15s")
    stack.import_fleet(pull=["P1"])
    code = stack.folder / "code"
    code.write_text(est.code("P1"), encoding="utf-8")
    code.chmod(0o600)
    agent = stack.start_client(
        "pull", "P1",
        broker={"certificate_file": str(stack.folder / "own.pem"), "key_file": str(stack.folder / "own.key")},
        enrolment={"url": est.url, "ca_file": str(est.ca_file), "code_file": str(code), "retry_first": "200ms", "retry_longest": "1s"})
    agent.wait_until(lambda: "enrolment.enrolled by=code" in agent.text(), "it has its first certificate")
    ends = time.time() + 15
    wait_for(lambda: time.time() > ends, "the first certificate has expired")
    agent.wait_until(lambda: agent.text().count("enrolment.enrolled by=certificate") >= 2, "it has renewed twice")
    wait_for(lambda: stack.spy.messages("tc/v1/device/P1/presence")[-1].json()["online"], "it is online")
    assert "guard.started" in stack.broker.text() and "guard.disconnected" not in stack.broker.text()


def test_in_report_mode_a_certificate_that_ends_is_counted_and_logged_once_and_ends_nothing(tmp_path):
    broker = Broker(tmp_path / "guarded", mode="report")
    voice = DirectoryVoice(broker)
    voice.send([entry("P1", None, "pull"), entry("P2", None, "pull")], "whole")
    client = broker.connect("device", "P1", broker.expiring("device", "P1")[0])
    other = broker.client("device", "P2")
    wait_for(lambda: voice.denied() == {"expired": 1}, "it is counted")
    voice.send([entry("P2", None, "pull", revoked_at=time_text(time.time()))], generation="first", sequence=2)
    assert voice.denied() == {"expired": 1, "revoked": 1}
    assert client.publish("tc/v1/device/P1/ask") and other.publish("tc/v1/device/P2/ask")
    assert voice.denied() == {"expired": 1, "revoked": 1}
    for each in (client, other, voice.client):
        each.close()
    broker.stop()
    lines = [line for line in broker.text().splitlines() if "guard.denied" in line]
    assert [line.split("guard.denied ")[1] for line in lines] == [
        'what=session reason=expired identity=P1 subject="P1"', 'what=session reason=revoked identity=P2 subject="P2"'], lines


# ---- of nobody ----


def test_the_log_shows_the_subject_of_a_certificate_that_names_nobody(broker):
    folder = broker.folder / "odd"
    folder.mkdir()
    for number, (subject, shown) in enumerate((
            ("/OU=devices/CN=A1", "OU=devices,CN=A1"),
            ("/CN=A1/OU=device", "CN=A1,OU=device"),
            ("/OU=device/CN= A1", r"OU=device,CN=\20A1"),
            ('/OU=device/CN=A "1"=\\\\2\n', r"OU=device,CN=A\20\221\22=\\2\0A"))):
        files = {"certificate_file": folder / f"{number}.pem", "key_file": folder / f"{number}.key"}
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", str(DAYS), "-subj", subject,
                        "-CA", broker.devices.certificate, "-CAkey", broker.devices.key, "-out", files["certificate_file"],
                        "-keyout", files["key_file"]], check=True, capture_output=True)
        with pytest.raises(Refused):
            broker.connect("device", "A1", files)
        wait_for(lambda text=f'reason=subject identity= subject="{shown}"': text in broker.text(), f"the log has {shown}")
