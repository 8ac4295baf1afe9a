#!/usr/bin/python3
"""Checks that callers give a statement all its parameters: an initializer of a structure that is generated from queries/ names
each field. C would set a missing field to zero silently. Also checks that each statement has a caller."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
STORE = ROOT / "orchestrator/store"
STRUCTURE = re.compile(r"struct sql_(\w+) \w+(?: \w+_AUTO)? = (\{)|\(struct sql_(\w+)\)(\{)")


def declared(text, key):
    """Returns the names of the fields that a head declares for a key."""
    head = re.sub(r"\n--   +", " ", "\n" + text)
    found = re.search(rf"\n-- {key}: ([^\n]*)", head)
    return [re.split(r"[ .]", field)[0] for field in found[1].split(", ")] if found else []


def structures():
    """Returns the names of the fields of each structure that a caller fills."""
    shared = re.sub(r"#[^\n]*\n", "", (STORE / "queries/structures.txt").read_text(encoding="utf-8"))
    for name, fields in re.findall(r"^(\w+): (.*)$", re.sub(r"\n +", " ", shared), re.MULTILINE):
        yield name, [re.split(r"[ .]", field)[0] for field in fields.split(", ")]
    for path in (STORE / "queries").rglob("*.sql"):
        text = path.read_text(encoding="utf-8")
        batch = declared(text, "batch")
        yield f"{path.stem}_params", declared(text, "parameters") + (["items", "item_count"] if batch else [])
        yield f"{path.stem}_item", batch


def initializer(text, start):
    """Returns the text in the braces that open at `start`."""
    depth = 0
    for match in re.finditer(r'"(?:\\.|[^"\\])*"|[{}]', text[start:]):
        depth += {"{": 1, "}": -1}.get(match.group(0), 0)
        if depth == 0:
            return text[start + 1:start + match.start()]
    return text[start:]


def faults_of(text, fields_of):
    """Yields the missing fields, as (line, text)."""
    for match in STRUCTURE.finditer(text):
        name = match[1] or match[3]
        inner = initializer(text, match.end() - 1)
        if name not in fields_of or inner.strip() in ("", "0"):
            continue
        missing = [field for field in fields_of[name] if not re.search(rf"\.{field}\s*=", inner)]
        if missing:
            yield text.count("\n", 0, match.start()) + 1, f"struct sql_{name} leaves out {', '.join(missing)}"


def main():
    fields_of = dict(structures())
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(STORE.glob("*.c"))}
    faults = [f"{path.relative_to(ROOT).as_posix()}:{line}: {fault}"
              for path, text in sources.items() for line, fault in faults_of(text, fields_of)]
    everything = "".join(sources.values())
    for path in sorted((STORE / "queries").rglob("*.sql")):
        if not re.search(rf"\bsql_{path.stem}\(|\bSQL_{path.stem.upper()}\b", everything):
            faults.append(f"{path.relative_to(ROOT).as_posix()}: nothing runs it")
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    return 1 if faults or len(fields_of) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
