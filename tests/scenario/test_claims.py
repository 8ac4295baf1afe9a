"""The choice of instructions that may start now: budgets over all rollouts, priorities, preemption, growing rates; and the
number of rows that a claim reads."""

import json
import re
from datetime import timedelta

import pytest
from harness.branches import begin, complete, end, look_again, states, submit, under_way
from harness.operations import operate
from harness.statements import Prepared, statement
from harness.wait import wait_for

ONE = {"maxUnavailable": 1}
EARLIER = "UPDATE instruction SET due_at = now() - interval '1 hour' WHERE rollout_id = %s AND due_at IS NOT NULL"


@pytest.fixture
def testbed(stack):
    return stack


# ---- budgets ----------------------------------------------------------------------------------


def test_a_budget_in_percent_is_reckoned_by_the_machines_of_each_branch(testbed):
    atms = {f"B{machines}": [f"B{machines}-A{number}" for number in range(machines)] for machines in (1, 3, 4, 7)}
    begin(testbed, atms)
    rollout = submit(testbed, "half", [atm for branch in atms.values() for atm in branch],
                     disruptionBudget={"maxUnavailable": "50%"})
    testbed.wait_for_states(rollout, dispatched=1 + 1 + 2 + 3, created=2 + 2 + 4)
    look_again(testbed)
    in_flight = testbed.database.rows("SELECT branch, count(*) FROM instruction WHERE in_flight GROUP BY 1 ORDER BY 1")
    assert {row["branch"]: row["count"] for row in in_flight} == {"B1": 1, "B3": 1, "B4": 2, "B7": 3}


def test_the_budget_of_a_rollout_at_work_in_a_branch_holds_for_one_that_has_none(testbed):
    begin(testbed, {"B1": ["A1", "A2"], "B2": ["C1"]})
    first = submit(testbed, "first", ["A1"], disruptionBudget=ONE)
    testbed.wait_for_state(first, "A1", "dispatched")
    second = submit(testbed, "second", ["A2", "C1"])
    testbed.wait_for_state(second, "C1", "dispatched")
    look_again(testbed)
    assert states(testbed, second) == {"A2": "created", "C1": "dispatched"}
    complete(testbed, first, "A1", "B1")
    testbed.wait_for_state(second, "A2", "dispatched")


def test_what_others_have_in_flight_counts_against_a_rollouts_own_budget(testbed):
    begin(testbed, {"B1": ["A1", "A2", "A3"]})
    first = submit(testbed, "first", ["A1", "A2"])
    testbed.wait_for_states(first, dispatched=2)
    second = submit(testbed, "second", ["A3"], disruptionBudget={"maxUnavailable": 2})
    look_again(testbed)
    assert states(testbed, second) == {"A3": "created"}
    complete(testbed, first, "A1", "B1")
    testbed.wait_for_state(second, "A3", "dispatched")


def test_of_several_budgets_in_a_branch_the_tightest_holds(testbed):
    begin(testbed, {"B1": [f"A{number}" for number in range(10)]})
    wide = submit(testbed, "wide", ["A0"], disruptionBudget={"maxUnavailable": 9})
    tight = submit(testbed, "tight", ["A1"], disruptionBudget={"maxUnavailable": "30%"})
    for rollout in (wide, tight):
        testbed.wait_for_states(rollout, dispatched=1)
    rest = submit(testbed, "rest", [f"A{number}" for number in range(2, 10)], disruptionBudget={"maxUnavailable": 6})
    testbed.wait_for_states(rest, dispatched=1, created=7)
    look_again(testbed)
    complete(testbed, tight, "A1", "B1")
    testbed.wait_for_states(rest, dispatched=5, created=3)
    look_again(testbed)
    assert testbed.database.value("SELECT count(*) FROM instruction WHERE in_flight") == 6


def test_the_budget_of_a_paused_rollout_holds_as_long_as_it_has_something_in_flight(testbed):
    begin(testbed, {"B1": ["A1", "A2"]})
    first = submit(testbed, "first", ["A1"], disruptionBudget=ONE)
    testbed.wait_for_state(first, "A1", "dispatched")
    operate(testbed, first, "pause")
    second = submit(testbed, "second", ["A2"])
    look_again(testbed)
    assert states(testbed, second) == {"A2": "created"}


