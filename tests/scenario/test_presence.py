"""Who is there: presence from the broker to the API, and who was silent when a stage timed out."""

import json
import signal
from datetime import datetime, timedelta, timezone

import pytest
from harness.plan import fleet
from harness.stack import SANITIZED
from harness.wait import wait_for
from harness.wire import Wire

FLEET = {"branches": {"B1": ["A1", "A2"], "B2": ["A3"]}, "pull": ["P1"]}
NODES = ("B1", "B2")
MARK = "tc/v1/orchestrator/watch"
MANY = 2500
FLOOD = 3_000 if SANITIZED else 30_000


def presence_of(http, device):
    return http.document(f"/v1/devices/{device}")["presence"]


def wait_for_presence(http, device, state):
    return wait_for(lambda: (found := presence_of(http, device))["state"] == state and found, f"{device} is {state}")


def role_of(device):
    return "node" if device in NODES else "pull" if device.startswith("P") else "atm"


def branch_of(device):
    return None if device.startswith("P") else "B2" if device in ("A3", "B2") else "B1"


def say(voice, device, online, agent="2.0.0", **more):
    message = {"online": online, "role": role_of(device), "agent": agent, **more}
    if branch_of(device):
        message["branch"] = branch_of(device)
    voice.publish(f"tc/v1/device/{device}/presence", message, retain=True)


def says_again(voice, device):
    """False while it has not noticed that its connection is lost, or has none yet."""
    try:
        say(voice, device, True)
        return True
    except RuntimeError:
        return False


def used_bytes(program):
    """Returns the maximum memory that the program ever used."""
    with open(f"/proc/{program.pid}/status", encoding="utf-8") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def start(stack, **settings):
    stack.orchestrator(**settings)
    stack.import_fleet(**FLEET)
    wait_until_watched(stack)


def wait_until_watched(stack):
    wait_for(lambda: stack.database.value("SELECT presence_generation()") is not None, "presence is watched")


def come(stack, *devices):
    """Returns the devices' connections, after they said that they are online."""
    voices = {device: stack.device(device, branch_of(device)) for device in devices}
    for device, voice in voices.items():
        say(voice, device, True)
    for device in devices:
        wait_for_presence(stack.http, device, "online")
    return voices


def test_a_device_is_online_until_its_will_says_otherwise(stack):
    start(stack)
    assert presence_of(stack.http, "P1") == {"state": "unknown", "since": None, "heard_at": None, "agent": None, "hold": None}
    client = stack.client("pull", "P1")
    online = wait_for_presence(stack.http, "P1", "online")
    assert online["since"] and online["heard_at"] and online["agent"]
    client.kill()
    offline = wait_for_presence(stack.http, "P1", "offline")
    assert offline["since"] > online["since"]
    assert offline["agent"] == online["agent"]


def test_a_hold_that_ends_later_than_any_hold_may_is_none(stack):
    start(stack)
    voices = come(stack, "P1")
    for hours, is_held in ((24, True), (48, False), (2, True)):
        until = f"{datetime.now(timezone.utc) + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
        say(voices["P1"], "P1", True, held_until=until, held_reason=f"{hours}\x1b[2J\u202eh")
        wait_for(lambda: (presence_of(stack.http, "P1")["hold"] is not None) == is_held, f"a hold of {hours} h: {is_held}")
    assert presence_of(stack.http, "P1")["hold"]["reason"] == "2 [2J h"


