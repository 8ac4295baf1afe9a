"""A database that is restored from a backup: orchestrators detect it, do nothing until an operator accepts it, and then
continue."""

import json
import shutil

import pytest

from harness.backup import Backup
from harness.operations import operate
from harness.plan import fleet, plan
from harness.programs import command_line
from harness.wait import wait_for
from harness.wire import claims_of

JSON = {"Content-Type": "application/json"}
BRANCHES = {"B1": ["A1", "A2"], "B2": ["A3"]}
PULL = ["P1"]


def counter(stack):
    return stack.database.value("SELECT counter FROM watermark")


def wait_for_count(stack, more=2):
    """Waits until every orchestrator has had time to write a watermark of all earlier commits."""
    before = counter(stack)
    wait_for(lambda: counter(stack) >= before + more * len(stack.orchestrators), "it was counted on")


def refusal(orchestrator):
    """Returns the text about the database in /readyz, when it says that no work is done."""
    try:
        answer = orchestrator.http.get("/readyz")
    except OSError:
        return None
    health = answer.json()
    is_refused = answer.status == 503 and "put back" in health["database"] and health["broker"] == "ok"
    return health["database"] if is_refused else None


def wait_for_refusal(stack):
    return [wait_for(lambda: refusal(each), "the restore is noticed") for each in stack.orchestrators]


def accept(stack, number=0, reason="the disk broke", actor="ann"):
    http = stack.orchestrators[number].http
    body = json.dumps({"reason": reason})
    return http.ask("POST", "/v1/installation/accept-restored", body, {**JSON, **http.as_(actor)})


def restart(stack, between):
    for orchestrator in stack.orchestrators:
        orchestrator.stop()
    between()
    for orchestrator in stack.orchestrators:
        orchestrator.start()


