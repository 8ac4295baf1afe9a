"""The policy of the site: approvals by action and size, who may preempt, and what a revision cannot lower."""

import contextlib
import functools
import getpass
import json
import re
import signal

import pytest
from harness.operations import events, operate, post_operation, revise, submit_as
from harness.plan import plan, text_of
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}
TWO, FOUR = {"devices": ["A1", "A2"]}, {"devices": ["A1", "A2", "B1", "P1"]}
POLICY = {"approvals": [{"action": "install", "count": 1}, {"action": "install", "devices": 3, "count": 2},
                        {"action": "resume", "devices": 4, "count": 3}], "preempt": ["ann"]}


def supplied(stack, **settings):
    stack.orchestrator(**settings)
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2"]}, ["P1"])
    return stack


@pytest.fixture(scope="module")
def testbed(module_stack):
    return supplied(module_stack, policy=POLICY)


def required(testbed, rollout):
    return testbed.http.document(f"/v1/rollouts/{rollout}")["approvals"]["required"]


def later(name, selector=FOUR, **spec):
    return plan(name, selector=selector, schedule=LATER, **spec)


def waiting(testbed, name, selector=FOUR, actor="ann", **spec):
    rollout = submit_as(testbed, actor, later(name, selector, **spec))
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    return rollout


# ---- approvals ------------------------------------------------------------------------------------


def submit_by_http(testbed, document):
    return submit_as(testbed, "ann", document)


@functools.cache
def operator_of(testbed):
    """One for all tests: a second client with its ID would take its connection away."""
    return testbed.operator()


def submit_by_mqtt(testbed, document):
    return operator_of(testbed).submit(document)["rollout"]


def submit_by_socket(testbed, document):
    user = getpass.getuser()
    testbed.people.add("sue", aliases=[("unix_user", user)])
    testbed.people.settle(testbed.http)
    return testbed.orchestrators[0].submit_by_socket(document)["rollout"]


@pytest.mark.parametrize("submit", [submit_by_http, submit_by_mqtt, submit_by_socket])
def test_the_policy_asks_for_approvals_by_the_size_of_the_scope_at_each_endpoint(testbed, submit):
    for selector, count in ((TWO, 1), (FOUR, 2)):
        rollout = submit(testbed, later(f"{submit.__name__}-{count}", selector, approvals={"required": 0}))
        testbed.wait_for_rollout(rollout, "awaiting_approval")
        assert required(testbed, rollout) == count
        assert operate(testbed, rollout, "approve", "bob")["state"] == ("running" if count == 1 else "awaiting_approval")
        if count == 2:
            assert post_operation(testbed, rollout, "approve", testbed.database.rollout(rollout)["author"]).status == 403
            assert operate(testbed, rollout, "approve", "cid")["state"] == "running"
        assert required(testbed, rollout) == count, "as it needed when it started"


def test_an_author_who_revises_the_approvals_away_starts_nothing(testbed):
    rollout = waiting(testbed, "revised", approvals={"required": 3})
    operate(testbed, rollout, "approve", "bob")
    operate(testbed, rollout, "approve", "cid")
    for selector in (TWO, FOUR):
        assert revise(testbed, rollout, later("revised", selector, approvals={"required": 0})).status == 200
        testbed.wait_for_rollout(rollout, "awaiting_approval")
        assert required(testbed, rollout) == 3, "no fewer than before, though the policy asks for fewer"
    assert all(given["void"] for given in testbed.http.document(f"/v1/rollouts/{rollout}")["approvals"]["given"])
    for approver in ("dan", "bob"):
        assert operate(testbed, rollout, "approve", approver)["state"] == "awaiting_approval"
    assert post_operation(testbed, rollout, "approve", "ann").status == 403
    assert operate(testbed, rollout, "approve", "cid")["state"] == "running"
    assert revise(testbed, waiting(testbed, "raised", TWO), later("raised", FOUR)).status == 200


