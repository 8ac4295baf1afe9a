"""Operations on a rollout: pause, resume, cancel, retry, rollback."""

import concurrent.futures
import json

import pytest
from harness.operations import events, operate, post_operation, submit_as
from harness.plan import OLD_VERSION, VERSION, plan
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}
ONCE = {"retries": 0}


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2"]}, ["P1", "P2", "P3", "P9"])
    stack.markers = 0
    return stack


def look_again(testbed):
    """Returns when the scheduler has looked at all instructions that were due before."""
    testbed.markers += 1
    marker = testbed.submit(f"marker-{testbed.markers}", selector={"devices": ["P9"]})
    device = testbed.device("P9")
    testbed.wait_for_state(marker, "P9", "dispatched")
    device.ask()
    device.reply(device.wait_for_instruction(), "completed")
    testbed.wait_for_rollout(marker)
    device.close()


def begin(testbed, rollout, name, state="installing"):
    """The device gets its instruction and reports this state. Returns the device and the claims."""
    device = testbed.device(name)
    testbed.wait_for_state(rollout, name, "dispatched")
    device.ask()
    claims = device.wait_for_instruction()
    report(testbed, rollout, device, claims, state)
    return device, claims


def take(device, **wanted):
    """Returns the claims that have these values. A pull client gets each instruction twice: retained, and as the answer to its
    ask."""
    device.ask()
    found = wait_for(lambda: [token for token in device.tokens() if wanted.items() <= token.items()],
                     f"{device.name} has an instruction of {wanted}")
    return found[0]


def report(testbed, rollout, device, claims, state):
    device.reply(claims, state)
    testbed.wait_for_state(rollout, device.name, state)


def shown(testbed, rollout):
    return testbed.http.document(f"/v1/rollouts/{rollout}")


# ---- the rules of all operations --------------------------------------------------------------------


def test_the_same_operation_again_changes_nothing(testbed):
    rollout = testbed.submit(schedule=LATER)
    testbed.wait_for_rollout(rollout, "running")
    version = testbed.database.rollout(rollout)["version"]
    first = operate(testbed, rollout, "pause", version=version)
    assert first == {"rollout": rollout, "name": "upgrade", "state": "paused", "version": version + 1,
                     "operation": "pause", "existing": False}
    assert operate(testbed, rollout, "pause", version=version) == {**first, "existing": True}
    operate(testbed, rollout, "resume", version=version + 1)
    late = operate(testbed, rollout, "pause", version=version)
    assert (late["existing"], late["state"], late["version"]) == (True, "running", version + 2)
    assert [kind for kind, _ in events(testbed, rollout)].count("paused") == 1


def test_an_operation_on_an_old_version_is_refused_and_says_what_happened(testbed):
    rollout = testbed.submit(schedule=LATER)
    testbed.wait_for_rollout(rollout, "running")
    version = testbed.database.rollout(rollout)["version"]
    operate(testbed, rollout, "pause", "bob", version=version)
    for other in ({"actor": "cid"}, {"reason": "another"}, {"operation": "cancel"}):
        answer = post_operation(testbed, rollout, **{"operation": "pause", "actor": "bob", "version": version, **other})
        detail = answer.json()["detail"]
        assert answer.status == 409 and f"is paused at version {version + 1}" in detail, answer
        assert "paused, by bob" in detail
    assert post_operation(testbed, rollout, "pause", version=version + 2).status == 409
    assert testbed.database.rollout(rollout)["state"] == "paused"


def test_of_several_operations_at_once_on_the_same_version_one_is_carried_out(testbed):
    rollout = testbed.submit(schedule=LATER)
    testbed.wait_for_rollout(rollout, "running")
    version = testbed.database.rollout(rollout)["version"]
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda n: post_operation(testbed, rollout, "pause", f"p{n % 5}", version=version), range(10)))
    carried_out = [answer.json() for answer in answers if answer.status == 200]
    assert sorted(answer["existing"] for answer in carried_out) == [False, True]
    assert [answer.status for answer in answers].count(409) == 8
    assert testbed.database.rollout(rollout)["version"] == version + 1


