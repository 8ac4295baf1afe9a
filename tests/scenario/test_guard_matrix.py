"""The broker's guard against every kind of identity, topic and act, on the real mosquitto with certificates. What is allowed is
written here a second time, from docs/guard.md and not from the guard's table."""

import itertools
import json

import pytest

from harness.guarded import CONTROL, STATUS, DirectoryVoice, GuardedBroker, entry
from harness.wait import wait_for

LOOSE = "1000000,1000000"
RATES = {f"rate_{name}": LOOSE for name in ("connect", "subscribe", "ask", "reply", "presence", "dispatch", "denied")}
FLEET = {"B1": ("B1", "node"), "A1": ("B1", "atm"), "A2": ("B1", "atm"), "P1": (None, "pull"), "B2": ("B2", "node"),
         "A3": ("B2", "atm")}
# X1 has a certificate, and the table of devices does not have it.
IDENTITIES = [("device", "B1"), ("device", "A1"), ("device", "P1"), ("device", "X1"), ("orchestrator", "central"),
              ("operator", "alice"), ("operator", "A1")]
DEVICES = ["B1", "A1", "A2", "P1", "A3", "X1"]
OWN_KINDS = ("ask", "reply", "presence", "instruction", "confirm")


def every_topic():
    yield from (f"tc/v1/device/{device}/{kind}" for device in DEVICES for kind in OWN_KINDS)
    yield from (f"tc/v1/branch/{branch}/start" for branch in ("B1", "B2", "A1", "P1", "X1"))
    yield from (f"tc/v1/branch/{branch}/dispatch/{device}" for branch in ("B1", "B2", "A1", "X1")
                for device in ("A1", "A2", "A3", "B1", "X1"))
    yield from ("tc/v1/operator/alice/submit", "tc/v1/operator/A1/submit", "tc/v1/operator/alice/answer",
                "tc/v1/operator/A1/answer", "tc/v1/operator/alice/a/b", "tc/v1/rollout/submit", "tc/v1/rollout/7/progress",
                "tc/v1/orchestrator/epoch", "tc/v1/orchestrator/watch", STATUS, "tc/v1/device/A1/nothing", "tc/v1/device/A1", "tc/v2/device/A1/ask",
                "tc/v1/device/A1/ask/more", "other", "$CONTROL/dynamic-security/v1", "$SYS/broker/uptime")


TOPICS = list(every_topic())
WILDCARDS = ["#", "+/#", "tc/#", "tc/v1/#", "tc/v1/+/+/ask", "tc/v1/device/#", "tc/v1/device/+/ask", "tc/v1/device/+/reply",
             "tc/v1/device/+/presence", "tc/v1/device/+/instruction", "tc/v1/device/+/confirm", "tc/v1/device/A1/+",
             "tc/v1/device/A1/#", "tc/v1/branch/#", "tc/v1/branch/+/start", "tc/v1/branch/+/dispatch/+",
             "tc/v1/branch/B1/dispatch/+", "tc/v1/branch/+/dispatch/A1", "tc/v1/branch/+/dispatch/A2",
             "tc/v1/branch/+/dispatch/B1", "tc/v1/operator/+/submit", "tc/v1/operator/alice/#", "tc/v1/operator/A1/#",
             "tc/v1/operator/+/#", "tc/v1/rollout/+/progress", "tc/v1/rollout/#", "$SYS/#", "$CONTROL/#"]


# ---- what is allowed ----

def parts(topic):
    """Returns the kind of the topic, and whose it is."""
    level = topic.split("/")
    if topic.startswith("tc/v1/device/") and len(level) == 5 and level[4] in OWN_KINDS:
        return level[4], level[3]
    if topic.startswith("tc/v1/branch/") and len(level) == 5 and level[4] == "start":
        return "start", level[3]
    if topic.startswith("tc/v1/branch/") and len(level) == 6 and level[4] == "dispatch":
        return "dispatch", (level[3], level[5])
    if topic.startswith("tc/v1/operator/") and len(level) >= 5:
        return ("submit" if level[4:] == ["submit"] else "answer"), level[3]
    others = {"tc/v1/rollout/submit": "unproven", "tc/v1/rollout/7/progress": "progress",
              "tc/v1/rollout/+/progress": "progress", "tc/v1/orchestrator/epoch": "epoch",
              "tc/v1/orchestrator/watch": "watch", STATUS: "guard"}
    return others.get(topic), None


def branch_of(device):
    return FLEET.get(device, (None, None))[0]


