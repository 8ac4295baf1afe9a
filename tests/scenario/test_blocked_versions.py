"""A version that is known to be bad is blocked in one act, and unblocked by two people."""

import json
from urllib.parse import urlencode

import pytest
from harness.namespace import soon
from harness.operations import JSON, events, operate, post_operation
from harness.plan import APPLICATION, OLD_VERSION, VERSION, plan
from harness.programs import command_line
from harness.stack import CONTENT
from harness.wait import wait_for
from harness.wire import Device

BAD = {"name": APPLICATION, "version": VERSION}


def act(stack, what, person="ola", number=0, reason="it eats cards", **version):
    http = stack.orchestrators[number].http
    return http.ask("POST", f"/v1/artifacts:{what}?{urlencode({**BAD, **version})}", json.dumps({"reason": reason}),
                    {**JSON, **http.as_(person)})


def block(stack, **more):
    answer = act(stack, "block", **more)
    assert answer.status == 200, answer
    return answer.json()


def affected(stack, limit=1000):
    """Returns the devices by their IDs, read in pages of `limit`."""
    found, after = {}, {}
    while after is not None:
        page = stack.http.document(f"/v1/artifacts:affected?{urlencode({**BAD, 'limit': limit, **after})}")
        found.update({device["device"]: device for device in page["devices"]})
        after = {"after": page["next"]} if page["next"] else None
    return found


def retained(stack, device):
    return stack.spy.messages(f"tc/v1/device/{device}/instruction")[-1].payload


def complete(stack, rollout, device):
    """The device gets its instruction and completes it."""
    stack.wait_for_state(rollout, device.name, "dispatched")
    before = len(device.tokens())
    device.ask()
    wait_for(lambda: len(device.tokens()) > before, f"{device.name} has its instruction")
    device.reply(device.tokens()[-1], "completed", versions={APPLICATION: VERSION})
    stack.wait_for_state(rollout, device.name, "completed")


def begin(stack, rollout, device, state):
    stack.wait_for_state(rollout, device.name, "dispatched")
    device.ask()
    claims = device.wait_for_instruction()
    device.reply(claims, state)
    stack.wait_for_state(rollout, device.name, state)
    return claims


def assert_refused(stack, *rollouts):
    """Everything that would start the blocked version is refused, and the refusal says who blocked it and why."""
    told = "ola"
    for rollout in rollouts:
        for operation in ("resume", "retry"):
            answer = post_operation(stack, rollout, operation)
            assert answer.status == 409 and told in str(answer.json()) and "it eats cards" in str(answer.json()), answer
    for path in ("/v1/rollouts", "/v1/rollouts:preview"):
        answer = stack.http.ask("POST", path, plan("another"), {"Content-Type": "application/yaml"})
        assert answer.status == 422, answer
        fault = answer.json()["errors"][0]
        assert fault["path"] == "spec.artifact.version" and fault["line"] == 9, fault
        assert "is blocked, by ola" in fault["detail"] and "it eats cards" in fault["detail"]


def test_a_blocked_version_starts_nowhere_and_goes_on_once_two_people_unblock_it(stack):
    stack.orchestrator()
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1", "A2", "A3"]}, ["P1", "P2"])
    stack.add_artifact()
    branch = stack.submit("branch", selector={"devices": ["A1", "A2", "A3"]}, disruptionBudget={"maxUnavailable": 3})
    pull = stack.submit("pull", selector={"devices": ["P1", "P2"]}, execution={"backoff": "1s"})
    a1, a2, a3, p1, p2 = (stack.device(name, "B1" if name[0] == "A" else None) for name in ("A1", "A2", "A3", "P1", "P2"))
    installing = begin(stack, branch, a1, "installing")
    downloading = begin(stack, pull, p1, "received")
    for rollout, name in ((branch, "A2"), (branch, "A3"), (pull, "P2")):
        stack.wait_for_state(rollout, name, "dispatched")
    wait_for(lambda: p2.tokens(), "P2 has it on its topic")
    p2.close()

    answer = block(stack)
    assert [paused["rollout"] for paused in answer["paused"]] == [branch, pull]
    assert answer["in_flight"] == {"dispatched": 3, "sent": 0, "received": 1, "installing": 1}
    for rollout in (branch, pull):
        assert stack.database.rollout(rollout)["state"] == "paused" and ("paused", "ola") in events(stack, rollout)
    a2.ask()
    a2.wait_for_nothing()
    for rollout, name in ((branch, "A2"), (branch, "A3"), (pull, "P2")):
        assert stack.wait_for_state(rollout, name, "created")["failures"] == 0
    assert retained(stack, "P2") == b"" and not stack.redis.keys("*P2*")
    p1.ask()
    wait_for(lambda: p1.answers()[-1].payload == b"", "what P1 downloads is withdrawn")
    p1.reply(downloading, "deferred", code="withdrawn")
    assert stack.wait_for_state(pull, "P1", "created")["deferrals"] == 0
    a1.reply(installing, "completed", versions={APPLICATION: VERSION})
    stack.wait_for_state(branch, "A1", "completed")

    assert_refused(stack, branch, pull)
    assert {name: device["runs"] for name, device in affected(stack, limit=1).items()} == {"A1": True}
    assert stack.http.document("/v1/artifacts")["artifacts"][0]["blocked"]["reason"] == "it eats cards"
    assert act(stack, "block", "bob").status == 409
    assert not a2.tokens() and not a3.tokens()

    stack.people.add("olga", ("operator",))
    stack.people.add("vera", ("viewer",))
    stack.people.settle(*[orchestrator.http for orchestrator in stack.orchestrators])
    for what in ("block", "unblock"):
        assert act(stack, what, "vera").status == 403
    assert act(stack, "unblock", "ola").json()["waits"]
    for person, told in (("ola", "another person must confirm it"), ("olga", "needs role approver")):
        answer = act(stack, "unblock", person, number=1)
        assert answer.status == 403 and told in str(answer.json()), answer
    assert post_operation(stack, branch, "resume").status == 409
    block(stack, person="olga")  # drops the order
    assert act(stack, "unblock", "olga").json()["waits"]
    unblocked = act(stack, "unblock", "bob", number=1).json()
    assert not unblocked["waits"] and unblocked["blocked"] is None and unblocked["unblocked"]["by"] == "bob"

    for rollout in (branch, pull):
        assert stack.database.rollout(rollout)["state"] == "paused"
        operate(stack, rollout, "resume")
    p2 = stack.keep(Device(**stack.broker.voice("device", "P2")))
    for rollout, device in ((branch, a2), (branch, a3), (pull, p1), (pull, p2)):
        complete(stack, rollout, device)
    for rollout in (branch, pull):
        stack.wait_for_rollout(rollout)