STATES_THAT_ALLOW = {
    "pause": {"running"},
    "resume": {"paused"},
    "approve": {"awaiting_approval"},
    "reject": {"awaiting_approval"},
    "cancel": {"accepted", "awaiting_approval", "running", "paused", "halted"},
    "retry": {"running", "paused", "completed", "halted", "cancelled"},
    "rollback": {"running", "paused", "cancelling", "completed", "halted", "cancelled"},
}


@pytest.mark.parametrize("operation", STATES_THAT_ALLOW)
def test_an_operation_that_the_state_does_not_allow_says_which_states_do(testbed, operation):
    rollout = testbed.submit(schedule=LATER)
    testbed.wait_for_rollout(rollout, "running")
    states = "accepted awaiting_approval running paused cancelling completed halted cancelled rejected".split()
    for state in states:
        testbed.database.rows("UPDATE rollout SET state = %s WHERE id = %s", state, rollout)
        if state in STATES_THAT_ALLOW[operation] or state == "cancelling":
            continue  # such a rollout would continue by itself
        answer = post_operation(testbed, rollout, operation)
        detail = answer.json()["detail"]
        assert answer.status == 409 and f"is {state}: {operation} is not possible; allowed: " in detail, answer
        assert set(detail.split(" allowed: ")[1].split(", ")) == STATES_THAT_ALLOW[operation]


BAD_BODIES = {
    "no JSON": ("{", 422),
    "nothing": ("", 422),
    "a list": ("[]", 422),
    "no version": ('{"reason":"r"}', 422),
    "no reason": ('{"version":1}', 422),
    "a blank reason": ('{"version":1,"reason":"  "}', 422),
    "a long reason": (json.dumps({"version": 1, "reason": "r" * 501}), 422),
    "a reason of two lines": ('{"version":1,"reason":"a\\nb"}', 422),
    "a version in quotes": ('{"version":"1","reason":"r"}', 422),
    "version 0": ('{"version":0,"reason":"r"}', 422),
    "a huge version": ('{"version":1e300,"reason":"r"}', 422),
    "an unknown key": ('{"version":1,"reason":"r","force":true}', 422),
    "a digest": (json.dumps({"version": 1, "reason": "r", "digest": "0" * 64}), 422),
    "a key twice": ('{"version":1,"version":1,"reason":"r"}', 422),
    "not UTF-8": (b'{"version":1,"reason":"\xff"}', 422),
    "too much": (json.dumps({"version": 1, "reason": "r"}).ljust(8193), 413),
}


def test_an_operation_that_cannot_be_read_changes_nothing(testbed):
    rollout = testbed.submit(schedule=LATER)
    testbed.wait_for_rollout(rollout, "running")
    before = testbed.database.everything()
    headers = {"Content-Type": "application/json"}
    for what, (body, status) in BAD_BODIES.items():
        answer = testbed.http.ask("POST", f"/v1/rollouts/{rollout}/pause", body, headers)
        assert answer.status == status, (what, answer)
        problem = answer.json()
        assert status == 413 or (problem["errors"] and "path" in problem["errors"][0]), (what, problem)
    good = '{"version":1,"reason":"r"}'
    for path in ("/v1/rollouts/999/pause", "/v1/rollouts/0/pause", "/v1/rollouts/x/pause"):
        assert testbed.http.ask("POST", path, good, headers).status == 404
    assert testbed.http.ask("POST", f"/v1/rollouts/{rollout}/pause", good, {"Content-Type": "text/plain"}).status == 415
    assert testbed.http.ask("POST", f"/v1/rollouts/{rollout}/pause?now=1", good, headers).status == 400
    assert testbed.database.everything() == before


# ---- pause and resume -------------------------------------------------------------------------------


