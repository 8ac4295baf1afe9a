"""Amendments: a rollout under way gets another rate, budget or end without a new plan. What tightens acts at once, what loosens
waits for as many approvals as the plan did."""

import concurrent.futures
import contextlib
import json
from datetime import datetime, timedelta, timezone

import pytest
from harness.amendments import amend, ask_to_amend, ask_to_decide, decide, listed, submit_approved
from harness.operations import JSON, events, operate, post_operation, revise, submit_as
from harness.plan import VERSION, plan
from harness.programs import command_line
from harness.wait import wait_for

TWO = {"approvals": {"required": 2}}
LATER = {"startAt": "2099-01-01T00:00:00Z"}


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2", "A3"]}, [f"P{i}" for i in range(1, 9)])
    return stack


def ahead(**much):
    return f"{datetime.now(timezone.utc) + timedelta(**much):%Y-%m-%dT%H:%M:%SZ}"


def started(testbed, rollout):
    states = testbed.database.states(rollout)
    return sum(count for state, count in states.items() if state != "created")


def finish(testbed, rollout, name, state="completed", **more):
    device = testbed.device(name)
    testbed.wait_for_state(rollout, name, "dispatched")
    device.ask()
    device.reply(device.wait_for_instruction(), state, versions={"atm-app": VERSION}, **more)
    testbed.wait_for_state(rollout, name, state)
    device.close()


def look_again(testbed, name):
    """Returns when the scheduler has looked at all instructions that were due before."""
    marker = testbed.submit(name, selector={"devices": ["P8"]}, priority=0)
    testbed.wait_for_state(marker, "P8", "dispatched")
    operate(testbed, marker, "cancel")
    testbed.wait_for_rollout(marker, "cancelled")


# ---- what tightens ----------------------------------------------------------------------------------


def test_a_lower_rate_is_in_force_at_once_with_its_author_and_the_plan_keeps_its_digest(testbed):
    rollout = submit_approved(testbed, selector={"devices": ["P1", "P2", "P3"]}, rate={"perMinute": 1000}, schedule=LATER)
    before = testbed.http.document(f"/v1/rollouts/{rollout}")
    amendment = amend(testbed, rollout, {"rate": {"perMinute": 30}})

    after = testbed.http.document(f"/v1/rollouts/{rollout}")
    assert after["version"] == before["version"] + 1 and after["state"] == "running"
    assert (after["plan"], after["digest"], after["approvals"]) == (before["plan"], before["digest"], before["approvals"])
    assert after["plan"]["spec"]["rate"]["perMinute"] == 1000
    assert after["in_force"]["rate"]["perMinute"] == 30
    told = listed(testbed, rollout)["amendments"]
    assert [(one["amendment"], one["kind"], one["state"], one["author"], one["reason"], one["is_loosening"]) for one in told] == \
        [(1, "rate", "in_force", "bob", "the line is slow", False)]
    assert (told[0]["before"]["perMinute"], told[0]["after"]["perMinute"]) == (1000, 30)
    assert told[0]["digest"] == amendment["digest"] and told[0]["plan_digest"] == before["digest"]
    assert events(testbed, rollout)[-1] == ("amended", "bob")
    assert after["events"][-1]["amendment"] == 1
    report = testbed.http.document(f"/v1/rollouts/{rollout}/report")
    assert report["amendments"] == told and report["plan"] == before["plan"]
    assert report["in_force"]["rate"]["perMinute"] == 30


def test_no_more_start_than_a_lowered_rate_allows(testbed):
    rollout = submit_as(testbed, "ann", plan(selector={"devices": [f"P{i}" for i in range(1, 8)]}, rate={"perMinute": 1000},
                                             approvals={"required": 1}))
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    amend(testbed, rollout, {"rate": {"perMinute": 2}})
    operate(testbed, rollout, "approve", "cid")
    wait_for(lambda: started(testbed, rollout) == 2, "two devices start")
    for i in range(3):
        look_again(testbed, f"later-{i}")
    assert started(testbed, rollout) == 2


