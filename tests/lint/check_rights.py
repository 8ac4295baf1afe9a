#!/usr/bin/python3
"""Checks that the role that runs has the rights to write what the statements and triggers write, and no more: compares the list in
queries/database/grant_rights.sql with queries/ and migrations/. A table of a migration that its triggers write is granted there, too."""

import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
STORE = ROOT / "orchestrator/store"
GRANTS = STORE / "queries/database/grant_rights.sql"
TEMPORARY = "imported_"
ROW = r"^    \('(\w+)', '([A-Za-z_, ()]+)'\),?$"
FIRST_GRANTING = "0034"  # migrations that are released never change
OF_THE_OWNER = {"migration_add", "migrations_table", "grant_rights", "delete_expired"}  # statements of the owner of the tables
FUNCTION = re.compile(r"CREATE (?:OR REPLACE )?FUNCTION (\w+)\(.*?\$\$(.*?)\$\$", re.DOTALL)
WRITE = re.compile(r"INSERT INTO (\w+)|DELETE FROM (\w+)|(?<!DO )(?<!FOR )(?<!KEY )\bUPDATE (\w+)|ON CONFLICT[^;]*?DO (UPDATE)\b")


def writes_of(text):
    """Yields (table, right) of an SQL text."""
    text = re.sub(r"--[^\n]*|'(?:[^']|'')*'", "", text)
    inserted = None
    for insert, delete, update, conflict in WRITE.findall(text):
        inserted = insert or inserted
        if insert:
            yield insert, "INSERT"
        elif delete:
            yield delete, "DELETE"
        elif update:
            yield update, "UPDATE"
        elif conflict:
            yield inserted, "UPDATE"


def functions():
    """Returns the bodies of the functions that migrations leave behind and that run with the caller's rights."""
    bodies = {}
    for path in sorted((STORE / "migrations").glob("*.sql")):
        text = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))
        for name in re.findall(r"DROP FUNCTION (?:IF EXISTS )?(\w+)", text):
            bodies.pop(name, None)
        for match in FUNCTION.finditer(text):
            bodies[match[1]] = "" if "SECURITY DEFINER" in match[0].split("$$")[0] else match[2]
    return bodies.values()


def needed():
    texts = [path.read_text(encoding="utf-8") for path in sorted((STORE / "queries").rglob("*.sql"))
             if path.stem not in OF_THE_OWNER]
    rights = collections.defaultdict(set)
    for text in (*texts, *functions()):
        for table, right in writes_of(text):
            if not table.startswith(TEMPORARY):
                rights[table].add(right)
    return rights


def ungranted():
    """Yields what a function writes to a table of its own migration, which does not grant that: the other rights are given after
    the last migration, and a trigger works before, for an orchestrator of the version before."""
    for path in sorted((STORE / "migrations").glob("*.sql")):
        text = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))
        if path.name < FIRST_GRANTING or "RETURNS trigger" not in text:
            continue
        created = set(re.findall(r"CREATE TABLE (\w+)", text))
        granted = {table: rights.split(", ") for rights, table in re.findall(r"GRANT ([A-Z, ]+) ON (\w+) TO tellercast_run", text)}
        for function in FUNCTION.finditer(text):
            owners = "SECURITY DEFINER" in function[0].split("$$")[0]
            for table, right in () if owners else writes_of(function[2]):
                if table in created and right not in granted.get(table, ()):
                    yield f"{path.relative_to(ROOT)}: {function[1]} writes {table}: GRANT {right} ON {table} TO tellercast_run is needed"


def main():
    rows = re.findall(ROW, GRANTS.read_text(encoding="utf-8"), re.MULTILINE)
    rows = [(name, re.sub(r" \([a-z_, ]+\)", "", rights)) for name, rights in rows]  # a right to write some columns alone
    given = {name: set(rights.split(", ")) for name, rights in rows}
    need = needed()
    faults = [f"{GRANTS.relative_to(ROOT)}: {table}: found {', '.join(sorted(given.get(table, ()))) or 'nothing'}, needed: "
              f"{', '.join(sorted(need.get(table, ()))) or 'nothing'}"
              for table in sorted({*given, *need}) if given.get(table, set()) != need.get(table, set())]
    faults += ungranted()
    if [name for name, _ in rows] != sorted(given):
        faults.append(f"{GRANTS.relative_to(ROOT)}: write the tables in the order of their names, each once")
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    return 1 if faults or len(need) < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
