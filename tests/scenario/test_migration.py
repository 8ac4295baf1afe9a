"""A database that is older or newer than the program."""

import psycopg2
from harness.servers import ROOT
from harness.wait import wait_for

MIGRATIONS = sorted((ROOT / "orchestrator/store/migrations").glob("*.sql"))


def make_old(stack):
    """The database as the first version left it, with a rollout in it."""
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
        orchestrator = stack.orchestrator(ready=False)
        wait_for(lambda: "database.migration_waits" in orchestrator.text(), "it says that it waits")
        with psycopg2.connect(stack.database.address) as other, other.cursor() as asking:
            asking.execute("SET statement_timeout = '30s'")
            for _ in range(20):  # nobody stands behind the migration for good
                asking.execute("SELECT count(*) FROM rollout")
                other.commit()
        assert done(stack) == [MIGRATIONS[0].stem]
        assert orchestrator.is_running() and not orchestrator.is_ready()
        reader.commit()
        orchestrator.wait_until_ready()
    assert done(stack) == [migration.stem for migration in MIGRATIONS]
    assert stack.database.rows("SELECT name, max_unavailable FROM rollout") == [{"name": "old", "max_unavailable": 2}]


def test_a_newer_database_is_refused_and_left_as_it_is(stack):
    stack.orchestrator().stop()
    stack.database.rows("INSERT INTO migration (name) VALUES ('9999_to_come')")
    orchestrator = stack.orchestrator(ready=False)
    assert orchestrator.wait() != 0
    assert "is newer than this program: it has migration 9999_to_come" in orchestrator.text()
    assert done(stack) == [*(migration.stem for migration in MIGRATIONS), "9999_to_come"]
