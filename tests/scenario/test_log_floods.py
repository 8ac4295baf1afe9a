"""Devices that send many logs at once: each has its share, and nobody waits for a certificate because of them."""

import http.client
import ssl
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from harness.enrolment import Est
from harness.http import Answer
from harness.wait import wait_for

pytestmark = pytest.mark.plain_broker

TEXT = {"Content-Type": "text/plain; charset=utf-8"}
NAMES = ["P1", "P2", "P3", "P4"]
AT_ONCE, WAITING = 32, 64  # docs/limits.md
OF_AN_ADDRESS = 20
RESULTS = ("kept", "repeated", "unknown_attempt", "too_much", "too_often", "too_long", "malformed", "no_certificate", "not_admitted", "busy",
           "failed")
SENDERS = 5  # addresses: together they have more connections than logs may wait


class Senders:
    def __init__(self, stack):
        self.database, self.est = stack.database, Est(stack)
        self.http = stack.http
        stack.import_fleet(pull=NAMES)
        self.certificates = {name: self.est.issue("device", name) for name in NAMES}

    def send(self, device, address="127.0.0.1", instruction=1):
        certificate = self.certificates[device]
        context = ssl.create_default_context(cafile=str(self.est.ca_file))
        context.load_cert_chain(certificate, certificate.parent / "key.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", self.est.port, timeout=120, context=context, source_address=(address, 0))
        try:
            connection.request("POST", f"/v1/logs?instruction={instruction}&attempt=1", "x", TEXT)
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()


    def counted(self, result):
        return self.http.metric(f'tellercast_device_logs_total{{result="{result}"}}')


@pytest.fixture
def senders(stack):
    return Senders(stack)


def test_a_certificate_that_sends_too_many_logs_is_refused_before_anything_is_read_and_another_is_not(senders):
    assert {senders.counted(result) for result in RESULTS} == {0}, "each is there from the start"
    answers = [senders.send("P1").status for _ in range(AT_ONCE)]
    assert answers == [404] * AT_ONCE, "each was looked at"
    refused = senders.send("P1", instruction="no-number")
    assert refused.status == 429 and 0 < int(refused.headers["Retry-After"]) <= 601, refused
    assert senders.send("P2").status == 404
    assert (senders.counted("too_often"), senders.counted("unknown_attempt")) == (1, AT_ONCE + 1)


def test_while_logs_wait_for_the_database_devices_enrol_and_renew_and_the_logs_beyond_a_number_are_refused(senders):
    est = senders.est
    connection = senders.database.connect()
    connection.autocommit = False
    with connection.cursor() as cursor, ThreadPoolExecutor(SENDERS * OF_AN_ADDRESS) as pool:
        cursor.execute("SELECT FROM device WHERE id IN ('P1', 'P2', 'P3') FOR UPDATE")
        addresses = [f"127.0.0.{place + 2}" for place in range(SENDERS)]
        logs = [pool.submit(senders.send, NAMES[number % 3], addresses[number % SENDERS]) for number in range(3 * AT_ONCE - 6)]
        try:
            own, key = est.enrolled("P4")
            est.save(est.reenroll(own, key, est.request("P4", key=est.key("next"))), "renewed")
            beyond = len(logs) - WAITING - 1  # one is being handled
            refused = wait_for(lambda: len(done := [log.result() for log in logs if log.done()]) >= beyond and done, "logs are refused")
            assert {answer.status for answer in refused} == {503}
            assert senders.counted("busy") == len(refused)
            est.save(est.enroll("P4", est.code("P4"), est.request("P4", key=est.key("third"))), "third")
        finally:
            connection.rollback()
            connection.close()
        wait(logs)
    assert {log.result().status for log in logs} == {404, 503}
