"""What reads of a rollout show to a reader with a scope, against plain counts of its devices: when the counts of its labels say where it
is, and when they do not hold."""

import json

import pytest
from harness.plan import text_of
from harness.statements import Prepared, rows_read
from harness.wait import wait_for

REGIONS = {"B1": "emea", "B2": "emea", "B3": "apac"}
SCOPES = ([{"region": "emea"}], [{"region": "apac"}], [{"region": "emea"}, {"region": "apac"}], [{"site": "offsite"}], [{"model": "m1"}],
          [{"region": "emea", "site": "offsite"}], [{"region": "nowhere"}], [{"region": "emea"}, {"site": "offsite"}], [{}])
INSIDE = """SELECT i.*, s.name AS state_name FROM instruction i JOIN instruction_state s USING (state) JOIN device_search d USING (device)
            WHERE i.rollout_id = %(rollout)s AND d.labels @> ANY (ARRAY(SELECT jsonb_array_elements(%(patterns)s::jsonb)))"""
LATER = {"startAt": "2099-01-01T00:00:00Z"}
GROUPS = [{"name": "pilot", "percentage": 50, "success": 0}, {"name": "rest", "percentage": 100, "success": 0}]


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.add_artifact()
    devices = [{"id": f"{branch}-{number}", "branch": branch, "role": "atm", "model": f"m{number % 2}",
                "labels": {"site": "offsite"} if number % 4 == 3 else {}} for branch in REGIONS for number in range(8)]
    answer = stack.http.import_fleet(text_of({
        "apiVersion": "tellercast/v1", "kind": "Fleet", "devices": devices,
        "branches": [{"id": branch, "zone": "UTC", "labels": {"region": region}} for branch, region in REGIONS.items()]}))
    assert answer.status == 200, answer
    stack.made = {name: stack.submit(name, selector=selector, schedule=LATER, groups=GROUPS, priority=place) for place, (name, selector) in enumerate({
        "emea": {"branches": ["B1", "B2"]}, "both": {"branches": ["B2", "B3"]}, "apac": {"branches": ["B3"]}, "all": {}}.items())}
    for rollout in stack.made.values():
        stack.wait_for_rollout(rollout, "running")
    wait_for(lambda: not stack.database.rows("""SELECT 1 FROM rollout r
        WHERE NOT EXISTS (SELECT FROM rollout_labelled d WHERE d.rollout_id = r.id AND d.planned_at = r.planned_at)"""), "labels are counted")
    end = """UPDATE instruction SET state = (SELECT state FROM instruction_state WHERE name = %s), code = %s, due_at = NULL, dispatched_at = now(),
                    ended_at = now() WHERE hashtext(device || rollout_id) %% 4 = %s AND state = 0"""
    stack.database.rows(end, "failed", "disk_full", 1)
    stack.database.rows(end, "completed", None, 2)
    stack.database.rows("DELETE FROM counter")  # whoever moves a state counts it
    stack.database.rows("""INSERT INTO counter (rollout_id, group_no, state, shard, count)
                           SELECT rollout_id, group_no, state, 0, count(*) FROM instruction GROUP BY 1, 2, 3""")
    return stack


class Reader:
    """Statements and plain counts of one snapshot."""

    def __init__(self, cursor, patterns):
        self._cursor, self._statements, self.patterns = cursor, {}, json.dumps(patterns)

    def rows(self, statement, **values):
        if statement not in self._statements:
            self._cursor.execute("DEALLOCATE ALL")
            self._statements = {statement: Prepared(self._cursor, statement)}
        self._statements[statement].run(patterns=self.patterns, **values)
        return self._cursor.fetchall()

    def document(self, statement, **values):
        rows = self.rows(statement, **values)
        return json.loads(rows[0][0]) if rows else None

    def pages(self, statement, what, key, **values):
        found, after = [], 0
        while after is not None:
            page = self.document(statement, after=after, **values)
            found += [row[key] for row in page[what]]
            after = page["next"]
        return found

    def plain(self, rollout):
        self._cursor.execute(f"{INSIDE} ORDER BY i.id", {"rollout": rollout, "patterns": self.patterns})
        names = [column.name for column in self._cursor.description]
        return [dict(zip(names, row)) for row in self._cursor.fetchall()]


def counts_of(rows):
    return {name: sum(row["state_name"] == name for row in rows) for name in {row["state_name"] for row in rows}}


def shown_counts(document):
    return {name: count for name, count in document["counts"].items() if count > 0}


