"""What waits for an approval or for a second person: all of it in one list, with what the one who asks may decide."""

import json

import pytest
from harness.operations import JSON, operate, post_operation, submit_as
from harness.people import bearer, token_of
from harness.plan import APPLICATION, VERSION, plan, text_of
from harness.programs import command_line

LATER = {"startAt": "2099-01-01T00:00:00Z"}
PEOPLE = {"ann": ("operator",), "bob": ("approver",), "bea": ("break_glass", "viewer"), "vic": ("viewer",), "ada": ("admin",),
          "abe": ("admin",), "aud": ("auditor",), "both": ("operator", "approver")}
IN_EMEA = {"matchLabels": {"region": "emea"}}


@pytest.fixture(scope="module")
def testbed(module_stack):
    stack = module_stack
    stack.orchestrator()
    stack.add_artifact()
    for name, roles in PEOPLE.items():
        stack.people.add(name, roles)
    for name, roles in (("emea-approver", ["approver"]), ("emea-viewer", ["viewer"])):
        stack.people.add(name, roles, scope={"region": ["emea"]})
    stack.people.settle(stack.http)
    names = (("E1", "emea"), ("P1", "apac"))
    answer = stack.http.import_fleet(text_of({
        "apiVersion": "tellercast/v1", "kind": "Fleet",
        "branches": [{"id": name, "name": name, "zone": "UTC", "labels": {"region": region}} for name, region in names],
        "devices": [{"id": f"{name}{end}", "branch": name, "role": "atm" if end else "node", "versions": {"atm-app": "4.7.0"}}
                    for name, _ in names for end in ("", "-A1", "-A2")]}))
    assert answer.status == 200, answer
    return stack


def waiting(stack, name, actor="ann", selector=None, required=2):
    rollout = submit_as(stack, actor, plan(name, approvals={"required": required}, schedule=LATER, selector=selector or {}))
    stack.wait_for_rollout(rollout, "awaiting_approval")
    return rollout


def told(stack, person):
    answer = stack.http.ask("GET", "/v1/approvals", headers=bearer(token_of(person)))
    assert answer.status == 200, answer
    document = answer.json()
    assert document["for_you"] == sum(row["not_by_you"] is None for row in document["approvals"])
    return document["approvals"]


def of(stack, reader, kind, **what):
    """Returns why the reader may not decide the one of this kind; "may" when it may, "unseen" when it is not in the list."""
    rows = [row for row in told(stack, reader) if row["kind"] == kind and what.items() <= row["what"].items()]
    return (rows[0]["not_by_you"] or "may") if rows else "unseen"


def test_a_rollout_waits_for_approvers_who_are_not_its_authors_and_have_not_decided(testbed):
    rollout = waiting(testbed, "first", "both")
    expected = {"bob": "may", "both": "own_order", "ann": "needs_role", "vic": "needs_role", "emea-approver": "unseen"}
    assert {person: of(testbed, person, "rollout", rollout=rollout) for person in expected} == expected
    operate(testbed, rollout, "approve", "bob")
    (row,) = (row for row in told(testbed, "bob") if row["what"].get("rollout") == rollout)
    assert (row["not_by_you"], row["what"]["given"], row["what"]["required"], row["what"]["ordered_by"]) == ("decided", 1, 2, "both")
    operate(testbed, rollout, "cancel", "ann")
    assert of(testbed, "bob", "rollout", rollout=rollout) == "unseen"


def test_an_approver_with_a_scope_is_shown_the_rollouts_in_it(testbed):
    inside, outside = waiting(testbed, "inside", selector=IN_EMEA), waiting(testbed, "outside")
    assert of(testbed, "emea-approver", "rollout", rollout=inside) == "may"
    assert of(testbed, "emea-viewer", "rollout", rollout=inside) == "needs_role"
    assert [row["what"]["rollout"] for row in told(testbed, "emea-approver")] == [inside]
    for rollout in (inside, outside):
        operate(testbed, rollout, "cancel", "ann")


