#!/usr/bin/python3
"""The rules of the house that no compiler knows: who may include what, where a topic or a statement may be
spelled, and how long things may be."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("base", "topics", "config", "orchestrator", "clients", "tests")
FILE_LINES, FUNCTION_LINES = 500, 80
TEST_FILE_LINES, TEST_FUNCTION_LINES = 750, 100  # tables of cases are long

# (what, pattern, folders that may have it)
RULES = (
    ("libpq outside the store", r'#include <libpq-fe\.h>', ("orchestrator/store/", "tests/")),
    ("hiredis outside the cache", r'#include <hiredis/', ("orchestrator/cache/", "tests/")),
    ("paho outside broker, clients and tests", r'#include <MQTT', ("orchestrator/broker/", "clients/", "tests/")),
    ("libmosquitto outside the broker and the tests", r'#include <mosquitto\.h>', ("orchestrator/broker/", "tests/")),
    ("a topic outside topics/", r'"[^"\n]*(tc/v1|/instruction\b|/presence\b|rollout/submit|device/\+)[^"\n]*"',
     ("topics/", "tests/")),
    ("SQL in C", r'"\s*(SELECT\s.*\bFROM\b|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE)', ("tests/",)),
    ("the orchestrator in a client", r'#include "orchestrator/', ("orchestrator/", "tests/")),
    ("a client in the orchestrator", r'#include "clients/', ("clients/", "tests/")),
    ("a function that cannot be used safely", r'(?<![\w.>])(strcpy|strcat|sprintf|atoi|atol|strtok|system|popen|gets)\(', ()),
    ("exit below main", r'(?<![\w.>_])exit\(', ("tests/",)),
    ("a note to do something later", r'\b(TODO|FIXME|XXX)\b', ()),
)
# A setting's default, which its table must spell.
ALLOWED = {("config/daemon.c", '"tc/v1"'), ("clients/agent/settings.c", '"tc/v1"')}


def without_comments(text):
    def blank(match):
        token = match.group(0)
        return token if token.startswith('"') or token.startswith("'") else "\n" * token.count("\n") + " "

    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/', blank, text, flags=re.DOTALL)


def long_functions(text, most):
    """A function's body begins with a brace alone on its line, and ends with one."""
    start = None
    for number, line in enumerate(text.splitlines(), 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start + 1 > most:
                yield start, number - start + 1
            start = None


def faults_of(path):
    name = path.relative_to(ROOT).as_posix()
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    is_test = name.startswith("tests/")
    file_lines, function_lines = (TEST_FILE_LINES, TEST_FUNCTION_LINES) if is_test else (FILE_LINES, FUNCTION_LINES)
    if lines > file_lines:
        yield f"{name}: {lines} lines, allowed are {file_lines}"
    for start, length in long_functions(text, function_lines):
        yield f"{name}:{start}: a function of {length} lines, allowed are {function_lines}"
    code = without_comments(text)
    for what, pattern, allowed in RULES:
        if name.startswith(allowed or ("\0",)):
            continue
        source = text if what.startswith("a note") else code
        for match in re.finditer(pattern, source):
            if (name, match.group(0)) not in ALLOWED:
                yield f"{name}:{source.count(chr(10), 0, match.start()) + 1}: {what}: {match.group(0)[:80]}"


def main():
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.[ch]"))]
    faults = [fault for path in paths for fault in faults_of(path)]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
