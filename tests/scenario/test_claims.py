"""What may start now: budgets over all rollouts, priorities, preemption, growing rates; how little a claim reads."""

import json
import re

import pytest
from harness.operations import ordered
from harness.servers import ROOT
from harness.wait import wait_for

MARKER = "P9"
ONE = {"maxUnavailable": 1}
EARLIER = "UPDATE instruction SET due_at = now() - interval '1 hour' WHERE rollout_id = %s AND due_at IS NOT NULL"


@pytest.fixture
def bank(stack):
    stack.markers = 0
    return stack


def begin(bank, branches, pull=(), **settings):
    bank.orchestrator(**settings)
    bank.add_artifact()
    bank.import_fleet({"B0": ["A"], **branches}, [*pull, MARKER])


def submit(bank, name, devices, **spec):
    """The rollout, planned, of devices that are all due."""
    rollout = bank.submit(name, selector={"devices": devices}, **spec)
    bank.wait_for_rollout(rollout, "running")
    return rollout


def look_again(bank):
    """Returns when the scheduler has looked at everything that was due before: the last rollout to be looked at is of
    the lowest priority."""
    bank.markers += 1
    marker = bank.submit(f"marker-{bank.markers}", selector={"devices": [MARKER]}, priority=0)
    device = bank.device(MARKER)
    bank.wait_for_state(marker, MARKER, "dispatched")
    device.ask()
    claims = wait_for(lambda: [token for token in device.tokens() if token["rollout"] == marker], "the marker is told")
    device.reply(claims[0], "completed")
    bank.wait_for_rollout(marker)
    device.close()


def states(bank, rollout):
    return {device: row["state_name"] for device, row in bank.database.instructions(rollout).items()}


def complete(bank, rollout, name, branch=None):
    """The device takes its instruction of this rollout and completes it."""
    end(bank, rollout, name, branch, "completed")


def end(bank, rollout, name, branch, state, **more):
    device = bank.device(name, branch)
    bank.wait_for_state(rollout, name, "dispatched")
    device.ask()
    claims = wait_for(lambda: [token for token in device.tokens() if token["rollout"] == rollout], f"{name} is told")
    device.reply(claims[-1], state, **more)
    bank.wait_for_state(rollout, name, state)
    device.close()


def under_way(bank, rollout, branch):
    """The one device of the branch that is."""
    return wait_for(lambda: [row["device"] for row in bank.database.instructions(rollout).values()
                             if row["in_flight"] and row["branch"] == branch], f"a device of {branch} was started")[0]


# ---- budgets ----------------------------------------------------------------------------------


def test_a_budget_in_percent_is_reckoned_by_the_machines_of_each_branch(bank):
    atms = {f"B{machines}": [f"B{machines}-A{number}" for number in range(machines)] for machines in (1, 3, 4, 7)}
    begin(bank, atms)
    rollout = submit(bank, "half", [atm for branch in atms.values() for atm in branch],
                     disruptionBudget={"maxUnavailable": "50%"})
    bank.wait_for_states(rollout, dispatched=1 + 1 + 2 + 3, created=2 + 2 + 4)
    look_again(bank)
    in_flight = bank.database.rows("SELECT branch, count(*) FROM instruction WHERE in_flight GROUP BY 1 ORDER BY 1")
    assert {row["branch"]: row["count"] for row in in_flight} == {"B1": 1, "B3": 1, "B4": 2, "B7": 3}


def test_the_budget_of_a_rollout_at_work_in_a_branch_holds_for_one_that_has_none(bank):
    begin(bank, {"B1": ["A1", "A2"], "B2": ["C1"]})
    first = submit(bank, "first", ["A1"], disruptionBudget=ONE)
    bank.wait_for_state(first, "A1", "dispatched")
    second = submit(bank, "second", ["A2", "C1"])
    bank.wait_for_state(second, "C1", "dispatched")
    look_again(bank)
    assert states(bank, second) == {"A2": "created", "C1": "dispatched"}
    complete(bank, first, "A1", "B1")
    bank.wait_for_state(second, "A2", "dispatched")


