"""Signing keys: rotation, revocation, and what a stolen key is worth. Two orchestrators, each with keys of its own."""

import json

import pytest
from harness.backup import Backup
from harness.operations import JSON, operate, submit_as
from harness.plan import APPLICATION, plan
from harness.privileged import AGENT_USER, PrivilegedHalf
from harness.programs import command_line
from harness.signing import StolenKey, key_id, public
from harness.wait import wait_for
from harness.wire import claims_of

ASKS = {"ask": {"keys_period": "1s", "period": "1s"}}
INSTRUCTION = "tc/v1/device/{}/instruction"
FLEET = ("B1", "B1-A1", "P1")


def start_agents(stack):
    return {"B1": stack.client("node", "B1", **ASKS), "B1-A1": stack.client("atm", "B1-A1", "B1", **ASKS),
            "P1": stack.client("pull", "P1", **ASKS)}


def two_orchestrators(stack):
    """Two orchestrators with folders and keys of their own. Returns them with the agents of the whole fleet."""
    first = stack.orchestrator(keys={"overlap": "1s"})
    stack.add_artifact()
    stack.import_fleet({"B1": ["B1-A1"]}, ["P1"])
    agents = start_agents(stack)
    folder = stack.folder / "data2"
    folder.mkdir()
    second = stack.orchestrator(ready=False, keys={"overlap": "1s"}, data_folder=str(folder))
    return first, second, agents


def key(stack, *arguments):
    return command_line("key", *arguments, "--server", stack.http.url, "--json").stdout


def listed(stack):
    return json.loads(key(stack, "list"))


def keys_in(stack, state):
    return sorted(entry["key"] for entry in listed(stack)["keys"] if entry["state"] == state)


def trusted(stack):
    """The keys that each device said that it trusts."""
    return {row["id"]: sorted(row["trusted_keys"] or []) for row in
            stack.database.rows("SELECT id, trusted_keys FROM device")}


def wait_for_trust(stack, keys, devices=FLEET):
    wait_for(lambda: all(trusted(stack)[device] == sorted(keys) for device in devices), f"{devices} trust {keys}")


def lacking(stack, name):
    return [entry["device"] for entry in json.loads(key(stack, "devices", name))["devices"]]


def key_file(stack, name):
    """The file with the private half of a key, in the folder of one of the orchestrators."""
    for folder in (stack.data_folder, stack.folder / "data2"):
        for file in [folder / "signing-key.json", *folder.glob("signing-keys/*.json")]:
            if file.exists() and json.loads(file.read_text(encoding="utf-8"))["kid"] == name:
                return file
    raise AssertionError(f"nobody has the key {name}")


def install_everywhere(stack, name):
    stack.add_artifact(name.encode() * 100, version=name)
    rollout = stack.submit(name, artifact={"name": "atm-app", "version": name})
    return rollout


def test_an_orchestrator_takes_no_asks_before_every_device_trusts_its_key(stack):
    first, second, _ = two_orchestrators(stack)
    wait_for(lambda: len(listed(stack)["keys"]) == 2, "both keys are registered")
    second.wait_until_ready()
    assert len(keys_in(stack, "signing")) == 2
    wait_for_trust(stack, keys_in(stack, "signing"))
    assert "key.waits" in second.text()
    assert first.http.metric("tellercast_key_sets_sent_total") >= len(FLEET)


