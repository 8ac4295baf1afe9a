"""Lists that answer an operations lead: devices by what is known of them, within the scope of the reader, and without reading
whole tables."""

import contextlib
import gzip
import json
import zoneinfo
from datetime import datetime
from urllib.parse import quote

import pytest
from harness.believing_nobody import opened
from harness.many_devices import MANY, add_many
from harness.operations import operate, submit_as
from harness.people import EVERY_ROLE, bearer, token_of
from harness.plan import plan, text_of
from harness.programs import command_line
from harness.wait import wait_for

REGIONS = ("emea", "apac", "amer")
BRANCHES, ATMS = 300, 9  # with a node each: 3,000 devices


def branch(number):
    return {"id": f"B{number:04}", "name": f"Branch {number}", "zone": "Europe/Berlin",
            "labels": {"region": REGIONS[number % 3], "city": f"c{number // 30}"}}


def devices_of(number):
    name = f"B{number:04}"
    yield {"id": name, "branch": name, "role": "node"}
    for place in range(ATMS):
        yield {"id": f"{name}-atm{place}", "branch": name, "role": "atm", "model": f"model-{place % 2}",
               "versions": {"atm-app": f"4.7.{place % 3}"}, **({"labels": {"site": "offsite"}} if place == 8 else {})}


def lay_out(stack):
    people = stack.people
    people.add("ola", EVERY_ROLE)
    people.add("emea", ["viewer"], scope={"region": ["emea"]})
    people.add("city", ["viewer"], scope={"city": ["c3", "c4"], "region": ["apac"]})
    people.settle(stack.http)
    stack.http.token = token_of("ola")
    answer = stack.http.import_fleet(text_of({
        "apiVersion": "tellercast/v1", "kind": "Fleet", "branches": [branch(number) for number in range(BRANCHES)],
        "devices": [device for number in range(BRANCHES) for device in devices_of(number)]}))
    assert answer.status == 200, answer
    stack.add_artifact()


@pytest.fixture(scope="module")
def testbed(module_stack):
    with opened(module_stack) as testbed:
        lay_out(testbed)
        yield testbed


def pages(stack, path, what="devices", person="ola"):
    """Yields the pages of a list."""
    after = ""
    while after is not None:
        more = f"{'&' if '?' in path else '?'}after={after}" if after else ""
        answer = stack.http.ask("GET", path + more, headers=bearer(token_of(person)))
        assert answer.status == 200, (path, answer)
        page = answer.json()
        assert what in page
        yield page
        after = page["next"]


def found(stack, query, person="ola"):
    """Returns the IDs of the devices that a list has, and how many it says that it has."""
    all_pages = list(pages(stack, f"/v1/devices?limit=1000&{query}", person=person))
    return [device["device"] for page in all_pages for device in page["devices"]], all_pages[0]["total"]


# ---- devices ------------------------------------------------------------------------------------------


def every(take):
    return sorted(device["id"] for number in range(BRANCHES) for device in devices_of(number) if take(number, device))


FILTERS = {
    "q=123": lambda number, device: "123" in device["id"],
    "q=B0123-ATM4": lambda number, device: device["id"] == "B0123-atm4",
    "q=7-atm8": lambda number, device: "7-atm8" in device["id"],
    "q=M8": lambda number, device: "m8" in device["id"],
    "q=nowhere": lambda number, device: False,
    "label=region=emea&label=site=offsite": lambda number, device: number % 3 == 0 and "labels" in device,
    "label=city=c7&model=model-1": lambda number, device: number // 30 == 7 and device.get("model") == "model-1",
    "label=branch=B0007": lambda number, device: number == 7,
    "label=role=node&q=B01": lambda number, device: device["role"] == "node" and "B01" in device["id"],
    "version=atm-app=4.7.2": lambda number, device: device.get("versions") == {"atm-app": "4.7.2"},
    "version=atm-app=4.7.2&label=region=apac&q=B00": lambda number, device:
        number % 3 == 1 and number < 100 and device.get("versions") == {"atm-app": "4.7.2"},
    "online=unknown&label=city=c7": lambda number, device: number // 30 == 7,
    "online=true&label=city=c7": lambda number, device: False,
    "label=region=nowhere": lambda number, device: False,
}


