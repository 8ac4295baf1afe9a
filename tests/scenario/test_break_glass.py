"""Break-glass: one person lets a rollout run without approvals, and two others review that."""

import concurrent.futures
import contextlib
import json

import pytest
from harness.operations import JSON, events, operate, post_operation, revise, submit_as
from harness.plan import APPLICATION, VERSION, plan
from harness.programs import command_line
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}
PEOPLE = {"bea": ("break_glass",), "bob": ("approver",), "cid": ("approver", "viewer"), "vic": ("viewer", "operator")}


@pytest.fixture(scope="module")
def testbed(module_stack):
    module_stack.orchestrator(policy={"review_within": "2h"})
    module_stack.add_artifact()
    module_stack.import_fleet({"B1": ["A1", "A2"]})
    for name, roles in PEOPLE.items():
        module_stack.people.add(name, roles)
    module_stack.people.settle(module_stack.http)
    return module_stack


def waiting(testbed, name):
    rollout = submit_as(testbed, "ann", plan(name, approvals={"required": 2}, schedule=LATER))
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    return rollout


def decide(testbed, review, decision, actor, reason="it was right"):
    return testbed.http.ask("POST", f"/v1/reviews/{review}/{decision}", json.dumps({"reason": reason}),
                            {**JSON, **testbed.http.as_(actor)})


def review_of(testbed, rollout):
    reviews = testbed.http.document("/v1/reviews")["reviews"]
    return next(review for review in reviews if review["rollout"] == rollout)


def run(testbed, actor, *words):
    return command_line(*words, "--server", testbed.http.url, "--token-file", testbed.people.file(testbed.http, actor), check=False)


def test_one_person_with_the_role_starts_a_rollout_at_once_and_two_others_review_it(testbed):
    rollout = waiting(testbed, "urgent")
    for actor in ("bob", "vic"):
        refused = post_operation(testbed, rollout, "break-glass", actor)
        assert refused.status == 403 and refused.json()["detail"] == "needs role break_glass"
    assert post_operation(testbed, rollout, "break-glass", "bea", reason=None).status == 422
    refusals = "SELECT refusal FROM act WHERE verb = 'break-glass' AND person = 'bea'"
    wait_for(lambda: [row["refusal"] for row in testbed.database.rows(refusals)] == ["the operation has 1 fault: reason: is required"],
             "the record says what was wrong")
    assert testbed.database.rows("SELECT id FROM review") == []
    done = run(testbed, "bea", "rollout", "break-glass", "urgent", "--reason", "the patch stops thefts")
    assert done.returncode == 0 and "it is running" in done.stdout and "tellercast review list" in done.stderr, done
    answer = operate(testbed, rollout, "break-glass", "bea", version=1, reason="the patch stops thefts")
    assert answer["existing"] is True and answer["state"] == "running"
    kinds = events(testbed, rollout)
    assert kinds.index(("glass_broken", "bea")) < kinds.index(("started", "bea"))
    review = review_of(testbed, rollout)
    assert (review["actor"], review["reason"], review["state"]) == ("bea", "the patch stops thefts", "pending")
    assert testbed.database.value("SELECT due_at - at = interval '2 h' FROM review WHERE id = %s", review["review"]) is True
    assert review["digest"] == testbed.database.rollout(rollout)["digest"] and review["decisions"] == []
    assert (review["of"], review["ordered_by"]) == ("start", None)
    assert testbed.http.document(f"/v1/rollouts/{rollout}")["approvals"]["reviews"] == [review]
    for command in ("status", "report"):
        shown = run(testbed, "vic", "rollout", command, rollout).stdout
        assert f"{review['review']} is pending: bea let it start without approvals" in shown, shown
    assert "rollout.glass_broken" in testbed.orchestrators[0].text()

    refused_before, seen = testbed.http.metric("tellercast_access_refused_total"), len(testbed.orchestrators[0].text())
    assert decide(testbed, review["review"], "accept", "ann").status == 403
    assert testbed.http.metric("tellercast_access_refused_total") == refused_before + 1
    assert "access.refused door=http person=ann" in testbed.orchestrators[0].text()[seen:], "who had a part"
    for actor, why in (("ann", "has a part"), ("bea", "role approver"), ("vic", "role approver")):
        refused = decide(testbed, review["review"], "accept", actor)
        assert refused.status == 403 and why in refused.json()["detail"], refused
    assert decide(testbed, review["review"], "accept", "bob").json()["state"] == "pending"
    assert decide(testbed, review["review"], "accept", "bob").json()["existing"] is True
    assert decide(testbed, review["review"], "object", "bob").status == 409, "a person decides once"
    shown = run(testbed, "vic", "review", "list", "--json")
    assert json.loads(shown.stdout)["reviews"][0]["decisions"][0]["actor"] == "bob", shown
    accepted = run(testbed, "cid", "review", "accept", review["review"], "--reason", "it was right")
    assert accepted.returncode == 0 and "it is accepted" in accepted.stdout, accepted
    assert decide(testbed, review["review"], "object", "dan").status == 409, "it has ended"
    assert review_of(testbed, rollout)["state"] == "accepted"
    assert ("review_accepted", "cid") in events(testbed, rollout)
    assert "bob accepted" in run(testbed, "vic", "rollout", "status", rollout).stdout


