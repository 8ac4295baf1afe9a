"""The name of an orchestrator (the setting `instance`): its client ID at the broker, which no other has at the same time."""

import hashlib
import signal

from harness.programs import ORCHESTRATOR_USER
from harness.wait import wait_for
from harness.wire import Wire

NAME = "orchestrator-1"  # of the stack's first


def client_id(secret=""):
    digits = hashlib.blake2b(NAME.encode() + b"\0" + secret.encode() + b"tellercast client ID", digest_size=16).hexdigest()[:16]
    return f"{ORCHESTRATOR_USER}/{digits}"


def take_over(stack, orchestrator, direction):
    """Connects with this client ID, and returns when the orchestrator has lost its connection and made another."""
    lost, connected = (orchestrator.text().count(event) for event in ("broker.lost", "broker.connected"))
    voice = {**stack.broker.voice("orchestrator", ORCHESTRATOR_USER), "client_id": f"{client_id()}-{direction}"}
    wire = Wire(**voice, filters=[])
    wire.close()
    orchestrator.wait_until(lambda: orchestrator.text().count("broker.lost") > lost, "its client ID was this one")
    orchestrator.wait_until(lambda: orchestrator.text().count("broker.connected") > connected, "it is connected again")


def test_the_client_id_of_a_named_orchestrator_is_the_same_at_each_start(stack):
    orchestrator = stack.orchestrator()
    take_over(stack, orchestrator, "out")
    take_over(stack, orchestrator, "in")
    orchestrator.stop()
    orchestrator.start()
    orchestrator.wait_until_ready()
    take_over(stack, orchestrator, "out")


def test_an_orchestrator_whose_name_another_one_has_does_not_start(stack):
    first = stack.orchestrator()
    connected = first.text().count("broker.connected")
    second = stack.orchestrator(ready=False, instance=NAME)
    assert second.wait() == 1
    assert f'\\"{NAME}\\" is the name of an orchestrator that runs ({NAME}-{first.pid}-' in second.text()
    assert first.text().count("broker.connected") == connected and "broker.lost" not in first.text()
    first.stop()
    second.start()
    second.wait_until_ready()


def test_the_name_of_an_orchestrator_that_was_killed_is_free_at_once(stack):
    first = stack.orchestrator(lease="1h")
    first.kill()
    first.start()
    first.wait_until_ready()


def test_an_orchestrator_that_was_frozen_loses_its_name_and_ends(stack):
    first = stack.orchestrator(lease="2s")
    first.send(signal.SIGSTOP)
    second = stack.orchestrator(ready=False, instance=NAME, lease="2s")
    second.wait_until_ready()
    first.send(signal.SIGCONT)
    assert first.wait() == 1
    assert "instance.name_lost" in first.text()
    second.wait_until_ready()


def test_an_orchestrator_keeps_its_name_while_the_database_is_away(own):
    orchestrator = own.orchestrator(lease="1s")
    own.postgres.stop()
    wait_for(lambda: orchestrator.http.get("/readyz").status == 503, "it is not ready")
    own.postgres.start()
    orchestrator.wait_until_ready()
    assert "instance.name_lost" not in orchestrator.text()


def test_orchestrators_without_a_name_may_be_several_on_a_machine(stack):
    for _ in range(2):
        stack.orchestrator(instance="")
