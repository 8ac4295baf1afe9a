"""Roles that count in a scope: who may act on which devices, at each endpoint, and what of a larger rollout is seen."""

import contextlib
import getpass
import itertools
import json
import re
import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from harness.believing_nobody import opened
from harness.operations import JSON, revise
from harness.people import EVERY_ROLE, bearer, token_of
from harness.plan import plan, text_of
from harness.programs import BIN, command_line
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}
LOG = ("INSERT INTO device_log (device, instruction_id, rollout_id, attempt, size_bytes, content) "
       "SELECT device, id, rollout_id, 1, 4, 'jam' || chr(10) FROM instruction WHERE device = %s ORDER BY id LIMIT 1 RETURNING id")
YAML = {"Content-Type": "application/yaml"}
EMEA, USER = {"region": ["emea"]}, getpass.getuser()
REGIONS = {"E": "emea", "P": "apac"}
IN_EMEA, IN_APAC, IN_BOTH = ({"matchLabels": {"region": "emea"}}, {"matchLabels": {"region": "apac"}}, {})


def branch(name, region=None, zone="Europe/Berlin"):
    return {"id": name, "name": name, "zone": zone, "labels": {"region": region or REGIONS[name[0]]}}


def node(name, **more):
    return {"id": name, "branch": name, "role": "node", "versions": {"atm-app": "4.7.0"}, **more}


def atm(name, of, **more):
    return {"id": name, "branch": of, "role": "atm", "versions": {"atm-app": "4.7.0"}, **more}


def fleet_of(branches=(), devices=()):
    return text_of({"apiVersion": "tellercast/v1", "kind": "Fleet", "branches": list(branches), "devices": list(devices)})


def lay_out(stack):
    """A region of three devices and one of two, a rollout in each, and one in both; `everybody` has every role but admin, everywhere."""
    stack.people.add("everybody", [role for role in EVERY_ROLE if role != "admin"])
    stack.people.known(stack.http, "everybody")
    stack.http.token = token_of("everybody")
    answer = stack.http.import_fleet(fleet_of([branch("E1"), branch("P1")],
                                              [node("E1"), atm("E2", "E1"), atm("E3", "E1"), node("P1"), atm("P2", "P1")]))
    assert answer.status == 200, answer
    stack.add_artifact()
    made = {name: order(stack, "everybody", name, selector) for name, selector in
            (("of-emea", IN_EMEA), ("of-apac", IN_APAC), ("of-both", IN_BOTH))}
    stack.http.token = None
    return made


def document(name, selector=None, **more):
    return plan(name, schedule=LATER, approvals={"required": 1}, selector=selector or {}, **more)


def send(stack, person, name, selector=None, **more):
    return stack.http.ask("POST", "/v1/rollouts", document(name, selector, **more), {**YAML, **bearer(token_of(person))})


def order(stack, person, name, selector=None):
    answer = send(stack, person, name, selector)
    assert answer.status == 201, answer
    stack.wait_for_rollout(answer.json()["rollout"], "awaiting_approval")
    return answer.json()["rollout"]


def add(stack, name, roles, scope=None):
    stack.people.add(name, roles, scope=scope)
    return stack.people.known(stack.http, name)


@pytest.fixture(scope="module")
def testbed(module_stack):
    with opened(module_stack) as testbed:
        testbed.made = lay_out(testbed)
        for name in ("of-emea", "of-both"):  # each has an amendment
            body, headers, _ = body_of(testbed, "POST /v1/rollouts/{id}/amendments", testbed.made[name], "emea")
            answer = testbed.http.ask("POST", f"/v1/rollouts/{testbed.made[name]}/amendments", body, {**headers, **bearer(token_of("everybody"))})
            assert answer.status == 201, answer
        testbed.logs_of = {device: testbed.database.value(LOG, device) for device in ("E3", "P2")}
        for role in EVERY_ROLE:
            testbed.people.add(f"emea-{role}", [role], scope=EMEA)
        testbed.people.add("emea", EVERY_ROLE, scope=EMEA)
        testbed.people.settle(testbed.http)
        yield testbed


