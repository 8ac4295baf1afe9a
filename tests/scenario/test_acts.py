"""The record of acts: what each endpoint leaves in it, who may touch it, and how its oldest rows end."""

import csv
import getpass
import hashlib
import io
import json
import re
import socket
import subprocess
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

import psycopg2
import pytest
from harness.believing_nobody import opened, supply
from harness.operations import JSON
from harness.people import bearer, token_of
from harness.plan import fleet, plan
from harness.programs import BIN, command_line
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}
NEEDS_ONE = {"schedule": LATER, "approvals": {"required": 1}}
YAML = {"Content-Type": "application/yaml"}
REASON = json.dumps({"reason": "the test wants it"})
FLEET = fleet({"B1": ["A1", "A2", "A3"]})
ELSEWHERE = {"accept_restored", "sign_in", "sign_out"}  # test_restore.py and test_oidc_sign_in.py look at their acts
USER = getpass.getuser()
ROWS = "SELECT * FROM act ORDER BY number"


@pytest.fixture(scope="module")
def testbed(module_stack):
    with opened(module_stack) as testbed:
        for name, roles in (("ann", None), ("bob", ["approver"]), ("vic", ["viewer"]), ("aud", ["auditor"])):
            testbed.people.add(name, *([] if roles is None else [roles]))
        supply(testbed)
        testbed.people.link("unix_user", USER, "ann")
        testbed.people.link("certificate", "operator", "ann")
        testbed.people.settle(testbed.http)
        yield testbed


class Walk:
    """Acts, and the rows that they must leave."""

    def __init__(self, testbed):
        self.testbed, self.database = testbed, testbed.database
        self.before = self.database.value("SELECT number FROM act_head")
        self.expected = []

    def expect(self, person, endpoint, operation, verb, kind, outcome):
        self.expected.append((person, endpoint, operation, verb, kind, outcome))

    def ask(self, person, operation, verb, kind, statuses, request, outcome="done"):
        method, path, body, headers = [*request, None, {}][:4] if len(request) != 3 else [*request, {}]
        answer = self.testbed.http.ask(method, path, body, {**bearer(token_of(person)), **headers})
        assert answer.status in statuses, (request, answer)
        self.expect(person, "http", operation, verb, kind, outcome)
        return answer

    def act(self, operation, verb, kind, *request, by="ann"):
        """An act that a viewer is refused, and this person does."""
        self.ask("vic", operation, verb, kind, (403,), request, "refused")
        return self.ask(by, operation, verb, kind, (200, 201), request)

    def rows(self):
        return self.database.rows("SELECT * FROM act WHERE number > %s ORDER BY number", self.before)

    def compare(self):
        wait_for(lambda: len(self.rows()) >= len(self.expected), "each act is recorded")
        self.ask("vic", "read_audit", "read_audit", "audit", (403,), ("GET", "/v1/audit"), "refused")
        wait_for(lambda: any(row["verb"] == "read_audit" for row in self.rows()), "a later refusal is recorded")
        rows = self.rows()
        found = [(row["person"], row["endpoint"], row["operation"], row["verb"], row["object_kind"], row["outcome"]) for row in rows]
        assert sorted(found, key=str) == sorted(self.expected, key=str)
        numbers = [row["number"] for row in rows]
        assert numbers == list(range(self.before + 1, self.before + 1 + len(numbers))), "numbers have no gaps"
        for row in rows:
            assert row["times"] == 1 and row["credential"], row
            assert (row["refusal"] is None) == (row["outcome"] == "done"), row


def operations_that_change():
    """The operations of the table, but for those that only read."""
    printed = subprocess.run([BIN / "tellercastd", "--print-access"], capture_output=True, text=True, check=True).stdout
    names = {re.split("  +", line)[3].split(":")[0] for line in printed.splitlines()}
    return {name for name in names if not name.startswith("read_")} - {"public", "preview", "download"}


def on_rollout(database, rollout, seen):
    row = database.rollout(rollout)
    return json.dumps({"reason": "the test wants it", seen: row[seen]})