def may_publish(kind, name, topic, retained=False, will=False):
    what, whose = parts(topic)
    if kind == "device":
        if what == "presence":
            return whose == name
        if retained or will:
            return False
        if what == "dispatch":
            return FLEET.get(name) == (name, "node") and whose[0] == name and branch_of(whose[1]) == name
        return what in ("ask", "reply") and whose == name
    if kind == "orchestrator" and what == "watch":
        return True
    if will:
        return False
    if kind == "orchestrator":
        return what in ("instruction", "progress", "epoch") or (not retained and what in ("start", "confirm", "answer"))
    return not retained and (what == "unproven" or (what == "submit" and whose == name))


def may_receive(kind, name, topic):
    what, whose = parts(topic)
    if kind == "device":
        if what == "start":
            return whose == name and FLEET.get(name) == (name, "node")
        if what == "dispatch":
            return whose[1] == name and FLEET.get(name) == (whose[0], "atm")
        return what in ("instruction", "confirm") and whose == name
    if kind == "orchestrator":
        return what in ("ask", "reply", "presence", "submit", "unproven", "epoch", "watch", "guard")
    return what in ("presence", "progress", "epoch", "guard") or (what in ("answer", "submit") and whose == name)


def may_subscribe(kind, name, filter_):
    """To a filter without a wildcard, as far as may_receive does not tell it, and to those with one."""
    if kind == "device":
        is_known = name in FLEET
        role = FLEET.get(name, (None, None))[1]
        return (filter_ in (f"tc/v1/device/{name}/instruction", f"tc/v1/device/{name}/confirm")
                or (filter_ == f"tc/v1/branch/{name}/start" and (not is_known or role == "node"))
                or (filter_ == f"tc/v1/branch/+/dispatch/{name}" and (not is_known or role == "atm")))
    if "#" in filter_:
        return kind == "operator" and filter_ == f"tc/v1/operator/{name}/#"
    what, whose = parts(filter_)
    return what is not None and may_receive(kind, name, filter_)


# ---- the broker ----

@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    broker = GuardedBroker(tmp_path_factory.mktemp("guarded"), **RATES)
    voice = DirectoryVoice(broker)
    voice.send([entry(device, *row) for device, row in FLEET.items()], "whole")
    yield broker
    voice.client.close()
    broker.stop()


def client_id(kind, name, more):
    """A device has its ID alone."""
    return name if kind == "device" else f"{name}/{kind}-{more}"


@pytest.fixture
def clients(broker):
    clients = {who: broker.client(*who, client_id(*who, "client")) for who in IDENTITIES}
    yield clients
    for client in clients.values():
        client.close()


def leaks_of(seen, expected):
    return [f"{what}: found {found}, expected {wanted}" for what, found, wanted in
            ((what, found, expected[what]) for what, found in seen.items()) if found != wanted]


def test_each_identity_publishes_exactly_what_it_may(clients):
    seen, expected = {}, {}
    for (kind, name), client in clients.items():
        acts = list(itertools.product(TOPICS, (False, True)))
        numbers = [(topic, retain, client.send(topic, b"", retain)) for topic, retain in acts]
        for topic, retain, number in numbers:
            seen[kind, name, topic, "retained" if retain else "publish"] = client.is_published(number)
            expected[kind, name, topic, "retained" if retain else "publish"] = may_publish(kind, name, topic, retain)
    assert len(seen) >= 900
    assert not leaks_of(seen, expected)


def test_each_identity_subscribes_exactly_to_what_it_may(clients):
    seen, expected = {}, {}
    for (kind, name), client in clients.items():
        for filter_ in TOPICS + WILDCARDS:
            allowed = may_subscribe(kind, name, filter_)
            for shown, wanted in ((filter_, allowed), (f"$share/tellercast/{filter_}", allowed and kind == "orchestrator")):
                seen[kind, name, shown] = client.subscribe(shown)[0]
                expected[kind, name, shown] = wanted
    assert len(seen) >= 1200
    assert not leaks_of(seen, expected)