def test_beside_a_machine_out_of_service_no_other_starts_until_it_is_back(testbed):
    begin(testbed, {"B1": ["A1", "A2"], "B2": ["C1", "C2", "C3"]})
    rollout = submit(testbed, "upgrade", ["A1", "A2", "C1", "C2", "C3"], disruptionBudget=ONE, execution={"retries": 0},
                     groups=[{"name": "all", "percentage": 100, "success": 0}])
    broken, other = under_way(testbed, rollout, "B1"), under_way(testbed, rollout, "B2")
    end(testbed, rollout, broken, "B1", "failed", code="out_of_service")
    end(testbed, rollout, other, "B2", "failed", code="out_of_service")
    look_again(testbed)
    assert testbed.database.value("SELECT count(*) FROM instruction WHERE in_flight") == 0
    last = ({"A1", "A2"} - {broken}).pop()
    assert states(testbed, rollout)[last] == "created"
    second = submit(testbed, "another", [last], disruptionBudget=ONE)
    look_again(testbed)
    assert states(testbed, second) == {last: "created"}
    operate(testbed, rollout, "retry")
    complete(testbed, rollout, broken, "B1")
    assert under_way(testbed, rollout, "B1") == last


@pytest.mark.parametrize("retries", [0, 3])
def test_a_device_that_was_given_up_and_may_be_at_work_uses_the_budget_of_its_branch(testbed, retries):
    begin(testbed, {"B1": ["A1", "A2", "A3"], "B2": ["C1", "C2", "C3"]})
    rollout = submit(testbed, "upgrade", ["A1", "A2", "A3", "C1", "C2", "C3"], disruptionBudget=ONE,
                     execution={"receiveTimeout": "1s", "installTimeout": "2h", "retries": retries, "backoff": "1h"},
                     groups=[{"name": "all", "percentage": 100, "success": 0}])
    silent, claims = {}, {}
    for branch in ("B1", "B2"):
        silent[branch] = testbed.device(under_way(testbed, rollout, branch), branch)
        silent[branch].ask()
        claims[branch] = silent[branch].wait_for_instruction()
        silent[branch].reply(claims[branch], "received")
    given_up = {device.name for device in silent.values()}
    wait_for(lambda: {row["device"] for row in testbed.database.instructions(rollout).values()
                      if row["code"] == "not_installing"} == given_up, "they are given up")
    look_again(testbed)
    assert testbed.database.value("SELECT count(*) FROM instruction WHERE in_flight") == 0
    silent["B1"].reply(claims["B1"], "completed")
    assert under_way(testbed, rollout, "B1") != silent["B1"].name
    look_again(testbed)
    assert [row["branch"] for row in testbed.database.rows("SELECT branch FROM instruction WHERE in_flight")] == ["B1"]
    row = testbed.database.instruction(rollout, silent["B2"].name)
    assert abs(row["may_install_until"] - row["start_before"] - timedelta(hours=2)) < timedelta(milliseconds=2)
    testbed.database.rows("UPDATE instruction SET may_install_until = now() WHERE id = %s", row["id"])
    assert under_way(testbed, rollout, "B2") != silent["B2"].name


def test_a_device_that_was_given_up_is_not_in_its_own_way(testbed):
    begin(testbed, {"B1": ["A1", "A2", "A3"]})
    rollout = submit(testbed, "upgrade", ["A1", "A2", "A3"], disruptionBudget=ONE,
                     execution={"receiveTimeout": "1s", "retries": 1, "backoff": "0s"})
    silent = testbed.device(under_way(testbed, rollout, "B1"), "B1")
    silent.ask()
    silent.reply(silent.wait_for_instruction(), "received")
    wait_for(lambda: (row := testbed.database.instruction(rollout, silent.name))["attempt"] == 2 and row["in_flight"],
             "it has another attempt")
    look_again(testbed)
    assert testbed.database.value("SELECT count(*) FROM instruction WHERE in_flight") == 1


