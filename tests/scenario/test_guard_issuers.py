"""The file with the authority of the devices, which the guard reads again at SIGHUP."""

import pytest
from harness.certificates import Authority
from harness.guarded import DirectoryVoice, GuardedBroker, GuardedClient, Refused, entry
from harness.wait import wait_for

NOT_TAKEN = "guard.issuers_not_reloaded"


class ReissuedBroker(GuardedBroker):
    """Trusts the authorities that it is told for the certificates of devices."""

    def trust(self, *authorities):
        fresh = self.state / "devices.fresh"
        fresh.write_text("".join(authority.certificate.read_text() for authority in authorities), encoding="utf-8")
        fresh.replace(self.state / "devices.pem")

    def device(self, name, authority):
        return GuardedClient(self.device_port, name, self.server["ca_file"], authority.issue(name, "device"))


@pytest.fixture
def broker(tmp_path):
    server = ReissuedBroker(tmp_path / "guarded")
    yield server
    server.stop()


def test_the_authority_of_devices_is_replaced_in_the_documented_steps(broker, tmp_path):
    following = Authority(tmp_path / "following", "devices 2")
    old = broker.device("A1", broker.devices)
    broker.trust(broker.devices, following)
    broker.reload()
    broker.device("A2", broker.devices).close()
    assert old.is_connected()
    broker.stop()  # mosquitto itself reads the file only when it starts
    broker.start()
    old, new = broker.device("A1", broker.devices), broker.device("A2", following)
    broker.trust(following)
    broker.reload()
    old.wait_until_ended()
    with pytest.raises(Refused):
        broker.device("A1", broker.devices)
    assert new.is_connected()
    new.close()
    broker.device("A2", following).close()
    assert NOT_TAKEN not in broker.text()


def test_the_guard_keeps_the_authority_of_devices_when_its_file_is_replaced_by_anothers(broker):
    voice = DirectoryVoice(broker)
    voice.send([entry("A1", None, "pull")], "whole")
    machine = broker.device("A1", broker.devices)
    broker.trust(broker.operations)
    broker.reload()
    wait_for(lambda: NOT_TAKEN in broker.text(), "the guard says so")
    assert ("devices.pem: found CN=operations, which has no authority in common with those in use, CN=devices" in
            broker.text())
    assert machine.publish("tc/v1/device/A1/ask")
    machine.close()
    broker.device("A1", broker.devices).close()
    assert voice.denied() == {}
    voice.client.close()
