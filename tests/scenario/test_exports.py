"""Lists as CSV and as JSON lines, page by page, for spreadsheets and other programs."""

import csv
import io
import json
import re

import pytest
from harness.believing_nobody import opened
from harness.people import EVERY_ROLE, bearer, token_of
from harness.plan import plan, text_of
from harness.programs import command_line

BRANCHES, ATMS = 6, 4
FORMULA = '=HYPERLINK("http://x")'


def device(number, place):
    model = FORMULA if number == 0 and place == 0 else f"model-{place % 2}"
    return {"id": f"B{number}-A{place}", "branch": f"B{number}", "role": "atm", "model": model, "versions": {"atm-app": f"4.7.{place % 2}"}}


def lay_out(stack):
    stack.people.add("ola", EVERY_ROLE)
    stack.people.add("emea", ["viewer"], scope={"region": ["emea"]})
    stack.people.settle(stack.http)
    stack.http.token = token_of("ola")
    answer = stack.http.import_fleet(text_of({
        "apiVersion": "tellercast/v1", "kind": "Fleet",
        "branches": [{"id": f"B{number}", "name": "Ä, the \"first\"", "zone": "UTC", "labels": {"region": ("emea", "apac")[number % 2]}}
                     for number in range(BRANCHES)],
        "devices": [device(number, place) for number in range(BRANCHES) for place in range(ATMS)]}))
    assert answer.status == 200, answer
    stack.add_artifact()
    answer = stack.http.submit(plan("later", schedule={"startAt": "2099-01-01T00:00:00Z"}))
    assert answer.status == 201, answer
    stack.rollout = answer.json()["rollout"]
    stack.wait_for_rollout(stack.rollout, "running")
    run = stack.database.rows
    run("UPDATE instruction SET state = 6, code = 'jam', detail = '@SUM(A1)', due_at = NULL WHERE device LIKE 'B1-%%'")


@pytest.fixture(scope="module")
def testbed(module_stack):
    with opened(module_stack) as testbed:
        lay_out(testbed)
        yield testbed


LISTS = {  # the elements in a page as JSON
    "/v1/devices?label=role=atm": "devices", "/v1/branches": "branches", "/v1/versions": "versions",
    "/v1/rollouts/{rollout}/instructions": "instructions", "/v1/rollouts/{rollout}/failures/devices": "devices",
    "/v1/audit?verb=submit": "acts",
}


def ask(stack, path, person="ola", **headers):
    answer = stack.http.ask("GET", path, headers={**bearer(token_of(person)), **headers})
    assert answer.status == 200, (path, answer)
    return answer


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def pages(stack, path, person="ola", **headers):
    """Yields the answers of a list, each led to by the one before."""
    while path is not None:
        answer = ask(stack, path, person, **headers)
        yield answer
        found = re.fullmatch(r'<(\?[^>]*)>; rel="next"', answer.headers["Link"] or '<?>; rel="next"')
        path = path.split("?")[0] + found[1] if answer.headers["Link"] else None


def as_field(value):
    """What CSV has for a value that needs no apostrophe."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), sort_keys=True)


@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_csv_or_json_lines_for_who_asks_for_them(testbed, path):
    path, key = path.format(rollout=testbed.rollout), LISTS[path]
    elements = ask(testbed, path).json()[key]
    mark = "&" if "?" in path else "?"
    as_csv, by_header = ask(testbed, f"{path}{mark}format=csv"), ask(testbed, path, Accept="text/csv, */*;q=0.1")
    assert elements and as_csv.body == by_header.body and as_csv.headers["Link"] is None
    assert as_csv.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    rows = rows_of(as_csv.body.decode())
    assert len(rows) == len(elements)
    for row, element in zip(rows, elements):
        assert {name: field.removeprefix("'") for name, field in row.items()} == {name: as_field(element.get(name)) for name in row}
    lines = ask(testbed, f"{path}{mark}format=json-lines")
    assert [json.loads(line) for line in lines.body.decode().splitlines()] == elements
    assert lines.body == ask(testbed, path, Accept="application/jsonl").body


@pytest.mark.parametrize("path", LISTS)
def test_a_header_leads_to_the_rest_of_a_list(testbed, path):
    path = path.format(rollout=testbed.rollout)
    if "versions" in path or "audit" in path:
        path += ("&" if "?" in path else "?") + "format=csv"
        assert len(list(pages(testbed, path))) == 1
        return
    path += ("&" if "?" in path else "?") + "format=csv"
    whole = rows_of(ask(testbed, path).body.decode())
    parts = [rows_of(answer.body.decode()) for answer in pages(testbed, f"{path}&limit=3")]
    assert [row for part in parts for row in part] == whole and {len(part) for part in parts[:-1]} == {3}
    by_header = [row for answer in pages(testbed, path.replace("format=csv", "limit=3"), Accept="text/csv") for row in rows_of(answer.body.decode())]
    assert by_header == whole


def test_no_field_is_a_formula(testbed):
    text = ask(testbed, "/v1/devices?q=B0-A0&format=csv").body.decode()
    assert ""","'=HYPERLINK(""http://x"")",""" in text
    assert "\"'@SUM(A1)\"" in ask(testbed, f"/v1/rollouts/{testbed.rollout}/failures/devices?format=csv").body.decode()
    assert text.endswith("\r\n") and text.count("\r\n") == 2
    assert '"Ä, the ""first"""' in ask(testbed, "/v1/branches?format=csv").body.decode()


def test_a_person_with_a_scope_gets_the_lines_in_it(testbed):
    rows = rows_of(ask(testbed, "/v1/devices?format=csv", "emea").body.decode())
    assert {row["branch"] for row in rows} == {"B0", "B2", "B4"} and len(rows) == 3 * ATMS
    assert testbed.http.ask("GET", "/v1/audit?format=csv", headers=bearer(token_of("emea"))).status == 403


