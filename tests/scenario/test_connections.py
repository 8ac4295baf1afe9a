"""Connections are made as the settings say, and a token goes only to the named server."""

import base64
import os

import pytest
from harness.people import token_of
from harness.plan import plan
from harness.programs import ORCHESTRATOR_USER, Client, command_line
from harness.stack import CONTENT
from harness.traps import Redirector, Trap
from harness.wait import wait_for

TOKEN = token_of("ann")


@pytest.fixture
def trap():
    trap = Trap()
    yield trap
    trap.close()


def open_with_token(stack, **settings):
    """An orchestrator that knows the person of the token."""
    file = stack.folder / "token"
    file.write_text(stack.people.add("ann") + "\n", encoding="utf-8")
    file.chmod(0o600)
    orchestrator = stack.orchestrator(**settings)
    stack.people.known(orchestrator.http, "ann")
    return orchestrator


def run(stack, *arguments, environment=None, **more):
    return command_line(*arguments, "--server", stack.http.url, "--token-file", stack.folder / "token",
                        env={**os.environ, **(environment or {})}, **more)


def test_the_command_gives_its_token_to_the_server_named_and_to_no_proxy_of_the_environment(stack, trap):
    open_with_token(stack)
    run(stack, "rollout", "list", environment=trap.environment())
    assert trap.heard_until_now() == []
    done = run(stack, "rollout", "list", "--proxy", trap.url, check=False)
    assert done.returncode == 7, done.stderr
    assert trap.heard[0].startswith(b"GET http://127.0.0.1:"), "the proxy named on the command line is used"


def test_a_user_in_an_address_is_refused_without_being_shown(stack):
    document = stack.folder / "plan.yaml"
    document.write_text(plan(), encoding="utf-8")
    for arguments in (
        ["rollout", "list", "--server", "http://ann:hidden@127.0.0.1:1"],
        ["rollout", "list", "--server", "http://ann:1/hidden@127.0.0.1:1"],
        ["rollout", "list", "--server", "http://ann:hidden"],
        ["rollout", "list", "--proxy", "ftp://ann:hidden@127.0.0.1:1"],
        ["rollout", "list", "--proxy", "http://ann:hidden@127.0.0.1:99999"],
        ["rollout", "list", "--proxy", "http://ann:hidden@127.0.0.1:port"],
        ["rollout", "list", "--proxy", "http://ann:1/hidden@127.0.0.1:1"],
        ["rollout", "submit", document, "--via", "mqtt", "--broker", "ann:1/hidden@127.0.0.1:1"],
        ["rollout", "submit", document, "--via", "mqtt", "--broker", "ann:hidden", "--user", "ann"],
        ["rollout", "submit", document, "--via", "mqtt", "--broker", "ann:hidden@127.0.0.1:1"],
    ):
        done = command_line(*arguments, check=False)
        assert done.returncode == 2 and "hidden" not in done.stderr, done.stderr
    assert "--password-file" in done.stderr


def test_a_plan_by_mqtt_goes_to_the_broker_and_to_no_proxy_of_the_environment(stack, trap):
    stack.orchestrator()
    stack.import_fleet(pull=["P1"])
    stack.add_artifact()
    document = stack.folder / "plan.yaml"
    document.write_text(plan(schedule={"startAt": "2099-01-01T00:00:00Z"}), encoding="utf-8")
    command_line("rollout", "submit", document, "--via", "mqtt", env={**os.environ, **stack.operator_environment(),
                                                                               **trap.environment()})
    assert trap.heard_until_now() == []


def test_a_daemon_connects_as_its_settings_say_whatever_its_environment_says(stack, trap):
    orchestrator = stack.orchestrator()
    orchestrator.stop()
    orchestrator.start({
        **trap.environment(), "PGHOST": "127.0.0.2", "PGHOSTADDR": "127.0.0.2", "PGPORT": "1", "PGUSER": "nobody",
        "PGPASSWORD": "x", "PGSERVICE": "none", "PGSERVICEFILE": "/none", "PGOPTIONS": "-c transaction_read_only=on",
        "PGSSLMODE": "verify-full", "PGTARGETSESSIONATTRS": "standby", "PGDATESTYLE": "German",
        "PGCLIENTENCODING": "LATIN1", "PGREQUIREAUTH": "none",
    })
    orchestrator.wait_until_ready()
    stack.import_fleet(pull=["P1"])
    assert trap.heard_until_now() == []
    ignored = [line for line in orchestrator.text().splitlines() if "environment.ignored" in line]
    assert "PGSSLMODE" in ignored[-1] and "http_proxy" in ignored[-1]


def test_a_device_downloads_by_the_proxy_of_its_settings_alone(stack, trap):
    stack.orchestrator()
    stack.import_fleet(pull=["P1", "P2"])
    stack.add_artifact()
    alone = stack.client("pull", "P1")
    alone.stop()
    alone.start(trap.environment())
    stack.client("pull", "P2", download={"proxy": trap.url, "tries": 1})
    rollout = stack.submit(selector={"devices": ["P1", "P2"]})
    stack.wait_for_state(rollout, "P1", "completed")
    row = stack.wait_for_state(rollout, "P2", "failed")
    assert row["code"] == "download_failed"
    assert len(trap.heard) > 0
    assert all(b" http://127.0.0.1:" in request for request in trap.heard), "only P2 asked the proxy, for the artifact"
    assert ORCHESTRATOR_USER.encode() not in b"".join(trap.heard)


