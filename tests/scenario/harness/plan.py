"""Plans and fleets of the tests, as documents."""

import yaml

APPLICATION, VERSION, OLD_VERSION = "atm-app", "4.7.2", "4.7.0"


def plan(name="upgrade", **spec):
    """A plan that starts at once. `spec` adds fields or replaces them; None removes one."""
    parts = {"action": "install", "artifact": {"name": APPLICATION, "version": VERSION}, **spec}
    document = {
        "apiVersion": "tellercast/v1",
        "kind": "Rollout",
        "metadata": {"name": name},
        "spec": {key: value for key, value in parts.items() if value is not None},
    }
    return text_of(document)


def text_of(document):
    return yaml.safe_dump(document, sort_keys=False, default_flow_style=False)


def fleet(branches=None, pull=(), zones=None, labels=None):
    """branches: {"B1": ["A1", "A2"]}; the node B1 is added."""
    devices = []
    for branch, atms in (branches or {}).items():
        devices.append({"id": branch, "branch": branch, "role": "node", "versions": {APPLICATION: OLD_VERSION}})
        for atm in atms:
            devices.append({"id": atm, "branch": branch, "role": "atm", "versions": {APPLICATION: OLD_VERSION}})
    for client in pull:
        devices.append({"id": client, "role": "pull", "zone": "UTC", "versions": {APPLICATION: OLD_VERSION}})
    for device in devices:
        if labels and device["id"] in labels:
            device["labels"] = labels[device["id"]]
    return text_of(
        {
            "apiVersion": "tellercast/v1",
            "kind": "Fleet",
            "branches": [
                {"id": branch, "name": branch, "zone": (zones or {}).get(branch, "Europe/Berlin")}
                for branch in (branches or {})
            ],
            "devices": devices,
        }
    )