def refusal(answer):
    return answer.status, answer.json().get("detail", "")


PLANNERS = ["operator", "approver"]


def is_needed(answer, roles, where):
    return refusal(answer) == (403, f"needs role {' or '.join(roles)} {where}")


# ---- the matrix ---------------------------------------------------------------------------------------


def acts():
    """The table, as the program prints it: (act, roles, how far a role in a scope reaches)."""
    printed = subprocess.run([BIN / "tellercastd", "--print-access"], capture_output=True, text=True, check=True).stdout
    for line in printed.splitlines():
        act, roles, reach, _ = re.split("  +", line)
        yield act, roles if roles.startswith("every") else roles.split(" or "), reach


EVERY_NAME = list(EVERY_ROLE)
RATES = itertools.count(9000, -1)  # each amendment changes something, and tightens it
CHANGED = fleet_of([], [atm("P2", "P1", model="other")])


def body_of(stack, act, rollout, region):
    """What an act needs beside its path, so that it is refused for nothing but the scope."""
    row = stack.database.rollout(rollout)
    name = act.rsplit("/", 1)[-1]
    if name in ("approve", "reject", "withdraw"):
        return json.dumps({"digest": row["digest"], "reason": "r"}), JSON, ""
    if act.startswith("POST /v1/rollouts/"):
        of = {"promote": {"group": "all"}, "pause-group": {"group": "all"}, "resume-group": {"group": "all"},
              "amendments": {"rate": {"perMinute": next(RATES)}}, "exclude": {"match": f"region={region}"}, "skip": {"device": "P2" if region == "apac" else "E3"}}
        return json.dumps({"version": row["version"], "reason": "r", **of.get(name.split(":")[0], {})}), JSON, ""
    if act.startswith("PUT /v1/rollouts/"):
        return document(row["name"], {"matchLabels": {"region": region}}, priority=7), YAML, f"?version={row['version']}&reason=r"
    if act in ("POST /v1/rollouts", "POST /v1/rollouts:preview"):
        return document(f"new-in-{region}", {"matchLabels": {"region": region}}), YAML, ""
    if act == "PUT /v1/fleet":
        return (CHANGED if region == "apac" else fleet_of()), YAML, ""
    if act.startswith("POST /v1/freezes") and name != "lift":
        return json.dumps({"match": f"region={region}", "until": a_time_to_come(), "reason": "r"}), JSON, ""
    if act.startswith("POST /v1/freezes/") or act.startswith("POST /v1/devices/") and name != "enrolments":
        return json.dumps({"reason": "r", **({"file": "journal"} if name == "collect" else {})}), JSON, ""
    return None, {}, {"artifacts:affected": "?name=a&version=1", "events": "?follow=false"}.get(name, "")


def a_time_to_come():
    return f"{datetime.now(timezone.utc) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"


def freeze_of(stack, regions):
    """The number of a freeze in force; nothing starts here anyway."""
    body = json.dumps({"match": f"region={regions}", "until": a_time_to_come(), "reason": "r"})
    return stack.http.ask("POST", "/v1/freezes", body, {**JSON, **bearer(token_of("everybody"))}).json()["freeze"]


def ask(stack, act, person, region):
    rollout, device = (stack.made["of-both"], "P2") if region == "apac" else (stack.made["of-emea"], "E3")
    body, headers, query = body_of(stack, act, rollout, region)
    method, path = act.split(" ")
    place = device if "/devices/" in path else {"emea": "E1", "apac": "P1"}[region] if "/branches/" in path else str(rollout)
    path = path.replace("{id}", place).replace("{log}", str(stack.logs_of[device]))
    path = path.replace("{number}", "1")
    if "{freeze}" in path:
        shared = "emea,apac" if region == "apac" and method == "POST" else region  # one of apac alone is hidden from emea
        path = path.replace("{freeze}", str(freeze_of(stack, shared)))
    for variable in ("{name}", "{token}", "{key}", "{review}", "{sha256}", "{webhook}"):
        path = path.replace(variable, "1")
    return stack.http.ask(method, path + query, body, {**headers, **bearer(token_of(person))})


