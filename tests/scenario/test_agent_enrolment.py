"""Agents that get their certificates by EST and renew them, against a broker that asks for certificates."""

import datetime
import http.server
import os
import signal
import ssl
import stat
import subprocess
import threading

import pytest
from harness.certificates import Authority
from harness.clocks import clock_at
from harness.enrolment import Est, openssl
from harness.plan import APPLICATION
from harness.programs import command_line
from harness.relay import Relay
from harness.secure import SecureListener
from harness.servers import free_port
from harness.stack import CONTENT, SANITIZED
from harness.wait import wait_for

pytestmark = pytest.mark.plain_broker

CODE_MODE = 0o600
VALIDITY_S = 20


class Enrolling:
    """Pull client P1, which has no certificate, and all that it needs to get one."""

    def __init__(self, stack, validity):
        self.stack = stack
        self.est = Est(stack, certificate_validity=validity)
        stack.import_fleet(pull=["P1"])
        self.listener = SecureListener(stack, self.est.authority())
        self.folder = stack.folder / "P1"
        self.folder.mkdir()
        self.certificate, self.key = self.folder / "certificate.pem", self.folder / "key.pem"
        self.code_file = self.folder / "code"
        self.device = None

    def put_code(self, code=None):
        fresh = self.folder / "code.fresh"
        fresh.write_text((code or self.est.code("P1")) + "\n", encoding="utf-8")
        fresh.chmod(CODE_MODE)
        fresh.rename(self.code_file)

    def start(self, environment=None, url=None, broker=None, **settings):
        self.device = self.stack.start_client(
            "pull", "P1", environment=environment, **settings,
            broker={"port": self.listener.port, "ca_file": str(self.est.pki / "operations/trust.pem"),
                    "certificate_file": str(self.certificate), "key_file": str(self.key), **(broker or {})},
            enrolment={"url": url or self.est.url, "ca_file": str(self.est.ca_file), "code_file": str(self.code_file),
                       "retry_first": "200ms", "retry_longest": "1s"})
        return self.device

    def enrolled(self, by):
        return self.device.text().count(f"enrolment.enrolled by={by}")

    def wait_for_log(self, *texts):
        def has_line():
            return any(all(text in line for text in texts) for line in self.device.text().splitlines())
        self.device.wait_until(has_line, f"the agent logs {texts}")

    def wait_until_enrolled(self, by, times=1):
        self.device.wait_until(lambda: self.enrolled(by) >= times, f"it has enrolled by {by}")

    def is_online(self):
        messages = self.stack.spy.messages("tc/v1/device/P1/presence")
        return bool(messages) and messages[-1].json()["online"]

    def renewals(self):
        """The times at which the server renewed the certificate."""
        lines = self.est.orchestrator.text().splitlines()
        return [datetime.datetime.fromisoformat(line.split()[0].replace("Z", "+00:00")) for line in lines
                if "device.enrolled device=P1 by=certificate" in line]

    def wait_until_online(self):
        wait_for(self.is_online, "P1 is online")

    def check_pair(self):
        of_certificate = openssl("x509", "-in", self.certificate, "-noout", "-pubkey")
        assert of_certificate == openssl("pkey", "-in", self.key, "-pubout")
        assert stat.S_IMODE(self.key.stat().st_mode) == 0o600
        assert not list(self.folder.glob("*.next"))

    def serial(self):
        return openssl("x509", "-in", self.certificate, "-noout", "-serial")

    def has_expired(self):
        return subprocess.run(["openssl", "x509", "-in", self.certificate, "-noout", "-checkend", "0"], check=False,
                              capture_output=True).returncode == 1


@pytest.fixture
def enrolling(stack):
    return Enrolling(stack, "90d")


@pytest.mark.parametrize("year", [None] if SANITIZED else [None, "1990", "2046"])
def test_a_device_enrols_by_its_code_and_renews_while_a_rollout_runs_whatever_its_clock_says(stack, year):
    one = Enrolling(stack, f"{VALIDITY_S}s")
    go, runs, script = stack.folder / "go", stack.folder / "runs", stack.folder / "waits"
    script.write_text(f'#!/bin/bash\n[[ $1 == install ]] || exit 0\necho run >>{runs}\n'
                      f'until [[ -e {go} ]]; do sleep 0.05; done\n', encoding="utf-8")
    script.chmod(0o755)
    one.put_code()
    one.start(clock_at(f"{year}-06-01 12:00:00") if year else None, actions={"install": str(script)})
    one.wait_until_enrolled("code")
    one.wait_until_online()
    wait_for(lambda: not one.code_file.exists(), "the code is removed")
    stack.add_artifact(CONTENT)
    go.touch()
    stack.wait_for_rollout(stack.submit(selector={"devices": ["P1"]}))  # its answers prove the time
    go.unlink()
    stack.add_artifact(CONTENT, version="4.7.3")
    rollout = stack.submit("second", selector={"devices": ["P1"]}, artifact={"name": APPLICATION, "version": "4.7.3"})
    stack.wait_for_states(rollout, installing=1)
    first, connected = one.serial(), one.device.text().count("broker.connected")
    before = one.enrolled("certificate")
    one.wait_until_enrolled("certificate", before + 2)
    one.device.wait_until(lambda: one.device.text().count("broker.connected") >= connected + 2, "it uses the new ones")
    assert one.serial() != first
    # With a wrong clock it may renew after half of the validity, until a second answer has proven the time.
    last, this = one.renewals()[before:before + 2]
    assert (this - last).total_seconds() > VALIDITY_S * (0.45 if year else 0.6)
    go.touch()
    stack.wait_for_states(rollout, completed=1)
    row = stack.database.instruction(rollout, "P1")
    assert (row["attempt"], row["deferrals"]) == (1, 0), row
    assert runs.read_text(encoding="utf-8") == "run\n" * 2
    assert "enrolment.failed" not in one.device.text() and "enrolment.refused" not in one.device.text()
    assert one.device.stop() == 0
    one.check_pair()