def test_a_device_that_waits_is_counted_in_the_branch_that_it_was_moved_to(testbed):
    begin(testbed, {"B1": ["A1"], "B2": ["C1"]})
    first = submit(testbed, "first", ["A1"], disruptionBudget=ONE)
    testbed.wait_for_state(first, "A1", "dispatched")
    second = submit(testbed, "second", ["C1"], disruptionBudget=ONE, schedule={"startAt": "2038-01-10T00:00:00Z"})
    testbed.import_fleet({"B1": ["A1", "C1"], "B2": []})
    assert testbed.database.instructions(second)["C1"]["branch"] == "B1"
    testbed.database.rows("UPDATE rollout_window SET opens_at = now() WHERE rollout_id = %s", second)
    testbed.database.rows(EARLIER, second)
    look_again(testbed)
    assert states(testbed, second) == {"C1": "created"}
    complete(testbed, first, "A1", "B1")
    testbed.wait_for_state(second, "C1", "dispatched")


def test_only_a_running_rollout_is_claimed(testbed):
    begin(testbed, {}, ["P1"])
    rollout = submit(testbed, "held", ["P1"])
    testbed.wait_for_state(rollout, "P1", "dispatched")
    for state in ("awaiting_approval", "paused", "halted", "completed", "cancelled", "rejected"):
        testbed.database.rows("UPDATE rollout SET state = %s WHERE id = %s", state, rollout)
        testbed.database.rows("UPDATE instruction SET state = 0, in_flight = false, wake_at = NULL, due_at = now() "
                              "WHERE rollout_id = %s", rollout)
        look_again(testbed)
        assert states(testbed, rollout) == {"P1": "created"}, state


# ---- priority ---------------------------------------------------------------------------------


def test_a_device_that_is_due_in_a_rollout_of_higher_priority_does_not_start_a_lower_one(testbed):
    begin(testbed, {}, ["P1", "P2"])
    urgent = submit(testbed, "urgent", ["P1", "P2"], priority=90, rate={"perMinute": 1})
    testbed.wait_for_states(urgent, dispatched=1, created=1)
    testbed.database.rows(EARLIER, urgent)  # due, but the rate allows no more in this minute
    waiting = next(name for name, state in states(testbed, urgent).items() if state == "created")
    usual = submit(testbed, "usual", [waiting])
    look_again(testbed)
    assert states(testbed, usual) == {waiting: "created"}
    operate(testbed, urgent, "pause")
    testbed.wait_for_state(usual, waiting, "dispatched")


def test_what_waits_for_its_group_does_not_hold_back_a_lower_rollout(testbed):
    begin(testbed, {}, ["P1", "P2", "P3"])
    groups = [{"name": "lab", "devices": ["P1", "P2"]}, {"name": "rest", "percentage": "100%"}]
    urgent = submit(testbed, "urgent", ["P1", "P2", "P3"], priority=90, groups=groups, rate={"perMinute": 1})
    testbed.wait_for_states(urgent, dispatched=1, created=2)
    testbed.database.rows(EARLIER, urgent)  # one device of the lab is due, but the rate allows no more in this minute
    usual = submit(testbed, "usual", ["P1", "P2", "P3"])
    testbed.wait_for_state(usual, "P3", "dispatched")
    look_again(testbed)
    assert states(testbed, usual) == {"P1": "created", "P2": "created", "P3": "dispatched"}


def test_a_preempting_rollout_keeps_its_devices_from_lower_ones_before_their_group_opens(testbed):
    begin(testbed, {}, ["P1", "P2", "P3"])
    groups = [{"name": "lab", "devices": ["P1"]}, {"name": "rest", "percentage": "100%"}]
    urgent = submit(testbed, "urgent", ["P1", "P2"], priority=90, preempt=True, groups=groups)
    testbed.wait_for_state(urgent, "P1", "dispatched")
    usual = submit(testbed, "usual", ["P2", "P3"])
    testbed.wait_for_state(usual, "P3", "dispatched")
    look_again(testbed)
    assert states(testbed, usual) == {"P2": "created", "P3": "dispatched"}
    complete(testbed, urgent, "P1")
    complete(testbed, urgent, "P2")
    testbed.wait_for_state(usual, "P2", "dispatched")