@pytest.mark.parametrize("role", EVERY_ROLE)
def test_each_act_of_a_role_in_a_scope_reaches_as_far_as_its_row_says(testbed, role):
    seen = set()
    for act, roles, reach in acts():
        if " " not in act or roles in ("everybody", "every person") or act.startswith("GET /v1/artifacts/"):
            continue
        roles = EVERY_NAME if isinstance(roles, str) else roles
        outside = ask(testbed, act, f"emea-{role}", "apac")
        if role not in roles:
            assert refusal(outside) == (403, f"needs role {' or '.join(roles)}"), (act, outside)
            continue
        seen.add(reach)
        if reach == "plans in scope" and role not in PLANNERS:
            assert is_needed(outside, roles, "everywhere, or operator or approver in a scope"), (act, outside)
            continue
        if reach == "plans in scope":
            assert is_needed(outside, PLANNERS, "in region=apac"), (act, outside)
        elif reach == "everywhere":
            assert is_needed(outside, roles, "everywhere, not in a scope"), (act, outside)
        elif reach in ("rollout in scope", "devices in scope"):
            assert is_needed(outside, roles, f"in region={'apac,emea' if '{freeze}' in act else 'apac'}"), (act, outside)
        elif act.startswith(("GET /v1/devices/{id}", "GET /v1/branches/{id}", "GET /v1/freezes/{freeze}")):
            assert outside.status == 404, (act, outside)
        else:
            assert outside.status == 200 or act == "GET /v1/devices:crl", (act, outside)
        if reach not in ("everywhere", "any scope") and not act.endswith("/retire"):
            inside = ask(testbed, act, f"emea-{role}", "emea")
            assert inside.status not in (401, 403, 404, 500), (act, inside)
    assert {"shown in scope", "rollout in scope", "everywhere"} <= seen
    assert testbed.database.value("SELECT count(*) FROM device WHERE retired_at IS NOT NULL OR model <> ''") == 0


def test_a_plan_is_refused_outside_of_the_scope_by_the_socket_and_by_mqtt_alike(testbed):
    orchestrator = testbed.orchestrators[0]
    for kind, user, submit in (("unix_user", USER, orchestrator.submit_by_socket), ("certificate", "operator", testbed.by_mqtt.submit)):
        testbed.people.link(kind, user, "emea-operator")
        testbed.people.settle(testbed.http)
        refused = testbed.http.metric("tellercast_access_refused_total")
        assert "needs role operator in region=apac" in submit(document(f"apac-by-{kind}"))["detail"]
        assert testbed.http.metric("tellercast_access_refused_total") == refused + 1
        rollout = submit(document(f"emea-by-{kind}", IN_EMEA))["rollout"]
        testbed.wait_for_rollout(rollout, "awaiting_approval")
    assert "operation=submit" in orchestrator.log.read_text(encoding="utf-8")


def test_a_plan_touches_no_rollout_beyond_the_scope_of_its_author(testbed):
    for number, more in enumerate(({"supersedes": ["of-both"]}, {"supersedes": ["of-emea", "of-apac"]})):
        refused = send(testbed, "emea-operator", f"takes-over-{number}", IN_EMEA, **more)
        assert is_needed(refused, ["operator"], "in region=apac"), refused
    taken = document("rolls-back", IN_EMEA, action="rollback")
    taken = taken.replace("name: rolls-back", "name: rolls-back\n  rollbackOf: of-both")
    refused = testbed.http.ask("POST", "/v1/rollouts", taken, {**YAML, **bearer(token_of("emea-operator"))})
    assert is_needed(refused, ["operator"], "in region=apac"), refused
    again = send(testbed, "emea-operator", "of-both", IN_BOTH)
    assert is_needed(again, ["operator"], "in region=apac"), "the answer to a repeated plan tells of the rollout"