def test_a_rotation_ends_only_when_a_device_that_was_away_trusts_the_new_keys(stack):
    first, second, agents = two_orchestrators(stack)
    second.wait_until_ready()
    old = keys_in(stack, "signing")
    agents["P1"].stop()

    rollout = stack.submit()
    key(stack, "rotate", "--reason", "yearly")
    wait_for(lambda: len(keys_in(stack, "offered")) == 2, "each orchestrator has offered a key")
    new = keys_in(stack, "offered")
    refused = command_line("key", "rotate", "--reason", "again", "--server", stack.http.url, check=False)
    assert refused.returncode == 1 and "a rotation is under way" in refused.stderr
    for device in ("B1", "B1-A1"):
        stack.wait_for_state(rollout, device, "completed")
    wait_for_trust(stack, old + new, ("B1", "B1-A1"))
    assert keys_in(stack, "signing") == old and keys_in(stack, "offered") == new, "P1 holds the rotation up"
    assert listed(stack)["rotation"]["under_way"]
    assert [lacking(stack, name) for name in new] == [["P1"], ["P1"]]

    agents["P1"].start()
    stack.wait_for_rollout(rollout)
    wait_for(lambda: keys_in(stack, "retired") == old, "the old keys have left")
    assert keys_in(stack, "signing") == new and not listed(stack)["rotation"]["under_way"]
    wait_for_trust(stack, new)

    for agent in agents.values():  # what they learned survives
        agent.stop()
        agent.start()
    second_rollout = install_everywhere(stack, "4.8.0")
    stack.wait_for_rollout(second_rollout)
    assert stack.database.counters(second_rollout) == {"completed": 3}
    signed = {key_id(message.payload) for message in stack.spy.messages("tc/v1/device/+/instruction")
              if message.payload and claims_of(message.payload).get("rollout") == second_rollout}
    assert signed and signed <= set(new)
    kept = json.loads((stack.data_folder / "trusted-keys.json").read_text(encoding="utf-8"))
    assert sorted(entry["kid"] for entry in kept["keys"]) == new


def revoke_one(stack, orchestrator):
    """Revokes the key with which an orchestrator signs. Returns it."""
    leaked = next(entry["key"] for entry in listed(stack)["keys"]
                  if entry["state"] == "signing" and orchestrator.settings["instance"] in entry["orchestrators"])
    answer = json.loads(key(stack, "revoke", leaked, "--reason", "the disk was stolen"))
    assert answer == {"key": leaked, "trusting": len(FLEET)}
    return leaked


def test_devices_drop_a_revoked_key_for_ever_and_it_cannot_bring_itself_back(stack):
    _, second, agents = two_orchestrators(stack)
    second.wait_until_ready()
    wait_for_trust(stack, keys_in(stack, "signing"))
    agents["P1"].stop()
    leaked = revoke_one(stack, second)
    kept = keys_in(stack, "signing")
    wait_for(lambda: keys_in(stack, "offered"), "the orchestrator has made another key")
    wait_for_trust(stack, kept + keys_in(stack, "offered"), ("B1", "B1-A1"))
    trusting = json.loads(key(stack, "devices", leaked, "--trusting"))["devices"]
    assert [entry["device"] for entry in trusting] == ["P1"], "it shows who still trusts it"

    stolen, attacker = StolenKey(key_file(stack, leaked)), stack.orchestrator_voice()
    own = public(stolen.jwk)
    for forged in (stolen.key_set([own]), stolen.key_set([own, {**own, "kid": "mine"}], revoked=kept)):
        attacker.publish(INSTRUCTION.format("B1-A1"), forged, retain=True)  # so that it also meets it at each start
    agents["B1-A1"].wait_until(lambda: "keys.refused" in agents["B1-A1"].text(), "it refuses the forged set")
    agents["B1-A1"].stop()
    agents["B1-A1"].start()
    agents["P1"].start()
    wait_for(lambda: leaked not in trusted(stack)["P1"], "the device that was away has heard it")
    wait_for(lambda: len(keys_in(stack, "signing")) == 2, "the new key signs")
    wait_for_trust(stack, keys_in(stack, "signing"))
    rollout = stack.submit()
    stack.wait_for_rollout(rollout)
    assert stack.database.counters(rollout) == {"completed": 3}


def refused_revocation(stack, name):
    refused = command_line("key", "revoke", name, "--reason", "it leaked", "--server", stack.http.url, check=False)
    assert refused.returncode == 1
    return refused.stderr


def warnings_of_missing_keys(stack):
    """Whether /readyz and the list of keys warn that no key signs."""
    text = command_line("key", "list", "--server", stack.http.url).stdout
    ready = stack.http.document("/readyz")["warnings"]
    return any("no key of this orchestrator may sign" in warning for warning in ready), "no key signs" in text


