"""What people order on a rollout that is there: pause, resume, cancel, retry, rollback."""

import concurrent.futures
import json

import pytest
from harness.operations import events, order, ordered, submit_as
from harness.plan import OLD_VERSION, VERSION, plan
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}
ONCE = {"retries": 0}


@pytest.fixture
def bank(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2"]}, ["P1", "P2", "P3", "P9"])
    stack.markers = 0
    return stack


def look_again(bank):
    """Returns when the scheduler has looked at everything that was due before."""
    bank.markers += 1
    marker = bank.submit(f"marker-{bank.markers}", selector={"devices": ["P9"]})
    device = bank.device("P9")
    bank.wait_for_state(marker, "P9", "dispatched")
    device.ask()
    device.reply(device.wait_for_instruction(), "completed")
    bank.wait_for_rollout(marker)
    device.close()


def begin(bank, rollout, name, state="installing"):
    """The device takes its instruction and reports this state; returns it and its instruction."""
    device = bank.device(name)
    bank.wait_for_state(rollout, name, "dispatched")
    device.ask()
    claims = device.wait_for_instruction()
    report(bank, rollout, device, claims, state)
    return device, claims


def take(device, **wanted):
    """The instruction with these claims: a pull client gets each twice, retained and as the answer to its ask."""
    device.ask()
    found = wait_for(lambda: [token for token in device.tokens() if wanted.items() <= token.items()],
                     f"{device.name} has an instruction of {wanted}")
    return found[0]


def report(bank, rollout, device, claims, state):
    device.reply(claims, state)
    bank.wait_for_state(rollout, device.name, state)


def shown(bank, rollout):
    return bank.http.document(f"/v1/rollouts/{rollout}")


# ---- the rules of all orders ------------------------------------------------------------------------


def test_the_same_order_again_is_the_same_order(bank):
    rollout = bank.submit(schedule=LATER)
    bank.wait_for_rollout(rollout, "running")
    version = bank.database.rollout(rollout)["version"]
    first = ordered(bank, rollout, "pause", version=version)
    assert first == {"rollout": rollout, "name": "upgrade", "state": "paused", "version": version + 1,
                     "operation": "pause", "existing": False}
    assert ordered(bank, rollout, "pause", version=version) == {**first, "existing": True}
    ordered(bank, rollout, "resume", version=version + 1)
    late = ordered(bank, rollout, "pause", version=version)
    assert (late["existing"], late["state"], late["version"]) == (True, "running", version + 2)
    assert [kind for kind, _ in events(bank, rollout)].count("paused") == 1


def test_an_order_on_ground_that_changed_is_refused_and_says_what_happened(bank):
    rollout = bank.submit(schedule=LATER)
    bank.wait_for_rollout(rollout, "running")
    version = bank.database.rollout(rollout)["version"]
    ordered(bank, rollout, "pause", "bob", version=version)
    for other in ({"actor": "cid"}, {"reason": "another"}, {"operation": "cancel"}):
        answer = order(bank, rollout, **{"operation": "pause", "actor": "bob", "version": version, **other})
        detail = answer.json()["detail"]
        assert answer.status == 409 and f"is paused at version {version + 1}" in detail, answer
        assert "paused, by bob" in detail
    assert order(bank, rollout, "pause", version=version + 2).status == 409
    assert bank.database.rollout(rollout)["state"] == "paused"


def test_of_two_orders_at_once_on_the_same_ground_one_is_carried_out(bank):
    rollout = bank.submit(schedule=LATER)
    bank.wait_for_rollout(rollout, "running")
    version = bank.database.rollout(rollout)["version"]
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda person: order(bank, rollout, "pause", f"p{person % 5}", version=version), range(10)))
    carried_out = [answer.json() for answer in answers if answer.status == 200]
    assert sorted(answer["existing"] for answer in carried_out) == [False, True]
    assert [answer.status for answer in answers].count(409) == 8
    assert bank.database.rollout(rollout)["version"] == version + 1