def walk_rollouts(walk):
    http, database = walk.testbed.http, walk.database
    rollout = walk.act("submit", "submit", "rollout", "POST", "/v1/rollouts", plan("one", **NEEDS_ONE), YAML).json()["rollout"]
    walk.testbed.wait_for_rollout(rollout, "awaiting_approval")
    version, reason = database.rollout(rollout)["version"], quote("a better plan")
    walk.act("revise", "revise", "rollout", "PUT", f"/v1/rollouts/{rollout}/plan?version={version}&reason={reason}",
             plan("one", schedule={"startAt": "2098-01-01T00:00:00Z"}, approvals={"required": 1}), YAML)
    walk.testbed.wait_for_rollout(rollout, "awaiting_approval")
    walk.act("approve", "approve", "rollout", "POST", f"/v1/rollouts/{rollout}/approve", on_rollout(database, rollout, "digest"),
             JSON, by="bob")
    walk.testbed.wait_for_rollout(rollout, "running")
    slower = {**json.loads(on_rollout(database, rollout, "version")), "rate": {"perMinute": 30}}
    amend = ("POST", f"/v1/rollouts/{rollout}/amendments", json.dumps(slower), JSON)
    walk.act("amend", "amend", "rollout", *amend)
    assert http.ask(*amend[:3], {**JSON, **bearer(token_of("ann"))}).status == 200, "the same amendment again is no act"
    faster = {**json.loads(on_rollout(database, rollout, "version")), "rate": {"perMinute": 90}}
    waiting = walk.act("amend", "amend", "rollout", *amend[:2], json.dumps(faster), JSON).json()["amendment"]
    withdraw = ("POST", f"{amend[1]}/{waiting['amendment']}/withdraw", json.dumps({"digest": waiting["digest"], "reason": "no need"}), JSON)
    walk.act("amend", "withdraw", "rollout", *withdraw)
    assert http.ask(*withdraw[:3], {**JSON, **bearer(token_of("ann"))}).status == 200, "the same withdrawal again is no act"
    pause = ("POST", f"/v1/rollouts/{rollout}/pause", on_rollout(database, rollout, "version"), JSON)
    walk.act("operate", "pause", "rollout", *pause)
    assert http.ask(*pause[:3], {**JSON, **bearer(token_of("ann"))}).status == 200, "the same request again is no act"
    for verb, of in (("skip", {"device": "A1"}), ("exclude", {"match": "branch=B1"})):
        order = json.dumps({**json.loads(on_rollout(database, rollout, "version")), **of})
        walk.act("exclude", verb, "rollout", "POST", f"/v1/rollouts/{rollout}/{verb}", order, JSON)
    walk.act("operate", "cancel", "rollout", "POST", f"/v1/rollouts/{rollout}/cancel", on_rollout(database, rollout, "version"), JSON)
    return rollout


def walk_reviews(walk):
    database = walk.database
    rollout = walk.act("submit", "submit", "rollout", "POST", "/v1/rollouts", plan("urgent", **NEEDS_ONE), YAML).json()["rollout"]
    walk.testbed.wait_for_rollout(rollout, "awaiting_approval")
    walk.act("break_glass", "break-glass", "rollout", "POST", f"/v1/rollouts/{rollout}/break-glass",
             on_rollout(database, rollout, "version"), JSON)
    review = database.value("SELECT id FROM review WHERE rollout_id = %s", rollout)
    accept, object_to = (("POST", f"/v1/reviews/{review}/{verb}", REASON, JSON) for verb in ("accept", "object"))
    walk.act("review", "accept", "review", *accept, by="bob")
    again = walk.testbed.http.ask(*accept[:3], {**JSON, **bearer(token_of("bob"))})
    assert again.status == 200 and again.json()["existing"] is True, "the same decision again is no act"
    walk.ask("ann", "review", "object", "review", (403,), object_to, "refused")
    wrong = walk.testbed.http.ask("GET", "/v1/reviews?state=open", headers=bearer(token_of("bob")))
    assert wrong.status == 400, "a read that is wrong is no act"
    accepted, = [row for row in walk.rows() if row["verb"] == "accept" and row["outcome"] == "done"]
    assert (accepted["object"], accepted["digest"]) == (str(review), database.rollout(rollout)["digest"])
    assert accepted["reason"] == "the test wants it"


