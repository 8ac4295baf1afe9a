"""Admins: the first ones, two for what lets somebody approve, tokens, and the file of tokens of older versions."""

import getpass
import hashlib
import json
import os
import pwd
import subprocess

import pytest
from harness.believing_nobody import Admins, admin, make_admin, opened, supply
from harness.operations import post_operation, submit_as
from harness.people import bearer, token_of
from harness.plan import plan
from harness.programs import BIN
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}
NEEDS_ONE = {"schedule": LATER, "approvals": {"required": 1}}
WAITS = 4
USER = getpass.getuser()


@pytest.fixture
def testbed(stack):
    with opened(stack) as testbed:
        yield testbed


# ---- the first admins -----------------------------------------------------------------------------


def test_two_admins_are_made_on_the_orchestrator_s_machine_and_the_rest_by_them(testbed):
    tokens = [admin(testbed, name) for name in ("ada", "ben")]
    me = testbed.http.ask("GET", "/v1/me", headers=bearer(tokens[0])).json()
    assert (me["person"], me["roles"]) == ("ada", ["admin"]) and tokens[0].split("_")[:2] == ["tc", me["credential"].split()[1]]
    refused = make_admin(testbed, "eve")
    assert refused.returncode == 1 and "two admins have valid tokens" in refused.stderr and refused.stdout == "", refused
    assert testbed.database.rows("SELECT name FROM person WHERE name = 'eve'") == []
    testbed.database.rows("UPDATE token SET expires_at = now() WHERE person = 'ada'")
    again = make_admin(testbed, "ada")
    assert again.returncode == 0 and again.stdout.strip() not in tokens, "lost tokens are made anew"


def test_an_admin_is_made_by_the_daemon_s_own_user_alone(testbed):
    for path in (testbed.folder, testbed.data_folder, testbed.orchestrators[0].file):
        os.chmod(path, 0o755)
    os.chmod(testbed.folder.parent, 0o755)
    other = pwd.getpwnam("nobody")
    refused = make_admin(testbed, "eve", user=other.pw_uid, group=other.pw_gid, extra_groups=())
    assert refused.returncode == 1 and "belongs to user" in refused.stderr and refused.stdout == "", refused


def test_an_admin_who_is_made_on_the_machine_has_no_token_that_another_admin_gave(testbed):
    ada = bearer(admin(testbed, "ada"))
    assert testbed.http.ask("POST", "/v1/people?name=zoe", headers=ada).status == 200
    known_to_ada = bearer(testbed.http.ask("POST", "/v1/tokens?person=zoe", headers=ada).json()["secret"])
    assert testbed.http.ask("GET", "/v1/me", headers=known_to_ada).status == 200
    admin(testbed, "zoe")
    assert testbed.http.ask("GET", "/v1/me", headers=known_to_ada).status == 401
    assert testbed.http.ask("GET", "/v1/me", headers=ada).status == 200


# ---- two admins ---------------------------------------------------------------------------------


@pytest.fixture
def admins(testbed):
    return Admins(testbed)


def confirmed(admins, name, what):
    return {tuple(row[key] for key in ("role",) if key in row) or (row["kind"], row["value"]): row["confirmed_by"]
            for row in admins.shown(name)[what]}


def test_a_role_that_lets_somebody_approve_or_grant_counts_when_a_second_admin_orders_it(admins):
    admins.expect("ada", 0, "person", "create", "zoe")
    admins.expect("ada", 0, "person", "grant", "zoe", "operator")
    for role in ("approver", "admin", "break_glass"):
        admins.expect("ada", WAITS, "person", "grant", "zoe", role)
        admins.expect("ada", WAITS, "person", "grant", "zoe", role)
        assert confirmed(admins, "zoe", "roles")[(role,)] is None
    token = json.loads(admins.expect("ada", WAITS, "token", "create", "zoe", "--json").stdout)
    assert token["waits"] is True
    http, headers = admins.stack.http, bearer(token["secret"])
    assert http.ask("GET", "/v1/me", headers=headers).status == 401
    assert admins.run("ada", "token", "confirm", token["token"]).returncode == 1
    admins.expect("ben", 0, "token", "confirm", token["token"])
    wait_for(lambda: http.ask("GET", "/v1/me", headers=headers).status == 200, "the token counts")
    assert http.ask("GET", "/v1/me", headers=headers).json()["roles"] == ["operator"]
    admins.expect("ben", 0, "person", "grant", "zoe", "approver")
    wait_for(lambda: "approver" in http.ask("GET", "/v1/me", headers=headers).json()["roles"], "the role counts")
    assert confirmed(admins, "zoe", "roles") == {("operator",): "ada", ("approver",): "ben", ("admin",): None,
                                                   ("break_glass",): None}
    own = http.ask("POST", "/v1/tokens", headers=headers).json()
    assert own["person"] == "zoe" and own["waits"] is False, "a person makes its own tokens alone"