STATES_THAT_ALLOW = {
    "pause": {"running"},
    "resume": {"paused"},
    "approve": {"awaiting_approval"},
    "reject": {"awaiting_approval"},
    "cancel": {"accepted", "awaiting_approval", "running", "paused", "halted"},
    "retry": {"running", "paused", "completed", "halted"},
    "rollback": {"running", "paused", "cancelling", "completed", "halted", "cancelled"},
}


@pytest.mark.parametrize("operation", STATES_THAT_ALLOW)
def test_an_order_that_does_not_fit_the_state_says_which_states_it_is_for(bank, operation):
    rollout = bank.submit(schedule=LATER)
    bank.wait_for_rollout(rollout, "running")
    states = "accepted awaiting_approval running paused cancelling completed halted cancelled rejected".split()
    for state in states:
        bank.database.rows("UPDATE rollout SET state = %s WHERE id = %s", state, rollout)
        if state in STATES_THAT_ALLOW[operation] or state == "cancelling":
            continue  # that one would go on by itself
        answer = order(bank, rollout, operation)
        detail = answer.json()["detail"]
        assert answer.status == 409 and f"is {state}; {operation} is for one that is: " in detail, answer
        assert set(detail.split(" is: ")[1].split(", ")) == STATES_THAT_ALLOW[operation]


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


def test_an_order_that_cannot_be_read_changes_nothing(bank):
    rollout = bank.submit(schedule=LATER)
    bank.wait_for_rollout(rollout, "running")
    before = bank.database.everything()
    headers = {"Content-Type": "application/json"}
    for what, (body, status) in BAD_BODIES.items():
        answer = bank.http.ask("POST", f"/v1/rollouts/{rollout}/pause", body, headers)
        assert answer.status == status, (what, answer)
        problem = answer.json()
        assert status == 413 or (problem["errors"] and "path" in problem["errors"][0]), (what, problem)
    good = '{"version":1,"reason":"r"}'
    for path in ("/v1/rollouts/999/pause", "/v1/rollouts/0/pause", "/v1/rollouts/x/pause"):
        assert bank.http.ask("POST", path, good, headers).status == 404
    assert bank.http.ask("POST", f"/v1/rollouts/{rollout}/pause", good, {"Content-Type": "text/plain"}).status == 415
    assert bank.http.ask("POST", f"/v1/rollouts/{rollout}/pause?now=1", good, headers).status == 400
    assert bank.database.everything() == before


# ---- pause and resume -------------------------------------------------------------------------------


def submit_one_by_one(bank):
    return bank.submit(selector={"devices": ["A1", "A2"]}, disruptionBudget={"maxUnavailable": 1})


def find_first(bank, rollout):
    """The device that is started first, and the one that waits."""
    wait_for(lambda: bank.database.states(rollout).get("dispatched") == 1, "one is started")
    waits = bank.database.instruction(rollout, "A1")["state_name"] == "created"
    return ("A2", "A1") if waits else ("A1", "A2")


def test_a_pause_stops_starts_and_not_what_is_in_flight_and_a_resume_goes_on(bank):
    rollout = submit_one_by_one(bank)
    first, second = find_first(bank, rollout)
    device, claims = begin(bank, rollout, first)
    ordered(bank, rollout, "pause", reason="the core banking system is slow")
    report(bank, rollout, device, claims, "completed")
    look_again(bank)
    assert bank.database.instruction(rollout, second)["state_name"] == "created"
    assert shown(bank, rollout)["state"] == "paused"
    ordered(bank, rollout, "resume")
    device, claims = begin(bank, rollout, second)
    report(bank, rollout, device, claims, "completed")
    bank.wait_for_rollout(rollout)
    assert ("paused", "bob") in events(bank, rollout) and ("resumed", "bob") in events(bank, rollout)
    told = next(event for event in shown(bank, rollout)["events"] if event["kind"] == "paused")
    assert told["reason"] == "the core banking system is slow" and told["version"] is not None


