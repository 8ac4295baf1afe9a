"""The stack of the other tests: everybody shows a certificate, the guard decides, and a spy reads everything all the same."""

import socket
import ssl

import pytest
from harness.plan import fleet
from harness.wait import wait_for

HEARD = ["branch/B1/start", "branch/B1/dispatch/A1", "device/A1/ask", "device/A1/instruction", "device/A1/reply", "device/A1/confirm",
         "device/A1/presence", "rollout/+/progress", "orchestrator/epoch"]


@pytest.mark.parametrize("kind, port", [("none", "device_port"), ("none", "operations_port"), ("device", "operations_port"),
                                        ("operator", "device_port")])
def test_no_listener_of_a_stack_lets_in_who_has_no_certificate_or_one_of_another_authority(stack, kind, port):
    """The broker looks at the certificate after the client's part of the handshake, so that the refusal comes when it reads."""
    context = ssl.create_default_context(cafile=stack.broker.identities.trusted)
    if kind != "none":
        context.load_cert_chain(*stack.broker.identities.certificate(kind, "A1"))
    with socket.create_connection(("127.0.0.1", getattr(stack.broker, port)), timeout=20) as bare:
        with pytest.raises(ssl.SSLError, match="certificate required|unknown ca"), \
                context.wrap_socket(bare, server_hostname="127.0.0.1") as secure:
            secure.recv(1)


def test_real_and_simulated_devices_complete_a_rollout_of_which_the_guard_denies_nothing_and_the_spy_hears_all(stack):
    branches, pull = {"B1": ["A1", "A2"], "B2": ["A3"]}, ["P1", "P2"]
    stack.orchestrator()
    stack.import_fleet(branches, pull)
    stack.add_artifact()
    stack.client("node", "B1", "B1")
    stack.client("atm", "A1", "B1")
    stack.client("atm", "A2", "B1")
    stack.client("pull", "P1")
    stack.simulated_fleet(fleet({"B2": ["A3"]}, ["P2"]))
    rollout = stack.submit(disruptionBudget={"maxUnavailable": 2})
    stack.wait_for_states(rollout, completed=7)
    for topic in HEARD:
        stack.spy.wait_for(f"tc/v1/{topic}")

    def status():
        return stack.http.document("/v1/broker/guard")["status"]

    wait_for(lambda: status()["connected"]["device"] == 7, "the guard says who is connected")
    assert (status()["denied"], status()["devices_without_certificate"]["connected"]) == ({}, 0)


def test_a_spy_hears_on_after_the_broker_was_started_again(stack):
    stack.broker.stop()
    stack.broker.start()
    stack.operator().publish("tc/v1/rollout/submit", "a plan")
    assert stack.spy.wait_for("tc/v1/rollout/submit")[0].payload == b"a plan"
