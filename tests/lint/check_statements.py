#!/usr/bin/python3
"""Checks that callers give a statement all its parameters: an initializer of a structure that is generated from queries/ names
each field. C would set a missing field to zero silently. Also checks that each statement has a caller."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
STORE = ROOT / "orchestrator/store"
STRUCTURE = re.compile(r"struct sql_(\w+) \w+(?: \w+_AUTO)? = (\{)|\(struct sql_(\w+)\)(\{)")


def fields_in(text, key):
    """Returns the fields that a head declares for a key, each as "name type" or "structure.*"."""
    head = re.sub(r"\n--   +", " ", "\n" + text)
    found = re.search(rf"\n-- {key}: ([^\n]*)", head)
    return found[1].split(", ") if found else []


def names_of(fields):
    return [re.split(r"[ .]", field)[0] for field in fields]


def declared(text, key):
    """Returns the names of the fields that a head declares for a key."""
    return names_of(fields_in(text, key))


def shared_structures():
    """Yields each structure of structures.txt with its fields."""
    shared = re.sub(r"#[^\n]*\n", "", (STORE / "queries/structures.txt").read_text(encoding="utf-8"))
    for name, fields in re.findall(r"^(\w+): (.*)$", re.sub(r"\n +", " ", shared), re.MULTILINE):
        yield name, fields.split(", ")


def structures():
    """Yields the names of the fields of each structure that a caller fills."""
    for name, fields in shared_structures():
        yield name, names_of(fields)
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


def sent_types(function):
    """Returns the types, as statements name them, that a function of statement.c can send."""
    code = (STORE / "statement.c").read_text(encoding="utf-8")
    body = re.search(rf"^static void {function}\(.*?^}}", code, re.DOTALL | re.MULTILINE)[0]
    kinds = re.findall(r"case SQL_TYPE_(\w+):", body)
    arrays = {"BIGINTS": "bigint[]", "INTEGERS": "integer[]", "SMALLINTS": "smallint[]", "TEXTS": "text[]"}
    return {arrays.get(kind, kind.lower()) for kind in kinds}


def flat(fields, shared):
    """Yields the fields, those of a structure in its place."""
    for field in fields:
        if field.endswith(".*"):
            yield from flat(shared[field[:-2]], shared)
        else:
            yield field


def unsendable(text, allowed, shared):
    """Yields the fields of a head whose types cannot be sent, as (line, text)."""
    for key, types in allowed.items():
        for field in flat(fields_in(text, key), shared):
            name, kind = field.split(" ", 1)
            if kind.removesuffix(" null") not in types:
                line = text.count("\n", 0, text.index(f"-- {key}:")) + 1
                yield line, f"{key}: {name} cannot be sent as {kind}; allowed: {', '.join(sorted(types))}"


def main():
    fields_of = dict(structures())
    allowed = {"parameters": sent_types("bind"),
               "batch": {kind.removesuffix("[]") for kind in sent_types("bind_column")}}
    shared = dict(shared_structures())
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(STORE.glob("*.c"))}
    faults = [f"{path.relative_to(ROOT).as_posix()}:{line}: {fault}"
              for path, text in sources.items() for line, fault in faults_of(text, fields_of)]
    everything = "".join(sources.values())
    for path in sorted((STORE / "queries").rglob("*.sql")):
        if not re.search(rf"\bsql_{path.stem}\(|\bSQL_{path.stem.upper()}\b", everything):
            faults.append(f"{path.relative_to(ROOT).as_posix()}: nothing runs it")
        faults += [f"{path.relative_to(ROOT).as_posix()}:{line}: {fault}"
                   for line, fault in unsendable(path.read_text(encoding="utf-8"), allowed, shared)]
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    return 1 if faults or len(fields_of) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
