#!/usr/bin/python3
"""The rules of this project that no compiler checks: who may include what, where a topic or a statement may be
spelled, what is not to be called, and how long things may be."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("base", "hosts", "topics", "pki", "tls", "config", "guard", "orchestrator", "clients", "tests", "scripts")
SUFFIXES = (".c", ".h", ".py", ".sh")
FILE_LINES, FUNCTION_LINES = 500, 80

EVERYWHERE_ELSE = ()
# (the fault, pattern, suffixes of the checked files, allowed place)
RULES = (
    ("libpq outside orchestrator/store", r'#include <(postgresql/)?libpq-fe\.h>', ".c .h",
     ("orchestrator/store/", "tests/bench/", "tests/failing/", "tests/integration/")),
    ("hiredis outside orchestrator/cache", r"#include <hiredis", ".c .h",
     ("orchestrator/cache/", "tests/bench/", "tests/integration/", "tests/failing/")),
    ("an MQTT library outside orchestrator/broker, clients/agent and clients/ctl/endpoints", r"#include <(MQTT|mosquitto)",
     ".c .h", ("orchestrator/broker/", "clients/agent/", "clients/ctl/endpoints/", "guard/plugin/", "tests/")),
    ("libmosquitto beside paho in a client", r"#include <mosquitto", ".c .h", ("orchestrator/broker/", "guard/plugin/", "tests/")),
    ("OpenSSL outside pki, tls and the probe of a broker", r"#include <openssl/(?!types\.h)", ".c .h",
     ("pki/", "tls/", "clients/ctl/endpoints/", "guard/plugin/", "tests/")),
    ("the orchestrator in a client or a library", r'#include "orchestrator/', ".c .h", ("orchestrator/", "tests/")),
    ("a client in the orchestrator or a library", r'#include "clients/', ".c .h", ("clients/", "tests/")),
    ("a test in what is shipped", r'#include "tests/', ".c .h", ("tests/",)),
    ("a topic outside topics/",
     r'"(?!/v1/)[^"\n]*(tc/v1|/(start|dispatch|ask|reply|confirm|presence|instruction)"|rollout/submit|device/\+)', ".c .h",
     ("topics/", "tests/")),
    ("SQL in C", r'"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE TABLE) ', ".c .h", ("tests/",)),
    ("a function that cannot be used safely",
     r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atoll|atof|strtok|system|popen)\s*\(", ".c .h",
     EVERYWHERE_ELSE),
    ("an exit below main", r"(?<![\w.>])exit\(", ".c", ("tests/",)),
    ("a fixed wait; wait for a condition, with a deadline", r"(?<!\w)(sleep|usleep|time\.sleep)\s*\(?\s*\d*[1-9]",
     ".c .h .py", ("base/", "topics/", "config/", "orchestrator/", "clients/", "scripts/")),
)
# The store's faults are about the database, for the log. An answer to an operator is a code, worded in orchestrator/wording.
STORE_TEXT = re.compile(r'\btc_fault_set\([^;"]*"(?!database: |%s")[^"]*"')
NOTE = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b")  # so that this line does not match


def without_comments(text):
    """Returns C without its comments; strings and line numbers stay."""
    def blank(match):
        token = match.group(0)
        return token if token[0] in "\"'" else "\n" * token.count("\n") + " "

    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/', blank, text, flags=re.DOTALL)


def long_functions(text):
    """A function's body begins and ends with a brace alone on its line."""
    start = None
    for number, line in enumerate(text.splitlines(), 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start > FUNCTION_LINES:
                yield start, number - start
            start = None


def faults_of(name, text):
    """Yields the faults of a file, as (line, text)."""
    lines = text.count("\n")
    if lines > FILE_LINES:
        yield lines, f"a file of {lines} lines, allowed: at most {FILE_LINES}"
    for match in NOTE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, f"a note to do something later: {match.group(0)}"
    suffix = pathlib.PurePath(name).suffix
    if suffix in (".c", ".h"):
        text = without_comments(text)
        for start, length in long_functions(text):
            yield start, f"a function of {length} lines, allowed: at most {FUNCTION_LINES}"
    if name.startswith("orchestrator/store/") and suffix == ".c":
        for match in STORE_TEXT.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, f"words for people in the store: {match.group(0)[:80]}"
    for what, pattern, suffixes, right in RULES:
        if suffix not in suffixes.split() or name.startswith(right or "/"):
            continue
        for match in re.finditer(pattern, text):
            yield text.count("\n", 0, match.start()) + 1, f"{what}: {match.group(0)[:80]}"


def main():
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.suffix in SUFFIXES]
    found = 0
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        for line, fault in faults_of(name, path.read_text(encoding="utf-8")):
            print(f"{name}:{line}: {fault}", file=sys.stderr)
            found += 1
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