def test_another_name_of_somebody_who_may_approve_takes_two_admins(admins):
    admins.expect("ada", 0, "person", "create", "zoe")
    admins.expect("ada", 0, "person", "link", "zoe", "mqtt_user", "zoe-at-the-broker")
    admins.expect("ada", WAITS, "person", "grant", "zoe", "approver")
    admins.expect("ada", WAITS, "person", "link", "zoe", "unix_user", USER)
    refused = admins.stack.orchestrators[0].submit_by_socket(plan(schedule=LATER))
    assert refused["status"] == 403 and "linked to no person" in refused["detail"]
    admins.expect("ben", 0, "person", "link", "zoe", "unix_user", USER)
    admins.stack.people.settle(admins.stack.http)
    refused = admins.stack.orchestrators[0].submit_by_socket(plan(schedule=LATER))
    assert refused["detail"] == "needs role operator"
    taken = admins.run("ada", "person", "link", "ben", "unix_user", USER)
    assert taken.returncode == 1 and f"{USER} is linked to zoe" in taken.stderr
    admins.expect("ada", 0, "person", "unlink", "zoe", "unix_user", USER)


@pytest.mark.parametrize("role", ["approver", "break_glass"])
def test_what_one_admin_gave_does_not_count_any_more_when_the_person_may_approve(admins, role):
    """Else that admin could approve, or break the glass, under the person's name."""
    http = admins.stack.http
    admins.expect("ada", 0, "person", "create", "zoe")
    admins.expect("ada", 0, "person", "link", "zoe", "unix_user", USER)
    known_to_ada = bearer(admins.expect("ada", 0, "token", "create", "zoe", "--quiet").stdout.strip())
    wait_for(lambda: http.ask("GET", "/v1/me", headers=known_to_ada).status == 200, "the token counts")
    made_with_it = bearer(http.ask("POST", "/v1/tokens", headers=known_to_ada).json()["secret"])
    by_two = json.loads(admins.expect("ada", WAITS, "person", "grant", "zoe", role, "--json").stdout)
    assert by_two["waits"] and http.ask("GET", "/v1/me", headers=known_to_ada).status == 200
    later = json.loads(admins.expect("ada", WAITS, "token", "create", "zoe", "--json").stdout)
    admins.expect("ben", 0, "token", "confirm", later["token"])
    admins.expect("ben", 0, "person", "grant", "zoe", role)
    admins.stack.people.settle(http)
    assert [http.ask("GET", "/v1/me", headers=headers).status for headers in (known_to_ada, made_with_it)] == [401, 401]
    assert http.ask("GET", "/v1/me", headers=bearer(later["secret"])).json()["roles"] == [role], "two admins gave this one"
    refused = admins.stack.orchestrators[0].submit_by_socket(plan(schedule=LATER))
    assert refused["status"] == 403 and "linked to no person" in refused["detail"]
    admins.expect("ben", 0, "person", "link", "zoe", "unix_user", USER)
    own = bearer(http.ask("POST", "/v1/tokens", headers=bearer(later["secret"])).json()["secret"])
    admins.expect("ada", WAITS, "person", "grant", "zoe", "admin")
    admins.expect("ben", 0, "person", "grant", "zoe", "admin")
    admins.stack.people.settle(http)
    assert sorted(http.ask("GET", "/v1/me", headers=own).json()["roles"]) == sorted([role, "admin"]), "who was one already keeps all"
    assert confirmed(admins, "zoe", "aliases")[("unix_user", USER)] == "ben"


def test_what_an_admin_ordered_is_dropped_when_it_is_disabled(admins):
    admins.expect("ada", 0, "person", "create", "zoe")
    admins.expect("ada", WAITS, "person", "grant", "zoe", "admin")
    admins.expect("ada", WAITS, "person", "link", "zoe", "author", "old-zoe")
    admins.expect("ben", 0, "person", "disable", "ada")
    shown = json.loads(admins.expect("ben", 0, "person", "show", "zoe", "--json").stdout)
    assert shown["roles"] == [] and [row["value"] for row in shown["aliases"]] == ["zoe"]
    admins.expect("ben", WAITS, "person", "grant", "zoe", "admin")
    last = admins.run("ben", "person", "disable", "ben")
    assert last.returncode == 1 and "ben is the last admin" in last.stderr
    last = admins.run("ben", "person", "withdraw", "ben", "admin")
    assert last.returncode == 1 and "ben is the last admin" in last.stderr