def test_an_unknown_format_is_refused(testbed):
    answer = testbed.http.ask("GET", "/v1/devices?format=xlsx", headers=bearer(token_of("ola")))
    assert answer.status == 400 and 'format: found "xlsx", allowed: json, csv, json-lines' in answer.json()["detail"]
    missing = testbed.http.ask("GET", "/v1/rollouts/999/failures/devices?format=csv", headers=bearer(token_of("ola")))
    assert missing.status == 404 and missing.headers["Content-Type"] == "application/problem+json"
    assert ask(testbed, "/v1/devices", Accept="text/html, application/json, text/csv").json()["devices"]


def test_the_command_line_exports_what_the_daemon_writes(testbed):
    at = testbed.http.at("ola")

    def exported(*words):
        return rows_of(command_line("export", *words, *at).stdout)

    assert len(exported("devices", "A1")) == BRANCHES and {row["branch"] for row in exported("branches", "--where", "region=emea")} == {"B0", "B2", "B4"}
    assert len(exported("instructions", "later")) == BRANCHES * ATMS
    assert {row["device"] for row in exported("failures", "later")} == {f"B1-A{place}" for place in range(ATMS)}
    assert [row["object"] for row in exported("audit", "--what", "submit", "--who", "ola")] == [str(testbed.rollout)]
    counted = {(row["artifact"], row["version"]): int(row["devices"]) for row in exported("versions", "--where", "region=emea")}
    assert counted == {("atm-app", "4.7.0"): 6, ("atm-app", "4.7.1"): 6}
    assert exported("versions", "--installed", "atm-app=none") == []
    wrong = command_line("export", "versions", "--format", "table", *at, check=False)
    assert wrong.returncode == 2 and "allowed: csv or json-lines" in wrong.stderr
    wrong = command_line("export", "audit", "--since", "sometime", *at, check=False)
    assert wrong.returncode == 2 and "--since" in wrong.stderr


def test_the_command_line_follows_to_the_end_of_a_list_and_stops_at_its_limit(testbed):
    at = testbed.http.at("ola")
    testbed.database.rows("""INSERT INTO act (number, at, person, endpoint, operation, verb, outcome, times)
                             SELECT h.number + n, now(), 'ola', 'http', 'operate', 'many', 'done', 1 FROM act_head h, generate_series(1, 11500) n""")
    testbed.database.rows("UPDATE act_head SET number = number + 11500")
    everything = rows_of(command_line("export", "audit", "--who", "ola", *at).stdout)
    numbers = [int(row["number"]) for row in everything]
    assert len(numbers) > 11500 and numbers == sorted(set(numbers))
    assert [len(rows_of(command_line("audit", "--who", "ola", "--format", "csv", "--limit", limit, *at).stdout)) for limit in ("1", "2500")] == [1, 2500]
    lines = command_line("audit", "--who", "ola", "--format", "json-lines", "--limit", "1500", *at).stdout.splitlines()
    assert [json.loads(line)["number"] for line in lines] == numbers[:1500]


def test_the_versions_of_more_devices_than_a_page_counts_are_added_up(testbed):
    run, at = testbed.database.rows, testbed.http.at("ola")
    run("INSERT INTO branch (id, name, zone, labels, machines) VALUES ('M', '', 'UTC', '{\"bank\": \"many\"}', 15000)")
    run("""INSERT INTO device (id, branch, role, model, versions)
           SELECT 'M-' || n, 'M', 'atm', 'm', jsonb_build_object('many, \"4.8\"', '1.' || n % 3) FROM generate_series(1, 15000) n""")
    assert len(rows_of(ask(testbed, "/v1/versions?label=bank=many&format=csv").body.decode())) > 3, "a page counts a part of them"
    rows = rows_of(command_line("export", "versions", "--where", "bank=many", *at).stdout)
    counted = [("many, \"4.8\"", f"1.{number}", 5000) for number in range(3)]
    assert sorted((row["artifact"], row["version"], int(row["devices"])) for row in rows) == counted
    lines = command_line("export", "versions", "--where", "bank=many", "--format", "json-lines", *at).stdout.splitlines()
    assert sorted((row["artifact"], row["version"], row["devices"]) for row in map(json.loads, lines)) == counted


def test_a_filter_that_finds_nothing_for_long_leads_to_what_comes_later(stack):
    """A page looks at 5,000 instructions: the first two have none of those that failed."""
    stack.orchestrator()
    stack.import_fleet({}, [f"D{number:05}" for number in range(11_000)])
    stack.add_artifact()
    rollout = stack.submit("many", schedule={"startAt": "2099-01-01T00:00:00Z"})
    stack.wait_for_rollout(rollout, "running")
    failed = [row["device"] for row in stack.database.rows(
        "UPDATE instruction SET state = 6, code = 'jam', due_at = NULL WHERE id IN (SELECT id FROM instruction WHERE rollout_id = %s "
        "ORDER BY id DESC LIMIT 3) RETURNING device", rollout)]
    path = f"/v1/rollouts/{rollout}/instructions?state=failed"
    stack.http.as_("ola")
    first = stack.http.document(path)
    assert first["instructions"] == [] and first["next"], first
    answers = [len(rows_of(answer.body.decode())) for answer in pages(stack, f"{path}&format=csv&limit=2")]
    assert sum(answers) == 3, answers
    whole = rows_of(ask(stack, f"{path}&format=csv").body.decode())
    assert sorted(row["device"] for row in whole) == sorted(failed)