def test_an_order_at_one_orchestrator_holds_for_the_others(bank):
    bank.orchestrator()
    rollout = submit_one_by_one(bank)
    first, second = find_first(bank, rollout)
    ordered(bank, rollout, "pause", number=1)
    again = order(bank, rollout, "pause", number=0, version=bank.database.rollout(rollout)["version"] - 1)
    assert again.json()["existing"] is True
    begin(bank, rollout, first, "completed")
    look_again(bank)
    assert bank.database.instruction(rollout, second)["state_name"] == "created"
    ordered(bank, rollout, "resume", number=0)
    bank.wait_for_state(rollout, second, "dispatched")


# ---- cancel -----------------------------------------------------------------------------------------


def test_a_cancel_lets_finish_what_is_at_work_and_ends_the_rest(bank):
    groups = [{"name": "first", "devices": ["P1", "P2"]}, {"name": "rest", "percentage": 100}]
    rollout = bank.submit(groups=groups, selector={"devices": ["P1", "P2", "A1"]})
    device, claims = begin(bank, rollout, "P1")
    bank.wait_for_state(rollout, "P2", "dispatched")
    answer = ordered(bank, rollout, "cancel", reason="the wrong artifact")
    assert answer["state"] == "cancelling"
    bank.wait_for_state(rollout, "P2", "cancelled")
    bank.wait_for_state(rollout, "A1", "cancelled")
    assert bank.database.rollout(rollout)["state"] == "cancelling"
    unaware = bank.device("P2")
    unaware.ask()
    report(bank, rollout, device, claims, "completed")
    bank.wait_for_rollout(rollout, "cancelled")
    assert unaware.tokens() == []
    assert bank.database.states(rollout) == bank.database.counters(rollout) == {"completed": 1, "cancelled": 2}
    document = shown(bank, rollout)
    assert document["ended_at"] is not None
    kinds = [event["kind"] for event in document["events"]]
    assert kinds.index("cancel_ordered") < kinds.index("cancelled")
    assert order(bank, rollout, "cancel", "cid").status == 409


def wait_until_withdrawn(bank, rollout, name):
    """It was dispatched, and is cancelled soon; until then what comes of an answer that was under way counts."""
    wait_for(lambda: bank.database.instruction(rollout, name)["withdrawn_at"], f"{name}'s instruction is withdrawn")


def test_an_answer_that_was_under_way_when_its_rollout_was_cancelled_counts(bank):
    rollout = bank.submit(selector={"devices": ["P1", "P2"]})
    bank.wait_for_state(rollout, "P1", "dispatched")
    device, other = bank.device("P1"), bank.device("P2")
    claims = wait_for(device.tokens, "it has it from its retained topic")[0]
    wait_for(other.tokens, "so has the other")
    ordered(bank, rollout, "cancel")
    wait_until_withdrawn(bank, rollout, "P1")
    report(bank, rollout, device, claims, "received")
    bank.wait_for_state(rollout, "P2", "cancelled")
    assert bank.database.instruction(rollout, "P1")["state_name"] == "received"
    report(bank, rollout, device, claims, "completed")
    bank.wait_for_rollout(rollout, "cancelled")
    assert bank.database.states(rollout) == bank.database.counters(rollout) == {"completed": 1, "cancelled": 1}


def test_what_is_withdrawn_is_given_to_nobody_and_holds_its_place_in_the_branch_until_it_is_cancelled(bank):
    first = bank.submit("first", selector={"devices": ["A1"]}, disruptionBudget={"maxUnavailable": 1})
    bank.wait_for_state(first, "A1", "dispatched")
    second = bank.submit("second", selector={"devices": ["A2"]}, disruptionBudget={"maxUnavailable": 1})
    bank.wait_for_rollout(second, "running")
    device = bank.device("A1")
    ordered(bank, first, "cancel")
    wait_until_withdrawn(bank, first, "A1")
    device.ask()
    wait_for(lambda: bank.http.metric("tellercast_asks_empty_total") > 0, "it is told that there is nothing for it")
    bank.wait_for_state(second, "A2", "dispatched")
    given_up, started = bank.database.instruction(first, "A1"), bank.database.instruction(second, "A2")
    assert (given_up["state_name"], given_up["code"]) == ("cancelled", "rollout_cancelled")
    assert given_up["withdrawn_at"] < given_up["ended_at"] <= started["dispatched_at"]
    assert device.tokens() == []


