"""Certificates: what `tellercast pki` makes, as OpenSSL's own programs read it and as mosquitto uses it."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess

import paho.mqtt.client as mqtt
import pytest
from harness.guard_files import copy_guard_files, guard_settings, without_guard
from harness.process import Process
from harness.programs import command_line
from harness.servers import are_open, free_port
from harness.wait import wait_for

CLIENT, SERVER = "sslclient", "sslserver"
REVOKED = "certificate revoked"
UNKNOWN_ISSUER = "unable to get local issuer certificate"


def run(*arguments, **more):
    return subprocess.run([str(part) for part in arguments], capture_output=True, text=True, timeout=60, check=False, **more)


class Installation:
    """A folder with authorities, and folders with certificates beside it."""

    def __init__(self, folder):
        self.root = folder
        self.folder = folder / "pki"
        self.pki("init", "--name", "Bank")

    def pki(self, verb, *arguments, check=True):
        return command_line("pki", verb, self.folder, *arguments, check=check)

    def issue(self, kind, identity, *more):
        """Returns the path of the new certificate; its key is beside it."""
        folder = self.root / f"{kind}-{identity}"
        self.pki("issue", "--kind", kind, "--id", identity, "--out", folder, *more)
        return folder / "cert.pem"

    def server(self):
        return self.issue("server", "broker", "--ip", "127.0.0.1", "--dns", "localhost")

    def trust(self, authority):
        return self.folder / authority / "trust.pem"

    def verify(self, certificate, authority, purpose=CLIENT, crl=None):
        """Returns the verdict of `openssl verify` with the trust file of an authority: "OK" or its reason."""
        lists = ["-crl_check", "-CRLfile", crl] if crl else []
        return verdict(run("openssl", "verify", "-purpose", purpose, "-no-CApath", "-no-CAstore", "-CAfile",
                           self.trust(authority), *lists, certificate))


def verdict(done):
    if done.returncode == 0:
        return "OK"
    return done.stderr.split("lookup: ", 1)[1].splitlines()[0]


@pytest.fixture
def pki(tmp_path):
    return Installation(tmp_path)


def text_of(certificate):
    return run("openssl", "x509", "-in", certificate, "-noout", "-text").stdout


@pytest.mark.parametrize("kind, uses", [
    ("device", "TLS Web Client Authentication"),
    ("operator", "TLS Web Client Authentication"),
    ("server", "TLS Web Server Authentication"),
    ("orchestrator", "TLS Web Client Authentication, TLS Web Server Authentication"),
])
def test_openssl_reads_the_kind_the_id_and_the_uses_of_a_certificate(pki, kind, uses):
    certificate = pki.issue(kind, "A-1", *(["--ip", "127.0.0.1"] if kind == "server" else []))
    text = text_of(certificate)
    subject = run("openssl", "x509", "-in", certificate, "-noout", "-subject", "-nameopt", "RFC2253").stdout.strip()
    # RFC 2253 writes the last part of a name first.
    assert subject == f"subject=CN=A-1,OU={kind}"
    assert uses == text.split("X509v3 Extended Key Usage: \n", 1)[1].splitlines()[0].strip()
    assert "X509v3 Basic Constraints: critical\n                CA:FALSE" in text
    assert "NIST CURVE: P-256" in text
    assert run("openssl", "pkey", "-in", certificate.parent / "key.pem", "-noout").returncode == 0
    assert (certificate.parent / "key.pem").stat().st_mode & 0o777 == 0o600


def test_each_trust_file_lets_in_its_own_kinds_and_a_chain_ends_at_it(pki):
    device, operator = pki.issue("device", "A-1"), pki.issue("operator", "anna")
    orchestrator, server = pki.issue("orchestrator", "o-1"), pki.server()
    assert pki.verify(device, "devices") == "OK"
    assert pki.verify(operator, "operations") == pki.verify(orchestrator, "operations") == "OK"
    assert pki.verify(server, "operations", SERVER) == pki.verify(orchestrator, "operations", SERVER) == "OK"
    assert pki.verify(device, "operations") == UNKNOWN_ISSUER
    assert pki.verify(operator, "devices") == UNKNOWN_ISSUER
    assert pki.verify(device, "devices", SERVER) != "OK"
    assert pki.verify(operator, "operations", SERVER) != "OK"
    assert pki.verify(server, "operations", CLIENT) != "OK"


def forge(pki, subject):
    """Signs a certificate with the device authority's key as its thief would, without `tellercast`."""
    devices, made = pki.folder / "devices", pki.root / "forged.pem"
    request = run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                  pki.root / "forged.key", "-subj", subject)
    extensions = pki.root / "extensions"
    extensions.write_text("extendedKeyUsage=clientAuth,serverAuth\nbasicConstraints=critical,CA:FALSE\n", encoding="utf-8")
    done = run("openssl", "x509", "-req", "-CA", devices / "cert.pem", "-CAkey", devices / "key.pem", "-days", "2",
               "-extfile", extensions, "-out", made, input=request.stdout)
    assert done.returncode == 0, done.stderr
    return made


