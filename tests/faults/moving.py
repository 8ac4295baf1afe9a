"""An installation of the version before, whose devices and orchestrators prove nothing but a password to the broker, and each
step of docs/upgrading.md by which it becomes one with certificates and the guard."""

import hashlib
import json
import pathlib
import subprocess

import yaml
from harness.certificates import Authority
from harness.guard_files import copy_guard_files, guard_settings
from harness.guarded import GuardedClient
from harness.plan import APPLICATION, fleet, text_of
from harness.programs import BIN, ORCHESTRATOR_USER, Fleet, command_line
from harness.servers import Server, are_open, free_port
from harness.wait import wait_for

from testbed import Direct, Testbed

COMMIT = (pathlib.Path(__file__).parent / "previous").read_text(encoding="utf-8").strip()
PREVIOUS = BIN.parent.parent / "previous" / COMMIT / "bin"  # ./run faults builds the programs there
BRANCHES, ORCHESTRATORS = 24, 3
DATABASE = "tellercast"
PASSWORD = "secret of all"
SECRET_MODE = 0o600
PRESENCE = "tc/v1/device/+/presence"
OPERATORS = ("alice", "bob")
SUMMED = ("accepted", "double_executions")  # counters that the audit reads
QUICK_ENROLMENT = {"retry_first": "200ms", "retry_longest": "1s"}

# mosquitto as docs/operations.md of the version before wanted it.
BEFORE = """per_listener_settings false
allow_anonymous false
set_tcp_nodelay true
max_inflight_messages 1000
max_queued_messages 1000000
max_packet_size 2097152
persistent_client_expiration 14d
password_file {folder}/passwords
acl_file {folder}/acl
listener {port} 127.0.0.1
"""


class MovingBroker(Server):
    """It has a listener with passwords; in report mode the guard and two listeners with certificates, too; then these alone."""

    kind = "mosquitto"

    def __init__(self, folder, users):
        self.port, self.device_port, self.operations_port = free_port(), free_port(), free_port()
        self.own = pathlib.Path(folder) / self.kind
        self.own.mkdir()
        (self.own / "passwords").write_text("".join(f"{user}:{PASSWORD}\n" for user in users), encoding="utf-8")
        subprocess.run(("mosquitto_passwd", "-U", self.own / "passwords"), check=True, timeout=60)
        acl = subprocess.run((PREVIOUS / "tellercast", "broker", "acl", "--orchestrator", ORCHESTRATOR_USER), check=True,
                             timeout=60, capture_output=True, text=True).stdout
        (self.own / "acl").write_text(f"{acl}\nuser spy\ntopic read {PRESENCE}\n", encoding="utf-8")
        self._write(BEFORE.format(folder=self.own, port=self.port))
        self.open_ports = (self.port,)
        super().__init__(folder, {"LASTING": "yes"})  # it keeps sessions and retained messages over a restart

    def answers(self):
        return are_open(*self.open_ports)

    def _write(self, settings):
        (self.own / "guard.conf").unlink(missing_ok=True)  # it may be another user's now
        (self.own / "guard.conf").write_text(settings, encoding="utf-8")

    def give_certificates(self, pki):
        """Puts the broker's certificate, both issuers and the guard where its user reads them."""
        command_line("pki", "issue", pki, "--kind", "server", "--id", "broker", "--ip", "127.0.0.1", "--out", pki / "broker")
        copy_guard_files(self.own, (pki / "broker/cert.pem", pki / "broker/key.pem"), pki / "devices/trust.pem",
                         pki / "operations/trust.pem")

    def restart(self, *words):
        """With the settings that `tellercast broker guard` prints for these further words."""
        self._write(guard_settings(self.own, self.device_port, self.operations_port, *words))
        assert self.stop() == 0
        self.start()

    def report(self):
        self.open_ports = (self.port, self.device_port, self.operations_port)
        self.restart("--mode", "report", "--former-port", f"{self.port} 127.0.0.1", "--former-passwords", self.own / "passwords",
                     "--former-acl", self.own / "acl", "--orchestrator", ORCHESTRATOR_USER)

    def enforce(self):
        """Without the former listener."""
        self.open_ports = (self.device_port, self.operations_port)
        self.restart()