@pytest.mark.plain_broker
def test_an_order_to_unblock_counts_while_the_person_may_unblock_and_no_longer(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.people.add("olga", ("operator",))
    stack.people.add("bob", ("approver",))
    stack.people.settle(stack.http)
    for change in ("UPDATE person SET disabled_at = now() WHERE name = 'olga'",
                   "UPDATE person SET disabled_at = NULL WHERE name = 'olga'",
                   "UPDATE person_role SET scope = '{\"region\": [\"emea\"]}' WHERE person = 'olga'"):
        block(stack)
        may = "NULL" in change
        stack.database.rows("UPDATE artifact_block SET unblock_ordered_by = 'olga', unblock_reason = 'r', unblock_ordered_at = now() "
                            "WHERE unblocked_at IS NULL")
        stack.database.rows(change)
        assert act(stack, "unblock", "bob").json()["waits"] is not may, change
        if not may:
            assert act(stack, "unblock", "bob").status == 403, "it waits for another person"
            assert not act(stack, "unblock", "ola").json()["waits"]


def test_the_rows_of_the_database_alone_stop_a_blocked_version_while_no_conductor_is_at_work(stack):
    """As when an orchestrator of an earlier version conducts."""
    stack.orchestrator(conductor={"period": "1m"})
    stack.import_fleet({"B1": ["A1"]}, ["P1", "P2", "P9"])
    stack.add_artifact()
    stack.add_artifact(b"another", version="5.0.0")
    given = stack.submit("given", selector={"devices": ["A1", "P1"]})
    due = stack.submit("due", selector={"devices": ["P2"]}, schedule={"startAt": soon(3)})
    stack.wait_for_rollout(due, "running")
    for name in ("A1", "P1"):
        stack.wait_for_state(given, name, "dispatched")
    topic = "tc/v1/device/P1/instruction"
    stack.spy.wait_for(topic)
    wait_for(lambda: stack.database.value("SELECT count(*) FROM claim") == 0, "it is delivered")
    database = stack.database
    database.rows("INSERT INTO artifact_block (name, version, blocked_by, reason) VALUES (%s, %s, 'ola', 'it eats cards')",
                  APPLICATION, VERSION)
    device = stack.device("A1", "B1")
    device.ask()
    device.wait_for_nothing()
    instruction = database.instruction(given, "P1")["id"]
    database.rows("INSERT INTO claim (instance, lease_until, rollout_id, instructions) "
                  "VALUES ('ended', now() - interval '1 s', %s, ARRAY[%s])", given, instruction)
    wait_for(lambda: database.value("SELECT count(*) FROM claim") == 0, "its claim is taken over")
    wait_for(lambda: database.value("SELECT due_at <= now() FROM instruction WHERE rollout_id = %s", due), "P2 is due")
    marker = stack.submit("marker", selector={"devices": ["P9"]}, artifact={"name": APPLICATION, "version": "5.0.0"})
    complete(stack, marker, stack.device("P9"))
    assert database.instruction(due, "P2")["state_name"] == "created"
    assert len(stack.spy.messages(topic)) == 1


def test_a_rollout_that_runs_though_its_version_is_blocked_is_paused_by_the_conductor(stack):
    stack.orchestrator()
    stack.import_fleet({}, ["P1"])
    stack.add_artifact()
    rollout = stack.submit(approvals={"required": 1})
    stack.wait_for_rollout(rollout, "awaiting_approval")
    block(stack)
    answer = post_operation(stack, rollout, "approve")
    assert answer.status == 409 and "it eats cards" in str(answer.json()), answer
    stack.database.rows("UPDATE rollout SET state = 'running' WHERE id = %s", rollout)
    stack.wait_for_rollout(rollout, "paused")
    assert events(stack, rollout)[-1] == ("paused", "ola")
    assert stack.database.states(rollout) == {"created": 1}


def test_a_plan_whose_version_is_blocked_before_it_is_planned_is_rejected(stack):
    stack.orchestrator()
    stack.import_fleet({}, ["P1"])
    stack.add_artifact()
    turn = stack.database.connect()
    with turn.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('tellercast'), hashtext('plan'))")
    rollout = stack.submit()
    block(stack)
    turn.close()
    stack.wait_for_rollout(rollout, "rejected")
    assert "is blocked, by ola" in stack.database.rollout(rollout)["detail"]


