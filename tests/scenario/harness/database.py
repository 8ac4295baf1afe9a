"""The rows of a stack's database."""

import psycopg2
import psycopg2.extras

STATES = (
    "created dispatched sent received installing completed failed rejected timed_out cancelled expired".split()
)


class Database:
    def __init__(self, postgres, name):
        self.address = postgres.address(name)  # of the administrator
        self._postgres = postgres
        self._name = name
        self._connection = None

    def address_of(self, role):
        """The address for one of the roles of packaging/roles.sql: migrate, run or read."""
        return self._postgres.address(self._name, f"tellercast_{role}")

    def connect(self):
        """Opens another connection. The caller closes it."""
        return self._postgres.connect(self._name)

    def lead_to(self, postgres):
        """Switches to the database of the same name in another server."""
        self._postgres, self._connection = postgres, None
        self.address = postgres.address(self._name)

    def rows(self, statement, *values):
        """All rows, as dictionaries."""
        try:
            return self._rows(statement, values)
        except psycopg2.OperationalError:
            if self._connection is None or not self._connection.closed:
                raise
            return self._rows(statement, values)  # another test killed the server, which is back

    def _rows(self, statement, values):
        if self._connection is None or self._connection.closed:
            self._connection = self._postgres.connect(self._name)
        with self._connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(statement, values or None)
            return [dict(row) for row in cursor.fetchall()] if cursor.description else []

    def row(self, statement, *values):
        rows = self.rows(statement, *values)
        assert len(rows) == 1, f"{len(rows)} rows for {statement} {values}"
        return rows[0]

    def value(self, statement, *values):
        return next(iter(self.row(statement, *values).values()))

    def rollout(self, rollout):
        return self.row("SELECT * FROM rollout WHERE id = %s", rollout)

    def instructions(self, rollout):
        """Returns the instructions by device, with the names of their states."""
        rows = self.rows(
            "SELECT i.*, s.name AS state_name, b.name AS substate_name FROM instruction i JOIN instruction_state s USING (state) "
            "LEFT JOIN instruction_substate b USING (state, substate) WHERE rollout_id = %s ORDER BY device",
            rollout,
        )
        return {row["device"]: row for row in rows}

    def instruction(self, rollout, device):
        return self.instructions(rollout)[device]

    def states(self, rollout):
        """Counts the instructions of a rollout by state."""
        rows = self.rows(
            "SELECT s.name, count(*) AS count FROM instruction i JOIN instruction_state s USING (state) "
            "WHERE rollout_id = %s GROUP BY s.name",
            rollout,
        )
        return {row["name"]: row["count"] for row in rows}

    def counters(self, rollout):
        """The same, from the orchestrator's counters."""
        rows = self.rows(
            "SELECT s.name, sum(count)::bigint AS count FROM counter c JOIN instruction_state s USING (state) "
            "WHERE rollout_id = %s GROUP BY s.name HAVING sum(count) <> 0",
            rollout,
        )
        return {row["name"]: row["count"] for row in rows}

    def events(self, instruction):
        return self.rows(
            "SELECT e.*, s.name AS state_name FROM instruction_event e JOIN instruction_state s USING (state) "
            "WHERE instruction_id = %s ORDER BY at",
            instruction,
        )

    def everything(self):
        """Returns all rows that an operation may change, to compare them afterwards."""
        return {
            table: self.rows(f"SELECT * FROM {table} ORDER BY 1, 2")
            for table in ("rollout", "rollout_group", "rollout_event", "approval", "instruction", "instruction_event",
                          "branch", "device", "artifact", "counter")
        }

    def forget(self):
        """Forgets the connection, which may be broken; the next statement opens another."""
        self._connection = None

    def make_anew(self):
        """Replaces the database by an empty one of the administrator."""
        self.close()
        self._connection = None
        self._postgres.create_database(self._name)

    def close(self):
        if self._connection is not None:
            self._connection.close()
        self._postgres.drop_database(self._name)