def walk_devices(walk):
    for verb, operation in (("retire", "remove_device"), ("return", "return_device"), ("revoke", "remove_device")):
        walk.act(operation, verb, "device", "POST", f"/v1/devices/A1/{verb}", REASON, JSON)
    log = walk.database.value("INSERT INTO device_log (device, instruction_id, rollout_id, attempt, size_bytes, content) "
                              "VALUES ('A1', 1, 1, 1, 1, 'x') RETURNING id")
    walk.act("collect", "collect", "device", "POST", "/v1/devices/A1/collect", json.dumps({"file": "journal", "reason": "r"}), JSON)
    walk.act("open_log", "open_log", "log", "GET", f"/v1/logs/{log}")
    walk.act("enrol_device", "enrol_device", "device", "POST", "/v1/devices/A1/enrolments")
    walk.act("import_fleet", "import_fleet", "fleet", "PUT", "/v1/fleet", FLEET, YAML)
    digest = hashlib.sha256(b"new").hexdigest()
    walk.act("add_artifact", "add_artifact", "artifact", "PUT", f"/v1/artifacts/{digest}?name=new&version=1", b"new",
             {"Content-Type": "application/octet-stream"})


def walk_blocks(walk):
    for verb in ("block", "unblock"):
        walk.act(f"{verb}_version", verb, "artifact", "POST", f"/v1/artifacts:{verb}?name=new&version=1", REASON, JSON)
    walk.ask("vic", "sign_out", "sign_out", "session", (409,), ("POST", "/v1/logout"), "refused")


def walk_freezes(walk):
    order = json.dumps({"until": f"{datetime.now(timezone.utc) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}", "reason": "the test wants it"})
    number = walk.act("freeze", "freeze", "freeze", "POST", "/v1/freezes", order, JSON).json()["freeze"]
    again = walk.testbed.http.ask("POST", "/v1/freezes", order, {**JSON, **bearer(token_of("ann"))})
    assert again.status == 200 and again.json()["existing"] is True, "the same order again is no act"
    walk.act("lift_freeze", "lift", "freeze", "POST", f"/v1/freezes/{number}/lift", REASON, JSON)


def walk_people(walk):
    walk.act("manage_people", "create", "person", "POST", "/v1/people?name=new")
    for verb, query in (("grant", "role=viewer"), ("withdraw", "role=viewer"), ("link", "kind=unix_user&alias=new"),
                        ("unlink", "kind=unix_user&alias=new"), ("disable", ""), ("enable", "")):
        walk.act("manage_people", verb, "person", "POST", f"/v1/people/new/{verb}?{query}")
    own = walk.ask("vic", "make_own_token", "create", "token", (201,), ("POST", "/v1/tokens")).json()["token"]
    walk.ask("vic", "make_own_token", "create", "token", (403,), ("POST", "/v1/tokens?person=bob"), "refused")
    walk.ask("vic", "make_own_token", "revoke", "token", (200,), ("POST", f"/v1/tokens/{own}/revoke"))
    walk.ask("vic", "make_own_token", "revoke", "token", (409,), ("POST", f"/v1/tokens/{own}/revoke"), "refused")


def walk_installation(walk):
    walk.ask("ann", "accept_restored", "accept-restored", "installation", (409,),
             ("POST", "/v1/installation/accept-restored", REASON, JSON), "refused")
    walk.act("manage_keys", "rotate", "key", "POST", "/v1/keys:rotate", REASON, JSON)
    walk.testbed.database.rows("INSERT INTO webhook (name, position) VALUES ('siem', 0)")
    walk.act("test_webhook", "test", "webhook", "POST", "/v1/webhooks/siem/test")
    walk.ask("ann", "manage_keys", "revoke", "key", (404,), ("POST", "/v1/keys/none/revoke", REASON, JSON), "refused")


