"""A peer without credentials is refused, unless it is on loopback and the settings say `insecure_loopback: true`."""

import copy
import json
import os
import shutil
import subprocess

import pytest
from harness.certificates import Authority
from harness.distant_peer import DISTANT
from harness.guard_files import PLUGIN, sanitizer_of
from harness.guarded import DirectoryVoice, GuardedBroker, GuardedClient, GuardedInstallation, Refused, entry
from harness.people import token_of
from harness.plan import plan, text_of
from harness.programs import BIN, Client, command_line
from harness.servers import ROOT, Postgres, free_port
from harness.wait import wait_for

TOKEN = token_of("ann")
UNKNOWN = "192.0.2.7"
NAMESPACE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]


def write_secret(file, text):
    file.write_text(text + "\n", encoding="utf-8")
    file.chmod(0o600)
    return str(file)


# ---- settings ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """Settings with which no peer is without credentials."""
    folder = tmp_path_factory.mktemp("secure")
    password = write_secret(folder / "password", "secret")
    certificates = Authority(folder / "certificates").issue("central", "orchestrator")
    return {
        "data_folder": str(folder / "data"),
        "database": "host=/nowhere dbname=bank",
        "broker": {"host": "broker.bank.example", **certificates},
        "redis": {"socket": "/nowhere/redis.sock"},
        "http": {"listen": "127.0.0.1"},
        "socket": {"path": str(folder / "socket")},
    }, password, certificates


NO_CERTIFICATE = {"certificate_file": "", "key_file": ""}
# What is changed, what is said, and whether insecure_loopback allows it.
REFUSED = [
    ({"broker": {"host": "127.0.0.1", "ca_file": ""}}, "broker.ca_file: must be set: without TLS", True),
    ({"broker": {"host": "localhost", "ca_file": ""}}, "broker.ca_file: must be set: without TLS", True),
    ({"broker": {"host": "127.0.0.1", "ca_file": "", "password_file": "{password}"}}, "broker.ca_file: must be set", True),
    ({"broker": {"host": UNKNOWN, "ca_file": ""}}, f"broker.ca_file: must be set, since broker.host, {UNKNOWN}, is not on loopback", False),
    ({"broker": {"host": "127.0.0.1", **NO_CERTIFICATE}}, "broker.certificate_file: must be set, or broker.password_file", True),
    ({"broker": NO_CERTIFICATE}, "broker.certificate_file: must be set, or broker.password_file", False),
    ({"redis": {"socket": ""}}, "redis.password_file: must be set, since redis.socket is not", True),
    ({"redis": {"socket": "", "host": UNKNOWN, "password_file": "{password}"}}, f'redis.host: found "{UNKNOWN}", allowed: an '
     "address on loopback", False),
    ({"database": "host=127.0.0.1 user=tc"}, "database: TCP needs a password", True),
    ({"database": f"host={UNKNOWN} password=x"}, "database: a server that is not on loopback needs sslmode=verify-full", False),
    ({"database": "service=bank"}, "database: invalid connection string: service is not allowed", False),
    ({"database_migration": "host=::1 user=tc"}, "database_migration: TCP needs a password", True),
    ({"http": {"listen": "0.0.0.0"}}, "http.certificate_file: must be set, since http.listen, 0.0.0.0, is not on loopback", False),
]
ALLOWED = [
    {},
    {"broker": {**NO_CERTIFICATE, "password_file": "{password}"}},
    {"redis": {"socket": "", "password_file": "{password}"}},
    {"database": "host=127.0.0.1 user=tc passfile=/nowhere"},
    {"database": f"host={UNKNOWN} user=tc passfile=/nowhere sslmode=verify-full sslrootcert=/nowhere"},
    {"http": {"port": 0}},
    {"http": {"listen": "0.0.0.0", "certificate_file": "{certificate}", "key_file": "{key}"}},
]


def write_settings(folder, secure, changed, **more):
    settings, password, certificates = copy.deepcopy(secure[0]), secure[1], secure[2]
    for key, value in changed.items():
        settings[key] = {**settings.get(key, {}), **value} if isinstance(value, dict) else value
    text = text_of({**settings, **more}).replace("{password}", password)
    text = text.replace("{certificate}", certificates["certificate_file"]).replace("{key}", certificates["key_file"])
    file = folder / "tellercastd.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def run_daemon(file, *options):
    return subprocess.run([BIN / "tellercastd", "--config", file, *options], capture_output=True, text=True, check=False,
                          timeout=60)


