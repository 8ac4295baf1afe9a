#!/usr/bin/python3
"""Checks that the words that C and SQL share are only in the vocabularies: no statement, and no migration since 0015, has a
bare number for a state or an event, or a bare word for a state, a kind, a code or a role. And that docs/why.md and the
contract of HTTP have each reason and verdict of an explanation, and no other."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
STORE = ROOT / "orchestrator/store"
LAST_WITHOUT_CONSTANTS = "0014"
VOCABULARIES = (ROOT / "topics/vocabulary.def", ROOT / "orchestrator/rollout/vocabulary.def",
                ROOT / "orchestrator/access/vocabulary.def")

NUMBERED = r"(?:\w+\.)?(?:\w+_)?(?:state|substate|event)"
NAMED = r"(?:\w+\.)?(?:(?:\w+_)?(?:state|substate)|kind|code|role|actor|rollback_wanted_by)"
COMPARED = r"\s*(?:=|<>|<=|>=|<|>|IS DISTINCT FROM|IS NOT DISTINCT FROM)\s*"
# (the fault, pattern)
RULES = (
    ("a bare number for a state or an event", re.compile(
        rf"\b{NUMBERED}(?:{COMPARED}(?:(?:ANY|ALL)\s*\(\s*'?{{?)?|\s+(?:NOT\s+)?IN\s*\(\s*|\s+(?:NOT\s+)?BETWEEN\s+(?::?\w+\s+AND\s+)?)\d", re.I)),
    ("a bare number for a state or an event", re.compile(rf"(?<![\w.$])\d+(?:::\w+)?{COMPARED}{NUMBERED}\b", re.I)),
    ("a bare number for a state or an event", re.compile(rf"\bCASE\s+{NUMBERED}\s+WHEN\s+(?:[^;]*?\bWHEN\s+)?\d", re.I)),
    ("a bare number for a state or an event", re.compile(r"(?<![\w.])\d+(?:::\w+)?\s+AS\s+(?:\w+_)?(?:state|substate|event)\b", re.I)),
    ("a bare number for a state or an event", re.compile(
        rf"\b{NUMBERED}\s*=\s*\(?CASE\b(?:(?!\bEND\b)[^;])*?\b(?:THEN|ELSE)\s+\d", re.I)),
    ("a bare number for a state or an event", re.compile(
        r"\b(?:THEN|ELSE)\s+\d+\s+(?:(?!\bCASE\b)[^;])*?\bEND\)?(?:::\w+)?\s+AS\s+(?:\w+_)?(?:state|substate|event)\b", re.I)),
    ("a bare word for a state, a kind, a code or a role", re.compile(
        rf"\b{NAMED}(?:{COMPARED}|\s+(?:NOT\s+)?IN\s*\((?:[^()]*?,\s*)?)'[a-z_]+'", re.I)),
    ("a bare word for a state, a kind, a code or a role", re.compile(rf"'[a-z_]+'{COMPARED}{NAMED}\b", re.I)),
    ("a bare word for a state, a kind, a code or a role", re.compile(
        rf"\bCASE\s+{NAMED}\s+WHEN\s+(?:(?!\bEND\b)[^;])*?'[a-z_]+'", re.I)),
)
COLUMNS = {"state", "from_state", "to_state", "substate", "from_substate", "to_substate", "event", "kind", "code", "actor"}
INSERT = re.compile(r"\bINSERT\s+INTO\s+\w+\s*(?:AS\s+\w+\s*)?\(([^()]*)\)\s*(SELECT\b|VALUES\s*\()", re.I)


def without_comments(text):
    return re.sub(r"--[^\n]*", "", text)


def expressions(text):
    """Yields the expressions of a list of SQL, up to its end: FROM or WHERE, or the bracket that closes the enclosing one."""
    depth, start, found, position = 0, 0, [], 0
    for match in re.finditer(r"'(?:[^']|'')*'|[(),]|\b(?:FROM|WHERE|UNION|RETURNING|ON)\b", text, re.I):
        token, position = match.group(0), match.start()
        if token == "(":
            depth += 1
        elif token == ")":
            depth -= 1
        if depth < 0 or depth == 0 and token.isalpha():
            return found + [text[start:position].strip()]
        if depth == 0 and token == ",":
            found.append(text[start:position].strip())
            start = match.end()
    return found + [text[start:].strip()]


def inserted(text):
    """Yields the values that an INSERT gives to a column of the vocabulary, as (position, expression)."""
    for match in INSERT.finditer(text):
        columns = [column.strip() for column in match.group(1).split(",")]
        for column, expression in zip(columns, expressions(text[match.end():])):
            if column in COLUMNS and re.fullmatch(r"'[a-z_]+'|\d+(?:::\w+)?", expression):
                yield match.start(), f"{column}: {expression}"


def united(text):
    """Yields the values of a later branch of a UNION for such a column, as (position, expression)."""
    for match in re.finditer(r"\bSELECT\b", text, re.I):
        places = [place for place, expression in enumerate(expressions(text[match.end():]))
                  if re.search(r"(?:^|[\s.])(?:\w+_)?(?:state|substate|event)$", expression)]
        depth = 0
        for token in re.finditer(r"'(?:[^']|'')*'|[()]|\bUNION\s+(?:ALL\s+)?SELECT\b", text[match.end():], re.I):
            depth += {"(": 1, ")": -1}.get(token.group(0), 0)
            if depth < 0:
                break
            if depth == 0 and token.group(0)[0] in "Uu":
                branch = expressions(text[match.end() + token.end():])
                for place in places:
                    if place < len(branch) and re.fullmatch(r"\d+(?:::\w+)?", branch[place]):
                        yield match.end() + token.start(), branch[place]


def faults_of(text):
    """Yields the faults of a statement, as (line, text)."""
    text = without_comments(text)
    for what, pattern in RULES:
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, f"{what}: {' '.join(match.group(0).split())[-80:]}"
    for position, expression in (*inserted(text), *united(text)):
        yield text.count("\n", 0, position) + 1, f"selected without a constant: {expression}"


def statements():
    yield from sorted((STORE / "queries").rglob("*.sql"))
    folders = (STORE / "migrations", ROOT / "tests/faults/next")
    yield from (path for folder in folders for path in sorted(folder.glob("*.sql")) if path.name[:4] > LAST_WITHOUT_CONSTANTS)


def faults_of_explanations():
    """Yields the reasons and verdicts that a document lacks, or has and nothing gives."""
    vocabulary = (ROOT / "orchestrator/rollout/vocabulary.def").read_text(encoding="utf-8")
    page = (ROOT / "docs/why.md").read_text(encoding="utf-8")
    contract = (ROOT / "docs/openapi.yaml").read_text(encoding="utf-8")
    for macro, schema, heading in (("WHY_CODE", "WhyCode", "Reasons"), ("WHY_VERDICT", "WhyVerdict", "Verdicts")):
        given = re.findall(rf'^{macro}\(\w+, "(\w+)"\)', vocabulary, re.M)
        section = page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
        allowed = re.search(rf"^    {schema}:\n(?:      .*\n)*?      enum: \[(.*)\]$", contract, re.M).group(1).split(", ")
        for place, names in (("docs/why.md", re.findall(r"^\| `(\w+)` \|", section, re.M)), ("docs/openapi.yaml", allowed)):
            for name in sorted(set(given) ^ set(names)):
                yield f"{place}: {name}: {'it is missing' if name in given else 'nothing gives it'} ({heading.lower()})"


def main():
    count, found = 0, 0
    for fault in faults_of_explanations():
        print(fault, file=sys.stderr)
        found += 1
    for path in statements():
        count += 1
        for line, fault in faults_of(path.read_text(encoding="utf-8")):
            print(f"{path.relative_to(ROOT).as_posix()}:{line}: {fault}; write the constant of "
                  f"{' or '.join(vocabulary.relative_to(ROOT).as_posix() for vocabulary in VOCABULARIES)}",
                  file=sys.stderr)
            found += 1
    return 1 if found or count < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