def test_a_key_without_which_devices_could_not_be_told_is_revoked_only_explicitly(stack):
    stack.orchestrator()
    stack.import_fleet({"B1": []}, ["P1", "P2"])  # B1 never names its keys
    agents = {name: stack.client("pull", name, **ASKS) for name in ("P1", "P2")}
    leaked = keys_in(stack, "signing")
    wait_for_trust(stack, leaked, agents)
    for agent in agents.values():
        agent.stop()
    key(stack, "rotate", "--reason", "it leaked")
    offered = wait_for(lambda: keys_in(stack, "offered"), "the new key is offered")
    assert "3 devices could not be told any more" in refused_revocation(stack, leaked[0]), "none trusts the offered key"
    agents["P1"].start()
    wait_for_trust(stack, leaked + offered, ["P1"])
    assert "2 devices could not be told any more" in refused_revocation(stack, leaked[0]), "P1 trusts the offered key"
    assert keys_in(stack, "signing") == leaked and warnings_of_missing_keys(stack) == (False, False)

    agents["P1"].stop()
    said = command_line("key", "revoke", leaked[0], "--reason", "it leaked", "--last", "--server", stack.http.url).stderr
    assert f"2 devices still trust the revoked key: tellercast key devices {leaked[0]} --trusting" in said
    wait_for(lambda: warnings_of_missing_keys(stack) == (True, True), "no key signs, and both say so")
    said = command_line("key", "use", offered[0], "--reason", "by hand", "--server", stack.http.url).stderr
    assert f"2 devices do not trust the key that signs now: tellercast key devices {offered[0]}" in said
    wait_for(lambda: warnings_of_missing_keys(stack) == (False, False), "the offered key signs")


def test_a_key_is_revoked_when_every_device_trusts_the_key_that_replaces_it(stack):
    stack.orchestrator()
    stack.import_fleet({}, ["P1"])
    agent = stack.client("pull", "P1", **ASKS)
    old = keys_in(stack, "signing")
    wait_for_trust(stack, old, ["P1"])
    key(stack, "rotate", "--reason", "it leaked")
    wait_for(lambda: keys_in(stack, "retiring") == old, "the new key signs")
    agent.stop()
    said = command_line("key", "revoke", old[0], "--reason", "it leaked", "--server", stack.http.url).stderr
    assert "1 device still trusts the revoked key" in said


@pytest.mark.plain_broker
def test_nothing_is_signed_with_a_key_from_the_moment_in_which_it_is_revoked(stack):
    orchestrator = stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({}, ["P1"])
    device = stack.device("P1")
    stack.submit()
    leaked = keys_in(stack, "signing")[0]
    device.wait_for_instruction()
    refused = command_line("key", "revoke", leaked, "--reason", "it leaked", "--server", stack.http.url, check=False)
    assert refused.returncode == 1 and "the only one that is left" in refused.stderr

    key(stack, "revoke", leaked, "--reason", "it leaked", "--last")
    before = len(device.answers())
    for number in range(200):
        device.ask(nonce=f"after-{number}")
    offered = wait_for(lambda: keys_in(stack, "offered"), "it has made another key")
    assert orchestrator.http.metric("tellercast_signing_key_missing") == 1
    key(stack, "use", offered[0], "--reason", "the device gets its keys by hand")
    wait_for(lambda: device.ask(nonce="last") or len(device.answers()) > before, "the new key signs")
    assert {key_id(answer.payload) for answer in device.answers()[before:] if answer.payload} == {offered[0]}


