"""A database of an older or a newer version than the program's."""

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor

import psycopg2
from harness.servers import ROOT
from harness.wait import wait_for

MIGRATIONS = sorted((ROOT / "orchestrator/store/migrations").glob("*.sql"))


def make_old(stack):
    """The database as the first version left it, with a rollout. Its only role owns it, as then."""
    stack.database.make_anew()
    stack.database.rows(MIGRATIONS[0].read_text(encoding="utf-8"))
    stack.database.rows("CREATE TABLE migration (name text PRIMARY KEY, done_at timestamptz NOT NULL DEFAULT now())")
    stack.database.rows("INSERT INTO migration (name) VALUES (%s)", MIGRATIONS[0].stem)
    stack.database.rows(
        "INSERT INTO rollout (name, digest, plan, shared_claims, state, author, door, devices) VALUES ('old', 'd', "
        """'{"spec":{"disruptionBudget":{"maxUnavailable":2}}}', '', 'completed', 'ann', 'http', 3)""")


def done(stack):
    return [row["name"] for row in stack.database.rows("SELECT name FROM migration ORDER BY 1")]


def test_a_migration_gives_way_to_who_reads_and_is_done_when_the_table_is_free(stack):
    make_old(stack)
    with psycopg2.connect(stack.database.address) as reader, reader.cursor() as reading:
        reading.execute("SELECT count(*) FROM rollout")  # and it stays in its transaction
        orchestrator = stack.orchestrator(ready=False, database=stack.database.address)
        wait_for(lambda: "database.migration_waits" in orchestrator.text(), "it says that it waits")
        with psycopg2.connect(stack.database.address) as other, other.cursor() as asking:
            asking.execute("SET statement_timeout = '30s'")
            for _ in range(20):  # no session waits behind the migration for long
                asking.execute("SELECT count(*) FROM rollout")
                other.commit()
        assert done(stack) == [MIGRATIONS[0].stem]
        assert orchestrator.is_running() and not orchestrator.is_ready()
        reader.commit()
        orchestrator.wait_until_ready()
    assert done(stack) == [migration.stem for migration in MIGRATIONS]
    assert stack.database.rows("SELECT name, max_unavailable FROM rollout") == [{"name": "old", "max_unavailable": 2}]


TURN = "SELECT pg_advisory_xact_lock(hashtext('tellercast'), hashtext('migrate'))"


def wait_for_turns(stack, count):
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
    wait_for(lambda: stack.database.value(waiting) == count, f"so many sessions wait for the turn of migrations: {count}")


def test_a_migration_that_ends_in_a_deadlock_is_repeated_and_the_other_session_goes_on(stack):
    """A session that has the table waits for the turn behind the migration, which then waits for the table."""
    make_old(stack)
    stack.database.rows(f"ALTER DATABASE {stack.database.value('SELECT quote_ident(current_database())')} SET deadlock_timeout = '50ms'")
    with contextlib.ExitStack() as opened:
        first, second, third = (opened.enter_context(contextlib.closing(psycopg2.connect(stack.database.address))) for _ in range(3))
        ask = opened.enter_context(ThreadPoolExecutor()).submit
        first.cursor().execute(TURN)
        orchestrator = stack.orchestrator(ready=False, database=stack.database.address)
        wait_for_turns(stack, 1)
        asked = ask(second.cursor().execute, TURN)
        wait_for_turns(stack, 2)
        first.commit()  # the table of migrations is looked for in a turn of its own
        asked.result(timeout=60)
        wait_for_turns(stack, 1)
        with third.cursor() as cursor:
            cursor.execute("SET deadlock_timeout = '1h'; SELECT count(*) FROM rollout")  # so that it is never the one that is ended
            asked = ask(cursor.execute, TURN)
            wait_for_turns(stack, 2)
            second.commit()
            asked.result(timeout=60)
        wait_for(lambda: "deadlock detected" in orchestrator.text(), "the migration was ended")
        assert "database.migration_waits" in orchestrator.text() and not orchestrator.is_ready()
        assert done(stack) == [MIGRATIONS[0].stem]
        third.commit()
        orchestrator.wait_until_ready()
    assert done(stack) == [migration.stem for migration in MIGRATIONS]


