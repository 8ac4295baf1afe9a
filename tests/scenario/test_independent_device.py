"""docs/protocol.md is sufficient: devices that were written from it alone, without code of the product, are upgraded."""

import json

import paho.mqtt.client as mqtt
import pytest
from harness.independent import IndependentDevice
from harness.plan import APPLICATION, OLD_VERSION, VERSION
from harness.wait import wait_for

ROLES = {"I1": "node", "I1-A1": "atm", "I1-A2": "atm", "IP1": "pull"}


@pytest.mark.parametrize("protocol", [mqtt.MQTTv5, mqtt.MQTTv311], ids=["MQTT_5", "MQTT_3_1_1"])
def test_devices_written_from_the_page_alone_complete_a_rollout(stack, protocol):
    stack.orchestrator()
    stack.import_fleet({"I1": ["I1-A1", "I1-A2"]}, ["IP1"])
    stack.add_artifact()
    keys = json.loads(stack.keys.read_text(encoding="utf-8"))
    devices = [stack.keep(IndependentDevice(stack.broker.voice("device", name), role, keys, protocol,
                                            {APPLICATION: OLD_VERSION}))
               for name, role in ROLES.items()]
    for name in ROLES:
        stack.spy.wait_for(f"tc/v1/device/{name}/presence")
    rollout = stack.submit(disruptionBudget={"maxUnavailable": 2})
    stack.wait_for_rollout(rollout)
    assert stack.database.states(rollout) == {"completed": len(ROLES)}
    wait_for(lambda: all(device.is_confirmed() for device in devices), "nothing is left in their outboxes")
    number = {name: row["id"] for name, row in stack.database.instructions(rollout).items()}
    for device in devices:
        assert device.begun == [(number[device.device], 1)]
        assert not device.refused
    versions = stack.database.rows("SELECT versions FROM device")
    assert {row["versions"][APPLICATION] for row in versions} == {VERSION}
