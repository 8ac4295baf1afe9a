"""Who may download artifacts, when the store wants certificates."""

import json
import time

import pytest
from harness.certificates import Authority
from harness.download_store import ARTIFACT, TOKEN, DownloadStore
from harness.operations import JSON
from harness.stack import CONTENT
from harness.wait import wait_for

DAY_S = 86400


def open_testbed(stack):
    return DownloadStore(stack)


@pytest.fixture
def store(stack):
    return DownloadStore(stack)


def detail(answer):
    return answer.json()["detail"]


def operate(store, device, operation):
    answer = store.http.ask("POST", f"/v1/devices/{device}/{operation}", json.dumps({"reason": "stolen"}), JSON)
    assert answer.status == 200, answer


def test_a_device_downloads_by_its_certificate_whole_in_part_and_by_head(untouched):
    store = untouched
    own, before = store.devices.issue("P1", "device"), store.refused()
    whole = store.ask(own)
    assert (whole.status, whole.body) == (200, CONTENT)
    assert whole.headers["Cache-Control"].startswith("private"), "a shared cache gives it to nobody else"
    part = store.ask(own, headers={"Range": "bytes=100-"})
    assert (part.status, part.body) == (206, CONTENT[100:])
    head = store.ask(own, method="HEAD")
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(CONTENT)))
    assert store.refused() == before


def test_an_operator_downloads_by_a_token_with_or_without_a_certificate(untouched):
    store = untouched
    assert store.ask(token=TOKEN).status == 200
    assert store.ask(store.operations.issue("ann", "operator"), token=TOKEN).status == 200


def test_a_peer_without_a_certificate_or_with_a_wrong_token_is_refused(untouched):
    store = untouched
    own, before = store.devices.issue("P1", "device"), store.refused()
    for method in ("GET", "HEAD"):
        assert store.ask(method=method).status == 401
    answer = store.ask()
    assert "device's certificate" in detail(answer) and answer.headers["WWW-Authenticate"] == "Bearer"
    assert store.ask(token="wrong").status == 401
    assert store.ask(own, token="wrong").status == 401, "a wrong token is not made good by a certificate"
    assert store.refused() == before + 5
    store.wait_for_log("download.refused device=\"\" address=127.0.0.1 reason=no_certificate")
    store.wait_for_log("reason=bad_token")


def test_the_certificate_of_nobody_in_service_is_refused_with_its_reason(untouched):
    store = untouched
    now, before = int(time.time()), store.refused()
    others = Authority(store.stack.folder / "others", "devices")
    refused = {
        "of another authority of the same name": (others.issue("P1", "device"), "refused"),
        "of the operations authority": (store.operations.issue("P1", "device"), "unable to get local issuer"),
        "of an operator, by the devices' authority": (store.devices.issue("ann", "operator"), "not a device's"),
        "of an orchestrator, by the devices' authority": (store.devices.issue("P1", "orchestrator"), "not a device's"),
        "of a server, by the devices' authority": (store.devices.issue("P1", "server"), "not a device's"),
        "without a kind": (store.devices.issue("P1"), "OU=device"),
        "expired": (store.devices.issue("P1", "device", ends=now - 60), "expired"),
        "not yet valid": (store.devices.issue("P1", "device", ends=now + 3 * DAY_S), "not yet valid"),
        "of a device that is not in the fleet": (store.devices.issue("P9", "device"), "there is no device P9 in service"),
    }
    for name, (certificate, text) in refused.items():
        answer = store.ask(certificate)
        assert answer.status == 403 and text in detail(answer), (name, answer)
        assert store.ask(certificate, path="/v1/artifacts/" + "0" * 64).status == 403, f"{name}: learns nothing of what there is"
    assert store.refused() == before + 2 * len(refused)
    store.wait_for_log("reason=bad_certificate")
    store.wait_for_log("download.refused device=P9 address=127.0.0.1 reason=unknown_device")


def test_a_device_s_certificate_never_counts_as_an_operator(untouched):
    store = untouched
    own = store.devices.issue("P1", "device")
    for method, path in (("GET", "/v1/artifacts"), ("GET", "/v1/rollouts"), ("GET", "/v1/devices/P1"),
                         ("PUT", ARTIFACT + "?name=a&version=1"), ("PUT", "/v1/fleet"), ("POST", "/v1/devices/P2/retire")):
        assert store.ask(own, method=method, path=path).status == 401, (method, path)
    for path in ("/healthz", "/readyz", "/metrics"):
        assert store.ask(own, path=path).status == 200


