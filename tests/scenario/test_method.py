"""The method: the steps S1 to S8 and the rows C2 to C8 of docs/architecture.md, by rows, messages, keys and files."""

import contextlib
import datetime
import hashlib

import pytest
from harness.plan import APPLICATION, OLD_VERSION, VERSION, plan
from harness.stack import CONTENT
from harness.wait import wait_for

UTC = datetime.timezone.utc


def later(**delta):
    return (datetime.datetime.now(UTC) + datetime.timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def testbed(stack):
    """An orchestrator, an artifact, and a fleet of two branches and two pull clients."""
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2", "A3"], "B2": ["A4"]}, ["P1", "P2"])
    return stack


@contextlib.contextmanager
def held_row(stack, table, where):
    """Locks a row, so that it cannot be written. Gives a function that waits until a session waits for the row."""
    with contextlib.closing(stack.database.connect()) as connection:
        connection.autocommit = False
        connection.cursor().execute(f"SELECT FROM {table} WHERE {where} FOR UPDATE")
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        yield lambda: wait_for(lambda: stack.database.value(waiting) > 0, "the row is to be written")


# ---- S: the steps -----------------------------------------------------------------------------


def test_S1_the_planner_receives_rollouts(testbed):
    answer = testbed.http.submit(plan("first"))
    assert answer.status == 201, answer
    document = answer.json()
    assert (document["name"], document["devices"], document["existing"]) == ("first", 8, False)
    row = testbed.database.rollout(document["rollout"])
    assert (row["name"], row["door"], row["author"], row["devices"]) == ("first", "http", "loopback", 8)
    assert row["digest"] == document["digest"]
    assert testbed.http.metric("tellercast_orders_accepted_total") == 1


def test_S2_a_rollout_is_parsed_and_persisted_before_it_is_answered(testbed):
    for number in range(10):
        document = testbed.http.submit(plan(f"r{number}", schedule={"startAt": later(days=1)})).json()
        row = testbed.database.rollout(document["rollout"])
        assert row["plan"]["spec"]["execution"]["installTimeout"] == 3600, "defaults are written out"
        assert row["plan"]["metadata"]["name"] == f"r{number}"


def test_S2_an_answered_rollout_survives_the_death_of_the_orchestrator(testbed):
    rollout = testbed.submit(schedule={"startAt": later(days=1)})
    testbed.orchestrators[0].kill()
    assert testbed.database.rollout(rollout)["name"] == "upgrade"
    testbed.orchestrator()
    testbed.wait_for_states(rollout, created=8)


def test_S3_each_device_in_scope_gets_one_created_instruction_with_its_time(testbed):
    start = later(days=2)
    rollout = testbed.submit(selector={"branches": ["B1"]}, schedule={"startAt": start})
    testbed.wait_for_rollout(rollout, "running")
    rows = testbed.database.instructions(rollout)
    assert sorted(rows) == ["A1", "A2", "A3", "B1"]
    for row in rows.values():
        assert (row["state_name"], row["attempt"], row["branch"]) == ("created", 1, "B1")
        assert row["planned_at"] == datetime.datetime.fromisoformat(start.replace("Z", "+00:00"))
        assert row["dispatched_at"] is row["sent_at"] is row["ended_at"] is None
    assert testbed.database.counters(rollout) == {"created": 4}


def test_S4_what_is_not_due_goes_nowhere_and_what_is_due_goes_to_pool_or_redis(testbed):
    future = testbed.submit("future", selector={"devices": ["A4", "P2"]}, schedule={"startAt": later(days=1)})
    testbed.wait_for_rollout(future, "running")
    now = testbed.submit("now", selector={"devices": ["A1", "P1"]})
    testbed.wait_for_states(now, dispatched=2)

    start = testbed.spy.wait_for("tc/v1/branch/+/start")[0]
    assert start.topic == "tc/v1/branch/B1/start"
    assert (start.json()["rollout"], start.json()["devices"]) == (now, ["A1"])
    testbed.spy.wait_for("tc/v1/device/P1/instruction")
    entry = testbed.redis.get("tc:instruction:P1").split()
    assert (int(entry[1]), int(entry[2])) == (testbed.database.instruction(now, "P1")["id"], now)
    assert testbed.redis.get("tc:instruction:A1") is None, "an ATM that asks is answered from the database alone"

    rows = testbed.database.instructions(now)
    assert all(row["dispatched_at"] >= row["planned_at"] for row in rows.values())
    testbed.submit("later", selector={"devices": ["A2"]})
    testbed.spy.wait_for("tc/v1/branch/B1/start", 2)  # the scheduler's work until then was published before
    assert testbed.database.states(future) == {"created": 2}
    assert testbed.redis.get("tc:instruction:P2") is None
    assert testbed.spy.messages("tc/v1/branch/B2/start") == []
    assert testbed.spy.messages("tc/v1/device/P2/instruction") == []


def test_S4_the_scheduler_takes_an_instruction_when_its_time_comes(testbed):
    rollout = testbed.submit(selector={"devices": ["A1", "P1"]}, schedule={"startAt": later(seconds=3)})
    testbed.wait_for_states(rollout, dispatched=2)
    for row in testbed.database.instructions(rollout).values():
        assert row["dispatched_at"] >= row["planned_at"]


def test_S5_both_kinds_of_client_are_really_upgraded(testbed):
    clients = [testbed.client("node", "B1")]
    clients += [testbed.client("atm", atm, "B1") for atm in ("A1", "A2", "A3")]
    clients += [testbed.client("pull", pull) for pull in ("P1", "P2")]
    rollout = testbed.submit(selector={"devices": [client.device for client in clients]})
    testbed.wait_for_states(rollout, completed=6)
    testbed.wait_for_rollout(rollout)
    for client in clients:
        installed = (client.installed / APPLICATION).read_bytes()
        assert hashlib.sha256(installed).digest() == hashlib.sha256(CONTENT).digest()
        document = testbed.http.document(f"/v1/devices/{client.device}")
        assert document["versions"][APPLICATION] == VERSION
    assert testbed.database.counters(rollout) == {"completed": 6}


def test_S6_delivery_makes_it_sent(testbed):
    device = testbed.device("A4", "B2")
    rollout = testbed.submit(selector={"devices": ["A4"]})
    testbed.wait_for_state(rollout, "A4", "dispatched")
    device.ask({APPLICATION: OLD_VERSION})
    claims = device.wait_for_instruction()
    assert (claims["aud"], claims["rollout"]) == ("A4", rollout)
    row = testbed.wait_for_state(rollout, "A4", "sent")
    assert row["dispatched_at"] <= row["sent_at"]
    assert row["received_at"] is None


def test_S6_the_state_is_written_asynchronously(testbed):
    """The answer goes out although its row cannot be written; the state follows when it can."""
    device = testbed.device("A4", "B2")
    rollout = testbed.submit(selector={"devices": ["A4"]})
    testbed.wait_for_state(rollout, "A4", "dispatched")
    with held_row(testbed, "instruction", "device = 'A4'") as wait_for_writer:
        device.ask()
        device.wait_for_instruction()
        wait_for_writer()
        assert testbed.database.instruction(rollout, "A4")["state_name"] == "dispatched"
    testbed.wait_for_state(rollout, "A4", "sent")


def test_S7_the_acknowledgment_of_receipt_makes_it_received(testbed):
    device = testbed.device("A4", "B2")
    rollout = testbed.submit(selector={"devices": ["A4"]})
    testbed.wait_for_state(rollout, "A4", "dispatched")
    device.ask()
    claims = device.wait_for_instruction()
    testbed.wait_for_state(rollout, "A4", "sent")
    with held_row(testbed, "instruction", "device = 'A4'") as wait_for_writer:
        sequence = device.reply(claims, "received", confirm=True)
        wait_for_writer()
        assert device.confirms() == [], "nothing is confirmed before it is committed"
    row = testbed.wait_for_state(rollout, "A4", "received")
    assert row["sent_at"] <= row["received_at"]
    assert device.wait_for_confirm(sequence) == {
        "instruction": claims["instruction"], "attempt": 1, "sequence": sequence, "accepted": True,
    }


def test_S8_the_acknowledgment_of_the_end_makes_it_completed(testbed):
    device = testbed.device("A4", "B2")
    rollout = testbed.submit(selector={"devices": ["A4"]})
    testbed.wait_for_state(rollout, "A4", "dispatched")
    device.ask()
    claims = device.wait_for_instruction()
    device.reply(claims, "received")
    device.reply(claims, "installing", progress=40)
    row = testbed.wait_for_state(rollout, "A4", "installing")
    assert row["progress"] == 40
    with held_row(testbed, "instruction", "device = 'A4'") as wait_for_writer:
        sequence = device.reply(claims, "completed", versions={APPLICATION: VERSION})
        wait_for_writer()
        assert device.confirms() == [], "nothing is confirmed before it is committed"
    row = testbed.wait_for_state(rollout, "A4", "completed")
    assert device.wait_for_confirm(sequence)["accepted"]
    assert testbed.http.metric("tellercast_statuses_moved_total") == 3, "the answer to an ask is no report"
    times = [row[key] for key in ("dispatched_at", "sent_at", "received_at", "installing_at", "ended_at")]
    assert times == sorted(times)
    assert testbed.http.document("/v1/devices/A4")["versions"] == {APPLICATION: VERSION}
    testbed.wait_for_rollout(rollout)


def test_S8_a_completed_instruction_never_moves_again(testbed):
    device = testbed.device("A4", "B2")
    rollout = testbed.submit(selector={"devices": ["A4"]})
    testbed.wait_for_state(rollout, "A4", "dispatched")
    device.ask()
    claims = device.wait_for_instruction()
    device.reply(claims, "completed")
    before = testbed.wait_for_state(rollout, "A4", "completed")
    for state in ("received", "installing", "failed", "rejected", "deferred", "completed"):
        sequence = device.reply(claims, state, confirm=True)
        assert device.wait_for_confirm(sequence)["accepted"], "a late report is taken out of the outbox"
    assert testbed.database.instruction(rollout, "A4") == before


# ---- C: the parts -----------------------------------------------------------------------------


def test_C2_an_atm_client_listens_to_its_node_and_to_nobody_else(testbed):
    """An ATM client is upgraded only while its node is there."""
    testbed.client("atm", "A4", "B2")
    testbed.spy.wait_for("tc/v1/device/A4/instruction")  # it asks once by itself, after its connect
    rollout = testbed.submit(selector={"devices": ["A4"]},
                             execution={"dispatchTimeout": "2s", "retries": 20, "backoff": "0s"})
    testbed.wait_for_state(rollout, "A4", "dispatched")
    wait_for(lambda: testbed.database.instruction(rollout, "A4")["attempt"] == 2, "the first attempt was given up")
    assert testbed.spy.messages("tc/v1/branch/B2/dispatch/A4") == []
    testbed.client("node", "B2")
    testbed.wait_for_states(rollout, completed=1)
    assert len(testbed.spy.messages("tc/v1/branch/B2/dispatch/A4")) >= 1
    assert testbed.database.events(testbed.database.instruction(rollout, "A4")["id"])[0]["state_name"] == "timed_out"


def test_C3_push_instructions_come_into_the_pool_grouped_by_branch(testbed):
    rollout = testbed.submit(selector={"devices": ["A1", "A2", "A3", "A4"]})
    testbed.wait_for_states(rollout, dispatched=4)
    starts = {start.topic: start.json() for start in testbed.spy.wait_for("tc/v1/branch/+/start", 2)}
    assert {topic: sorted(start["devices"]) for topic, start in starts.items()} == {
        "tc/v1/branch/B1/start": ["A1", "A2", "A3"],
        "tc/v1/branch/B2/start": ["A4"],
    }
    wait_for(lambda: testbed.database.rows("SELECT id FROM claim") == [], "what is delivered is no longer claimed")
    testbed.submit("later", selector={"devices": ["P1"]})
    assert testbed.spy.wait_for("tc/v1/device/+/instruction")[0].topic == "tc/v1/device/P1/instruction", (
        "a start carries no instruction")


def test_C4_start_then_dispatch_then_ask_then_the_answer_from_the_table(testbed):
    testbed.client("node", "B1")
    for atm in ("A1", "A2", "A3"):
        testbed.client("atm", atm, "B1")
    rollout = testbed.submit(selector={"branches": ["B1"]})
    testbed.wait_for_states(rollout, completed=4)
    order = [message.topic for message in testbed.spy.messages("tc/v1/#")]
    commands = [message.json() for message in testbed.spy.messages("tc/v1/branch/B1/start")]
    assert sorted(device for command in commands for device in command["devices"]) == ["A1", "A2", "A3", "B1"]
    rows = testbed.database.instructions(rollout)
    for device in ("A1", "A2", "A3"):
        dispatch = order.index(f"tc/v1/branch/B1/dispatch/{device}")
        answer = next(i for i, message in enumerate(testbed.spy.messages("tc/v1/#"))
                      if message.topic == f"tc/v1/device/{device}/instruction" and message.payload)
        assert order.index("tc/v1/branch/B1/start") < dispatch < answer
        assert f"tc/v1/device/{device}/ask" in order[dispatch:answer], "it asks after the dispatch"
    assert "tc/v1/branch/B1/dispatch/B1" not in order, "the node asks for itself"
    answers = [message for message in testbed.spy.messages("tc/v1/device/B1/instruction") if message.payload]
    assert len(answers) >= 1
    for device, row in rows.items():
        assert row["start_before"] is not None, device


def test_C4_a_start_by_itself_lets_nobody_begin(testbed):
    """A device that asks before its time, without a command, gets nothing."""
    device = testbed.device("A4", "B2")
    testbed.submit(selector={"devices": ["A4"]}, schedule={"startAt": later(days=1)})
    device.ask()
    answer = device.wait_for("tc/v1/device/A4/instruction")[0]
    assert answer.payload == b""


def test_C5_pull_instructions_are_cached_in_redis_by_device(testbed):
    rollout = testbed.submit(selector={"devices": ["P1", "P2"]})
    testbed.wait_for_states(rollout, dispatched=2)
    for device in ("P1", "P2"):
        row = testbed.database.instruction(rollout, device)
        entry = wait_for(lambda device=device: testbed.redis.get(f"tc:instruction:{device}"), "its entry is written")
        version, instruction, of_rollout, attempt, epoch, start_before, role = entry.split()
        assert (int(instruction), int(of_rollout), int(attempt)) == (row["id"], rollout, 1)
        assert (version, epoch, role) == ("1", "1", "pull")
        assert int(start_before) == int(row["start_before"].timestamp())
        retained = testbed.spy.wait_for(f"tc/v1/device/{device}/instruction")[0]
        assert retained.payload.count(b".") == 2, "a signed instruction waits on its topic"


def test_C6_a_pull_client_that_asks_gets_what_the_cache_and_the_database_have(testbed):
    device = testbed.device("P1")
    rollout = testbed.submit(selector={"devices": ["P1"]})
    testbed.wait_for_state(rollout, "P1", "dispatched")
    device.wait_for_instruction()  # that is the retained one
    hits = testbed.http.metric("tellercast_cache_hits_total")
    device.ask()
    assert device.wait_for_instruction(2)["rollout"] == rollout
    wait_for(lambda: testbed.http.metric("tellercast_cache_hits_total") == hits + 1, "its entry was looked up")
    testbed.wait_for_state(rollout, "P1", "sent")


def test_C6_nothing_that_only_the_cache_says_is_signed(testbed):
    """Each field of the entry is forged in turn, the whole of it, and an entry for a device that waits for approval."""
    device = testbed.device("P1")
    rollout = testbed.submit(selector={"devices": ["P1"]})
    testbed.wait_for_state(rollout, "P1", "dispatched")
    waiting = testbed.submit("waiting", selector={"devices": ["P2"]}, approvals={"required": 2})
    fields = ("instruction", "rollout", "attempt", "epoch", "start_before")
    claims = device.wait_for_instruction()
    true = {name: claims[name] for name in fields}
    key, corrected = "tc:instruction:P1", "tellercast_cache_corrected_total"
    entry = testbed.redis.get(key)
    assert [int(word) for word in entry.split()[1:6]] == [true[name] for name in fields]
    expires_s = testbed.redis.expiretime(key)
    words = ((0, "2"), (1, str(true["instruction"] + 1)), (2, str(waiting)), (3, "7"), (4, str(2**53 - 1)), (5, "4102444800"),
             (6, "node"))
    forgeries = [" ".join([*entry.split()[:place], word, *entry.split()[place + 1:]]) for place, word in words]
    for number, forged in enumerate([*forgeries, "x" * 100_000, ""], 1):
        testbed.redis.set(key, forged)
        before = testbed.http.metric(corrected)
        device.ask()
        claims = device.wait_for_instruction(number + 1)
        assert {name: claims[name] for name in fields} == true and "out_of_service" not in claims, forged[:100]
        wait_for(lambda: testbed.redis.get(key) == entry, "the entry is as the database has it")
        assert testbed.http.metric(corrected) == before + 1, forged[:100]
    assert testbed.redis.expiretime(key) == expires_s

    idle = testbed.device("P2")
    for forged in (entry, "x" * 100_000):
        testbed.redis.set("tc:instruction:P2", forged)
        idle.ask()
        wait_for(lambda: testbed.redis.get("tc:instruction:P2") is None, "the entry is deleted")
    assert idle.tokens() == []


def test_C6_a_pull_client_that_was_away_finds_its_instruction_retained(testbed):
    rollout = testbed.submit(selector={"devices": ["P1"]})
    testbed.wait_for_state(rollout, "P1", "dispatched")
    testbed.spy.wait_for("tc/v1/device/P1/instruction")
    device = testbed.device("P1")
    claims = device.wait_for_instruction()
    assert (claims["aud"], claims["rollout"]) == ("P1", rollout)
    device.reply(claims, "received")
    device.reply(claims, "completed")
    testbed.wait_for_states(rollout, completed=1)
    wait_for(lambda: testbed.redis.get("tc:instruction:P1") is None, "the cache forgets it")
    wait_for(lambda: testbed.spy.messages("tc/v1/device/P1/instruction")[-1].payload == b"", "the topic is emptied")


def test_C6_a_cache_that_lost_all_is_filled_again_from_the_database(testbed):
    rollout = testbed.submit(selector={"devices": ["P1", "P2"]})
    testbed.wait_for_states(rollout, dispatched=2)
    testbed.redis.flushall()
    device = testbed.device("P1")
    device.ask()
    wait_for(lambda: len(device.tokens()) >= 2, "it is answered though the cache is empty")
    wait_for(lambda: testbed.redis.get("tc:instruction:P2"), "the cache is filled again for all")


def test_C7_rollouts_arrive_by_http_by_message_and_by_socket(testbed):
    operator = testbed.operator()
    scope = {"selector": {"devices": ["P1"]}, "schedule": {"startAt": later(days=1)}}
    by_http = testbed.http.submit(plan("by-http", **scope)).json()
    by_message = operator.submit(plan("by-message", **scope))
    by_socket = testbed.orchestrators[0].submit_by_socket(plan("by-socket", **scope))
    endpoints = {}
    for answer in (by_http, by_message, by_socket):
        assert set(answer) == set(by_http)
        row = testbed.database.rollout(answer["rollout"])
        endpoints[row["name"]] = (row["door"], answer["devices"], answer["existing"])
    assert endpoints == {
        "by-http": ("http", 1, False),
        "by-message": ("mqtt", 1, False),
        "by-socket": ("socket", 1, False),
    }
    assert testbed.database.rollout(by_message["rollout"])["author"] == "operator"


def test_C8_release_times_follow_the_plans_rate(testbed):
    rollout = testbed.submit(selector={"devices": ["A1", "A2", "A3", "A4", "P1", "P2"]},
                             schedule={"startAt": later(days=1)}, rate={"perMinute": 2})
    testbed.wait_for_rollout(rollout, "running")
    times = sorted(row["planned_at"] for row in testbed.database.instructions(rollout).values())
    gaps = {(b - a).total_seconds() for a, b in zip(times, times[1:])}
    assert gaps == {30.0}


def test_C8_release_times_follow_the_systems_parameters(stack):
    stack.orchestrator(rate={"per_minute": 60})
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2", "A3"]})
    rollout = stack.submit(schedule={"startAt": later(days=1)})
    stack.wait_for_rollout(rollout, "running")
    times = sorted(row["planned_at"] for row in stack.database.instructions(rollout).values())
    assert {(b - a).total_seconds() for a, b in zip(times, times[1:])} == {1.0}


def test_C8_release_times_lie_in_the_windows_of_each_branchs_zone(stack):
    stack.orchestrator()
    stack.add_artifact()
    zones = {"B1": "Europe/Berlin", "B2": "America/New_York", "B3": "Asia/Kolkata"}
    stack.import_fleet({"B1": ["A1"], "B2": ["A2"], "B3": ["A3"]}, zones=zones)
    rollout = stack.submit(
        schedule={
            "startAt": "2038-01-04T00:00:00Z",
            "endAt": "2038-02-01T00:00:00Z",
            "timeZone": "device",
            "windows": [{"days": ["tue", "wed"], "start": "01:30", "duration": "3h"}],
            "blackouts": [{"from": "2038-01-05", "to": "2038-01-05"}],
        }
    )
    stack.wait_for_rollout(rollout, "running")
    rows = stack.database.rows(
        "SELECT i.device, (i.planned_at AT TIME ZONE b.zone)::text AS local "
        "FROM instruction i JOIN branch b ON b.id = i.branch WHERE i.rollout_id = %s", rollout)
    assert {row["local"] for row in rows} == {"2038-01-06 01:30:00"}
    windows = stack.database.value("SELECT count(*) FROM rollout_window WHERE rollout_id = %s", rollout)
    assert windows == 3 * 7, "four weeks of two nights less the blackout, in each of three zones"


def test_C8_the_planner_keeps_an_instructions_state_through_retries(testbed):
    device = testbed.device("A4", "B2")
    rollout = testbed.submit(selector={"devices": ["A4"]}, execution={"retries": 1, "backoff": "0s"})
    testbed.wait_for_state(rollout, "A4", "dispatched")
    device.ask()
    claims = device.wait_for_instruction()
    device.reply(claims, "failed", code="no_space", detail="the disk is full")
    row = wait_for(
        lambda: next((row for row in testbed.database.instructions(rollout).values()
                      if row["attempt"] == 2 and row["state_name"] == "dispatched"), None),
        "the second attempt is under way")
    events = testbed.database.events(row["id"])
    assert (events[0]["attempt"], events[0]["state_name"], events[0]["code"]) == (1, "failed", "no_space")
    device.ask()
    claims = wait_for(lambda: next((c for c in device.tokens() if c["attempt"] == 2), None), "attempt 2 is answered")
    device.reply(claims, "completed")
    testbed.wait_for_states(rollout, completed=1)


def test_C8_what_did_not_ask_is_told_from_what_was_answered(testbed):
    """A4 does not ask: it or its node may be away. A1 asks and then sends nothing: it is silent itself."""
    device = testbed.device("A1", "B1")
    rollout = testbed.submit(selector={"devices": ["A1", "A4"]},
                             execution={"dispatchTimeout": "2s", "answerTimeout": "2s", "receiveTimeout": "2s"})
    testbed.wait_for_state(rollout, "A1", "dispatched")
    device.ask()
    device.wait_for_instruction()
    testbed.wait_for_states(rollout, timed_out=2)
    rows = testbed.database.instructions(rollout)
    codes = {name: (row["code"], row["sent_at"] is not None) for name, row in rows.items()}
    assert codes["A1"][1] and not codes["A4"][1]
    assert codes["A1"][0] != codes["A4"][0], codes


