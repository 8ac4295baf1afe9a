#!/usr/bin/python3
"""docs/architecture.md shows the functions of each step of the method, as chains of calls: each function is in the file of
its row, and calls the next one of its chain. Every step has a row of its own."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/architecture.md"
STEPS = ("S1", "S2", "S3", "S4", "S5, push", "S5, pull", "S5, upgrade", "S6 to S8", "S6", "S7", "S8")
ROW = re.compile(r"^\|([^|]*)\|[^|]*\|([^|]*)\| `([^`|]*)` \|$", re.M)


def body_of(name, text):
    """The body of a function that a C file defines, or None. A signature may take several lines; a brace ends it."""
    found = re.search(rf"^[a-z][^;={{}}\n]*\b{name}\([^;{{}}]*\)\n{{\n(.*?)^}}", text, re.M | re.S)
    return found and found[1]


def faults_of_chain(calls, file):
    """What is wrong with `a` → `b` → `c` in a row of this file."""
    path = ROOT / file
    if not path.is_file():
        yield f"there is no {file}"
        return
    names = [part.strip().strip("`") for part in calls.split("→")]
    if len(names) < 2 or not all(re.fullmatch(r"\w+", name) for name in names):
        yield f"{calls} is no chain of calls"
        return
    text = path.read_text(encoding="utf-8")
    for caller, called in zip(names, names[1:]):
        body = body_of(caller, text)
        if body is None:
            yield f"{file} does not define {caller}"
        elif not re.search(rf"\b{called}\(", body):
            yield f"{caller} in {file} does not call {called}"
    if names[-1].startswith("sql_") and not list(ROOT.glob(f"orchestrator/store/queries/*/{names[-1][4:]}.sql")):
        yield f"there is no statement {names[-1]}"


def faults_of(section):
    steps = []
    rows = ROW.findall(section)
    for step, calls, file in rows:
        if step.strip():
            steps.append(step.strip())
        if not steps:
            yield "the first row has no step"
            return
        for fault in faults_of_chain(calls, file):
            yield f"{steps[-1]}: {fault}"
    if tuple(steps) != STEPS:
        yield f"the steps are {steps}, expected {list(STEPS)}"
    if len(rows) != len(re.findall("^\\|.*→.*\\|$", section, re.M)):
        yield "a row of the table is not: step, what happens, calls, one file"


def main():
    section = PAGE.read_text(encoding="utf-8").split("## The method's steps in the code", 1)[-1].split("\n## ", 1)[0]
    faults = list(faults_of(section))
    for fault in faults:
        print(f"{PAGE.name}: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
