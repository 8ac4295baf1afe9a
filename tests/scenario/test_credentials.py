"""Credentials and roles that are taken away while an act is under way: the act is decided again in its transaction."""

import getpass
import hashlib
import json
import re
import subprocess
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

import pytest
from harness.believing_nobody import opened, supply
from harness.operations import JSON
from harness.people import bearer, token_of
from harness.plan import fleet, plan, text_of
from harness.programs import BIN
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}
NEEDS_ONE = {"schedule": LATER, "approvals": {"required": 1}}
YAML = {"Content-Type": "application/yaml"}
BYTES = {"Content-Type": "application/octet-stream"}
REASON = json.dumps({"reason": "the test wants it"})
USER = getpass.getuser()
ELSEWHERE = {"accept_restored", "sign_in", "sign_out"}  # they need a restore or an identity provider
NEW = hashlib.sha256(b"new").hexdigest()

REVOKED = "UPDATE token SET revoked_at = now() WHERE person = %s"
EXPIRED = "UPDATE token SET expires_at = now() WHERE person = %s"
DISABLED = "UPDATE person SET disabled_at = now() WHERE name = %s"
WITHDRAWN = "DELETE FROM person_role WHERE person = %s"
WITHOUT = "DELETE FROM person_role WHERE person = %s AND role = %s"
NARROWED = "UPDATE person_role SET scope = %s WHERE person = %s"
UNLINKED = "DELETE FROM alias WHERE kind = %s AND value = %s"


@pytest.fixture(scope="module")
def testbed(module_stack):
    with opened(module_stack) as testbed:
        supply(testbed)
        for name in ("ann", "eve"):
            testbed.people.add(name)
        testbed.people.settle(testbed.http)
        lay_out(testbed)
        yield testbed


def ask(testbed, person, method, path, body=None, headers=None):
    return testbed.http.ask(method, path, body, {**bearer(token_of(person)), **(headers or {})})


def done(testbed, *request):
    answer = ask(testbed, "ann", *request)
    assert answer.status in (200, 201), (request, answer)
    return answer.json()


def on_rollout(testbed, rollout, seen):
    return json.dumps({"reason": "the test wants it", seen: testbed.database.rollout(rollout)[seen]})


def submitted(testbed, name, state, **spec):
    rollout = done(testbed, "POST", "/v1/rollouts", plan(name, **spec), YAML)["rollout"]
    testbed.wait_for_rollout(rollout, state)
    return rollout


def lay_out(testbed):
    """Something for each operation, so that only the credential or the role of its actor is missing."""
    testbed.waiting = submitted(testbed, "waiting", "awaiting_approval", **NEEDS_ONE)
    testbed.running = submitted(testbed, "running", "running", schedule=LATER)
    urgent = submitted(testbed, "urgent", "awaiting_approval", **NEEDS_ONE)
    done(testbed, "POST", f"/v1/rollouts/{urgent}/break-glass", on_rollout(testbed, urgent, "version"), JSON)
    testbed.wait_for_rollout(urgent, "running")
    testbed.review = testbed.database.value("SELECT id FROM review WHERE rollout_id = %s", urgent)
    done(testbed, "POST", "/v1/devices/A1/retire", REASON, JSON)
    done(testbed, "PUT", f"/v1/artifacts/{NEW}?name=new&version=1", b"new", BYTES)
    done(testbed, "PUT", f"/v1/artifacts/{NEW}?name=new&version=2", b"new", BYTES)
    for version in (1, 2):
        done(testbed, "POST", f"/v1/artifacts:block?name=new&version={version}", REASON, JSON)
    done(testbed, "POST", "/v1/artifacts:unblock?name=new&version=2", REASON, JSON)
    testbed.log = testbed.database.value("INSERT INTO device_log (device, instruction_id, rollout_id, attempt, size_bytes, content) "
                                         "VALUES ('A2', 1, 1, 1, 1, 'x') RETURNING id")
    testbed.database.rows("INSERT INTO webhook (name, position) VALUES ('siem', 0)")
    testbed.freeze = done(testbed, "POST", "/v1/freezes", freeze("region=emea"), JSON)["freeze"]
    testbed.token = done(testbed, "POST", "/v1/tokens?person=eve")["token"]


def freeze(match):
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    return json.dumps({"match": match, "until": f"{tomorrow:%Y-%m-%dT%H:%M:%SZ}", "reason": "a storm"})


def amendment(testbed):
    version = testbed.database.rollout(testbed.running)["version"]
    return json.dumps({"version": version, "reason": "the line is slow", "rate": {"perMinute": 30}})