@contextlib.contextmanager
def recorded(stack, person, operation):
    """Something that is refused, and is in the record of acts, in the log and in the counter."""
    rows, refused = "SELECT count(*) FROM act WHERE person = %s AND operation = %s AND outcome = 'refused'", "tellercast_access_refused_total"
    before, counted = stack.database.value(rows, person, operation), stack.http.metric(refused)
    yield
    wait_for(lambda: stack.database.value(rows, person, operation) == before + 1, "it is recorded")
    assert stack.http.metric(refused) == counted + 1


def test_a_preview_tells_who_only_reads_in_a_scope_nothing_of_what_is_outside(testbed):
    answers = []
    for selector, more in (({"devices": ["P2"]}, {}), ({"devices": ["P9"]}, {}), ({"branches": ["P1"]}, {}),
                           (IN_EMEA, {"supersedes": ["of-apac"]}), (IN_EMEA, {"supersedes": ["none"]}), (IN_EMEA, {})):
        with recorded(testbed, "emea-viewer", "preview"):
            headers = {**YAML, **bearer(token_of("emea-viewer"))}
            answers.append(testbed.http.ask("POST", "/v1/rollouts:preview", document("of-apac", selector, **more), headers))
    assert len({refusal(answer) for answer in answers}) == 1 and answers[0].status == 403, answers
    with recorded(testbed, "emea-approver", "preview"):
        headers = {**YAML, **bearer(token_of("emea-approver"))}
        beyond = testbed.http.ask("POST", "/v1/rollouts:preview", document("beyond", IN_APAC), headers)
    assert is_needed(beyond, PLANNERS, "in region=apac"), beyond


# ---- what is seen -------------------------------------------------------------------------------------


def read(stack, person, path):
    answer = stack.http.ask("GET", path, headers=bearer(token_of(person)))
    assert answer.status == 200, (path, answer)
    return answer.json()


def test_of_a_larger_rollout_a_person_with_a_scope_sees_its_own_devices_alone(testbed):
    both, emea, apac = (testbed.made[name] for name in ("of-both", "of-emea", "of-apac"))
    testbed.database.rows("UPDATE instruction SET state = 6, code = 'broken' WHERE rollout_id = %s AND device IN ('P2', 'E2')", both)
    seen = read(testbed, "emea-viewer", f"/v1/rollouts/{both}")
    assert (seen["scope"], seen["devices"], seen["plan"]) == ([{"region": "emea"}], 3, None)
    assert (seen["counts"]["created"], seen["counts"]["failed"], sum(seen["counts"].values())) == (2, 1, 3)
    assert [(group["devices"], group["counts"]["failed"]) for group in seen["groups"]] == [(3, 1)]
    whole = read(testbed, "everybody", f"/v1/rollouts/{both}")
    assert whole["devices"] == 5 and "scope" not in whole and set(whole) | {"scope"} == set(seen)
    assert set(whole["groups"][0]) == set(seen["groups"][0])
    listed = {row["rollout"]: row for row in read(testbed, "emea-viewer", "/v1/rollouts")["rollouts"]}
    assert listed[both]["devices"] == 3 and listed[both]["counts"]["failed"] == 1 and emea in listed and apac not in listed
    assert set(listed[both]) == set(read(testbed, "everybody", "/v1/rollouts")["rollouts"][0])
    devices = {row["device"] for row in read(testbed, "emea-viewer", f"/v1/rollouts/{both}/instructions")["instructions"]}
    failed = [row["device"] for row in read(testbed, "emea-viewer", f"/v1/rollouts/{both}/instructions?state=failed")["instructions"]]
    assert devices == {"E1", "E2", "E3"} and failed == ["E2"]
    assert read(testbed, "emea-viewer", f"/v1/rollouts/{apac}/instructions")["instructions"] == []
    headers = bearer(token_of("emea-viewer"))
    for path in ("", "/report", "/drift"):
        assert testbed.http.ask("GET", f"/v1/rollouts/{apac}{path}", headers=headers).status == 404, path
    for path in ("/report", "/drift"):
        with recorded(testbed, "emea-viewer", "read_evidence"):
            refused = testbed.http.ask("GET", f"/v1/rollouts/{both}{path}", headers=headers)
        assert is_needed(refused, EVERY_NAME, "in region=apac")
        assert read(testbed, "emea-viewer", f"/v1/rollouts/{emea}{path}") is not None
    assert {row["device"] for row in read(testbed, "emea-viewer", "/v1/devices")["devices"]} == {"E1", "E2", "E3"}
    own = read(testbed, "emea-viewer", f"/v1/rollouts/{emea}")
    assert own["plan"] is not None and own["devices"] == 3


