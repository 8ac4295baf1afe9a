"""The roles of the database: one owns it, one runs, one reads. All other scenarios use the second one, too."""

import contextlib
import re

import psycopg2
import pytest
from harness.plan import fleet
from harness.servers import ROOT
from harness.wait import wait_for

GRANTS = ROOT / "orchestrator/store/queries/database/grant_rights.sql"
WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
DENIED = psycopg2.errors.InsufficientPrivilege
NEW_OBJECTS = [
    "CREATE TABLE one_more (a int)", "CREATE TEMPORARY TABLE one_more (a int)", "CREATE SCHEMA one_more",
    "CREATE FUNCTION one_more() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE VIEW one_more AS SELECT 1",
    "CREATE SEQUENCE one_more", "CREATE ROLE one_more", "CREATE DATABASE one_more", "CREATE EXTENSION pg_stat_statements",
    "CREATE TRIGGER one_more AFTER UPDATE ON instruction FOR EACH ROW EXECUTE FUNCTION instruction_moved()",
    "CREATE INDEX one_more ON instruction (attempt)", "COPY (SELECT 1) TO PROGRAM 'true'", "COPY (SELECT 1) TO '/tmp/one_more'",
    "SET ROLE tellercast_migrate", "SET ROLE tellercast", "ALTER ROLE tellercast_run SUPERUSER", "ALTER SYSTEM SET fsync = off",
    "SET session_replication_role = replica",
]


def granted():
    """Returns the rights of the role that runs, by table."""
    rows = re.findall(r"^    \('(\w+)', '([A-Za-z_, ()]+)'\),?$", GRANTS.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: set(re.split(r", (?![^(]*\))", rights)) for name, rights in rows}


def writes_columns(stack):
    """Returns (table, right) where the role that runs may change some columns alone."""
    return [(row["tablename"], f"UPDATE ({row['columns']})") for row in stack.database.rows(
        "SELECT t.tablename, string_agg(a.attname, ', ' ORDER BY a.attnum) AS columns "
        "FROM pg_tables t JOIN pg_attribute a ON a.attrelid = t.tablename::regclass AND a.attnum > 0 "
        "WHERE t.schemaname = 'public' AND NOT a.attisdropped AND has_column_privilege('tellercast_run', a.attrelid, a.attnum, 'UPDATE') "
        "AND NOT has_table_privilege('tellercast_run', a.attrelid, 'UPDATE') GROUP BY t.tablename")]


@pytest.fixture
def as_role(stack):
    with contextlib.ExitStack() as opened:
        def connect(role):
            connection = opened.enter_context(contextlib.closing(psycopg2.connect(stack.database.address_of(role))))
            connection.autocommit = True
            return connection.cursor()
        yield connect


def tables(stack):
    return [row["tablename"] for row in stack.database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]


def assert_denied(cursor, statements):
    allowed = []
    for statement in statements:
        with contextlib.suppress(DENIED):
            cursor.execute(statement)
            allowed.append(statement)
    assert not allowed


def changes_of(table):
    return [f"DROP TABLE {table} CASCADE", f"TRUNCATE {table} CASCADE", f"ALTER TABLE {table} ADD COLUMN one_more int",
            f"ALTER TABLE {table} DISABLE TRIGGER ALL",
            f"ALTER TABLE {table} OWNER TO tellercast_run"]


@pytest.mark.parametrize("role", ["run", "read"])
def test_a_role_that_does_not_migrate_creates_drops_alters_and_empties_nothing(stack, as_role, role):
    cursor = as_role(role)
    assert_denied(cursor, NEW_OBJECTS)
    for table in tables(stack):
        assert_denied(cursor, changes_of(table))
    assert_denied(cursor, ["DROP FUNCTION instruction_moved() CASCADE", "DROP SEQUENCE instruction_id CASCADE",
                           "ALTER FUNCTION analyze_fleet() RESET ALL", "DROP SCHEMA public CASCADE"])