def test_a_smaller_scope_or_another_action_does_not_lower_what_the_policy_asked_for(testbed):
    rollout = waiting(testbed, "smaller")
    assert revise(testbed, rollout, later("smaller", TWO)).status == 200
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    assert required(testbed, rollout) == 2
    collect = later("smaller", TWO, action="collect", artifact=None, parameters={"file": "log"})
    answer = revise(testbed, rollout, collect)
    assert answer.status == 200, answer
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    assert required(testbed, rollout) == 2
    other = submit_as(testbed, "ann", later("collected", action="collect", artifact=None, parameters={"file": "log"}))
    testbed.wait_for_rollout(other, "running")
    assert required(testbed, other) == 0, "the policy asks for nothing here"


def stop_by_abort(testbed, rollout):
    testbed.database.rows("INSERT INTO rollout_event (rollout_id, kind, actor, reason) VALUES (%s, 'aborted', 'tellercast', 'x')",
                          rollout)
    testbed.database.rows("UPDATE rollout SET state = 'paused', version = version + 1 WHERE id = %s", rollout)


def test_the_policy_asks_for_approvals_of_a_resume_after_an_abort(testbed):
    rollout = waiting(testbed, "resumed")
    operate(testbed, rollout, "approve", "bob")
    operate(testbed, rollout, "approve", "cid")
    stop_by_abort(testbed, rollout)
    assert operate(testbed, rollout, "resume", "dan")["state"] == "paused"
    assert testbed.http.document(f"/v1/rollouts/{rollout}")["resume"]["required"] == 3
    for approver in ("bob", "cid"):
        assert operate(testbed, rollout, "approve", approver)["state"] == "paused"
    assert operate(testbed, rollout, "approve", "eve")["state"] == "running"


def test_somebody_with_a_scope_reads_as_many_approvals_as_everybody_does(testbed):
    rollout, rows = waiting(testbed, "read-in-scope"), testbed.database.rows
    testbed.people.add("sam", ("approver",), scope={"branch": ["B1"]})
    testbed.people.settle(testbed.http)

    def read(part):
        everywhere, in_scope = (testbed.http.ask("GET", f"/v1/rollouts/{rollout}", headers=testbed.http.as_(actor)).json()
                                for actor in ("all", "sam"))
        assert "scope" in in_scope and in_scope[part] == everywhere[part]
        return everywhere[part]

    rows("INSERT INTO site_policy VALUES ('stricter', %s)", json.dumps(asks_for(9)))
    assert read("approvals")["required"] == 9
    rows("DELETE FROM site_policy WHERE orchestrator = 'stricter'")
    operate(testbed, rollout, "approve", "bob")
    operate(testbed, rollout, "approve", "cid")
    stop_by_abort(testbed, rollout)
    operate(testbed, rollout, "resume", "dan")
    operate(testbed, rollout, "approve", "bob")
    resume = read("resume")
    assert (resume["required"], resume["ordered_by"], len(resume["given"])) == (3, "dan", 1)


def test_the_rollback_of_an_abort_needs_no_approval_unless_somebody_revised_it(testbed):
    rollout = waiting(testbed, "by-itself")
    needed = "SELECT approvals_needed(r, 4) FROM rollout r WHERE id = %s"
    testbed.database.rows("UPDATE rollout SET author = 'tellercast', approvals_required = 0 WHERE id = %s", rollout)
    assert testbed.database.value(needed, rollout) == 0
    assert revise(testbed, rollout, later("by-itself", priority=40)).status == 200
    assert testbed.database.value(needed, rollout) == 2


# ---- preempting -----------------------------------------------------------------------------------


def test_only_those_whom_the_policy_names_may_preempt(testbed):
    headers = {"Content-Type": "application/yaml", **testbed.http.as_("bob")}
    document = later("preempting", preempt=True, priority=60)
    refused = testbed.http.ask("POST", "/v1/rollouts", document, headers)
    assert refused.status == 403 and refused.json()["detail"] == (
        "bob may not preempt: needs a person whom the setting policy.preempt names")
    by_mqtt = operator_of(testbed).submit(document)
    assert by_mqtt["status"] == 403 and "policy.preempt" in by_mqtt["detail"], by_mqtt
    rollout = submit_as(testbed, "bob", later("preempting", priority=60))
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    assert revise(testbed, rollout, document, "bob").status == 403
    assert revise(testbed, rollout, document, "ann").status == 200
    assert testbed.database.rollout(rollout)["preempt"] is True