def test_what_others_have_in_flight_counts_against_a_rollouts_own_budget(bank):
    begin(bank, {"B1": ["A1", "A2", "A3"]})
    first = submit(bank, "first", ["A1", "A2"])
    bank.wait_for_states(first, dispatched=2)
    second = submit(bank, "second", ["A3"], disruptionBudget={"maxUnavailable": 2})
    look_again(bank)
    assert states(bank, second) == {"A3": "created"}
    complete(bank, first, "A1", "B1")
    bank.wait_for_state(second, "A3", "dispatched")


def test_of_several_budgets_in_a_branch_the_tightest_holds(bank):
    begin(bank, {"B1": [f"A{number}" for number in range(10)]})
    wide = submit(bank, "wide", ["A0"], disruptionBudget={"maxUnavailable": 9})
    tight = submit(bank, "tight", ["A1"], disruptionBudget={"maxUnavailable": "30%"})
    for rollout in (wide, tight):
        bank.wait_for_states(rollout, dispatched=1)
    rest = submit(bank, "rest", [f"A{number}" for number in range(2, 10)], disruptionBudget={"maxUnavailable": 6})
    bank.wait_for_states(rest, dispatched=1, created=7)
    look_again(bank)
    complete(bank, tight, "A1", "B1")
    bank.wait_for_states(rest, dispatched=5, created=3)
    look_again(bank)
    assert bank.database.value("SELECT count(*) FROM instruction WHERE in_flight") == 6


def test_the_budget_of_a_paused_rollout_holds_as_long_as_it_has_something_in_flight(bank):
    begin(bank, {"B1": ["A1", "A2"]})
    first = submit(bank, "first", ["A1"], disruptionBudget=ONE)
    bank.wait_for_state(first, "A1", "dispatched")
    ordered(bank, first, "pause")
    second = submit(bank, "second", ["A2"])
    look_again(bank)
    assert states(bank, second) == {"A2": "created"}


def test_beside_a_machine_out_of_service_the_last_one_that_serves_is_not_started(bank):
    begin(bank, {"B1": ["A1", "A2"], "B2": ["C1", "C2", "C3"]})
    rollout = submit(bank, "upgrade", ["A1", "A2", "C1", "C2", "C3"], disruptionBudget=ONE, execution={"retries": 0},
                     groups=[{"name": "all", "percentage": 100, "success": 0}])
    broken, other = under_way(bank, rollout, "B1"), under_way(bank, rollout, "B2")
    end(bank, rollout, broken, "B1", "failed", code="out_of_service")
    end(bank, rollout, other, "B2", "failed", code="out_of_service")
    assert under_way(bank, rollout, "B2") != other
    look_again(bank)
    last = ({"A1", "A2"} - {broken}).pop()
    assert states(bank, rollout)[last] == "created"
    second = submit(bank, "another", [last], disruptionBudget=ONE)
    look_again(bank)
    assert states(bank, second) == {last: "created"}
    ordered(bank, rollout, "retry")
    complete(bank, rollout, broken, "B1")
    assert under_way(bank, rollout, "B1") == last


@pytest.mark.parametrize("retries", [0, 3])
def test_a_device_that_was_given_up_and_may_be_at_work_uses_the_budget_of_its_branch(bank, retries):
    begin(bank, {"B1": ["A1", "A2", "A3"], "B2": ["C1", "C2", "C3"]})
    rollout = submit(bank, "upgrade", ["A1", "A2", "A3", "C1", "C2", "C3"], disruptionBudget=ONE,
                     execution={"receiveTimeout": "1s", "installTimeout": "2h", "retries": retries, "backoff": "1h"},
                     groups=[{"name": "all", "percentage": 100, "success": 0}])
    silent, claims = {}, {}
    for branch in ("B1", "B2"):
        silent[branch] = bank.device(under_way(bank, rollout, branch), branch)
        silent[branch].ask()
        claims[branch] = silent[branch].wait_for_instruction()
        silent[branch].reply(claims[branch], "received")
    given_up = {device.name for device in silent.values()}
    wait_for(lambda: {row["device"] for row in bank.database.instructions(rollout).values()
                      if row["code"] == "not_installing"} == given_up, "they are given up")
    look_again(bank)
    assert bank.database.value("SELECT count(*) FROM instruction WHERE in_flight") == 0
    silent["B1"].reply(claims["B1"], "completed")
    assert under_way(bank, rollout, "B1") != silent["B1"].name
    look_again(bank)
    assert [row["branch"] for row in bank.database.rows("SELECT branch FROM instruction WHERE in_flight")] == ["B1"]
    bank.database.rows("UPDATE instruction SET start_before = now() - interval '2 hours' WHERE device = %s",
                       silent["B2"].name)
    assert under_way(bank, rollout, "B2") != silent["B2"].name