def test_a_database_that_was_put_back_is_refused_at_the_start_and_nothing_is_done(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet(BRANCHES)
    waiting = stack.submit("before", schedule={"startAt": "2040-01-01T00:00:00Z"})
    stack.wait_for_rollout(waiting, "running")
    backup = Backup(stack)
    lost = stack.submit("lost", schedule={"startAt": "2040-01-01T00:00:00Z"})
    stack.wait_for_rollout(lost, "running")
    restart(stack, backup.put_back)

    (reason,) = wait_for_refusal(stack)
    assert "accept-restored" in reason
    stack.database.rows("UPDATE instruction SET due_at = now()")
    answer = stack.http.submit(plan("after"))
    assert answer.status == 503 and b"put back" in answer.body, answer
    body = json.dumps({"version": stack.database.rollout(waiting)["version"], "reason": "why not"})
    answer = stack.http.ask("POST", f"/v1/rollouts/{waiting}/cancel", body, JSON)
    assert answer.status == 503, answer
    device = stack.device("A1", "B1")
    device.ask()
    device.send_reply(json.dumps({"instruction": 1, "attempt": 1, "sequence": 1, "state": "completed"}))
    wait_for(lambda: stack.http.metric("tellercast_statuses_received_total") >= 1, "the report was read")
    wait_for_refusal(stack)
    assert stack.database.states(waiting) == {"created": 5}
    assert not stack.spy.messages("tc/v1/branch/+/start")
    assert not device.confirms() and not device.tokens()
    assert stack.http.metric("tellercast_database_refused") == 1


def ctl(stack, *arguments, check=True):
    return command_line(*stack.http.at("ann"), *arguments, check=check)


def test_a_restored_database_goes_on_when_a_person_accepts_it_and_devices_never_meet_a_number_again(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet(BRANCHES)
    simulated = stack.simulated_fleet(fleet(BRANCHES), {"rules": [{"match": {"role": "any"}}]})
    first = stack.submit("first")
    stack.wait_for_rollout(first)
    backup = Backup(stack)
    assert accept(stack).status == 409, "there is nothing to accept"
    lost = stack.submit("lost")
    stack.wait_for_rollout(lost)
    used = max(row["id"] for row in stack.database.instructions(lost).values())
    restart(stack, backup.put_back)

    wait_for_refusal(stack)
    status = json.loads(ctl(stack, "admin", "status", "--json").stdout)
    assert status["refused"]["by"] == "orchestrator-1" and status["epoch"] == 1, status
    assert "restored to an older state" in ctl(stack, "admin", "status").stdout
    assert ctl(stack, "admin", "accept-restored", check=False).returncode == 2
    ctl(stack, "admin", "accept-restored", "--reason", "the disk broke")
    stack.orchestrators[0].wait_until_ready()
    again = stack.submit("after")
    stack.wait_for_rollout(again)
    assert stack.database.states(again) == {"completed": 5}
    assert min(row["id"] for row in stack.database.instructions(again).values()) > used
    tokens = [claims_of(message.payload) for message in stack.spy.messages("tc/v1/device/A1/instruction") if message.payload]
    sent = {(claims["instruction"], claims["attempt"], claims["epoch"]) for claims in tokens if claims.get("rollout") == again}
    assert sent == {(own(stack, again, ["A1"])["A1"], 1, 2)}, "one order, however often it was asked for"
    assert simulated.report()["executions"]["double"] == 0, "and it is carried out once"
    (restore,) = json.loads(ctl(stack, "admin", "status", "--json").stdout)["restores"]
    assert (restore["actor"], restore["reason"], restore["epoch"]) == ("ann", "the disk broke", 2)
    acts = stack.database.rows("SELECT person, object_kind, reason FROM act WHERE verb = 'accept-restored' AND outcome = 'done'")
    assert acts == [{"person": "ann", "object_kind": "installation", "reason": "the disk broke"}]
    assert accept(stack).status == 409


def test_a_restore_under_running_orchestrators_is_seen_by_one_and_stops_all(stack):
    stack.orchestrator()
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet(BRANCHES)
    waiting = stack.submit("before", schedule={"startAt": "2040-01-01T00:00:00Z"})
    stack.wait_for_rollout(waiting, "running")
    backup = Backup(stack)
    wait_for_count(stack)
    backup.put_back()
    wait_for_refusal(stack)
    wait_for(lambda: stack.database.value("SELECT refused_at IS NOT NULL FROM watermark"), "it is written for all")
    stack.orchestrators[0].stop()
    backup.put_back()  # once more: the refusal in the table is gone, too
    wait_for(lambda: refusal(stack.orchestrators[1]), "the other one saw it itself")
    stack.orchestrators[0].start()
    wait_for_refusal(stack)
    assert accept(stack, number=1).status == 200
    for orchestrator in stack.orchestrators:
        orchestrator.wait_until_ready()
    assert stack.database.value("SELECT epoch FROM installation") == 2
    backup.put_back_over()
    wait_for_refusal(stack)
    assert accept(stack).status == 200
    assert stack.database.value("SELECT epoch FROM installation") == 3, "devices may have seen epoch 2"


def test_an_orchestrator_without_a_mark_is_stopped_by_what_another_has_seen(stack):
    stack.orchestrator()
    stack.import_fleet(BRANCHES)
    backup = Backup(stack)
    wait_for_count(stack)
    for orchestrator in stack.orchestrators:
        orchestrator.stop()
    backup.put_back()
    fresh = stack.folder / "fresh"
    fresh.mkdir()
    shutil.copy(stack.data_folder / "signing-key.json", fresh)
    other = stack.orchestrator(data_folder=str(fresh))
    assert other.is_ready(), "a fresh data folder is no alarm"
    stack.orchestrators[0].start()
    wait_for_refusal(stack)
    assert "orchestrator-1" in refusal(other)


def test_a_data_folder_of_another_installation_is_refused_and_its_database_left_alone(stack, postgres):
    stack.orchestrator(database=stack.database.address)
    wait_for_count(stack, 1)
    stack.orchestrators[0].stop()
    stack.database.make_anew()
    stack.orchestrators[0].start()

    def says(text):
        def ask():
            try:
                answer = stack.http.get("/readyz")
            except OSError:
                return False
            return answer.status == 503 and text in answer.json()["database"]
        return ask

    wait_for(says("it is empty"), "an empty database is not taken for a new one")
    assert stack.database.value("SELECT to_regclass('rollout')") is None
    high_water_marks = list(stack.data_folder.glob("watermark-*.json"))
    assert len(high_water_marks) == 1
    kept = high_water_marks[0].read_text(encoding="utf-8")
    stack.orchestrators[0].stop()
    high_water_marks[0].unlink()
    stack.orchestrators[0].start()
    stack.orchestrators[0].wait_until_ready()
    stack.orchestrators[0].stop()
    high_water_marks[0].write_text(kept, encoding="utf-8")
    stack.orchestrators[0].start()
    wait_for(says("correct one of the settings"), "another database is distinguished from a restored one")


def test_an_epoch_that_is_raised_in_the_database_is_signed_at_once(stack):
    """Also the entries of Redis and the retained messages."""
    stack.orchestrator()
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1"]}, PULL)
    rollout = stack.submit("upgrade", selector={"devices": ["A1", "P1"]})
    atm, pull = stack.device("A1", "B1"), stack.device("P1")
    stack.wait_for_state(rollout, "A1", "dispatched")
    atm.ask()
    assert atm.wait_for_instruction()["epoch"] == 1
    assert pull.wait_for_instruction()["epoch"] == 1
    stack.database.rows("UPDATE installation SET epoch = 5")
    wait_for(lambda: pull.tokens()[-1]["epoch"] == 5, "the retained instruction is signed anew")
    wait_for(lambda: atm.ask() or atm.tokens()[-1]["epoch"] == 5, "asks are answered in the new epoch")
    count = len(atm.tokens())
    for number in range(10):  # one after the other: an ask that still waits is replaced by the next
        atm.ask()
        wait_for(lambda: len(atm.tokens()) > count + number, "it is answered")
    assert {claims["epoch"] for claims in atm.tokens()[count:]} == {5}, "by both orchestrators"


def ran(client, instruction):
    """Returns how often the client began to carry out the instruction."""
    log = client.log.read_text(encoding="utf-8")
    return log.count(f"instruction.received instruction={instruction} ")


def own(stack, rollout, devices):
    rows = stack.database.instructions(rollout)
    return {device: rows[device]["id"] for device in devices}


def recall(stack):
    return stack.http.document("/v1/installation")["recall"]


@pytest.mark.parametrize("running", [False, True], ids=["stopped", "running"])
def test_what_devices_did_in_the_lost_time_is_reported_and_nothing_runs_twice(stack, running):
    """Redis and the broker keep their state of that time."""
    stack.orchestrator()
    stack.orchestrator()
    stack.add_artifact()
    real, older = {"B1": ["A1", "A2"]}, {"B2": ["A3"]}
    stack.import_fleet({**real, **older}, PULL)
    clients = {"B1": stack.client("node", "B1", "B1"), "A1": stack.client("atm", "A1", "B1"),
               "A2": stack.client("atm", "A2", "B1"), "P1": stack.client("pull", "P1", ask={"period": "2s"})}
    of_older_agents = [stack.device("B2", "B2"), stack.device("A3", "B2")]
    selector = {"devices": list(clients)}
    first = stack.submit("first", selector=selector)
    stack.wait_for_rollout(first)
    known = stack.submit("known", selector=selector, approvals={"required": 1})
    stack.wait_for_rollout(known, "awaiting_approval")
    wait_for_count(stack)
    backup = Backup(stack)
    operate(stack, known, "approve")
    stack.wait_for_rollout(known)
    lost = stack.submit("lost", selector=selector)
    stack.wait_for_rollout(lost)
    known_ids, lost_ids = own(stack, known, clients), own(stack, lost, clients)
    wait_for_count(stack)
    if running:
        backup.put_back()
    else:
        restart(stack, backup.put_back)
    wait_for_refusal(stack)
    wait_for(lambda: stack.database.value("SELECT refused_at IS NOT NULL FROM watermark"), "it is written for all")
    assert accept(stack).status == 200
    for orchestrator in stack.orchestrators:
        orchestrator.wait_until_ready()

    def evidence():
        page = stack.http.document("/v1/unknown-orders")["unknown_orders"]
        return {row["device"]: row for row in page if row["instruction"] == lost_ids.get(row["device"])}

    wait_for(lambda: set(evidence()) == set(clients), "every device reported the lost instruction")
    assert {row["state"] for row in evidence().values()} == {"completed"}
    for device in clients:
        row = stack.wait_for_state(known, device, "completed")
        assert row["id"] == known_ids[device] and stack.database.rollout(known)["state"] == "awaiting_approval"
    for device in of_older_agents:
        device.ask()
    wait_for(lambda: recall(stack)["told"] == 4, "the answers are counted")
    wait_for(lambda: recall(stack)["unable"] == 2, "who cannot is known")
    wait_for(lambda: all(device.answers() for device in of_older_agents), "they are answered")
    assert not any(device.tokens() for device in of_older_agents)
    assert recall(stack)["outstanding"] == 0
    assert "only their versions are known" in ctl(stack, "admin", "status").stdout
    listed = json.loads(ctl(stack, "admin", "unknown-orders", "--json").stdout)["unknown_orders"]
    assert {row["device"] for row in listed} == set(clients)

    operate(stack, known, "approve")
    stack.wait_for_rollout(known)
    after = stack.submit("after", selector=selector)
    stack.wait_for_rollout(after)
    for device, client in clients.items():
        for instruction in (known_ids[device], lost_ids[device]):
            assert ran(client, instruction) == 1, f"{device} {instruction}"
    asked = stack.http.metric("tellercast_recalls_sent_total")
    for client in clients.values():
        client.stop()
        client.start()
    settled = stack.submit("settled", selector=selector)
    stack.wait_for_rollout(settled)
    assert stack.http.metric("tellercast_recalls_sent_total") == asked, "no device is asked again"


def put_back_and_accept(stack, backup):
    wait_for_count(stack)
    backup.put_back()
    wait_for_refusal(stack)
    wait_for(lambda: accept(stack).status == 200, "it is accepted")
    for orchestrator in stack.orchestrators:
        orchestrator.wait_until_ready()


def test_reports_of_the_lost_time_count_and_only_for_their_own_device(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet(BRANCHES)
    known = stack.submit("known", approvals={"required": 1})
    stack.wait_for_rollout(known, "awaiting_approval")
    ids = own(stack, known, ["A1", "A2", "A3"])
    put_back_and_accept(stack, Backup(stack))
    used = stack.database.value("SELECT last_value FROM instruction_id")
    a1, a2, a3 = (stack.device(name, branch) for name, branch in (("A1", "B1"), ("A2", "B1"), ("A3", "B2")))

    def report(device, instruction, attempt=1, state="completed", **more):
        sequence = device.reply({"instruction": instruction, "attempt": attempt}, state, **more)
        found = wait_for(lambda: [confirm for confirm in device.confirms() if (confirm["instruction"], confirm["sequence"])
                                  == (instruction, sequence)], "it is confirmed")
        return found[0]["accepted"]

    assert report(a1, ids["A1"], attempt=2, versions={"atm-app": "4.7.2"}), "an attempt that was lost"
    row = stack.database.instruction(known, "A1")
    assert (row["state_name"], row["attempt"]) == ("completed", 2)
    assert not report(a2, ids["A3"]), "another device's"
    assert report(a2, ids["A2"], state="failed", code="disk_full")
    assert stack.database.states(known) == {"completed": 1, "failed": 1, "created": 3}
    assert stack.database.counters(known) == stack.database.states(known)
    stack.database.rows("INSERT INTO unknown_order SELECT 'A3', n, 1, 1, 4, '', '', '{}' FROM generate_series(1001, 1255) n")
    assert report(a3, used + 7, versions={"atm-app": "5.0.0"})
    assert stack.database.value("SELECT versions ->> 'atm-app' FROM device WHERE id = 'A3'") == "5.0.0"
    assert stack.database.value("SELECT last_value FROM instruction_id") > used + 7, "no other gets this number"
    for number in range(3):
        assert report(a3, used + 7, versions={f"app-{number}-{n}": "1" for n in range(64)})
    assert report(a3, used + 7)
    kept = stack.database.value("SELECT versions FROM unknown_order WHERE device = 'A3' AND instruction = %s", used + 7)
    assert kept == {f"app-2-{n}": "1" for n in range(64)}, "the latest versions replace the others"
    assert not report(a3, 2000), "a device fills no more than its own place"
    assert report(a3, used + 7), "what is kept may be said again"
    assert not report(a1, used + 10**15), "no device moves the numbers far"
    assert stack.database.value("SELECT count(*) FROM unknown_order") == 256


def test_an_unknown_order_is_refused_where_the_database_was_never_put_back(stack):
    stack.orchestrator()
    stack.import_fleet(BRANCHES)
    device = stack.device("A1", "B1")
    sequence = device.reply({"instruction": 77, "attempt": 1}, "completed")
    assert device.wait_for_confirm(sequence)["accepted"] is False
    assert stack.database.value("SELECT count(*) FROM unknown_order") == 0


def test_an_instruction_that_was_lost_stays_on_no_topic(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet(pull=PULL)
    topic = "tc/v1/device/P1/instruction"
    wait_for_count(stack)
    backup = Backup(stack)
    lost = stack.submit("lost")
    stack.wait_for_state(lost, "P1", "dispatched")
    wait_for(lambda: any(message.payload for message in stack.spy.messages(topic)), "it is retained")
    put_back_and_accept(stack, backup)
    wait_for(lambda: not stack.spy.messages(topic)[-1].payload, "the topic is emptied")
    client = stack.client("pull", "P1", ask={"period": "1s"})
    after = stack.submit("after")
    stack.wait_for_rollout(after)
    assert "instruction.received instruction=1 " not in client.log.read_text(encoding="utf-8")