@pytest.mark.parametrize("subject", ["/OU=orchestrator/CN=o-1", "/OU=operator/CN=anna", "/OU=server/CN=broker", "/CN=A-1",
                                     "/CN=A-1/OU=device"])
def test_with_the_device_authority_stolen_nobody_but_devices_can_be_forged(pki, subject):
    assert pki.verify(forge(pki, "/OU=device/CN=A-1"), "devices") == "OK"
    assert pki.verify(forge(pki, subject), "devices") == "permitted subtree violation"
    # With the root trusted as well, the chain is complete, and the constraint still holds.
    done = run("openssl", "verify", "-CAfile", pki.folder / "root/cert.pem", "-untrusted", pki.folder / "devices/cert.pem",
               pki.root / "forged.pem")
    assert verdict(done) == "permitted subtree violation"


def test_a_request_is_signed_for_the_identity_that_was_ordered_and_no_other(pki):
    request, key = pki.root / "a.csr", pki.root / "a.key"
    made = run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
               "-subj", "/OU=device/CN=A-1", "-out", request)
    assert made.returncode == 0, made.stderr
    refused = pki.pki("issue", "--kind", "device", "--id", "A-2", "--csr", request, "--out", pki.root / "a2", check=False)
    assert refused.returncode == 3
    assert "found OU=device, CN=A-1, expected OU=device, CN=A-2" in refused.stderr
    refused = pki.pki("issue", "--kind", "operator", "--id", "A-1", "--csr", request, "--out", pki.root / "a3", check=False)
    assert refused.returncode == 3
    certificate = pki.issue("device", "A-1", "--csr", request)
    assert pki.verify(certificate, "devices") == "OK"
    assert not (certificate.parent / "key.pem").exists()
    assert (run("openssl", "x509", "-in", certificate, "-noout", "-pubkey").stdout
            == run("openssl", "pkey", "-in", key, "-pubout").stdout)
    broken = request.read_text(encoding="utf-8").replace("M", "N", 1)
    request.write_text(broken, encoding="utf-8")
    refused = pki.pki("issue", "--kind", "device", "--id", "A-9", "--csr", request, "--out", pki.root / "a9", check=False)
    assert refused.returncode == 3 and "expected a certificate request (PKCS#10)" in refused.stderr


def test_issuing_replaces_no_file_and_renewing_keeps_the_key_and_the_names(pki):
    certificate = pki.server()
    before, key = text_of(certificate), (certificate.parent / "key.pem").read_bytes()
    again = pki.pki("issue", "--kind", "server", "--id", "broker", "--dns", "b", "--out", certificate.parent, check=False)
    assert again.returncode == 1 and "exists already" in again.stderr
    assert text_of(certificate) == before and (certificate.parent / "key.pem").read_bytes() == key
    renewed = json.loads(command_line("--json", "pki", "renew", pki.folder, certificate).stdout)
    after = text_of(certificate)
    assert renewed["kind"] == "server" and renewed["id"] == "broker"
    assert after != before
    assert "IP Address:127.0.0.1" in after and "DNS:localhost" in after
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, certificate.parent / "key.pem")  # refuses what does not belong together
    assert pki.verify(certificate, "operations", SERVER) == "OK"


