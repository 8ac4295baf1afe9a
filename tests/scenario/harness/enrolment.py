"""An installation whose devices enrol by EST, and a client of EST made with openssl and Python's own TLS."""

import base64
import http.client
import ssl
import subprocess

from .http import Answer
from .programs import command_line
from .servers import free_port
from .wait import wait_for

PATH = "/.well-known/est/"


def openssl(*arguments, **more):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=True, timeout=60, **more).stdout


class Est:
    """Certificate authorities, an orchestrator whose EST endpoint uses them, and requests to it. `pki`: the folder of the
    authorities; None: new ones."""

    def __init__(self, stack, pki=None, **settings):
        self.stack = stack
        self.folder = stack.folder
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.pki = pki or self.folder / "pki"
        if pki is None:
            command_line("pki", "init", self.pki, "--name", "Bank")
        self.server = self.issue("server", "est", "--ip", "127.0.0.1")
        # A client of EST trusts the root, since it is given no other certificate before.
        self.ca_file = self.pki / "root/cert.pem"
        chain = self.folder / "est-chain.pem"
        chain.write_text(self.server.read_text() + (self.pki / "operations/cert.pem").read_text())
        authorities = self.folder / "device-authorities.pem"
        authorities.write_text((self.pki / "devices/cert.pem").read_text() + self.ca_file.read_text())
        self.settings = {
            "port": self.port, "certificate_file": str(chain), "key_file": str(self.server.parent / "key.pem"),
            "device_issuer_certificate_file": str(authorities),
            "device_issuer_key_file": str(self.pki / "devices/key.pem"), **settings,
        }
        self.orchestrator = stack.orchestrator(est=self.settings)

    def issue(self, kind, identity, *more, pki=None):
        folder = self.folder / f"{kind}-{identity}"
        command_line("pki", "issue", pki or self.pki, "--kind", kind, "--id", identity, "--out", folder, *more)
        return folder / "cert.pem"

    def word(self, *words, check=True):
        return command_line(*words, "--server", self.orchestrator.http.url, check=check)

    def code(self, device, **options):
        words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
        return self.word("device", "enroll", device, *words, "--quiet").stdout.strip()

    def key(self, name="device", kind="P-256"):
        path = self.folder / f"{name}.key"
        if not path.exists():
            by_kind = {"P-256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "RSA-1024": ["RSA", "-pkeyopt", "rsa_keygen_bits:1024"]}
            openssl("genpkey", "-algorithm", *by_kind[kind], "-out", path)
        return path

    def request(self, device, kind="device", key=None, subject=None):
        """Returns a certificate request in DER."""
        return openssl("req", "-new", "-key", key or self.key(), "-subj", subject or f"/OU={kind}/CN={device}", "-outform", "DER")

    def post(self, what, body, headers=None, certificate=None, key=None):
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if certificate:
            context.load_cert_chain(certificate, key)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=context)
        try:
            connection.request("POST", PATH + what, body, {"Content-Type": "application/pkcs10", **(headers or {})})
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def enroll(self, device, code, request=None):
        credentials = base64.b64encode(f"{device}:{code}".encode()).decode()
        body = base64.encodebytes(self.request(device) if request is None else request)
        return self.post("simpleenroll", body, {"Authorization": f"Basic {credentials}"})

    def reenroll(self, certificate, key, request):
        return self.post("simplereenroll", base64.encodebytes(request), {}, certificate, key)

    def save(self, answer, name):
        """Writes the certificate of an answer as PEM; returns its path."""
        assert answer.status == 200, answer
        path = self.folder / f"{name}.pem"
        der = base64.b64decode(answer.body)
        path.write_bytes(openssl("pkcs7", "-inform", "DER", "-print_certs", input=der))
        return path

    def enrolled(self, device):
        """Enrols a device with a key of its own; returns certificate and key."""
        key = self.key(device)
        answer = self.enroll(device, self.code(device), self.request(device, key=key))
        return self.save(answer, device), key

    def authority(self):
        """Certificates of the authorities, for a listener of devices."""
        return ListenerAuthority(self)

    def refusals(self, reason):
        """The lines of the daemon's log on requests that were refused for this reason."""
        lines = self.orchestrator.text().splitlines()
        return [line for line in lines if "enrolment.refused" in line and f"reason={reason}" in line]

    def wait_for_refusal(self, reason):
        return wait_for(lambda: self.refusals(reason), f"a request is refused: {reason}")


class ListenerAuthority:
    """What a listener of devices trusts and shows."""

    def __init__(self, est):
        self._est = est
        self.certificate = est.pki / "devices/trust.pem"

    def issue(self, name, kind):
        certificate = self._est.issue(kind, name, "--ip", "127.0.0.1")
        return {"certificate_file": certificate, "key_file": certificate.parent / "key.pem"}
