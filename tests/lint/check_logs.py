#!/usr/bin/python3
"""Checks that docs/logs.md explains each field that a log line can have, and no other."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/logs.md"
LOGGING = ("base", "tls", "hosts", "guard", "orchestrator", "clients")


def fields():
    """Returns {field: the first file that has it}."""
    found = {}
    for folder in LOGGING:
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            text = re.sub(r"^\s*/?\*.*$", "", path.read_text(encoding="utf-8"), flags=re.M)
            for name in re.findall(r'\bF_(?:INT|STR)\(\s*"(\w+)"', text):
                found.setdefault(name, path.relative_to(ROOT))
    return found


def main():
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE.read_text(encoding="utf-8").split("## Fields\n", 1)[1], re.M)
    explained = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    there = fields()
    faults = [f"{there[name]}: the field {name} of a log line is not in docs/logs.md" for name in sorted(there.keys() - set(explained))]
    faults += [f"docs/logs.md: no log line has the field {name}" for name in sorted(set(explained) - there.keys())]
    faults += [f"docs/logs.md: {name} has two rows" for name in sorted({name for name in explained if explained.count(name) > 1})]
    print(*faults, sep="\n", end="\n" if faults else "", file=sys.stderr)
    return 1 if faults or not there else 0


if __name__ == "__main__":
    sys.exit(main())
