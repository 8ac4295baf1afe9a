"""An orchestrator whose artifact store is open to devices with certificates and to operators with tokens, and peers of it."""

import copy
import hashlib
import http.client
import ssl

from .certificates import Authority
from .http import Answer
from .people import token_of
from .secure import SecureListener
from .stack import CONTENT
from .wait import wait_for

TOKEN = token_of("ann")
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ARTIFACT = f"/v1/artifacts/{SHA256}"


class DownloadStore:
    """`devices` issues certificates to devices, and is trusted for them; `operations` to all others."""

    def __init__(self, stack, **settings):
        self.stack = stack
        self.devices = Authority(stack.folder / "devices", "devices")
        self.operations = Authority(stack.folder / "operations", "operations")
        self.listener = SecureListener(stack, self.devices)
        self.issuer_file = stack.folder / "device-issuers.pem"
        self.trust(self.devices)
        stack.people.add("ann")
        server = self.operations.issue("http", "server")
        self.orchestrator = stack.orchestrator(ready=False, http={
            "certificate_file": server["certificate_file"], "key_file": server["key_file"],
            "device_issuer_file": str(self.issuer_file), **settings})
        self.http = self.orchestrator.http
        self.http.authority, self.http.token = self.operations.certificate, TOKEN
        self.orchestrator.wait_until_ready()
        stack.people.known(self.http, "ann")
        stack.write_trusted_keys()
        stack.import_fleet({"B1": ["A1"]}, ["P1", "P2"])
        stack.add_artifact(CONTENT)

    def trust(self, *authorities):
        """Devices of these authorities may download."""
        fresh = self.issuer_file.with_suffix(".new")
        fresh.write_text("".join(authority.certificate.read_text() for authority in authorities), encoding="utf-8")
        fresh.replace(self.issuer_file)

    def connection(self, certificate=None):
        """`certificate`: what Authority.issue returned; the peer shows it in the handshake."""
        context = ssl.create_default_context(cafile=self.operations.certificate)
        if certificate:
            context.load_cert_chain(certificate["certificate_file"], certificate["key_file"])
        return http.client.HTTPSConnection("127.0.0.1", self.http.port, timeout=60, context=context)

    def ask(self, certificate=None, token=None, method="GET", path=ARTIFACT, headers=None):
        connection = self.connection(certificate)
        try:
            connection.request(method, path, headers={**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})})
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def client(self, role, device, branch=None, environment=None, **settings):
        """A real client that shows its certificate to the broker and at downloads."""
        settings.setdefault("download", {}).setdefault("ca_file", str(self.operations.certificate))
        settings.setdefault("broker", self.listener.settings(device))
        return self.stack.client(role, device, branch, environment, **copy.deepcopy(settings))

    def wait_for_log(self, text):
        return wait_for(lambda: text in self.orchestrator.text(), f"the log has {text}")

    def logs(self):
        return self.stack.logs()

    def refused(self):
        return self.http.metric("tellercast_downloads_refused_total")
