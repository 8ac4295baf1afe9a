"""How many devices trust a signing key: counts that each change of a device keeps, and pages of devices that stay bounded."""

import json

import pytest
from harness.statements import Prepared
from harness.wait import wait_for

NAMES = ["C1", "C2", "C3", "C4", "C5", "C6", "C7"]
TRUTH = "SELECT trusted_keys, count(*) AS devices FROM device WHERE retired_at IS NULL GROUP BY 1 ORDER BY 1"
COUNTED = """SELECT trusted_keys, sum(devices)::bigint AS devices
             FROM (SELECT trusted_keys, devices FROM trusted_keys_count UNION ALL SELECT trusted_keys, devices FROM trusted_keys_change) c
             GROUP BY 1 HAVING sum(devices) <> 0 ORDER BY 1"""
ADDED = "SELECT trusted_keys, devices FROM trusted_keys_count WHERE devices <> 0 ORDER BY 1"
# What happens to devices, one after another; some change what is not counted.
CHANGES = (
    "UPDATE device SET trusted_keys = ARRAY['k1'] WHERE id IN ('C1', 'C2', 'C3')",
    "UPDATE device SET trusted_keys = ARRAY['k1', 'k2'] WHERE id IN ('C2', 'C4')",
    "UPDATE device SET trusted_keys = trusted_keys, labels = labels WHERE id IN ('C1', 'C5')",
    "UPDATE device SET retired_at = now() WHERE id IN ('C1', 'C5')",
    "UPDATE device SET trusted_keys = ARRAY['k3'] WHERE id = 'C1'",
    "UPDATE device SET retired_at = now() + interval '1 s' WHERE id = 'C5'",
    "UPDATE device SET retired_at = NULL WHERE id = 'C1'",
    "UPDATE device SET trusted_keys = NULL, retired_at = NULL WHERE id IN ('C3', 'C5')",
    "UPDATE device SET trusted_keys = '{}' WHERE id = 'C6'",
)


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.import_fleet({}, NAMES)
    return stack


def change(stack, statement):
    stack.database.rows(statement)


def test_each_change_of_a_device_keeps_the_counts_of_trusted_keys(testbed):
    rows = testbed.database.rows
    assert rows(COUNTED) == rows(TRUTH) == [{"trusted_keys": None, "devices": len(NAMES)}], "those of an import"
    for statement in CHANGES:
        change(testbed, statement)
        assert rows(COUNTED) == rows(TRUTH), statement
    testbed.import_fleet({"B1": ["A1"]}, [*NAMES, "C8"])
    assert rows(COUNTED) == rows(TRUTH), "an import adds devices beside those that are there"
    wait_for(lambda: not rows("SELECT 1 FROM trusted_keys_change"), "the changes are added")
    assert rows(ADDED) == rows(COUNTED) == rows(TRUTH)
    shown = testbed.http.document("/v1/keys")
    assert (shown["devices"], shown["unnamed"]) == (10, 6), shown
    assert {row["key"]: row["trusting"] for row in shown["unknown"]} == {"k1": 2, "k2": 2, "k3": 1}, shown


def test_a_change_counts_before_it_is_added(testbed):
    """The planner is kept from adding it."""
    connection = testbed.database.connect()
    try:
        cursor = connection.cursor()
        cursor.execute("BEGIN; SELECT pg_advisory_xact_lock(hashtext('tellercast'), hashtext('labels'))")
        change(testbed, CHANGES[0])
        assert testbed.database.rows("SELECT 1 FROM trusted_keys_change") and testbed.database.rows(COUNTED) == testbed.database.rows(TRUTH)
        shown = testbed.http.document("/v1/keys")
        assert (shown["devices"], shown["unnamed"], shown["unknown"]) == (7, 4, [{"key": "k1", "trusting": 3}]), shown
    finally:
        connection.close()


def pages(stack, lacking, most, scan_limit):
    """The pages of devices that trust or lack k1, as the statement is asked with these bounds."""
    connection = stack.database.connect()
    try:
        cursor = connection.cursor()
        statement, found, after = Prepared(cursor, "read_key_devices"), [], ""
        while after is not None:
            statement.run(id="k1", lacking=lacking, after=after, most=most, scan_limit=scan_limit)
            page = json.loads(cursor.fetchone()[0])
            found.append([row["device"] for row in page["devices"]])
            after = page["next"]
            assert len(found) <= len(NAMES) + 1, found
        return found
    finally:
        connection.close()


def test_a_page_of_the_devices_of_a_key_looks_at_a_bounded_number_and_leads_on(testbed):
    change(testbed, "UPDATE device SET trusted_keys = ARRAY['k2', 'k1'] WHERE id IN ('C1', 'C6')")
    assert pages(testbed, lacking=False, most=5, scan_limit=3) == [["C1"], ["C6"], []]
    assert pages(testbed, lacking=True, most=5, scan_limit=3) == [["C2", "C3"], ["C4", "C5"], ["C7"]]
    assert pages(testbed, lacking=True, most=2, scan_limit=100) == [["C2", "C3"], ["C4", "C5"], ["C7"]]
    shown = testbed.http.document("/v1/keys/k1/devices?lacking=false")
    assert [row["device"] for row in shown["devices"]] == ["C1", "C6"] and shown["next"] is None, shown