@contextlib.contextmanager
def another_policy(testbed, policy):
    """That of an orchestrator that does not run."""
    testbed.database.rows("INSERT INTO site_policy VALUES ('other', %s)", json.dumps(policy))
    try:
        yield
    finally:
        testbed.database.rows("DELETE FROM site_policy WHERE orchestrator = 'other'")


def test_each_policy_decides_who_may_preempt_and_the_shortest_time_for_a_review_counts(testbed):
    within = "SELECT extract(epoch FROM policy_review_within())::integer"
    submit_as(testbed, "ann", later("preempting-alone", preempt=True, priority=60))
    with another_policy(testbed, {"preempt": ["bob"], "review_within": "3600s"}):
        for actor in ("ann", "bob"):
            headers = {"Content-Type": "application/yaml", **testbed.http.as_(actor)}
            document = later("preempting-both", preempt=True, priority=60)
            assert testbed.http.ask("POST", "/v1/rollouts", document, headers).status == 403, actor
        assert testbed.database.value(within) == 3600
    with another_policy(testbed, {"review_within": "360000s"}):
        assert testbed.database.value(within) == 72 * 3600, "the policy without a time asks for 72 hours"


def test_a_rollback_preempts_as_its_origin_did_whoever_orders_it(testbed):
    rollout = submit_as(testbed, "ann", plan("gone-wrong", selector={"devices": ["A1"]}, preempt=True, priority=60))
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    operate(testbed, rollout, "approve", "bob")
    testbed.wait_for_state(rollout, "A1", "dispatched")
    device = testbed.device("A1", "B1")
    device.ask()
    claims = wait_for(lambda: next((c for c in device.tokens() if c["rollout"] == rollout), None), "A1 is answered")
    device.reply(claims, "completed")
    testbed.wait_for_rollout(rollout, "completed")
    operate(testbed, rollout, "rollback", "bob")
    rows = testbed.database.rows
    (back,) = wait_for(lambda: rows("SELECT id, preempt, author FROM rollout WHERE rollback_of = %s", rollout), "a rollback")
    assert back["preempt"] is True and back["author"] == "bob"


def test_a_preview_has_the_approvals_of_the_policy_and_warns_whoever_may_not_preempt(testbed):
    def preview(actor, name, selector=FOUR, **spec):
        headers = {"Content-Type": "application/yaml", **testbed.http.as_(actor)}
        answer = testbed.http.ask("POST", "/v1/rollouts:preview", later(name, selector, **spec), headers)
        assert answer.status == 200, answer
        return answer.json()

    for selector, spec, count in ((TWO, {}, 1), (FOUR, {}, 2), (TWO, {"approvals": {"required": 3}}, 3)):
        document = preview("bob", "seen-before", selector, **spec)
        assert document["approvals"] == {"required": count}
        assert document["groups"][0]["waits_for"] == [f"approval by {count} person{'s' if count > 1 else ''}"]
        assert "Every approval is given immediately." in document["assumptions"]
    collected = preview("bob", "seen-before", action="collect", artifact=None, parameters={"file": "log"})
    assert collected["approvals"] == {"required": 0} and collected["groups"][0]["waits_for"] == []
    waiting(testbed, "to-revise")
    assert preview("bob", "to-revise", TWO)["approvals"] == {"required": 2}, "a revision lowers nothing"
    assert preview("ann", "seen-before", preempt=True, priority=60)["warnings"] == []
    assert preview("bob", "seen-before", preempt=True, priority=60)["warnings"] == [
        "bob may not preempt: the plan is refused unless a person submits it whom the setting policy.preempt names"]


# ---- the settings, and several orchestrators -------------------------------------------------------


def reload(orchestrator, **changed):
    seen = len(orchestrator.text())
    orchestrator.file.write_text(text_of({**orchestrator.settings, **changed}), encoding="utf-8")
    orchestrator.send(signal.SIGHUP)
    orchestrator.wait_until(lambda: "settings.re" in orchestrator.text()[seen:], "the reload has ended")
    return orchestrator.text()[seen:]


def asks_for(count):
    return {"approvals": [{"action": "install", "count": count}]}


