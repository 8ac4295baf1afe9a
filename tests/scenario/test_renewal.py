"""Certificates, keys and authorities are replaced while everything runs."""

import pathlib
import shutil
import signal
import ssl
import time

import pytest
from harness.certificates import Authority
from harness.programs import ORCHESTRATOR_USER, command_line
from harness.secure import SecureListener
from harness.stack import CONTENT
from harness.wait import wait_for

pytestmark = pytest.mark.plain_broker

HOUR_S = 3600


@pytest.fixture
def authority(stack):
    return Authority(stack.folder / "certificates")


@pytest.fixture
def listener(stack, authority):
    return SecureListener(stack, authority)


def own_copy(stack, name, certificates):
    """Returns the files' copies under names of their own, which a test replaces."""
    folder = stack.folder / f"{name}-credentials"
    folder.mkdir()
    copies = {key: str(folder / pathlib.Path(path).name) for key, path in certificates.items()}
    for key, path in copies.items():
        shutil.copy(certificates[key], path)
    return copies


class Program:
    """A program, the files of its credentials, and what it logs about them."""

    def __init__(self, process, files):
        self.process, self.files = process, files

    def count(self, event):
        return self.process.text().count(event)

    def replace(self, authority, by):
        authority.replace(self.files, by)
        self.process.send(signal.SIGHUP)

    def wait_for_refusal(self, name):
        """Files that do not work are refused at the second look."""
        def refused():
            self.process.send(signal.SIGHUP)
            return self.count("certificate.refused") == 1
        self.process.wait_until(refused, f"{name} refuses the files")

    def renew(self, authority, by):
        """Replaces the files, and waits until they are in use."""
        connected = self.count("broker.connected")
        self.replace(authority, by)
        self.process.wait_until(lambda: self.count("broker.connected") > connected, "it uses the new files")


class Installation:
    """An orchestrator, and a branch and a pull client, all with certificates that end at `ends`. `trusted`: the file of the
    authorities that they trust, unless it is that of `authority`."""

    def __init__(self, stack, authority, listener, ends=None, trusted=None, **settings):
        self.stack, self.authority, self.listener = stack, authority, listener
        self.trusted = trusted or authority.certificate
        own = own_copy(stack, "orchestrator", self.issue("orchestrator", ends=ends))
        self.programs = {"orchestrator": Program(stack.orchestrator(broker={"port": listener.port, **own}), own)}
        stack.import_fleet({"B1": ["A1"]}, ["P1"])
        for role, device, branch in (("node", "B1", "B1"), ("atm", "A1", "B1"), ("pull", "P1", None)):
            own = own_copy(stack, device, self.issue(device, ends=ends))
            process = stack.client(role, device, branch, broker={"port": listener.port, **own}, **settings)
            self.programs[device] = Program(process, own)

    def issue(self, name, authority=None, **more):
        kind, user = ("orchestrator", ORCHESTRATOR_USER) if name == "orchestrator" else ("device", name)
        return {**(authority or self.authority).issue(user, kind, **more), "ca_file": str(self.trusted)}

    def connected(self):
        return {name: program.count("broker.connected") for name, program in self.programs.items()}

    def wait_until_connected_since(self, before):
        for name, program in self.programs.items():
            program.process.wait_until(lambda n=name, p=program: p.count("broker.connected") > before[n], f"{name} is back")


def in_one_file(path, *authorities):
    path.write_bytes(b"".join(authority.certificate.read_bytes() for authority in authorities))
    return path


def test_a_rollout_goes_on_while_every_certificate_is_renewed_and_no_report_is_lost(stack, authority, listener):
    go, runs, script = stack.folder / "go", stack.folder / "runs", stack.folder / "waits"
    script.write_text(f'#!/bin/bash\n[[ $1 == install ]] || exit 0\necho run >>{runs}\n'
                      f'until [[ -e {go} ]]; do sleep 0.05; done\n',
                      encoding="utf-8")
    script.chmod(0o755)
    other = Authority(stack.folder / "other", "other")
    both = in_one_file(stack.folder / "both.pem", authority, other)
    listener.use(authority.issue("broker", "server"), both)
    installation = Installation(stack, authority, listener, trusted=both, actions={"install": str(script)})
    stack.add_artifact(CONTENT)
    rollout = stack.submit(selector={"devices": ["A1", "P1"]})
    stack.wait_for_states(rollout, installing=2)
    before = installation.connected()
    for name, program in installation.programs.items():  # nobody tells them
        authority.replace(program.files, installation.issue(name, other))
    installation.wait_until_connected_since(before)
    for program in installation.programs.values():
        assert program.count("certificate.taken") == 2
        assert "warning broker." not in program.process.text(), "that it connects again is no fault"

    # With a certificate of before nobody would connect any more: nobody uses them.
    before = installation.connected()
    listener.use(other.issue("broker", "server"), other.certificate)
    installation.wait_until_connected_since(before)
    go.touch()
    stack.wait_for_states(rollout, completed=2)
    for device in ("A1", "P1"):
        row = stack.database.instruction(rollout, device)
        assert (row["attempt"], row["deferrals"]) == (1, 0), row
        wait_for(lambda d=device: not list((stack.folder / d / "outbox").iterdir()), "every report is confirmed")
    assert runs.read_text(encoding="utf-8") == "run\n" * 2


