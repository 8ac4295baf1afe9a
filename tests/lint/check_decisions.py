#!/usr/bin/python3
"""Checks that each decision has a number of its own, a date and a status, and its row in docs/decisions/README.md."""

import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "docs/decisions"
HEAD = re.compile(r"# (?P<title>[^\n]+)\n\n"
                  r"Date: (?P<date>\d{4}-\d\d-\d\d)\. Status: (?P<status>accepted|superseded) ?"
                  r"(?:by \[(?P<by>\d{4})\]\([^)]+\))?\.\n")
ROW = re.compile(r"^\| \[(\d{4})\]\(([^)]+)\) \| (.+?) \| (\S+) \| (\w+) \| (.*?) ?\|$", re.MULTILINE)


def faults_of(path, rows):
    """Yields the faults of one decision."""
    head = HEAD.match(path.read_text(encoding="utf-8"))
    if not head:
        yield 'must begin with its title and "Date: YYYY-MM-DD. Status: accepted." or "superseded by [NNNN](FILE)."'
        return
    if (head["status"] == "superseded") != (head["by"] is not None):
        yield "a superseded decision, and no other, names the one that supersedes it"
    row = rows.get(path.name)
    if row is None:
        yield "has no row in README.md"
    elif row[:4] != (path.name[:4], head["title"], head["date"], head["status"]):
        yield f"README.md has {row[:4]}"
    elif head["by"] and f"[{head['by']}](" not in row[4]:
        yield f"README.md does not say that {head['by']} supersedes it"


def main():
    paths = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
    found = ROW.findall((FOLDER / "README.md").read_text(encoding="utf-8"))
    rows = {file: (number, *rest) for number, file, *rest in found}
    numbers = [path.name[:4] for path in paths]
    wrong = [f"{path.name}: {fault}" for path in paths for fault in faults_of(path, rows)]
    wrong += [f"{path.name}: another decision has the number {path.name[:4]}"
              for path in paths if numbers.count(path.name[:4]) > 1]
    wrong += [f"README.md: there is no {file}" for file in rows if not (FOLDER / file).exists()]
    wrong += [f"README.md: {number} has more than one row" for number in sorted({row[0] for row in found})
              if [row[0] for row in found].count(number) > 1]
    for fault in wrong:
        print(f"docs/decisions/{fault}", file=sys.stderr)
    return 0 if paths and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
