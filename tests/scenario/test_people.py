"""People: who may do what at each endpoint, and four eyes over endpoints and names."""

import contextlib
import getpass
import json
import re
import subprocess

import pytest
from harness.believing_nobody import Admins, opened, supply
from harness.operations import JSON, post_operation, submit_as
from harness.people import EVERY_ROLE, bearer, token_of
from harness.plan import plan
from harness.programs import BIN
from harness.statements import Prepared
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}
NEEDS_ONE = {"schedule": LATER, "approvals": {"required": 1}}
PEOPLE = {**{f"only-{role}": role for role in EVERY_ROLE}, "nobody-special": ""}
WAITS = 4
DOWNLOAD = ("GET /v1/artifacts/{sha256}",)  # open to everybody without http.device_issuer_file
USER = getpass.getuser()


@pytest.fixture
def testbed(stack):
    with opened(stack) as testbed:
        yield testbed


@pytest.fixture
def admins(testbed):
    return Admins(testbed)


# ---- who may do what --------------------------------------------------------------------------------


def acts():
    """The table, as the program prints it: (act, roles); the roles of some acts are a text."""
    printed = subprocess.run([BIN / "tellercastd", "--print-access"], capture_output=True, text=True, check=True).stdout
    for line in printed.splitlines():
        act, roles, _, _ = re.split("  +", line)
        yield act, roles if roles.startswith("every") else roles.split(" or ")


ACTS = list(acts())


def ask(http, act, headers):
    method, path = act.split(" ")
    for variable in ("{id}", "{name}", "{token}", "{key}", "{review}", "{sha256}"):
        path = path.replace(variable, "1")
    path += "?follow=false" if path == "/v1/events" else ""  # else it never ends
    return http.ask(method, path, headers=headers)


@pytest.fixture(scope="module")
def everybody(module_stack):
    """An orchestrator, and a person of each role."""
    with opened(module_stack) as testbed:
        for name, role in PEOPLE.items():
            testbed.people.add(name, (role,) if role else ())
        testbed.people.settle(testbed.http)
        supply(testbed)
        yield testbed


def test_the_table_has_each_endpoint_and_every_role():
    by_http = [act for act, _ in ACTS if " " in act]
    assert len(by_http) == len(set(by_http)) > 45
    assert [act for act, _ in ACTS if " " not in act] == ["MQTT", "socket"]
    assert {role for _, roles in ACTS if isinstance(roles, list) for role in roles} == set(EVERY_ROLE)


@pytest.mark.parametrize("name", PEOPLE)
def test_each_act_by_http_is_allowed_to_the_roles_of_its_row_and_refused_to_all_others(everybody, name):
    http, role = everybody.http, PEOPLE[name]
    for act, roles in ACTS:
        if " " not in act:
            continue
        answer = ask(http, act, bearer(token_of(name)))
        if isinstance(roles, str) or role in roles or act in DOWNLOAD:
            assert answer.status not in (401, 403, 500), (act, answer)
        else:
            assert answer.status == 403 and answer.json()["detail"] == f"needs role {' or '.join(roles)}", (act, answer)


@pytest.mark.parametrize("token", [None, "", "tc_000000000000_" + "A" * 43, "token-of-", "only-admin"])
def test_no_act_is_allowed_to_an_unknown_peer_and_nothing_is_said_to_it(everybody, token):
    http, answers = everybody.http, set()
    for act, roles in ACTS:
        if " " not in act:
            continue
        answer = ask(http, act, {} if token is None else bearer(token))
        is_open = roles == "everybody" or act in DOWNLOAD
        assert (answer.status == 401) != is_open, (act, answer)
        if answer.status == 401:
            assert answer.headers["WWW-Authenticate"].startswith("Bearer"), act
            answers.add(answer.body)
    assert len(answers) == 1, "a path that exists is told from another, or a token from another"