def test_a_device_list_is_filtered_by_presence(stack):
    start(stack)
    voices = come(stack, "B1", "A1", "P1")
    say(voices["A1"], "A1", False)
    wait_for_presence(stack.http, "A1", "offline")

    def found(online, limit=100):
        devices, after = [], ""
        while True:
            page = stack.http.document(f"/v1/devices?online={online}&limit={limit}{after}")
            devices += page["devices"]
            if page["next"] is None:
                return devices
            after = f"&after={page['next']}"

    for limit in (1, 2, 100):
        assert [row["device"] for row in found("true", limit)] == ["B1", "P1"]
        assert [row["device"] for row in found("false", limit)] == ["A1"]
        assert [row["device"] for row in found("unknown", limit)] == ["A2", "A3", "B2"]
    assert {row["presence"]["state"] for row in found("true")} == {"online"}
    every = stack.http.document("/v1/devices")["devices"]
    assert {row["device"]: row["presence"]["state"] for row in every} == {
        "A1": "offline", "A2": "unknown", "A3": "unknown", "B1": "online", "B2": "unknown", "P1": "online"}
    assert stack.http.get("/v1/devices?online=maybe").status == 400
    assert (stack.http.metric("tellercast_devices_online"), stack.http.metric("tellercast_devices_offline")) == (2, 1)


def test_an_ask_moves_when_a_device_was_last_heard_and_a_reconnection_changes_no_since(stack):
    start(stack)
    voice = come(stack, "P1")["P1"]
    first = presence_of(stack.http, "P1")
    voice.ask({"atm-app": "4.7.0"})
    later = wait_for(lambda: (p := presence_of(stack.http, "P1"))["heard_at"] > first["heard_at"] and p, "the ask counts")
    assert later["since"] == first["since"]
    say(voice, "P1", True, agent="2.0.1")
    renewed = wait_for(lambda: (p := presence_of(stack.http, "P1"))["agent"] == "2.0.1" and p, "its new version is known")
    assert renewed["since"] == first["since"]


@pytest.mark.plain_broker
def test_what_is_no_presence_is_refused_and_counted(stack):
    start(stack)
    voice = stack.device("P1")
    refused = stack.http.metric("tellercast_broker_messages_refused_total")
    for payload in ("online", '{"online": 1, "role": "pull"}', "{", '{"online": true}'):
        voice.publish("tc/v1/device/P1/presence", payload, retain=True)
    wait_for(lambda: stack.http.metric("tellercast_broker_messages_refused_total") == refused + 4, "each is counted")
    assert presence_of(stack.http, "P1")["state"] == "unknown"
    say(voice, "P1", True)
    wait_for_presence(stack.http, "P1", "online")
    voice.publish("tc/v1/device/P1/presence", b"", retain=True)
    wait_for_presence(stack.http, "P1", "unknown")


def test_a_device_that_is_in_no_inventory_takes_no_place(stack):
    start(stack)
    stranger = stack.device("X1")
    stranger.publish("tc/v1/device/X1/presence", {"online": True, "role": "pull"}, retain=True)
    come(stack, "P1")
    assert stack.database.rows("SELECT device FROM presence") == [{"device": "P1"}]


# ---- who watches ----


def test_when_another_orchestrator_conducts_it_watches_and_nothing_is_forgotten(stack):
    start(stack)
    voices = come(stack, "B1", "A1")
    before = presence_of(stack.http, "A1")
    generation = stack.database.value("SELECT presence_generation()")
    stack.orchestrator()
    wait_until_watched(stack)
    watching = [orchestrator for orchestrator in stack.orchestrators
                if wait_for(lambda: orchestrator.http.answers("/readyz"), "it is ready")
                and orchestrator.http.metric("tellercast_presence_watched") == 1]
    assert len(watching) == 1, "only the conductor watches"
    watching[0].stop()
    say(voices["B1"], "B1", False)
    other = next(orchestrator for orchestrator in stack.orchestrators if orchestrator is not watching[0])
    wait_for(lambda: other.http.metric("tellercast_presence_watched") == 1, "the other one watches")
    wait_for_presence(other.http, "B1", "offline")
    assert presence_of(other.http, "A1") == before
    assert stack.database.value("SELECT presence_generation()") == generation


def test_when_the_conductor_dies_the_other_one_watches_and_nothing_is_forgotten(stack):
    start(stack)
    come(stack, "B1", "A1")
    before = presence_of(stack.http, "A1")
    stack.orchestrators[0].kill()
    other = stack.orchestrator()
    wait_for(lambda: other.http.metric("tellercast_presence_watched") == 1, "the other one watches")
    assert presence_of(other.http, "A1") == before