def test_a_disabled_person_is_known_nowhere_and_comes_back_with_nothing(admins):
    people, http = admins.stack.people, admins.stack.http
    people.add("oda", ["operator"], [("unix_user", USER)])
    headers = people.known(http, "oda")
    admins.expect("ada", 0, "person", "disable", "oda")
    assert http.ask("GET", "/v1/me", headers=headers).status == 401
    refused = admins.stack.orchestrators[0].submit_by_socket(plan(schedule=LATER))
    assert refused["status"] == 403 and "linked to no person" in refused["detail"]
    admins.expect("ada", 0, "person", "enable", "oda")
    people.settle(http)
    assert http.ask("GET", "/v1/me", headers=headers).status == 401 and admins.shown("oda")["roles"] == []
    assert admins.stack.orchestrators[0].submit_by_socket(plan(schedule=LATER))["detail"] == "needs role operator"


@pytest.mark.parametrize("name", ["tellercast", "loopback"])
def test_nobody_has_a_name_of_the_orchestrator(admins, name):
    refused = admins.run("ada", "person", "create", name)
    assert refused.returncode == 1 and "a name of the orchestrator" in refused.stderr
    refused = admins.run("ada", "person", "link", "ada", "author", name)
    assert refused.returncode == 1 and "a name of the orchestrator" in refused.stderr


# ---- tokens -------------------------------------------------------------------------------------


def test_what_was_answered_counts_for_the_next_request(testbed):
    testbed.people.add("ann", ["viewer"])
    own = testbed.people.known(testbed.http, "ann")
    for _ in range(10):
        made = testbed.http.ask("POST", "/v1/tokens", headers=own).json()
        new = bearer(made["secret"])
        assert testbed.http.ask("GET", "/v1/me", headers=new).status == 200
        testbed.http.ask("POST", f"/v1/tokens/{made['token']}/revoke", headers=own)
        assert testbed.http.ask("GET", "/v1/me", headers=new).status == 401


def test_a_revoked_token_is_refused_at_every_orchestrator(testbed):
    second = testbed.installation.orchestrator("second", insecure_loopback=False)
    https = [testbed.http, second.http]
    testbed.people.add("ann", ["viewer"])
    for http in https:
        headers = testbed.people.known(http, "ann")
    made = https[0].ask("POST", "/v1/tokens?valid_for_s=3600", headers=headers).json()
    new = bearer(made["secret"])
    for http in https:
        wait_for(lambda http=http: http.ask("GET", "/v1/rollouts", headers=new).status == 200, "the token is known")
    done = https[0].ask("POST", f"/v1/tokens/{made['token']}/revoke", headers=new)
    assert done.status == 200, done
    for http in https:
        wait_for(lambda http=http: http.ask("GET", "/v1/rollouts", headers=new).status == 401, "it is revoked")
        assert http.ask("GET", "/v1/rollouts", headers=headers).status == 200


def test_a_token_expires(testbed):
    testbed.people.add("ann", ["viewer"])
    headers = testbed.people.known(testbed.http, "ann")
    made = testbed.http.ask("POST", "/v1/tokens?valid_for_s=5", headers=headers).json()

    def listed():
        tokens = testbed.http.ask("GET", "/v1/tokens", headers=headers).json()["tokens"]
        assert made["secret"] not in json.dumps(tokens)
        return {row["token"]: row for row in tokens}[made["token"]]

    def status():
        return testbed.http.ask("GET", "/v1/me", headers=bearer(made["secret"])).status

    wait_for(lambda: status() == 200 or listed()["is_expired"], "it is known")
    wait_for(lambda: listed()["is_expired"] and status() == 401, "it expired")
    assert testbed.http.ask("POST", f"/v1/tokens?valid_for_s={366 * 86400}", headers=headers).status == 400


def test_the_list_of_tokens_shows_when_and_from_where_each_was_last_used(admins):
    def tokens():
        shown = json.loads(admins.expect("ada", 0, "token", "list", "--json").stdout)["tokens"]
        return {row["person"]: row for row in shown}

    wait_for(lambda: tokens()["ben"]["last_used_at"], "the use by ben is written")
    assert tokens()["ben"]["last_used_from"] == "127.0.0.1"
    shown = admins.expect("ada", 0, "token", "list").stdout
    assert "LAST USED" in shown and "valid" in shown