def walk_other_endpoints(walk):
    testbed, orchestrator = walk.testbed, walk.testbed.orchestrators[0]
    for endpoint, kind, value, submit in (("socket", "unix_user", USER, orchestrator.submit_by_socket),
                                          ("mqtt", "certificate", "operator", testbed.by_mqtt.submit)):
        for person, outcome in (("ann", "done"), ("vic", "refused")):
            testbed.people.link(kind, value, person)
            testbed.people.settle(testbed.http)
            submit(plan(f"{endpoint}-{person}", schedule=LATER))
            walk.expect(person, endpoint, "submit", "submit", "rollout" if outcome == "done" else None, outcome)
        testbed.people.link(kind, value, "ann")
        testbed.people.settle(testbed.http)
        submit(plan(f"{endpoint}-ann", schedule={"startAt": "2098-01-01T00:00:00Z"}))  # the name is taken
        walk.expect("ann", endpoint, "submit", "submit", None, "refused")


def test_each_operation_leaves_one_row_when_it_is_done_and_one_when_it_is_refused_at_each_endpoint(testbed):
    walk = Walk(testbed)
    rollout = walk_rollouts(walk)
    walk_reviews(walk)
    walk_devices(walk)
    walk_blocks(walk)
    walk_freezes(walk)
    walk_people(walk)
    walk_installation(walk)
    walk_other_endpoints(walk)
    walk.compare()
    done = {row[2] for row in walk.expected if row[5] == "done"} | ELSEWHERE
    assert done == operations_that_change(), "an operation without its acts: add them to this walk"
    assert {row[2] for row in walk.expected if row[5] == "refused"} >= operations_that_change() - {"sign_in"}
    approve, = [row for row in walk.rows() if row["verb"] == "approve" and row["outcome"] == "done"]
    assert (approve["object"], approve["digest"]) == (str(rollout), testbed.database.rollout(rollout)["digest"])
    assert approve["reason"] == "the test wants it" and approve["address"] == "127.0.0.1"
    refused = next(row for row in walk.rows() if row["verb"] == "pause" and row["person"] == "vic")
    assert refused["refusal"] == "needs role operator" and refused["object"] == str(rollout)


def ask_pause(testbed, rollout, person="ann"):
    return testbed.http.ask("POST", f"/v1/rollouts/{rollout}/pause", on_rollout(testbed.database, rollout, "version"),
                            {**JSON, **bearer(token_of(person))})


def test_no_act_is_committed_without_its_row_and_none_that_is_rolled_back_leaves_one(testbed):
    database = testbed.database
    rollout = testbed.http.ask("POST", "/v1/rollouts", plan("kept", schedule=LATER), {**YAML, **bearer(token_of("ann"))}).json()["rollout"]
    testbed.wait_for_rollout(rollout, "running")
    last = database.value("SELECT number FROM act_head")
    for table, condition in (("act", "verb <> 'pause' OR outcome <> 'done'"), ("rollout_event", "kind <> 'paused'")):
        database.rows(f"ALTER TABLE {table} ADD CONSTRAINT broken CHECK ({condition}) NOT VALID")
        try:
            assert ask_pause(testbed, rollout).status in (409, 500), table
        finally:
            database.rows(f"ALTER TABLE {table} DROP CONSTRAINT broken")
        assert database.rollout(rollout)["state"] == "running", table
    wait_for(lambda: database.value("SELECT number FROM act_head") == last + 2, "both are recorded as what they were")
    assert [row["outcome"] for row in database.rows(ROWS) if row["number"] > last] in (["failed"] * 2, ["refused"] * 2)
    assert ask_pause(testbed, rollout).status == 200
    assert database.rows(ROWS)[-1]["outcome"] == "done"


def test_the_roles_of_the_database_can_neither_change_nor_delete_a_row(testbed):
    statements = ("UPDATE act SET person = 'somebody else'", "DELETE FROM act", "TRUNCATE act",
                  "INSERT INTO act SELECT * FROM act ON CONFLICT (number) DO UPDATE SET person = 'somebody else'")
    for role, fault in (("run", psycopg2.errors.InsufficientPrivilege), ("migrate", psycopg2.errors.RaiseException)):
        connection = psycopg2.connect(testbed.database.address_of(role))
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                with pytest.raises(fault):
                    cursor.execute(statement)
        connection.close()


