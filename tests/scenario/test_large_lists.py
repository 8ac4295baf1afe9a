"""Lists of a large fleet read a part of it, by the rows that their statements read."""

import json

import pytest
from harness.believing_nobody import opened
from harness.many_devices import add_many
from harness.statements import rows_read

ANY = {"part": "", "labels": "{}", "versions": "{}", "state": "", "patterns": None}
# What a page costs at most: ten thousand devices that the labels have, then ten thousand that the versions have, each looked at by
# two indexes, and what it shows.
READ_AT_MOST = 4 * 10_000 + 1_000
# Of a rollout, ten thousand instructions that wait and the labels of their devices, each in two versions, are looked at twice.
BOUNDED = 8 * 10_000
LOOKED_UP = 8  # rows for a device that a page shows


@pytest.fixture(scope="module")
def many(module_stack):
    with opened(module_stack) as testbed:
        yield add_many(testbed)


@pytest.mark.parametrize("what", [
    {}, {"part": "m99"}, {"part": "-7"}, {"part": "1-1"}, {"labels": '{"bank": "many"}'}, {"labels": '{"area": "x7"}'},
    {"labels": '{"bank": "many", "model": "m3"}'}, {"versions": '{"many-app": "1.3"}'}, {"versions": '{"many-app": "1.3"}', "part": "m77"},
    {"versions": '{"many-app": "1.3"}', "labels": '{"bank": "many"}'}, {"state": "in_flight"}, {"state": "unavailable"},
    {"state": "retired"}, {"state": "idle"}, {"presence": "0", "labels": '{"bank": "many"}'}, {"presence": "1", "part": "m99"}, {"patterns": '[{"bank": "many"}]'}, {"patterns": '[{"area": "x7"}, {"area": "x8"}]'},
], ids=str)
def test_a_page_of_devices_reads_no_table_as_a_whole(many, what):
    any_device = not what
    whole, rows = rows_read(many, "read_devices", **{**ANY, "presence": "", **what}, after="", most=100, few=10_000,
                            searched=100 if any_device else 5_000)
    assert not {"device", "device_search", "instruction"} & whole, whole
    assert rows <= READ_AT_MOST, rows


@pytest.mark.parametrize("what", [{"state": "idle"}, {"labels": '{"bank": "many"}'}, {"patterns": '[{"bank": "many"}]'},
                                  {"patterns": '[{"bank": "many"}]', "presence": "0", "state": "idle"}], ids=str)
def test_a_full_page_of_devices_looks_up_no_device_behind_it(many, what):
    """It looks at the labels of the next 5,000 devices, and finds by no index that ten thousand have a label."""
    _, rows = rows_read(many, "read_devices", **{**ANY, "presence": "", **what}, after="", most=100, few=10_000, searched=5_000)
    assert rows <= 5_000 + 100 * LOOKED_UP, rows


@pytest.mark.parametrize("patterns", [None, '[{"bank": "many"}]'])
def test_a_full_page_of_a_presence_looks_at_no_device_behind_it(many, patterns):
    _, rows = rows_read(many, "read_devices_by_presence", state=0, after="M", most=100, scan_limit=5_000, patterns=patterns)
    assert rows <= 100 * LOOKED_UP, rows


@pytest.mark.parametrize("what", [{}, {"at_budget": True}, {"without_machine": True}, {"patterns": '[{"bank": "many"}]'}], ids=str)
def test_a_page_of_branches_reads_no_large_table_as_a_whole(many, what):
    filters = {"part": "", "labels": "{}", "patterns": None, "at_budget": False, "without_machine": False, **what}
    whole, rows = rows_read(many, "read_branches", **filters, after="M", most=100, searched=1_000)
    assert not {"device", "device_search", "instruction"} & whole, whole
    assert rows <= 1_000 * 20, rows
    whole, _ = rows_read(many, "read_branch", branch="M77", patterns=what.get("patterns"))
    assert not {"device", "device_search", "instruction"} & whole, whole


@pytest.mark.parametrize("what", [{}, {"labels": '{"area": "x7"}'}, {"patterns": '[{"bank": "many"}]'}], ids=str)
def test_a_page_of_versions_reads_no_table_as_a_whole(many, what):
    whole, rows = rows_read(many, "read_versions", **{**ANY, **what}, after="", few=10_000, searched=5_000)
    assert not {"device", "device_search", "instruction"} & whole, whole
    assert rows <= READ_AT_MOST, rows


@pytest.mark.parametrize("patterns", [None, '[{"bank": "many"}]', '[{"area": "x7"}]'])
@pytest.mark.parametrize("state", [0, 1, 2])
def test_a_page_of_devices_of_a_presence_reads_no_table_as_a_whole(many, state, patterns):
    whole, rows = rows_read(many, "read_devices_by_presence", state=state, after="M", most=100, scan_limit=5_000, patterns=patterns)
    assert not {"device", "device_search", "instruction"} & whole, whole
    assert rows <= 2 * 5_000 + 1_000, rows  # each device, and its labels