@pytest.mark.parametrize("changed, said, is_allowed", REFUSED)
def test_a_peer_without_credentials_is_refused_when_it_is_checked_and_at_the_start(tmp_path, secure, changed, said, is_allowed):
    file = write_settings(tmp_path, secure, changed)
    for options in (["--check-config"], []):
        done = run_daemon(file, *options)
        assert done.returncode == 1 and f"{file}: {said}" in done.stderr, done.stderr
        assert ("error daemon.not_started" in done.stderr) == (not options)
    assert not os.path.exists(secure[0]["data_folder"]), "it has written nothing"
    done = run_daemon(write_settings(tmp_path, secure, changed, insecure_loopback=True), "--check-config")
    assert (done.returncode == 0) == is_allowed, done.stderr
    assert is_allowed or said in done.stderr


@pytest.mark.parametrize("changed", ALLOWED)
def test_peers_with_credentials_are_accepted(tmp_path, secure, changed):
    done = run_daemon(write_settings(tmp_path, secure, changed), "--check-config")
    assert done.returncode == 0, done.stderr


def test_the_defaults_are_refused_and_can_be_printed():
    for options in ((), ("--check-config",)):
        done = subprocess.run([BIN / "tellercastd", *options], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1 and "broker.ca_file: must be set" in done.stderr, done
    done = subprocess.run([BIN / "tellercastd", "--print-config"], capture_output=True, text=True, check=True, timeout=60)
    assert "\ninsecure_loopback: false\n" in done.stdout


@pytest.mark.plain_broker
def test_a_reload_with_a_peer_without_credentials_is_refused(stack):
    orchestrator = stack.orchestrator()
    orchestrator.write_settings(insecure_loopback=False, log={"level": "error"})
    orchestrator.send(1)
    orchestrator.wait_until(lambda: "settings.refused" in orchestrator.text(), "the reload is refused")
    assert "broker.ca_file: must be set" in orchestrator.text()


# ---- PostgreSQL that asks nobody --------------------------------------------------------------------


class TrustingPostgres(Postgres):
    """Also listens on 127.0.0.1, where it lets everybody in."""

    def __init__(self, folder):
        self.port = free_port()
        own = folder / "postgres"
        own.mkdir()
        (own / "settings.conf").write_text(f"listen_addresses = '127.0.0.1'\nport = {self.port}\n", encoding="utf-8")
        (own / "hba").write_text("host all all 127.0.0.1/32 trust\n", encoding="utf-8")
        super().__init__(folder)

    def trusted(self, name, role):
        """The password is given, and not asked for."""
        return self.address(name, role).replace(f"host={self.folder}", "host=127.0.0.1") + " password=x"


@pytest.fixture
def trusting(stack):
    folder = stack.folder / "trusting"
    folder.mkdir()
    server = TrustingPostgres(folder)
    yield server
    server.stop()


def test_a_database_that_asks_for_no_password_is_refused_although_there_is_one(trusting):
    trusting.create_database("bank")
    trusting.give_to_roles("bank")
    settings = trusting.folder.parent / "tellercastd.yaml"
    address = trusting.trusted("bank", "tellercast_migrate")
    for insecure, code in ((False, 1), (True, 0)):
        settings.write_text(text_of({"database_migration": address, "insecure_loopback": insecure}), encoding="utf-8")
        done = subprocess.run([BIN / "tellercastd", "migrate", "--config", settings], capture_output=True, text=True,
                              check=False, timeout=120)
        assert done.returncode == code, done.stderr
        assert ("it asked for no password" in done.stderr) == (code == 1), done.stderr
        assert ("warning daemon.insecure_loopback" in done.stderr) == insecure
    settings.write_text(text_of({"database_migration": address.replace(" password=x", "")}), encoding="utf-8")
    done = subprocess.run([BIN / "tellercastd", "migrate", "--config", settings], capture_output=True, text=True, check=False,
                          timeout=60)
    assert done.returncode == 1 and "database_migration: TCP needs a password" in done.stderr, done.stderr


# ---- what is shown, and what HTTP believes ------------------------------------------------------------


def test_an_orchestrator_that_may_be_insecure_says_so_at_its_start_in_readyz_and_by_a_metric(stack):
    orchestrator = stack.orchestrator()
    assert "warning daemon.insecure_loopback" in orchestrator.text()
    assert stack.http.document("/readyz")["insecure_loopback"] is True
    assert stack.http.metric("tellercast_insecure_loopback") == 1
    assert stack.http.submit("{}").status != 401
    with_token = stack.http.ask("GET", "/v1/rollouts", headers={"Authorization": f"Bearer {TOKEN}"})
    assert with_token.status == 401, "a token that is nobody's is refused all the same"


def test_without_it_no_request_of_this_machine_is_believed_and_a_refused_database_is_named(guarded, trusting):
    stack = guarded.stack
    stack.people.add("ann")
    orchestrator = guarded.orchestrator(insecure_loopback=False)
    stack.people.known(stack.http, "ann")
    before = stack.http.metric("tellercast_logins_refused_total")
    assert "insecure" not in orchestrator.text()
    assert stack.http.document("/readyz")["insecure_loopback"] is False
    assert stack.http.metric("tellercast_insecure_loopback") == 0
    for headers in ({}, {"Tellercast-Author": "bob"}):
        assert stack.http.ask("GET", "/v1/rollouts", headers=headers).status == 401
    assert stack.http.metric("tellercast_logins_refused_total") == before + 2
    assert "warning login.refused door=http address=127.0.0.1" in orchestrator.text()
    assert stack.http.ask("GET", "/v1/rollouts", headers={"Authorization": f"Bearer {TOKEN}"}).status == 200
    orchestrator.stop()
    trusting.create_migrated("bank")
    orchestrator.write_settings(database=trusting.trusted("bank", "tellercast_run"))
    orchestrator.start()
    orchestrator.wait_until(lambda: "database.unavailable" in orchestrator.text(), "the database is refused")
    wait_for(stack.http.answers, "it answers")
    wait_for(lambda: "it asked for no password" in stack.http.get("/readyz").json()["database"], "its readiness says why")


def in_namespace(**wanted):
    script = ROOT / "tests/scenario/harness/distant_peer.py"
    done = subprocess.run([*NAMESPACE, "/usr/bin/python3", script, json.dumps(wanted, default=str)], check=False,
                          capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_only_a_peer_on_loopback_needs_no_token(stack):
    """The orchestrator is in a network without the broker, so that it is not ready, and asks the database all the same."""
    certificates = Authority(stack.folder / "certificates").issue("central", "orchestrator")
    orchestrator = stack.orchestrator()
    orchestrator.stop()
    port = orchestrator.http.port
    orchestrator.write_settings(http={
        "listen": "0.0.0.0", "port": port,
        "certificate_file": certificates["certificate_file"], "key_file": certificates["key_file"]})
    stack.people.add("ann")
    # 503 until the orchestrator has read of people. curl tries again only if it can make the file of the answer empty.
    ask = ["curl", "-sk", "--retry", "30", "-o", stack.folder / "answer", "-w", "%{http_code}", "-H", "Host: localhost"]
    tries = [[*ask, *more, f"https://{host}:{port}/v1/rollouts"] for host, more in (
        ("127.0.0.1", ()), (DISTANT, ()), (DISTANT, ("-H", "Tellercast-Author: bob")),
        (DISTANT, ("-H", f"Authorization: Bearer {TOKEN}")), ("127.0.0.1", ("-H", "Authorization: Bearer wrong")))]
    found = in_namespace(command=[BIN / "tellercastd", "--config", orchestrator.file], port=port, log=stack.folder / "distant.log",
                         tries=tries)
    assert [one["output"] for one in found] == ["200", "401", "401", "200", "401"], found


# ---- agents and the command ----------------------------------------------------------------------


@pytest.mark.parametrize("role", ["node", "atm", "pull"])
@pytest.mark.parametrize("host", [UNKNOWN, "broker.bank.example", "localhost.bank.example"])
def test_an_agent_refuses_a_broker_without_tls_that_is_not_on_loopback(tmp_path, role, host):
    client = Client(tmp_path, role, "B1" if role == "node" else "A1", None if role == "pull" else "B1", 1883,
                    tmp_path / "keys.json", {"broker": {"host": host}})
    assert client.wait() == 2
    assert f"broker.ca_file: must be set, since broker.host, {host}, is not on loopback" in client.text()
    assert "error agent.cannot_run" in client.text()


@pytest.mark.plain_broker
def test_an_agent_uses_a_broker_without_tls_at_localhost(stack):
    stack.orchestrator()
    stack.client("pull", "P1", broker={"host": "localhost"})


def test_the_command_sends_a_token_or_a_password_only_where_nobody_else_can_read_it(tmp_path):
    token, password = write_secret(tmp_path / "token", TOKEN), write_secret(tmp_path / "password", TOKEN)
    document = tmp_path / "plan.yaml"
    document.write_text(plan(), encoding="utf-8")
    done = command_line("rollout", "list", "--server", f"http://{UNKNOWN}:8080", "--token-file", token, check=False)
    assert done.returncode == 1 and "the token is not sent" in done.stderr and TOKEN not in done.stderr, done
    done = command_line("rollout", "submit", document, "--via", "mqtt", "--broker", f"{UNKNOWN}:1883", "--user", "ann",
                        "--password-file", password, check=False)
    assert done.returncode == 1 and "the password is not sent" in done.stderr and TOKEN not in done.stderr, done


# ---- the broker's guard ----------------------------------------------------------------------------


class BelievingBroker(GuardedBroker):
    """With a listener without TLS, and an operator `watcher` without a certificate."""

    def __init__(self, folder, listen="127.0.0.1", insecure="true"):
        self.plain_port, self._listen = free_port(), listen
        super().__init__(folder, insecure_loopback=insecure, operators="watcher")

    def settings(self):
        return super().settings() + f"\nlistener {self.plain_port} {self._listen}\n"

    def bare(self, user):
        """A client without a certificate."""
        return GuardedClient(self.plain_port, f"{user}/bare" if user in ("watcher", "tellercastd") else user, None, None, user=user)


def refused(connect):
    with pytest.raises(Refused):
        connect()
    return True


def test_the_guard_believes_user_names_on_loopback_when_it_may_and_says_so(tmp_path):
    broker = BelievingBroker(tmp_path / "guarded")
    voice = DirectoryVoice(broker)
    assert voice.send([entry("A1", "B1", "atm")], "whole")["insecure_loopback"] is True
    orchestrator, operator, device = (broker.bare(user) for user in ("tellercastd", "watcher", "A1"))
    assert orchestrator.subscribe("$share/tellercast/tc/v1/device/+/ask") == [True]
    assert operator.subscribe("$share/tellercast/tc/v1/device/+/ask", "tc/v1/device/+/presence") == [False, True]
    assert device.publish("tc/v1/device/A1/ask") and not device.publish("tc/v1/device/A2/ask")
    assert refused(lambda: broker.bare("A2")), "the table does not have it"
    for client in (orchestrator, operator, device, voice.client):
        client.close()
    broker.stop()
    assert "guard.insecure_loopback" in broker.text(), "mosquitto writes its log when it ends"


def test_without_that_option_the_guard_believes_nobody(tmp_path):
    broker = BelievingBroker(tmp_path / "guarded", insecure="false")
    voice = DirectoryVoice(broker)
    assert "insecure_loopback" not in voice.send([entry("A1", "B1", "atm")], "whole")
    for user in ("tellercastd", "watcher", "A1"):
        assert refused(lambda user=user: broker.bare(user))
    assert voice.send([])["denied"] == {"no_certificate": 3}
    voice.client.close()
    broker.stop()
    assert "guard.insecure_loopback" not in broker.text()


def test_the_guard_believes_no_user_name_of_another_machine(tmp_path):
    broker = BelievingBroker(tmp_path / "guarded", listen="0.0.0.0")
    broker.stop()
    publish = ["mosquitto_pub", "-V", "5", "-p", str(broker.plain_port), "-u", "watcher", "-i", "watcher/1", "-q", "1", "-t",
               "tc/v1/operator/watcher/submit", "-m", "{}"]
    environment = [f"{name}={value}" for name, value in sanitizer_of(PLUGIN).items()]
    mosquitto = ["env", *environment, shutil.which("mosquitto", path="/usr/sbin:/usr/bin"), "-c", tmp_path / "guarded/mosquitto.conf"]
    found = in_namespace(command=mosquitto, port=broker.plain_port,
                         log=tmp_path / "log", tries=[[*publish, "-h", "127.0.0.1"], [*publish, "-h", DISTANT]])
    assert found[0]["code"] == 0, found
    assert found[1]["code"] != 0 and "not authori" in found[1]["output"].lower(), found


def test_the_status_of_an_insecure_guard_says_so(stack):
    installation = GuardedInstallation(stack, insecure_loopback="true")
    installation.orchestrator()
    stack.import_fleet({"B1": ["A1"]})
    installation.wait_for_table()
    shown = command_line("broker", "guard", "status", "--server", stack.http.url).stdout
    assert "clients of the broker's machine are believed their user names" in shown
    installation.close()