def test_a_rollout_that_awaits_approval_can_be_cancelled(bank):
    rollout = bank.submit(approvals={"required": 1}, schedule=LATER)
    bank.wait_for_rollout(rollout, "awaiting_approval")
    ordered(bank, rollout, "cancel")
    bank.wait_for_rollout(rollout, "cancelled")
    assert set(bank.database.states(rollout)) == {"cancelled"}


# ---- retry ------------------------------------------------------------------------------------------


def fail_two_of_three(bank):
    """P1 fails, P2 rejects, P3 completes; returns the rollout, which is halted, and the devices."""
    rollout = bank.submit(selector={"devices": ["P1", "P2", "P3"]}, execution=ONCE)
    devices = {}
    for name, state in {"P1": "failed", "P2": "rejected", "P3": "completed"}.items():
        devices[name], _ = begin(bank, rollout, name, state)
    bank.wait_for_rollout(rollout, "halted")
    return rollout, devices


def test_a_retry_gives_each_that_did_not_succeed_another_attempt(bank):
    rollout, devices = fail_two_of_three(bank)
    version = bank.database.rollout(rollout)["version"]
    answer = ordered(bank, rollout, "retry", reason="the disk was full")
    assert (answer["state"], answer["version"]) == ("running", version + 1)
    assert ordered(bank, rollout, "retry", reason="the disk was full", version=version)["existing"] is True
    for name in ("P1", "P2"):
        bank.wait_for_state(rollout, name, "dispatched")
        row = bank.database.instruction(rollout, name)
        assert (row["attempt"], row["failures"], row["deferrals"], row["code"]) == (2, 0, 0, None)
        report(bank, rollout, devices[name], take(devices[name], attempt=2), "completed")
    bank.wait_for_rollout(rollout, "completed")
    assert bank.database.states(rollout) == bank.database.counters(rollout) == {"completed": 3}
    assert bank.database.instruction(rollout, "P3")["attempt"] == 1
    assert [group["state"] for group in shown(bank, rollout)["groups"]] == ["passed"]
    assert len(bank.database.events(bank.database.instruction(rollout, "P1")["id"])) == 1


def test_a_retry_of_a_paused_rollout_waits_for_the_resume(bank):
    groups = [{"name": "first", "devices": ["P1"], "success": "0%"}, {"name": "rest", "percentage": 100}]
    rollout = bank.submit(groups=groups, selector={"devices": ["P1", "P2"]}, execution=ONCE)
    device, _ = begin(bank, rollout, "P1", "failed")
    begin(bank, rollout, "P2")
    ordered(bank, rollout, "pause")
    assert ordered(bank, rollout, "retry")["state"] == "paused"
    look_again(bank)
    assert bank.database.instruction(rollout, "P1")["state_name"] == "created"
    assert [group["state"] for group in shown(bank, rollout)["groups"]] == ["open", "open"]
    ordered(bank, rollout, "resume")
    bank.wait_for_state(rollout, "P1", "dispatched")
    take(device, attempt=2)


def test_a_retry_of_nothing_is_refused(bank):
    rollout = bank.submit(selector={"devices": ["P1"]})
    begin(bank, rollout, "P1", "completed")
    bank.wait_for_rollout(rollout)
    answer = order(bank, rollout, "retry")
    assert answer.status == 409 and "nothing" in answer.json()["detail"]
    assert bank.database.rollout(rollout)["state"] == "completed"


# ---- rollback ---------------------------------------------------------------------------------------