def test_why_something_waits_is_told_of_the_devices_inside_alone(testbed):
    made, headers = testbed.made, bearer(token_of("emea-viewer"))
    for path in ("branches/P1", "devices/P2", f"rollouts/{made['of-apac']}"):
        assert testbed.http.ask("GET", f"/v1/{path}/why", headers=headers).status == 404, path
    both = read(testbed, "emea-viewer", f"/v1/rollouts/{made['of-both']}/why")
    assert both["groups"] and all(group["waiting"] is None for group in both["groups"])
    found = read(testbed, "emea-viewer", "/v1/branches/E1/why")["instructions"]
    assert {row["device"] for row in found} <= {"E1", "E2", "E3"} and found


def test_a_forecast_shows_ends_and_no_numbers_of_the_whole(testbed):
    made, headers = testbed.made, bearer(token_of("emea-viewer"))
    path = f"/v1/rollouts/{made['of-apac']}/forecast"
    assert testbed.http.ask("GET", path, headers=headers).status == 404
    both = read(testbed, "emea-viewer", f"/v1/rollouts/{made['of-both']}/forecast")
    assert both["plan"] is None and both["actual"] is None and both["devices"] is None and both["forecast"] is not None


def test_what_names_other_rollouts_or_counts_devices_outside_is_empty_in_the_list_and_among_the_events(testbed):
    both, emea, hush = testbed.made["of-both"], testbed.made["of-emea"], "superseded by apac-hush"
    for rollout in (both, emea):
        testbed.database.rows("UPDATE rollout SET detail = %s WHERE id = %s", hush, rollout)
        testbed.database.rows("INSERT INTO rollout_event (rollout_id, kind, actor, reason, at) "
                              "VALUES (%s, 'superseded', 'paul', %s, now())", rollout, hush)

    def told(person, rollout):
        listed = {row["rollout"]: row for row in read(testbed, person, "/v1/rollouts")["rollouts"]}
        shown = read(testbed, person, f"/v1/rollouts/{rollout}")
        (event,) = (each for each in shown["events"] if each["kind"] == "superseded")
        return listed[rollout]["detail"], shown["detail"], event["reason"]

    assert told("emea-viewer", both) == ("", "", "")
    assert told("emea-viewer", emea) == told("everybody", both) == (hush, hush, hush)


def test_the_drift_of_a_rollout_shows_no_device_beyond_the_scope(testbed):
    floor = "UPDATE device SET labels = %s::jsonb WHERE id = %s"
    testbed.database.rows(floor, '{"floor": "9"}', "E2")
    rollout = order(testbed, "everybody", "of-a-floor", {"matchLabels": {"floor": "9"}})
    assert read(testbed, "emea-viewer", f"/v1/rollouts/{rollout}/drift")["added"]["devices"] == 0
    testbed.database.rows(floor, '{"floor": "9"}', "P2")
    headers = bearer(token_of("emea-viewer"))
    for path in ("report", "drift"):
        answer = testbed.http.ask("GET", f"/v1/rollouts/{rollout}/{path}", headers=headers)
        assert is_needed(answer, EVERY_NAME, "in region=apac"), answer
    for device in ("E2", "P2"):
        testbed.database.rows(floor, "{}", device)