def check_rollout(reader, rollout):
    inside = reader.plain(rollout)
    shown = reader.document("read_rollout_in_scope", rollout=rollout)
    assert (shown is None) == (not inside)
    if shown is not None:
        assert (shown["devices"], shown_counts(shown)) == (len(inside), counts_of(inside))
        assert [shown_counts(group) for group in shown["groups"]] == [counts_of([row for row in inside if row["group_no"] == number]) for number in (1, 2)]
    failed = [row["id"] for row in inside if row["state_name"] == "failed"]
    for state, group, expected in (("", "", [row["id"] for row in inside]), ("failed", "", failed), ("", "rest", [row["id"] for row in inside if row["group_no"] == 2]),
                                   ("scheduled", "pilot", [row["id"] for row in inside if row["state_name"] == "created" and row["group_no"] == 1])):
        for most, searched in ((100, 100), (3, 100), (100, 5)):
            assert reader.pages("read_instructions", "instructions", "instruction", rollout=rollout, state=state, group_name=group, most=most, searched=searched) == expected
    for most, scan_limit in ((100, 100), (2, 100), (100, 3)):
        assert reader.pages("read_failed_devices", "devices", "instruction", rollout=rollout, filter="{}", scan_limit=scan_limit, most=most) == failed
    assert reader.pages("read_failed_devices", "devices", "instruction", rollout=rollout, filter='{"now": true}', scan_limit=100, most=2) == []
    groups = reader.document("read_failures", rollout=rollout, by_code=True, by_model=False, by_version=False, label=None, scan_limit=100, most=10,
                             count_limit=100)["failures"]
    assert [group["ended"]["devices"] for group in groups] == ([len(failed)] if failed else [])


def check_line(reader, rollout):
    """Instructions of other devices are told only of the branches of those shown, and before the last of them."""
    found = reader.rows("why_line", rollout=rollout, most=100)
    mine = [row["id"] for row in sorted(reader.plain(rollout), key=lambda row: (str(row["due_at"]), row["id"])) if row["group_no"] == 1 and row["due_at"]]
    assert [row[0] for row in found if row[4]] == mine
    inside, reader.patterns = reader.patterns, "[{}]"
    everything = {row["id"]: row for row in reader.plain(rollout) if row["group_no"] == 1 and row["due_at"]}
    reader.patterns = inside
    branches = {everything[number]["branch"] for number in mine}
    order = sorted(everything, key=lambda number: (str(everything[number]["due_at"]), number))
    before = [number for number in order if mine and order.index(number) < order.index(mine[-1]) and number not in mine
              and everything[number]["branch"] in branches]
    assert [row[0] for row in found if not row[4]] == before
    return len(before)


def check_reads(testbed):
    connection, before = testbed.database.connect(), 0
    try:
        cursor = connection.cursor()
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        for scope in SCOPES:
            reader = Reader(cursor, scope)
            page = reader.document("read_rollouts_in_scope", after=0, most=100, name=None, id=0, searched=10000)
            expected = [(rollout, len(reader.plain(rollout)), counts_of(reader.plain(rollout))) for rollout in sorted(testbed.made.values(), reverse=True)]
            assert [(row["rollout"], row["devices"], shown_counts(row)) for row in page["rollouts"]] == [row for row in expected if row[1] > 0]
            overview = reader.document("read_overview", sees_reviews=False, busy_branches=100, most=100, most_failing=100, searched=5_000)
            assert {row["rollout"]: row["devices"] for row in overview["rollouts"]} == {row[0]: row[1] for row in expected if row[1] > 0}
            for rollout in testbed.made.values():
                check_rollout(reader, rollout)
                before += check_line(reader, rollout)
    finally:
        connection.close()
    assert before > 0


def test_reads_show_what_is_inside_whether_or_not_the_counts_of_labels_hold(testbed):
    assert testbed.database.value("SELECT count(*) FROM failure") > 5
    check_reads(testbed)
    one = {"patterns": '[{"region": "emea"}]', "rollout": testbed.made["emea"]}
    for name, values in {"read_instructions": {**one, "state": "", "group_name": "", "after": 0, "most": 2, "searched": 100},
                         "why_is_visible": {**one, "branch": None}}.items():
        assert rows_read(testbed, name, ("ANALYZE", "SET LOCAL enable_seqscan = off"), **values)[1] <= 24, name  # of 16 devices no labels
    connection = testbed.database.connect()
    try:
        cursor = connection.cursor()
        cursor.execute("BEGIN; SELECT pg_advisory_xact_lock(hashtext('tellercast'), hashtext('labels'))")  # the planner adds no change
        testbed.database.rows("UPDATE device SET labels = '{\"region\": \"apac\"}' WHERE id = 'B1-1'")
        assert testbed.database.value("SELECT count(*) FROM relabelled") == 1
        check_reads(testbed)
    finally:
        connection.close()