def test_a_smaller_budget_holds_from_the_next_start_on_and_for_other_rollouts(testbed):
    rollout = testbed.submit("first", selector={"devices": ["A1", "A2"]}, disruptionBudget={"maxUnavailable": 3}, priority=60)
    for name in ("A1", "A2"):
        testbed.wait_for_state(rollout, name, "dispatched")
    amend(testbed, rollout, {"maxUnavailable": 2})
    another = testbed.submit("another", selector={"devices": ["A3"]}, disruptionBudget={"maxUnavailable": 3})
    testbed.wait_for_rollout(another, "running")
    for i in range(2):
        look_again(testbed, f"later-{i}")
    assert testbed.database.states(another) == {"created": 1}
    operate(testbed, rollout, "cancel")
    testbed.wait_for_state(another, "A3", "dispatched")


def test_a_rollout_ends_at_its_earlier_end_and_its_windows_are_cut(testbed):
    rollout = testbed.submit(selector={"devices": ["P1", "P2"]}, schedule={"startAt": ahead(hours=1), "endAt": ahead(hours=9)})
    testbed.wait_for_rollout(rollout, "running")
    end = ahead(hours=2)
    amend(testbed, rollout, {"endAt": end})
    windows = testbed.database.rows("SELECT rfc3339(closes_at) AS closes_at FROM rollout_window WHERE rollout_id = %s", rollout)
    assert [row["closes_at"] for row in windows] == [end.replace("Z", ".000Z")]
    assert testbed.http.document(f"/v1/rollouts/{rollout}")["in_force"]["end_at"] == end

    soon = submit_as(testbed, "ann", plan("soon", selector={"devices": ["P3"]}, approvals={"required": 1},
                                          schedule={"startAt": ahead(hours=1), "endAt": ahead(hours=9), "endBehavior": "cancel"}))
    testbed.wait_for_rollout(soon, "awaiting_approval")
    answer = ask_to_amend(testbed, soon, {"endAt": ahead(minutes=30)})
    assert answer.status == 409 and "must be after the startAt" in answer.json()["detail"], answer
    now = testbed.submit("now", selector={"devices": ["P4"]}, schedule={"startAt": ahead(seconds=-5), "endAt": ahead(hours=9)},
                         rate={"perMinute": 1}, disruptionBudget={"maxUnavailable": 1})
    testbed.wait_for_state(now, "P4", "dispatched")
    waiting = testbed.submit("waiting", selector={"devices": ["P4"]}, schedule={"endAt": ahead(hours=9)})
    testbed.wait_for_rollout(waiting, "running")
    amend(testbed, waiting, {"endAt": ahead(seconds=3)})
    testbed.wait_for_state(waiting, "P4", "expired")


def test_what_has_passed_or_is_so_already_or_is_no_change_is_refused_with_a_sentence(testbed):
    rollout = testbed.submit(selector={"devices": ["P1"]}, rate={"perMinute": 60}, schedule=LATER)
    testbed.wait_for_rollout(rollout, "running")
    for change, words in (({"endAt": ahead(hours=-1)}, "must be in the future"),
                          ({"rate": {"perMinute": 60}}, "has this value already")):
        answer = ask_to_amend(testbed, rollout, change)
        assert answer.status == 409 and words in answer.json()["detail"], answer
    for change in ({}, {"rate": {"perMinute": 1}, "maxUnavailable": 1}, {"rate": {}}, {"rate": {"perMinute": 0}},
                   {"rate": {"perMinute": 5, "growth": 2}}, {"rate": {"perMinute": 5, "maximumPerMinute": 9}},
                   {"maxUnavailable": "101%"}, {"maxUnavailable": 0}, {"endAt": "soon"}, {"budget": 1}):
        answer = ask_to_amend(testbed, rollout, change)
        assert answer.status == 422 and answer.json()["errors"], (change, answer)
    assert listed(testbed, rollout)["amendments"] == []
    operate(testbed, rollout, "cancel")
    testbed.wait_for_rollout(rollout, "cancelled")
    answer = ask_to_amend(testbed, rollout, {"rate": {"perMinute": 1}})
    assert answer.status == 409 and "allowed: awaiting_approval, running, paused" in answer.json()["detail"], answer
    assert ask_to_amend(testbed, rollout, {"rate": {"perMinute": 1}}, version=1, actor="bob").status == 409


# ---- what loosens -----------------------------------------------------------------------------------


