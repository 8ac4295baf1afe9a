"""The groups of a rollout, and devices that report for them."""

from harness.wait import wait_for


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
