"""How many devices have a label: counts that each change of a label keeps, by which a list knows that there are more devices than it
counts; and pages of such a list, which read no further than they need."""

from urllib.parse import quote

import pytest
from harness.believing_nobody import opened
from harness.many_devices import add_many
from harness.people import EVERY_ROLE, bearer, token_of
from harness.plan import text_of
from harness.wait import wait_for

TRUTH = """SELECT jsonb_build_object(l.key, l.value)::text AS label, count(*) AS devices
           FROM device_search s, jsonb_each(s.labels) l GROUP BY 1 ORDER BY 1"""
COUNTED = """SELECT label::text AS label, sum(devices)::bigint AS devices
             FROM (SELECT label, devices FROM label_count UNION ALL SELECT label, devices FROM label_change) c
             GROUP BY 1 HAVING sum(devices) <> 0 ORDER BY 1"""
ADDED = "SELECT label::text AS label, devices FROM label_count WHERE devices <> 0 ORDER BY 1"
FEW = 10_000  # DEVICES_COUNTED
SCOPES = {"many": {"bank": ["many"]}, "edge": {"edge": ["a"]}, "edges": {"edge": ["a", "b"]}, "other": {"edge": ["b"]}}
ONLINE, GENERATION = 2, "(SELECT presence_generation())"


# ---- the counts ---------------------------------------------------------------------------------------


def fleet(regions, own=None):
    devices = [{"id": f"{branch}-{number}", "branch": branch, "role": "atm", "model": f"m{number % 2}",
                "labels": (own or {}).get(f"{branch}-{number}", {})} for branch in regions for number in range(4)]
    return text_of({"apiVersion": "tellercast/v1", "kind": "Fleet", "devices": devices,
                    "branches": [{"id": branch, "zone": "UTC", "labels": {"region": region}} for branch, region in regions.items()]})


# What is imported, one after another.
IMPORTS = (
    ({"B1": "emea", "B2": "emea", "B3": "apac"}, None),
    ({"B1": "amer", "B2": "emea", "B3": "apac"}, None),
    ({"B1": "amer", "B2": "emea", "B3": "apac"}, {"B2-1": {"region": "amer"}, "B3-0": {"site": "offsite"}}),
    ({"B1": "amer", "B2": "emea", "B3": "apac"}, {"B2-1": {}, "B3-0": {"site": "mall"}}),
    ({"B1": "amer", "B2": "emea", "B3": "apac", "B4": "apac"}, {"B3-0": {}}),
)


def test_each_import_keeps_the_counts_of_labels(stack):
    stack.orchestrator()
    rows = stack.database.rows
    for regions, own in IMPORTS:
        answer = stack.http.import_fleet(fleet(regions, own))
        assert answer.status == 200, answer
        assert rows(COUNTED) == rows(TRUTH), (regions, own)
    wait_for(lambda: not rows("SELECT 1 FROM label_change"), "the changes are added")
    assert rows(ADDED) == rows(COUNTED) == rows(TRUTH)


# ---- lists of many devices ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(module_stack):
    with opened(module_stack) as stack:
        stack.people.add("ola", EVERY_ROLE)
        for name, scope in SCOPES.items():
            stack.people.add(name, ["viewer"], scope=scope)
        stack.people.settle(stack.http)
        add_many(stack)
        wait_for(lambda: stack.database.rows("SELECT 1 WHERE presence_generation() IS NOT NULL"), "presence is watched")
        yield stack


def page_of(stack, query, person):
    answer = stack.http.ask("GET", f"/v1/devices?{query}", headers=bearer(token_of(person)))
    assert answer.status == 200, (query, answer)
    return answer.json()


def total_of(stack, query, person="ola"):
    return page_of(stack, f"limit=1&{query}", person)["total"]


def label_edge(stack, value, first, last):
    stack.database.rows("""UPDATE device SET labels = jsonb_build_object('edge', %s::text)
                           WHERE id IN (SELECT d.id FROM device d WHERE d.id LIKE 'M%%' ORDER BY d.id OFFSET %s LIMIT %s)""",
                        value, first, last - first)