def test_a_higher_rate_waits_for_as_many_approvals_as_the_plan_by_others_than_its_author(testbed):
    rollout = submit_approved(testbed, selector={"devices": ["P1", "P2", "P3"]}, rate={"perMinute": 1}, schedule=LATER)
    amendment = amend(testbed, rollout, {"rate": {"perMinute": 60}}, "awaiting_approval")
    assert testbed.http.document(f"/v1/rollouts/{rollout}")["in_force"]["rate"]["perMinute"] == 1
    waiting = [one for one in testbed.http.document("/v1/approvals")["approvals"] if one["kind"] == "amendment"]
    assert [(one["what"]["rollout"], one["what"]["amendment"], one["what"]["required"], one["what"]["given"], one["what"]["changes"])
            for one in waiting] == [(rollout, 1, 2, 0, "rate")]
    for author in ("bob", "ann"):
        answer = ask_to_decide(testbed, rollout, amendment, author)
        assert answer.status == 403 and "another person must approve it" in answer.json()["detail"], answer
    answer = ask_to_decide(testbed, rollout, amendment, "cid", digest="0" * 64)
    assert answer.status == 409 and amendment["digest"] in answer.json()["detail"], answer
    decide(testbed, rollout, amendment, "cid", "awaiting_approval")
    assert decide(testbed, rollout, amendment, "cid", "awaiting_approval")["existing"] is True
    assert ask_to_decide(testbed, rollout, amendment, "cid", reason="again").status == 409
    decide(testbed, rollout, amendment, "dan", "in_force")
    assert testbed.http.document(f"/v1/rollouts/{rollout}")["in_force"]["rate"]["perMinute"] == 60
    assert [event for event in events(testbed, rollout) if "amend" in event[0]] == [
        ("amendment_ordered", "bob"), ("amendment_approved", "cid"), ("amendment_approved", "dan"), ("amended", "tellercast")]
    told = listed(testbed, rollout)["amendments"][0]
    assert [(one["actor"], one["approved"]) for one in told["decisions"]] == [("cid", True), ("dan", True)]
    assert told["is_loosening"] is True and told["required"] == 2
    answer = ask_to_decide(testbed, rollout, amendment, "eve")
    assert answer.status == 409 and "is in_force" in answer.json()["detail"], answer
    assert [one for one in testbed.http.document("/v1/approvals")["approvals"] if one["kind"] == "amendment"] == []


def test_an_automatic_rollback_is_loosened_by_as_many_people_as_the_rollout_that_it_takes_back_needed(testbed):
    rollout = submit_approved(testbed, selector={"devices": ["P1", "P2"]}, rollback={"to": "previous", "on": ["failed"]},
                              execution={"retries": 0}, disruptionBudget={"maxUnavailable": 1})
    finish(testbed, rollout, "P1")
    finish(testbed, rollout, "P2", "failed", code="no_space")
    back = wait_for(lambda: testbed.database.value("SELECT max(id) FROM rollout WHERE rollback_of = %s", rollout), "it is taken back")
    testbed.wait_for_rollout(back, "running")
    assert testbed.database.rollout(back)["approvals_required"] == 0, "it began by itself"
    change = {"maxUnavailable": 3}
    assert preview(testbed, back, change).json()["required"] == 2
    amendment = amend(testbed, back, change, "awaiting_approval")
    for author in ("bob", "ann"):
        answer = ask_to_decide(testbed, back, amendment, author)
        assert answer.status == 403 and "another person must approve it" in answer.json()["detail"], answer
    waiting = testbed.http.ask("GET", "/v1/approvals", headers=testbed.http.as_("ann")).json()["approvals"]
    assert [(one["what"]["required"], one["not_by_you"]) for one in waiting if one["kind"] == "amendment"] == [(2, "own_order")], waiting
    decide(testbed, back, amendment, "cid", "awaiting_approval")
    testbed.database.rows("INSERT INTO site_policy VALUES ('other', %s)", json.dumps({"approvals": [{"action": "rollback", "count": 3}]}))
    assert preview(testbed, back, {"maxUnavailable": 2}).json()["required"] == 3, "the policy asks for more"
    decide(testbed, back, amendment, "dan", "awaiting_approval")
    decide(testbed, back, amendment, "eve", "in_force")
    testbed.database.rows("DELETE FROM site_policy WHERE orchestrator = 'other'")
    amend(testbed, back, {"maxUnavailable": 1})