def test_a_person_reads_and_revokes_its_own_tokens_alone(testbed):
    for name in ("ann", "bob"):
        testbed.people.add(name, ["operator"])
    headers = {name: testbed.people.known(testbed.http, name) for name in ("ann", "bob")}
    made = testbed.http.ask("POST", "/v1/tokens", headers=headers["bob"]).json()
    listed = testbed.http.ask("GET", "/v1/tokens", headers=headers["ann"]).json()["tokens"]
    assert {row["person"] for row in listed} == {"ann"}
    stolen = testbed.http.ask("POST", f"/v1/tokens/{made['token']}/revoke", headers=headers["ann"])
    assert stolen.status == 404, stolen
    for act in ("POST /v1/tokens?person=bob", "GET /v1/tokens?person=bob"):
        assert testbed.http.ask(*act.split(" "), headers=headers["ann"]).status == 403


def test_a_person_has_a_bounded_number_of_tokens(testbed):
    testbed.people.add("ann", ["viewer"])
    headers = testbed.people.known(testbed.http, "ann")
    answers = [testbed.http.ask("POST", "/v1/tokens", headers=headers) for _ in range(20)]
    assert [answer.status for answer in answers] == [201] * 19 + [409]
    assert "revoke one first" in answers[-1].json()["detail"]


def test_a_person_gets_few_tokens_a_day_and_old_ones_that_count_no_more_are_forgotten(testbed):
    testbed.people.add("ann", ["viewer"])
    headers, database = testbed.people.known(testbed.http, "ann"), testbed.database

    def make():
        return testbed.http.ask("POST", "/v1/tokens", headers=headers)

    for _ in range(29):  # the one by which ann is known is the first
        made = make()
        assert made.status == 201, made
        assert testbed.http.ask("POST", f"/v1/tokens/{made.json()['token']}/revoke", headers=headers).status == 200
    refused = make()
    assert (refused.status, refused.json()["detail"]) == (409, "ann got 30 tokens within 24 hours, and gets no more for now")
    ids = [row["id"] for row in database.rows("SELECT id FROM token WHERE revoked_at IS NOT NULL ORDER BY id")]
    database.rows("UPDATE token SET created_at = now() - interval '100 days', revoked_at = now() - interval '91 days' WHERE id = ANY (%s)",
                  ids[:9])
    database.rows("UPDATE token SET created_at = now() - interval '100 days', revoked_at = now() - interval '89 days' WHERE id = ANY (%s)",
                  ids[9:])
    database.rows("UPDATE token SET created_by = 'tellercast' WHERE id = %s", ids[0])
    assert make().status == 201
    left = {row["id"] for row in database.rows("SELECT id FROM token WHERE revoked_at IS NOT NULL")}
    assert left == {ids[0], *ids[9:]}, "those of a file of tokens stay, so that the file does not bring them back"


# ---- the file of tokens of the version before -----------------------------------------------------


def test_a_file_of_tokens_is_taken_over_once_and_then_refused(testbed):
    stack, orchestrator = testbed, testbed.orchestrators[0]
    file = stack.folder / "tokens"
    file.write_text("".join(f"{user} {hashlib.sha256(token_of(user).encode()).hexdigest()}\n" for user in ("ann", "bob")),
                    encoding="utf-8")
    file.chmod(0o600)
    orchestrator.stop()
    orchestrator.write_settings(http={**orchestrator.settings["http"], "tokens_file": str(file)})
    orchestrator.start()
    orchestrator.wait_until_ready()
    headers = stack.people.known(orchestrator.http, "ann")
    assert orchestrator.http.ask("GET", "/v1/me", headers=headers).json()["roles"] == ["operator", "approver"]
    supply(stack)
    rollout = submit_as(stack, "ann", plan(**NEEDS_ONE))
    stack.wait_for_rollout(rollout, "awaiting_approval")
    assert post_operation(stack, rollout, "approve", "ann").status == 403
    assert post_operation(stack, rollout, "approve", "bob").status == 200
    left = stack.database.rows("SELECT extract(day FROM expires_at - now())::int AS days FROM token WHERE person IN ('ann', 'bob')")
    assert {row["days"] for row in left} <= {89, 90}
    orchestrator.stop()
    done = subprocess.run([BIN / "tellercastd", "--config", orchestrator.file], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "http.tokens_file was imported at" in done.stderr and "remove it" in done.stderr, done
    orchestrator.write_settings(http={**orchestrator.settings["http"], "tokens_file": ""})
    orchestrator.start()
    orchestrator.wait_until_ready()
    stack.people.known(orchestrator.http, "ann")
