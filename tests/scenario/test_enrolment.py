"""Enrolment by EST: how a device gets its certificates, and who gets none."""

import base64
import json
import socket
import ssl
import subprocess
import time
import warnings

import pytest
from harness.enrolment import Est, openssl
from harness.programs import command_line
from harness.wait import wait_for

DEVICES = ["P1", "P2"]


@pytest.fixture
def est(stack):
    est = Est(stack)
    stack.import_fleet(pull=DEVICES)
    return est


def subject(certificate):
    return openssl("x509", "-in", certificate, "-noout", "-subject", "-nameopt", "RFC2253").decode().strip()


def serial(certificate):
    return openssl("x509", "-in", certificate, "-noout", "-serial").decode().strip().removeprefix("serial=")


def has_expired(certificate):
    return subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-checkend", "0"], check=False).returncode == 1


def verify(est, certificate, *more):
    return openssl("verify", "-purpose", "sslclient", "-no-CApath", "-no-CAstore", "-CAfile", est.pki / "devices/trust.pem",
                   *more, certificate)


def detail(answer):
    return answer.json()["detail"]


def strongswan(*arguments, **more):
    done = subprocess.run(["pki", *map(str, arguments)], capture_output=True, timeout=60, check=False, **more)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def pem(der):
    return openssl("x509", "-inform", "DER", input=der)


def test_an_independent_client_of_est_enrols_and_renews(est):
    folder, trust = est.folder, ["--cacert", est.ca_file]
    found = folder / "found.pem"
    strongswan("--estca", "--url", est.url, *trust, "--caout", found, "--outform", "pem")
    found = [path.read_text() for path in folder.glob("found*.pem")]
    authorities = [est.ca_file, est.pki / "devices/cert.pem"]
    assert all(any(path.read_text().split("-----")[2].split() == text.split("-----")[2].split() for text in found)
               for path in authorities), found

    request = folder / "request.der"
    request.write_bytes(est.request("P1"))
    own = folder / "own.pem"
    own.write_bytes(pem(strongswan("--est", "--url", est.url, "--in", request, *trust, "--cacert", est.pki / "devices/cert.pem",
                                   "--userpass", f"P1:{est.code('P1')}")))
    verify(est, own)
    assert subject(own) == "subject=CN=P1,OU=device"

    request.write_bytes(est.request("P1", key=est.key("next")))
    renewed = folder / "renewed.pem"
    renewed.write_bytes(pem(strongswan("--est", "--url", est.url, "--in", request, *trust,
                                       "--cacert", est.pki / "devices/cert.pem", "--cert", own, "--key", est.key())))
    verify(est, renewed)
    assert serial(renewed) != serial(own)


def test_openssl_accepts_what_a_device_gets_by_a_code_and_then_by_its_certificate(est):
    own = est.save(est.enroll("P1", est.code("P1")), "own")
    verify(est, own)
    assert subject(own) == "subject=CN=P1,OU=device"
    renewed = est.save(est.reenroll(own, est.key(), est.request("P1", key=est.key("next"))), "renewed")
    verify(est, renewed)
    again = est.save(est.reenroll(renewed, est.key("next"), est.request("P1")), "again")
    assert len({serial(own), serial(renewed), serial(again)}) == 3
    assert est.orchestrator.http.metric("tellercast_certificates_issued_total") == 3
    assert f"device.enrolled device=P1 by=code serial={serial(own)}" in est.orchestrator.text()


