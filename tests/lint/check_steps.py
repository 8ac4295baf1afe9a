#!/usr/bin/python3
"""docs/architecture.md names the functions of each step of the method: each is in the file that the page names."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/architecture.md"
STEPS = 8


def places(text):
    """Each function of the table with its file, and each file that is named alone; of "`a` and `b` in `file`" both."""
    names = []
    for word in re.findall(r"`([\w./]+)`", text):
        if "/" not in word:
            names.append(word)
            continue
        yield from ((name, word) for name in names or [None])
        names = []


def main():
    section = PAGE.read_text(encoding="utf-8").split("## The method's steps in the code", 1)[-1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (S\d)[^|]*\|[^|]*\| (.*) \|$", section, re.M)
    faults = [f"{PAGE.name}: step S{step} has no row" for step in range(1, STEPS + 1) if f"S{step}" not in dict(rows)]
    for step, cell in rows:
        for name, file in places(cell):
            path = ROOT / file
            if not path.is_file():
                faults.append(f"{PAGE.name}: {step}: there is no {file}")
            elif name and not re.search(rf"^[a-z].*\b{name}\(.*[^;]$", path.read_text(encoding="utf-8"), re.M):
                faults.append(f"{PAGE.name}: {step}: {file} does not define {name}")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