def test_a_newer_database_is_refused_and_left_as_it_is(stack):
    stack.orchestrator().stop()
    stack.database.rows("INSERT INTO migration (name) VALUES ('9999_to_come')")
    orchestrator = stack.orchestrator(ready=False)
    assert orchestrator.wait() != 0
    assert "is newer than this program: it has migration 9999_to_come" in orchestrator.text()
    assert done(stack) == [*(migration.stem for migration in MIGRATIONS), "9999_to_come"]


def make_sixth(stack):
    """The database as the sixth version left it. Its only role owns it, as then."""
    stack.database.make_anew()
    stack.database.rows("CREATE TABLE migration (name text PRIMARY KEY, done_at timestamptz NOT NULL DEFAULT now())")
    for migration in MIGRATIONS[:6]:
        stack.database.rows(migration.read_text(encoding="utf-8"))
        stack.database.rows("INSERT INTO migration (name) VALUES (%s)", migration.stem)


def add_rollout(stack, name, state, instructions):
    """instructions: (device, branch, state, attempt, failures, code, last state and code in the events)."""
    plan = json.dumps({"metadata": {}, "spec": {"action": "install", "schedule": {}, "execution": {}, "abort": []}})
    rollout = stack.database.value(
        "INSERT INTO rollout (name, digest, plan, shared_claims, state, author, door, devices, planned_at) "
        "VALUES (%s, 'd', %s, '', %s, 'ann', 'http', 3, now()) RETURNING id", name, plan, state)
    for device, branch, now, attempt, failures, code, last in instructions:
        instruction = stack.database.value(
            "INSERT INTO instruction (rollout_id, group_no, zone_no, pull, device, branch, state, attempt, failures, code, "
            "ended_at) VALUES (%s, 1, 1, false, %s, %s, %s, %s, %s, %s, now()) RETURNING id",
            rollout, device, branch, now, attempt, failures, code)
        if last is not None:
            stack.database.rows("INSERT INTO instruction_event (instruction_id, attempt, state, code, detail) "
                                "VALUES (%s, 1, %s, %s, '')", instruction, *last)
    return rollout


def test_machines_out_of_service_count_from_then_on_where_their_rollout_goes_on_and_are_back_where_it_has_ended(stack):
    make_sixth(stack)
    ended = add_rollout(stack, "ended", "halted", [("A1", "B1", 6, 1, 1, "out_of_service", (6, "out_of_service")),
                                                   ("A2", "B1", 5, 1, 0, None, None)])
    going = add_rollout(stack, "going", "paused", [("A3", "B1", 8, 1, 1, "install_timeout", (8, "install_timeout")),
                                                   ("A4", "B1", 0, 2, 1, "out_of_service", (6, "out_of_service")),
                                                   ("A5", "B1", 0, 2, 1, "no_space", (6, "no_space")),
                                                   ("A6", "B1", 3, 2, 1, None, (6, "out_of_service")),
                                                   ("A7", "B1", 6, 1, 1, "out_of_service", (6, "out_of_service")),
                                                   ("B1", "B1", 6, 1, 1, "out_of_service", (6, "out_of_service"))])
    mended = add_rollout(stack, "mended", "completed", [("A7", "B1", 5, 1, 0, None, None)])
    stack.database.rows("UPDATE instruction SET dispatched_at = ended_at WHERE rollout_id = %s", mended)
    stack.orchestrator(database=stack.database.address)
    unavailable = stack.database.rows("SELECT device, rollout_id FROM unavailable ORDER BY 1")
    assert unavailable == [{"device": device, "rollout_id": going} for device in ("A3", "A4", "A6")]
    failing = stack.database.rows("SELECT state, code FROM failing WHERE rollout_id = %s ORDER BY code", going)
    assert failing == [{"state": 6, "code": code} for code in ("no_space", "out_of_service", "out_of_service")]
    events = {row["rollout_id"]: (row["kind"], row["reason"])
            for row in stack.database.rows("SELECT rollout_id, kind, reason FROM rollout_event WHERE actor = 'tellercast' "
                                           "AND kind IN ('returned_by_upgrade', 'unavailable_counted')")}
    assert events[ended][0] == "returned_by_upgrade" and "A1" in events[ended][1]
    assert events[going][0] == "unavailable_counted" and events[going][1].endswith("out of service now: 3")