def test_one_rejection_ends_the_wait_of_an_amendment(testbed):
    rollout = submit_approved(testbed, selector={"devices": ["P1"]}, disruptionBudget={"maxUnavailable": 1}, schedule=LATER)
    amendment = amend(testbed, rollout, {"maxUnavailable": "50%"}, "awaiting_approval")
    decide(testbed, rollout, amendment, "cid", "rejected", verb="reject")
    assert ask_to_decide(testbed, rollout, amendment, "dan").status == 409
    row = testbed.database.rollout(rollout)
    assert (row["max_unavailable"], row["max_unavailable_percent"], row["state"]) == (1, None, "running")


def test_its_author_alone_withdraws_an_amendment_that_waits(testbed):
    rollout = submit_approved(testbed, selector={"devices": ["P1"]}, rate={"perMinute": 1}, schedule=LATER)
    amendment = amend(testbed, rollout, {"rate": {"perMinute": 60}}, "awaiting_approval")
    decide(testbed, rollout, amendment, "cid", "awaiting_approval")
    for other in ("ann", "dan"):
        answer = ask_to_decide(testbed, rollout, amendment, other, "withdraw")
        assert answer.status == 403 and "was ordered by bob: only its author may withdraw it" in answer.json()["detail"], answer
    answer = ask_to_decide(testbed, rollout, amendment, "bob", "withdraw", digest="0" * 64)
    assert answer.status == 409 and amendment["digest"] in answer.json()["detail"], answer
    assert decide(testbed, rollout, amendment, "bob", "withdrawn", "withdraw")["existing"] is False
    assert decide(testbed, rollout, amendment, "bob", "withdrawn", "withdraw")["existing"] is True
    answer = ask_to_decide(testbed, rollout, amendment, "bob", "withdraw", reason="another one")
    assert answer.status == 409 and "is withdrawn" in answer.json()["detail"], answer
    assert ask_to_decide(testbed, rollout, amendment, "dan").status == 409
    told = testbed.http.document(f"/v1/rollouts/{rollout}/report")["amendments"][0]
    assert told["state"] == "withdrawn" and told["decided_at"] is not None
    assert [(one["actor"], one["approved"]) for one in told["decisions"]] == [("cid", True)]
    assert [event for event in events(testbed, rollout) if "amend" in event[0]] == [
        ("amendment_ordered", "bob"), ("amendment_approved", "cid"), ("amendment_withdrawn", "bob")]
    assert [one for one in testbed.http.document("/v1/approvals")["approvals"] if one["kind"] == "amendment"] == []
    in_force = amend(testbed, rollout, {"maxUnavailable": 1})
    answer = ask_to_decide(testbed, rollout, in_force, "bob", "withdraw")
    assert answer.status == 409 and "is in_force" in answer.json()["detail"], answer


def test_an_amendment_that_waits_is_void_when_another_of_its_kind_is_in_force_or_the_rollout_ends(testbed):
    rollout = submit_approved(testbed, selector={"devices": ["P1"]}, rate={"perMinute": 10}, schedule=LATER)
    faster = amend(testbed, rollout, {"rate": {"perMinute": 20}}, "awaiting_approval")
    wider = amend(testbed, rollout, {"maxUnavailable": 1})
    more = amend(testbed, rollout, {"maxUnavailable": 2}, "awaiting_approval")
    amend(testbed, rollout, {"rate": {"perMinute": 5}})
    states = {one["amendment"]: one["state"] for one in listed(testbed, rollout)["amendments"]}
    assert states == {1: "void", 2: "in_force", 3: "awaiting_approval", 4: "in_force"}
    answer = ask_to_decide(testbed, rollout, faster, "cid")
    assert answer.status == 409 and "is void" in answer.json()["detail"], answer
    operate(testbed, rollout, "cancel")
    assert ask_to_decide(testbed, rollout, more, "cid").status == 409
    states = {one["amendment"]: one["state"] for one in listed(testbed, rollout)["amendments"]}
    assert states == {1: "void", 2: "in_force", 3: "void", 4: "in_force"} and wider["amendment"] == 2


