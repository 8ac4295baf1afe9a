"""The counts of the labels of a rollout, by which a list tells whether it lies in the scope of its reader."""

import json

import pytest
from harness.people import bearer, token_of
from harness.plan import text_of
from harness.statements import Prepared, rows_read
from harness.wait import wait_for

REGIONS = {"B1": "emea", "B2": "emea", "B3": "apac", "B4": "amer"}
# Each label of each device of a rollout, counted now.
TRUTH = """SELECT i.rollout_id, jsonb_build_object(l.key, l.value)::text AS label, count(*) AS devices FROM instruction i JOIN device_search s USING (device),
           jsonb_each(s.labels) l GROUP BY 1, 2 ORDER BY 1, 2"""
COUNTED = "SELECT rollout_id, label::text, devices FROM rollout_label WHERE devices <> 0 ORDER BY 1, 2"
SCOPES = ([{"region": "emea"}], [{"region": "apac"}], [{"region": "emea"}, {"region": "apac"}], [{"region": "emea", "site": "offsite"}],
          [{"region": "amer", "site": "offsite"}], [{"model": "m1"}], [{"region": "nowhere"}], [{}], [{"region": "emea"}, {"model": "m1"}],
          [{"region": "emea", "role": "atm"}, {"region": "apac", "role": "atm"}])


def fleet(regions=None, own=None):
    regions, own = {**REGIONS, **(regions or {})}, own or {}
    devices = [{"id": f"{branch}-{number}", "branch": branch, "role": "atm", "model": f"m{number % 2}",
                "labels": own.get(f"{branch}-{number}", {"site": "offsite"} if number == 3 else {})} for branch in regions for number in range(4)]
    return text_of({"apiVersion": "tellercast/v1", "kind": "Fleet", "devices": devices,
                    "branches": [{"id": branch, "zone": "UTC", "labels": {"region": region}} for branch, region in regions.items()]})


def import_fleet(stack, **changes):
    answer = stack.http.import_fleet(fleet(**changes))
    assert answer.status == 200, answer


def settle(stack):
    """Waits until each rollout is counted, and each change is added."""
    wait_for(lambda: not stack.database.rows("""SELECT 1 FROM relabelled UNION ALL SELECT 1 FROM rollout r
        WHERE NOT EXISTS (SELECT FROM rollout_labelled d WHERE d.rollout_id = r.id AND d.planned_at = r.planned_at)"""), "labels are counted")


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.add_artifact()
    import_fleet(stack)
    stack.made = {name: stack.submit(name, selector=selector) for name, selector in {
        "emea": {"branches": ["B1", "B2"]}, "both": {"branches": ["B2", "B3"]}, "apac": {"branches": ["B3"]}, "all": {}}.items()}
    for rollout in stack.made.values():
        stack.wait_for_rollout(rollout, "running")
    settle(stack)
    return stack


def check_what_counts_show(stack):
    """What the counts tell is so; and of a scope of values of one label they tell everything."""
    told = 0
    for scope in SCOPES:
        rows = stack.database.rows("""SELECT r.id, t.touches, t.is_whole, bool_or(w.is_inside) AS touched, bool_and(w.is_inside) AS whole
            FROM rollout r, rollout_labels_tell(r, %s::jsonb) t, instruction i JOIN device_search s USING (device),
            LATERAL (SELECT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(%s::jsonb))) AS is_inside) w
            WHERE i.rollout_id = r.id GROUP BY r.id, t.touches, t.is_whole""", json.dumps(scope), json.dumps(scope))
        for row in rows:
            assert row["touches"] in (None, row["touched"]) and row["is_whole"] in (None, row["whole"]), (scope, row)
            if {len(pattern) for pattern in scope} == {1} and len({key for pattern in scope for key in pattern}) == 1:
                assert None not in (row["touches"], row["is_whole"]), (scope, row)
            told += (row["touches"] is not None) + (row["is_whole"] is not None)
    assert told > len(SCOPES) * 4


def test_the_labels_of_a_rollout_are_counted_and_follow_the_devices(testbed):
    rows = testbed.database.rows
    assert rows(COUNTED) == rows(TRUTH) and rows(TRUTH)
    check_what_counts_show(testbed)
    for changes in ({"regions": {"B2": "apac"}}, {"own": {"B1-1": {"region": "amer"}, "B4-2": {"site": "offsite"}}}, {"regions": {"B1": "apac", "B3": "emea"}}, {}):
        import_fleet(testbed, **changes)
        settle(testbed)
        assert rows(COUNTED) == rows(TRUTH), changes
        check_what_counts_show(testbed)