@contextlib.contextmanager
def no_policy_can_be_written(testbed):
    rows = testbed.database.rows
    rows("CREATE FUNCTION refuse_policy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$")
    rows("CREATE TRIGGER refuse_policy BEFORE INSERT OR UPDATE ON site_policy EXECUTE FUNCTION refuse_policy()")
    try:
        yield
    finally:
        rows("DROP FUNCTION refuse_policy CASCADE")


def assert_awaits_the_policy(answer):
    assert answer.status == 503 and "it does not have the policy of this orchestrator" in answer.json()["detail"], answer


def submit(testbed, document):
    return testbed.http.ask("POST", "/v1/rollouts", document, {"Content-Type": "application/yaml", **testbed.http.as_("ann")})


def running(testbed, name):
    rollout = waiting(testbed, name)
    operate(testbed, rollout, "approve", "bob")
    assert operate(testbed, rollout, "approve", "cid")["state"] == "running"
    return rollout


def readiness(stack):
    return stack.http.get("/readyz").json()["database"]


def test_after_a_start_nothing_runs_before_the_policy_is_in_the_database_and_everything_can_be_stopped(testbed):
    waits, runs, aborted = waiting(testbed, "waits"), running(testbed, "runs"), running(testbed, "aborted")
    stop_by_abort(testbed, aborted)
    one = testbed.orchestrators[0]
    one.stop()
    with no_policy_can_be_written(testbed):
        one.start()
        wait_for(lambda: testbed.http.answers() and "the policy of this orchestrator" in readiness(testbed), "it lacks the policy")
        testbed.people.known(testbed.http, "dan")
        assert_awaits_the_policy(submit(testbed, later("too-early")))
        assert_awaits_the_policy(revise(testbed, waits, later("waits", TWO)))
        for rollout, operation, more in ((aborted, "resume", {}), (waits, "approve", {}), (aborted, "retry", {}),
                                         (runs, "promote", {"group": "all"}), (waits, "break-glass", {})):
            assert_awaits_the_policy(post_operation(testbed, rollout, operation, "dan", **more))
        assert operate(testbed, runs, "pause", "dan")["state"] == "paused"
        assert operate(testbed, waits, "reject", "dan")["state"] == "rejected"
        assert testbed.database.rollout(aborted)["state"] == "paused"
    one.wait_until_ready()
    assert post_operation(testbed, aborted, "resume", "dan").status == 200
    assert testbed.database.rollout(aborted)["state"] == "paused", "it awaits three approvals"


def test_while_a_policy_that_was_read_again_cannot_be_written_nothing_is_planned_or_started(testbed):
    waits, one = waiting(testbed, "reloaded"), testbed.orchestrators[0]
    with no_policy_can_be_written(testbed):
        assert "settings.reloaded" in reload(one, policy=asks_for(5))
        assert_awaits_the_policy(submit(testbed, later("too-early")))
        assert_awaits_the_policy(post_operation(testbed, waits, "approve"))
    wait_for(lambda: required(testbed, waits) == 5, "the policy is in the database")
    reload(one, policy=POLICY)
    wait_for(lambda: required(testbed, waits) == 2, "the policy of before, under which nobody approved")


def test_a_policy_that_falls_lowers_nothing_that_people_have_acted_on(testbed):
    rollout, one = waiting(testbed, "fallen"), testbed.orchestrators[0]
    reload(one, policy=asks_for(3))
    wait_for(lambda: required(testbed, rollout) == 3, "the policy rises")
    for approver in ("bob", "cid"):
        assert operate(testbed, rollout, "approve", approver)["state"] == "awaiting_approval"
    reload(one, policy={"approvals": [{"action": "resume", "count": 4}]})
    wait_for(lambda: testbed.database.value("SELECT policy_approvals('install', 4)") == 0, "the policy falls")
    assert required(testbed, rollout) == 3
    assert operate(testbed, rollout, "approve", "dan")["state"] == "running"

    def of_resume():
        return testbed.http.document(f"/v1/rollouts/{rollout}")["resume"]["required"]

    stop_by_abort(testbed, rollout)
    assert operate(testbed, rollout, "resume", "dan")["state"] == "paused"
    assert of_resume() == 4
    reload(one, policy=POLICY)
    wait_for(lambda: testbed.database.value("SELECT policy_approvals('resume', 4)") == 3, "the policy falls")
    assert of_resume() == 4, "as many as when it was ordered"
    reload(one, policy={"approvals": [{"action": "resume", "count": 5}]})
    wait_for(lambda: of_resume() == 5, "the policy rises")
    for approver in ("bob", "cid", "eve"):
        assert operate(testbed, rollout, "approve", approver)["state"] == "paused"
    reload(one, policy=POLICY)
    wait_for(lambda: testbed.database.value("SELECT policy_approvals('resume', 4)") == 3, "the policy falls")
    assert of_resume() == 5, "as many as when the others approved"
    for approver, state in (("fay", "paused"), ("gus", "running")):
        assert operate(testbed, rollout, "approve", approver)["state"] == state