def test_a_revoked_certificate_is_in_the_next_list_and_is_not_renewed(pki):
    stolen, other = pki.issue("device", "A-1"), pki.issue("device", "A-2")
    crl = pki.folder / "devices/crl.pem"
    assert pki.verify(stolen, "devices", crl=crl) == "OK"
    pki.pki("revoke", stolen, "--reason", "keyCompromise")
    assert pki.pki("revoke", stolen, "--reason", "superseded", check=False).returncode == 1
    pki.pki("crl")
    assert pki.verify(stolen, "devices", crl=crl) == REVOKED
    assert pki.verify(other, "devices", crl=crl) == "OK"
    refused = pki.pki("renew", stolen, check=False)
    assert refused.returncode == 1 and "is revoked, for keyCompromise" in refused.stderr
    shown = run("openssl", "crl", "-in", crl, "-noout", "-text", "-verify", "-CAfile", pki.folder / "devices/cert.pem")
    assert "Key Compromise" in shown.stdout and "verify OK" in shown.stdout + shown.stderr


def test_a_serial_number_that_the_index_does_not_know_needs_its_authority(pki):
    refused = pki.pki("revoke", "0AB1", "--reason", "keyCompromise", check=False)
    assert refused.returncode == 1 and "--authority devices" in refused.stderr
    pki.pki("revoke", "0AB1", "--reason", "keyCompromise", "--authority", "devices")
    pki.pki("crl")
    assert "Serial Number: 0AB1" in run("openssl", "crl", "-in", pki.folder / "devices/crl.pem", "-noout", "-text").stdout


def test_openssl_ca_reads_the_index(pki):
    stolen = pki.issue("device", "A-1")
    pki.issue("device", "A-2")
    pki.pki("revoke", stolen, "--reason", "keyCompromise")
    devices = pki.folder / "devices"
    configuration = pki.root / "ca.conf"
    configuration.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={devices}/index.txt\ncertificate={devices}/cert.pem\n"
                             f"private_key={devices}/key.pem\ndefault_md=sha256\ndefault_crl_days=1\nunique_subject=no\n",
                             encoding="utf-8")
    made = run("openssl", "ca", "-config", configuration, "-gencrl")
    assert made.returncode == 0, made.stderr
    shown = run("openssl", "crl", "-noout", "-text", input=made.stdout).stdout
    assert shown.count("Serial Number") == 1 and "Key Compromise" in shown


def test_a_list_that_expires_soon_or_is_damaged_raises_the_alarm(pki):
    assert pki.pki("crl", "--check").returncode == 0
    soon = pki.pki("crl", "--check", "--warn-before", "31d", check=False)
    assert soon.returncode == 1
    assert "operations/crl.pem: the revocation list expires at" in soon.stderr
    assert "devices/crl.pem: the revocation list expires at" in soon.stderr
    (pki.folder / "devices/crl.pem").write_text("broken", encoding="utf-8")
    damaged = pki.pki("crl", "--check", check=False)
    assert damaged.returncode == 1 and "devices/crl.pem: no revocation list of this authority" in damaged.stderr
    pki.pki("crl", "--authority", "devices", "--valid-for", "3s")
    wait_for(lambda: "the list expired at" in pki.pki("crl", "--check", check=False).stderr, "the list has expired")


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


def files_of_others(pki):
    """Files that `tellercast pki crl --authority devices` did not make, with what is said about each."""
    devices, operations = (pki.folder / name / "crl.pem" for name in ("devices", "operations"))
    (pki.root / "other").mkdir()
    other = Installation(pki.root / "other")  # of the same name
    contents = {"of another authority": (operations.read_bytes(), "has a revocation list of another authority, CN=Operations CA 1,O=Bank"),
                "of both": (devices.read_bytes() + operations.read_bytes(), "has a revocation list of another authority, CN=Operations"),
                "of another installation": ((other.folder / "devices/crl.pem").read_bytes(), "another authority, CN=Device CA 1,O=Bank"),
                "a key": ((pki.folder / "root/key.pem").read_bytes(), "has the block PRIVATE KEY, expected revocation lists alone"),
                "a trust file": (pki.trust("devices").read_bytes(), "has the block TRUSTED CERTIFICATE"),
                "settings": (b"port: 1\n", "has no revocation list"),
                "empty": (b"", "has no revocation list"),
                "damaged": (devices.read_bytes()[:-60], "has a damaged revocation list")}
    for name, (content, fault) in contents.items():
        file = pki.root / f"file {name}"
        file.write_bytes(content)
        yield file, fault