def stop_by_abort(testbed, rollout):
    rows = testbed.database.rows
    rows("INSERT INTO rollout_event (rollout_id, kind, actor, reason) VALUES (%s, 'aborted', 'tellercast', 'x')", rollout)
    rows("UPDATE rollout SET state = 'paused', version = version + 1 WHERE id = %s", rollout)


def reviews_of(testbed, rollout):
    return testbed.http.document(f"/v1/rollouts/{rollout}")["approvals"]["reviews"]


def test_nobody_reviews_what_it_broke_the_glass_for_or_wrote_or_approved(testbed):
    rollout = waiting(testbed, "together")
    assert revise(testbed, rollout, plan("together", approvals={"required": 3}, schedule=LATER), "rex").status == 200
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    operate(testbed, rollout, "approve", "eva")
    operate(testbed, rollout, "break-glass", "one")
    stop_by_abort(testbed, rollout)
    operate(testbed, rollout, "resume", "dan")
    operate(testbed, rollout, "approve", "fay")
    operate(testbed, rollout, "break-glass", "two")
    first, second = reviews_of(testbed, rollout)
    assert [(review["of"], review["ordered_by"], review["actor"]) for review in (first, second)] == [
        ("start", None, "one"), ("resume", "dan", "two")]
    for review, actors in ((first, ("one", "two", "ann", "rex", "eva")), (second, ("one", "two", "ann", "rex", "fay", "dan"))):
        for actor in actors:
            refused = decide(testbed, review["review"], "accept", actor)
            assert refused.status == 403 and "has a part" in refused.json()["detail"], (review, actor, refused)
    for review, actors in ((first, ("fay", "dan")), (second, ("eva", "bob"))):
        assert [decide(testbed, review["review"], "accept", actor).status for actor in actors] == [200, 200]
    testbed.database.rows("INSERT INTO rollout_event (rollout_id, kind, actor, reason) VALUES (%s, 'revised', 'ghost', 'x')", rollout)
    unknown = decide(testbed, first["review"], "accept", "cid")
    assert unknown.status == 403 and "ghost" in unknown.json()["detail"], unknown


def test_a_request_with_a_long_reason_that_is_repeated_changes_nothing(testbed):
    rollout, reason = waiting(testbed, "long"), "\U0001f600" * 500
    request = {"version": testbed.database.rollout(rollout)["version"], "reason": reason}
    answers = [operate(testbed, rollout, "break-glass", "bea", **request) for _ in range(2)]
    assert [answer["existing"] for answer in answers] == [False, True]
    stop_by_abort(testbed, rollout)
    operate(testbed, rollout, "resume", "dan")
    answers = [operate(testbed, rollout, "approve", "bob", reason=reason) for _ in range(2)]
    assert [answer["existing"] for answer in answers] == [False, True]


def test_decisions_that_come_at_the_same_time_are_both_counted(testbed):
    rollout = waiting(testbed, "at-once")
    operate(testbed, rollout, "break-glass", "bea")
    review = review_of(testbed, rollout)["review"]
    testbed.http.as_("bob")
    with contextlib.closing(testbed.database.connect()) as other, concurrent.futures.ThreadPoolExecutor(1) as threads:
        other.autocommit = False
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM review WHERE id = %s FOR UPDATE", (review,))
            cursor.execute("INSERT INTO review_decision VALUES (%s, 'cid', true, 'it was right', now())", (review,))
            answer = threads.submit(decide, testbed, review, "accept", "bob")
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND position('review' IN query) > 0"
            wait_for(lambda: testbed.database.value(waits) == 1, "the second one waits")
            other.commit()
        assert answer.result().json()["state"] == "accepted", "it saw the first one"


def test_broken_glass_starts_nothing_after_its_end_and_resumes_what_waits_though_no_policy_asks_for_it(testbed):
    rollout, rows = waiting(testbed, "ended"), testbed.database.rows
    rows("UPDATE rollout SET ends_at = now() - interval '1 s' WHERE id = %s", rollout)
    late = post_operation(testbed, rollout, "break-glass", "bea")
    assert late.status == 409 and testbed.database.rollout(rollout)["state"] == "awaiting_approval", late
    rows("UPDATE rollout SET ends_at = NULL, approvals_required = 0 WHERE id = %s", rollout)
    operate(testbed, rollout, "break-glass", "bea")
    rows("INSERT INTO site_policy VALUES ('stricter', %s)", json.dumps({"approvals": [{"action": "resume", "count": 1}]}))
    stop_by_abort(testbed, rollout)
    assert operate(testbed, rollout, "resume", "dan")["state"] == "paused"
    rows("DELETE FROM site_policy WHERE orchestrator = 'stricter'")
    assert operate(testbed, rollout, "break-glass", "bea")["state"] == "running"


