#!/usr/bin/python3
"""Checks that no two scenarios have the same name, and that each scenario in reached_by_others.txt exists."""

import collections
import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "scenario"
LIST = FOLDER / "reached_by_others.txt"
TEST = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)


def main():
    names = collections.Counter(name for path in FOLDER.glob("test_*.py")
                                for name in TEST.findall(path.read_text(encoding="utf-8")))
    listed = [line for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    faults = [f"tests/scenario: {count} tests are called {name}" for name, count in names.items() if count > 1]
    faults += [f"{LIST.name}: there is no test {name}: take its line out, or give it the new name" for name in listed
               if name not in names]
    print("".join(f"{fault}\n" for fault in faults), end="", file=sys.stderr)
    return 1 if faults or not names or not listed else 0


if __name__ == "__main__":
    sys.exit(main())