def test_a_device_without_certificate_and_code_does_not_connect_and_says_what_it_needs(enrolling):
    enrolling.start()
    enrolling.wait_for_log("enrolment.needs_code", "there is no certificate")
    enrolling.put_code()
    enrolling.wait_until_online()
    enrolling.check_pair()
    log = enrolling.device.text()
    assert f"info certificate.missing name=broker file={enrolling.certificate}" in log
    assert "error certificate." not in log and "certificate.refused" not in log
    assert "broker.disconnected" not in log, "it did not try without a certificate"
    assert not enrolling.code_file.exists()


def test_a_certificate_that_nobody_fetches_is_an_error_until_it_is_there(stack, tmp_path):
    authority = Authority(tmp_path / "authority")
    listener = SecureListener(stack, authority)
    stack.orchestrator()
    stack.import_fleet(pull=["P1"])
    own = authority.issue("P1", "device")
    files = {"ca_file": own["ca_file"], **{key: str(tmp_path / key) for key in ("certificate_file", "key_file")}}
    device = stack.start_client("pull", "P1", broker={"port": listener.port, **files})
    device.wait_until(lambda: f"error certificate.missing name=broker file={files['certificate_file']}" in device.text(), "it says so")
    authority.replace({key: files[key] for key in ("key_file", "certificate_file")}, own)
    device.send(signal.SIGHUP)
    device.wait_until(lambda: "broker.connected" in device.text(), "it connects")
    assert "certificate.refused" not in device.text()


def connections(enrolling):
    """Returns the ports of the connections to the broker, in their order."""
    return [int(line.split("port=")[1].split()[0]) for line in enrolling.device.text().splitlines() if "broker.connected" in line]


def test_a_device_works_at_the_former_listener_until_it_has_enrolled_and_moves_in_the_middle_of_its_work(enrolling):
    stack = enrolling.stack
    go, runs, script = stack.folder / "go", stack.folder / "runs", stack.folder / "waits"
    script.write_text(f'#!/bin/bash\n[[ $1 == install ]] || exit 0\necho run >>{runs}\n'
                      f'until [[ -e {go} ]]; do sleep 0.05; done\n', encoding="utf-8")
    script.chmod(0o755)
    stack.add_artifact(CONTENT)
    enrolling.start(actions={"install": str(script)}, former_broker={"port": stack.broker.port})
    enrolling.wait_until_online()
    rollout = stack.submit(selector={"devices": ["P1"]})
    stack.wait_for_states(rollout, installing=1)
    assert connections(enrolling) == [stack.broker.port]
    enrolling.wait_for_log("enrolment.needs_code")
    enrolling.put_code()
    enrolling.device.wait_until(lambda: enrolling.listener.port in connections(enrolling), "it has moved")
    go.touch()
    stack.wait_for_states(rollout, completed=1)
    enrolling.wait_until_online()
    assert connections(enrolling) == [stack.broker.port, enrolling.listener.port]
    assert runs.read_text(encoding="utf-8") == "run\n"
    row = stack.database.instruction(rollout, "P1")
    assert (row["attempt"], row["deferrals"]) == (1, 0), row
    enrolling.device.stop()
    enrolling.device.start()
    enrolling.device.wait_until(lambda: len(connections(enrolling)) == 3, "it connects after a restart")
    assert connections(enrolling)[-1] == enrolling.listener.port


def test_a_device_that_cannot_reach_the_other_listener_stays_at_the_former_one_and_moves_once_it_can(enrolling):
    stack, closed = enrolling.stack, free_port()
    enrolling.put_code()
    enrolling.start(broker={"port": closed, "reconnect_longest": "200ms"}, former_broker={"port": stack.broker.port})
    enrolling.wait_until_enrolled("code")
    enrolling.wait_for_log("broker.disconnected", f"port={closed}")
    enrolling.device.wait_until(lambda: connections(enrolling)[-1:] == [stack.broker.port], "it is at the former one again")
    enrolling.wait_until_online()
    relay = Relay(closed, enrolling.listener.port)
    enrolling.device.wait_until(lambda: connections(enrolling)[-1] == closed, "it has moved")
    enrolling.device.stop()
    relay.close()


