#!/usr/bin/python3
"""Checks that each test that docs/security.md names exists: a scenario, or a test of the units in C."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = "docs/security.md"
NAMED = re.compile(r"`((?:test|a|an|the|no)_[A-Za-z0-9_]+)`")
SCENARIO = re.compile(r"^def (test_\w+)\(", re.MULTILINE)
UNIT = re.compile(r"^static void (\w+)\(void \*\*state\)", re.MULTILINE)


def names(folder, suffix, pattern):
    return {name for path in (ROOT / folder).rglob(f"*.{suffix}")
            for name in pattern.findall(path.read_text(encoding="utf-8"))}


def main():
    known = names("tests/scenario", "py", SCENARIO) | names("tests", "c", UNIT)
    unknown = sorted(set(NAMED.findall((ROOT / PAGE).read_text(encoding="utf-8"))) - known)
    for name in unknown:
        print(f"{PAGE}: there is no test {name}")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