@pytest.mark.parametrize("patterns", [None, '[{"bank": "many"}]', '[{"area": "x7"}]'])
@pytest.mark.parametrize("version", ["1.3", "9.9"])
def test_a_page_of_affected_devices_looks_at_the_labels_of_those_alone(many, version, patterns):
    whole, rows = rows_read(many, "read_affected", name="many-app", version=version, after="M", most=100, scan_limit=10_000, patterns=patterns)
    assert not {"device", "device_search", "instruction"} & whole, whole
    assert rows <= 10_000 + 1_000 + 100, rows  # one in twenty runs 1.3


NUMBERED = ("UPDATE rollout r SET planned_at = now(), numbered_at = now(), first_instruction = n.first, last_instruction = n.last "
            "FROM (SELECT rollout_id, min(id) AS first, max(id) AS last FROM instruction GROUP BY 1) n WHERE n.rollout_id = r.id", "ANALYZE instruction")


def test_a_page_of_instructions_reads_a_part_of_a_large_rollout(many):
    rollout = many.database.value("SELECT id FROM rollout WHERE name = 'of-many'")
    for what in ({"state": "", "patterns": None}, {"state": "installing", "patterns": None}, {"state": "", "patterns": '[{"area": "x7"}]'}):
        whole, rows = rows_read(many, "read_instructions", NUMBERED, rollout=rollout, group_name="", after=0, most=100, searched=5_000, **what)
        assert not {"device", "device_search", "instruction"} & whole and rows <= 3 * 5_000, (whole, rows)


def test_what_waits_for_an_approval_reads_no_large_table_as_a_whole(many):
    given = ("UPDATE rollout SET state = 'awaiting_approval', planned_at = now() WHERE name = 'of-many'",
             "UPDATE instruction SET due_at = now() WHERE device LIKE 'M1%'", "ANALYZE instruction")
    allowed = {"may_approve": True, "may_review": True, "may_grant": True, "sees_reviews": True, "sees_people": True}
    for patterns in (None, '[{"bank": "many"}]'):
        whole, rows = rows_read(many, "read_approvals", given, person="bob", patterns=patterns, approves_in=patterns, **allowed,
                                reviewers=2, most=200)
        assert not {"device", "device_search", "instruction"} & whole, whole
        assert rows <= BOUNDED, rows


def test_the_overview_reads_no_large_table_as_a_whole(many):
    given = ("UPDATE rollout SET state = 'running', planned_at = now() WHERE name = 'of-many'",
             "UPDATE instruction SET due_at = now() WHERE device LIKE 'M1%'",
             "UPDATE instruction SET in_flight = true, state = 4 WHERE device LIKE 'M2%-7'", "ANALYZE instruction")
    for patterns, more in ((None, ()), ('[{"area": "x7"}, {"area": "x70"}]', ()), ('[{"area": "x7"}, {"area": "x70"}]', NUMBERED)):
        whole, rows = rows_read(many, "read_overview", (*given, *more), patterns=patterns, sees_reviews=True, busy_branches=1_000,
                                most=200, most_failing=1_000, searched=3_000)
        assert not {"device", "device_search", "instruction"} & whole, whole
        assert rows <= BOUNDED, rows


@pytest.mark.parametrize("scope", [{}, {"bank": ["many"]}, {"area": ["x7"]}, {"model": ["m3"]}], ids=str)
def test_a_preview_of_a_lift_looks_at_a_part_of_what_waits(many, scope):
    given = ("UPDATE rollout SET state = 'running', planned_at = now() WHERE name = 'of-many'",
             "INSERT INTO rollout_group (rollout_id, group_no, name, success, state) SELECT id, 1, 'all', 100, 'open' FROM rollout WHERE name = 'of-many'",
             "UPDATE instruction SET due_at = now() WHERE device LIKE 'M1%'", "ANALYZE instruction",
             "INSERT INTO freeze_order (id, scope, patterns, except_rollback, until, reason, frozen_by, frozen_at) OVERRIDING SYSTEM VALUE "
             f"SELECT 900, s.scope, ARRAY(SELECT scope_patterns(s.scope)), false, now(), '', 'x', now() FROM (SELECT '{json.dumps(scope)}'::jsonb) s(scope)")
    values = {"freeze": 900, "most": 10_000, "few": 1_000, "searched": 20_000}
    for patterns in (None, '[{"area": "x7"}, {"area": "x70"}]'):
        whole, rows = rows_read(many, "preview_lift", given, patterns=patterns, **values)
        assert not {"device", "device_search", "instruction"} & whole, whole
        assert rows <= BOUNDED, rows
