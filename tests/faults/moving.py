"""An installation of the version before, which is half the way from passwords to certificates, and each step of
docs/upgrading.md by which it comes to this version, and goes the rest of the way."""

import json
import pathlib

import yaml
from harness.certificates import Authority
from harness.guarded import GuardedClient
from harness.plan import APPLICATION, fleet, text_of
from harness.programs import BIN, ORCHESTRATOR_USER, Fleet, command_line
from harness.servers import free_port
from harness.wait import wait_for

from left_in_upgrade import HELD, write_collector
from moving_broker import PASSWORD, PRESENCE, MovingBroker
from people import ADMINS, AUTHOR, SECRET_MODE, People
from testbed import Direct, Testbed
from versions import OLDEST, PREVIOUS
from webhook import Webhook

BRANCHES, ORCHESTRATORS = 24, 3
DATABASE = "tellercast"
POLICY = {"approvals": [{"action": "install", "devices": 200, "count": 2}, {"action": "collect", "count": 1}], "preempt": []}
SUMMED = ("accepted", "double_executions")  # counters that the audit reads
QUICK_ENROLMENT = {"retry_first": "200ms", "retry_longest": "1s"}


class MovingTestbed(Testbed):
    """Begins with the orchestrators of the version before and with passwords. Of the first half of the simulated branches some
    have the agents of the version before, which are switched off until they have certificates, the others the oldest agents; the
    second half is new. Each real branch has a client that stays old for long, behind or beside newer ones."""

    of_before = [3, 5, 11, 12]  # branches of the first half
    real_branches = {"R1": ["R1-A1", "R1-A2"], "R2": ["R2-A1", "R2-A2"]}
    real_pull = ["RP1", "RP2"]
    oldest = ["R1", "R2-A1", "R2-A2", "RP2"]  # the others are of the version before
    enrolled_before = ["R1-A1", "R2", "RP1"]
    upgraded_first = ["R1-A2", "R2", "R2-A2", "RP2"]
    orchestrator_program = PREVIOUS / "tellercastd"
    knows_redis_user = False
    at = None  # the orchestrator that gets the operations, if that matters

    def __init__(self, folder, behaviour):
        self.behaviour = behaviour
        self.authority = Authority(pathlib.Path(folder) / "certificates")  # of HTTP
        self.pki = pathlib.Path(folder) / "pki"
        self.est_ports = []
        self.ended = []  # what the fleets that have ended did: answers by request
        self.secret = pathlib.Path(folder) / "secret"
        self.secret.write_text(PASSWORD, encoding="utf-8")
        self.secret.chmod(SECRET_MODE)
        self.people = People(pathlib.Path(folder), self.authority.certificate, PREVIOUS)
        super().__init__(folder, BRANCHES, ORCHESTRATORS)
        self.to_est = self.network.route(free_port(), self.est_ports)

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
        wait_for(lambda: len(self.spy.topics()) >= self.size - self.simulated_before, "all but those of before are online")

    def _open_routes_to_broker(self, direct):
        self.to_fleet = self.to_clients = self.to_broker = Direct(self.broker.port)

    def _broker_of_orchestrator(self, number):
        return {"port": self.broker.port, "user": ORCHESTRATOR_USER, "password_file": str(self.secret)}

    def _more_settings(self):
        return {**super()._more_settings(), "policy": POLICY}

    def _open_webhook(self):
        return Webhook(self.folder, self.authority.issue("receiver", "server"))

    def _http_of_orchestrators(self):
        own = self.authority.issue("http", "server")
        return {"public_url": f"https://127.0.0.1:{self.to_artifacts.listen}",
                "certificate_file": own["certificate_file"], "key_file": own["key_file"]}

    def _orchestrator(self, number):
        made = super()._orchestrator(number)
        made.http.authority = str(self.authority.certificate)
        return made

    def _import(self):
        """Whatever is not said to be somebody else's act is the author's."""
        self.people.make(self.orchestrators)
        for one in self.orchestrators:
            one.http.token = self.people.token(AUTHOR)
        super()._import()

    def _settings_of_client(self, name):
        return {"broker": {"password_file": str(self.secret)}, "download": {"ca_file": str(self.authority.certificate)}}

    def _client(self, name, programs=None):
        return super()._client(name, programs or (OLDEST if name in self.oldest else PREVIOUS))

    @property
    def simulated_before(self):
        return len(self.of_before) * 11

    def _start_fleets(self):
        first = [number for number in range(1, BRANCHES // 2 + 1) if number not in self.of_before]
        return [self._simulate(first, OLDEST, 1), self._simulate(range(BRANCHES // 2 + 1, BRANCHES + 1), BIN, 2)]

    def _simulate(self, numbers, programs, number, port=None, identity=("--password", PASSWORD)):
        """Returns a fleet of these branches and as many pull clients, and its size."""
        branches = {name: self.branches[name] for name in (f"B{one:04}" for one in numbers)}
        document = fleet(branches, self.pull_of(numbers))
        return Fleet(self.folder, document, self.behaviour, port or self.broker.port, self.keys, number, ("--quiet", *identity),
                     programs), len(branches) * 11

    def pull_of(self, numbers):
        return [f"P{number:04}" for number in numbers]

    def devices_of(self, numbers, real=()):
        """Returns the devices of branches by number, each with the branch of the other half, and of real branches by name."""
        branches = [f"B{number:04}" for n in numbers for number in (n, n + BRANCHES // 2)]
        everybody = {**self.branches, **self.real_branches}
        return [device for branch in (*branches, *real) for device in (branch, *everybody[branch])]

    # the steps that it has taken before

    def make_certificates(self):
        command_line("pki", "init", self.pki, "--name", "Bank", programs=PREVIOUS)
        self._issue("server", "broker")
        self.broker.give_certificates(self.pki)
        for number in range(1, ORCHESTRATORS + 1):
            self._issue("orchestrator", f"orchestrator-{number}")
        self._issue("server", "est")
        (self.pki / "est/chain.pem").write_text(
            (self.pki / "est/cert.pem").read_text() + (self.pki / "operations/cert.pem").read_text(), encoding="utf-8")

    def _issue(self, kind, name):
        command_line("pki", "issue", self.pki, "--kind", kind, "--id", name, "--ip", "127.0.0.1", "--out", self.pki / name,
                     programs=PREVIOUS)

    def divide_the_database(self):
        """As docs/operations.md says: gives the database of the one role to three, while the orchestrators go on with the one."""
        self.postgres.give_to_roles(DATABASE)
        self.postgres.migrate(DATABASE, programs=PREVIOUS)

    def move_orchestrator(self, one):
        """Gives it certificates, the guard and EST, with the program that it has."""
        self._stop(one)
        self._write_moved_settings(one)
        one.start()
        one.wait_until_ready()

    def _stop(self, one):
        code = one.stop(seconds=10)
        assert code == 0, f"{one.name} ended with {code}"

    def _write_moved_settings(self, one):
        own, port = self.pki / one.settings["instance"], free_port()
        del one.settings["insecure_loopback"]
        one.write_settings(
            database=one.settings["database"].replace("user=tellercast ", "user=tellercast_run "),
            redis={**self.redis_server.settings, **one.settings["redis"]},
            broker={"port": self.broker.operations_port, "user": ORCHESTRATOR_USER, "guard": "tellercast",
                    "ca_file": str(self.pki / "operations/trust.pem"), "certificate_file": str(own / "cert.pem"),
                    "key_file": str(own / "key.pem")},
            est={"port": port, "certificate_file": str(self.pki / "est/chain.pem"), "key_file": str(self.pki / "est/key.pem"),
                 "device_issuer_certificate_file": str(self.pki / "devices/cert.pem"),
                 "device_issuer_key_file": str(self.pki / "devices/key.pem")})
        self.est_ports.append(port)

    def switch_on_those_of_before(self):
        identity = ("--ca-file", self.pki / "operations/trust.pem", "--device-authority", self.pki / "devices")
        self.fleets.append(self._simulate(self.of_before, PREVIOUS, 3, self.broker.device_port, identity))
        self.fleets[-1][0].wait_until_connected(self.simulated_before)

    def enrol_clients(self, names, issuer):
        """With the programs that they have, and with codes that `issuer`, an orchestrator of the version before, makes."""
        for name in names:
            self.clients[name].stop()
            self._write_enrolling_settings(self.clients[name])
            self.clients[name].start()
        self._let_enrol(names, issuer, PREVIOUS)

    # the upgrade

    def migrate(self):
        """The orchestrators of the version before go on."""
        self.postgres.migrate(DATABASE)

    def upgrade_orchestrator(self, one):
        """One that had certificates gets the program alone."""
        self._stop(one)
        one.program = BIN / "tellercastd"
        if "est" not in one.settings:
            self._write_moved_settings(one)
        one.start()
        one.wait_until_ready()

    def _enrolment_code(self, device, issuer, programs):
        return self.people.act(issuer, ADMINS[0], "device", "enroll", device, "--quiet", programs=programs).strip()

    def upgrade_clients(self, names, issuer):
        """Upgrades the clients in place, as their packages do: settings, journal and outbox stay. Those that have certificates
        come back with them. The others go on at the former listener, get their codes from `issuer`, enrol, and move."""
        enrolled = [name for name in names if name in self.enrolled_before]
        connects = {name: self._connects(name) for name in enrolled}
        for name in names:
            client = self.clients[name]
            client.stop()
            self.write_installer(self.folder / f"counted-install-{name}", BIN)
            client.programs = BIN
            if name not in enrolled:
                self._write_enrolling_settings(client)
            if name == HELD:
                client.write_settings(actions={**client.settings["actions"], "collect": str(write_collector(self.folder))})
            client.start()
        self._let_enrol([name for name in names if name not in enrolled], issuer, BIN)
        for name in enrolled:
            self.clients[name].wait_until(lambda name=name: self._connects(name) > connects[name],
                                          f"{name} is connected with its certificate of before")

    def _connects(self, name):
        """Returns how often the client has connected with a certificate."""
        return self.clients[name].text().count(f"broker.connected host=127.0.0.1 port={self.broker.device_port}")

    def _write_enrolling_settings(self, client):
        client.write_settings(
            broker={**client.settings["broker"], "port": self.broker.device_port,
                    "ca_file": str(self.pki / "operations/trust.pem"), "certificate_file": str(client.folder / "device.pem"),
                    "key_file": str(client.folder / "device-key.pem")},
            former_broker={"port": self.broker.port},
            enrolment={"url": f"https://127.0.0.1:{self.to_est.listen}", "ca_file": str(self.pki / "root/cert.pem"),
                       "code_file": str(client.folder / "code"), **QUICK_ENROLMENT})

    def _let_enrol(self, names, issuer, programs):
        for name in names:
            self._wait_for_log(name, "enrolment.needs_code")
            self._wait_for_log(name, f"broker.connected host=127.0.0.1 port={self.broker.port}")
            self._give_code(self.clients[name].folder / "code", self._enrolment_code(name, issuer, programs))
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
        self.fleets = [(Fleet(self.folder, text_of(document), self.behaviour, self.broker.device_port, self.keys, 4, (
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
                    known = {one["instruction"] for one in some}  # a device would remember them, and do nothing again
                    later = [one for one in answer["list"].get(device, []) if one["instruction"] not in known]
                    answer["list"][device] = some + later
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
        try:
            status = json.dumps(self.guard_status())
        except (AssertionError, OSError) as fault:
            status = str(fault)
        return [*super().describe(rollouts), f"the guard: {status}"]


__all__ = ["BRANCHES", "MovingTestbed"]