def test_a_message_reaches_exactly_those_who_may_receive_it(broker, clients):
    """Every identity is subscribed to all that it may; every identity publishes on every topic. The first subscription of the
    orchestrator is a shared one of which it is the only member."""
    receivers = {who: clients[who] if who[0] == "device" else broker.client(*who, client_id(*who, "receiver")) for who in IDENTITIES}
    for (kind, name), receiver in receivers.items():
        filters = [text for text in TOPICS + WILDCARDS if may_subscribe(kind, name, text)]
        assert all(receiver.subscribe(*filters)), (kind, name)
    sent = {}
    for (kind, name), client in clients.items():
        numbers = [(topic, client.send(topic, f"{kind} {name}".encode())) for topic in TOPICS]
        for topic, number in numbers:
            sent[kind, name, topic] = client.is_published(number)
    seen, expected = {}, {}
    ends = {}
    for who in receivers:  # each gets one more message, after all others
        mark = "tc/v1/orchestrator/epoch" if who[0] != "device" else f"tc/v1/device/{who[1]}/confirm"
        ends[who] = mark
        clients["orchestrator", "central"].publish(mark, b"mark")
    for who, receiver in receivers.items():
        wait_for(lambda: b"mark" in receiver.messages(ends[who]), f"{who} has the mark")
        for (kind, name, topic), was_sent in sent.items():
            seen[who, kind, name, topic] = f"{kind} {name}".encode() in receiver.messages(topic)
            expected[who, kind, name, topic] = was_sent and may_receive(*who, topic)
    for receiver in receivers.values():
        receiver.close()
    assert not leaks_of(seen, expected)
    assert sum(expected.values()) > 20


def test_a_will_is_published_only_where_it_may_be(broker, clients):
    """Whoever dies has other connections, or hears nothing of his own wills."""
    own = [topic for topic in TOPICS if parts(topic)[0] is not None]
    wills = list(itertools.product(own[::2] + ["tc/v1/device/A1/presence", "tc/v1/device/A1/ask", "tc/v1/branch/B1/dispatch/A1",
                                               "tc/v1/orchestrator/watch"],
                                   (False, True)))
    seen, expected = {}, {}
    for kind, name in (("device", "B1"), ("device", "A1"), ("orchestrator", "central"), ("operator", "alice")):
        watchers = {who: broker.client(*who, client_id(*who, "watcher")) for who in IDENTITIES
                    if who != (kind, name) or kind != "device"}
        for who, watcher in watchers.items():
            watcher.subscribe(*[text for text in TOPICS + WILDCARDS if may_subscribe(*who, text)])
        for topic, retain in wills:
            will = (topic, f"will of {kind} {name}".encode(), 1, retain)
            broker.client(kind, name, client_id(kind, name, "dying"), will=will).drop()
        for who, watcher in watchers.items():
            mark = "tc/v1/orchestrator/epoch" if who[0] != "device" else f"tc/v1/device/{who[1]}/confirm"
            clients["orchestrator", "central"].publish(mark, f"end of {kind} {name}".encode())
            wait_for(lambda: f"end of {kind} {name}".encode() in watcher.messages(mark), f"{who} has the mark")
            for topic, _ in wills:
                seen[who, kind, name, topic] = f"will of {kind} {name}".encode() in watcher.messages(topic)
                expected[who, kind, name, topic] = may_publish(kind, name, topic, will=True) and may_receive(*who, topic)
            watcher.close()
    assert sum(expected.values()) >= 4
    assert not leaks_of(seen, expected)


def test_nothing_is_retained_that_a_device_may_not_retain(broker, clients):
    for client in clients.values():
        for number in [client.send(topic, b"kept", True) for topic in TOPICS]:
            client.is_published(number)
    late = {who: broker.client(*who, client_id(*who, "late")) for who in IDENTITIES}
    kept = set()
    for (kind, name), client in late.items():
        client.subscribe(*[text for text in TOPICS + WILDCARDS if may_subscribe(kind, name, text)])
        clients["orchestrator", "central"].publish("tc/v1/orchestrator/epoch", b"after")
        kept.update(topic for topic in client.topics() if b"kept" in client.messages(topic))
    for client in late.values():
        client.close()
    retainers = {topic for topic in TOPICS for who in IDENTITIES if may_publish(*who, topic, retained=True)}
    assert kept <= retainers
    assert {"tc/v1/device/A1/presence", "tc/v1/device/A1/instruction"} <= kept


def test_only_an_orchestrator_speaks_to_the_guard(broker, clients):
    table = json.dumps({"version": 1, "generation": "forged", "sequence": 1, "table": "whole", "devices": []})
    for (kind, name), client in clients.items():
        if kind != "orchestrator":
            assert not client.publish(CONTROL, table), (kind, name)
    status = broker.client("operator", "watcher")
    assert status.subscribe(STATUS) == [True]
    wait_for(lambda: status.messages(STATUS), "there is a status")
    assert json.loads(status.messages(STATUS)[-1])["table"]["generation"] == "first"
    status.close()