def test_a_review_is_alarmed_while_it_is_overdue(testbed):
    rollout, metric = waiting(testbed, "late"), testbed.http.metric
    testbed.database.rows("DELETE FROM review_decision")
    testbed.database.rows("DELETE FROM review")
    wait_for(lambda: metric("tellercast_reviews_pending") == 0, "nothing is pending")
    operate(testbed, rollout, "break-glass", "bea")
    review = review_of(testbed, rollout)["review"]
    wait_for(lambda: metric("tellercast_reviews_pending") == 1, "it is counted")
    assert metric("tellercast_reviews_overdue") == 0 and "review.overdue" not in testbed.orchestrators[0].text()
    testbed.database.rows("UPDATE review SET due_at = now() WHERE id = %s", review)
    wait_for(lambda: metric("tellercast_reviews_overdue") == 1, "an alarm")
    assert f"review.overdue reviews=1 review={review} rollout={rollout}" in testbed.orchestrators[0].text()
    assert review_of(testbed, rollout)["is_overdue"] is True
    assert "overdue" in run(testbed, "vic", "review", "list", "--state", "pending").stdout
    assert decide(testbed, review, "object", "bob", "a test would have found it").json()["state"] == "pending"
    wait_for(lambda: metric("tellercast_reviews_pending") == 1, "one is not enough")
    assert decide(testbed, review, "accept", "cid").json()["state"] == "objected", "one objection is enough"
    wait_for(lambda: metric("tellercast_reviews_overdue") == metric("tellercast_reviews_pending") == 0, "the alarm ends")
    assert "review.objected" in testbed.orchestrators[0].text()


def test_one_person_resumes_what_an_abort_stopped_and_whoever_ordered_the_resume_does_not_review_it(testbed):
    rollout = waiting(testbed, "stopped")
    refused = post_operation(testbed, rollout, "break-glass", "bea", version=9)
    assert refused.status == 409 and "not at version 9" in refused.json()["detail"]
    operate(testbed, rollout, "break-glass", "bea")
    assert post_operation(testbed, rollout, "break-glass", "bea").status == 409, "it runs"
    operate(testbed, rollout, "pause", "vic")
    needless = post_operation(testbed, rollout, "break-glass", "bea")
    assert needless.status == 409 and "waits for no approval" in needless.json()["detail"]
    operate(testbed, rollout, "resume", "vic")
    stop_by_abort(testbed, rollout)
    assert operate(testbed, rollout, "resume", "dan")["state"] == "paused"
    assert operate(testbed, rollout, "break-glass", "bea")["state"] == "running"
    review = review_of(testbed, rollout)["review"]
    assert decide(testbed, review, "accept", "dan").status == 403
    assert decide(testbed, review, "accept", "bob").status == 200
    assert operate(testbed, rollout, "pause", "vic")["state"] == "paused"
    assert operate(testbed, rollout, "resume", "vic")["state"] == "running", "the abort is over"


def test_broken_glass_starts_no_blocked_version(testbed):
    rollout = waiting(testbed, "blocked")
    block = {"name": APPLICATION, "version": VERSION, "blocked_by": "ola", "reason": "it eats cards"}
    testbed.database.rows(f"INSERT INTO artifact_block ({', '.join(block)}) VALUES (%s, %s, %s, %s)", *block.values())
    refused = post_operation(testbed, rollout, "break-glass", "bea")
    assert refused.status == 409 and "which ola blocked" in refused.json()["detail"], refused
    testbed.database.rows("DELETE FROM artifact_block")
    assert operate(testbed, rollout, "break-glass", "bea")["state"] == "running"


def test_reviews_are_paged_and_wrong_ones_are_refused(testbed):
    for name in ("one", "two"):
        operate(testbed, waiting(testbed, name), "break-glass", "bea")
    first = testbed.http.document("/v1/reviews?limit=1")
    second = testbed.http.document(f"/v1/reviews?limit=1&after={first['next']}")
    assert first["reviews"][0]["review"] > second["reviews"][0]["review"]
    assert testbed.http.ask("GET", "/v1/reviews?state=open").status == 400
    assert decide(testbed, 4711, "accept", "bob").json()["detail"] == "there is no review 4711"
    assert decide(testbed, "one", "accept", "bob").status == 404
    assert decide(testbed, 1, "accept", "bob", " ").status == 422