@pytest.mark.parametrize("query", FILTERS)
def test_a_list_has_the_devices_that_meet_all_filters_and_counts_them(testbed, query):
    expected = every(FILTERS[query])
    assert found(testbed, query) == (expected, {"devices": len(expected), "more": False})


def test_a_list_pages_by_the_id_of_the_last_device(testbed):
    by_one = [page["devices"] for page in pages(testbed, "/v1/devices?limit=7&label=city=c7&model=model-1")]
    assert [len(devices) for devices in by_one[:-1]] == [7] * (len(by_one) - 1)
    assert [device["device"] for devices in by_one for device in devices] == every(FILTERS["label=city=c7&model=model-1"])


def test_a_list_shows_a_person_with_a_scope_the_devices_in_it_alone(testbed):
    assert found(testbed, "q=atm3", "emea")[0] == every(lambda number, device: number % 3 == 0 and "atm3" in device["id"])
    in_cities = every(lambda number, device: number // 30 in (3, 4) and number % 3 == 1)
    assert found(testbed, "", "city") == (in_cities, {"devices": len(in_cities), "more": False})
    assert found(testbed, "label=region=emea", "city")[0] == []


def test_a_device_is_found_by_its_labels_as_soon_as_an_import_has_changed_them(testbed):
    def imported(region, **more):
        changed = {**branch(299), "labels": {"region": region, **more}}
        answer = testbed.http.import_fleet(text_of({"apiVersion": "tellercast/v1", "kind": "Fleet", "branches": [changed], "devices": [
            {"id": "B0299-atm1", "branch": "B0299", "role": "atm", "labels": more, "versions": {}}]}))
        assert answer.status == 200, answer
    before = found(testbed, "label=region=amer&label=branch=B0299")[0]
    assert len(before) == 10
    imported("moon", tower="north")
    assert found(testbed, "label=region=moon")[0] == before
    assert found(testbed, "label=region=amer&label=branch=B0299")[0] == []
    assert found(testbed, "label=tower=north&model=model-1")[0] == ["B0299-atm3", "B0299-atm5", "B0299-atm7"]
    testbed.database.rows("UPDATE branch SET labels = %s::jsonb WHERE id = 'B0299'", '{"region": "amer", "city": "c9"}')
    assert found(testbed, "label=region=amer&label=branch=B0299")[0] == before
    testbed.database.rows("UPDATE device SET labels = '{}', model = 'model-1' WHERE id = 'B0299-atm1'")
    assert found(testbed, "label=tower=north")[0] == []


def test_a_list_shows_the_state_of_each_device_and_finds_devices_by_it(testbed):
    run = testbed.database.rows
    run("UPDATE device SET retired_at = now() WHERE id IN ('B0001-atm1', 'B0002-atm1')")
    run("INSERT INTO unavailable (device, branch, instruction_id, rollout_id, code, since) VALUES "
        "('B0001-atm1', 'B0001', 1, 1, 'out_of_service', now()), ('B0001-atm2', 'B0001', 1, 1, 'out_of_service', now())")
    run("INSERT INTO rollout (name, digest, plan, shared_claims, state, author, door, devices) "
        "VALUES ('of-states', '', '{}', '', 'completed', 'x', 'http', 0)")
    for number, device in enumerate(("B0001-atm2", "B0001-atm3", "B0150-atm3")):
        run("INSERT INTO instruction (rollout_id, group_no, zone_no, pull, branch, device, state, in_flight, wake_at) "
            "SELECT id, 1, 1, false, left(%s, 5), %s, 2, true, now() + interval '1 day' FROM rollout WHERE name = 'of-states'",
            device, device)
    listed = {device["device"]: device["state"] for page in pages(testbed, "/v1/devices?label=branch=B0001") for device in page["devices"]}
    assert [listed[f"B0001-atm{number}"] for number in range(1, 5)] == ["retired", "unavailable", "in_flight", "idle"]
    assert found(testbed, "state=retired")[0] == ["B0001-atm1", "B0002-atm1"]
    assert found(testbed, "state=unavailable")[0] == ["B0001-atm2"]
    assert found(testbed, "state=in_flight")[0] == ["B0001-atm3", "B0150-atm3"]
    assert found(testbed, "state=in_flight&label=branch=B0150")[0] == ["B0150-atm3"]
    assert found(testbed, "state=in_flight", "city")[0] == []
    assert len(found(testbed, "state=idle")[0]) == 3000 - 5
    run("UPDATE device SET retired_at = NULL WHERE retired_at IS NOT NULL")
    run("DELETE FROM unavailable")
    run("DELETE FROM instruction")


def test_the_command_line_finds_devices_by_part_label_version_and_state(testbed):
    at = testbed.http.at("ola")
    shown = command_line("device", "list", "atm4", "--where", "region=emea", "--where", "city=c7", "--installed", "atm-app=4.7.1", *at)
    assert [line.split()[0] for line in shown.stdout.splitlines()[1:]] == every(
        lambda number, device: number % 3 == 0 and number // 30 == 7 and "atm4" in device["id"])
    none = command_line("fleet", "list", "--where", "region=nowhere", *at)
    assert (none.stdout, none.returncode) == ("", 0) and "no such devices" in none.stderr
    wrong = command_line("device", "list", "--where", "region", *at, check=False)
    assert wrong.returncode == 1 and 'label: found "region", allowed: name=value' in wrong.stderr


def test_a_long_list_is_compressed_for_a_client_that_takes_gzip(testbed):
    path, token = "/v1/devices?limit=1000", bearer(token_of("ola"))
    plain = testbed.http.ask("GET", path, headers=token)
    packed = testbed.http.ask("GET", path, headers={**token, "Accept-Encoding": "br, gzip;q=0.5"})
    assert plain.headers["Content-Encoding"] is None and plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert packed.headers["Content-Encoding"] == "gzip" and len(packed.body) * 5 < len(plain.body)
    assert gzip.decompress(packed.body) == plain.body
    for refused in ("gzip;q=0", "identity", "gzipped", "gzip;q=0.000, br"):
        answer = testbed.http.ask("GET", path, headers={**token, "Accept-Encoding": refused})
        assert answer.headers["Content-Encoding"] is None and answer.body == plain.body, refused
    short = testbed.http.ask("GET", "/v1/devices/B0001", headers={**token, "Accept-Encoding": "gzip"})
    assert short.headers["Content-Encoding"] is None and short.json()["device"] == "B0001"
    head = testbed.http.ask("HEAD", path, headers={**token, "Accept-Encoding": "gzip"})
    assert (head.status, head.headers["Content-Encoding"], head.body) == (200, "gzip", b"")


# ---- branches -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def at_work(stack):
    """B0003 has used up a budget of two: one in flight, one out of service; B0150, of ten machines, none left."""
    run = stack.database.rows
    run("INSERT INTO rollout (name, digest, plan, shared_claims, state, author, door, devices, max_unavailable) "
        "VALUES ('at-work', '', '{}', '', 'halted', 'x', 'http', 0, 2)")
    work = "INSERT INTO instruction (rollout_id, group_no, zone_no, pull, branch, device, state, in_flight, wake_at, dispatched_at, due_at) " \
           "SELECT r.id, 1, 1, false, d.branch, d.id, %s, %s, now() + interval '1 day', now(), %s FROM device d, rollout r " \
           "WHERE r.name = 'at-work' AND d.id = ANY (%s)"
    run(work, 4, True, None, ["B0003-atm1"])
    run(work, 0, False, "2099-01-01", ["B0003-atm3", "B0003-atm4"])
    run("INSERT INTO unavailable (device, branch, instruction_id, rollout_id, code, since) "
        "SELECT d.id, d.branch, 1, r.id, 'out_of_service', now() FROM device d, rollout r "
        "WHERE r.name = 'at-work' AND (d.id = 'B0003-atm2' OR d.branch = 'B0150' AND d.role <> 'node')")
    yield
    run("DELETE FROM unavailable")
    run("DELETE FROM instruction WHERE rollout_id = (SELECT id FROM rollout WHERE name = 'at-work')")
    run("DELETE FROM rollout WHERE name = 'at-work'")


def branches(stack, query, person="ola"):
    return {row["branch"]: row for page in pages(stack, f"/v1/branches?limit=1000&{query}", "branches", person) for row in page["branches"]}


def test_branches_are_found_by_part_and_label_and_by_what_is_left_of_their_machines_and_their_budgets(testbed):
    assert list(branches(testbed, "q=b002")) == [f"B{number:04}" for number in range(20, 30)]
    assert list(branches(testbed, "q=BRANCH%2029")) == ["B0029", *(f"B{number:04}" for number in range(290, 300))]
    assert list(branches(testbed, "label=city=c7&label=region=apac")) == [f"B{number:04}" for number in range(210, 240) if number % 3 == 1]
    assert len(branches(testbed, "")) == BRANCHES
    assert branches(testbed, "at_budget=true") == branches(testbed, "without_machine=true") == {}
    with at_work(testbed):
        assert list(branches(testbed, "at_budget=true")) == ["B0003"]
        assert list(branches(testbed, "without_machine=true")) == ["B0150"]
        row = branches(testbed, "q=B0003")["B0003"]
        assert {key: row[key] for key in ("machines", "in_flight", "unavailable", "used", "machines_left", "budget")} == {
            "machines": ATMS, "in_flight": 1, "unavailable": 1, "used": 2, "machines_left": ATMS - 2, "budget": 2}


def test_a_branch_shows_who_is_at_work_who_is_out_of_service_and_what_waits(testbed):
    with at_work(testbed):
        shown = testbed.http.document("/v1/branches/B0003")
        assert [(row["device"], row["state"]) for row in shown["devices_in_flight"]] == [("B0003-atm1", "installing")]
        assert [(row["device"], row["code"]) for row in shown["devices_unavailable"]] == [("B0003-atm2", "out_of_service")]
        (rollout,) = shown["rollouts"]
        assert (rollout["name"], rollout["waiting"], rollout["in_flight"], rollout["next_due_at"]) == ("at-work", 2, 1, "2099-01-01T00:00:00.000Z")
        text = command_line("branch", "show", "B0003", *testbed.http.at("ola")).stdout
        assert "B0003-atm1  installing" in text and "out_of_service" in text and "at-work" in text
        listed = command_line("branch", "list", "--at-budget", "--where", "region=emea", *testbed.http.at("ola")).stdout
        assert [line.split()[0] for line in listed.splitlines()[1:]] == ["B0003"]
    unknown = command_line("branch", "show", "B9999", *testbed.http.at("ola"), check=False)
    assert unknown.returncode == 1 and "branch B9999" in unknown.stderr


def test_a_person_with_a_scope_sees_the_branches_all_of_whose_devices_are_in_it(testbed):
    assert list(branches(testbed, "", "emea")) == [f"B{number:04}" for number in range(BRANCHES) if number % 3 == 0]
    assert list(branches(testbed, "", "city")) == [f"B{number:04}" for number in range(90, 150) if number % 3 == 1]
    headers = bearer(token_of("emea"))
    assert testbed.http.ask("GET", "/v1/branches/B0003", headers=headers).status == 200
    assert testbed.http.ask("GET", "/v1/branches/B0001", headers=headers).status == 404
    testbed.database.rows("UPDATE device SET labels = labels || '{\"region\": \"apac\"}' WHERE id = 'B0003-atm4'")
    assert testbed.http.ask("GET", "/v1/branches/B0003", headers=headers).status == 404 and "B0003" not in branches(testbed, "", "emea")
    testbed.database.rows("UPDATE device SET labels = labels - 'region' WHERE id = 'B0003-atm4'")


def test_a_branch_names_no_device_that_is_at_work_there_and_belongs_to_a_branch_outside_by_now(testbed):
    with at_work(testbed):
        testbed.database.rows("UPDATE device SET branch = 'B0001' WHERE id = 'B0003-atm1'")
        (seen,) = testbed.http.ask("GET", "/v1/branches/B0003", headers=bearer(token_of("emea"))).json()["devices_in_flight"]
        (all_of_it,) = testbed.http.document("/v1/branches/B0003")["devices_in_flight"]
        testbed.database.rows("UPDATE device SET branch = 'B0003' WHERE id = 'B0003-atm1'")
    assert (seen["device"], seen["rollout"], seen["state"]) == (None, None, "installing")
    assert all_of_it["device"] == "B0003-atm1" and all_of_it["rollout"] is not None


# ---- versions -----------------------------------------------------------------------------------------


def versions(stack, query, person="ola"):
    counts, devices = {}, 0
    for page in pages(stack, f"/v1/versions{query}", "versions", person):
        devices += page["devices"]
        for row in page["versions"]:
            key = (row["artifact"], row["version"])
            counts[key] = counts.get(key, 0) + row["devices"]
    return counts, devices


def counted(take):
    chosen = [device for number in range(BRANCHES) for device in devices_of(number) if take(number, device)]
    counts = {}
    for device in chosen:
        for key in device.get("versions", {}).items():
            counts[key] = counts.get(key, 0) + 1
    return counts, len(chosen)


def test_versions_are_counted_by_artifact_with_the_filters_of_devices_within_the_scope(testbed):
    assert versions(testbed, "") == counted(lambda number, device: True)
    assert versions(testbed, "?label=city=c7&model=model-1") == counted(FILTERS["label=city=c7&model=model-1"])
    assert versions(testbed, "", "emea") == counted(lambda number, device: number % 3 == 0)
    testbed.database.rows("UPDATE device SET retired_at = now() WHERE id = 'B0001-atm1'")
    assert versions(testbed, "?label=branch=B0001")[1] == 9 and versions(testbed, "?label=branch=B0001&state=retired")[1] == 1
    testbed.database.rows("UPDATE device SET retired_at = NULL WHERE id = 'B0001-atm1'")
    shown = command_line("version", "list", "--where", "branch=B0001", *testbed.http.at("ola"))
    assert [line.split() for line in shown.stdout.splitlines()[1:]] == [["atm-app", f"4.7.{number}", "3"] for number in range(3)]
    assert "10 devices, 1 of them with no known version" in shown.stderr


# ---- the overview -------------------------------------------------------------------------------------


def overview(stack, person="ola"):
    answer = stack.http.ask("GET", "/v1/overview", headers=bearer(token_of(person)))
    assert answer.status == 200, answer
    return answer.json()


@contextlib.contextmanager
def at_night(stack):
    """A rollout in emea that an abort stopped with failures, and one in amer that is paused."""
    run, made = stack.database.rows, {}
    for name, kind, region in (("broken", "aborted", "emea"), ("held", "paused", "amer")):
        selector = {"matchLabels": {"region": region, "city": "c7", "model": "model-1"}}
        made[name] = submit_as(stack, "ola", plan(name, schedule={"startAt": "2099-01-01T00:00:00Z"}, selector=selector))
        stack.wait_for_rollout(made[name], "running")
        operate(stack, made[name], "pause", "ola", reason=f"why {name}")
        run("UPDATE rollout_event SET kind = %s WHERE rollout_id = %s AND kind = 'paused'", kind, made[name])
        run("UPDATE rollout_zone SET zone = 'Asia/Tokyo' WHERE rollout_id = %s", made[name])
        run("UPDATE rollout_window SET opens_at = date_trunc('hour', now()) + interval '2 hours', "
            "closes_at = date_trunc('hour', now()) + interval '5 hours' WHERE rollout_id = %s", made[name])
    run("INSERT INTO counter (rollout_id, group_no, state, shard, count) SELECT %s, 1, s, 99, n FROM (VALUES (5, 20), (6, 4), (8, 3)) c(s, n)",
        made["broken"])
    yield made
    run("DELETE FROM counter WHERE shard = 99")
    for rollout in made.values():
        operate(stack, rollout, "cancel", "ola")
        stack.wait_for_rollout(rollout, "cancelled")
        run("UPDATE rollout SET name = name || id, ended_at = ended_at - interval '1 day' WHERE id = %s", rollout)


def test_the_overview_begins_with_what_needs_attention(testbed):
    assert overview(testbed)["attention"] == [] and overview(testbed)["rollouts"] == []
    with at_work(testbed), at_night(testbed):
        shown = overview(testbed)
        attention = [(row["kind"], row["name"], row["count"], row["detail"]) for row in shown["attention"]]
        assert sorted(attention[:2]) == [("aborted", "broken", None, "why broken"), ("paused", "held", None, "why held")]
        assert attention[2:] == [("without_machine", None, 1, "B0150"), ("failures", "broken", 7, "")]
        assert shown["branches"] == {"at_budget": 1, "without_machine": 1, "more": False}
        (broken,) = (row for row in shown["rollouts"] if row["name"] == "broken")
        assert (broken["completed"], broken["failed"], broken["timed_out"], broken["ended"]) == (20, 4, 3, 27)
        (window,) = shown["windows"]
        assert window["zone"] == "Asia/Tokyo" and len(window["rollouts"]) == 2 and not window["is_open"]
        there = datetime.fromisoformat(window["opens_at"].replace("Z", "+00:00")).astimezone(zoneinfo.ZoneInfo("Asia/Tokyo"))
        assert window["local_opens"] == there.strftime("%a %H:%M")
        assert shown["waiting"] == {"approvals": [], "for_you": 0}


def test_the_overview_shows_a_person_with_a_scope_what_is_in_it(testbed):
    with at_work(testbed), at_night(testbed) as made:
        assert [row["name"] for row in overview(testbed, "emea")["rollouts"]] == ["broken"]
        assert overview(testbed, "emea")["rollouts"][0]["failed"] == 4 and overview(testbed, "emea")["reviews"] is None
        outside = "UPDATE instruction SET device = 'B0001-atm1', due_at = NULL WHERE device = 'B0210-atm1' AND rollout_id = %s"
        testbed.database.rows(outside, made["broken"])  # as when it has ended
        testbed.database.rows("DELETE FROM rollout_labelled WHERE rollout_id = %s", made["broken"])  # the counts are of before
        shown = overview(testbed, "emea")
        resize = "UPDATE rollout SET devices = devices + %s WHERE id = %s"
        testbed.database.rows(resize, 5_000, made["broken"])  # more than are looked at
        large = wait_for(lambda: [row for row in overview(testbed, "emea")["rollouts"] if row["devices"] is not None],
                         "its labels are counted")
        windows = overview(testbed, "emea")["windows"]
        drawn = command_line("tonight", *testbed.http.at("emea")).stdout
        testbed.database.rows(resize, -5_000, made["broken"])
        testbed.database.rows("UPDATE instruction SET due_at = '2099-01-01' WHERE device = 'B0001-atm1' AND rollout_id = %s", made["broken"])
        mine = testbed.database.value("SELECT count(*) - 1 FROM instruction WHERE rollout_id = %s", made["broken"])
        assert [(row["name"], row["failed"], row["devices"]) for row in shown["rollouts"]] == [("broken", 0, mine)]
        assert [window["zone"] for window in shown["windows"]] == ["Asia/Tokyo"]
        assert [(row["name"], row["failed"], row["devices"]) for row in large] == [("broken", None, mine)] and windows == []
        assert [(row["kind"], row["detail"]) for row in shown["attention"]] == [("aborted", ""), ("without_machine", "B0150")]
        assert "Rollouts without counts have devices outside of your scope" in drawn and "tellercast rollout status ROLLOUT" in drawn
        assert "Rollouts without counts" not in command_line("tonight", *testbed.http.at("ola")).stdout
        empty = overview(testbed, "city")
        assert (empty["attention"], empty["rollouts"], empty["branches"]["at_budget"]) == ([], [], 0)


def test_tonight_is_drawn_for_a_terminal(testbed):
    quiet = command_line("tonight", *testbed.http.at("ola")).stdout
    assert quiet.startswith("Nothing needs attention.") and "branches     0 at their budget, 0 with no machine left" in quiet
    with at_work(testbed), at_night(testbed) as made:
        shown = command_line("tonight", *testbed.http.at("ola")).stdout
        titles = ["Needs attention", "Rollouts", "Windows within a day", "at their budget"]
        assert [shown.find(title) for title in titles] == sorted(shown.find(title) for title in titles) and -1 not in map(shown.find, titles)
        assert "stopped by an abort" in shown and "Asia/Tokyo" in shown and "B0150" in shown
        assert f"by cause: tellercast rollout failures {made['broken']}" in shown
        assert json.loads(command_line("tonight", "--json", *testbed.http.at("ola")).stdout)["branches"]["without_machine"] == 1


# ---- how many rows a list reads -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(testbed):
    return add_many(testbed)


def test_the_versions_of_more_devices_than_a_page_counts_are_the_sum_of_its_pages(many):
    counts, devices = versions(many, "?label=bank=many")
    assert devices == MANY and counts == {("many-app", f"1.{number}"): MANY // 20 for number in range(1, 21)}
    shown = json.loads(command_line("version", "list", "--where", "bank=many", "--json", *many.http.at("ola")).stdout)
    assert shown["devices"] == MANY and shown["artifacts"]["many-app"]["1.7"] == MANY // 20


def test_a_list_of_more_devices_than_it_counts_says_so_and_leads_on(many):
    devices, total = found(many, "label=bank=many")
    assert total == {"devices": 10_000, "more": True} and len(devices) == MANY
    some, total = found(many, f"label=bank=many&version={quote('many-app=1.3')}")
    assert total == {"devices": 10_000, "more": False} and len(some) == MANY // 20