@pytest.mark.parametrize("name", PEOPLE)
def test_only_an_operator_submits_by_the_socket_and_by_mqtt(everybody, name):
    orchestrator, allowed = everybody.orchestrators[0], PEOPLE[name] == "operator"
    for kind, user, submit in (("unix_user", USER, orchestrator.submit_by_socket),
                               ("certificate", "operator", everybody.by_mqtt.submit)):
        everybody.people.link(kind, user, name)
        everybody.people.settle(orchestrator.http)
        answer = submit(plan(f"{name}-{kind}", schedule=LATER))
        if allowed:
            rollout = everybody.database.rollout(answer["rollout"])
            assert rollout["author"] == name
        else:
            assert "needs role operator" in answer["detail"], answer


def test_who_is_linked_to_nobody_is_told_what_an_admin_must_do(testbed):
    orchestrator = testbed.orchestrators[0]
    by_socket = orchestrator.submit_by_socket(plan(schedule=LATER))
    assert by_socket["status"] == 403 and f"tellercast person link PERSON unix_user {USER}" in by_socket["detail"]
    by_mqtt = testbed.by_mqtt.submit(plan(schedule=LATER))
    assert "tellercast person link PERSON certificate operator" in by_mqtt["detail"]
    assert testbed.database.rows("SELECT id FROM rollout") == []


def test_refusals_are_logged_and_counted(testbed):
    testbed.people.add("vic", ["viewer"])
    headers = testbed.people.known(testbed.http, "vic")
    before = {name: testbed.http.metric(f"tellercast_{name}_refused_total") for name in ("logins", "access")}
    assert testbed.http.ask("GET", "/v1/rollouts", headers=bearer("wrong")).status == 401
    assert testbed.http.ask("POST", "/v1/rollouts/1/pause", headers=headers).status == 403
    assert testbed.http.metric("tellercast_logins_refused_total") == before["logins"] + 1
    assert testbed.http.metric("tellercast_access_refused_total") == before["access"] + 1
    log = testbed.orchestrators[0].log.read_text(encoding="utf-8")
    assert "login.refused door=http address=127.0.0.1" in log
    assert "access.refused door=http person=vic credential=\"token " in log and "operation=operate" in log
    assert "wrong" not in log and token_of("vic") not in log


# ---- four eyes ---------------------------------------------------------------------------------


def test_an_author_at_one_endpoint_does_not_approve_at_another(testbed):
    supply(testbed)
    testbed.people.add("ann", aliases=[("unix_user", USER), ("certificate", "operator")])
    testbed.people.known(testbed.http, "ann")
    by_socket = testbed.orchestrators[0].submit_by_socket(plan("by-socket", **NEEDS_ONE))
    by_mqtt = testbed.by_mqtt.submit(plan("by-mqtt", **NEEDS_ONE))
    for order in (by_socket, by_mqtt):
        testbed.wait_for_rollout(order["rollout"], "awaiting_approval")
        refused = post_operation(testbed, order["rollout"], "approve", "ann")
        assert refused.status == 403 and "ann is an author" in refused.json()["detail"], refused
        assert post_operation(testbed, order["rollout"], "approve", "bob").status == 200


def made_before_people(stack, rollout, author):
    """Makes the rollout one that was submitted before there were people, under a name that nobody has."""
    stack.database.rows("UPDATE rollout SET author = %s WHERE id = %s", author, rollout)
    stack.database.rows("UPDATE rollout_event SET actor = %s WHERE rollout_id = %s AND kind = 'submitted'", author, rollout)


def test_an_author_of_before_does_not_approve_under_the_name_of_now(admins):
    stack = admins.stack
    supply(stack)
    rollout = submit_as(stack, "zoe", plan(**NEEDS_ONE))
    made_before_people(stack, rollout, "old-ann")
    stack.wait_for_rollout(rollout, "awaiting_approval")
    for person in ("ann", "bob"):
        refused = post_operation(stack, rollout, "approve", person)
        assert refused.status == 403 and "tellercast person link PERSON author old-ann" in refused.json()["detail"]
    admins.expect("ada", WAITS, "person", "link", "ann", "author", "old-ann")
    assert post_operation(stack, rollout, "approve", "bob").status == 403
    admins.expect("ben", 0, "person", "link", "ann", "author", "old-ann")
    refused = post_operation(stack, rollout, "approve", "ann")
    assert refused.status == 403 and "ann is an author" in refused.json()["detail"]
    stays = admins.run("ada", "person", "unlink", "ann", "author", "old-ann")
    assert stays.returncode == 1 and "it stays linked" in stays.stderr
    assert post_operation(stack, rollout, "approve", "bob").status == 200