class MovingTestbed(Testbed):
    """Begins with the orchestrators and the real clients of the version before. The first half of the simulated branches is
    old, the second is new. Each real branch has a client that stays old for long, behind or beside newer ones."""

    real_branches = {"R1": ["R1-A1", "R1-A2"], "R2": ["R2-A1", "R2-A2"]}
    real_pull = ["RP1", "RP2"]
    upgraded_first = ["R1-A2", "R2", "R2-A2", "RP2"]
    orchestrator_program = PREVIOUS / "tellercastd"
    knows_redis_user, insecure = False, {}
    at = None  # the orchestrator that gets the operations, if that matters

    def __init__(self, folder, behaviour):
        self.behaviour = behaviour
        self.authority = Authority(pathlib.Path(folder) / "certificates")  # of HTTP
        self.pki = pathlib.Path(folder) / "pki"
        self.secret = pathlib.Path(folder) / "secret"
        self.est_ports = []
        self.ended = []  # what the fleets that have ended did: answers by request
        self.admin_token = pathlib.Path(folder) / "admin-token"
        self._write_secrets(pathlib.Path(folder))
        super().__init__(folder, BRANCHES, ORCHESTRATORS)
        self.to_est = self.network.route(free_port(), self.est_ports)

    def _write_secrets(self, folder):
        self.tokens = folder / "tokens"
        self.tokens.write_text("".join(f"{name} {hashlib.sha256(self.token(name).encode()).hexdigest()}\n" for name in OPERATORS),
                               encoding="utf-8")
        self.secret.write_text(PASSWORD, encoding="utf-8")
        for path in (self.tokens, self.secret):
            path.chmod(SECRET_MODE)

    @staticmethod
    def token(operator):
        return f"token-of-{operator}"

    @property
    def http(self):
        return super().http if self.at is None else self.at.http

    # the installation of before

    def _open_broker(self):
        atms = [atm for b in range(1, BRANCHES + 1) for atm in (f"B{b:04}", *(f"B{b:04}-A{a}" for a in range(1, 10)))]
        pull = [f"P{p:04}" for p in range(1, BRANCHES + 1)]
        return MovingBroker(self.folder, [ORCHESTRATOR_USER, "spy", *atms, *pull, *self.real])

    def _open_spy(self):
        spy = GuardedClient(self.broker.port, "spy", None, None, user="spy", password=PASSWORD)
        assert spy.subscribe(PRESENCE) == [True]
        return spy

    def _wait_until_online(self):
        wait_for(lambda: len(self.spy.topics()) >= self.size, "all are online")

    def _open_routes_to_broker(self, direct):
        self.to_fleet = self.to_clients = self.to_broker = Direct(self.broker.port)

    def _broker_of_orchestrator(self, number):
        return {"port": self.broker.port, "user": ORCHESTRATOR_USER, "password_file": str(self.secret)}

    def _http_of_orchestrators(self):
        own = self.authority.issue("http", "server")
        return {"public_url": f"https://127.0.0.1:{self.to_artifacts.listen}", "tokens_file": str(self.tokens),
                "certificate_file": own["certificate_file"], "key_file": own["key_file"]}

    def _orchestrator(self, number):
        made = super()._orchestrator(number)
        made.http.token, made.http.authority = self.token("alice"), str(self.authority.certificate)
        return made

    def _settings_of_client(self, name):
        return {"broker": {"password_file": str(self.secret)}, "download": {"ca_file": str(self.authority.certificate)}}

    def _client(self, name, programs=PREVIOUS):
        return super()._client(name, programs)

    def _start_fleets(self):
        names, half = list(self.branches), BRANCHES // 2
        parts = ((names[:half], self.pull[:half], PREVIOUS), (names[half:], self.pull[half:], BIN))
        return [(self.simulate({name: self.branches[name] for name in branches}, pull, number, programs), half * 11)
                for number, (branches, pull, programs) in enumerate(parts, 1)]

    def simulate(self, branches, pull, number=1, programs=BIN):
        return Fleet(self.folder, fleet(branches, pull), self.behaviour, self.broker.port, self.keys, number,
                     ("--quiet", "--password", PASSWORD), programs)

    def devices_of(self, numbers, real=()):
        """Returns the devices of branches by number, each with the branch of the other half, and of real branches by name."""
        branches = [f"B{number:04}" for n in numbers for number in (n, n + BRANCHES // 2)]
        everybody = {**self.branches, **self.real_branches}
        return [device for branch in (*branches, *real) for device in (branch, *everybody[branch])]

    # the steps

    def make_certificates(self):
        command_line("pki", "init", self.pki, "--name", "Bank")
        self.broker.give_certificates(self.pki)
        for number in range(1, ORCHESTRATORS + 1):
            self._issue("orchestrator", f"orchestrator-{number}")
        self._issue("server", "est")
        (self.pki / "est/chain.pem").write_text(
            (self.pki / "est/cert.pem").read_text() + (self.pki / "operations/cert.pem").read_text(), encoding="utf-8")

    def _issue(self, kind, name):
        command_line("pki", "issue", self.pki, "--kind", kind, "--id", name, "--ip", "127.0.0.1", "--out", self.pki / name)

    def divide_the_database(self):
        """As docs/operations.md says: gives the database of the one role to three, and migrates it, while the orchestrators of
        the version before go on with the one role."""
        self.postgres.give_to_roles(DATABASE)
        self.postgres.migrate(DATABASE)

    def upgrade_orchestrator(self, one):
        """At its first start it takes over the file of tokens, which is then removed from its settings."""
        code = one.stop(seconds=10)
        assert code == 0, f"{one.name} ended with {code}"
        one.program = BIN / "tellercastd"
        own, port = self.pki / one.settings["instance"], free_port()
        one.write_settings(
            database=one.settings["database"].replace("user=tellercast ", "user=tellercast_run "),
            redis={**self.redis_server.settings, **one.settings["redis"]},
            broker={"port": self.broker.operations_port, "user": ORCHESTRATOR_USER, "guard": "tellercast",
                    "ca_file": str(self.pki / "operations/trust.pem"), "certificate_file": str(own / "cert.pem"),
                    "key_file": str(own / "key.pem")},
            est={"port": port, "certificate_file": str(self.pki / "est/chain.pem"), "key_file": str(self.pki / "est/key.pem"),
                 "device_issuer_certificate_file": str(self.pki / "devices/cert.pem"),
                 "device_issuer_key_file": str(self.pki / "devices/key.pem")})
        one.start()
        one.wait_until_ready()
        self.est_ports.append(port)
        assert "tokens.imported" in one.text()
        self.before_removal = one.file.read_text(encoding="utf-8")
        one.write_settings(http={key: value for key, value in one.settings["http"].items() if key != "tokens_file"})

    def check_that_the_tokens_are_taken_over_once(self, one):
        """Starts it again with the settings of its first start, and then without the file of tokens."""
        kept = one.file.with_suffix(".kept")
        kept.write_text(self.before_removal, encoding="utf-8")
        assert one.stop(seconds=10) == 0
        again = subprocess.run([one.program, "--config", kept], capture_output=True, text=True, timeout=60, check=False)
        assert again.returncode == 1 and "http.tokens_file was imported at" in again.stderr, again
        one.start()
        one.wait_until_ready()

    def make_admins(self, one):
        """As docs/operations.md says; the first one makes the enrolment codes."""
        tokens = [subprocess.run([one.program, "admin", "create", name, "--config", one.file], check=True, capture_output=True,
                                 text=True, timeout=60).stdout for name in ("ada", "ben")]
        self.admin_token.write_text(tokens[0], encoding="utf-8")
        self.admin_token.chmod(SECRET_MODE)

    def enrolment_code(self, device):
        newer = next(one for one in self.orchestrators if one.program == BIN / "tellercastd")
        return command_line("device", "enroll", device, "--quiet", "--server", newer.http.url.replace("http:", "https:"),
                            "--token-file", self.admin_token, "--ca-file", self.authority.certificate).stdout.strip()

    def upgrade_clients(self, names):
        """Upgrades the clients in place, as their packages do: settings, journal and outbox stay. They go on at the former
        listener, get their codes, enrol, and move."""
        for name in names:
            client = self.clients[name]
            client.stop()
            self.write_installer(self.folder / f"counted-install-{name}", BIN)
            client.programs = BIN
            client.write_settings(
                broker={**client.settings["broker"], "port": self.broker.device_port,
                        "ca_file": str(self.pki / "operations/trust.pem"), "certificate_file": str(client.folder / "device.pem"),
                        "key_file": str(client.folder / "device-key.pem")},
                former_broker={"port": self.broker.port},
                enrolment={"url": f"https://127.0.0.1:{self.to_est.listen}", "ca_file": str(self.pki / "root/cert.pem"),
                           "code_file": str(client.folder / "code"), **QUICK_ENROLMENT})
            client.start()
        for name in names:
            self._wait_for_log(name, "enrolment.needs_code")
            self._wait_for_log(name, f"broker.connected host=127.0.0.1 port={self.broker.port}")
            self._give_code(self.clients[name].folder / "code", self.enrolment_code(name))
        for name in names:
            self._wait_for_log(name, f"broker.connected host=127.0.0.1 port={self.broker.device_port}")

    @staticmethod
    def _give_code(file, code):
        fresh = file.with_suffix(".fresh")
        fresh.write_text(code, encoding="utf-8")
        fresh.chmod(SECRET_MODE)
        fresh.rename(file)

    def _wait_for_log(self, name, text):
        client = self.clients[name]
        client.wait_until(lambda: text in client.text(), f"{name} logs {text}")

    def replace_fleets(self):
        """Replaces the simulated devices, all of which have ended their work, by new ones with certificates. What they did is
        kept for the audit."""
        for one, _ in self.fleets:
            assert one.ask("wait_below", unconfirmed=1, timeout_ms=60000)["ok"]
            self.ended.append({what: one.ask(what, **more) for what, more in (
                ("counters", {}), ("executions", {"match": "*", "from_rollout": 0}))})
            one.stop()
        document = yaml.safe_load(fleet(self.branches, self.pull))
        versions = {row["id"]: row["versions"][APPLICATION] for row in self.database.rows("SELECT id, versions FROM device")}
        for device in document["devices"]:
            device["versions"] = {APPLICATION: versions[device["id"]]}
        self.fleets = [(Fleet(self.folder, text_of(document), self.behaviour, self.broker.device_port, self.keys, 3, (
            "--quiet", "--ca-file", self.pki / "operations/trust.pem", "--device-authority", self.pki / "devices")), self.simulated)]
        self.fleets[0][0].wait_until_connected(self.simulated)

    def ask_fleet(self, what, **more):
        answer = super().ask_fleet(what, **more)
        for ended in self.ended:
            if what == "counters":
                answer.update({key: answer[key] + count for key, count in ended[what].items() if key in SUMMED})
            elif what == "executions":
                answer["double"] += ended[what]["double"]
                for device, executions in ended[what]["list"].items():
                    some = [one for one in executions if one["rollout"] >= more["from_rollout"]]
                    answer["list"][device] = some + answer["list"].get(device, [])
        return answer

    # the guard

    def guard_status(self):
        """The guard's last status, and whether the conductor says that it has the newest table of devices."""
        answers = [one.http.document("/v1/broker/guard") for one in self.orchestrators
                   if one.program == BIN / "tellercastd" and one.is_running()]
        return {"is_current": any(one["is_current"] for one in answers), "status": answers and answers[-1]["status"]}

    def wait_for_status(self, holds, what):
        def read():
            found = self.guard_status()
            return found["status"] if found["is_current"] and found["status"] and holds(found["status"]) else None
        return wait_for(read, what, 60)

    def describe(self, rollouts):
        return [*super().describe(rollouts), f"the guard: {json.dumps(self.guard_status())}"]


__all__ = ["BRANCHES", "COMMIT", "MovingTestbed", "PREVIOUS"]
