"""A broker with several hosts, or one name with several addresses: the daemon and the agents try them in turn."""

import socket
import threading

from harness.identities import BROKER_NAME, OTHER_ADDRESS
from harness.names import programs_with
from harness.programs import INSTALLER, Client
from harness.relay import Relay
from harness.servers import free_port

HERE = "127.0.0.1"
NOBODY = "127.0.0.3"  # nothing listens there


def both(*hosts):
    return {"broker": {"hosts": list(hosts)}}


def listeners(stack):
    """The ports of the broker's listeners."""
    return {stack.broker.device_port, stack.broker.operations_port}


def other_host(stack):
    """Makes OTHER_ADDRESS another host of the broker; returns its relays."""
    return [Relay((OTHER_ADDRESS, port), port) for port in listeners(stack)]


def connected_to(program, host, address=None):
    """How often the program has connected to this host, at this address."""
    lines = [line for line in program.text().splitlines() if "broker.connected" in line and f"host={host} " in line]
    return sum(address is None or f"address={address}" in line for line in lines)


def waiting_installer(folder):
    """Returns an installer that waits for a file, and the file."""
    file, script = folder / "go-on", folder / "wait-and-install"
    script.write_text(f'#!/bin/sh\nwhile [ "$1" = install ] && [ ! -e {file} ]; do sleep 0.1; done\nexec {INSTALLER} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return script, file


def test_the_first_host_dies_during_a_rollout_and_the_second_goes_on(stack):
    hosts = other_host(stack)
    installer, file = waiting_installer(stack.folder)
    orchestrator = stack.orchestrator(**both(OTHER_ADDRESS, HERE))
    stack.import_fleet({"B1": ["A1"]}, ["P1"])
    stack.add_artifact()
    clients = [stack.client(role, name, branch, actions={"install": str(installer)}, **both(OTHER_ADDRESS, HERE))
               for role, name, branch in (("node", "B1", None), ("atm", "A1", "B1"), ("pull", "P1", None))]
    programs = [orchestrator, *clients]
    assert all(connected_to(program, OTHER_ADDRESS) and not connected_to(program, HERE) for program in programs)
    rollout = stack.submit()
    stack.wait_for_state(rollout, "P1", "installing")
    for host in hosts:
        host.close()
    for program in programs:
        program.wait_until(lambda p=program: connected_to(p, HERE), "it is connected to the second host")
    file.touch()
    stack.wait_for_states(rollout, completed=3)


def test_a_host_that_is_dead_from_the_start_is_passed_over(stack):
    orchestrator = stack.orchestrator(**both(NOBODY, HERE))
    stack.import_fleet(pull=["P1"])
    stack.add_artifact()
    client = stack.client("pull", "P1", **both(NOBODY, HERE))
    stack.wait_for_rollout(stack.submit())
    assert all("broker.lost" not in program.text() and "broker.disconnected" not in program.text()
               for program in (orchestrator, client))


class Closing:
    """A server that takes connections and closes them."""

    def __init__(self, port):
        self._endpoint = socket.create_server((OTHER_ADDRESS, port))
        self.taken = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            connection, _ = self._endpoint.accept()
            self.taken += 1
            connection.close()


def test_a_host_that_answers_and_is_no_broker_is_tried_after_the_others(stack):
    servers = [Closing(port) for port in listeners(stack)]
    orchestrator = stack.orchestrator(**both(OTHER_ADDRESS, HERE))
    stack.import_fleet(pull=["P1"])
    client = stack.client("pull", "P1", **both(OTHER_ADDRESS, HERE))
    assert all(server.taken for server in servers)
    assert connected_to(orchestrator, HERE) and connected_to(client, HERE)


def start_named(stack, *addresses, host, ports):
    """Starts an orchestrator and a pull client that know the name `host` and reach the broker at these ports."""
    programs = programs_with(stack.folder, *(f"{address} {host}" for address in addresses))
    orchestrator = stack.orchestrator()  # with the name at its next start
    stack.import_fleet(pull=["P1"])
    stack.add_artifact()
    orchestrator.stop()
    orchestrator.program = programs / "tellercastd"
    own = orchestrator.settings["broker"]
    orchestrator.write_settings(broker={**own, "host": host, "port": ports[own["port"]]})
    orchestrator.start()
    own = stack.broker.settings("device", "P1")
    settings = {"broker": {**own, "host": host, "port": ports[own["port"]]}}
    client = Client(stack.folder, "pull", "P1", None, None, stack.keys, settings, programs=programs)
    stack.programs.append(client)
    return orchestrator, client


def start_named_with_relays(stack, *addresses, host):
    """The same, where the broker is behind relays at these addresses. The resolver gives HERE before others. Returns the relays
    of each address, too."""
    ports = {port: free_port() for port in listeners(stack)}
    relays = [[Relay((address, ports[port]), port) for port in ports] for address in addresses]
    return *start_named(stack, HERE, OTHER_ADDRESS, host=host, ports=ports), relays


def test_a_name_with_two_addresses_is_a_list_of_hosts(stack):
    """Nobody listens at the first."""
    orchestrator, client, _ = start_named_with_relays(stack, OTHER_ADDRESS, host=BROKER_NAME)
    for program in (orchestrator, client):
        program.wait_until(lambda p=program: connected_to(p, BROKER_NAME, OTHER_ADDRESS), "it is connected")
    orchestrator.wait_until_ready()
    stack.wait_for_rollout(stack.submit())


def test_when_the_first_address_of_a_name_dies_the_second_takes_over(stack):
    orchestrator, client, relays = start_named_with_relays(stack, HERE, OTHER_ADDRESS, host=BROKER_NAME)
    for program in (orchestrator, client):
        program.wait_until(lambda p=program: connected_to(p, BROKER_NAME, HERE), "it is connected")
    for relay in relays[0]:
        relay.close()
    for program in (orchestrator, client):
        program.wait_until(lambda p=program: connected_to(p, BROKER_NAME, OTHER_ADDRESS), "it is connected to the second")
    orchestrator.wait_until_ready()
    stack.wait_for_rollout(stack.submit())


def test_the_brokers_certificate_is_checked_against_the_name_and_not_the_address(stack):
    """The certificate has the address."""
    orchestrator, client = start_named(stack, HERE, NOBODY, host="wrong.test", ports={port: port for port in listeners(stack)})
    client.wait_until(lambda: "broker.disconnected host=wrong.test" in client.text(), "the agent refuses the broker")
    orchestrator.wait_until(lambda: "broker.lost host=wrong.test" in orchestrator.text(), "the orchestrator refuses it")
    assert not connected_to(client, "wrong.test") and not connected_to(orchestrator, "wrong.test")