def test_files_that_do_not_work_are_refused_and_those_before_stay_in_use(stack, authority, listener):
    installation = Installation(stack, authority, listener)
    for name, program in installation.programs.items():
        key = "certificate_file" if name in ("orchestrator", "A1") else "key_file" if name == "B1" else "ca_file"
        pathlib.Path(program.files[key]).write_text("neither one nor the other\n", encoding="utf-8")
    for name, program in installation.programs.items():
        program.wait_for_refusal(name)
    # They serve even for a new connection.
    before = installation.connected()
    listener.use(authority.issue("broker", "server", number=2))
    installation.wait_until_connected_since(before)
    stack.add_artifact(CONTENT)
    rollout = stack.submit(selector={"devices": ["B1", "A1", "P1"]})
    stack.wait_for_rollout(rollout)
    for program in installation.programs.values():
        assert program.count("certificate.refused") == 1
    for name, program in installation.programs.items():
        program.renew(authority, installation.issue(name, number=2))


def test_an_authority_that_is_replaced_is_trusted_without_a_restart(stack, authority, listener):
    """The rollover of the broker's issuer: first both are trusted, then the new one alone."""
    installation = Installation(stack, authority, listener)
    other = Authority(stack.folder / "other", "other")
    both = in_one_file(stack.folder / "both.pem", authority, other)
    for program in installation.programs.values():
        program.renew(authority, {**program.files, "ca_file": both})
    before = installation.connected()
    listener.use(other.issue("broker", "server"))
    installation.wait_until_connected_since(before)
    for program in installation.programs.values():
        program.renew(authority, {**program.files, "ca_file": other.certificate})


def test_the_http_endpoint_shows_a_new_certificate_to_new_connections_and_keeps_the_old_ones(stack, authority):
    ends = int(time.time()) + HOUR_S
    files = own_copy(stack, "http", {key: path for key, path in authority.issue("http", "server", ends).items()
                                     if key != "ca_file"})
    orchestrator = stack.orchestrator(ready=False, http=files)
    orchestrator.http.authority = authority.certificate
    orchestrator.wait_until_ready()
    assert orchestrator.http.metric("tellercast_http_certificate_expiry_timestamp_seconds") == ends
    assert orchestrator.http.metric("tellercast_broker_certificate_expiry_timestamp_seconds") == 0

    before = orchestrator.http.connection()
    before.connect()
    first = shown(before)
    pathlib.Path(files["certificate_file"]).write_text("no certificate\n", encoding="utf-8")
    orchestrator.wait_until(lambda: "certificate.refused" in orchestrator.text(), "it is refused")
    assert shown(orchestrator.http.connection()) == first
    authority.replace(files, authority.issue("http", "server", number=2))
    wait_for(lambda: shown(orchestrator.http.connection()) != first, "new connections see the new certificate")
    before.request("GET", "/healthz")
    assert before.getresponse().status == 200
    assert orchestrator.http.metric("tellercast_http_certificate_expiry_timestamp_seconds") > ends
    assert orchestrator.stop() == 0


def test_the_expiry_of_the_brokers_revocation_lists_is_shown_and_one_that_cannot_be_read_is_1(stack, tmp_path):
    expiry = "tellercast_crl_expiry_timestamp_seconds"
    lists = tmp_path / "lists.pem"
    command_line("pki", "init", tmp_path / "pki", "--name", "Bank")
    orchestrator = stack.orchestrator(broker={"crl_file": str(lists)})
    assert orchestrator.http.metric(expiry) == 1 and orchestrator.text().count("crl.not_read") == 1
    shutil.copy(tmp_path / "pki/devices/crl.pem", lists)
    found = wait_for(lambda: (seen := orchestrator.http.metric(expiry)) != 1 and seen, "the list is read")
    assert 29 * 24 * HOUR_S < found - time.time() < 31 * 24 * HOUR_S
    lists.write_text("no list\n", encoding="utf-8")
    wait_for(lambda: orchestrator.http.metric(expiry) == 1, "it cannot be read")


def shown(connection):
    """Returns the certificate that the server shows on this connection, in PEM."""
    if connection.sock is None:
        connection.connect()
    return ssl.DER_cert_to_PEM_cert(connection.sock.getpeercert(binary_form=True))


def test_a_certificate_that_expires_soon_is_warned_of(stack, authority, listener):
    ends = int(time.time()) + HOUR_S
    installation = Installation(stack, authority, listener, ends)
    orchestrator = installation.programs["orchestrator"]
    orchestrator.process.wait_until(lambda: orchestrator.count("certificate.expires_soon") == 1, "it warns")
    assert stack.http.metric("tellercast_broker_certificate_expiry_timestamp_seconds") == ends
    # A device warns once it knows the time, by the answer to its ask.
    device = installation.programs["A1"]
    device.process.send(signal.SIGHUP)
    stack.add_artifact(CONTENT)
    stack.wait_for_rollout(stack.submit(selector={"devices": ["A1"]}))
    assert installation.programs["P1"].count("certificate.expires_soon") == 0
    device.process.send(signal.SIGHUP)
    device.process.wait_until(lambda: device.count("certificate.expires_soon") == 1, "it warns")
    for program in (orchestrator, device):
        program.renew(authority, installation.issue("orchestrator" if program is orchestrator else "A1", number=2))
        assert program.count("certificate.expires_soon") == 1
