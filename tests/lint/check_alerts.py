#!/usr/bin/python3
"""Checks that the alert rules and the dashboard name metrics that there are, that the dashboard shows each histogram and each metric
with a label, that each alert is tested both as it fires and as it does not, and that docs/operations.md explains it, and no
other."""

import json
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "packaging/prometheus/tellercast.rules.yml"
TESTS = ROOT / "packaging/prometheus/tellercast.rules.test.yml"
DASHBOARD = ROOT / "packaging/grafana/tellercast.json"
PAGE = ROOT / "docs/operations.md"
METRICS = ROOT / "orchestrator/metrics/metrics.c"


def metrics():
    return set(re.findall(r'{"(tellercast_\w+)"', METRICS.read_text(encoding="utf-8")))


def metrics_to_show():
    """The histograms, and those with labels."""
    return set(re.findall(r'\[(?:HISTOGRAM|FAMILY)_\w+\] = {"(tellercast_\w+)"', METRICS.read_text(encoding="utf-8")))


def named(text):
    return {re.sub("_(bucket|sum|count)$", "", name) if name.endswith(("_seconds_bucket", "_seconds_sum", "_seconds_count")) else name
            for name in re.findall(r"\btellercast_\w+", text)}


def faults():
    rules = [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
    known = metrics()
    for rule in rules:
        for name in sorted(named(rule["expr"]) - known):
            yield f"{RULES.name}: {rule['alert']}: no metric {name}"
    shown = set()
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel["targets"]:
            shown |= named(target["expr"])
            for name in sorted(named(target["expr"]) - known):
                yield f"{DASHBOARD.name}: {panel['title']}: no metric {name}"
    for name in sorted(metrics_to_show() - shown):
        yield f"{DASHBOARD.name}: no panel shows {name}"
    tried = {}
    for test in yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]:
        for case in test["alert_rule_test"]:
            tried.setdefault(case["alertname"], set()).add(bool(case["exp_alerts"]))
    section = PAGE.read_text(encoding="utf-8").split("## Alerts\n", 1)[1].split("\n## ", 1)[0]
    explained = dict(re.findall(r"^\| `(Tellercast\w+)` \| (\w+) \|", section, re.M))
    for rule in rules:
        if tried.get(rule["alert"]) != {True, False}:
            yield f"{TESTS.name}: {rule['alert']}: not tested both as it fires and as it does not"
        if explained.get(rule["alert"]) != rule["labels"]["severity"]:
            yield f"{PAGE.name}: {rule['alert']}: not explained, or with another severity"
    for name in sorted(explained.keys() - {rule["alert"] for rule in rules}):
        yield f"{PAGE.name}: {name}: no such alert"


def main():
    found = list(faults())
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