def test_a_device_that_was_given_up_is_not_in_its_own_way(bank):
    begin(bank, {"B1": ["A1", "A2", "A3"]})
    rollout = submit(bank, "upgrade", ["A1", "A2", "A3"], disruptionBudget=ONE,
                     execution={"receiveTimeout": "1s", "retries": 1, "backoff": "0s"})
    silent = bank.device(under_way(bank, rollout, "B1"), "B1")
    silent.ask()
    silent.reply(silent.wait_for_instruction(), "received")
    wait_for(lambda: (row := bank.database.instruction(rollout, silent.name))["attempt"] == 2 and row["in_flight"],
             "it has another attempt")
    look_again(bank)
    assert bank.database.value("SELECT count(*) FROM instruction WHERE in_flight") == 1


def test_a_device_that_waits_is_counted_in_the_branch_that_it_was_moved_to(bank):
    begin(bank, {"B1": ["A1"], "B2": ["C1"]})
    first = submit(bank, "first", ["A1"], disruptionBudget=ONE)
    bank.wait_for_state(first, "A1", "dispatched")
    second = submit(bank, "second", ["C1"], disruptionBudget=ONE, schedule={"startAt": "2027-01-10T00:00:00Z"})
    bank.import_fleet({"B1": ["A1", "C1"], "B2": []})
    assert bank.database.instructions(second)["C1"]["branch"] == "B1"
    bank.database.rows("UPDATE rollout_window SET opens_at = now() WHERE rollout_id = %s", second)
    bank.database.rows(EARLIER, second)
    look_again(bank)
    assert states(bank, second) == {"C1": "created"}
    complete(bank, first, "A1", "B1")
    bank.wait_for_state(second, "C1", "dispatched")


def test_only_a_running_rollout_is_claimed(bank):
    begin(bank, {}, ["P1"])
    rollout = submit(bank, "held", ["P1"])
    bank.wait_for_state(rollout, "P1", "dispatched")
    for state in ("awaiting_approval", "paused", "halted", "completed", "cancelled", "rejected"):
        bank.database.rows("UPDATE rollout SET state = %s WHERE id = %s", state, rollout)
        bank.database.rows("UPDATE instruction SET state = 0, in_flight = false, wake_at = NULL, due_at = now() "
                           "WHERE rollout_id = %s", rollout)
        look_again(bank)
        assert states(bank, rollout) == {"P1": "created"}, state


# ---- priority ---------------------------------------------------------------------------------


def test_a_device_that_is_due_in_a_rollout_of_higher_priority_does_not_start_a_lower_one(bank):
    begin(bank, {}, ["P1", "P2"])
    urgent = submit(bank, "urgent", ["P1", "P2"], priority=90, rate={"perMinute": 1})
    bank.wait_for_states(urgent, dispatched=1, created=1)
    bank.database.rows(EARLIER, urgent)  # due, but the rate has no room in this minute
    waiting = next(name for name, state in states(bank, urgent).items() if state == "created")
    usual = submit(bank, "usual", [waiting])
    look_again(bank)
    assert states(bank, usual) == {waiting: "created"}
    ordered(bank, urgent, "pause")
    bank.wait_for_state(usual, waiting, "dispatched")


