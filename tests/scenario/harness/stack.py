"""The servers and programs of one test: its own database, cache and broker, and the programs that it starts."""

import os
import shutil

from .database import Database
from .plan import fleet, plan
from .programs import ORCHESTRATOR_USER, Client, Fleet, Orchestrator, command_line
from .servers import Mosquitto, Redis
from .wait import wait_for
from .wire import Device, Operator, Spy, Wire

CONTENT = bytes(range(256)) * 400
SANITIZED = "TELLERCAST_SANITIZED" in os.environ


class Stack:
    def __init__(self, postgres, folder, name):
        self.folder = folder
        self.postgres = postgres
        self.wires = []
        self.programs = []
        self.orchestrators = []
        postgres.create_migrated(name)
        self.database = Database(postgres, name)
        self.redis_server = Redis(folder)
        self.redis = self.redis_server.connect()
        self.broker = Mosquitto(folder, access_list())
        self.key_file = folder / "signing-key.json"
        self.keys = folder / "trusted-keys.json"
        self.data_folder = folder / "data"
        self.data_folder.mkdir()
        self.spy = self.keep(Spy(self.broker.port))

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
            "broker": {"port": self.broker.port, "user": ORCHESTRATOR_USER},
            "redis": self.redis_server.settings,
            "log": {"level": "debug"},
            "scheduler": {"period": "100ms"},
            "conductor": {"period": "100ms", "progress_period": "200ms"},
        }
        orchestrator = Orchestrator(self.folder, len(self.orchestrators) + 1, own, settings)
        self.orchestrators.append(orchestrator)
        self.programs.append(orchestrator)
        if ready:
            orchestrator.wait_until_ready()
            self.write_trusted_keys()
        return orchestrator

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
        client = Client(self.folder, role, device, branch, self.broker.port, self.keys, settings, user=user,
                        environment=environment)
        self.programs.append(client)
        return client

    def simulated_fleet(self, document, behaviour=None, number=1):
        program = Fleet(self.folder, document, behaviour, self.broker.port, self.keys, number)
        self.programs.append(program)
        return program

    def device(self, name, branch=None):
        """A device that the test acts for."""
        return self.keep(Device(self.broker.port, name, branch))

    def orchestrator_voice(self):
        """A client that may publish on all topics of orchestrators."""
        return self.keep(Wire(self.broker.port, ORCHESTRATOR_USER, []))

    def operator(self, name="operator"):
        return self.keep(Operator(self.broker.port, name))

    # rollouts

    def import_fleet(self, branches=None, pull=(), **more):
        answer = self.http.import_fleet(fleet(branches, pull, **more))
        assert answer.status == 200, answer

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
        for program in self.programs:
            program.kill()
        return [f"{log.name}: {line}" for log in self.logs() for line in sanitizer_lines(log)]

    def close(self):
        for wire in self.wires:
            wire.close()
        faults = self.end_programs()
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
