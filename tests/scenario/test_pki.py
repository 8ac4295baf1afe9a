"""Certificates: what `tellercast pki` makes, as OpenSSL's own programs read it."""

import json
import ssl

import pytest
from harness.authorities import CLIENT, UNKNOWN_ISSUER, Authorities, run, text_of, verdict
from harness.programs import command_line
from harness.wait import wait_for

SERVER = "sslserver"
REVOKED = "certificate revoked"


@pytest.fixture
def pki(tmp_path):
    return Authorities(tmp_path)


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


def files_of_others(pki):
    """Files that `tellercast pki crl --authority devices` did not make, with what is said about each."""
    devices, operations = (pki.folder / name / "crl.pem" for name in ("devices", "operations"))
    (pki.root / "other").mkdir()
    other = Authorities(pki.root / "other")  # of the same name
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
