"""SIGHUP: what a reload takes, and what it says about the rest."""

import re
import signal

from harness.plan import text_of

SECRET = "never-shown"


def reload(orchestrator, **changed):
    """Changes the settings file, and returns what the reload logs about it."""
    seen = len(orchestrator.text())
    orchestrator.file.write_text(text_of({**orchestrator.settings, **changed}), encoding="utf-8")
    orchestrator.send(signal.SIGHUP)
    orchestrator.wait_until(lambda: re.search(r"settings\.(reloaded|refused)", orchestrator.text()[seen:]), "the reload has ended")
    return [line for line in orchestrator.text()[seen:].splitlines() if re.search(r"\bsettings\.", line)]


def named(lines):
    """Returns the settings that need a restart."""
    return [re.search(r" name=(\S+)", line)[1] for line in lines if " warning settings.restart_needed " in line]


def test_a_reload_names_each_setting_that_needs_a_restart_and_shows_no_value(stack):
    orchestrator = stack.orchestrator()
    own = orchestrator.settings
    lines = reload(orchestrator, database=f"{own['database']} password={SECRET}", lease="9s", updater={"threads": 3},
                   broker={**own["broker"], "keep_alive": "40s"}, calendars={"closed": []},
                   redis={**own["redis"], "prefix": SECRET}, log={"level": "info"})
    assert named(lines) == ["database", "broker.keep_alive", "redis.prefix", "updater.threads", "lease"], lines
    assert " settings.reloaded " in lines[-1] and SECRET not in orchestrator.text()
    assert named(reload(orchestrator, lease="9s")) == ["lease"], "as often as it is read"
    assert named(reload(orchestrator)) == []