def test_an_approval_under_a_name_of_before_is_the_same_person_s(testbed):
    supply(testbed)
    rollout = submit_as(testbed, "zoe", plan(schedule=LATER, approvals={"required": 2}))
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    testbed.people.add("ann", aliases=[("author", "old-ann")])
    assert post_operation(testbed, rollout, "approve", "ann").status == 200
    testbed.database.rows("UPDATE approval SET actor = 'old-ann' WHERE rollout_id = %s", rollout)
    again = post_operation(testbed, rollout, "approve", "ann", reason="for another reason")
    assert again.status == 409 and "ann already approved it" in again.json()["detail"], again
    assert testbed.database.rollout(rollout)["state"] == "awaiting_approval"


def test_a_person_with_a_name_that_acted_before_takes_two_admins(admins):
    supply(admins.stack)
    rollout = submit_as(admins.stack, "zoe", plan(**NEEDS_ONE))
    made_before_people(admins.stack, rollout, "old-ann")
    admins.stack.wait_for_rollout(rollout, "awaiting_approval")
    admins.expect("ada", WAITS, "person", "create", "old-ann")
    assert post_operation(admins.stack, rollout, "approve", "bob").status == 403
    admins.expect("ben", 0, "person", "create", "old-ann")
    assert post_operation(admins.stack, rollout, "approve", "bob").status == 200
    exists = admins.run("ada", "person", "create", "old-ann")
    assert exists.returncode == 1 and "there is a person old-ann already" in exists.stderr


# ---- devices --------------------------------------------------------------------------------------


def test_an_operator_does_not_take_back_a_device_that_an_admin_retired(testbed):
    http = testbed.http
    for name, roles in (("oda", ["operator"]), ("ada", ["admin"])):
        testbed.people.add(name, roles)
    operator, admin_headers = (testbed.people.known(http, name) for name in ("oda", "ada"))
    http.token = token_of("oda")
    testbed.import_fleet({"B1": ["A1", "A2"]})
    body = json.dumps({"reason": "stolen"})
    assert http.ask("POST", "/v1/devices/A1/retire", body, {**JSON, **operator}).status == 403
    assert http.ask("POST", "/v1/devices/A1/retire", body, {**JSON, **admin_headers}).status == 200
    refused = http.ask("POST", "/v1/devices/A1/return", body, {**JSON, **operator})
    assert refused.status == 403 and "is retired: to take it back needs role admin" in refused.json()["detail"]
    assert http.ask("POST", "/v1/devices/A1/return", body, {**JSON, **admin_headers}).status == 200


def test_people_of_a_restored_database_are_noticed_though_its_next_version_was_read_before_of_others(stack):
    stack.orchestrator()
    for name in ("bob", "eve"):
        stack.people.add(name, ["viewer"])
        stack.people.known(stack.http, name)
    with contextlib.closing(stack.database.connect()) as connection, connection.cursor() as cursor:
        raise_people = Prepared(cursor, "raise_people")

        def disable(name, *first):
            for statement in ("BEGIN", *first, f"UPDATE person SET disabled_at = now(), disabled_by = 'ada' WHERE name = '{name}'"):
                cursor.execute(statement)
            raise_people.run()
            cursor.execute("COMMIT")
            wait_for(lambda: stack.http.ask("GET", "/v1/me", headers=bearer(token_of(name))).status == 401, f"{name} is disabled", 20)

        backup = stack.database.value("SELECT version FROM people")
        disable("bob")
        disable("eve", f"UPDATE people SET version = {backup}", "UPDATE person SET disabled_at = NULL, disabled_by = NULL WHERE name = 'bob'")
        stack.people.known(stack.http, "bob")
