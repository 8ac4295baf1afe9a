"""The alert rules, by promtool. tests/lint/check_alerts.py checks that each rule is among the tests."""

import pathlib
import subprocess

import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "packaging/prometheus"


@pytest.mark.parametrize("words", (("check", "rules", "tellercast.rules.yml"), ("test", "rules", "tellercast.rules.test.yml")))
def test_promtool_finds_nothing_in_the_alert_rules(words):
    done = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 and "SUCCESS" in done.stdout, done