def test_what_was_taken_back_by_a_preempting_rollout_starts_after_it(testbed):
    begin(testbed, {"B1": ["A1"]})
    usual = submit(testbed, "usual", ["A1"])
    testbed.wait_for_state(usual, "A1", "dispatched")
    urgent = submit(testbed, "urgent", ["A1"], priority=90, preempt=True)
    testbed.wait_for_state(urgent, "A1", "dispatched")
    look_again(testbed)
    row = testbed.database.instruction(usual, "A1")
    assert (row["state_name"], row["attempt"]) == ("created", 2)
    complete(testbed, urgent, "A1", "B1")
    testbed.wait_for_state(usual, "A1", "dispatched")
    complete(testbed, usual, "A1", "B1")
    testbed.wait_for_rollout(usual)


def test_at_the_same_priority_the_older_rollout_has_the_headroom_of_a_branch(testbed):
    begin(testbed, {"B1": ["A1", "A2", "A3"]}, scheduler={"period": "1m"})  # so that it looks only when it is woken
    blocker = submit(testbed, "blocker", ["A1"], disruptionBudget=ONE)
    testbed.wait_for_state(blocker, "A1", "dispatched")
    older = submit(testbed, "older", ["A2"], disruptionBudget=ONE)
    newer = submit(testbed, "newer", ["A3"], disruptionBudget=ONE)
    look_again(testbed)
    complete(testbed, blocker, "A1", "B1")
    testbed.wait_for_state(older, "A2", "dispatched")
    assert states(testbed, newer) == {"A3": "created"}


# ---- rate -------------------------------------------------------------------------------------


def test_a_rate_grows_with_what_completes_and_is_never_exceeded_over_all_orchestrators(testbed):
    names = [f"P{number}" for number in range(10, 40)]
    begin(testbed, {}, names)
    testbed.orchestrator()
    rollout = submit(testbed, "growing", names,
                     rate={"perMinute": 2, "growth": 2, "growAfter": 2, "maximumPerMinute": 6})
    testbed.database.rows(EARLIER, rollout)
    done, started = 0, 0
    # All within one minute of the first, so every start counts.
    for completed, allowed in ((0, 2), (2, 4), (4, 6), (6, 6)):
        for name in [name for name, state in states(testbed, rollout).items() if state == "dispatched"]:
            if done < completed:
                complete(testbed, rollout, name)
                done += 1
        wait_for(lambda: started_of(testbed, rollout) >= allowed, f"{allowed} have started", 10)
        look_again(testbed)
        started = started_of(testbed, rollout)
        assert started == allowed, (completed, allowed)
    assert started == 6, "the cap holds"


def started_of(testbed, rollout):
    return testbed.database.value("SELECT count(*) FROM instruction WHERE rollout_id = %s AND state > 0", rollout)


# ---- instructions that cannot start -----------------------------------------------------------


def test_a_long_row_of_what_cannot_start_does_not_hide_what_can_and_nothing_in_it_is_forgotten(testbed):
    full = [f"A{number:03}" for number in range(200)]
    begin(testbed, {"B1": full, "B2": ["C1"]}, scheduler={"claim_batch": 2, "period": "50ms"})
    before = submit(testbed, "before", ["C1"])
    rollout = submit(testbed, "long", [*full, "C1"], disruptionBudget=ONE)
    testbed.wait_for_states(rollout, dispatched=1, created=200)
    # The instructions of the full branch come first, and are more than one scan looks at.
    testbed.database.rows("UPDATE instruction SET due_at = now() - interval '1 hour' WHERE branch = 'B1' AND state = 0")
    complete(testbed, before, "C1", "B2")
    testbed.wait_for_state(rollout, "C1", "dispatched")
    for _ in range(3):
        started = next(name for name, state in states(testbed, rollout).items() if state == "dispatched" and name != "C1")
        complete(testbed, rollout, started, "B1")
        wait_for(lambda: list(states(testbed, rollout).values()).count("dispatched") == 2, "the next of it started")


