"""The logs of failures: a device masks the end of what its installer printed and sends it; people read it, and it expires."""

import http.client
import ssl
import stat

import pytest
from harness.enrolment import Est
from harness.http import Answer
from harness.people import bearer, token_of
from harness.programs import command_line
from harness.relay import Relay
from harness.secure import SecureListener
from harness.servers import free_port
from harness.wait import wait_for

pytestmark = pytest.mark.plain_broker

TEXT = {"Content-Type": "text/plain; charset=utf-8"}
ONCE = {"retries": 0}
SOON_S = 10
A_DAY, BYTES_A_DAY, LOG_MAX = 16, 524288, 65536
PRINTS = 'printf "card 4111 1111"; sleep 0.1; echo " 1111 1111 of Zoë"; echo "badge=77"; exit 9'
INSERT = ("INSERT INTO device_log (device, instruction_id, rollout_id, attempt, size_bytes, content, received_at) "
          "SELECT %s, %s + n, 1, 1, %s, 'x', now() - %s::interval FROM generate_series(1, %s) n RETURNING id")


class Devices:
    """Pull clients with certificates of the bank's authority, and the endpoint that they send logs to."""

    def __init__(self, stack):
        self.stack = stack
        self.est = Est(stack)
        stack.import_fleet(pull=["P1", "P2"])
        stack.add_artifact()
        self.listener = SecureListener(stack, self.est.authority())
        self.certificates = {name: self.est.issue("device", name) for name in ("P1", "P2")}

    def script(self, text):
        path = self.stack.folder / "prints"
        path.write_text(f"#!/bin/bash\n[[ $1 == install ]] || exit 0\n{text}\n", encoding="utf-8")
        path.chmod(stat.S_IRWXU)
        return str(path)

    def start(self, name="P1", text=PRINTS, url=None, **settings):
        certificate = self.certificates[name]
        return self.stack.start_client(
            "pull", name, actions={"install": self.script(text), "mask": "badge=[0-9]+"},
            broker={"port": self.listener.port, "ca_file": str(self.est.pki / "operations/trust.pem"),
                    "certificate_file": str(certificate), "key_file": str(certificate.parent / "key.pem")},
            enrolment={"ca_file": str(self.est.ca_file)}, logs={"url": url or self.est.url, **settings})

    def fail(self, name="failing"):
        rollout = self.stack.submit(name, selector={"devices": ["P1"]}, execution=ONCE)
        return rollout, self.stack.wait_for_state(rollout, "P1", "failed")

    def send(self, device, body, instruction, attempt=1, headers=None, certificate=True):
        context = ssl.create_default_context(cafile=str(self.est.ca_file))
        if certificate:
            context.load_cert_chain(self.certificates[device], self.certificates[device].parent / "key.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", self.est.port, timeout=60, context=context)
        try:
            connection.request("POST", f"/v1/logs?instruction={instruction}&attempt={attempt}", body, TEXT if headers is None else headers)
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def logs(self):
        return self.stack.database.rows("SELECT * FROM device_log ORDER BY id")

    def word(self, *words, **more):
        return command_line(*words, "--server", self.stack.http.url, **more)


@pytest.fixture
def devices(stack):
    return Devices(stack)


def test_the_log_of_a_failure_is_there_within_ten_seconds_masked_and_each_reading_is_recorded(devices):
    stack = devices.stack
    devices.start()
    rollout, row = devices.fail()
    (log,) = wait_for(devices.logs, "the log is there")
    assert (log["received_at"] - row["ended_at"]).total_seconds() < SOON_S
    assert log["content"] == "card **** **** **** **** of Zoë\n********\n"
    assert (log["device"], log["rollout_id"], log["instruction_id"], log["attempt"]) == ("P1", rollout, row["id"], 1)
    assert row["detail"] == "card **** **** **** **** of Zoë | ********"

    number = str(log["id"])
    assert number in devices.word("device", "logs", "P1").stdout.split()
    listed = devices.word("rollout", "failures", rollout, "--devices").stdout.split("\n")
    assert number in listed[1].split() and "LOG" in listed[0].split()
    assert devices.word("device", "logs", "P1", number).stdout == log["content"]
    read = "SELECT person, object, outcome, details FROM act WHERE verb = 'open_log' ORDER BY number"
    (act,) = stack.database.rows(read)
    assert (act["object"], act["outcome"], act["details"]) == (number, "done", {"device": "P1"})
    assert devices.word("device", "logs", "P2", number, check=False).returncode == 1
    assert devices.word("device", "logs", "P1", "999", check=False).returncode == 1
    assert devices.word("device", "logs", "P9", check=False).returncode == 1
    assert "no logs" in devices.word("device", "logs", "P2").stderr

    stack.people.add("vera", ("viewer",))
    stack.people.known(stack.http, "vera")
    refused = stack.http.ask("GET", f"/v1/logs/{number}", headers=bearer(token_of("vera")))
    assert refused.status == 403 and "needs role operator or approver or auditor" in refused.json()["detail"]
    wait_for(lambda: stack.database.rows(read)[-1]["outcome"] == "refused", "the refusal is recorded")