def test_the_role_that_runs_writes_the_tables_that_its_statements_write_and_no_others(stack):
    rows = stack.database.rows(
        "SELECT t.tablename, p.name, has_table_privilege('tellercast_run', t.tablename::regclass, p.name) AS may, "
        "has_any_column_privilege('tellercast_run', t.tablename::regclass, 'SELECT') AS reads "
        "FROM pg_tables t, unnest(%s::text[]) p (name) WHERE t.schemaname = 'public'", list(WRITES))
    found = {table: {row["name"] for row in rows if row["tablename"] == table and row["may"]} for table in tables(stack)}
    for table, right in writes_columns(stack):
        found[table].add(right)
    assert found == {table: granted().get(table, set()) for table in found}
    assert all(row["reads"] for row in rows)
    assert {"migration", "instruction_state", "instruction_transition"}.isdisjoint(granted())
    for evidence in ("rollout_event", "instruction_event", "approval_voided", "promoted_past"):
        assert granted()[evidence] == {"INSERT"}, "evidence is never changed"
    assert granted()["review"] == {"INSERT", "UPDATE (state, ended_at)"}, "who did what, and until when it is due, stays"


def test_the_role_that_reads_reads_every_table_and_writes_none(stack, as_role):
    cursor = as_role("read")
    for table in tables(stack):
        cursor.execute(f"SELECT * FROM {table} LIMIT 1")
        column = stack.database.value("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
                                      "AND NOT attisdropped AND attidentity = '' ORDER BY attnum LIMIT 1", table)
        assert_denied(cursor, [f"INSERT INTO {table} DEFAULT VALUES", f"UPDATE {table} SET {column} = {column}",
                               f"DELETE FROM {table}", f"SELECT * FROM {table} FOR UPDATE"])
    assert_denied(cursor, ["SELECT nextval('instruction_id')", "SELECT setval('instruction_id', 1)",
                           "SELECT make_import_tables()", "SELECT analyze_import()", "SELECT analyze_fleet()"])


def test_no_role_is_above_the_others(stack):
    powers = ("rolsuper", "rolcreaterole", "rolcreatedb", "rolreplication", "rolbypassrls")
    rows = stack.database.rows(f"SELECT rolname, {', '.join(powers)} FROM pg_roles WHERE rolname ~ '^tellercast_'")
    assert len(rows) == 3
    assert not [row for row in rows if any(row[power] for power in powers)]
    assert stack.database.rows("SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname ~ "
                               "'^tellercast_'") == []


def test_a_server_that_is_not_tellercast_s_alone_keeps_the_rights_of_its_other_databases(stack):
    rights = "SELECT datname, datacl::text FROM pg_database WHERE datname IN ('postgres', 'template1')"
    before = stack.database.rows(rights)
    stack.postgres.give_to_roles(stack.database.value("SELECT current_database()"))
    assert stack.database.rows(rights) == before
    assert [row["datacl"] is None or "{=" in row["datacl"] for row in before] == [True, True]


def test_what_runs_with_the_owner_s_rights_searches_only_fixed_schemas_and_is_not_for_everybody(stack):
    rows = stack.database.rows("SELECT proname, proconfig, proacl::text AS acl FROM pg_proc WHERE prosecdef AND pronamespace = "
                               "'public'::regnamespace")
    assert {row["proname"] for row in rows} >= {"make_import_tables", "analyze_import", "analyze_fleet"}
    for row in rows:
        (path,) = row["proconfig"]
        assert re.fullmatch(r"search_path=(pg_catalog|public), pg_temp", path), row
        assert row["acl"] is not None and not re.search(r"[{,]=", row["acl"]), row


def test_a_rollout_and_an_import_run_to_their_end_under_the_role_that_runs(stack):
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1"]}, ["P1"])
    stack.import_fleet({"B1": ["A1", "A2"]}, ["P1"])  # on a session that has its tables already
    stack.add_artifact()
    for device in ("A1", "A2", "P1"):
        stack.client("pull" if device == "P1" else "atm", device, None if device == "P1" else "B1")
    stack.client("node", "B1", "B1")
    rollout = stack.submit(selector={"devices": ["A1", "A2", "P1"]})
    stack.wait_for_rollout(rollout)
    users = stack.database.rows("SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE 'tellercastd%%' "
                                "AND datname = current_database()")
    assert users == [{"usename": "tellercast_run"}]
    assert stack.database.value("SELECT last_analyze IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'device'")