def test_while_nobody_watches_every_device_is_unknown(stack):
    start(stack)
    come(stack, "P1")
    stack.broker.send(signal.SIGSTOP)
    found = wait_for_presence(stack.http, "P1", "unknown")
    assert found["since"] is None and found["heard_at"] is not None and found["agent"] == "2.0.0"
    stack.broker.send(signal.SIGCONT)
    wait_for_presence(stack.http, "P1", "online")


# ---- a broker that lost something ----


def test_after_a_broker_lost_all_it_retained_a_device_is_unknown_until_it_is_heard(stack):
    start(stack)
    voices = come(stack, "B1", "A1")
    stack.broker.kill()
    wait_for_presence(stack.http, "A1", "unknown")
    stack.broker.start()
    wait_for(lambda: stack.http.metric("tellercast_presence_watched") == 1, "presence is watched again")
    assert {presence_of(stack.http, device)["state"] for device in ("B1", "A1")} == {"unknown"}
    wait_for(lambda: says_again(voices["A1"], "A1"), "A1 is connected again")
    wait_for_presence(stack.http, "A1", "online")
    assert presence_of(stack.http, "B1")["state"] == "unknown"


def save(stack):
    """Makes the broker write all that it retains, as it does from time to time."""
    file = stack.broker.folder / "mosquitto.db"
    before = file.stat().st_mtime_ns if file.exists() else 0
    stack.broker.send(signal.SIGUSR1)
    wait_for(lambda: file.exists() and file.stat().st_mtime_ns > before, "it is saved")


def test_a_broker_that_died_and_still_says_online_of_the_dead_is_not_believed(stack):
    """Nobody publishes the wills of those who were connected to a broker that died."""
    stack.broker.restart_with_memory()
    start(stack)
    voices = come(stack, "A1", "A2")
    say(voices["A2"], "A2", False)
    wait_for_presence(stack.http, "A2", "offline")
    save(stack)
    stack.broker.kill()
    voices["A1"].close()
    stack.broker.start()
    wait_for(lambda: "believes=\"what it hears\"" in stack.orchestrators[0].text(), "the broker's memory is not believed")
    assert wait_for(lambda: stack.http.metric("tellercast_presence_watched") == 1, "presence is watched again")
    wait_for_presence(stack.http, "A2", "offline")
    assert presence_of(stack.http, "A1")["state"] == "unknown"


def test_a_broker_that_was_stopped_and_kept_its_state_is_believed(stack):
    stack.broker.restart_with_memory()
    start(stack)
    stack.client("pull", "P1")
    before = wait_for_presence(stack.http, "P1", "online")
    generation = stack.database.value("SELECT presence_generation()")
    stack.broker.stop()
    wait_for_presence(stack.http, "P1", "unknown")
    stack.broker.start()
    after = wait_for_presence(stack.http, "P1", "online")
    assert after["since"] > before["since"]
    assert stack.database.value("SELECT presence_generation()") == generation


def test_a_broker_that_noticed_late_that_the_last_watch_died_is_believed(stack):
    """What a broker did before it died looks the same as what one has not done yet: until the will comes."""
    stack.broker.restart_with_memory()
    start(stack)
    come(stack, "A1")["A1"].close()
    last = json.loads(stack.spy.wait_for(MARK, 2)[1].payload)
    save(stack)
    stack.broker.kill()
    stack.broker.start()
    wait_for(lambda: 'believes="what it hears"' in stack.orchestrators[0].text(), "the broker's memory is not believed")
    wait_until_watched(stack)
    assert presence_of(stack.http, "A1")["state"] == "unknown"
    voice = stack.orchestrator_voice()
    voice.publish(MARK, {**last, "ended": True}, retain=True)
    wait_for_presence(stack.http, "A1", "online")
    own = wait_for(lambda: [mark for mark in published_of_watches(stack) if mark["watch"] != last["watch"] and mark["step"] == 2][-1:],
                   "the watch has its mark")[0]
    wait_for(lambda: published_of_watches(stack)[-1] == own, "its mark is back in its place")