def test_a_revision_replaces_the_plan_with_all_its_amendments(testbed):
    spec = {"selector": {"devices": ["P1"]}, "approvals": {"required": 2}, "schedule": LATER}
    rollout = submit_as(testbed, "ann", plan(**spec, rate={"perMinute": 10}))
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    amend(testbed, rollout, {"rate": {"perMinute": 5}})
    assert revise(testbed, rollout, plan(**spec, rate={"perMinute": 40})).status == 200
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    shown = testbed.http.document(f"/v1/rollouts/{rollout}")
    assert shown["in_force"]["rate"]["perMinute"] == 40 and shown["plan"]["spec"]["rate"]["perMinute"] == 40
    assert {one["state"] for one in listed(testbed, rollout)["amendments"]} == {"void"}


def test_an_extended_end_lays_out_windows_and_devices_without_a_window_get_one(testbed):
    window = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "duration": "24h"}
    rollout = testbed.submit(selector={"devices": ["P1"]}, execution={"installTimeout": "1h"},
                             schedule={"endAt": ahead(minutes=30), "windows": [window], "timeZone": "UTC"})
    row = testbed.wait_for_state(rollout, "P1", "created")
    wait_for(lambda: testbed.database.instruction(rollout, "P1")["substate"] == 1, "no window is long enough")
    assert row["planned_at"] is None
    amend(testbed, rollout, {"endAt": ahead(days=3)})
    testbed.wait_for_state(rollout, "P1", "dispatched")


def test_with_a_higher_rate_devices_start_earlier_than_they_were_planned(testbed):
    rollout = testbed.submit(selector={"devices": [f"P{i}" for i in range(1, 7)]}, rate={"perMinute": 1})
    wait_for(lambda: started(testbed, rollout) == 1, "the first one starts")
    amend(testbed, rollout, {"rate": {"perMinute": 600}})
    wait_for(lambda: started(testbed, rollout) == 6, "all of them start")


def test_a_rollout_that_awaits_its_approval_is_tightened_but_not_loosened(testbed):
    rollout = submit_as(testbed, "ann", plan(selector={"devices": ["P1"]}, rate={"perMinute": 10}, approvals={"required": 2},
                                             schedule={"startAt": ahead(hours=1), "endAt": ahead(hours=2)}))
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    operate(testbed, rollout, "approve", "cid")
    for change in ({"rate": {"perMinute": 11}}, {"endAt": ahead(hours=3)}):
        for answer in (ask_to_amend(testbed, rollout, change), preview(testbed, rollout, change)):
            assert answer.status == 409 and "revise its plan instead" in answer.json()["detail"], answer
    amend(testbed, rollout, {"rate": {"perMinute": 9}})
    operate(testbed, rollout, "approve", "dan")
    testbed.wait_for_rollout(rollout, "running")
    amend(testbed, rollout, {"rate": {"perMinute": 11}}, "awaiting_approval")


def test_an_end_that_has_passed_is_not_amended_and_no_amendment_of_it_is_approved(testbed):
    rollout = submit_approved(testbed, selector={"devices": ["P1"]}, schedule={"endAt": ahead(hours=2)})
    testbed.wait_for_state(rollout, "P1", "dispatched")  # it keeps the rollout from ending
    later = amend(testbed, rollout, {"endAt": ahead(hours=3)}, "awaiting_approval")
    testbed.database.rows("UPDATE rollout SET ends_at = now() - interval '1 second' WHERE id = %s", rollout)
    assert testbed.database.rollout(rollout)["state"] == "running"
    change = {"endAt": ahead(hours=4)}
    for answer in (ask_to_amend(testbed, rollout, change), ask_to_decide(testbed, rollout, later, "cid"), preview(testbed, rollout, change)):
        assert answer.status == 409 and "the end of rollout" in answer.json()["detail"], answer
    decide(testbed, rollout, later, "cid", "rejected", verb="reject")


# ---- the preview ------------------------------------------------------------------------------------


def preview(testbed, rollout, change):
    body = {"version": 1, "reason": "what if", **change}
    return testbed.http.ask("POST", f"/v1/rollouts/{rollout}/amendments:preview", json.dumps(body), JSON)


def ends(told):
    return [told["forecast"][when]["worst_end_at"] for when in ("before", "after")]