def test_no_count_is_believed_before_a_changed_label_is_added(testbed):
    """The planner is kept from adding it."""
    connection = testbed.database.connect()
    try:
        cursor = connection.cursor()
        cursor.execute("BEGIN; SELECT pg_advisory_xact_lock(hashtext('tellercast'), hashtext('labels'))")
        import_fleet(testbed, regions={"B2": "apac"})
        tells = "SELECT touches IS NULL AND is_whole IS NULL FROM rollout r, rollout_labels_tell(r, '[{\"region\": \"emea\"}]') WHERE r.name = 'emea'"
        assert testbed.database.value(tells)
        assert not testbed.database.value("SELECT rollout_is_within(r, '[{\"region\": \"emea\"}]') FROM rollout r WHERE r.name = 'emea'")
        cursor.execute("ROLLBACK")
        settle(testbed)
        assert not testbed.database.value(tells)
    finally:
        connection.close()


# Where the devices of a rollout are outside of patterns, by each of them.
OUTSIDE = """SELECT places_to_name(ARRAY(SELECT DISTINCT place_of(s.labels, %s::jsonb) FROM instruction i JOIN device_search s USING (device)
                                     WHERE i.rollout_id = %s AND NOT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(%s::jsonb))))) AS places,
                    EXISTS (SELECT FROM instruction i JOIN device_search s USING (device)
                            WHERE i.rollout_id = %s AND s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(%s::jsonb)))) AS is_visible"""


def check_where_rollouts_are(testbed):
    connection, many = testbed.database.connect(), []
    try:
        cursor = connection.cursor()
        statement = Prepared(cursor, "check_rollout_scope")
        for scope in (*SCOPES, [{"site": "offsite"}]):
            patterns = json.dumps(scope)
            for name, rollout in testbed.made.items():
                statement.run(rollout=rollout, patterns=patterns)
                told = cursor.fetchone()[:2]
                truth = testbed.database.rows(OUTSIDE, patterns, rollout, patterns, rollout, patterns)[0]
                assert told == (truth["places"], truth["is_visible"]), (scope, name)
                many.append(told)
    finally:
        connection.close()
    assert {(None, True), ("region=apac", True), ("region=apac", False), ("region=amer, region=apac", True), ("", True)} <= set(many)


def test_where_a_rollout_is_outside_of_a_scope_is_told_by_the_counts_as_by_its_devices(testbed):
    check_where_rollouts_are(testbed)
    for scope in ([{"region": "emea"}], [{"region": "emea"}, {"region": "amer"}], [{"region": "nowhere"}], [{"site": "offsite"}]):
        for rollout in testbed.made.values():
            assert rows_read(testbed, "check_rollout_scope", rollout=rollout, patterns=json.dumps(scope))[1] <= 2, scope  # of the rollout
    connection = testbed.database.connect()
    try:
        cursor = connection.cursor()
        cursor.execute("BEGIN; SELECT pg_advisory_xact_lock(hashtext('tellercast'), hashtext('labels'))")  # the planner adds no change
        import_fleet(testbed, own={"B1-1": {"region": "amer"}})
        assert testbed.database.value("SELECT count(*) FROM relabelled") == 1
        check_where_rollouts_are(testbed)
    finally:
        connection.close()
    settle(testbed)
    check_where_rollouts_are(testbed)


def test_a_list_of_a_person_with_a_scope_has_the_counts_of_the_part_and_of_the_whole(testbed):
    testbed.people.add("ola", ["viewer"], scope={"region": ["emea"]})
    testbed.people.settle(testbed.http)

    def listed(query=""):
        answer = testbed.http.ask("GET", f"/v1/rollouts{query}", headers=bearer(token_of("ola")))
        assert answer.status == 200, answer
        return answer.json()
    made, found = testbed.made, {row["name"]: row for row in listed()["rollouts"]}
    assert {name: row["devices"] for name, row in found.items()} == {"emea": 8, "both": 4, "all": 8}
    assert all(sum(row["counts"].values()) == row["devices"] for row in found.values())
    shown = testbed.http.ask("GET", f"/v1/rollouts/{made['emea']}", headers=bearer(token_of("ola"))).json()
    assert (shown["scope"], shown["devices"], sum(shown["counts"].values())) == ([{"region": "emea"}], 8, 8)
    assert [(group["devices"], sum(group["counts"].values())) for group in shown["groups"]] == [(8, 8)]
    first = listed("?limit=2")
    assert [row["name"] for row in first["rollouts"]] == ["all", "both"] and first["next"] == made["both"]
    assert [row["name"] for row in listed(f"?after={first['next']}")["rollouts"]] == ["emea"]


def test_a_page_of_parts_of_large_rollouts_is_short_and_leads_on(testbed):
    """As the statement is asked, with another bound."""
    connection = testbed.database.connect()
    try:
        cursor = connection.cursor()
        statement = Prepared(cursor, "read_rollouts_in_scope")
        names, after = [], 0
        while after is not None:
            statement.run(after=after, most=100, name=None, id=0, patterns='[{"region": "emea"}]', searched=17)
            page = json.loads(cursor.fetchone()[0])
            names.append([row["name"] for row in page["rollouts"]])
            after = page["next"]
        assert names == [["all"], ["both", "emea"]]  # 16 devices, then 8 more; one that is whole costs nothing
    finally:
        connection.close()