def test_a_rollback_is_a_rollout_of_its_own_linked_to_the_first(bank):
    rollout = submit_as(bank, "ann", plan(selector={"devices": ["P1", "P2"]}, execution=ONCE))
    device, claims = begin(bank, rollout, "P1")
    device.reply(claims, "completed", versions={"atm-app": VERSION})
    begin(bank, rollout, "P2", "failed")
    bank.wait_for_rollout(rollout, "halted")
    answer = ordered(bank, rollout, "rollback", "bob", reason="cards are kept")
    assert answer["state"] == "halted"
    assert order(bank, rollout, "rollback", "cid").status == 409
    made = wait_for(lambda: shown(bank, rollout)["rollback"], "the rollback is there")
    document = shown(bank, made)
    assert (document["rollback_of"], document["name"]) == (rollout, "upgrade.rollback")
    assert (document["author"], document["door"]) == ("bob", "rollback")
    bank.wait_for_state(made, "P1", "dispatched")
    assert list(bank.database.instructions(made)) == ["P1"]
    taken_back = take(device, rollout=made)
    assert taken_back["action"] == "rollback" and taken_back["artifact"]["version"] == VERSION
    device.reply(taken_back, "completed", versions={"atm-app": OLD_VERSION})
    bank.wait_for_rollout(made)
    wait_for(lambda: ("rollback_made", "tellercast") in events(bank, rollout), "the first one tells of it")
    kinds = [event["kind"] for event in shown(bank, rollout)["events"]]
    assert kinds.index("rollback_ordered") < kinds.index("rollback_made")
    assert order(bank, rollout, "retry", "cid").status == 409
    assert order(bank, made, "rollback", "cid").status == 409


def test_after_a_rollback_that_was_given_up_there_can_be_another(bank):
    rollout = submit_as(bank, "ann", plan(selector={"devices": ["P1"]}))
    begin(bank, rollout, "P1", "completed")
    bank.wait_for_rollout(rollout)
    ordered(bank, rollout, "rollback", "bob")
    first = wait_for(lambda: shown(bank, rollout)["rollback"], "the rollback is there")
    wait_for(lambda: ("rollback_made", "tellercast") in events(bank, rollout), "the first one tells of it")
    assert order(bank, rollout, "rollback", "cid").status == 409
    ordered(bank, first, "cancel", "cid")
    bank.wait_for_rollout(first, "cancelled")
    ordered(bank, rollout, "rollback", "cid")
    second = wait_for(lambda: (found := shown(bank, rollout)["rollback"]) != first and found, "another one is there")
    bank.wait_for_state(second, "P1", "dispatched")
    assert shown(bank, second)["name"] == "upgrade.rollback-2"


def test_a_rollback_of_a_running_rollout_cancels_it_first_and_needs_the_same_approvals(bank):
    groups = [{"name": "first", "devices": ["P1"]}, {"name": "rest", "percentage": 100}]
    document = plan(groups=groups, selector={"devices": ["P1", "P2"]}, approvals={"required": 1})
    rollout = submit_as(bank, "ann", document)
    bank.wait_for_rollout(rollout, "awaiting_approval")
    ordered(bank, rollout, "approve", "bob")
    begin(bank, rollout, "P1", "completed")
    device, claims = begin(bank, rollout, "P2")
    assert ordered(bank, rollout, "rollback", "bob")["state"] == "cancelling"
    report(bank, rollout, device, claims, "completed")
    bank.wait_for_rollout(rollout, "cancelled")
    made = wait_for(lambda: shown(bank, rollout)["rollback"], "the rollback is there")
    bank.wait_for_rollout(made, "awaiting_approval")
    assert order(bank, made, "approve", "bob").status == 403
    assert ordered(bank, made, "approve", "cid")["state"] == "running"
    assert set(bank.database.instructions(made)) == {"P1", "P2"}


def test_what_cannot_be_taken_back_is_refused(bank):
    configure = bank.submit("parameters", action="configure", artifact=None, parameters={"limit": 400}, schedule=LATER)
    bank.wait_for_rollout(configure, "running")
    assert "does not install" in order(bank, configure, "rollback").json()["detail"]
    nothing = bank.submit("nothing", selector={"devices": ["P1"]}, execution=ONCE)
    begin(bank, nothing, "P1", "failed")
    bank.wait_for_rollout(nothing, "halted")
    answer = order(bank, nothing, "rollback")
    assert answer.status == 409 and "nothing to take back" in answer.json()["detail"]
    assert bank.database.rollout(nothing)["rollback_wanted_by"] is None