def test_a_log_waits_on_the_device_over_a_restart_until_the_server_can_be_reached(devices):
    port = free_port()
    agent = devices.start(url=f"https://127.0.0.1:{port}")
    devices.fail()
    agent.wait_until(lambda: "log.not_sent" in agent.text(), "the server cannot be reached")
    assert agent.stop() == 0 and devices.logs() == []
    relay = Relay(port, devices.est.port)
    agent.start()
    wait_for(devices.logs, "the log is there")
    agent.wait_until(lambda: "log.sent" in agent.text(), "the device knows")
    assert not list((agent.folder / "logs").iterdir())
    relay.close()


def test_a_device_that_succeeds_or_must_not_send_logs_sends_none(devices):
    stack = devices.stack
    agent = devices.start(text="echo fine")
    first = stack.submit("fine", selector={"devices": ["P1"]}, execution=ONCE)
    stack.wait_for_states(first, completed=1)
    assert agent.stop() == 0
    agent = devices.start(upload=False)
    devices.fail()
    assert agent.stop() == 0 and not list((agent.folder / "logs").iterdir())
    assert devices.logs() == []


def test_a_log_is_taken_of_a_device_in_service_for_its_own_attempt_and_within_its_share_of_a_day(devices):
    stack = devices.stack
    rollout = stack.submit("later", selector={"devices": ["P1", "P2"]}, schedule={"startAt": "2099-01-01T00:00:00Z"})
    stack.wait_for_rollout(rollout, "running")
    own, other = (stack.database.instruction(rollout, name)["id"] for name in ("P1", "P2"))
    for wanted, answer in (
        (401, devices.send("P1", "x", own, certificate=False)), (401, devices.send("P1", b"\xff", own, certificate=False)),
        (401, devices.send("P1", "x" * (LOG_MAX + 1), own, certificate=False)), (404, devices.send("P1", "x", other)),
        (404, devices.send("P1", "x", own, attempt=2)), (404, devices.send("P1", "x", 999999)),
        (400, devices.send("P1", "x", 0)), (400, devices.send("P1", "", own)), (400, devices.send("P1", b"a\0b", own)),
        (400, devices.send("P1", b"\xff", own)), (415, devices.send("P1", "{}", own, headers={"Content-Type": "application/json"})),
        (413, devices.send("P1", "x" * (LOG_MAX + 1), own)), (413, devices.send("P1", iter([b"x" * LOG_MAX, b"x"]), own)),
    ):
        assert answer.status == wanted, answer
    assert devices.logs() == []
    assert devices.send("P1", "x" * LOG_MAX, own).status == 201
    assert devices.send("P1", "another", own).status == 200 and len(devices.logs()) == 1
    assert devices.logs()[0]["content"] == "x" * LOG_MAX

    stack.database.rows("DELETE FROM device_log RETURNING id")
    stack.database.rows(INSERT, "P1", 10**9, 1, "25 hours", A_DAY)
    stack.database.rows(INSERT, "P1", 2 * 10**9, 1, "1 hour", A_DAY - 1)
    assert devices.send("P1", "the last of a day", own).status == 201
    stack.database.rows("DELETE FROM device_log WHERE instruction_id = %s RETURNING id", own)
    stack.database.rows(INSERT, "P1", 3 * 10**9, 1, "1 hour", 1)
    refused = devices.send("P1", "one more", own)
    assert refused.status == 429 and refused.headers["Retry-After"], refused
    stack.database.rows("DELETE FROM device_log RETURNING id")
    stack.database.rows(INSERT, "P1", 10**9, BYTES_A_DAY - 4, "1 hour", 1)
    assert devices.send("P1", "five5", own).status == 429
    assert devices.send("P2", "of another device", other).status == 201
    assert devices.send("P1", "four", own).status == 201

    devices.word("device", "revoke", "P1", "--reason", "stolen")
    assert devices.send("P1", "x", own).status == 403
    counted = {result: stack.http.metric(f'tellercast_device_logs_total{{result="{result}"}}') for result in (
        "kept", "repeated", "unknown_attempt", "malformed", "no_certificate", "too_much", "too_long",
        "not_admitted")}
    assert counted == {"kept": 4, "repeated": 1, "unknown_attempt": 3, "malformed": 5, "no_certificate": 3, "too_much": 2, "too_long": 2,
                       "not_admitted": 1}
    kept = ["x" * LOG_MAX, "the last of a day", "of another device", "four"]
    assert stack.http.metric("tellercast_device_log_bytes_total") == sum(map(len, kept))
    refused = "SELECT count(*) FROM act WHERE verb = 'send_log' AND outcome = 'refused'"
    wait_for(lambda: stack.database.value(refused) >= 2, "refusals are recorded")


def test_logs_expire_by_age_and_by_the_size_of_all(devices):
    stack = devices.stack
    stack.database.rows(INSERT, "P1", 10**9, 10, "3 hours", 600)
    stack.database.rows(INSERT, "P2", 2 * 10**9, 1000, "1 hour", 5)
    assert stack.orchestrators[0].stop() == 0
    stack.orchestrator(logs={"retention": "2h", "size_limit": "4000"})
    left = wait_for(lambda: len(found := devices.logs()) == 4 and found, "logs expire until they are few enough")
    assert [log["instruction_id"] - 2 * 10**9 for log in left] == [2, 3, 4, 5]
