"""The groups of a rollout, and devices that report for them."""

from harness.branches import MARKER
from harness.wait import wait_for

PILOT = ["A1", "A2", "A3"]


def supply_pilot(stack):
    """An orchestrator, and four branches with an ATM each, of which three are a pilot."""
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1"], "B2": ["A2"], "B3": ["A3"], "B4": ["A4"]}, [MARKER])
    return stack


def report(testbed, rollout, name, state, **words):
    testbed.wait_for_state(rollout, name, "dispatched")
    device = testbed.device(name, testbed.database.instruction(rollout, name)["branch"])
    device.ask()
    claims = device.wait_for_instruction()
    device.reply(claims, state, **words)
    testbed.wait_for_state(rollout, name, state)
    return device, claims


def group(testbed, rollout, name="pilot"):
    return next(g for g in testbed.http.document(f"/v1/rollouts/{rollout}")["groups"] if g["name"] == name)


def wait_for_group(testbed, rollout, name, state):
    wait_for(lambda: group(testbed, rollout, name)["state"] == state, f"group {name} is {state}")