def test_what_waits_for_its_group_does_not_hold_back_a_lower_rollout(bank):
    begin(bank, {}, ["P1", "P2", "P3"])
    groups = [{"name": "lab", "devices": ["P1", "P2"]}, {"name": "rest", "percentage": "100%"}]
    urgent = submit(bank, "urgent", ["P1", "P2", "P3"], priority=90, groups=groups, rate={"perMinute": 1})
    bank.wait_for_states(urgent, dispatched=1, created=2)
    bank.database.rows(EARLIER, urgent)  # one of the lab is due, but the rate has no room in this minute
    usual = submit(bank, "usual", ["P1", "P2", "P3"])
    bank.wait_for_state(usual, "P3", "dispatched")
    look_again(bank)
    assert states(bank, usual) == {"P1": "created", "P2": "created", "P3": "dispatched"}


def test_a_preempting_rollout_keeps_its_devices_from_lower_ones_before_their_group_opens(bank):
    begin(bank, {}, ["P1", "P2", "P3"])
    groups = [{"name": "lab", "devices": ["P1"]}, {"name": "rest", "percentage": "100%"}]
    urgent = submit(bank, "urgent", ["P1", "P2"], priority=90, preempt=True, groups=groups)
    bank.wait_for_state(urgent, "P1", "dispatched")
    usual = submit(bank, "usual", ["P2", "P3"])
    bank.wait_for_state(usual, "P3", "dispatched")
    look_again(bank)
    assert states(bank, usual) == {"P2": "created", "P3": "dispatched"}
    complete(bank, urgent, "P1")
    complete(bank, urgent, "P2")
    bank.wait_for_state(usual, "P2", "dispatched")


def test_what_was_taken_back_by_a_preempting_rollout_starts_after_it(bank):
    begin(bank, {"B1": ["A1"]})
    usual = submit(bank, "usual", ["A1"])
    bank.wait_for_state(usual, "A1", "dispatched")
    urgent = submit(bank, "urgent", ["A1"], priority=90, preempt=True)
    bank.wait_for_state(urgent, "A1", "dispatched")
    look_again(bank)
    row = bank.database.instruction(usual, "A1")
    assert (row["state_name"], row["attempt"]) == ("created", 2)
    complete(bank, urgent, "A1", "B1")
    bank.wait_for_state(usual, "A1", "dispatched")
    complete(bank, usual, "A1", "B1")
    bank.wait_for_rollout(usual)


def test_at_the_same_priority_the_older_rollout_has_the_room_of_a_branch(bank):
    begin(bank, {"B1": ["A1", "A2", "A3"]}, scheduler={"period": "1m"})  # it looks when something has moved, as one
    blocker = submit(bank, "blocker", ["A1"], disruptionBudget=ONE)
    bank.wait_for_state(blocker, "A1", "dispatched")
    older = submit(bank, "older", ["A2"], disruptionBudget=ONE)
    newer = submit(bank, "newer", ["A3"], disruptionBudget=ONE)
    look_again(bank)
    complete(bank, blocker, "A1", "B1")
    bank.wait_for_state(older, "A2", "dispatched")
    assert states(bank, newer) == {"A3": "created"}


# ---- rate -------------------------------------------------------------------------------------


def test_a_rate_grows_with_what_completes_and_is_never_exceeded_over_all_orchestrators(bank):
    names = [f"P{number}" for number in range(10, 40)]
    begin(bank, {}, names)
    bank.orchestrator()
    rollout = submit(bank, "growing", names,
                     rate={"perMinute": 2, "growth": 2, "growAfter": 2, "maximumPerMinute": 6})
    bank.database.rows(EARLIER, rollout)
    done, started = 0, 0
    # All within one minute of the first: what had started counts in full.
    for completed, allowed in ((0, 2), (2, 4), (4, 6), (6, 6)):
        for name in [name for name, state in states(bank, rollout).items() if state == "dispatched"]:
            if done < completed:
                complete(bank, rollout, name)
                done += 1
        wait_for(lambda: started_of(bank, rollout) >= allowed, f"{allowed} have started", 10)
        look_again(bank)
        started = started_of(bank, rollout)
        assert started == allowed, (completed, allowed)
    assert started == 6, "the cap holds"


def started_of(bank, rollout):
    return bank.database.value("SELECT count(*) FROM instruction WHERE rollout_id = %s AND state > 0", rollout)


# ---- what cannot start ------------------------------------------------------------------------


