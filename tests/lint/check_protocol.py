#!/usr/bin/python3
"""Checks that the table of states in docs/protocol.md has the rows of orchestrator/rollout/state.c, and no
others. With --print it prints the table as it should be."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/protocol.md"
RULES = ROOT / "orchestrator/rollout/state.c"
HEAD = ["| from | on | to | why |", "|---|---|---|---|"]


def expected_rows():
    rules = re.findall(r'\{(\w+), ON_(\w+), (\w+),\s*"([^"]*)"\}', RULES.read_text(encoding="utf-8"))
    return [f"| `{start.lower()}` | {on.lower()} | `{end.lower()}` | {why} |" for start, on, end, why in rules]


def main():
    expected = expected_rows()
    if "--print" in sys.argv[1:]:
        print("\n".join(HEAD + expected))
        return 0
    page = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^\| `\w+` \| \w+ \| `\w+` \| .*\|$", page, re.MULTILINE)
    for row in expected:
        if row not in found:
            print(f"docs/protocol.md: missing: {row}", file=sys.stderr)
    for row in found:
        if row not in expected:
            print(f"docs/protocol.md: no such rule: {row}", file=sys.stderr)
    return 0 if expected and found == expected else 1


if __name__ == "__main__":
    sys.exit(main())