def test_nothing_is_retained_that_a_revoked_key_signed(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({}, ["P1"])
    rollout = submit_as(stack, "ann", plan(approvals={"required": 1}))
    stack.wait_for_rollout(rollout, "awaiting_approval")
    leaked = keys_in(stack, "signing")[0]
    answer = stack.http.ask("POST", f"/v1/keys/{leaked}/revoke?last=true", '{"reason":"it leaked"}', JSON)
    operate(stack, rollout, "approve")
    assert answer.status == 200, answer
    offered = wait_for(lambda: keys_in(stack, "offered"), "it has made another key")
    stack.wait_for_state(rollout, "P1", "dispatched")
    key(stack, "use", offered[0], "--reason", "the device gets its keys by hand")
    retained = stack.spy.wait_for(INSTRUCTION.format("P1"))
    assert {key_id(message.payload) for message in retained} == {offered[0]}


def test_a_key_that_no_orchestrator_has_registered_is_noticed_when_a_device_trusts_it(stack):
    stack.orchestrator()
    stack.import_fleet({}, ["P1"])
    command_line("key", "create", stack.folder / "foreign.json")
    foreign = json.loads((stack.folder / "foreign.json").read_text(encoding="utf-8"))
    keys = json.loads(stack.keys.read_text(encoding="utf-8"))
    stack.keys.write_text(json.dumps({"keys": [*keys["keys"], public(foreign)]}), encoding="utf-8")
    stack.client("pull", "P1", **ASKS)
    wait_for(lambda: listed(stack)["unknown"] == [{"key": foreign["kid"], "trusting": 1}], "it is listed")
    text = command_line("key", "list", "--server", stack.http.url).stdout
    assert "trust the key " + foreign["kid"] in text


def test_a_restored_database_brings_no_removed_key_back_and_the_newest_key_goes_on_signing(stack):
    orchestrator = stack.orchestrator(keys={"overlap": "1s"})
    stack.add_artifact()
    stack.import_fleet({"B1": ["B1-A1"]}, ["P1"])
    start_agents(stack)
    old = keys_in(stack, "signing")
    wait_for_trust(stack, old)
    backup = Backup(stack)
    key(stack, "rotate", "--reason", "yearly")
    wait_for(lambda: keys_in(stack, "retired") == old, "the rotation has ended")
    new = keys_in(stack, "signing")
    wait_for_trust(stack, new)
    orchestrator.stop()
    backup.put_back()
    orchestrator.start()
    wait_for(lambda: command_line("admin", "accept-restored", "--reason", "a test", "--server", stack.http.url,
                                  check=False).returncode == 0, "the restore is accepted")
    wait_for(lambda: keys_in(stack, "retired") == old and keys_in(stack, "signing") == new, "the keys are as before")
    orchestrator.wait_until_ready()
    rollout = stack.submit()
    stack.wait_for_rollout(rollout)
    assert stack.database.counters(rollout) == {"completed": 3}


def test_the_privileged_half_of_an_agent_learns_and_drops_keys_with_it(stack):
    stack.folder.chmod(0o711)
    stack.orchestrator(keys={"overlap": "1s"})
    stack.add_artifact()
    stack.import_fleet({}, ["P1"])
    half = PrivilegedHalf(stack.folder, "P1", stack.keys)
    stack.programs.append(half)
    client = stack.client("pull", "P1", user=AGENT_USER, **ASKS,
                          actions={"install": "", "rollback": "", "socket": str(half.socket)})
    old = keys_in(stack, "signing")
    wait_for_trust(stack, old, ["P1"])
    half.kill()
    key(stack, "rotate", "--reason", "yearly")
    client.wait_until(lambda: "installer.keys_not_taken" in client.text(), "the privileged half is away")
    assert trusted(stack)["P1"] == old, "so this half does not learn either"
    half.start()
    wait_for(lambda: keys_in(stack, "retired") == old, "the rotation has ended")
    wait_for_trust(stack, keys_in(stack, "signing"), ["P1"])
    learned = json.loads((half.folder / "learned-keys.json").read_text(encoding="utf-8"))
    assert learned["removed"] == old and [entry["kid"] for entry in learned["keys"]] == keys_in(stack, "signing")
    rollout = stack.submit()
    stack.wait_for_states(rollout, completed=1)
    assert (half.installed / APPLICATION).exists()
    stolen = StolenKey(key_file(stack, old[0]))
    answers = half.ask({"request": "keys", "token": stolen.key_set([public(stolen.jwk)]).decode()})
    assert answers[-1]["outcome"] == "rejected" and "is not trusted" in answers[-1]["detail"]