def requests(testbed):
    """A request of each operation that changes something: (operation, method, path, body, headers)."""
    def on(rollout, verb, seen):
        return ("POST", f"/v1/rollouts/{rollout}/{verb}", on_rollout(testbed, rollout, seen), JSON)

    version = testbed.database.rollout(testbed.waiting)["version"]
    return [
        ("submit", "POST", "/v1/rollouts", plan("of-nobody", schedule=LATER), YAML),
        ("revise", "PUT", f"/v1/rollouts/{testbed.waiting}/plan?version={version}&reason={quote('a better plan')}",
         plan("waiting", schedule={"startAt": "2098-01-01T00:00:00Z"}, approvals={"required": 1}), YAML),
        ("operate", *on(testbed.running, "pause", "version")),
        ("amend", "POST", f"/v1/rollouts/{testbed.running}/amendments", amendment(testbed), JSON),
        ("exclude", "POST", f"/v1/rollouts/{testbed.running}/skip",
         json.dumps({"version": testbed.database.rollout(testbed.running)["version"], "reason": "r", "device": "A2"}), JSON),
        ("approve", *on(testbed.waiting, "approve", "digest")),
        ("break_glass", *on(testbed.waiting, "break-glass", "version")),
        ("review", "POST", f"/v1/reviews/{testbed.review}/accept", REASON, JSON),
        ("return_device", "POST", "/v1/devices/A1/return", REASON, JSON),
        ("remove_device", "POST", "/v1/devices/A2/retire", REASON, JSON),
        ("remove_device", "POST", "/v1/devices/A2/revoke", REASON, JSON),
        ("collect", "POST", "/v1/devices/A2/collect", json.dumps({"file": "journal", "reason": "r"}), JSON),
        ("open_log", "GET", f"/v1/logs/{testbed.log}"),
        ("enrol_device", "POST", "/v1/devices/A2/enrolments"),
        ("import_fleet", "PUT", "/v1/fleet", fleet({"B2": ["A3"]}), YAML),
        ("add_artifact", "PUT", f"/v1/artifacts/{NEW}?name=new&version=3", b"new", BYTES),
        ("block_version", "POST", "/v1/artifacts:block?name=new&version=9", REASON, JSON),
        ("unblock_version", "POST", "/v1/artifacts:unblock?name=new&version=1", REASON, JSON),
        ("freeze", "POST", "/v1/freezes", freeze("region=apac"), JSON),
        ("lift_freeze", "POST", f"/v1/freezes/{testbed.freeze}/lift", REASON, JSON),
        ("manage_keys", "POST", "/v1/keys:rotate", REASON, JSON),
        ("test_webhook", "POST", "/v1/webhooks/siem/test"),
        ("manage_people", "POST", "/v1/people?name=accomplice"),
        ("manage_people", "POST", "/v1/people/eve/grant?role=approver"),
        ("manage_people", "POST", "/v1/people/eve/link?kind=unix_user&alias=other"),
        ("manage_people", "POST", "/v1/people/eve/disable"),
        ("make_own_token", "POST", "/v1/tokens"),
        ("make_own_token", "POST", "/v1/tokens?person=eve"),
        ("make_own_token", "POST", f"/v1/tokens/{testbed.token}/revoke"),
    ]


def operations_that_change():
    printed = subprocess.run([BIN / "tellercastd", "--print-access"], capture_output=True, text=True, check=True).stdout
    names = {re.split("  +", line)[3].split(":")[0] for line in printed.splitlines()}
    return {name for name in names if not name.startswith("read_")} - {"public", "preview", "download"}


