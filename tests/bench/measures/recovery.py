"""The time of a full recovery: from an emptied cache, from a broker that lost everything, of a fleet that lost its broker, and
from a dead orchestrator. Each against the allowed maximum."""

import time

import paho.mqtt.client as mqtt
from harness.plan import fleet as fleet_document
from harness.programs import Fleet

from .plans import submit_at_once
from .result import Result
from .rig import say

PULL = 100_000
CLIENTS_BRANCHES, CLIENTS_ATMS = 1000, 9
ALLOWED_S = {"cache": 10, "retained": 30, "reconnect": 60, "takeover": 10}
LOOK_EVERY_S = 0.05
BEHAVIOUR = {"rules": [{"install": {"min": "1s", "max": "3s"}, "resend": "2s", "askAgain": "2s"}]}
ANY_INSTRUCTION = "tc/v1/device/+/instruction"


def wait_until(condition, what, seconds):
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise SystemExit(f"recovery: in {seconds} s it did not come that {what}")
        time.sleep(LOOK_EVERY_S)
    return time.monotonic() - began


class Counting:
    """Counts the devices whose retained instruction a new subscriber gets."""

    def __init__(self, port):
        self._seen = set()
        self._client = mqtt.Client(client_id="counting", protocol=mqtt.MQTTv5)
        self._client.username_pw_set("spy")
        self._client.on_connect = lambda client, *_: client.subscribe(ANY_INSTRUCTION, 0)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _take(self, _client, _data, message):
        (self._seen.add if message.payload else self._seen.discard)(message.topic)

    def count(self):
        return len(self._seen)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


def make_pull_clients(rig):
    rig.psql("TRUNCATE branch, device, rollout, instruction, counter, claim, instruction_event CASCADE",
             f"INSERT INTO device (id, role, versions) SELECT 'P' || n, 'pull', '{{}}' FROM generate_series(1, {PULL}) n",
             "VACUUM ANALYZE device")


def measure_forgetting(rig):
    """100,000 outstanding pull instructions: the cache is emptied, and the broker comes back empty."""
    rig.program("plan-bench", rig.database)
    make_pull_clients(rig)
    redis = rig.redis.connect()
    redis.flushall()
    broker = rig.broker()
    orchestrator = rig.orchestrator(broker, log={"level": "warning"})
    rollout = submit_at_once(orchestrator, "outstanding")
    rig.wait_for_state(rollout, "dispatched", PULL, seconds=300)
    wait_until(lambda: redis.dbsize() >= PULL, "all are cached", 60)
    counting = Counting(broker.port)
    wait_until(lambda: counting.count() == PULL, "all are retained", 120)
    counting.close()

    redis.flushall()
    cache = wait_until(lambda: redis.dbsize() >= PULL, "the cache is rebuilt", 10 * ALLOWED_S["cache"])
    say(f"recovery: {PULL:,} instructions are cached again after {cache:.1f} s")

    broker.kill()
    broker.start()
    began = time.monotonic()
    counting = Counting(broker.port)
    wait_until(lambda: counting.count() == PULL, "all are retained again", 10 * ALLOWED_S["retained"])
    retained = time.monotonic() - began
    say(f"recovery: {PULL:,} instructions are retained again after {retained:.1f} s")
    counting.close()
    rig.end(orchestrator)
    rig.end(broker)
    return {"cache": cache, "retained": retained}


def measure_reconnecting(rig):
    """10,000 clients with a running rollout lose their broker, and one of two orchestrators dies."""
    devices = CLIENTS_BRANCHES * (CLIENTS_ATMS + 1)
    broker = rig.broker()
    branches = {f"B{b}": [f"B{b}-A{a}" for a in range(CLIENTS_ATMS)] for b in range(CLIENTS_BRANCHES)}
    document = fleet_document(branches)
    orchestrators = [rig.orchestrator(broker, number, log={"level": "info"}) for number in (1, 2)]
    answer = orchestrators[0].http.import_fleet(document)
    assert answer.status == 200, answer
    fleet = rig.keep(Fleet(rig.folder, document, BEHAVIOUR, broker.port, rig.trusted_keys(),
                           extra=("--no-presence", "--quiet")))
    fleet.wait_until_connected(devices)
    rollout = submit_at_once(orchestrators[0], "reconnecting")
    wait_until(lambda: int(rig.psql("SELECT coalesce(sum(count), 0) FROM counter WHERE state = 5")) >= devices // 20,
               "it is under way", 120)

    broker.kill()
    broker.start()
    began = time.monotonic()
    wait_until(lambda: fleet.ask("counters")["connected"] < devices, "the fleet noticed", 30)
    fleet.ask("wait", connected=devices, timeout_ms=10 * ALLOWED_S["reconnect"] * 1000)
    reconnect = time.monotonic() - began
    say(f"recovery: {devices:,} clients are connected again after {reconnect:.1f} s")

    conductor = next(one for one in orchestrators if "conductor.elected" in one.text())
    other = next(one for one in orchestrators if one is not conductor)
    before = other.text().count("conductor.elected")
    conductor.kill()
    takeover = wait_until(lambda: other.text().count("conductor.elected") > before, "another takes over", 60)
    say(f"recovery: another orchestrator conducts after {takeover:.1f} s")
    rig.wait_for_state(rollout, "completed", devices, seconds=600)
    executed = fleet.ask("executions")
    assert executed["executed"] == devices and executed["double"] == 0, executed
    rig.end(fleet)
    rig.end(other)
    rig.processes.remove(conductor)
    rig.end(broker)
    return {"reconnect": reconnect, "takeover": takeover}


def measure(rig):
    found = {**measure_forgetting(rig), **measure_reconnecting(rig)}
    ratio = max(found[name] / allowed for name, allowed in ALLOWED_S.items())
    text = ", ".join(f"{name} {seconds:.1f}" for name, seconds in found.items())
    limits = ", ".join(f"{name} {seconds}" for name, seconds in ALLOWED_S.items())
    return Result("recovery", "seconds until whole", text, limits, ratio, 1.0, at_least=False,
                  seconds={name: round(value, 2) for name, value in found.items()}, allowed=ALLOWED_S)


__all__ = ["measure"]