def make_one_role(stack, name):
    """A database whose only role owns it, as before there were others; returns its address."""
    stack.database.make_anew()
    stack.database.rows(f"DO $$ BEGIN IF to_regrole('{name}') IS NULL THEN CREATE ROLE {name} LOGIN; END IF; END $$")
    stack.database.rows(f"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO {name}', current_database()); END $$")
    stack.postgres.let_in(name)
    return stack.database.address.replace("user=tellercast", f"user={name}")


def owners(stack):
    return {row["owner"] for row in stack.database.rows(
        "SELECT relowner::regrole::text AS owner FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "UNION SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
        "UNION SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()")}


def test_a_database_of_one_role_is_given_to_three_while_an_orchestrator_of_that_role_goes_on(own):
    stack = own
    address = make_one_role(stack, "bank")
    old = stack.orchestrator(database=address)
    assert owners(stack) == {"bank"}
    stack.import_fleet(pull=["P1", "P2"])
    first = stack.submit("first", action="configure", artifact=None, parameters={"v": 1}, selector={"devices": ["P1"]})
    stack.wait_for_states(first, dispatched=1)

    name = stack.database.value("SELECT current_database()")
    stack.postgres.give_to_roles(name)
    stack.postgres.give_to_roles(name)  # it can be repeated
    stack.postgres.migrate(name)
    assert owners(stack) == {"tellercast_migrate"}
    new = stack.orchestrator(data_folder=str(stack.folder / "data"))
    assert old.is_ready() and new.is_ready()
    for program in (old, new):
        answer = program.http.import_fleet(fleet({program.http.url[-3:]: ["A1"]}, ["P1", "P2"]))
        assert answer.status == 200, answer
    device = stack.device("P1")
    device.ask()
    device.wait_for_confirm(device.reply(device.wait_for_instruction(), "completed", confirm=True))
    stack.wait_for_rollout(first)

    old.stop()
    stack.database.rows("REVOKE tellercast_migrate FROM bank")
    with contextlib.closing(psycopg2.connect(stack.database.address_of("run"))) as connection:
        assert connection.status == psycopg2.extensions.STATUS_READY
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        psycopg2.connect(address)


def test_an_orchestrator_whose_role_may_not_migrate_waits_and_names_the_command(stack):
    stack.database.make_anew()
    name = stack.database.value("SELECT current_database()")
    stack.postgres.give_to_roles(name)
    orchestrator = stack.orchestrator(ready=False)
    orchestrator.wait_until(lambda: "database.not_migrated" in orchestrator.text(), "it says that it waits")
    line = next(line for line in orchestrator.text().splitlines() if "database.not_migrated" in line)
    assert "tellercastd migrate --config FILE" in line and "tellercast_run may not migrate" in line
    assert "lacks migration 0001_first" in line
    assert stack.database.value("SELECT to_regclass('rollout')") is None
    done = stack.postgres.migrate(name)
    assert "database.is_current" in done.stderr
    orchestrator.wait_until_ready()
    assert orchestrator.text().count("database.not_migrated") == 1


def test_a_migration_by_a_role_that_may_not_is_refused_and_ends(stack):
    stack.database.make_anew()
    name = stack.database.value("SELECT current_database()")
    stack.postgres.give_to_roles(name)
    done = stack.postgres.migrate(name, "tellercast_run", check=False)
    assert done.returncode == 1 and "its role tellercast_run may not migrate" in done.stderr


def test_a_member_of_the_owner_migrates_as_the_owner(stack):
    """So what it creates belongs to the owner, too."""
    stack.database.make_anew()
    name = stack.database.value("SELECT current_database()")
    stack.postgres.give_to_roles(name)
    stack.database.rows("CREATE TABLE migration (name text PRIMARY KEY, done_at timestamptz NOT NULL DEFAULT now())")
    stack.database.rows("ALTER TABLE migration OWNER TO tellercast_migrate")
    stack.postgres.migrate(name, "tellercast")
    assert owners(stack) == {"tellercast_migrate"}
    wait_for(lambda: stack.orchestrator().is_ready(), "it is ready")
    stack.import_fleet(pull=["P1"])