def test_of_the_devices_with_a_version_a_person_with_a_scope_sees_its_own_alone(testbed):
    path = "/v1/artifacts:affected?name=card-reader&version=6.6"
    testbed.database.rows("""UPDATE device SET versions = versions || '{"card-reader": "6.6"}' WHERE id IN ('E1', 'P1')""")
    of_all, of_emea = (read(testbed, person, path) for person in ("everybody", "emea-viewer"))
    assert [row["device"] for row in of_all["devices"]] == ["E1", "P1"] and of_all["in_flight"]["sent"] == 0
    assert [row["device"] for row in of_emea["devices"]] == ["E1"] and of_emea["in_flight"] is None
    file = testbed.people.file(testbed.http, "emea-viewer")
    shown = command_line("artifact", "affected", "card-reader", "6.6", "--server", testbed.http.url, "--token-file", file)
    assert shown.returncode == 0 and "E1" in shown.stdout and "P1" not in shown.stdout and "installing" not in shown.stderr, shown
    testbed.database.rows("UPDATE device SET versions = versions - 'card-reader'")


def test_the_command_line_shows_the_scope_of_what_it_shows(testbed):
    file = testbed.people.file(testbed.http, "emea-viewer")
    shown = command_line("rollout", "status", "of-both", "--server", testbed.http.url, "--token-file", file)
    assert "region=emea" in shown.stdout and "P2" not in shown.stdout, shown
    me = command_line("person", "show", "--server", testbed.http.url, "--token-file", file)
    assert "viewer in region=emea" in me.stdout, me


# ---- the fleet ----------------------------------------------------------------------------------------


def test_an_import_changes_nothing_outside_of_the_scope_before_it_or_after_it(testbed):
    http, headers = testbed.http, {**YAML, **bearer(token_of("emea-operator"))}
    before = testbed.database.rows("SELECT * FROM device ORDER BY id")
    refused = {
        "a device outside": fleet_of([], [atm("P2", "P1", model="m")]),
        "a device that leaves by its branch": fleet_of([], [atm("E2", "P1")]),
        "a device that leaves by its label": fleet_of([], [atm("E2", "E1", labels={"region": "apac"})]),
        "a device that comes by its label": fleet_of([], [atm("P2", "P1", labels={"region": "emea"})]),
        "a device that comes by its branch": fleet_of([], [atm("P2", "E1")]),
        "a new device in a branch outside": fleet_of([], [atm("P9", "P1", labels={"region": "emea"})]),
        "a branch that leaves": fleet_of([branch("E1", "apac")]),
        "a branch that comes": fleet_of([branch("P1", "emea")]),
        "a branch outside": fleet_of([branch("P1", zone="Asia/Tokyo")]),
        "a new branch outside": fleet_of([branch("P9")], [node("P9")]),
    }
    for what, fleet in refused.items():
        answer = http.ask("PUT", "/v1/fleet", fleet, headers)
        assert is_needed(answer, ["operator", "admin"], "in region=apac"), (what, answer)
    assert testbed.database.rows("SELECT * FROM device ORDER BY id") == before
    for what, fleet in {
        "what does not change": fleet_of([branch("P1")], [node("P1"), atm("P2", "P1")]),
        "a device inside": fleet_of([], [atm("E2", "E1", labels={"floor": "2"})]),
        "and back": fleet_of([], [atm("E2", "E1")]),
        "a new branch inside": fleet_of([branch("E9")], [node("E9"), atm("E8", "E9")]),
    }.items():
        answer = http.ask("PUT", "/v1/fleet", fleet, headers)
        assert answer.status == 200, (what, answer)
    mixed = http.ask("PUT", "/v1/fleet", fleet_of([branch("X1", "nowhere")], [node("X1"), atm("P2", "P1", model="m")]), headers)
    assert is_needed(mixed, ["operator", "admin"], "in region=apac, region=nowhere"), mixed
    unlabelled = http.ask("PUT", "/v1/fleet", fleet_of([], [{"id": "N1", "role": "pull", "zone": "UTC"}]), headers)
    assert is_needed(unlabelled, ["operator", "admin"], "everywhere, not in a scope"), unlabelled
    testbed.database.rows("DELETE FROM device WHERE branch = 'E9'")
    testbed.database.rows("DELETE FROM branch WHERE id = 'E9'")


