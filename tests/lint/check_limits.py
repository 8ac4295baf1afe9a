#!/usr/bin/python3
"""Checks that each limit in docs/limits.md stands in the code with that value."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/limits.md"
ROW = re.compile(r"^\| `([\w.]+)` \| (\S+) \| (\S+) \|", re.MULTILINE)


def value_in_code(name, text):
    """Of a `#define`, an enumerator, or a row of the settings' table."""
    if name.isupper():
        found = re.search(rf"\b{name}\b\s*(?:=\s*|\\?\s+)(\d+)", text)
    else:
        found = re.search(rf'\("{re.escape(name)}", \w+, "([^"]*)"', text)
    return found[1] if found else None


def main():
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    wrong = 0
    for name, value, file in rows:
        in_code = value_in_code(name, (ROOT / file).read_text(encoding="utf-8"))
        if in_code != value:
            print(f"docs/limits.md: {name} is {value} here and {in_code} in {file}", file=sys.stderr)
            wrong += 1
    return 0 if rows and wrong == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
