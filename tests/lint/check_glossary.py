#!/usr/bin/python3
"""Checks that no identifier, file, folder or thread name has a word that docs/glossary.md retired, and that no comment has one
unless it is ordinary English too. Other texts are not checked, since users see them."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs/glossary.md"
KEPT = ("orchestrator/store/migrations/", "docs/decisions/", "tests/fuzz/corpus/")
TERMS = re.compile(r"(?i)in_flights?|high_water_marks?")  # terms that contain a retired word
# Where a retired word is a term of the field, or a name that is visible outside.
ALLOWED = (
    (r"branch_room|rollout_labels_tell|wake_at|door", r"\.(sql|py)$|^orchestrator/store/"),  # functions and columns of the database
    (r"(table|put)_cell|cells?|cell_(count|capacity)|evidence_put_cell", r"^(clients/ctl/|tests/(unit|lint)/)"),  # of a table
    (r"CELL", r"^clients/ctl/picture/"),  # of a screen
    (r"fold", r"\.py$"),                           # of Python's own times
    (r"SSL_OP_NO_TICKET", r"^tls/"),                # of OpenSSL
    (r"judge\w*|\w*_judge(_\w+)?", r"^(orchestrator|clients|tests/unit)/"),  # to judge a gate, an abort or a mark
)

# Ordinary English, or names of the database that comments quote: allowed in comments.
NOT_IN_COMMENTS = {"bank", "banks", "cell", "cells", "course", "door", "flight", "fold", "folds", "ground", "judge", "judges",
                   "life", "marks", "people", "played", "room", "stand", "tell", "world"}
COMMENTS = {".sql": r"--[^\n]*", ".py": r"#[^\n]*"}
C_COMMENT = r"/\*.*?\*/|//[^\n]*"
TEXT = r'[rRfFbB]*"""[\s\S]*?"""|[rRfFbB]*"(?:\\.|[^"\\\n])*"|[rRfFbB]*\'(?:\\.|[^\'\\\n])*\''
THREAD_NAME = re.compile(r'thread_start\([^,;]*, "([^"]*)"|worker_config\)?[^;{]*\{\s*\.name = "([^"]*)"')


def retired():
    """Returns each retired word with its replacement, from the glossary's last table."""
    table = GLOSSARY.read_text(encoding="utf-8").split("## Retired words", 1)[1]
    words = {}
    for names, instead in re.findall(r"^\| (`.*?`) \| (.*?) \|$", table, re.M):
        for name in re.findall(r"`(\w+)`", names):
            words[name] = instead
    return words


def code(path, text):
    """Returns the text without comments and strings; the lines stay. Expressions in a Python f-string are code, too."""
    def blank(match):
        token = match.group()
        if path.suffix == ".py" and re.match(r"[rR]?[fF]", token):
            return " ".join(re.findall(r"(?<!\{)\{(?!\{)[^{}\"']*", token)) + "\n" * token.count("\n")
        return "\n" * token.count("\n") + " "

    comment = COMMENTS.get(path.suffix, C_COMMENT)
    return re.sub(rf"{TEXT}|{comment}", blank, text, flags=re.S)


def comments(path, text):
    """Each comment, and each Python docstring, with the number of its first line."""
    for match in re.finditer(rf"(?P<text>{TEXT})|(?P<comment>{COMMENTS.get(path.suffix, C_COMMENT)})", text, re.S):
        is_docstring = path.suffix == ".py" and match["text"] and match["text"].lstrip("rRfFbB").startswith('"""')
        if match["comment"] or is_docstring:
            yield text.count("\n", 0, match.start()) + 1, match.group()


def texts_to_check(path, text):
    """Yields each comment without the words that are ordinary English, and each thread name, with its line."""
    ordinary = finder(NOT_IN_COMMENTS)
    for number, comment in comments(path, text):
        for offset, line in enumerate(comment.splitlines()):
            yield number + offset, ordinary.sub("", line)
    for match in THREAD_NAME.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match[1] or match[2]


def is_allowed(name, file):
    return any(re.fullmatch(pattern, name) and re.search(where, file) for pattern, where in ALLOWED)


def finder(words):
    return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(sorted(words, key=len, reverse=True))})(?![A-Za-z0-9])", re.I)


def main():
    words = retired()
    pattern = finder(words)
    faults = []
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True,
                            text=True, check=True).stdout.split()
    for file in listed:
        if file.startswith(KEPT):
            continue
        for part in pathlib.PurePath(file).parts:
            for match in pattern.finditer(TERMS.sub("", part)):
                faults.append(f"{file}: {match.group()} is retired: {words[match.group().lower()]}")
        path = ROOT / file
        if path.suffix not in (".c", ".h", ".py", ".sql") or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        for number, line in texts_to_check(path, text):
            for match in pattern.finditer(TERMS.sub("", line)):
                faults.append(f"{file}:{number}: {match.group()} is retired: {words[match.group().lower()]}")
        for number, line in enumerate(code(path, text).splitlines(), 1):
            for name in re.findall(r"[A-Za-z_]\w*", line):
                match = pattern.search(TERMS.sub("", name))
                if match and not is_allowed(name, file):
                    faults.append(f"{file}:{number}: {name}: {match.group()} is retired: {words[match.group().lower()]}")
    for fault in sorted(set(faults)):
        print(fault, file=sys.stderr)
    return 1 if faults or not words else 0


if __name__ == "__main__":
    sys.exit(main())