def everything(database):
    tables = ("rollout", "rollout_event", "amendment", "approval", "review_decision", "device", "device_revocation", "enrolment", "artifact",
              "artifact_block", "freeze_order", "key_rotation", "webhook", "person", "person_role", "alias", "(SELECT id, revoked_at FROM token)")
    return {table: database.value(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t") for table in tables}


def test_no_act_is_done_by_a_token_or_a_role_that_is_gone_when_it_would_be_committed(testbed):
    walk, names = [], []
    for request in requests(testbed):
        ways = [(REVOKED, 401)] if request[2] == "/v1/tokens" else [(REVOKED, 401), (WITHDRAWN, 403)]
        walk += [(f"p{len(walk) + number}", *way, request) for number, way in enumerate(ways)]
    for name, *_ in walk:
        testbed.people.add(name)
        names.append(name)
    testbed.people.settle(testbed.http)
    done_before = testbed.database.value("SELECT count(*) FROM act WHERE outcome = 'done'")
    for name, change, status, (operation, *request) in walk:
        # What the change itself does is no act's; all else stays as it is.
        expected = {REVOKED: ["(SELECT id, revoked_at FROM token)"], WITHDRAWN: ["person_role"]}[change]
        before = everything(testbed.database)
        answer = testbed.people.act_before(lambda: ask(testbed, name, *request), (change, name))  # noqa: B023, called at once
        assert answer.status == status, (operation, request, change, answer)
        detail = answer.json()["detail"]
        assert detail.startswith("a valid bearer token must be given" if status == 401 else "needs role "), answer
        assert (answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"') == (status == 401), answer
        after = everything(testbed.database)
        assert [table for table in before if before[table] != after[table]] == expected, (operation, request)
    assert {operation for *_, (operation, *_) in walk} | ELSEWHERE == operations_that_change(), "add its request"
    refused = f"SELECT count(*) FROM act WHERE outcome = 'refused' AND person = ANY ('{{{','.join(names)}}}') AND credential LIKE 'token %%'"
    wait_for(lambda: testbed.database.value(refused) == len(walk), "each refusal is recorded as its person's")
    assert testbed.database.value("SELECT count(*) FROM act WHERE outcome = 'done'") == done_before


@pytest.mark.parametrize(("change", "status"), [(EXPIRED, 401), (DISABLED, 401)])
def test_a_person_who_is_disabled_and_a_token_that_expires_meanwhile_do_nothing(testbed, change, status):
    name = f"gone-{change.split()[1]}"
    testbed.people.add(name)
    testbed.people.settle(testbed.http)
    answer = testbed.people.act_before(lambda: ask(testbed, name, "POST", "/v1/people/eve/grant?role=viewer"), (change, name))
    assert answer.status == status, answer


def test_a_right_beside_the_operation_s_own_is_decided_again_too(testbed):
    """An admin takes a retired device back, which an operator does not; an approver confirms that a version is unblocked."""
    unblock = ("POST", "/v1/artifacts:unblock?name=new&version=2", REASON, JSON)
    for role, request in (("admin", ("POST", "/v1/devices/A1/return", REASON, JSON)), ("approver", unblock)):
        name = f"without-{role}"
        testbed.people.add(name)
        testbed.people.settle(testbed.http)
        answer = testbed.people.act_before(lambda: ask(testbed, name, *request), (WITHOUT, name, role))  # noqa: B023, called at once
        assert (answer.status, answer.json()["detail"]) == (403, f"needs role {role}"), answer


def test_a_change_of_another_person_does_not_refuse_an_act(testbed):
    for request in (("POST", "/v1/tokens"), ("POST", "/v1/rollouts", plan("goes-on", schedule=LATER), YAML),
                    ("POST", "/v1/people/eve/grant?role=viewer")):
        answer = testbed.people.act_before(lambda: ask(testbed, "ann", *request), (REVOKED, "oskar"))  # noqa: B023, called at once
        assert answer.status in (200, 201), answer


def test_a_role_that_counts_elsewhere_meanwhile_is_looked_at_again(testbed):
    """The act was checked against the scope of before; somebody who may do it still sends it again."""
    emea, apac = json.dumps({"region": ["emea"]}), json.dumps({"region": ["apac"]})
    branches = [{"id": "E9", "name": "E9", "zone": "UTC", "labels": {"region": "emea"}}]
    devices = [{"id": "E9", "branch": "E9", "role": "node", "versions": {}}]
    done(testbed, "PUT", "/v1/fleet", text_of({"apiVersion": "tellercast/v1", "kind": "Fleet", "branches": branches,
                                               "devices": devices}), YAML)
    for name, scope, status in (("to-apac", apac, 409), ("to-everywhere", "{}", 201)):
        testbed.people.add(name, ["operator", "admin"], scope=json.loads(emea))
        testbed.people.settle(testbed.http)
        answer = testbed.people.act_before(lambda: ask(testbed, name, "POST", "/v1/devices/E9/enrolments"),  # noqa: B023
                                           (NARROWED, scope, name))
        assert answer.status == status, answer
        assert status == 201 or answer.json()["detail"] == f"what {name} may do has just been changed: send it again"


def test_a_name_at_the_socket_or_the_broker_that_is_unlinked_meanwhile_submits_nothing(testbed):
    orchestrator, people = testbed.orchestrators[0], testbed.people
    for kind, value, submit in (("unix_user", USER, orchestrator.submit_by_socket),
                                ("certificate", "operator", testbed.by_mqtt.submit)):
        document = plan(f"by-{kind.replace('_', '-')}", schedule=LATER)
        for change, reason in (((UNLINKED, kind, value), f"{kind} {value} is linked to no person"),
                               ((WITHDRAWN, f"at-{kind}"), "needs role operator")):
            people.add(f"at-{kind}")
            people.link(kind, value, f"at-{kind}")
            people.settle(testbed.http)
            assert reason in people.act_before(lambda: submit(document), change)["detail"]  # noqa: B023, called at once
        assert testbed.database.value("SELECT count(*) FROM rollout WHERE name LIKE 'by-%%'") == 0


def test_who_takes_an_own_right_away_is_done(testbed):
    """The act is decided before it changes what it would be decided by."""
    testbed.people.add("leaving")
    testbed.people.settle(testbed.http)
    assert ask(testbed, "leaving", "POST", "/v1/people/leaving/withdraw?role=admin").status == 200
    own = testbed.database.value("SELECT id FROM token WHERE person = 'leaving'")
    assert ask(testbed, "leaving", "POST", f"/v1/tokens/{own}/revoke").status == 200
    assert ask(testbed, "leaving", "GET", "/v1/me").status == 401