def test_what_lies_in_a_closed_window_goes_to_the_next_one_though_others_wait_before_it(testbed):
    full = [f"A{number:03}" for number in range(100)]
    begin(testbed, {"B1": full, "B2": ["C1"]}, scheduler={"claim_batch": 2, "period": "50ms"})
    rollout = submit(testbed, "long", [*full, "C1"], disruptionBudget=ONE,
                     schedule={"windows": [{"start": "00:00", "duration": "1d"}]})
    testbed.wait_for_state(rollout, "C1", "dispatched")
    testbed.database.rows("INSERT INTO rollout_zone VALUES (%s, 2, 'Asia/Tokyo')", rollout)
    testbed.database.rows("INSERT INTO rollout_window VALUES (%s, 2, 'yesterday', 'today'), "
                          "(%s, 2, 'tomorrow', now() + interval '3 days')", rollout, rollout)
    last = testbed.database.value("SELECT max(device) FROM instruction WHERE rollout_id = %s AND state = 0 "
                                  "AND branch = 'B1'", rollout)
    testbed.database.rows("UPDATE instruction SET zone_no = 2 WHERE rollout_id = %s AND device = %s", rollout, last)
    wait_for(lambda: testbed.database.value("SELECT due_at = 'tomorrow'::timestamptz FROM instruction "
                                            "WHERE rollout_id = %s AND device = %s", rollout, last), "it goes to the next")


# ---- the rows that a claim reads ----------------------------------------------------------------

WAITING, SCAN_LIMIT, CLAIM_LIMIT = 20_000, 400, 200
SETTINGS = re.findall(r"set_config\('(\w+)', 'off', true\)", statement("take_claim_turn"))


def fill(testbed):
    """As many instructions wait as are in flight; every other branch is full; one device of ten also waits in a rollout of
    higher priority."""
    testbed.database.rows(
        """INSERT INTO branch (id, name, zone, machines)
           SELECT 'N' || n, '', 'UTC', 20 FROM generate_series(1, %s / 20) n""", WAITING)
    testbed.database.rows(
        """INSERT INTO rollout (name, digest, plan, shared_claims, state, author, door, devices, max_unavailable)
           SELECT name, '', '{}', '', 'running', 'x', 'http', 0, 30
           FROM unnest(ARRAY['higher', 'this', 'flying']) name""")
    ids = {row["name"]: row["id"] for row in testbed.database.rows("SELECT id, name FROM rollout WHERE digest = ''")}
    for table, values in (("rollout_group (rollout_id, group_no, name, success, state)", "1, 'all', 100, 'open'"),
                          ("rollout_zone", "1, 'UTC'"), ("rollout_window", "1, '-infinity', 'infinity'")):
        testbed.database.rows(f"INSERT INTO {table} SELECT id, {values} FROM rollout WHERE digest = ''")
    columns = "rollout_id, group_no, zone_no, pull, branch, device, state, in_flight, due_at, wake_at"
    waiting = "FROM branch, generate_series(1, 20) k WHERE id LIKE 'N%%' ORDER BY id, k"
    testbed.database.rows(f"""INSERT INTO instruction ({columns})
        SELECT %s, 1, 1, false, id, id || '-A' || k, 0, false, now() - interval '1 hour', NULL {waiting}""",
        ids["this"])
    testbed.database.rows(f"""INSERT INTO instruction ({columns})
        SELECT %s, 1, 1, false, id, id || '-A' || k, 0, false, now(), NULL
        FROM branch, generate_series(1, 20, 10) k WHERE id LIKE 'N%%'""", ids["higher"])
    testbed.database.rows(f"""INSERT INTO instruction ({columns})
        SELECT %s, 1, 1, false, id, id || '-F' || k, 4, true, NULL, now() + interval '1 day'
        FROM branch, generate_series(1, CASE WHEN hashtext(id) %% 2 = 0 THEN 10 ELSE 30 END) k WHERE id LIKE 'N%%'""",
        ids["flying"])
    return ids