def test_a_revoked_certificate_downloads_no_more_also_on_a_connection_that_it_has_and_a_new_one_does(store):
    own, other = store.devices.issue("P1", "device"), store.devices.issue("P2", "device")
    kept = store.connection(own)

    def status():
        kept.request("GET", ARTIFACT)
        response = kept.getresponse()
        return response.status, response.read()

    assert status() == (200, CONTENT)
    operate(store, "P1", "revoke")
    wait_for(lambda: status()[0] == 403, "it is refused", 10)
    answer = store.ask(own)
    assert answer.status == 403 and "revoked" in detail(answer), answer
    assert store.ask(other).status == 200
    store.wait_for_log("download.refused device=P1 address=127.0.0.1 reason=revoked")
    revoked_at = int(time.time())
    wait_for(lambda: int(time.time()) > revoked_at, "another second has begun: certificates have whole seconds")
    assert store.ask(store.devices.issue("P1", "device", number=2)).status == 200
    kept.close()


def test_a_retired_device_downloads_nothing_until_it_is_returned(store):
    own = store.devices.issue("P1", "device")
    assert store.ask(own).status == 200
    operate(store, "P1", "retire")
    wait_for(lambda: store.ask(own).status == 403, "it is refused", 10)
    assert detail(store.ask(own)) == "there is no device P1 in service"
    operate(store, "P1", "return")
    wait_for(lambda: store.ask(own).status == 200, "it downloads again", 10)


def test_nobody_downloads_by_a_certificate_that_cannot_be_looked_up(store):
    own = store.devices.issue("P1", "device")
    store.stack.database.rows("ALTER TABLE device_revocation RENAME TO hidden")
    answer = store.ask(own)
    assert answer.status >= 500 and CONTENT[:100] not in answer.body, answer
    assert store.ask(token=TOKEN).status == 200
    store.stack.database.rows("ALTER TABLE hidden RENAME TO device_revocation")
    wait_for(lambda: store.ask(own).status == 200, "it downloads again")


def test_another_authority_of_devices_is_taken_without_a_restart_and_the_old_one_can_end(store):
    following = Authority(store.stack.folder / "following", "devices 2")
    old, new = store.devices.issue("P1", "device"), following.issue("P1", "device")
    assert (store.ask(old).status, store.ask(new).status) == (200, 403)
    store.trust(store.devices, following)
    wait_for(lambda: store.ask(new).status == 200, "both are trusted")
    assert store.ask(old).status == 200
    store.issuer_file.write_text("nothing\n", encoding="utf-8")
    wait_for(lambda: "certificate.refused" in store.orchestrator.text(), "what is no certificate is refused")
    assert "http.device_issuer_file" in store.orchestrator.text()
    assert (store.ask(old).status, store.ask(new).status) == (200, 200)
    store.trust(following)
    wait_for(lambda: store.ask(old).status == 403, "the old one has ended")
    assert store.ask(new).status == 200


def test_the_artifact_store_keeps_the_authority_of_devices_when_its_file_is_replaced_by_anothers(store):
    own, log = store.devices.issue("P1", "device"), store.orchestrator.text
    store.trust(store.operations)
    wait_for(lambda: "certificate.refused" in log(), "the file is refused")
    assert "found CN=operations, which has no authority in common with those in use, CN=devices" in log()
    assert store.ask(own).status == 200
    following = Authority(store.stack.folder / "following", "devices 2")
    store.trust(store.devices, following)
    wait_for(lambda: store.ask(following.issue("P1", "device")).status == 200, "both are trusted")
    store.trust(store.devices)
    wait_for(lambda: store.ask(following.issue("P1", "device")).status == 403, "the rollover was given up")
    assert store.ask(own).status == 200


def test_a_device_that_has_as_many_certificates_as_it_may_have_downloads(untouched):
    untouched.stack.database.rows("INSERT INTO device_certificate (serial, device, not_after) "
                                  "SELECT 'AB' || n, 'P2', now() + interval '1 day' FROM generate_series(1, 20) n")
    assert untouched.ask(untouched.devices.issue("P2", "device")).status == 200