def check_totals_at_the_edge(stack, settle):
    """`settle` is called after each change."""
    exactly, more = {"devices": FEW, "more": False}, {"devices": FEW, "more": True}
    label_edge(stack, "a", 0, FEW)
    label_edge(stack, "b", FEW, FEW + 1)
    settle()
    assert total_of(stack, "label=edge=a") == total_of(stack, "", "edge") == total_of(stack, "label=bank=many", "edge") == exactly
    assert total_of(stack, "label=edge=b") == total_of(stack, "label=edge=b", "edges") == {"devices": 1, "more": False}
    assert total_of(stack, "", "edges") == more, "of both values together there are more"
    label_edge(stack, "a", FEW, FEW + 1)
    settle()
    assert total_of(stack, "label=edge=a") == total_of(stack, "", "edge") == total_of(stack, "", "edges") == more
    assert total_of(stack, "label=edge=b", "edge") == {"devices": 0, "more": False}, "no device in the scope has it"
    assert total_of(stack, "label=edge=a", "other") == {"devices": 0, "more": False}, "many have it, outside of the scope"
    assert total_of(stack, "label=bank=many", "edge") == more


def test_a_list_says_that_there_are_more_devices_than_it_counts_exactly_when_there_are(many):
    check_totals_at_the_edge(many, lambda: wait_for(lambda: not many.database.rows("SELECT 1 FROM label_change"), "the changes are added"))


def test_a_change_of_a_label_counts_before_it_is_added(many):
    """The planner is kept from adding it."""
    connection = many.database.connect()
    try:
        connection.cursor().execute("BEGIN; SELECT pg_advisory_xact_lock(hashtext('tellercast'), hashtext('labels'))")
        check_totals_at_the_edge(many, lambda: None)
        assert many.database.rows("SELECT 1 FROM label_change LIMIT 1")
    finally:
        connection.close()


def test_a_device_in_two_patterns_is_found_once(many):
    patterns = '[{"area": "x7"}, {"area": "x7", "model": "m3"}]'
    (found,) = many.database.rows("""SELECT count(*) AS rows, count(DISTINCT device) AS devices
                                     FROM devices_to_search('', '{}', '{}', '', %s::jsonb, '', 10000, 5000)""", patterns)
    assert found["rows"] == found["devices"] == 400, found


def every(stack, condition):
    return [row["id"] for row in stack.database.rows(f"""SELECT d.id FROM device d LEFT JOIN presence p ON p.device = d.id
                                                         WHERE {condition} ORDER BY d.id""")]


# Of each filter: what finds the same devices without an index.
LISTS = {
    "state=idle": "d.id LIKE 'M%'",
    "state=retired": "d.retired_at IS NOT NULL",
    "state=idle&model=m3": "d.model = 'm3'",
    f"version={quote('many-app=1.3')}&online=unknown&model=m3": f"d.model = 'm3' AND p.state IS DISTINCT FROM {ONLINE}",
    "online=true": f"p.state = {ONLINE}",
    "online=true&label=bank=many": f"p.state = {ONLINE}",
    "online=unknown&model=m3": f"d.model = 'm3' AND p.state IS DISTINCT FROM {ONLINE}",
    "q=M12": "strpos(d.id, 'M12') > 0",
}


def retire(stack, is_retired):
    stack.database.rows(f"UPDATE device SET retired_at = {'now()' if is_retired else 'NULL'} WHERE id LIKE 'M7-%%'")


@pytest.mark.parametrize("person", ["ola", "many"])
@pytest.mark.parametrize("query", LISTS)
def test_the_pages_of_a_list_of_many_have_each_device_once_and_in_order(many, query, person):
    many.database.rows(f"""INSERT INTO presence (device, generation, state, since, agent) SELECT id, {GENERATION}, {ONLINE}, now(), '1.0.0'
                           FROM device WHERE id LIKE 'M%%7' ON CONFLICT DO NOTHING""")
    is_of_retired = query == "state=retired"
    if is_of_retired:
        retire(many, True)
    found, after = [], ""
    while after is not None:
        page = page_of(many, f"limit=1000&{query}{after and f'&after={after}'}", person)
        found += [device["device"] for device in page["devices"]]
        assert page["next"] is None or len(page["devices"]) < 1000 or page["next"] == found[-1], query
        after = page["next"]
    expected = every(many, LISTS[query])
    if is_of_retired:
        retire(many, False)
    assert expected and found == expected, (len(found), len(expected))