def submit_one_by_one(testbed):
    return testbed.submit(selector={"devices": ["A1", "A2"]}, disruptionBudget={"maxUnavailable": 1})


def find_first(testbed, rollout):
    """Returns the device that is started first, and the one that waits."""
    wait_for(lambda: testbed.database.states(rollout).get("dispatched") == 1, "one is started")
    waits = testbed.database.instruction(rollout, "A1")["state_name"] == "created"
    return ("A2", "A1") if waits else ("A1", "A2")


def test_a_pause_stops_starts_and_not_what_is_in_flight_and_a_resume_goes_on(testbed):
    rollout = submit_one_by_one(testbed)
    first, second = find_first(testbed, rollout)
    device, claims = begin(testbed, rollout, first)
    operate(testbed, rollout, "pause", reason="the core banking system is slow")
    report(testbed, rollout, device, claims, "completed")
    look_again(testbed)
    assert testbed.database.instruction(rollout, second)["state_name"] == "created"
    assert shown(testbed, rollout)["state"] == "paused"
    operate(testbed, rollout, "resume")
    device, claims = begin(testbed, rollout, second)
    report(testbed, rollout, device, claims, "completed")
    testbed.wait_for_rollout(rollout)
    assert ("paused", "bob") in events(testbed, rollout) and ("resumed", "bob") in events(testbed, rollout)
    pause = next(event for event in shown(testbed, rollout)["events"] if event["kind"] == "paused")
    assert pause["reason"] == "the core banking system is slow" and pause["version"] is not None


def test_an_operation_at_one_orchestrator_holds_for_the_others(testbed):
    testbed.orchestrator()
    rollout = submit_one_by_one(testbed)
    first, second = find_first(testbed, rollout)
    operate(testbed, rollout, "pause", number=1)
    again = post_operation(testbed, rollout, "pause", number=0, version=testbed.database.rollout(rollout)["version"] - 1)
    assert again.json()["existing"] is True
    begin(testbed, rollout, first, "completed")
    look_again(testbed)
    assert testbed.database.instruction(rollout, second)["state_name"] == "created"
    operate(testbed, rollout, "resume", number=0)
    testbed.wait_for_state(rollout, second, "dispatched")


# ---- cancel -----------------------------------------------------------------------------------------


def test_a_cancel_lets_finish_what_is_at_work_and_ends_the_rest(testbed):
    groups = [{"name": "first", "devices": ["P1", "P2"]}, {"name": "rest", "percentage": 100}]
    rollout = testbed.submit(groups=groups, selector={"devices": ["P1", "P2", "A1"]})
    device, claims = begin(testbed, rollout, "P1")
    testbed.wait_for_state(rollout, "P2", "dispatched")
    answer = operate(testbed, rollout, "cancel", reason="the wrong artifact")
    assert answer["state"] == "cancelling"
    testbed.wait_for_state(rollout, "P2", "cancelled")
    testbed.wait_for_state(rollout, "A1", "cancelled")
    assert testbed.database.rollout(rollout)["state"] == "cancelling"
    unaware = testbed.device("P2")
    unaware.ask()
    unaware.wait_for_nothing()
    report(testbed, rollout, device, claims, "completed")
    testbed.wait_for_rollout(rollout, "cancelled")
    assert unaware.tokens() == []
    assert testbed.database.states(rollout) == testbed.database.counters(rollout) == {"completed": 1, "cancelled": 2}
    document = shown(testbed, rollout)
    assert document["ended_at"] is not None
    kinds = [event["kind"] for event in document["events"]]
    assert kinds.index("cancel_ordered") < kinds.index("cancelled")
    assert post_operation(testbed, rollout, "cancel", "cid").status == 409


def wait_until_withdrawn(testbed, rollout, name):
    """The instruction was dispatched, and will be cancelled soon; until then a report that follows an earlier answer counts."""
    wait_for(lambda: testbed.database.instruction(rollout, name)["withdrawn_at"], f"{name}'s instruction is withdrawn")