def published_of_watches(stack):
    return [json.loads(message.payload) for message in stack.spy.messages(MARK)]


# ---- much of it ----


@pytest.mark.plain_broker
def test_a_flood_of_presence_costs_no_other_device_anything(stack):
    start(stack)
    flooder, voice = stack.device("A1", "B1"), stack.device("P1")
    before = used_bytes(stack.orchestrators[0])
    for number in range(FLOOD):
        flooder.send_soon("tc/v1/device/A1/presence",
                          f'{{"online":{"false" if number % 2 else "true"},"role":"atm","branch":"B1","agent":"{number}"}}')
    say(voice, "P1", True)
    voice.ask()
    voice.wait_for_nothing()
    wait_for_presence(stack.http, "P1", "online")
    say(flooder, "A1", False, agent="last")
    found = wait_for(lambda: (p := presence_of(stack.http, "A1"))["agent"] == "last" and p, "the last message counts")
    assert found["state"] == "offline"
    assert stack.http.metric("tellercast_presence_received_total") >= FLOOD
    assert SANITIZED or used_bytes(stack.orchestrators[0]) - before < (64 << 20)


def test_what_many_devices_say_at_once_is_written_in_batches_and_all_of_it(stack):
    stack.orchestrator()
    branches = {f"B{b}": [f"B{b}-A{a}" for a in range(1, 10)] for b in range(1, 31)}
    stack.import_fleet(branches)
    stack.simulated_fleet(fleet(branches), {"rules": [{"match": {"role": "any"}}]})
    wait_until_watched(stack)
    wait_for(lambda: stack.http.metric("tellercast_devices_online") == 300, "all are online")
    assert stack.database.value("SELECT count(*) FROM presence") == 300
    devices = stack.http.document("/v1/devices?online=true&limit=1000")["devices"]
    assert len(devices) == 300


@pytest.mark.plain_broker
def test_when_the_broker_drops_messages_what_did_not_come_is_unknown(stack):
    """The watch takes 1,000 messages at once, the broker lets as many wait, and more are retained."""
    stack.broker.restart_with_memory("user announcer\ntopic write tc/v1/device/+/presence\n")
    stack.orchestrator()
    devices = [f"P{number}" for number in range(MANY)]
    stack.import_fleet(pull=devices)
    announcer = stack.keep(Wire(stack.broker.port, "announcer", []))
    for device in devices:
        say(announcer, device, True)
    wait_for(lambda: stack.http.metric("tellercast_devices_online") == MANY, "all are online")
    generation = stack.database.value("SELECT presence_generation()")
    stack.orchestrators[0].stop()
    stack.broker.restart_with_short_queues()
    again = stack.orchestrator()
    wait_for(lambda: "presence.incomplete" in again.text(), "it is noticed")
    wait_until_watched(stack)
    assert stack.database.value("SELECT presence_generation()") > generation
    assert again.http.metric("tellercast_devices_online") < MANY


# ---- who was silent ----

SOON = {"dispatchTimeout": "3s", "answerTimeout": "3s", "receiveTimeout": "3s", "installTimeout": "3s", "retries": 0}


def timed_out(stack, device, act=lambda stack, rollout: None, **more):
    """Orders something from the device, acts, and returns its instruction once it timed out."""
    rollout = stack.submit(f"of-{device}", action="configure", artifact=None, parameters={"brightness": 3},
                           selector={"devices": [device]}, execution=SOON, **more)
    stack.wait_for_states(rollout, dispatched=1)
    act(stack, rollout)
    stack.wait_for_states(rollout, timed_out=1)
    row = stack.database.instruction(rollout, device)
    assert stack.database.events(row["id"])[-1]["code"] == row["code"]
    return row["code"], row["detail"] or ""


