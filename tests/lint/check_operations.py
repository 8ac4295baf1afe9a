#!/usr/bin/python3
"""Checks that the code has each metric, log event and setting that docs/operations.md mentions."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/operations.md"
METRICS = ROOT / "orchestrator/metrics/metrics.c"
SETTINGS = (ROOT / "config/daemon.c", ROOT / "clients/agent/settings.c")
LOGGING = ("base", "tls", "orchestrator", "clients/agent")
NAME = r"[a-z][a-z_]*\.[a-z][a-z_]*"
FILES = re.compile(r"\.(json|yaml|md|conf|sql)$")
OTHERS = re.compile(r"tellercast_(migrate|run|read|guard)$")  # the roles of packaging/roles.sql, and the plugin


def log_events():
    """Returns the events of all LOG_… statements. A statement ends with the first semicolon at the end of a line."""
    events = set()
    for folder in LOGGING:
        for path in sorted((ROOT / folder).rglob("*.c")):
            for statement in re.findall(r"\bLOG_[A-Z]+\(.*?;$", path.read_text(encoding="utf-8"), re.M | re.S):
                events.update(re.findall(rf'"({NAME})"', statement))
    return events


def main():
    page = PAGE.read_text(encoding="utf-8")
    metrics = set(re.findall(r'\{"(tellercast_\w+)"', METRICS.read_text(encoding="utf-8")))
    settings = {name for path in SETTINGS for name in re.findall(rf'\("({NAME})"', path.read_text(encoding="utf-8"))}
    events = log_events()
    mentioned_metrics = {name for name in re.findall(r"\btellercast_\w+", page) if not OTHERS.match(name)}
    mentioned_names = {name for name in re.findall(rf"`({NAME})`", page) if not FILES.search(name)}
    faults = [f"metric {name} is not in {METRICS.relative_to(ROOT)}" for name in sorted(mentioned_metrics - metrics)]
    faults += [f"{name} is neither a log event nor a setting" for name in sorted(mentioned_names - events - settings)]
    for fault in faults:
        print(f"docs/operations.md: {fault}", file=sys.stderr)
    return 1 if faults or not mentioned_metrics or not mentioned_names & events else 0


if __name__ == "__main__":
    sys.exit(main())