def test_a_retired_device_is_taken_back_in_the_scope_of_an_admin_alone(testbed):
    testbed.people.add("mixed", ["operator"])
    headers = {**JSON, **add(testbed, "mixed", ["admin"], EMEA)}
    testbed.database.rows("UPDATE device SET retired_at = now(), retired_by = 'test', retired_reason = 'r' WHERE id IN ('E3', 'P2')")
    wait_for(lambda: testbed.http.ask("GET", "/v1/me", headers=headers).json()["scoped_roles"], "the role is known")
    outside, inside = (testbed.http.ask("POST", f"/v1/devices/{device}/return", json.dumps({"reason": "r"}), headers)
                       for device in ("P2", "E3"))
    testbed.database.rows("UPDATE device SET retired_at = NULL, retired_by = NULL, retired_reason = NULL WHERE id = 'P2'")
    assert outside.status == 403 and "to take it back needs role admin" in outside.json()["detail"], outside
    assert inside.status == 200, inside


# ---- when it is decided -------------------------------------------------------------------------------


def move_branch(stack, name, region):
    stack.database.rows("UPDATE branch SET labels = jsonb_build_object('region', %s::text) WHERE id = %s", region, name)


def test_each_act_is_decided_by_the_labels_that_devices_have_then(testbed):
    rollout = order(testbed, "emea-operator", "labels-change", {"branches": ["E1"]})
    move_branch(testbed, "E1", "apac")
    refused = post_as(testbed, rollout, "pause", "emea-operator")
    assert is_needed(refused, ["operator"], "in region=apac"), refused
    again = revise(testbed, rollout, document("labels-change", {"branches": ["E1"]}, priority=3), "emea-operator")
    assert is_needed(again, ["operator"], "in region=apac"), again
    move_branch(testbed, "E1", "emea")
    assert revise(testbed, rollout, document("labels-change", {"branches": ["E1"]}, priority=3), "emea-operator").status == 200
    testbed.wait_for_rollout(rollout, "awaiting_approval")
    assert post_as(testbed, rollout, "cancel", "emea-operator").status == 200


def post_as(stack, rollout, operation, person):
    row = stack.database.rollout(rollout)
    body = json.dumps({"version": row["version"], "reason": "the test wants it"})
    return stack.http.ask("POST", f"/v1/rollouts/{rollout}/{operation}", body, {**JSON, **bearer(token_of(person))})


def test_the_scope_is_decided_again_when_the_devices_of_a_plan_are_taken(testbed):
    with testbed.database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; SELECT pg_advisory_xact_lock(hashtext('tellercast'), hashtext('plan'))")
        rollout = send(testbed, "emea-operator", "moved-meanwhile", IN_EMEA).json()["rollout"]
        headers = bearer(token_of("emea-viewer"))
        assert testbed.http.ask("GET", f"/v1/rollouts/{rollout}", headers=headers).json()["state"] == "accepted"
        hidden = send(testbed, "everybody", "not-planned-yet", IN_EMEA).json()["rollout"]
        assert testbed.http.ask("GET", f"/v1/rollouts/{hidden}", headers=headers).status == 404
        refused = post_as(testbed, hidden, "cancel", "emea-operator")
        assert is_needed(refused, ["operator"], "everywhere, not in a scope"), refused
        testbed.database.rows("UPDATE device SET labels = '{\"region\": \"apac\"}' WHERE id = 'E2'")
        testbed.database.rows("UPDATE rollout SET plan = jsonb_set(plan, '{spec,selector,matchLabels}', '{}') WHERE id = %s", rollout)
        cursor.execute("ROLLBACK")
    connection.close()
    testbed.wait_for_rollout(rollout, "rejected")
    assert testbed.database.rollout(rollout)["detail"] == "needs role operator in region=apac"
    testbed.database.rows("UPDATE device SET labels = '{}' WHERE id = 'E2'")
