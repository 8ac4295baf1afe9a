"""One stack for many tests. Each test has branches, devices and a simulated fleet of its own on it, which differ from those of
other tests by a prefix of every name and by the label `test`."""

import json
from datetime import datetime, timedelta, timezone

import yaml

from .people import token_of
from .plan import APPLICATION, OLD_VERSION, VERSION, fleet, plan
from .wait import wait_for
from .wire import claims_of

OPERATORS = ("ann", "bob", "cid")  # ann submits
IN_FLIGHT = {"dispatched", "sent", "received", "installing"}


def today():
    return datetime.now(timezone.utc).date()


def soon(seconds):
    """A time in the near future as a plan has it: whole seconds, rounded up."""
    return f"{datetime.now(timezone.utc) + timedelta(seconds=seconds + 1):%Y-%m-%dT%H:%M:%SZ}"


class Testbed:
    """The stack, with an orchestrator that knows three operators, and a calendar that is closed from yesterday to tomorrow."""

    def __init__(self, stack):
        self.stack = stack
        self.namespaces = self._markers = 0
        self._marker = None
        for person in OPERATORS:
            stack.people.add(person)
        closed = {"from": str(today() - timedelta(days=1)), "to": str(today() + timedelta(days=1)), "reason": "closed"}
        stack.orchestrator(calendars={"closed": [closed]})
        self.act_as("ann")
        stack.add_artifact()

    def act_as(self, person):
        self.stack.http.token = token_of(person)
        return self.stack.http

    def let_pass(self):
        """Returns when the orchestrator has carried out everything that was ordered before."""
        if self._marker is None:
            self._marker = Namespace(self)
            self._marker.open({"B": "A"})
        self._markers += 1
        rollout = self._marker.submit(f"marker-{self._markers}")
        self._marker.wait_until(rollout, "completed")


class Namespace:
    """The part of the stack that belongs to one test. Its methods take names without the prefix."""

    def __init__(self, testbed):
        testbed.namespaces += 1
        self.testbed = testbed
        self.stack = testbed.stack
        self.database = testbed.stack.database
        self.prefix = f"t{testbed.namespaces}-"
        self.fleet = None

    def id(self, name):
        return self.prefix + name

    def ids(self, names):
        return [self.id(name) for name in names.split()]

    def open(self, branches, rules=(), labels=None, zones=None):
        """branches: {"B": "A1 A2"}; a rule is for the device `device`, or without it for all."""
        document = yaml.safe_load(fleet({self.id(branch): self.ids(atms) for branch, atms in branches.items()}))
        for branch in document["branches"]:
            branch["zone"] = (zones or {}).get(branch["id"].removeprefix(self.prefix), "UTC")
        for device in document["devices"]:
            device["labels"] = {"test": self.prefix, **(labels or {}).get(device["id"].removeprefix(self.prefix), {})}
        text = yaml.safe_dump(document)
        answer = self.testbed.act_as("ann").import_fleet(text)
        assert answer.status == 200, answer
        self.stack.wait_for_table()
        rules = [
            {**({"match": {"device": self.id(rule["device"])}} if "device" in rule else {}),
             **{key: value for key, value in rule.items() if key != "device"}}
            for rule in rules
        ]
        rules = json.loads(json.dumps(rules))  # no part twice: YAML would write an alias
        self.fleet = self.stack.simulated_fleet(text, {"rules": rules}, self.testbed.namespaces)
        self.fleet.wait_until_connected(len(document["devices"]))

    def logs(self):
        return [program.log for program in [*self.stack.orchestrators, self.fleet] if program is not None]

    # operations

    def document(self, name, metadata=None, selector=None, **spec):
        """Returns a plan for the ATMs of this namespace; `selector` restricts them further."""
        selector = dict(selector or {})
        selector["matchLabels"] = {"test": self.prefix, "role": "atm", **selector.get("matchLabels", {})}
        document = yaml.safe_load(plan(self.id(name), selector=selector, **spec))
        document["metadata"].update(metadata or {})
        return yaml.safe_dump(document)

    def offer(self, name, **parts):
        return self.testbed.act_as("ann").submit(self.document(name, **parts))

    def submit(self, name="upgrade", **parts):
        answer = self.offer(name, **parts)
        assert answer.status == 201, answer
        return answer.json()["rollout"]

    def operate(self, rollout, operation, person, **body):
        """Returns the answer. An approval is of the present plan."""
        if operation in ("approve", "reject"):
            body = {"digest": self.database.rollout(rollout)["digest"], **body}
        else:
            body = {"version": self.database.rollout(rollout)["version"], **body}
        path = f"/v1/rollouts/{rollout}/{operation}"
        text = json.dumps({"reason": "the test wants it", **body})
        return self.testbed.act_as(person).ask("POST", path, text, {"Content-Type": "application/json"})

    # results

    def rows(self, rollout):
        found = self.database.instructions(rollout)
        return {device.removeprefix(self.prefix): row for device, row in found.items()}

    def row(self, rollout, name):
        return self.rows(rollout)[name]

    def states(self, rollout):
        return {name: row["state_name"] for name, row in self.rows(rollout).items()}

    def members(self, rollout):
        """Returns the names of the planned devices, sorted, in one text."""
        self.wait_until(rollout, "running", "completed", "halted")
        return " ".join(sorted(self.rows(rollout)))

    def wait(self, rollout, **states):
        """Waits until each named device is in its state."""
        def reached():
            now = self.states(rollout)
            return {name: now.get(name) for name in states} == states

        wait_for(reached, f"rollout {rollout} has {states}")

    def wait_until(self, rollout, *states):
        wait_for(lambda: self.database.rollout(rollout)["state"] in states, f"rollout {rollout} is {states}")

    def groups(self, rollout):
        rows = self.database.rows("SELECT * FROM rollout_group WHERE rollout_id = %s ORDER BY group_no", rollout)
        return {row["name"]: row for row in rows}

    def wait_for_group(self, rollout, name, state):
        wait_for(lambda: self.groups(rollout).get(name, {}).get("state") == state, f"group {name} is {state}")

    def group_members(self, rollout):
        """Returns the number of planned devices of each group."""
        return {name: group["devices"] for name, group in self.groups(rollout).items()}

    def events(self, rollout):
        rows = self.database.rows("SELECT kind FROM rollout_event WHERE rollout_id = %s ORDER BY id", rollout)
        return [row["kind"] for row in rows]

    def event(self, rollout, kind):
        rows = self.database.rows("SELECT * FROM rollout_event WHERE rollout_id = %s AND kind = %s", rollout, kind)
        assert len(rows) == 1, rows
        return rows[0]

    def rollout_named(self, name):
        return self.database.rows("SELECT * FROM rollout WHERE name = %s", self.id(name))

    def claims(self, name):
        """Returns the claims of the last instruction that the device got."""
        topic = f"tc/v1/device/{self.id(name)}/instruction"
        wait_for(lambda: any(message.payload for message in self.stack.spy.messages(topic)), f"{name} was answered")
        return claims_of([message.payload for message in self.stack.spy.messages(topic) if message.payload][-1])

    def version(self, name):
        return self.database.value("SELECT versions ->> %s FROM device WHERE id = %s", APPLICATION, self.id(name))


__all__ = ["APPLICATION", "IN_FLIGHT", "Namespace", "OLD_VERSION", "Testbed", "VERSION", "soon", "today", "wait_for"]