def test_a_resume_after_an_abort_waits_for_another_person_than_who_ordered_it(testbed):
    rollout = waiting(testbed, "aborted", required=1)
    operate(testbed, rollout, "approve", "bob")
    testbed.wait_for_rollout(rollout, "running")
    operate(testbed, rollout, "pause", "ann")
    testbed.database.rows("INSERT INTO rollout_event (rollout_id, kind, actor, reason, at) VALUES (%s, 'aborted', 'tellercast', 'x', now())", rollout)
    assert of(testbed, "bob", "resume", rollout=rollout) == "unseen"
    assert post_operation(testbed, rollout, "resume", "both").status == 200
    expected = {"bob": "may", "both": "own_order", "ann": "needs_role", "emea-approver": "unseen"}
    assert {person: of(testbed, person, "resume", rollout=rollout) for person in expected} == expected
    operate(testbed, rollout, "approve", "bob")
    assert of(testbed, "bob", "resume", rollout=rollout) == "unseen"
    operate(testbed, rollout, "cancel", "ann")


def test_a_group_that_asks_for_it_waits_for_an_approval(testbed):
    groups = [{"name": "lab", "devices": ["E1-A1"], "approval": "manual"}, {"name": "rest", "percentage": 100}]
    rollout = submit_as(testbed, "ann", plan("in-groups", schedule=LATER, groups=groups))
    testbed.wait_for_rollout(rollout, "running")
    operate(testbed, rollout, "pause", "ann")
    testbed.database.rows("UPDATE rollout_group SET state = 'awaiting_approval', settled_at = now() WHERE rollout_id = %s AND name = 'lab'", rollout)
    assert of(testbed, "bob", "group", rollout=rollout, group="lab") == "may"
    assert of(testbed, "ann", "group", rollout=rollout, group="lab") == "needs_role"
    operate(testbed, rollout, "cancel", "ann")


def test_a_review_waits_for_two_who_had_no_part_in_it(testbed):
    rollout = waiting(testbed, "urgent")
    operate(testbed, rollout, "approve", "both")
    operate(testbed, rollout, "break-glass", "bea")
    expected = {"bob": "may", "both": "own_order", "bea": "needs_role", "vic": "needs_role", "emea-approver": "unseen"}
    assert {person: of(testbed, person, "review", rollout=rollout) for person in expected} == expected
    (row,) = (row for row in told(testbed, "bob") if row["kind"] == "review")
    path = f"/v1/reviews/{row['what']['review']}/accept"
    assert testbed.http.ask("POST", path, json.dumps({"reason": "fine"}), {**JSON, **bearer(token_of("bob"))}).status == 200
    assert of(testbed, "bob", "review", rollout=rollout) == "decided"
    operate(testbed, rollout, "cancel", "ann")


def test_an_order_to_unblock_a_version_waits_for_an_approver_who_did_not_order_it(testbed):
    def act(what, person):
        path = f"/v1/artifacts:{what}?name={APPLICATION}&version={VERSION}"
        answer = testbed.http.ask("POST", path, json.dumps({"reason": "r"}), {**JSON, **bearer(token_of(person))})
        assert answer.status in (200, 202), answer
    act("block", "ann")
    assert of(testbed, "bob", "unblock", version=VERSION) == "unseen"
    act("unblock", "both")
    expected = {"bob": "may", "both": "own_order", "ann": "needs_role", "emea-approver": "needs_role"}
    assert {person: of(testbed, person, "unblock", version=VERSION) for person in expected} == expected
    act("unblock", "bob")
    assert of(testbed, "bob", "unblock", version=VERSION) == "unseen"


def test_what_an_admin_ordered_waits_for_a_second_one_and_is_shown_to_those_who_read_people(testbed):
    answer = testbed.http.ask("POST", "/v1/people/vic/grant?role=approver", headers=bearer(token_of("ada")))
    assert answer.status in (200, 202), answer
    expected = {"abe": "may", "ada": "own_order", "aud": "needs_role", "bob": "unseen", "emea-approver": "unseen"}
    assert {person: of(testbed, person, "role", person="vic", role="approver") for person in expected} == expected


def test_the_command_line_lists_first_what_the_person_may_decide(testbed):
    rollout = waiting(testbed, "shown")
    file = testbed.people.file(testbed.http, "bob")
    shown = command_line("approval", "list", "--server", testbed.http.url, "--token-file", file)
    first = shown.stdout.splitlines()[1].split()
    assert first[:2] == ["rollout", "shown"] and "yes" in first and "0 of 2" in shown.stdout
    document = json.loads(command_line("approval", "list", "--json", "--server", testbed.http.url, "--token-file", file).stdout)
    assert [row["what"]["rollout"] for row in document["approvals"] if row["kind"] == "rollout"] == [rollout]
    operate(testbed, rollout, "cancel", "ann")