def test_an_answer_that_was_under_way_when_its_rollout_was_cancelled_counts(testbed):
    rollout = testbed.submit(selector={"devices": ["P1", "P2"]})
    testbed.wait_for_state(rollout, "P1", "dispatched")
    device, other = testbed.device("P1"), testbed.device("P2")
    claims = wait_for(device.tokens, "it has it from its retained topic")[0]
    wait_for(other.tokens, "so has the other")
    operate(testbed, rollout, "cancel")
    wait_until_withdrawn(testbed, rollout, "P1")
    report(testbed, rollout, device, claims, "received")
    testbed.wait_for_state(rollout, "P2", "cancelled")
    assert testbed.database.instruction(rollout, "P1")["state_name"] == "received"
    report(testbed, rollout, device, claims, "completed")
    testbed.wait_for_rollout(rollout, "cancelled")
    assert testbed.database.states(rollout) == testbed.database.counters(rollout) == {"completed": 1, "cancelled": 1}


def test_what_is_withdrawn_is_given_to_nobody_and_holds_its_place_in_the_branch_until_it_is_cancelled(testbed):
    first = testbed.submit("first", selector={"devices": ["A1"]}, disruptionBudget={"maxUnavailable": 1})
    testbed.wait_for_state(first, "A1", "dispatched")
    second = testbed.submit("second", selector={"devices": ["A2"]}, disruptionBudget={"maxUnavailable": 1})
    testbed.wait_for_rollout(second, "running")
    device = testbed.device("A1")
    operate(testbed, first, "cancel")
    wait_until_withdrawn(testbed, first, "A1")
    device.ask()
    device.wait_for_nothing()
    testbed.wait_for_state(second, "A2", "dispatched")
    given_up, started = testbed.database.instruction(first, "A1"), testbed.database.instruction(second, "A2")
    assert (given_up["state_name"], given_up["code"]) == ("cancelled", "rollout_cancelled")
    assert given_up["withdrawn_at"] < given_up["ended_at"] <= started["dispatched_at"]
    assert device.tokens() == []


def test_a_rollout_that_awaits_approval_can_be_cancelled(testbed):
    rollout = testbed.submit(approvals={"required": 1}, schedule=LATER)
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    operate(testbed, rollout, "cancel")
    testbed.wait_for_rollout(rollout, "cancelled")
    assert set(testbed.database.states(rollout)) == {"cancelled"}


# ---- retry ------------------------------------------------------------------------------------------


def fail_two_of_three(testbed):
    """P1 fails, P2 rejects, P3 completes. Returns the rollout, which is halted, and the devices."""
    rollout = testbed.submit(selector={"devices": ["P1", "P2", "P3"]}, execution=ONCE)
    devices = {}
    for name, state in {"P1": "failed", "P2": "rejected", "P3": "completed"}.items():
        devices[name], _ = begin(testbed, rollout, name, state)
    testbed.wait_for_rollout(rollout, "halted")
    return rollout, devices


def test_a_retry_gives_each_that_did_not_succeed_another_attempt(testbed):
    rollout, devices = fail_two_of_three(testbed)
    version = testbed.database.rollout(rollout)["version"]
    answer = operate(testbed, rollout, "retry", reason="the disk was full")
    assert (answer["state"], answer["version"]) == ("running", version + 1)
    assert operate(testbed, rollout, "retry", reason="the disk was full", version=version)["existing"] is True
    for name in ("P1", "P2"):
        testbed.wait_for_state(rollout, name, "dispatched")
        row = testbed.database.instruction(rollout, name)
        assert (row["attempt"], row["failures"], row["deferrals"], row["code"]) == (2, 0, 0, None)
        report(testbed, rollout, devices[name], take(devices[name], attempt=2), "completed")
    testbed.wait_for_rollout(rollout, "completed")
    assert testbed.database.states(rollout) == testbed.database.counters(rollout) == {"completed": 3}
    assert testbed.database.instruction(rollout, "P3")["attempt"] == 1
    assert [group["state"] for group in shown(testbed, rollout)["groups"]] == ["passed"]
    assert len(testbed.database.events(testbed.database.instruction(rollout, "P1")["id"])) == 1


