"""Real clients, and a store of artifacts that wants certificates."""

import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest
from harness.certificates import Authority
from harness.clocks import clock_at, right_clocks_only
from harness.download_store import SHA256, TOKEN, DownloadStore
from harness.http import ArtifactSite
from harness.machine import Machine
from harness.plan import APPLICATION, VERSION
from harness.programs import BIN, Client
from harness.stack import CONTENT

pytestmark = pytest.mark.plain_broker


@pytest.fixture
def store(stack):
    return DownloadStore(stack)


def test_real_clients_complete_a_rollout_from_a_store_that_wants_certificates(store):
    clients = [store.client("node", "B1", "B1"), store.client("atm", "A1", "B1"), store.client("pull", "P1")]
    rollout = store.stack.submit(selector={"devices": ["B1", "A1", "P1"]})
    store.stack.wait_for_states(rollout, completed=3)
    assert all("artifact.downloaded" in client.text() for client in clients)
    assert store.refused() == 0


def test_a_client_that_shows_no_certificate_fails_and_one_with_a_certificate_of_its_own_for_downloads_completes(store):
    stack = store.stack
    own = store.devices.issue("P2", "device", number=2)
    stack.client("pull", "P1", download={"ca_file": str(store.operations.certificate)})
    stack.client("pull", "P2", download={"ca_file": str(store.operations.certificate),
                                         "certificate_file": own["certificate_file"], "key_file": own["key_file"]})
    rollout = stack.submit(selector={"devices": ["P1", "P2"]}, execution={"retries": 0})
    stack.wait_for_state(rollout, "P2", "completed")
    row = stack.wait_for_state(rollout, "P1", "failed")
    assert row["code"] == "download_failed"


@right_clocks_only
@pytest.mark.parametrize("year", ["1990", "2046"])
def test_a_client_whose_clock_is_decades_wrong_downloads_from_a_store_that_wants_certificates(store, year):
    client = store.client("pull", "P1", environment=clock_at(f"{year}-06-01 12:00:00"))
    rollout = store.stack.submit(selector={"devices": ["P1"]})
    store.stack.wait_for_state(rollout, "P1", "completed")
    assert set(re.findall(r"^(\d{4})-", client.text(), re.MULTILINE)) == {year}, "its clock was never mended"


@pytest.mark.parametrize("settings, said", [
    ("{certificate_file: /c.pem}", "download.certificate_file and download.key_file must both be set"),
    ("{key_file: /k.pem}", "download.certificate_file and download.key_file must both be set"),
    ("{certificate_file: /c.pem, key_file: /k.pem}", "download.ca_file: must be set, since download.certificate_file is"),
])
def test_a_certificate_for_downloads_needs_its_key_and_authorities_to_show_it_to(tmp_path, settings, said):
    file = tmp_path / "pull.yaml"
    file.write_text(f"device: P1\ndata_folder: {tmp_path}\ndownload: {settings}\n", encoding="utf-8")
    done = subprocess.run([BIN / "tellercast-pull", "--config", file], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0 and said in done.stderr, done.stderr


class CountingSite(ArtifactSite):
    """Notes the serial number of the certificate that each peer shows; None: none."""

    def __init__(self, certificates, trusted):
        self.shown = []
        super().__init__(CONTENT, certificates, trusted)

    def serve(self, handler):
        self.shown.append((handler.connection.getpeercert() or {}).get("serialNumber"))
        super().serve(handler)


@pytest.fixture
def site(store):
    opened = CountingSite(store.operations.issue("artifacts", "server"), store.devices.certificate)
    yield opened
    opened.close()


def private_file(path, text):
    file = pathlib.Path(path)
    file.write_text(text + "\n", encoding="utf-8")
    file.chmod(0o600)


def serial(certificate):
    shown = subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", certificate["certificate_file"]],
                           capture_output=True, text=True, check=True)
    return shown.stdout.strip().removeprefix("serial=")


def upgrade_from(store, site, name):
    artifact = {"name": APPLICATION, "version": VERSION, "url": site.url, "size": len(CONTENT), "sha256": SHA256}
    rollout = store.stack.submit(name, selector={"devices": ["P1"]}, artifact=artifact, execution={"retries": 0})
    store.stack.wait_for_state(rollout, "P1", "completed")