@pytest.mark.parametrize("setting", [
    {"download": {"proxy": "http://ann:hidden@127.0.0.1:99999"}}, {"download": {"proxy": "http://ann:hidden@127.0.0.1:port"}},
    {"download": {"proxy": "http://ann:pa/hidden@127.0.0.1:1"}}, {"download": {"proxy": "http://ann:hidden"}},
    {"broker": {"host": "ann:hidden@127.0.0.1"}},
])
def test_an_agent_refuses_an_address_that_it_cannot_use_and_does_not_show_it(stack, setting):
    client = Client(stack.folder, "pull", "P1", None, stack.broker.device_port, stack.keys, setting)
    assert client.wait() == 2
    said = client.text()
    assert "hidden" not in said and (": its port" in said or "percent-encoded" in said or "a user is not" in said), said


def test_the_password_of_a_proxy_goes_to_the_proxy_and_is_not_shown(stack, trap):
    stack.orchestrator()
    stack.import_fleet(pull=["P1"])
    stack.add_artifact()
    proxy = trap.url.replace("//", "//ann:hid%40den@")
    client = stack.client("pull", "P1", download={"proxy": proxy, "tries": 1}, log={"level": "debug"})
    rollout = stack.submit(selector={"devices": ["P1"]})
    row = stack.wait_for_state(rollout, "P1", "failed")
    assert row["code"] == "download_failed"
    login = base64.b64encode(b"ann:hid@den")
    assert b"Proxy-Authorization: Basic " + login in trap.heard[0]
    (stack.folder / "token").write_text(TOKEN + "\n", encoding="utf-8")
    (stack.folder / "token").chmod(0o600)
    done = run(stack, "rollout", "list", "--proxy", proxy, check=False)
    assert done.returncode == 7 and b"Proxy-Authorization: Basic " + login in trap.heard[-1]
    texts = client.text() + done.stderr + str(stack.database.events(row["id"])) + stack.orchestrators[0].text()
    assert "hid" not in texts, texts


def test_a_download_by_https_is_not_led_to_a_server_without(stack, trap):
    redirector = Redirector(stack.folder, trap.url + "/artifact")
    stack.orchestrator(http={"public_url": redirector.url})
    stack.import_fleet(pull=["P1"])
    stack.add_artifact(CONTENT)
    stack.client("pull", "P1", download={"ca_file": str(redirector.certificate), "tries": 1})
    rollout = stack.submit(selector={"devices": ["P1"]})
    row = stack.wait_for_state(rollout, "P1", "failed")
    wait_for(lambda: redirector.asked > 0, "the redirector was asked")
    assert row["code"] == "download_failed"
    assert trap.heard_until_now() == []
    redirector.close()


SECRET = "s3cr"
# Each has a password with SECRET in it, and a fault that makes libpq take a part of the password for something else.
BROKEN = [
    f"postgresql://ann:pa@{SECRET}@127.0.0.1:5432/bank", f"postgresql://ann:pa/{SECRET}@127.0.0.1/bank",
    f"postgresql://ann:pa?{SECRET}@127.0.0.1/bank", f"postgresql://ann:pa#{SECRET}@127.0.0.1/bank",
    f"postgresql://ann:%zz{SECRET}@127.0.0.1/bank", f"postgresql://ann:{SECRET}", f"postgres://ann:1{SECRET}/bank",
    f"postgresql://ann:x@127.0.0.1/bank?password={SECRET}&pass", f"host=127.0.0.1 password=pa {SECRET} dbname=bank",
    f"host=127.0.0.1 password='pa{SECRET}", f"host=127.0.0.1 password=pa {SECRET}=1 dbname=bank",
    f"host=127.0.0.1 dbname=postgresql://ann:{SECRET}@127.0.0.1/bank",
    f"postgresql://ann:x@127.0.0.1/postgresql%3A%2F%2Fann:{SECRET}", f"host=127.0.0.1 port=5432{SECRET} dbname=bank", f"postgresql://ann:x@127.0.0.1:5432/bank?{SECRET}=x",
]


@pytest.mark.parametrize("setting", BROKEN)
def test_a_connection_string_that_cannot_be_used_is_refused_and_not_shown(stack, setting):
    orchestrator = stack.orchestrator(ready=False, database=setting)
    assert orchestrator.wait() != 0
    assert SECRET not in orchestrator.text(), orchestrator.text()
    assert "database: invalid connection string" in orchestrator.text()


@pytest.mark.parametrize("group", ["broker", "redis"])
def test_an_address_with_a_user_is_refused_and_not_shown(stack, group):
    orchestrator = stack.orchestrator(ready=False, **{group: {"host": f"ann:{SECRET}@127.0.0.1"}})
    assert orchestrator.wait() != 0
    assert f"{group}.host: a user is not allowed" in orchestrator.text()
    assert SECRET not in orchestrator.text(), orchestrator.text()


def test_a_password_that_the_server_refuses_is_not_shown(stack):
    orchestrator = stack.orchestrator(ready=False, database=f"postgresql://ann:{SECRET}@127.0.0.1:1/bank")
    orchestrator.wait_until(lambda: "database.unavailable" in orchestrator.text() or
                            "daemon.waits" in orchestrator.text(), "the database is missed")
    assert SECRET not in orchestrator.text()
