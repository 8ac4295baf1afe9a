"""Revocation lists of `tellercast pki`: how they come to mosquitto, and how it is proved that it uses them."""

import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import signal
import ssl
import subprocess

import paho.mqtt.client as mqtt
import pytest
from harness.authorities import UNKNOWN_ISSUER, Authorities
from harness.guard_files import copy_guard_files, guard_settings, without_guard
from harness.process import Process, running
from harness.servers import are_open, free_port
from harness.wait import wait_for


@pytest.fixture
def pki(tmp_path):
    return Authorities(tmp_path)


class Broker(Process):
    """mosquitto with a listener for each authority, without the guard, and a pid file."""

    def __init__(self, pki):
        self.pki = pki
        self.ports = {"devices": free_port(), "operations": free_port()}
        self.folder = pki.root / "broker"
        self.folder.mkdir()
        self.pid_file = self.folder / "mosquitto.pid"
        server = pki.server()
        copy_guard_files(self.folder, (server, server.parent / "key.pem"), pki.trust("devices"), pki.trust("operations"))
        for authority in self.ports:
            shutil.copy(pki.folder / authority / "crl.pem", self.crl(authority))
        settings = guard_settings(self.folder, *self.ports.values(), "--device-crl", self.crl("devices"), "--operations-crl",
                                  self.crl("operations"))
        own = [f"pid_file {self.pid_file}", "log_dest stderr", "connection_messages true",
               *(["user root"] if os.geteuid() == 0 else [])]
        (self.folder / "mosquitto.conf").write_text("\n".join([without_guard(settings), *own, ""]), encoding="utf-8")
        self.start()

    def start(self):
        super().__init__("mosquitto", ["mosquitto", "-c", self.folder / "mosquitto.conf"], self.folder / "log")
        self.wait_until(self.answers, "mosquitto is ready")

    def answers(self):
        return self.pid_file.exists() and are_open(*self.ports.values())

    def connections(self, authority):
        """How many clients have connected to this listener so far."""
        return self.text().count(f" on port {self.ports[authority]}.")

    def crl(self, authority):
        return self.folder / f"{authority}-crl.pem"

    def address(self, authority):
        return f"127.0.0.1:{self.ports[authority]}"

    def lets_in(self, certificate, authority, trust=None):
        """Returns whether an independent client gets a CONNACK with this certificate."""
        answers = []
        client = mqtt.Client(client_id=certificate.parent.name)
        client.on_connect = lambda _client, _user, _flags, code: answers.append(code == 0)
        client.on_disconnect = lambda _client, _user, _code: answers.append(False)
        client.tls_set(ca_certs=str(trust or self.pki.trust("operations")), certfile=str(certificate),
                       keyfile=str(certificate.parent / "key.pem"), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        with contextlib.suppress(OSError):
            client.connect("127.0.0.1", self.ports[authority])
            wait_for(lambda: client.loop(0.1) != mqtt.MQTT_ERR_SUCCESS or answers, "the broker has answered")
            client.disconnect()
        return bool(answers) and answers[0]

    def deliver(self, authority="devices", *more, check=True):
        return self.pki.pki("crl", "--authority", authority, "--out", self.crl(authority), "--signal", self.pid_file,
                            "--probe", self.address(authority), *more, check=check)


@pytest.fixture
def broker(pki):
    server = Broker(pki)
    yield server
    server.stop()


def test_a_listener_lets_in_the_kinds_of_its_own_authority(pki, broker):
    device, operator, orchestrator = pki.issue("device", "A-1"), pki.issue("operator", "anna"), pki.issue("orchestrator", "o-1")
    assert broker.lets_in(device, "devices")
    assert broker.lets_in(operator, "operations") and broker.lets_in(orchestrator, "operations")
    assert not broker.lets_in(device, "operations")
    assert not broker.lets_in(operator, "devices") and not broker.lets_in(orchestrator, "devices")


def test_a_delivered_list_shuts_out_what_was_revoked_and_the_broker_proves_it(pki, broker):
    stolen, other = pki.issue("device", "A-1"), pki.issue("device", "A-2")
    assert broker.lets_in(stolen, "devices")
    pki.pki("revoke", stolen, "--reason", "keyCompromise")
    done = broker.deliver()
    assert f"{broker.address('devices')}: uses this list" in done.stderr
    assert not broker.lets_in(stolen, "devices") and broker.lets_in(other, "devices")
    # Both canaries are on record; the list has one of them.
    index = (pki.folder / "devices/index.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(line[0] for line in index if line.endswith("CN=crl-probe")) == ["R", "V"]


def test_a_broker_that_ignores_the_list_is_found_out(pki, broker):
    # Nothing tells it that the file has changed: what it does then is what it does after a list that it could not read.
    done = pki.pki("crl", "--authority", "devices", "--out", broker.crl("devices"), "--probe", broker.address("devices"),
                   "--wait", "3s", check=False)
    assert done.returncode == 1 and "ACCEPTS REVOKED CERTIFICATES" in done.stderr
    assert broker.deliver().returncode == 0


def test_a_broker_that_fails_open_after_a_broken_list_is_found_out(pki, broker):
    stolen = pki.issue("device", "A-1")
    pki.pki("revoke", stolen, "--reason", "keyCompromise")
    broker.deliver()
    assert not broker.lets_in(stolen, "devices")
    broker.crl("devices").write_text("broken", encoding="utf-8")
    broker.send(signal.SIGHUP)
    wait_for(lambda: broker.lets_in(stolen, "devices"), "mosquitto fails open")
    check = pki.pki("crl", "--authority", "devices", "--out", broker.crl("devices"), "--check", check=False)
    assert check.returncode == 1 and "no revocation list of this authority" in check.stderr
    refused = broker.deliver(check=False)
    assert refused.returncode == 1 and "devices-crl.pem: has no revocation list" in refused.stderr
    broker.deliver("devices", "--overwrite")
    assert not broker.lets_in(stolen, "devices")


def test_a_list_that_is_older_than_the_brokers_is_not_delivered(pki, broker):
    broker.deliver()
    kept = broker.crl("devices").read_bytes()
    for file in ("crl.pem", "crlnumber"):  # as after the authority's folder came from a backup
        (pki.folder / "devices" / file).unlink()
    refused = broker.deliver(check=False)
    assert refused.returncode == 1 and "has list 2, which is newer than list 1" in refused.stderr
    assert broker.crl("devices").read_bytes() == kept


def test_a_probe_connects_no_more_often_than_the_broker_allows_in_the_long_run(pki, broker):
    """After 0, 0.1, 0.3, 0.7 and 1.5 s, then each second, and at the end of --wait."""
    before = broker.connections("devices")
    done = pki.pki("crl", "--authority", "devices", "--out", broker.crl("devices"), "--probe", broker.address("devices"),
                   "--wait", "4s", check=False)
    assert done.returncode == 1 and "ACCEPTS REVOKED CERTIFICATES" in done.stderr
    assert 2 <= broker.connections("devices") - before <= 9


@pytest.mark.parametrize("content, fault", [("1", "expected the number of a process"), ("x", "expected the number of a process"),
                                            (None, "other.pid: open")])
def test_a_file_that_names_no_process_is_refused(pki, content, fault):
    if content is not None:
        (pki.root / "other.pid").write_text(f"{content}\n", encoding="utf-8")
    refused = pki.pki("crl", "--authority", "devices", "--out", pki.root / "crl.pem", "--signal", pki.root / "other.pid",
                      check=False)
    assert refused.returncode == 1 and fault in refused.stderr


def test_a_process_that_is_not_mosquitto_gets_no_signal(pki):
    with running(["cat"], stdin=subprocess.PIPE) as other:
        (pki.root / "other.pid").write_text(f"{other.pid}\n", encoding="utf-8")
        refused = pki.pki("crl", "--authority", "devices", "--out", pki.root / "crl.pem", "--signal", pki.root / "other.pid",
                          check=False)
        other.stdin.close()
        assert other.wait(60) == 0
    assert refused.returncode == 1 and f"process {other.pid} is not mosquitto" in refused.stderr


def signal_script(pki, script):
    """Has a program that is called mosquitto signalled. Returns what tellercast said, and how the program ended."""
    program = pki.root / "mosquitto"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    with running([program], stdin=subprocess.PIPE) as other:
        (pki.root / "other.pid").write_text(f"{other.pid}\n", encoding="utf-8")
        wait_for(lambda: pathlib.Path(f"/proc/{other.pid}/comm").read_text(encoding="utf-8") == "mosquitto\n", "it runs")
        done = pki.pki("crl", "--authority", "devices", "--out", pki.root / "crl.pem", "--signal", pki.root / "other.pid",
                       check=False)
        other.stdin.close()
        return done, other.wait(60)


def test_a_broker_that_does_not_handle_signals_yet_is_not_ended_by_one(pki):
    refused, code = signal_script(pki, "read nothing")
    assert refused.returncode == 1 and "does not handle SIGHUP, which would end it" in refused.stderr
    assert code == 1, "read found the end of its input"


def test_a_broker_that_handles_signals_soon_gets_one(pki):
    done, code = signal_script(pki, "sleep 0.3; trap 'exit 7' HUP; while sleep 0.02; do :; done")
    assert done.returncode == 0 and code == 7, done


def test_a_broker_that_lets_nobody_in_is_found_out(pki, broker):
    device = pki.issue("device", "A-1")
    pki.pki("crl", "--authority", "devices", "--out", broker.crl("devices"), "--valid-for", "3s")
    wait_for(lambda: "expired" in pki.pki("crl", "--authority", "devices", "--check", check=False).stderr,
             "the list has expired")
    broker.send(signal.SIGHUP)
    wait_for(lambda: not broker.lets_in(device, "devices"), "mosquitto lets nobody in")
    done = pki.pki("crl", "--authority", "devices", "--out", pki.root / "elsewhere.pem", "--probe",
                   broker.address("devices"), "--wait", "1s", check=False)
    assert done.returncode == 1 and "refused the revoked certificate for another reason" in done.stderr
    broker.deliver()
    assert broker.lets_in(device, "devices")


def test_a_probe_waits_until_a_broker_with_an_expired_list_has_read_the_new_one(pki, broker):
    device = pki.issue("device", "A-1")
    pki.pki("crl", "--authority", "devices", "--out", broker.crl("devices"), "--valid-for", "3s")
    wait_for(lambda: "expired" in pki.pki("crl", "--authority", "devices", "--check", check=False).stderr,
             "the list has expired")
    broker.send(signal.SIGHUP)
    wait_for(lambda: not broker.lets_in(device, "devices"), "mosquitto lets nobody in")
    before = broker.connections("devices")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        probing = pool.submit(pki.pki, "crl", "--authority", "devices", "--out", broker.crl("devices"), "--probe",
                              broker.address("devices"), "--wait", "30s", check=False)
        wait_for(lambda: broker.connections("devices") > before, "the probe was refused for the old list")
        broker.send(signal.SIGHUP)
        done = probing.result()
    assert done.returncode == 0 and "uses this list" in done.stderr, done


@pytest.mark.parametrize("authority, kind", [("devices", "device"), ("operations", "orchestrator")])
def test_an_authority_is_replaced_while_its_certificates_stay_in_use(pki, broker, authority, kind):
    old, old_trust = pki.issue(kind, "A-1"), pki.root / "old-trust.pem"
    shutil.copy(pki.trust("operations"), old_trust)
    revoked = pki.issue(kind, "A-3")
    pki.pki("revoke", revoked, "--reason", "keyCompromise")
    pki.pki("rollover", authority)
    again = pki.pki("rollover", authority, check=False)
    assert again.returncode == 1 and "a rollover is going on" in again.stderr
    # Step 2: both are trusted; the file has a list of each.
    shutil.copy(pki.trust(authority), broker.folder / f"{authority}.pem")
    pki.pki("crl", "--authority", authority, "--out", broker.crl(authority), "--signal", broker.pid_file)
    broker.stop()
    broker.start()
    broker.deliver(authority)
    new = pki.issue(kind, "A-2")
    assert broker.lets_in(old, authority, old_trust) and broker.lets_in(new, authority, old_trust)
    assert not broker.lets_in(revoked, authority)
    # Step 3: what is renewed comes from the new authority.
    pki.pki("renew", old, "--out", old.parent / "new.pem")
    # Step 4: the old one is no longer trusted.
    refused = pki.pki("rollover", authority, "--finish", "--valid-for", "30d", check=False)
    assert refused.returncode == 2 and "--valid-for: not with --finish" in refused.stderr, refused
    pki.pki("rollover", authority, "--finish")
    assert pki.verify(old, authority) == UNKNOWN_ISSUER
    assert pki.verify(old.parent / "new.pem", authority) == pki.verify(new, authority) == "OK"
    for option in ("--valid-for=30d", "--check"):  # a list of the new one in place of those of both
        pki.pki("crl", "--authority", authority, "--out", broker.crl(authority), option)
    assert pki.pki("rollover", authority, "--finish", check=False).returncode == 1