def test_the_record_says_what_was_wrong_with_a_plan(testbed):
    refused = testbed.http.ask("POST", "/v1/rollouts", plan("wrong", action="instal"), {**YAML, **bearer(token_of("ann"))})
    assert refused.status == 422, refused
    wanted = "the plan has 1 fault, the first one at spec.action"
    recorded = "SELECT count(*) FROM act WHERE verb = 'submit' AND refusal = %s"
    wait_for(lambda: testbed.database.value(recorded, wanted) == 1, "it is recorded")


# ---- reading --------------------------------------------------------------------------------------


def audit(testbed, *words, person="aud"):
    return command_line("audit", *words, "--server", testbed.http.url, "--token-file",
                        testbed.people.file(testbed.http, person), check=False)


def test_an_auditor_filters_and_exports_and_no_field_is_a_formula(testbed):
    rollout = testbed.http.ask("POST", "/v1/rollouts", plan("formula", schedule=LATER), {**YAML, **bearer(token_of("ann"))}).json()["rollout"]
    testbed.wait_for_rollout(rollout, "running")
    version, evil = testbed.database.rollout(rollout)["version"], "=HYPERLINK(\"http://evil\") \u0085\u001b[31m"
    body = json.dumps({"reason": evil.replace("\u0085\u001b", ""), "version": version})
    answer = testbed.http.ask("POST", f"/v1/rollouts/{rollout}/pause", body, {**JSON, **bearer(token_of("ann"))})
    assert answer.status == 200, answer
    of_it = ("--who", "ann", "--what", f"rollout/{rollout}")
    table = audit(testbed, *of_it)
    assert table.returncode == 0 and "submit" in table.stdout and "pause" in table.stdout, table
    lines = [json.loads(line) for line in audit(testbed, *of_it, "--format", "json-lines").stdout.splitlines()]
    assert [line["verb"] for line in lines] == ["submit", "pause"] and lines[1]["version"] == version
    rows = list(csv.DictReader(io.StringIO(audit(testbed, *of_it, "--format", "csv").stdout, newline="")))
    assert [row["verb"] for row in rows] == ["submit", "pause"]
    assert rows[1]["reason"].startswith("'=HYPERLINK(\"http://evil\")"), rows[1]
    assert audit(testbed, *of_it, "--until", "24h").stdout == ""
    glass = ("POST", f"/v1/rollouts/{rollout}/break-glass", on_rollout(testbed.database, rollout, "version"))
    assert testbed.http.ask(*glass, {**JSON, **bearer(token_of("vic"))}).status == 403
    for what in ("break-glass", "break_glass"):
        found = ("--who", "vic", "--what", what, "--format", "json-lines")
        line = wait_for(lambda words=found: audit(testbed, *words).stdout.splitlines(), f"acts by the word {what}")[0]
        assert json.loads(line)["verb"] == "break-glass", line
    unknown = audit(testbed, "--what", "brek-glass")
    assert unknown.returncode == 1 and "unknown act" in unknown.stderr and unknown.stdout == "", unknown
    for row in testbed.database.rows("SELECT DISTINCT verb FROM act"):
        answer = testbed.http.ask("GET", f"/v1/audit?verb={row['verb']}&limit=1", headers=bearer(token_of("aud")))
        assert answer.status == 200, row
    assert len(audit(testbed, "--what", "pause", "--limit", "1", "--format", "json-lines").stdout.splitlines()) == 1
    refused = audit(testbed, person="vic")
    assert refused.returncode == 1 and "needs role auditor or admin" in refused.stderr