def test_failures_of_before_are_found_after_an_upgrade(stack):
    make_sixth(stack)
    stack.database.rows("INSERT INTO branch (id, name, zone, labels) VALUES ('B1', 'b', 'UTC', '{\"region\": \"emea\"}') RETURNING id")
    stack.database.rows("INSERT INTO device (id, branch, role, model) SELECT 'A' || n, 'B1', 'atm', 'X' || n FROM generate_series(1, 8) n RETURNING id")
    rollout = add_rollout(stack, "going", "paused", [
        ("A1", "B1", 6, 1, 1, "jam", (6, "jam")), ("A2", "B1", 7, 1, 0, None, (7, "")), ("A3", "B1", 8, 1, 1, "device_silent", (8, "")),
        ("A4", "B1", 0, 2, 1, "retry", (6, "burnt")), ("A5", "B1", 3, 2, 1, None, (8, "")), ("A6", "B1", 5, 2, 1, None, (6, "jam")),
        ("A7", "B1", 5, 1, 0, None, None), ("A8", "B1", 0, 1, 0, None, None)])
    stack.orchestrator(database=stack.database.address)
    rows = stack.database.rows("SELECT device, state, is_retrying, code, model, labels ->> 'region' AS region FROM failure "
                               "WHERE rollout_id = %s ORDER BY 1", rollout)
    assert [tuple(row.values()) for row in rows] == [
        ("A1", 6, False, "jam", "X1", "emea"), ("A2", 7, False, "", "X2", "emea"), ("A3", 8, False, "device_silent", "X3", "emea"),
        ("A4", 6, True, "burnt", "X4", "emea"), ("A5", 8, True, "", "X5", "emea")]


def test_an_upgrade_finds_between_which_numbers_the_instructions_of_a_rollout_are(stack):
    make_sixth(stack)
    rollouts = [add_rollout(stack, name, "paused", [(f"{name}-{number}", "B1", 0, 1, 0, None, None) for number in range(3)])
                for name in ("one", "two")]
    stack.orchestrator(database=stack.database.address)
    rows = stack.database.rows("SELECT r.id, min(i.id) = first_instruction AND max(i.id) = last_instruction AND numbered_at = r.planned_at AS holds "
                               "FROM rollout r JOIN instruction i ON i.rollout_id = r.id GROUP BY r.id ORDER BY 1")
    assert [tuple(row.values()) for row in rows] == [(rollout, True) for rollout in rollouts]


def test_each_move_keeps_what_is_out_of_service_whatever_else_it_writes(stack):
    """A writer of another version need not know the tables."""
    stack.orchestrator().stop()
    rollout = add_rollout(stack, "mixed", "running", [("A1", "B1", 4, 1, 0, None, None)])
    move = "UPDATE instruction SET state = %s, attempt = %s, failures = %s, code = %s, dispatched_at = now() WHERE device = 'A1'"
    stack.database.rows(move, 6, 1, 1, "out_of_service")
    assert stack.database.value("SELECT count(*) FROM unavailable WHERE rollout_id = %s", rollout) == 1
    stack.database.rows(move, 0, 2, 1, "out_of_service")
    assert stack.database.rows("SELECT state, code FROM failing") == [{"state": 6, "code": "out_of_service"}]
    stack.database.rows(move, 4, 2, 1, None)
    stack.database.rows(move, 5, 2, 1, None)
    assert stack.database.value("SELECT count(*) FROM unavailable") == 0
    assert stack.database.value("SELECT count(*) FROM failing") == 0