def test_a_renewed_certificate_is_shown_at_the_next_download_without_a_restart(store, site):
    folder = store.stack.folder / "own"
    folder.mkdir()
    first, second = store.devices.issue("P1", "device"), store.devices.issue("P1", "device", number=2)
    own = {key: str(folder / pathlib.Path(path).name) for key, path in first.items()}
    for key, path in own.items():
        shutil.copy(first[key], path)
    client = store.client("pull", "P1", broker={"port": store.listener.port, **own})
    upgrade_from(store, site, "first")
    store.devices.replace(own, second)
    client.send(signal.SIGHUP)
    client.wait_until(lambda: client.text().count("certificate.taken name=broker") == 2, "it uses the new files")
    upgrade_from(store, site, "second")
    assert site.shown == [serial(first), serial(second)]


def client_on(machine, store, device, **settings):
    stack = store.stack
    client = Client(stack.folder, "pull", device, None, stack.broker.port, stack.keys,
                    {"broker": store.listener.settings(device), **settings}, programs=machine.programs)
    stack.programs.append(client)
    client.wait_until(lambda: stack.spy.messages(f"tc/v1/device/{device}/presence"), f"{device} is connected")


@pytest.fixture
def public(store):
    return Authority(store.stack.folder / "public", "public")


@pytest.fixture
def public_site(store, public):
    opened = CountingSite(public.issue("cdn", "server"), store.devices.certificate)
    yield opened
    opened.close()


def test_a_server_that_only_the_system_s_authorities_vouch_for_is_shown_no_certificate(store, public, public_site):
    client_on(Machine(store.stack.folder, public, "tellercast-pull"), store, "P1")
    upgrade_from(store, public_site, "upgrade")
    assert public_site.shown == [None]


def test_with_authorities_of_its_own_a_download_trusts_no_authority_of_the_system(store, public, public_site):
    client_on(Machine(store.stack.folder, public, "tellercast-pull"), store, "P1",
              download={"ca_file": str(store.operations.certificate), "tries": 2})
    artifact = {"name": APPLICATION, "version": VERSION, "url": public_site.url, "size": len(CONTENT), "sha256": SHA256}
    rollout = store.stack.submit(selector={"devices": ["P1"]}, artifact=artifact, execution={"retries": 0})
    row = store.stack.wait_for_state(rollout, "P1", "failed")
    assert row["code"] == "download_failed" and public_site.shown == []


def test_with_an_authority_of_its_own_the_command_line_trusts_no_authority_of_the_system(store, public):
    machine = Machine(store.stack.folder, store.operations, "tellercast")
    arguments = [machine.programs / "tellercast", "artifact", "list", "--server", store.http.url]
    token = {**os.environ, "TELLERCAST_TOKEN_FILE": str(store.stack.folder / "operator-token")}
    private_file(token["TELLERCAST_TOKEN_FILE"], TOKEN)
    by_system = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, env=token)
    assert by_system.returncode == 0, by_system.stderr
    refused = subprocess.run([*arguments, "--ca-file", public.certificate], capture_output=True, text=True, timeout=60,
                             check=False, env=token)
    assert refused.returncode != 0 and "certificate" in refused.stderr, refused


def test_with_an_authority_of_its_own_an_enrolment_trusts_no_authority_of_the_system(store, public, public_site):
    """The server need not know EST: it must not get a request."""
    stack, machine = store.stack, Machine(store.stack.folder, public, "tellercast-pull")
    code = stack.folder / "code"
    private_file(code, "AAAAA-BBBBB-CCCCC-DDDDD")
    client = Client(stack.folder, "pull", "P1", None, stack.broker.port, stack.keys, {
        "broker": {"ca_file": str(store.devices.certificate), "certificate_file": str(stack.folder / "P1.pem"),
                   "key_file": str(stack.folder / "P1.key")},
        "enrolment": {"url": public_site.url.removesuffix("/artifact"), "ca_file": str(store.operations.certificate),
                      "code_file": str(code)}}, programs=machine.programs)
    stack.programs.append(client)
    client.wait_until(lambda: "enrolment.failed" in client.text(), "it cannot enrol")
    assert "certificate" in client.text().split("enrolment.failed")[1].split("\n")[0]
    assert public_site.posts == 0