def acts_of_the_policy(stack):
    """What the record of acts has: (verb, orchestrator, number of approvals, whose policies were forgotten)."""
    for row in stack.database.rows("SELECT *, act_details(digest, details) AS told FROM act "
                                   "WHERE operation IN ('set_policy', 'leave_policy') ORDER BY number"):
        details, asked = row["told"] or {}, None
        assert (row["endpoint"], row["outcome"], row["object_kind"]) == ("machine", "done", "orchestrator"), row
        if row["verb"] == "set_policy":
            assert re.fullmatch("[0-9a-f]{64}", row["digest"]), row
            asked = [rule["count"] for rule in json.loads(details["policy"]).get("approvals", [])]
        yield row["verb"], row["object"], asked, details.get("forgotten")


def test_a_policy_counts_for_what_waits_and_the_strictest_of_all_orchestrators_counts(stack):
    first = supplied(stack).orchestrators[0]
    waits = waiting(stack, "waits", approvals={"required": 1})
    stack.database.rows("INSERT INTO site_policy VALUES ('gone', %s, now(), now() - interval '50 min')", json.dumps(asks_for(9)))
    assert required(stack, waits) == 9, "it is not forgotten yet"
    stack.database.rows("UPDATE site_policy SET renewed_at = now() - interval '61 min'")
    long = {**asks_for(2), "preempt": [f"person-{number:03}" for number in range(100)]}
    assert "settings.reloaded" in reload(first, policy=long)
    wait_for(lambda: required(stack, waits) == 2, "the policy counts, and that of an orchestrator that is gone does not")
    refused = reload(first, policy={"approvals": [{"action": "instal", "count": 1}], "preempt": "ann", "review_within": "1s"})
    for fault in ("policy.approvals[0].action", "policy.preempt", "policy.review_within"):
        assert fault in refused, refused
    assert operate(stack, waits, "approve", "bob")["state"] == "awaiting_approval", "the policy of before stays in force"

    second = stack.orchestrator(policy=asks_for(3))
    assert required(stack, waits) == 3
    for number in (0, 1):
        wait_for(lambda n=number: stack.orchestrators[n].http.metric("tellercast_policies") == 2, "an alarm")
    assert "policy.differs policies=2" in second.text()
    assert operate(stack, waits, "approve", "cid")["state"] == "awaiting_approval"
    second.stop()
    other = waiting(stack, "other")
    assert required(stack, other) == 2, "who ends takes the policy along"
    assert required(stack, waits) == 3, "as it needed when cid approved"
    wait_for(lambda: first.http.metric("tellercast_policies") == 1, "the alarm ends")
    assert operate(stack, waits, "approve", "dan")["state"] == "running"
    assert ("started", "dan") in events(stack, waits)
    reload(first, policy={})
    acts = wait_for(lambda: [*acts_of_the_policy(stack)][3:] and [*acts_of_the_policy(stack)], "each change is an act")
    one, two = acts[0][1], acts[1][1]
    assert acts == [("set_policy", one, [2], "gone"), ("set_policy", two, [3], None), ("leave_policy", two, None, None),
                    ("set_policy", one, [], None)] and one != two
    told = stack.http.document("/v1/audit?verb=set_policy")["acts"][0]["details"]
    assert json.loads(told["policy"])["preempt"] == long["preempt"] and told["forgotten"] == "gone", "a long policy, too"
    assert required(stack, waits) == 3, "as it needed when it started"
