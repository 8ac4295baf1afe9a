"""Branches whose devices the test acts for, one report at a time."""

from .wait import wait_for

MARKER = "P9"


def begin(testbed, branches, pull=(), **settings):
    testbed.orchestrator(**settings)
    testbed.add_artifact()
    testbed.import_fleet({"B0": ["A"], **branches}, [*pull, MARKER])


def submit(testbed, name, devices, **spec):
    """Submits a rollout whose devices are all due, and waits until it is planned."""
    rollout = testbed.submit(name, selector={"devices": devices}, **spec)
    testbed.wait_for_rollout(rollout, "running")
    return rollout


def look_again(testbed):
    """Returns when the scheduler has looked at all instructions that were due before: it looks at the marker last, since the
    marker's rollout has the lowest priority."""
    testbed.markers = getattr(testbed, "markers", 0) + 1
    marker = testbed.submit(f"marker-{testbed.markers}", selector={"devices": [MARKER]}, priority=0)
    device = testbed.device(MARKER)
    testbed.wait_for_state(marker, MARKER, "dispatched")
    device.ask()
    claims = wait_for(lambda: [token for token in device.tokens() if token["rollout"] == marker], "the marker gets its instruction")
    device.reply(claims[0], "completed")
    testbed.wait_for_rollout(marker)
    device.close()


def states(testbed, rollout):
    return {device: row["state_name"] for device, row in testbed.database.instructions(rollout).items()}


def complete(testbed, rollout, name, branch=None):
    """The device asks for its instruction of this rollout and completes it."""
    end(testbed, rollout, name, branch, "completed")


def end(testbed, rollout, name, branch, state, **more):
    device = testbed.device(name, branch)
    testbed.wait_for_state(rollout, name, "dispatched")
    device.ask()
    claims = wait_for(lambda: [token for token in device.tokens() if token["rollout"] == rollout], f"{name} gets its instruction")
    device.reply(claims[-1], state, **more)
    testbed.wait_for_state(rollout, name, state)
    device.close()


def under_way(testbed, rollout, branch):
    """Returns the device of the branch that is in flight."""
    return wait_for(lambda: [row["device"] for row in testbed.database.instructions(rollout).values()
                             if row["in_flight"] and row["branch"] == branch], f"a device of {branch} was started")[0]
