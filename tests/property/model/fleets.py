"""Random fleets: branches of 0 to 6 ATMs on several continents, pull clients with and without a branch."""

from .zones import ZONES

VERSIONS = ("4.6.3", "4.7.0")
APPLICATION = "atm-app"


class Device:
    """`labels`: those that hold for scopes, as the orchestrator sees them."""

    def __init__(self, name, role, branch, zone, labels):
        self.name, self.role, self.branch, self.zone = name, role, branch, zone
        self.labels = labels


class Fleet:
    def __init__(self, rng):
        self.branches = {}  # name → zone
        self._sites = {}
        self.devices = {}
        self._document = {"apiVersion": "tellercast/v1", "kind": "Fleet", "branches": [], "devices": []}
        zones = rng.sample(ZONES, rng.randint(1, 3))
        for number in range(rng.randint(1, 4)):
            self._add_branch(rng, f"B{number}", rng.choice(zones))
        for number in range(rng.choice((0, 0, 1, 2, 3)) or (not self.devices)):
            self._add(rng, f"L{number}", "pull", None, rng.choice([None, *zones]))
        self.machines = {branch: sum(device.branch == branch and device.role != "node"
                                     for device in self.devices.values()) for branch in self.branches}

    def _add_branch(self, rng, branch, zone):
        self.branches[branch] = zone
        self._sites[branch] = rng.choice(["branch", "offsite"])
        self._document["branches"].append({"id": branch, "name": branch, "zone": zone, "labels": {"site": self._sites[branch]}})
        if rng.random() < 0.9:
            self._add(rng, branch, "node", branch, zone)
        for number in range(rng.randint(0, 6)):
            self._add(rng, f"{branch}-A{number}", "atm", branch, zone)
        if rng.random() < 0.25:
            self._add(rng, f"{branch}-L", "pull", branch, zone)

    def _add(self, rng, name, role, branch, zone):
        row = {"id": name, "role": role, "versions": {APPLICATION: rng.choice(VERSIONS)},
               "model": rng.choice(["red", "blue"])}
        if branch is not None:
            row["branch"] = branch
        elif zone is not None:
            row["zone"] = zone
        self._document["devices"].append(row)
        labels = {"role": role, "model": row["model"], **({"branch": branch, "site": self._sites[branch]} if branch else {})}
        self.devices[name] = Device(name, role, branch, zone or "UTC", labels)

    def one_of_each_place(self):
        """Returns a device of each branch, and each device without one."""
        places = {device.branch or device.name: device.name for device in self.devices.values()}
        return sorted(places.values())

    def document(self):
        return self._document