def test_a_blocked_version_is_not_downloaded_unless_another_has_its_file_and_need_not_be_stored(stack):
    orchestrator = stack.orchestrator()
    path = f"/v1/artifacts/{stack.add_artifact()['sha256']}"
    block(stack)
    wait_for(lambda: stack.http.get(path).status == 503, "it is not given")
    refused = orchestrator.http.metric("tellercast_downloads_refused_total")
    assert refused > 0
    answer = act(stack, "block", version="6.0.0")
    assert answer.status == 200 and answer.json()["paused"] == []
    assert [(row["version"], row["stored"]) for row in stack.http.document("/v1/artifacts")["blocked"]] == [
        (VERSION, True), ("6.0.0", False)]
    stack.add_artifact(CONTENT, version=OLD_VERSION)
    wait_for(lambda: stack.http.get(path).body == CONTENT, "it is given as another version")
    assert block(stack, version=OLD_VERSION)["same_as"] == []
    wait_for(lambda: stack.http.get(path).status == 503, "each version of it is blocked")


def test_a_version_that_is_blocked_while_broker_and_cache_are_away_is_given_to_nobody_when_they_are_back(stack):
    orchestrator = stack.orchestrator()
    stack.import_fleet({}, ["P1", "P2"])
    stack.add_artifact()
    given = stack.submit("given", selector={"devices": ["P1"]})
    stack.spy.wait_for("tc/v1/device/P1/instruction")
    stack.broker.stop()
    stack.redis_server.kill()
    claimed = stack.submit("claimed", selector={"devices": ["P2"]})
    stack.wait_for_state(claimed, "P2", "dispatched")
    assert [paused["rollout"] for paused in block(stack)["paused"]] == [given, claimed]
    stack.redis_server.start()
    stack.broker.start()
    orchestrator.wait_until_ready()
    for rollout, name in ((given, "P1"), (claimed, "P2")):
        stack.wait_for_state(rollout, name, "created")
        device = stack.device(name)
        device.ask()
        wait_for(device.answers, f"{name} is answered")
        assert not device.tokens()


def test_the_command_line_blocks_lists_and_unblocks(stack):
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1"]})
    stack.add_artifact()
    rollout = stack.submit(selector={"devices": ["A1"]})
    stack.wait_for_state(rollout, "A1", "dispatched")

    def run(what, person, *more):
        return command_line("artifact", what, *more, *stack.http.at(person), check=False)

    version = (APPLICATION, VERSION)
    reason = ("--reason", "it eats cards")
    shown = run("affected", "ola", *version)
    assert "1 device started and not answered" in shown.stderr and "A1" in shown.stdout and "dispatched" in shown.stdout
    blocked = run("block", "ola", *version, *reason)
    assert blocked.returncode == 0 and f"rollout {rollout} is paused: upgrade" in blocked.stderr, blocked
    assert run("block", "ola", APPLICATION, "6.0.0", *reason).returncode == 0
    listed = [line for line in run("list", "ola").stdout.splitlines() if "it eats cards" in line]
    assert [line.split()[1] for line in listed] == [VERSION, "6.0.0"] and all("by ola since" in line for line in listed)
    stack.wait_for_state(rollout, "A1", "created")
    assert "no device runs this version" in run("affected", "ola", *version).stderr
    ordered, refused, done = (run("unblock", person, *version, *reason) for person in ("ola", "ola", "bob"))
    assert (ordered.returncode, done.returncode) == (4, 0) and "stay paused" in done.stderr
    assert refused.returncode == 1 and "another person must confirm it" in refused.stderr
    assert run("unblock", "bob", *version, *reason).returncode == 1


def test_a_blocked_version_is_rolled_back(stack):
    stack.orchestrator()
    stack.import_fleet({}, ["P1"])
    stack.add_artifact()
    rollout = stack.submit()
    device = stack.device("P1")
    complete(stack, rollout, device)
    stack.wait_for_rollout(rollout)
    block(stack)
    operate(stack, rollout, "rollback")
    back = wait_for(lambda: stack.database.value("SELECT max(id) FROM rollout WHERE rollback_of = %s", rollout), "it is rolled back")
    stack.wait_for_state(back, "P1", "dispatched")
    wait_for(lambda: device.tokens()[-1]["action"] == "rollback", "P1 is told to go back")
