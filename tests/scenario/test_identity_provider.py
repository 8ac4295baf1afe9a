"""OpenID Connect with another's identity provider, npm's oidc-provider. `./run test --all` runs this, with the folder of the
installed package in TELLERCAST_IDENTITY_PROVIDER."""

import base64
import http.client
import json
import os
import pathlib
import re
import urllib.parse

import pytest
from harness.browser import SESSION, Browser
from harness.people import bearer
from harness.process import Process
from harness.servers import ROOT, free_port
from harness.wait import wait_for

ORIGIN = "https://tellercast.bank.example"
CALLBACK = f"{ORIGIN}/v1/login/callback"
START_SECONDS = 120


class OidcProvider:
    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        """Starts it, with new keys."""
        package = pathlib.Path(os.environ["TELLERCAST_IDENTITY_PROVIDER"])
        program = package / "provider.mjs"
        program.write_bytes((ROOT / "tests/identity_provider/provider.mjs").read_bytes())
        self.process = Process("oidc-provider", ["node", program, str(self.port), CALLBACK], self.folder / "provider.log")
        self.process.wait_until(self.answers, "the provider answers", START_SECONDS)

    def answers(self):
        try:
            return self.ask("GET", "/jwks").status == 200
        except OSError:
            return False

    def restart(self):
        self.process.kill()
        self.start()

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            response.text = response.read().decode()
            return response
        finally:
            connection.close()

    def access_token(self):
        """The JWT of a program."""
        login = base64.b64encode(b"robot:secret-of-the-robot").decode()
        answer = self.ask("POST", "/token", "grant_type=client_credentials",
                          {"Authorization": f"Basic {login}", "Content-Type": "application/x-www-form-urlencoded"})
        assert answer.status == 200, answer.text
        return json.loads(answer.text)["access_token"]

    def authorize(self, location, subject):
        """Signs in as a person does, page by page. Returns the query with which the browser comes back."""
        cookies, forms = {}, [{"prompt": "login", "login": subject, "password": "any"}, {"prompt": "consent"}]
        url, body = location, None
        while not url.startswith(CALLBACK):
            headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
            if body is not None:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            answer = self.ask("GET" if body is None else "POST", url.removeprefix(self.issuer), body, headers)
            for line in answer.headers.get_all("Set-Cookie", []):
                name, _, value = line.partition(";")[0].partition("=")
                cookies[name] = value
            if answer.status in (302, 303):
                url, body = urllib.parse.urljoin(self.issuer, answer.headers["Location"]), None
            else:
                assert answer.status == 200, answer.text
                url = urllib.parse.urljoin(self.issuer, re.search(r'action="([^"]+)"', answer.text)[1])
                body = urllib.parse.urlencode(forms.pop(0))
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


@pytest.fixture
def provider(tmp_path):
    provider = OidcProvider(tmp_path)
    yield provider
    provider.process.kill()


def test_people_and_programs_of_oidc_provider_are_known_and_its_rotated_keys_count(stack, provider):
    secret = stack.folder / "client-secret"
    secret.write_text("secret:of the+client\n", encoding="utf-8")
    secret.chmod(0o600)
    server = stack.orchestrator(oidc={
        "issuer": provider.issuer, "audience": "tellercast-api", "client_id": "tellercast",
        "client_secret_file": str(secret), "redirect_url": CALLBACK, "groups": {"Night shift": ["operator"]}}).http
    stack.people.add("ann", [], [("oidc", f"{provider.issuer}#ann"), ("mqtt_user", "ann")])
    stack.people.add("robot", ["viewer"], [("oidc", f"{provider.issuer}#robot")])
    stack.people.settle(server)
    wait_for(lambda: server.ask("GET", "/v1/login").status == 303, "people can sign in")

    def me_by_jwt():
        return server.ask("GET", "/v1/me", headers=bearer(provider.access_token()))

    browser = Browser(server, provider)
    assert browser.sign_in("ann")["person"] == "ann"
    assert browser.me().json()["roles"] == ["operator"]
    wait_for(lambda: me_by_jwt().status == 200, "the program is known")
    assert me_by_jwt().json()["person"] == "robot" and me_by_jwt().json()["roles"] == ["viewer", "operator"]
    old = provider.access_token()
    query = browser.begin("ann")
    browser.cookies.pop(SESSION)
    assert browser.end(query).status == 200 and browser.end(query).status == 403

    provider.restart()
    wait_for(lambda: me_by_jwt().status == 200, "the new keys count")
    assert server.ask("GET", "/v1/me", headers=bearer(old)).status == 401
    assert Browser(server, provider).sign_in("ann")["person"] == "ann"
    stranger = Browser(server, provider)
    assert b"tellercast person link PERSON oidc" in stranger.end(stranger.begin("eve")).body