def test_a_list_replaces_no_file_but_one_of_the_same_authority(pki):
    number, index = pki.folder / "devices/crlnumber", pki.folder / "devices/index.txt"
    before, files = number.read_bytes(), list(files_of_others(pki))
    for file, fault in files:
        kept = file.read_bytes()
        refused = pki.pki("crl", "--authority", "devices", "--out", file, check=False)
        assert refused.returncode == 1 and f"{file}: " in refused.stderr and fault in refused.stderr, refused.stderr
        assert "nothing was done: name another file, or add --overwrite" in refused.stderr
        assert file.read_bytes() == kept
    assert number.read_bytes() == before and not index.exists(), "no list was made"
    for file, _ in files:
        pki.pki("crl", "--authority", "devices", "--out", file, "--overwrite")
        assert pki.pki("crl", "--authority", "devices", "--check", "--out", file).returncode == 0
    before = number.read_bytes()
    for options in ([], ["--overwrite"]):
        refused = pki.pki("crl", "--authority", "devices", "--out", "/dev/stdout", *options, check=False)
        assert refused.returncode == 1 and "/dev/stdout: is not a file, and is not replaced" in refused.stderr
    assert number.read_bytes() == before


def test_a_renewed_certificate_replaces_no_file_but_one_of_the_same_identity(pki):
    anna, bert = pki.issue("operator", "anna"), pki.issue("operator", "bert")
    both = pki.root / "both.pem"
    both.write_bytes(anna.read_bytes() + (anna.parent / "key.pem").read_bytes())
    index = (pki.folder / "operations/index.txt").read_bytes()
    for file, fault in ((anna.parent / "key.pem", "has the block PRIVATE KEY, expected certificates alone"),
                        (bert, "has the certificate of another, CN=bert,OU=operator"),
                        (pki.trust("operations"), "has the certificate of another, CN=Operations CA 1,O=Bank"),
                        (pki.folder / "operations/crl.pem", "has the block X509 CRL")):
        kept = file.read_bytes()
        refused = pki.pki("renew", anna, "--out", file, check=False)
        assert refused.returncode == 1 and f"{file}: {fault}" in refused.stderr, refused.stderr
        assert file.read_bytes() == kept
    refused = pki.pki("renew", both, check=False)
    assert refused.returncode == 1 and f"{both}: has the block PRIVATE KEY" in refused.stderr
    assert (pki.folder / "operations/index.txt").read_bytes() == index, "no certificate was issued"
    pki.pki("renew", anna, "--out", bert, "--overwrite")
    assert pki.verify(bert, "operations") == "OK" and "CN = anna" in text_of(bert)
    pki.pki("renew", anna, "--out", bert)
    pki.pki("renew", bert)


@pytest.mark.parametrize("content, fault", [("1", "expected the number of a process"), ("x", "expected the number of a process"),
                                            (None, "other.pid: open")])
def test_a_file_that_names_no_process_is_refused(pki, content, fault):
    if content is not None:
        (pki.root / "other.pid").write_text(f"{content}\n", encoding="utf-8")
    refused = pki.pki("crl", "--authority", "devices", "--out", pki.root / "crl.pem", "--signal", pki.root / "other.pid",
                      check=False)
    assert refused.returncode == 1 and fault in refused.stderr


def test_a_process_that_is_not_mosquitto_gets_no_signal(pki):
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as other:
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
    with subprocess.Popen([program], stdin=subprocess.PIPE) as other:
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