def rows_read(node):
    """Returns the rows that each node of a query plan read, including those that it discarded."""
    rows = node["Actual Rows"] + sum(count for key, count in node.items() if key.startswith("Rows Removed by"))
    yield rows * node["Actual Loops"], node
    for inner in node.get("Plans", ()):
        yield from rows_read(inner)


class Claiming:
    """The statement of a claim, run as the scheduler runs it."""

    def __init__(self, testbed):
        self._cursor = testbed.postgres.connect(testbed.database.address.split("dbname=")[1]).cursor()
        self._claim = Prepared(self._cursor, "claim_due")
        self.run("SET plan_cache_mode = force_generic_plan")

    def run(self, *statements):
        for text in statements:
            self._cursor.execute(text)

    def claim(self, this, higher, explain=""):
        self._cursor.execute("SELECT coalesce(max(version), 0) FROM rollout WHERE id = %s", (this,))
        ((version,),) = self._cursor.fetchall()
        self.run("BEGIN", *[f"SET LOCAL {setting} = off" for setting in SETTINGS])
        self._claim.run(explain, rollout=this, claim_limit=CLAIM_LIMIT, instance="x", lease_ms=1000,
                        install_timeout_ms=60000, higher=[higher], push_next_check_ms=1, pull_next_check_ms=1,
                        push_wait_ms=1, pull_wait_ms=1, shard=0, preempting=[], scan_limit=SCAN_LIMIT,
                        after_group=0, after_due_us=0, after_instruction=0, version=version)
        rows = self._cursor.fetchall()
        self.run("COMMIT")
        return rows


FREEZE_ELSEWHERE = """
INSERT INTO freeze_order (scope, patterns, except_rollback, until, reason, frozen_by, frozen_at)
VALUES ('{"region": ["elsewhere"]}', ARRAY['{"region": "elsewhere"}'::jsonb], false, now() + interval '1 hour', 'r', 'ola', now())
"""


@pytest.mark.parametrize("is_frozen_elsewhere", [False, True])
@pytest.mark.parametrize("statistics", ["never", "of empty tables", "of a full branch", "right"])
def test_a_claim_reads_no_more_than_it_looks_at_whatever_statistics_say(testbed, statistics, is_frozen_elsewhere):
    testbed.orchestrator().kill()
    claiming = Claiming(testbed)
    if is_frozen_elsewhere:
        claiming.run(FREEZE_ELSEWHERE)
    if statistics == "of empty tables":
        claiming.run("VACUUM ANALYZE")
        claiming.claim(0, 0)  # PostgreSQL makes the plan, and keeps it
    ids = fill(testbed)
    if statistics == "right":
        claiming.run("VACUUM ANALYZE")
    if statistics == "of a full branch":
        claiming.run("UPDATE instruction SET in_flight = false WHERE in_flight AND branch <> 'N1'", "ANALYZE",
                     "UPDATE instruction SET in_flight = true WHERE state = 4")
    for _ in range(3):
        assert len(claiming.claim(ids["this"], ids["higher"])) > 1
    plan = claiming.claim(ids["this"], ids["higher"], "EXPLAIN (ANALYZE, FORMAT JSON)")[0][0][0]["Plan"]
    # A scan costs its row, its branch's assignments (30 at most, twenty devices share them), and a probe or two.
    for rows, node in rows_read(plan):
        assert rows <= 3 * SCAN_LIMIT, json.dumps({key: value for key, value in node.items() if key != "Plans"}, indent=1)


def test_a_claim_that_comes_after_a_pause_takes_nothing(testbed):
    """Even if the scheduler had read before the pause that the rollout was running."""
    testbed.orchestrator().kill()
    ids, claiming = fill(testbed), Claiming(testbed)
    claiming.run(f"UPDATE rollout SET state = 'paused' WHERE id = {ids['this']}")
    assert claiming.claim(ids["this"], 0) == []
    claiming.run(f"UPDATE rollout SET state = 'running' WHERE id = {ids['this']}")
    assert claiming.claim(ids["this"], 0) != []