def test_a_preview_tells_what_remains_and_when_it_ends_before_and_after_and_changes_nothing(testbed):
    rollout = submit_approved(testbed, selector={"devices": [f"P{i}" for i in range(1, 8)]}, rate={"perMinute": 60},
                              schedule={"startAt": ahead(hours=1), "endAt": ahead(hours=20)}, execution={"installTimeout": "10m"})
    row = testbed.database.rollout(rollout)
    told = preview(testbed, rollout, {"rate": {"perMinute": 1}}).json()
    assert (told["waiting"], told["at_work"], told["ended"], told["is_loosening"], told["required"]) == (7, 0, 0, False, 0)
    before, after = ends(told)
    assert before < after, "at one a minute it takes longer"
    told = preview(testbed, rollout, {"rate": {"perMinute": 600}}).json()
    assert (told["is_loosening"], told["required"]) == (True, 2)
    assert ends(told)[1] <= ends(told)[0]
    told = preview(testbed, rollout, {"endAt": ahead(minutes=65)}).json()
    assert told["forecast"]["before"]["not_started"] == 0 and told["forecast"]["after"]["not_started"] == 7, told
    told = preview(testbed, rollout, {"endAt": ahead(hours=30)}).json()
    assert told["is_loosening"] is True and told["forecast"]["after"]["not_started"] == 0, told
    branch = testbed.submit("branch", selector={"devices": ["A1", "A2", "A3"]}, disruptionBudget={"maxUnavailable": 3},
                            schedule={"startAt": ahead(hours=1)}, execution={"installTimeout": "10m"})
    testbed.wait_for_rollout(branch, "running")
    before, after = ends(preview(testbed, branch, {"maxUnavailable": 1}).json())
    assert before < after, "one after another takes longer"
    answer = preview(testbed, rollout, {"endAt": ahead(hours=-1)})
    assert answer.status == 409 and "must be in the future" in answer.json()["detail"], answer
    waiting = submit_as(testbed, "ann", plan("waiting", selector={"devices": ["P1"]}, approvals={"required": 1}))
    testbed.wait_for_rollout(waiting, "awaiting_approval")
    assert preview(testbed, waiting, {"rate": {"perMinute": 1}}).json()["forecast"] is None
    assert listed(testbed, rollout)["amendments"] == [] and testbed.database.rollout(rollout) == row


# ---- the command line -------------------------------------------------------------------------------

HEALTHY, ERROR, USAGE, WAITS = 0, 1, 2, 4  # exit codes


def test_the_command_line_previews_amends_shows_and_decides(testbed):
    rollout = submit_approved(testbed, selector={"devices": ["P1", "P2"]}, rate={"perMinute": 60},
                              schedule={"startAt": ahead(hours=1), "endAt": ahead(hours=20)})

    def give(person, *words, code=HEALTHY):
        done = command_line("rollout", *words, *testbed.http.at(person), check=False)
        assert done.returncode == code, done
        return done

    why = ("--reason", "the line is slow")
    shown = give("bob", "amend", rollout, "--per-minute", "30", "--dry-run", *why)
    assert shown.stdout == "" and "rate from 60 a minute to 30 a minute: it tightens; 2 devices wait" in shown.stderr, shown
    assert "before: ends at best" in shown.stderr and "after: ends at best" in shown.stderr
    assert listed(testbed, rollout)["amendments"] == []
    assert "amendment 1 ordered; it is in force" in give("bob", "amend", rollout, "--per-minute", "30", *why).stdout
    assert "amendment 2 ordered; it is in force" in give("bob", "amend", rollout, "--max-unavailable", "10%", *why).stdout
    waits = give("bob", "amend", rollout, "--end-at", "30h", *why, code=WAITS)
    assert "amendment 3 ordered; it is awaiting approval" in waits.stdout
    assert f"tellercast rollout approve {rollout} --amendment 3" in waits.stderr

    status = give("cid", "status", rollout).stdout
    assert "rate 30 a minute, by the plan 60 a minute" in status and "budget 10 % of a branch, by the plan none" in status, status
    assert "3, end from" in status and "0 of 2 approvals given" in status
    assert "upgrade, amendment 3: end from" in command_line("approval", "list", *testbed.http.at("cid")).stdout
    tried = give("cid", "approve", rollout, "--amendment", "3", "--reason", "agreed", "--dry-run")
    assert tried.stdout == "" and "changes" in tried.stderr and "0 of 2 approvals given" in give("cid", "status", rollout).stdout, tried
    approved = give("cid", "approve", rollout, "--amendment", "3", "--reason", "agreed")
    assert "it is awaiting approval" in approved.stdout and "changes" in approved.stderr, approved
    document = json.loads(give("dan", "approve", rollout, "--amendment", "3", "--reason", "agreed", "--json").stdout)
    assert document["amendment"]["state"] == "in_force"
    table = give("cid", "amendments", rollout).stdout
    assert [line.split()[:2] for line in table.splitlines()[1:]] == [["1", "rate"], ["2", "budget"], ["3", "end"]], table
    assert "rejected; it is rejected" in give("cid", "reject", rollout, "--amendment", amended(give, rollout, why), "--reason", "no").stdout

    number = str(amended(give, rollout, why))
    assert give("bob", "amend", rollout, "--withdraw", number, "--dry-run", *why).stdout == ""
    assert f"amendment {number} withdrawn; it is withdrawn" in give("bob", "amend", rollout, "--withdraw", number, *why).stdout
    assert "only its author" in give("cid", "amend", rollout, "--withdraw", str(amended(give, rollout, why)), *why, code=ERROR).stderr

    for words in (["--withdraw", number, "--per-minute", "5"], ["--withdraw", "none"], ["--per-minute", "5", "--end-at", "2h"], [], ["--per-minute", "many"], ["--max-unavailable", "some"],
                  ["--end-at", "later"]):
        give("bob", "amend", rollout, *words, *why, code=USAGE)
    assert "has this value already" in give("bob", "amend", rollout, "--per-minute", "30", *why, code=ERROR).stderr
    assert "has no amendment 9" in give("cid", "approve", rollout, "--amendment", "9", "--reason", "x", code=ERROR).stderr
    give("cid", "approve", rollout, "--amendment", "x", "--reason", "x", code=USAGE)


