"""The servers and programs of one test: its own database, cache and broker, and the programs that it starts."""

import os
import shutil
import signal

import yaml

from .database import Database
from .people import People
from .plan import fleet, plan
from .programs import ORCHESTRATOR_USER, Client, Fleet, Orchestrator, command_line
from .secure_broker import SecureMosquitto
from .servers import Mosquitto, Redis
from .spy import BridgedSpy
from .wait import wait_for
from .wire import Device, Operator, Spy, Wire

CONTENT = bytes(range(256)) * 400
PERIOD = "100ms"  # of the conductor, who sends the guard its table
SANITIZED = "TELLERCAST_SANITIZED" in os.environ


class Stack:
    """With `identities` everybody connects to the broker with a certificate, and the guard decides; with None the broker has its
    access list and believes each client its user name."""

    def __init__(self, postgres, folder, name, identities):
        self.folder = folder
        self.postgres = postgres
        self.wires = []
        self.programs = []
        self.orchestrators = []
        postgres.create_migrated(name)
        self.database = Database(postgres, name)
        self.people = People(self.database, folder)
        self.redis_server = Redis(folder)
        self.redis = self.redis_server.connect()
        self.spy = self._open_broker(identities)
        self.key_file = folder / "signing-key.json"
        self.keys = folder / "trusted-keys.json"
        self.data_folder = folder / "data"
        self.data_folder.mkdir()

    def _open_broker(self, identities):
        """Returns a spy at the broker."""
        self.is_guarded = identities is not None
        if not self.is_guarded:
            self.broker = Mosquitto(self.folder, access_list())
            return self.keep(Spy(self.broker.port))
        spy = self.keep(BridgedSpy())
        self.broker = SecureMosquitto(self.folder, identities, spy)
        spy.wait_until_connected()
        return spy

    def keep(self, wire):
        """Closes `wire` with the stack."""
        self.wires.append(wire)
        return wire

    # programs

    def orchestrator(self, ready=True, **settings):
        own = {
            "data_folder": str(self.data_folder),
            "insecure_loopback": True,
            "database": self.database.address_of("run"),
            "broker": self.orchestrator_broker(),
            "redis": self.redis_server.settings,
            "log": {"level": "debug"},
            "scheduler": {"period": PERIOD},
            "conductor": {"period": PERIOD, "progress_period": "200ms"},
        }
        orchestrator = Orchestrator(self.folder, len(self.orchestrators) + 1, own, settings)
        orchestrator.http.people = self.people
        self.orchestrators.append(orchestrator)
        self.programs.append(orchestrator)
        if ready:
            orchestrator.wait_until_ready()
            self.write_trusted_keys()
        return orchestrator

    def orchestrator_broker(self):
        own = {**self.broker.settings("orchestrator", ORCHESTRATOR_USER), "user": ORCHESTRATOR_USER}
        return {**own, "guard": "tellercast"} if self.is_guarded else own

    def write_trusted_keys(self):
        """Writes the public half of the key that the orchestrator made for itself."""
        if not self.keys.exists():
            private = self.data_folder / "signing-key.json"
            wait_for(private.exists, "there is a signing key")
            self.keys.write_text(command_line("key", "public", private).stdout, encoding="utf-8")

    @property
    def http(self):
        return self.orchestrators[0].http

    def client(self, role, device, branch=None, environment=None, user=None, **settings):
        client = self.start_client(role, device, branch, environment, user, **settings)
        topic = f"tc/v1/device/{device}/presence"
        client.wait_until(lambda: self.spy.messages(topic), f"{device} is connected")
        return client

    def start_client(self, role, device, branch=None, environment=None, user=None, **settings):
        """Does not wait until it is connected."""
        settings["broker"] = {**self.broker.settings("device", device), **settings.get("broker", {})}
        client = Client(self.folder, role, device, branch, self.broker.device_port, self.keys, settings, user=user,
                        environment=environment)
        self.programs.append(client)
        return client

    def simulated_fleet(self, document, behaviour=None, number=1):
        """All its devices are connected: a command to one that has never been is for nobody."""
        program = Fleet(self.folder, document, behaviour, self.broker.device_port, self.keys, number,
                        self.broker.fleet_options())
        self.programs.append(program)
        program.wait_until_connected(len(yaml.safe_load(document)["devices"]))
        return program

    def device(self, name, branch=None):
        """A device that the test acts for."""
        return self.keep(Device(**self.broker.voice("device", name), branch=branch))

    def orchestrator_voice(self):
        """A client that may publish on all topics of orchestrators."""
        return self.keep(Wire(**self.broker.voice("orchestrator", ORCHESTRATOR_USER), filters=[]))

    def operator(self, name="operator"):
        """The MQTT client of a person of this name."""
        self._add_operator(name)
        return self.keep(Operator(**self.broker.voice("operator", name)))

    def _add_operator(self, name):
        self.people.add(name, aliases=(("mqtt_user", name), ("certificate", name)))
        for orchestrator in self.orchestrators:
            self.people.known(orchestrator.http, name)

    def operator_environment(self, name="operator"):
        """Returns the environment in which `tellercast` submits by MQTT as a person of this name."""
        self._add_operator(name)
        own = self.broker.settings("operator", name)
        scheme = "mqtts://" if self.is_guarded else ""
        address = {"TELLERCAST_BROKER": f"{scheme}127.0.0.1:{own.pop('port')}", "TELLERCAST_USER": name}
        return {**address, **{f"TELLERCAST_{key.upper()}": path for key, path in own.items()}}

    # rollouts

    def import_fleet(self, branches=None, pull=(), **more):
        answer = self.http.import_fleet(fleet(branches, pull, **more))
        assert answer.status == 200, answer
        self.wait_for_table()

    def wait_for_table(self):
        """Waits until the guard has the devices that the database has, since it lets a node dispatch no others. Not for an
        orchestrator that is not ready, or conducts more seldom."""
        is_soon = self.orchestrators[0].settings["conductor"]["period"] == PERIOD
        devices = self.database.value("SELECT count(*) FROM device")

        def has_table():
            answer = self.http.document("/v1/broker/guard")
            return answer["is_current"] and answer["status"]["table"]["devices"] == devices

        if self.is_guarded and is_soon and self.http.answers("/readyz"):
            wait_for(has_table, "the guard has the table of devices")

    def add_artifact(self, content=CONTENT, **names):
        answer = self.http.add_artifact(content, **names)
        assert answer.status in (200, 201), answer
        return answer.json()

    def submit(self, name="upgrade", **spec):
        """Submits a plan by HTTP; returns the rollout's number."""
        answer = self.http.submit(plan(name, **spec))
        assert answer.status == 201, answer
        return answer.json()["rollout"]

    def wait_for_states(self, rollout, seconds=120, **states):
        """Waits until the rollout's instructions are in exactly these states."""
        wait_for(lambda: self.database.states(rollout) == states, f"rollout {rollout} is {states}", seconds)

    def wait_for_state(self, rollout, device, state, seconds=60):
        def reached():
            row = self.database.instructions(rollout).get(device)
            return row if row and row["state_name"] == state else None

        return wait_for(reached, f"{device} is {state}", seconds)

    def wait_for_rollout(self, rollout, state="completed", seconds=120):
        wait_for(lambda: self.database.rollout(rollout)["state"] == state, f"rollout {rollout} is {state}", seconds)

    def logs(self):
        return sorted(self.folder.glob("*.log"))

    def end_programs(self):
        """Ends the programs. With sanitizers they end normally, so that leaks are reported. Returns the sanitizers' findings."""
        if SANITIZED:
            for program in self.programs:
                program.send(program.ask_signal)
            for program in self.programs:
                program.wait_or_give_up(20)
        for program in self.programs:  # all at once; then waits for each
            program.send(signal.SIGKILL)
        for program in self.programs:
            program.kill()
        return [f"{log.name}: {line}" for log in self.logs() for line in sanitizer_lines(log)]

    def close(self, may_be_denied=False):
        """`may_be_denied`: the test tries what the guard denies. Otherwise it hinders the programs in what they must do."""
        for wire in self.wires:
            wire.close()
        faults = self.end_programs()
        if self.is_guarded and not may_be_denied:
            faults += [line for line in self.broker.text().splitlines() if "guard.denied" in line]
        self.broker.kill()
        self.redis.close()
        self.redis_server.kill()
        self.database.close()
        assert not faults, "\n".join(faults)
        shutil.rmtree(self.folder, ignore_errors=True)


def sanitizer_lines(log):
    text = log.read_text(encoding="utf-8", errors="replace")
    return [line for line in text.splitlines()
            if "Sanitizer" in line or "runtime error:" in line]


_access_list = None


def access_list():
    """Returns the broker's access list as the product writes it, with a spy who may read everything."""
    global _access_list
    if _access_list is None:
        written = command_line("broker", "acl", "--orchestrator", ORCHESTRATOR_USER, "--operator", "operator").stdout
        _access_list = written + "\nuser spy\ntopic read tc/v1/#\n"
    return _access_list