def test_a_used_code_is_refused_and_another_one_is_taken_at_once(enrolling):
    est = enrolling.est
    code = est.code("P1")
    est.save(est.enroll("P1", code), "other")  # by another key
    enrolling.put_code(code)
    enrolling.start()
    enrolling.wait_for_log("enrolment.refused", "used already")
    enrolling.wait_for_log("enrolment.needs_code")
    assert enrolling.code_file.exists() and not enrolling.certificate.exists()
    enrolling.put_code()
    enrolling.wait_until_online()
    assert len(est.refusals("used_code")) == 1, "a refused code is not tried again"


def test_an_expired_certificate_needs_a_new_code(stack):
    one = Enrolling(stack, "10s")
    one.put_code()
    one.start()
    one.wait_until_enrolled("code")
    one.wait_until_online()
    assert one.device.stop() == 0
    wait_for(one.has_expired, "the certificate has expired")
    one.device.start()
    one.wait_for_log("enrolment.needs_code", "the certificate has expired")
    one.wait_for_log("enrolment.refused", "by=certificate")
    assert not one.is_online()
    one.put_code()
    one.wait_until_enrolled("code", 2)
    one.wait_until_online()


def test_a_device_enrols_once_the_server_is_there_with_the_key_of_its_first_try(enrolling):
    enrolling.est.orchestrator.stop()
    code = "AAAA-BBBB-CCCC-DDDD"
    enrolling.put_code(code)
    enrolling.start()
    enrolling.wait_for_log("enrolment.failed", "by=code")
    key = (enrolling.folder / "key.pem.next").read_bytes()
    enrolling.code_file.unlink()
    enrolling.est.orchestrator.start()
    enrolling.est.orchestrator.wait_until_ready()
    enrolling.put_code()
    enrolling.wait_until_online()
    assert enrolling.key.read_bytes() == key
    assert code not in enrolling.device.text()


def test_a_replacement_that_a_crash_interrupted_is_completed_at_the_start(enrolling):
    """The key was renamed, and its certificate was not."""
    est = enrolling.est
    old, old_key = est.enrolled("P1")
    new_key = est.key("new")
    new = est.save(est.reenroll(old, old_key, est.request("P1", key=new_key)), "new")
    for source, target in ((old, enrolling.certificate), (new_key, enrolling.key)):
        target.write_bytes(source.read_bytes())
    enrolling.key.chmod(CODE_MODE)
    (enrolling.folder / "certificate.pem.next").write_bytes(new.read_bytes())
    enrolling.start()
    enrolling.wait_until_online()
    enrolling.check_pair()
    assert "enrolment.enrolled" not in enrolling.device.text()


class BadServer:
    """A server of EST that answers each request in a way that no device may accept."""

    def __init__(self, est, kind):
        self.codes, server = [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # noqa: N802, the library calls it so
                server.codes.append(self.headers.get("Authorization"))
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(302 if kind == "redirect" else 200)
                if kind == "redirect":
                    self.send_header("Location", f"{est.url}{self.path}")
                self.end_headers()
                if kind == "another device's":
                    self.wfile.write(server.answer)
                elif kind == "no certificates":
                    self.wfile.write(b"!" * 100)
                elif kind == "too large":
                    try:
                        while True:
                            self.wfile.write(b"A" * 65536)
                    except OSError:
                        pass

            def log_message(self, *_):
                pass

        self.answer = est.enroll("P2", est.code("P2")).body if kind == "another device's" else b""
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(est.settings["certificate_file"], est.settings["key_file"])
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.mark.parametrize("kind, reason", [
    ("redirect", "answered 302"), ("too large", "too large"), ("no certificates", "base64"),
    ("another device's", "no certificate for the key")])
def test_what_a_server_may_not_answer_changes_nothing(enrolling, kind, reason):
    enrolling.stack.import_fleet(pull=["P1", "P2"])
    server = BadServer(enrolling.est, kind)
    try:
        enrolling.put_code()
        enrolling.start(url=server.url)
        enrolling.wait_for_log("enrolment.failed", reason)
        enrolling.device.wait_until(lambda: len(server.codes) >= 2, "it tries again")
        assert enrolling.code_file.exists() and not enrolling.certificate.exists()
        assert enrolling.enrolled("code") == 0
    finally:
        server.close()


def test_a_server_of_another_authority_never_sees_the_code(enrolling):
    est = enrolling.est
    other = enrolling.stack.folder / "other"
    command_line("pki", "init", other, "--name", "Other")
    est.ca_file = other / "root/cert.pem"
    enrolling.put_code()
    enrolling.start()
    enrolling.wait_for_log("enrolment.failed", "certificate")
    assert not est.refusals("used_code") and enrolling.code_file.exists()
    assert "device.enrolled" not in est.orchestrator.text()


def test_a_code_that_others_may_read_is_not_used(enrolling):
    enrolling.put_code()
    os.chmod(enrolling.code_file, 0o644)
    enrolling.start()
    enrolling.wait_for_log("enrolment.code_refused", "0644")
    os.chmod(enrolling.code_file, CODE_MODE)
    enrolling.wait_until_online()