def speaks(port, version):
    """Whether the server takes a connection by this version of TLS alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", port), 30) as plain:
        try:
            with context.wrap_socket(plain) as secure:
                return secure.version() is not None
        except ssl.SSLError as fault:
            assert fault.reason == "TLSV1_ALERT_PROTOCOL_VERSION", fault  # the server says so: other errors are the client's own
            return False


def test_an_endpoint_speaks_no_version_of_tls_before_1_2(est):
    versions = [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
    assert [speaks(est.port, version) for version in versions] == [False, False, True, True]


def test_a_code_is_good_once_and_again_only_for_the_key_that_it_was_used_for(est):
    code = est.code("P1")
    est.save(est.enroll("P1", code), "own")
    est.save(est.enroll("P1", code), "own-again")  # its answer was lost
    answer = est.enroll("P1", code, est.request("P1", key=est.key("other")))
    assert answer.status == 403 and "used already" in detail(answer), answer
    assert est.wait_for_refusal("used_code")
    assert est.orchestrator.http.metric("tellercast_enrolments_refused_total") == 1


def test_a_new_code_voids_the_one_before(est):
    first = est.code("P1")
    second = est.code("P1")
    answer = est.enroll("P1", first)
    assert (answer.status, detail(answer)) == (401, "denied")
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert est.wait_for_refusal("unknown_code")
    est.save(est.enroll("P1", second), "own")


def test_an_expired_code_is_refused_and_its_holder_is_told(est):
    code = est.code("P1", valid_for="1s")
    wait_for(lambda: est.enroll("P1", code).status != 200, "the code expires")
    answer = est.enroll("P1", code)
    assert answer.status == 403 and "expired" in detail(answer), answer
    assert est.wait_for_refusal("expired_code")


def test_a_code_is_for_one_device_alone(est):
    answer = est.enroll("P2", est.code("P1"))
    assert (answer.status, detail(answer)) == (401, "denied")


def test_a_peer_that_has_no_right_code_learns_nothing(est):
    """Neither whether the device exists nor whether it has a code."""
    est.code("P1")
    answers = [est.enroll(device, "WRONG").body for device in ("P1", "P2", "nobody")]
    answers.append(est.post("simpleenroll", base64.b64encode(est.request("P1"))).body)
    assert len(set(answers)) == 1 and json.loads(answers[0])["detail"] == "denied", answers
    assert est.wait_for_refusal("unknown_device") and est.wait_for_refusal("no_code")


def test_no_code_is_made_for_a_device_that_does_not_exist(est):
    done = est.word("device", "enroll", "nobody", check=False)
    assert done.returncode == 1 and "no device nobody" in done.stderr, done


def test_after_five_wrong_codes_an_address_must_wait_even_with_the_right_one(est):
    code = est.code("P1")
    for _ in range(5):
        assert est.enroll("P1", "WRONG").status == 401
    answer = est.enroll("P1", code)
    assert answer.status == 429 and 0 < int(answer.headers["Retry-After"]) <= 61, answer
    assert est.wait_for_refusal("too_many_attempts")
    est.save(est.enroll("P2", est.code("P2"), est.request("P2")), "other")  # other devices of this address need not


@pytest.mark.parametrize("name, status, text", [
    ("another_device", 403, "the request is for device P2; allowed: device P1"),
    ("another_kind", 403, "the request is for operator P1; allowed: device P1"),
    ("no_kind", 400, "subject"),
    ("a_weak_key", 400, "RSA"),
    ("no_request", 400, "expected a certificate request"),
    ("no_base64", 400, "in base64"),
    ("a_foreign_signature", 400, "not signed with its own key"),
])
def test_a_bad_request_is_refused_with_its_reason_and_does_not_use_the_code(est, name, status, text):
    good = est.request("P1")
    request = {
        "another_device": lambda: est.request("P2"),
        "another_kind": lambda: est.request("P1", kind="operator"),
        "no_kind": lambda: est.request("P1", subject="/CN=P1"),
        "a_weak_key": lambda: est.request("P1", key=est.key("weak", "RSA-1024")),
        "no_request": lambda: b"0\x03\x02\x01\x01",
        "no_base64": lambda: None,
        "a_foreign_signature": lambda: good[:-3] + bytes(3),
    }[name]()
    code = est.code("P1")
    credentials = base64.b64encode(f"P1:{code}".encode()).decode()
    if request is None:
        answer = est.post("simpleenroll", b"***", {"Authorization": f"Basic {credentials}"})
    else:
        answer = est.enroll("P1", code, request)
    assert answer.status == status and text in detail(answer), answer
    assert est.wait_for_refusal("bad_request")
    est.save(est.enroll("P1", code), "own")


def test_a_request_is_bounded_in_bytes(est):
    code = est.code("P1")
    assert est.enroll("P1", code, b"0" * 16385).status == 413
    assert est.enroll("P1", code, b"0" * 100000).status == 413
    assert est.post("simpleenroll", b"", {"Content-Type": "text/plain"}).status == 415


def test_only_a_valid_certificate_of_this_device_renews(est):
    own, key = est.enrolled("P1")
    answer = est.post("simplereenroll", base64.b64encode(est.request("P1")))
    assert (answer.status, detail(answer)) == (401, "denied")
    assert est.wait_for_refusal("no_certificate")

    answer = est.reenroll(own, key, est.request("P2"))
    assert answer.status == 403 and "allowed: device P1" in detail(answer), answer

    command_line("pki", "init", est.folder / "other", "--name", "Other")
    foreign = [est.issue("operator", "P1"), est.issue("device", "P1", pki=est.folder / "other")]
    for certificate in foreign:
        answer = est.reenroll(certificate, certificate.parent / "key.pem", est.request("P1"))
        assert (answer.status, detail(answer)) == (401, "denied")
    wait_for(lambda: len(est.refusals("bad_certificate")) == 2, "both are refused")


def test_the_name_constraint_of_the_devices_authority_is_obeyed(est):
    """The authority's key makes a certificate of another kind by hand."""
    key, certificate = est.key("forged"), est.folder / "forged.pem"
    request = openssl("req", "-new", "-key", key, "-subj", "/OU=operator/CN=P1")
    openssl("x509", "-req", "-CA", est.pki / "devices/cert.pem", "-CAkey", est.pki / "devices/key.pem", "-days", "1",
            "-out", certificate, input=request)
    answer = est.reenroll(certificate, key, est.request("P1"))
    assert (answer.status, detail(answer)) == (401, "denied")
    assert "permitted subtree violation" in est.wait_for_refusal("bad_certificate")[0]