def test_a_long_row_of_what_cannot_start_does_not_hide_what_can_and_nothing_in_it_is_forgotten(bank):
    full = [f"A{number:03}" for number in range(200)]
    begin(bank, {"B1": full, "B2": ["C1"]}, scheduler={"claim_batch": 2, "period": "50ms"})
    before = submit(bank, "before", ["C1"])
    rollout = submit(bank, "long", [*full, "C1"], disruptionBudget=ONE)
    bank.wait_for_states(rollout, dispatched=1, created=200)
    # Those of the full branch stand at the front, more of them than one turn looks at.
    bank.database.rows("UPDATE instruction SET due_at = now() - interval '1 hour' WHERE branch = 'B1' AND state = 0")
    complete(bank, before, "C1", "B2")
    bank.wait_for_state(rollout, "C1", "dispatched")
    for _ in range(3):
        started = next(name for name, state in states(bank, rollout).items() if state == "dispatched" and name != "C1")
        complete(bank, rollout, started, "B1")
        wait_for(lambda: list(states(bank, rollout).values()).count("dispatched") == 2, "the next of it started")


def test_what_lies_in_a_closed_window_goes_to_the_next_one_though_others_wait_before_it(bank):
    full = [f"A{number:03}" for number in range(100)]
    begin(bank, {"B1": full, "B2": ["C1"]}, scheduler={"claim_batch": 2, "period": "50ms"})
    rollout = submit(bank, "long", [*full, "C1"], disruptionBudget=ONE,
                     schedule={"windows": [{"start": "00:00", "duration": "1d"}]})
    bank.wait_for_state(rollout, "C1", "dispatched")
    bank.database.rows("INSERT INTO rollout_zone VALUES (%s, 2, 'Asia/Tokyo')", rollout)
    bank.database.rows("INSERT INTO rollout_window VALUES (%s, 2, 'yesterday', 'today'), "
                       "(%s, 2, 'tomorrow', now() + interval '3 days')", rollout, rollout)
    last = bank.database.value("SELECT max(device) FROM instruction WHERE rollout_id = %s AND state = 0 "
                               "AND branch = 'B1'", rollout)
    bank.database.rows("UPDATE instruction SET zone_no = 2 WHERE rollout_id = %s AND device = %s", rollout, last)
    wait_for(lambda: bank.database.value("SELECT due_at = 'tomorrow'::timestamptz FROM instruction "
                                         "WHERE rollout_id = %s AND device = %s", rollout, last), "it goes to the next")


# ---- what a claim reads -----------------------------------------------------------------------

WAITING, LOOK, MOST = 20_000, 400, 200
SETTINGS = re.findall(r"set_config\('(\w+)', 'off', true\)",
                      (ROOT / "orchestrator/store/queries/take_claim_turn.sql").read_text())
CLAIM = (ROOT / "orchestrator/store/queries/claim_due.sql").read_text()


def fill(bank):
    """As many wait as fly; every other branch is full; a device of ten also waits in a rollout of higher priority."""
    bank.database.rows(
        """INSERT INTO branch (id, name, zone, machines)
           SELECT 'N' || n, '', 'UTC', 20 FROM generate_series(1, %s / 20) n""", WAITING)
    bank.database.rows(
        """INSERT INTO rollout (name, digest, plan, shared_claims, state, author, door, devices, max_unavailable)
           SELECT name, '', '{}', '', 'running', 'x', 'http', 0, 30
           FROM unnest(ARRAY['higher', 'this', 'flying']) name""")
    ids = {row["name"]: row["id"] for row in bank.database.rows("SELECT id, name FROM rollout WHERE digest = ''")}
    for table, values in (("rollout_group (rollout_id, group_no, name, success, state)", "1, 'all', 100, 'open'"),
                          ("rollout_zone", "1, 'UTC'"), ("rollout_window", "1, '-infinity', 'infinity'")):
        bank.database.rows(f"INSERT INTO {table} SELECT id, {values} FROM rollout WHERE digest = ''")
    columns = "rollout_id, group_no, zone_no, pull, branch, device, state, in_flight, due_at, wake_at"
    waiting = "FROM branch, generate_series(1, 20) k WHERE id LIKE 'N%%' ORDER BY id, k"
    bank.database.rows(f"""INSERT INTO instruction ({columns})
        SELECT %s, 1, 1, false, id, id || '-A' || k, 0, false, now() - interval '1 hour', NULL {waiting}""",
        ids["this"])
    bank.database.rows(f"""INSERT INTO instruction ({columns})
        SELECT %s, 1, 1, false, id, id || '-A' || k, 0, false, now(), NULL
        FROM branch, generate_series(1, 20, 10) k WHERE id LIKE 'N%%'""", ids["higher"])
    bank.database.rows(f"""INSERT INTO instruction ({columns})
        SELECT %s, 1, 1, false, id, id || '-F' || k, 4, true, NULL, now() + interval '1 day'
        FROM branch, generate_series(1, CASE WHEN hashtext(id) %% 2 = 0 THEN 10 ELSE 30 END) k WHERE id LIKE 'N%%'""",
        ids["flying"])
    return ids


