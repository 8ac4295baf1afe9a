"""A database whose now() is a row of a table. The schema `virtual` precedes pg_catalog in the search path, so every statement
of the store and every default of its tables has the time of the test."""

import psycopg2

INSTRUCTIONS = """
SELECT id, rollout_id, device, branch, group_no, state, attempt, failures, deferrals, in_flight,
       (extract(epoch FROM CASE WHEN isfinite(due_at) THEN due_at END) * 1000)::bigint AS due_ms, code
FROM instruction ORDER BY id
"""
ROLLOUTS = "SELECT id, state, version, digest, rollback_of, rollback_wanted_by IS NOT NULL FROM rollout ORDER BY id"
GROUPS = "SELECT rollout_id, group_no, state, devices FROM rollout_group ORDER BY 1, 2"
COUNTERS = "SELECT rollout_id, group_no, state, sum(count)::bigint FROM counter GROUP BY 1, 2, 3 HAVING sum(count) <> 0"
STARTED = "SELECT DISTINCT rollout_id FROM rollout_event WHERE kind = 'started'"
NEXT = """
SELECT (extract(epoch FROM min(at)) * 1000)::bigint
FROM (SELECT due_at AS at FROM instruction WHERE due_at > now() AND due_at < 'infinity'
      UNION ALL SELECT wake_at FROM instruction WHERE wake_at > now()
      UNION ALL SELECT settled_at + soak_s * interval '1 s' FROM rollout_group WHERE state = 'soaking'
      UNION ALL SELECT reached_at + soak_s * interval '1 s' FROM rollout_group WHERE state IN ('open', 'soaking')) t
WHERE at > now()
"""
RESET = "TRUNCATE {} RESTART IDENTITY; ALTER SEQUENCE instruction_id RESTART"
# Who gives orders and approves: an approval counts when it is known who gave it.
PEOPLE = """
WITH made AS (INSERT INTO person (name, created_by) SELECT unnest(%s), 'tellercast' RETURNING name)
INSERT INTO alias (kind, value, person, linked_by, confirmed_at, confirmed_by)
SELECT 'author', name, name, 'tellercast', now(), 'tellercast' FROM made
"""


class Database:
    def __init__(self, postgres, name):
        self.address = postgres.address(name)
        postgres.create_database(name)
        connection = postgres.connect("postgres")
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER DATABASE "{name}" SET search_path = virtual, pg_catalog')
            cursor.execute(f'ALTER DATABASE "{name}" SET plan_cache_mode = force_generic_plan')
        connection.close()
        self._connection = postgres.connect(name)
        self._cursor = self._connection.cursor()
        self._do("CREATE SCHEMA virtual")
        self._do("CREATE TABLE clock (at timestamptz NOT NULL) WITH (fillfactor = 10)")
        self._do("INSERT INTO clock VALUES ('2026-01-01Z')")
        for moment in ("now", "statement_timestamp"):
            self._do(f"CREATE FUNCTION virtual.{moment}() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE "
                     "AS 'SELECT at FROM virtual.clock'")
        self._tables = None

    def _do(self, statement, values=None):
        self._cursor.execute(statement, values)

    def rows(self, statement):
        self._cursor.execute(statement)
        return self._cursor.fetchall()

    def reset(self, people):
        """Empties all tables and restarts all numbers. What the migrations have put into a table stays, and so does the record of
        acts, which nobody may empty."""
        if self._tables is None:
            names = sorted(name for name, in self.rows("SELECT tablename FROM pg_tables "
                                                       "WHERE schemaname = 'virtual' AND tablename <> 'act'"))
            self._tables = ", ".join(name for name in names if not self.rows(f"SELECT FROM {name} LIMIT 1"))
        self._do(RESET.format(self._tables))
        self._do(PEOPLE, (list(people),))

    def set_clock(self, now_ms):
        self._do("UPDATE clock SET at = to_timestamp(%s / 1000.0)", (now_ms,))

    def instructions(self):
        return self.rows(INSTRUCTIONS)

    def rollouts(self):
        return self.rows(ROLLOUTS)

    def started(self):
        """Returns the rollouts that ever began to run."""
        return {rollout for rollout, in self.rows(STARTED)}

    def groups(self):
        return self.rows(GROUPS)

    def counters(self):
        return self.rows(COUNTERS)

    def next_ms(self):
        """Returns when the orchestrator's own clocks cause the next event; None: nothing is awaited."""
        return self.rows(NEXT)[0][0]

    def close(self):
        self._connection.close()


def turn_off_durability(postgres):
    """Turns durability off: the data need not survive the server."""
    connection = postgres.connect()
    with connection.cursor() as cursor:
        for setting in ("fsync = off", "full_page_writes = off", "autovacuum = off", "wal_buffers = '16MB'"):
            cursor.execute(f"ALTER SYSTEM SET {setting}")
        cursor.execute("SELECT pg_reload_conf()")
    connection.close()


__all__ = ["Database", "turn_off_durability", "psycopg2"]