def test_an_expired_certificate_does_not_renew_and_needs_a_new_code(stack):
    est = Est(stack, certificate_validity="5s")
    stack.import_fleet(pull=DEVICES)
    own, key = est.enrolled("P1")
    request = est.request("P1", key=key)
    wait_for(lambda: has_expired(own), "the certificate expires", 60)
    answer = est.reenroll(own, key, request)
    assert (answer.status, detail(answer)) == (401, "denied")
    assert "expired" in est.wait_for_refusal("bad_certificate")[0]
    est.save(est.enroll("P1", est.code("P1"), request), "new")


def test_in_a_rollover_of_the_devices_authority_certificates_of_both_renew_until_it_ends(stack):
    est = Est(stack)
    settings = {**est.settings, "device_issuer_certificate_file": str(est.pki / "devices/cert.pem")}
    stack.import_fleet(pull=["P1", "P2"])
    old, key = est.enrolled("P1")
    other, other_key = est.enrolled("P2")

    def run_again():
        assert est.orchestrator.stop() == 0
        est.orchestrator = stack.orchestrator(est=settings)

    command_line("pki", "rollover", est.pki, "devices")
    run_again()  # with the new key and certificate
    new = est.save(est.reenroll(old, key, est.request("P1", key=key)), "new")
    assert b"Device CA 2" in openssl("x509", "-in", new, "-noout", "-issuer")
    assert est.reenroll(new, key, est.request("P1", key=key)).status == 200
    assert est.reenroll(est.issue("server", "x", "--ip", "127.0.0.1"), est.folder / "server-x/key.pem", b"").status == 401
    command_line("pki", "rollover", est.pki, "devices", "--finish")
    run_again()
    assert est.reenroll(other, other_key, est.request("P2", key=other_key)).status == 401
    assert est.reenroll(new, key, est.request("P1", key=key)).status == 200