def rows_read(node):
    """The rows that each node of a plan read, with those that it threw away."""
    rows = node["Actual Rows"] + sum(count for key, count in node.items() if key.startswith("Rows Removed by"))
    yield rows * node["Actual Loops"], node
    for inner in node.get("Plans", ()):
        yield from rows_read(inner)


class Claiming:
    """The statement itself, as the scheduler runs it."""

    def __init__(self, bank):
        self._cursor = bank.postgres.connect(bank.database.address.split("dbname=")[1]).cursor()
        types = "bigint, bigint, text, bigint, bigint, bigint[]" + ", bigint" * 5 + ", bigint[]" + ", bigint" * 4
        self.run(f"PREPARE claim ({types}) AS {CLAIM}")
        self.run("SET jit = off")  # as in all sessions of the orchestrator
        self.run("SET plan_cache_mode = force_generic_plan")

    def run(self, *statements):
        for statement in statements:
            self._cursor.execute(statement)

    def claim(self, this, higher, explain=""):
        self.run("BEGIN", *[f"SET LOCAL {setting} = off" for setting in SETTINGS])
        self.run(f"{explain} EXECUTE claim({this}, {MOST}, 'x', 1000, 60000, '{{{higher}}}', 1, 1, 1, 1, 0, '{{}}', "
                 f"{LOOK}, 0, 0, 0)")
        rows = self._cursor.fetchall()
        self.run("COMMIT")
        return rows


@pytest.mark.parametrize("statistics", ["never", "of empty tables", "of a full branch", "right"])
def test_a_claim_reads_no_more_than_it_looks_at_whatever_statistics_say(bank, statistics):
    bank.orchestrator().kill()
    claiming = Claiming(bank)
    if statistics == "of empty tables":
        claiming.run("VACUUM ANALYZE")
        claiming.claim(0, 0)  # the plan is made, and kept
    ids = fill(bank)
    if statistics == "right":
        claiming.run("VACUUM ANALYZE")
    if statistics == "of a full branch":
        claiming.run("UPDATE instruction SET in_flight = false WHERE in_flight AND branch <> 'N1'", "ANALYZE",
                     "UPDATE instruction SET in_flight = true WHERE state = 4")
    for _ in range(3):
        assert len(claiming.claim(ids["this"], ids["higher"])) > 1
    plan = claiming.claim(ids["this"], ids["higher"], "EXPLAIN (ANALYZE, FORMAT JSON)")[0][0][0]["Plan"]
    # A look costs its row, its branch's flights (30 at most, twenty devices share them), and a probe or two.
    for rows, node in rows_read(plan):
        assert rows <= 3 * LOOK, json.dumps({key: value for key, value in node.items() if key != "Plans"}, indent=1)


def test_a_claim_that_comes_after_a_pause_takes_nothing(bank):
    """Though the scheduler may have read before it that the rollout was running."""
    bank.orchestrator().kill()
    ids, claiming = fill(bank), Claiming(bank)
    claiming.run(f"UPDATE rollout SET state = 'paused' WHERE id = {ids['this']}")
    assert claiming.claim(ids["this"], 0) == []
    claiming.run(f"UPDATE rollout SET state = 'running' WHERE id = {ids['this']}")
    assert claiming.claim(ids["this"], 0) != []