def test_a_retry_of_a_paused_rollout_waits_for_the_resume(testbed):
    groups = [{"name": "first", "devices": ["P1"], "success": "0%"}, {"name": "rest", "percentage": 100}]
    rollout = testbed.submit(groups=groups, selector={"devices": ["P1", "P2"]}, execution=ONCE)
    device, _ = begin(testbed, rollout, "P1", "failed")
    begin(testbed, rollout, "P2")
    operate(testbed, rollout, "pause")
    assert operate(testbed, rollout, "retry")["state"] == "paused"
    look_again(testbed)
    assert testbed.database.instruction(rollout, "P1")["state_name"] == "created"
    assert [group["state"] for group in shown(testbed, rollout)["groups"]] == ["open", "open"]
    operate(testbed, rollout, "resume")
    testbed.wait_for_state(rollout, "P1", "dispatched")
    take(device, attempt=2)


def test_a_retry_of_nothing_is_refused(testbed):
    rollout = testbed.submit(selector={"devices": ["P1"]})
    begin(testbed, rollout, "P1", "completed")
    testbed.wait_for_rollout(rollout)
    answer = post_operation(testbed, rollout, "retry")
    assert answer.status == 409 and "nothing" in answer.json()["detail"]
    assert testbed.database.rollout(rollout)["state"] == "completed"


# ---- rollback ---------------------------------------------------------------------------------------


def test_a_rollback_is_a_rollout_of_its_own_linked_to_the_first(testbed):
    rollout = submit_as(testbed, "ann", plan(selector={"devices": ["P1", "P2"]}, execution=ONCE))
    device, claims = begin(testbed, rollout, "P1")
    device.reply(claims, "completed", versions={"atm-app": VERSION})
    begin(testbed, rollout, "P2", "failed")
    testbed.wait_for_rollout(rollout, "halted")
    answer = operate(testbed, rollout, "rollback", "bob", reason="cards are kept")
    assert answer["state"] == "halted"
    assert post_operation(testbed, rollout, "rollback", "cid").status == 409
    made = wait_for(lambda: shown(testbed, rollout)["rollback"], "the rollback is there")
    document = shown(testbed, made)
    assert (document["rollback_of"], document["name"]) == (rollout, "upgrade.rollback")
    assert (document["author"], document["door"]) == ("bob", "rollback")
    testbed.wait_for_state(made, "P1", "dispatched")
    assert list(testbed.database.instructions(made)) == ["P1"]
    taken_back = take(device, rollout=made)
    assert taken_back["action"] == "rollback" and taken_back["artifact"]["version"] == VERSION
    device.reply(taken_back, "completed", versions={"atm-app": OLD_VERSION})
    testbed.wait_for_rollout(made)
    wait_for(lambda: ("rollback_made", "tellercast") in events(testbed, rollout), "the first one tells of it")
    kinds = [event["kind"] for event in shown(testbed, rollout)["events"]]
    assert kinds.index("rollback_ordered") < kinds.index("rollback_made")
    assert post_operation(testbed, rollout, "retry", "cid").status == 409
    assert post_operation(testbed, made, "rollback", "cid").status == 409