def test_pages_of_acts_follow_one_another(testbed):
    headers, found, after = bearer(token_of("aud")), [], 0
    last = testbed.database.value("SELECT number FROM act_head")
    for _ in range(8):
        assert testbed.http.ask("GET", "/v1/people", headers=bearer(token_of("vic"))).status == 403
    wait_for(lambda: testbed.database.value("SELECT number FROM act_head") >= last + 8, "the refusals are recorded")
    while after is not None:
        page = testbed.http.ask("GET", f"/v1/audit?limit=3&after={after}", headers=headers).json()
        found += [act["number"] for act in page["acts"]]
        after = page["next"]
        assert len(found) <= testbed.database.value("SELECT number FROM act_head")
    assert sorted(found) == [row["number"] for row in testbed.database.rows(ROWS)] and len(found) == len(set(found)) > 7


# ---- floods and the end ---------------------------------------------------------------------------


def test_ten_thousand_refusals_of_unknown_peers_leave_one_row_a_minute(testbed):
    with socket.create_connection(("127.0.0.1", testbed.http.port), timeout=60) as connection:
        for first in range(0, 10000, 50):
            connection.sendall("".join(f"GET /v1/rollouts HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer wrong-{number}\r\n\r\n"
                                       for number in range(first, first + 50)).encode())
            received = b""
            while received.count(b"HTTP/1.1 401") < 50 or not received.endswith(b"}"):
                received += connection.recv(65536)
    for _ in range(100):
        assert testbed.http.ask("POST", "/v1/installation/accept-restored", REASON, {**JSON, **bearer(token_of("vic"))}).status == 403
    orchestrator = testbed.orchestrators[0]
    orchestrator.stop()
    orchestrator.start()
    orchestrator.wait_until_ready()
    unknown = [row for row in testbed.database.rows(ROWS) if row["person"] is None and row["verb"] == "read_rollouts"]
    assert sum(row["times"] for row in unknown) == 10000 and len(unknown) < 10
    assert {row["address"] for row in unknown} == {"127.0.0.1"}
    known = [row for row in testbed.database.rows(ROWS) if row["person"] == "vic" and row["verb"] == "accept-restored"]
    assert sum(row["times"] for row in known) == 100 and len(known) <= 64


def expire(testbed, role, folder, key):
    settings = folder / "expiry.yaml"
    settings.write_text(f"database_migration: '{testbed.database.address_of(role)}'\naudit: {{retention: 30d}}\n", encoding="utf-8")
    return subprocess.run([BIN / "tellercastd", "audit", "expire", "--out", folder, "--key", key, "--config", settings],
                          capture_output=True, text=True, timeout=60, check=False)


def test_what_is_older_than_its_retention_is_exported_signed_and_then_deleted_and_nothing_else(testbed, tmp_path):
    database, key, public = testbed.database, tmp_path / "records.key", tmp_path / "records.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key], check=True, capture_output=True)
    key.chmod(0o600)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True, capture_output=True)
    rows = database.rows(ROWS)
    nothing = expire(testbed, "migrate", tmp_path, key)
    assert nothing.returncode == 0 and nothing.stdout == "" and database.rows(ROWS) == rows, nothing
    last = rows[len(rows) // 2]["number"]
    database.rows("SET session_replication_role = replica")
    database.rows("UPDATE act SET at = at - interval '31 days' WHERE number <= %s", last)
    database.rows("SET session_replication_role = DEFAULT")
    denied = expire(testbed, "run", tmp_path, key)
    assert denied.returncode == 1 and "role tellercast_run may not delete acts" in denied.stderr, denied
    done = expire(testbed, "migrate", tmp_path, key)
    assert done.returncode == 0, done
    file = done.stdout.strip()
    exported = [json.loads(line) for line in open(file, encoding="utf-8")]
    assert [act["number"] for act in exported] == [row["number"] for row in rows if row["number"] <= last]
    checked = subprocess.run(["openssl", "dgst", "-sha256", "-verify", public, "-signature", f"{file}.sig", file],
                             capture_output=True, text=True, check=False)
    assert checked.returncode == 0 and "Verified OK" in checked.stdout, checked
    left = database.rows(ROWS)
    assert [row["number"] for row in left] == [row["number"] for row in rows if row["number"] > last] + [left[-1]["number"]]
    assert left[-1]["verb"] == "expire_acts" and left[-1]["details"] == {"first": str(rows[0]["number"]), "last": str(last)}
