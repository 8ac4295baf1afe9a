"""The statements of the store as the orchestrator prepares them, and the vocabulary that they share with C."""

import re

from .programs import BIN
from .servers import ROOT

PREPARED = BIN.parent / "orchestrator/store/generated/prepared"
VOCABULARIES = (ROOT / "topics/vocabulary.def", ROOT / "orchestrator/rollout/vocabulary.def",
                ROOT / "orchestrator/access/vocabulary.def")


def statement(name):
    """Returns the text of a statement of queries/ as the server gets it."""
    return (PREPARED / f"{name}.sql").read_text(encoding="utf-8")


class Prepared:
    """A statement that is prepared in a session and run with named parameters."""

    def __init__(self, cursor, name):
        text = statement(name)
        names, types = (re.match(rf"-- {key}: (.*)$", line)[1] for key, line in zip(("parameters", "types"), text.splitlines()))
        self._cursor, self._name, self._names = cursor, name, names.split(", ") if names else []
        cursor.execute(f"PREPARE {name} {f'({types})' if types else ''} AS {text}")

    def run(self, explain="", **values):
        assert set(values) == set(self._names), f"parameters of {self._name}: {self._names}"
        places = f"({', '.join(['%s'] * len(values))})" if values else ""
        self._cursor.execute(f"{explain} EXECUTE {self._name} {places}", [values[name] for name in self._names])


TABLES = ("device", "device_search", "instruction", "unavailable", "branch", "rollout")  # the large ones


def rows_read(stack, name_of_statement, given=(), **values):
    """Runs a statement as the daemon does; returns how often each table was read as a whole, and how many rows were read of all."""
    connection = stack.database.connect()
    try:
        cursor = connection.cursor()
        for text in ("BEGIN", *given):
            cursor.execute(text)
        statement = Prepared(cursor, name_of_statement)
        def counters():
            cursor.execute("SELECT relname, seq_scan, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) "
                           "FROM pg_stat_xact_user_tables WHERE relname = ANY (%s)", [list(TABLES)])
            return {table: (scans, rows) for table, scans, rows in cursor.fetchall()}
        for _ in range(7):  # beyond the fifth, PostgreSQL may keep a plan for all values
            before = counters()
            statement.run(**values)
            cursor.fetchall()
        read = {table: (scans - before[table][0], rows - before[table][1]) for table, (scans, rows) in counters().items()}
        return {table for table, (scans, _) in read.items() if scans}, sum(rows for _, rows in read.values())
    finally:
        connection.close()


def vocabulary(kind):
    """Returns the entries of a kind, such as INSTRUCTION_STATE, each as its fields: numbers, texts and names of constants."""
    text = "".join(path.read_text(encoding="utf-8") for path in VOCABULARIES)
    entries = [re.findall(r'"[^"]*"|\w+', fields) for fields in re.findall(rf"^{kind}\((.*?)\)(?: /\*.*)?$", text, re.MULTILINE)]
    return [tuple(int(field) if field.isdigit() else field.strip('"') for field in entry) for entry in entries]