def test_after_a_rollback_that_was_given_up_there_can_be_another(testbed):
    rollout = submit_as(testbed, "ann", plan(selector={"devices": ["P1"]}))
    begin(testbed, rollout, "P1", "completed")
    testbed.wait_for_rollout(rollout)
    operate(testbed, rollout, "rollback", "bob")
    first = wait_for(lambda: shown(testbed, rollout)["rollback"], "the rollback is there")
    wait_for(lambda: ("rollback_made", "tellercast") in events(testbed, rollout), "the first one tells of it")
    assert post_operation(testbed, rollout, "rollback", "cid").status == 409
    operate(testbed, first, "cancel", "cid")
    testbed.wait_for_rollout(first, "cancelled")
    operate(testbed, rollout, "rollback", "cid")
    second = wait_for(lambda: (found := shown(testbed, rollout)["rollback"]) != first and found, "another one is there")
    testbed.wait_for_state(second, "P1", "dispatched")
    assert shown(testbed, second)["name"] == "upgrade.rollback-2"


def test_a_rollback_of_a_running_rollout_cancels_it_first_and_needs_the_same_approvals(testbed):
    groups = [{"name": "first", "devices": ["P1"]}, {"name": "rest", "percentage": 100}]
    document = plan(groups=groups, selector={"devices": ["P1", "P2"]}, approvals={"required": 1})
    rollout = submit_as(testbed, "ann", document)
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    operate(testbed, rollout, "approve", "bob")
    begin(testbed, rollout, "P1", "completed")
    device, claims = begin(testbed, rollout, "P2")
    assert operate(testbed, rollout, "rollback", "bob")["state"] == "cancelling"
    report(testbed, rollout, device, claims, "completed")
    testbed.wait_for_rollout(rollout, "cancelled")
    made = wait_for(lambda: shown(testbed, rollout)["rollback"], "the rollback is there")
    testbed.wait_for_rollout(made, "awaiting_approval")
    assert post_operation(testbed, made, "approve", "bob").status == 403
    assert operate(testbed, made, "approve", "cid")["state"] == "running"
    assert set(testbed.database.instructions(made)) == {"P1", "P2"}


def test_what_cannot_be_taken_back_is_refused(testbed):
    configure = testbed.submit("parameters", action="configure", artifact=None, parameters={"limit": 400}, schedule=LATER)
    testbed.wait_for_rollout(configure, "running")
    assert "does not install" in post_operation(testbed, configure, "rollback").json()["detail"]
    nothing = testbed.submit("nothing", selector={"devices": ["P1"]}, execution=ONCE)
    begin(testbed, nothing, "P1", "failed")
    testbed.wait_for_rollout(nothing, "halted")
    answer = post_operation(testbed, nothing, "rollback")
    assert answer.status == 409 and "nothing to take back" in answer.json()["detail"]
    assert testbed.database.rollout(nothing)["rollback_wanted_by"] is None


def test_what_was_cancelled_is_not_answered_though_it_comes_back_into_the_cache(testbed):
    """As when an orchestrator reads the database before the withdrawal, and fills the cache after it."""
    entry = "tc:instruction:P1"
    rollout = testbed.submit("brake", selector={"devices": ["P1"]})
    testbed.wait_for_state(rollout, "P1", "dispatched")
    line = wait_for(lambda: testbed.redis.get(entry), "it is cached")
    operate(testbed, rollout, "cancel")
    wait_for(lambda: testbed.database.value("SELECT withdrawn_at FROM instruction WHERE device = 'P1'"), "it is withdrawn")
    wait_for(lambda: testbed.redis.get(entry) is None, "its entry is deleted")
    topic = "tc/v1/device/P1/instruction"
    wait_for(lambda: [message.payload for message in testbed.spy.messages(topic)][-1:] == [b""], "its topic is emptied")
    testbed.redis.set(entry, line)
    device = testbed.device("P1")
    device.ask()
    wait_for(lambda: device.tokens() or testbed.http.metric("tellercast_asks_empty_total") > 0, "the ask is answered")
    assert not device.tokens()
    testbed.wait_for_rollout(rollout, "cancelled")
    after = testbed.submit("after", selector={"devices": ["P1"]})
    testbed.wait_for_state(after, "P1", "dispatched")
    device.ask()
    assert device.wait_for_instruction()["rollout"] == after
