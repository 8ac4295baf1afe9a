"""What the conductor finds out about a freeze and a rollout under way: which groups have a device in the scope. As the statements are
asked, with another bound, and with the orchestrator held."""

import json
import signal

import pytest
from harness.statements import Prepared
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}
REGIONS = {"E1": "emea", "E2": "emea", "E3": "emea", "E4": "emea", "P1": "apac", "P2": "apac", "P3": "apac", "P4": "apac", "Q1": "amer"}
# The groups go through the devices in their order.
ROLLOUTS = {"inside": [["E1", "E2"], ["E3"]], "outside": [["P1", "P2"], ["Q1"]], "both": [["P1", "P2", "P3"], ["P4", "E1", "E2", "E3"], ["Q1", "E4"]]}
UNCOUNTED = "DELETE FROM rollout_labelled"
FREEZE = """INSERT INTO freeze_order (scope, patterns, except_rollback, until, reason, frozen_by, frozen_at)
            SELECT s.scope, ARRAY(SELECT scope_patterns(s.scope)), false, now() + interval '1 h', 'a storm', 'ola', now()
            FROM (SELECT %s::jsonb AS scope) s RETURNING id"""


class Looker:
    """The conductor's looks at a rollout, in one transaction that is never committed."""

    def __init__(self, stack):
        self._made, self._connection = stack.made, stack.database.connect()
        self._cursor = self._connection.cursor()
        self.execute("BEGIN")
        self._look, self._withdraw = Prepared(self._cursor, "look_frozen"), Prepared(self._cursor, "withdraw_frozen")

    def execute(self, statement, *values):
        self._cursor.execute(statement, values or None)
        return self._cursor.fetchall() if self._cursor.description else []

    def freeze(self, *regions):
        return self.execute(FREEZE, json.dumps({"region": regions}))[0][0]

    def look(self, name, most):
        """Looks until nothing is left. Returns the sizes of the pages, and in which the rollout was found to be touched."""
        found = []
        while True:
            self._look.run(rollout=self._made[name], most=most)
            rows = self._cursor.fetchall()
            if not rows:
                return [looked for _, looked, _ in found], [place for place, (_, _, begins) in enumerate(found) if begins]
            found.append(rows[0])
            assert len(found) < 20, found

    def withdraw(self, name):
        self._withdraw.run(rollout=self._made[name], withdrawal_ms=1000, most=100)
        return sorted(device for device, _ in self._cursor.fetchall())

    def kept(self, name, number):
        return self.execute("SELECT is_whole, groups FROM frozen_rollout WHERE rollout_id = %s AND freeze_id = %s", self._made[name], number)

    def frozen_events(self, name):
        return self.execute("SELECT count(*) FROM rollout_event WHERE rollout_id = %s AND kind = 'frozen'", self._made[name])[0][0]

    def close(self):
        self._connection.close()


@pytest.fixture
def looker(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({}, list(REGIONS), labels={name: {"region": region} for name, region in REGIONS.items()})
    stack.made = {}
    for name, groups in ROLLOUTS.items():
        parts = [{"name": f"g{number}", "devices": devices} for number, devices in enumerate(groups[:-1])]
        stack.made[name] = stack.submit(name, selector={"devices": sum(groups, [])}, schedule=LATER,
                                        groups=[*parts, {"name": "rest", "percentage": 100}])
        stack.wait_for_rollout(stack.made[name], "running")
    wait_for(lambda: not stack.database.rows("""SELECT 1 FROM relabelled UNION ALL SELECT 1 FROM rollout r
        WHERE NOT EXISTS (SELECT FROM rollout_labelled d WHERE d.rollout_id = r.id AND d.planned_at = r.planned_at)"""), "labels are counted")
    stack.orchestrators[0].send(signal.SIGSTOP)
    looker = Looker(stack)
    try:
        yield looker
    finally:
        looker.close()
        stack.orchestrators[0].send(signal.SIGCONT)


def test_a_rollout_that_is_in_the_scope_as_a_whole_or_outside_is_known_at_once_by_the_counts_of_labels(looker):
    number = looker.freeze("emea")
    assert looker.look("inside", 1) == ([0], [0]) and looker.kept("inside", number) == [(True, [1, 2])]
    assert looker.look("outside", 1) == ([0], []) and looker.kept("outside", number) == [(True, [])]
    assert (looker.frozen_events("inside"), looker.frozen_events("outside")) == (1, 0)


def test_the_groups_that_a_small_scope_touches_are_known_at_once_by_its_devices(looker):
    number = looker.freeze("amer")
    assert looker.look("both", 1) == ([0], [0]) and looker.kept("both", number) == [(True, [3])]
    looker.execute(UNCOUNTED)
    assert looker.look("inside", 1) == ([0], []) and looker.kept("inside", number) == [(True, [])]


def test_of_a_large_scope_the_groups_are_looked_at_page_by_page_and_each_until_it_is_found(looker):
    looker.execute(UNCOUNTED)
    number = looker.freeze("emea", "amer")
    pages, _ = looker.look("both", 2)
    assert looker.kept("both", number) == [(True, [1, 2, 3][1:])], "the first group has no device inside"
    assert sum(pages) <= 3 + 4 + 2 and pages[:2] == [2, 1], pages
    assert looker.frozen_events("both") == 1
    number = looker.freeze("apac", "amer")
    pages, _ = looker.look("both", 1)
    assert looker.kept("both", number) == [(True, [1, 2, 3])]
    assert len(pages) < 3 + 4 + 2, "a group that is found is not looked at to its end"


def test_what_is_withdrawn_adds_its_group_wherever_it_lies(looker):
    number = looker.freeze("emea")
    looker.execute(UNCOUNTED)
    looker.execute("UPDATE instruction SET state = 1, substate = 0, due_at = NULL, wake_at = now(), dispatched_at = now() WHERE device = 'E2' AND rollout_id = %s",
                   looker._made["both"])
    looker.execute("INSERT INTO frozen_rollout VALUES (%s, %s, 1, '-infinity', 0, true, '{}')", number, looker._made["both"])
    assert looker.withdraw("both") == ["E2"]
    assert looker.kept("both", number) == [(True, [2])] and looker.frozen_events("both") == 1
