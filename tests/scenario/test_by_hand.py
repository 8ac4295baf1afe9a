"""tellercastd started by hand for a trial: it reports what cannot work before it writes anything."""

import subprocess

import pytest
import yaml
from harness.programs import BIN, command_line


@pytest.fixture
def fresh(stack):
    """Settings with a data folder that does not exist yet."""
    return {"data_folder": str(stack.folder / "fresh"), "socket": {"path": str(stack.folder / "run/deep/door.sock")}}


def refused(stack, **settings):
    orchestrator = stack.orchestrator(ready=False, **settings)
    assert orchestrator.wait() == 1
    return orchestrator.text()


def test_the_folder_of_its_socket_is_made(stack, fresh):
    orchestrator = stack.orchestrator(ready=False, **fresh)
    orchestrator.wait_until_ready()
    assert (stack.folder / "run/deep/door.sock").is_socket()


def test_a_socket_that_cannot_be_made_leaves_no_signing_key_behind_and_is_reported_with_a_remedy(stack, fresh):
    (stack.folder / "file").write_text("", encoding="utf-8")
    said = refused(stack, **{**fresh, "socket": {"path": str(stack.folder / "file/door.sock")}})
    assert "socket.path" in said and "set another path" in said, said
    assert not list((stack.folder / "fresh").rglob("*key*"))


def test_a_taken_port_leaves_no_signing_key_behind(stack, fresh):
    first = stack.orchestrator()
    said = refused(stack, **{**fresh, "http": {"port": first.http.port}})
    assert "in use" in said, said
    assert not list((stack.folder / "fresh").rglob("*key*"))


def test_the_printed_settings_and_the_printed_access_list_belong_together():
    listed = [line.split()[1] for line in command_line("broker", "acl").stdout.splitlines() if line.startswith("user ")]
    settings = subprocess.run([BIN / "tellercastd", "--print-config"], check=True, capture_output=True, text=True).stdout
    printed = yaml.safe_load(settings)
    assert listed == [printed["broker"]["user"]]