def test_a_node_that_is_offline_is_named(stack):
    start(stack)
    voices = come(stack, "B1", "A1")
    say(voices["B1"], "B1", False)
    wait_for_presence(stack.http, "B1", "offline")
    code, detail = timed_out(stack, "A1")
    assert code == "node_offline"
    assert detail.startswith("the node is offline since 20")


def test_why_says_who_is_offline_beside_what_was_ordered(stack):
    start(stack)
    voices = come(stack, "B1", "A1")
    say(voices["B1"], "B1", False)
    wait_for_presence(stack.http, "B1", "offline")
    rollout = stack.submit(action="configure", artifact=None, parameters={"brightness": 3}, selector={"devices": ["A1"]})
    stack.wait_for_states(rollout, dispatched=1)
    reasons = stack.http.document("/v1/devices/A1/why")["instructions"][0]["reasons"]
    assert [reason["code"] for reason in reasons] == ["ordered", "node_offline"]
    assert reasons[1]["text"].startswith("the node of its branch is offline since ")


def test_a_node_that_is_online_and_does_not_relay_is_silent(stack):
    start(stack)
    come(stack, "B1", "A1")
    code, detail = timed_out(stack, "A1")
    assert code == "node_silent"
    assert detail.startswith("the node is online since 20")


def test_a_device_that_is_online_and_alone_did_not_ask_is_silent_and_not_its_node(stack):
    start(stack)
    voices = come(stack, "B1", "A1", "A2")
    rollout = stack.submit(action="configure", artifact=None, parameters={"brightness": 3}, selector={"devices": ["A1", "A2"]},
                           execution={**SOON, "answerTimeout": "1h"}, disruptionBudget={"maxUnavailable": 2})
    stack.wait_for_states(rollout, dispatched=2)
    voices["A2"].ask()
    voices["A2"].wait_for_instruction()
    row = stack.wait_for_state(rollout, "A1", "timed_out")
    assert row["code"] == "device_silent"


def test_a_device_that_is_offline_behind_a_node_that_is_online_is_named(stack):
    start(stack)
    voices = come(stack, "B1", "A1")
    say(voices["A1"], "A1", False)
    wait_for_presence(stack.http, "A1", "offline")
    code, detail = timed_out(stack, "A1")
    assert code == "device_offline"
    assert detail.startswith("the device is offline since 20")


def test_a_device_that_is_online_and_was_answered_is_silent(stack):
    start(stack)
    voices = come(stack, "B1", "A1")

    def ask(*_):
        voices["A1"].ask()
        voices["A1"].wait_for_instruction()

    code, detail = timed_out(stack, "A1", ask)
    assert code == "device_silent"
    assert detail.startswith("the device is online since 20")


def test_an_installation_that_does_not_end_keeps_its_code_and_says_where_its_device_is(stack):
    start(stack)
    voices = come(stack, "B1", "A1")

    def install(*_):
        voices["A1"].ask()
        voices["A1"].reply(voices["A1"].wait_for_instruction(), "installing")
        say(voices["A1"], "A1", False)

    code, detail = timed_out(stack, "A1", install)
    assert code == "install_timeout"
    assert detail.startswith("the device is offline since 20")


def test_of_a_device_whose_presence_is_unknown_nothing_is_said(stack):
    start(stack)
    come(stack, "B1")
    assert timed_out(stack, "A1") == ("not_asked", "")
    assert timed_out(stack, "B2") == ("node_silent", "")


def test_what_is_offline_is_started_all_the_same(stack):
    start(stack)
    voices = come(stack, "B1", "A1")
    say(voices["B1"], "B1", False)
    say(voices["A1"], "A1", False)
    wait_for_presence(stack.http, "A1", "offline")
    rollout = stack.submit(selector={"devices": ["A1"]}, action="configure", artifact=None, parameters={"brightness": 3})
    stack.wait_for_states(rollout, dispatched=1)
    voices["A1"].ask()
    claims = voices["A1"].wait_for_instruction()
    voices["A1"].reply(claims, "completed")
    stack.wait_for_rollout(rollout)