def test_a_revoked_device_gets_nothing_more_is_in_the_crl_and_comes_back_by_a_new_code(est):
    own, key = est.enrolled("P1")
    other, other_key = est.enrolled("P2")
    void = est.code("P1")
    done = est.word("device", "revoke", "P1", "--reason", "stolen")
    assert "P1  revoked all certificates that began before 20" in done.stdout and "knows 1 of them" in done.stdout, done

    answer = est.reenroll(own, key, est.request("P1"))
    assert answer.status == 403 and "was revoked" in detail(answer), answer
    assert est.wait_for_refusal("revoked")
    assert est.enroll("P1", void).status == 401
    est.save(est.reenroll(other, other_key, est.request("P2")), "other")

    crl = est.folder / "devices-crl.pem"
    crl.write_text(est.word("device", "crl").stdout)
    verify(est, other, "-crl_check", "-CRLfile", crl)
    with pytest.raises(subprocess.CalledProcessError, match="exit status 2") as refused:
        verify(est, own, "-crl_check", "-CRLfile", crl)
    assert b"certificate revoked" in refused.value.stderr

    new = est.save(est.enroll("P1", est.code("P1")), "new")
    verify(est, new, "-crl_check", "-CRLfile", crl)
    est.save(est.reenroll(new, est.key(), est.request("P1")), "renewed")


def test_a_device_that_enrols_in_the_second_of_its_revocation_gets_a_certificate_that_is_valid(est):
    key = est.key("P1")
    request = est.request("P1", key=key)
    before = int(time.time())
    wait_for(lambda: int(time.time()) > before, "a second begins: what follows takes less")
    est.word("device", "revoke", "P1", "--reason", "drill")
    own = est.save(est.enroll("P1", est.code("P1"), request), "own")
    est.save(est.reenroll(own, key, request), "renewed")


def test_a_certificate_that_a_restore_of_the_database_lost_renews_unless_its_device_was_revoked_later(est):
    own, key = est.enrolled("P1")
    est.stack.database.rows("DELETE FROM device_certificate RETURNING 1")
    est.save(est.reenroll(own, key, est.request("P1")), "renewed")
    est.stack.database.rows("DELETE FROM device_certificate RETURNING 1")
    est.word("device", "revoke", "P1", "--reason", "stolen")
    assert est.reenroll(own, key, est.request("P1")).status == 403


def test_a_stolen_device_cannot_fill_the_table_of_certificates(est):
    own, key = est.enrolled("P1")
    request = est.request("P1", key=key)
    answers = [est.reenroll(own, key, request).status for _ in range(25)]
    assert answers == [200] * 19 + [429] * 6
    est.save(est.enroll("P1", est.code("P1"), request), "new")


def test_a_certificate_that_was_issued_for_a_device_that_is_gone_does_not_renew(est):
    own, key = est.enrolled("P1")
    est.stack.database.rows("DELETE FROM device WHERE id = 'P1' RETURNING 1")
    answer = est.reenroll(own, key, est.request("P1"))
    assert answer.status == 403 and "no device P1" in detail(answer), answer


def test_a_retired_device_gets_no_code_and_no_certificate_until_it_is_returned(est):
    own, key = est.enrolled("P1")
    code = est.code("P1")
    est.word("device", "retire", "P1", "--reason", "stolen")
    assert est.reenroll(own, key, est.request("P1")).status == 403
    assert est.enroll("P1", code).status == 401
    done = est.word("device", "enroll", "P1", check=False)
    assert done.returncode == 1 and "no device P1" in done.stderr, done
    est.word("device", "return", "P1", "--reason", "found")
    est.save(est.reenroll(own, key, est.request("P1")), "renewed")