def amended(give, rollout, why):
    """The number of an amendment that waits."""
    answer = give("bob", "amend", rollout, "--per-minute", "90", "--json", *why, code=WAITS).stdout
    return json.loads(answer)["amendment"]["amendment"]


# ---- at once ----------------------------------------------------------------------------------------


def test_of_two_amendments_at_once_of_one_version_one_is_refused_and_the_same_again_changes_nothing(testbed):
    rollout = testbed.submit(selector={"devices": ["P1"]}, rate={"perMinute": 100}, schedule=LATER)
    testbed.wait_for_rollout(rollout, "running")
    version = testbed.database.rollout(rollout)["version"]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: ask_to_amend(testbed, rollout, {"rate": {"perMinute": 10 + n}}, f"p{n}", version=version),
                                range(6)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409, 409, 409]
    winner = listed(testbed, rollout)["amendments"]
    assert len(winner) == 1
    again = ask_to_amend(testbed, rollout, {"rate": {"perMinute": winner[0]["after"]["perMinute"]}}, winner[0]["author"],
                         version=version)
    assert again.status == 200 and again.json()["existing"] is True, again
    assert again.json()["amendment"]["digest"] == winner[0]["digest"]
    assert post_operation(testbed, rollout, "pause", version=version).status == 409
    assert testbed.database.rollout(rollout)["version"] == version + 1


def claim_waits(testbed, rollout):
    """Whether a claim waits for a lock that began when all devices were due."""
    return testbed.database.value(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%own AS MATERIALIZED%%' "
        "AND xact_start > (SELECT max(due_at) FROM instruction WHERE rollout_id = %s)", rollout)


def test_a_claim_that_began_before_an_amendment_was_committed_starts_nothing_by_the_old_rate(testbed):
    rollout = testbed.submit(selector={"devices": [f"P{i}" for i in range(1, 8)]}, rate={"perMinute": 1000},
                             schedule={"startAt": ahead(seconds=3)})
    testbed.wait_for_rollout(rollout, "running")
    with contextlib.closing(testbed.database.connect()) as connection, connection.cursor() as cursor:
        connection.autocommit = False
        cursor.execute("UPDATE rollout SET version = version + 1, plan = jsonb_set(plan, '{spec,rate,perMinute}', '2') WHERE id = %s",
                       [rollout])  # as an amendment does, which is not committed yet
        wait_for(lambda: claim_waits(testbed, rollout) == 1, "a claim waits for the rollout")
        assert started(testbed, rollout) == 0
        connection.commit()
    wait_for(lambda: started(testbed, rollout) == 2, "two devices start")
    for i in range(2):
        look_again(testbed, f"later-{i}")
    assert started(testbed, rollout) == 2
