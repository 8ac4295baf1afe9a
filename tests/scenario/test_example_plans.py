"""The plans of config/examples/plans are previewed and submitted, one after another, to an installation with the example fleet."""

import re
from datetime import date, datetime, timedelta, timezone

import pytest
import yaml
from harness.programs import command_line
from harness.servers import ROOT
from harness.wait import wait_for

EXAMPLES = ROOT / "config/examples"
CALENDARS = yaml.safe_load((EXAMPLES / "calendars.yaml").read_text(encoding="utf-8"))["calendars"]
# Rollouts that other plans name come before those plans.
ORDER = ("pilot-then-nation", "rollback", "emergency-patch", "parameter-change", "banknote-blacklist", "offsite-only",
         "collect-journals")
DEVICES = {"pilot-then-nation": 7, "rollback": 7, "emergency-patch": 9, "parameter-change": 3,
           "banknote-blacklist": 5, "offsite-only": 2, "collect-journals": 4}


DATE = re.compile(r"\b(startAt|endAt|from|to): (\d{4}-\d\d-\d\d)")


def as_if_written_today(text):
    """Moves all dates of an example by whole weeks into the near future, since they will be past one day."""
    dates = [date.fromisoformat(day) for _, day in DATE.findall(text)]
    weeks = (datetime.now(timezone.utc).date() - min(dates)).days // 7 + 1 if dates else 0

    def moved(match):
        return f"{match[1]}: {date.fromisoformat(match[2]) + timedelta(weeks=weeks)}"

    return DATE.sub(moved, text)


@pytest.fixture
def testbed(stack):
    stack.orchestrator(calendars=CALENDARS)
    answer = stack.http.import_fleet((EXAMPLES / "fleet-small.yaml").read_text(encoding="utf-8"))
    assert answer.status == 200, answer
    stack.add_artifact()
    return stack


def test_there_is_no_example_that_is_not_tried_here():
    assert {file.stem for file in (EXAMPLES / "plans").iterdir()} == set(ORDER) == set(DEVICES)


def test_every_example_is_previewed_and_taken_with_the_same_devices(testbed):
    for name in ORDER:
        document = as_if_written_today((EXAMPLES / f"plans/{name}.yaml").read_text(encoding="utf-8"))
        preview = testbed.http.ask("POST", "/v1/rollouts:preview", document, {"Content-Type": "application/yaml"})
        assert preview.status == 200, (name, preview)
        answer = testbed.http.submit(document)
        assert answer.status == 201, (name, answer)
        rollout = answer.json()["rollout"]
        wait_for(lambda: testbed.database.rollout(rollout)["planned_at"] is not None, f"{name} is planned")
        assert preview.json()["digest"] == answer.json()["digest"]
        assert preview.json()["devices"] == answer.json()["devices"] == DEVICES[name], name
        # As if it were done: the next example may depend on it.
        testbed.database.rows("UPDATE instruction SET state = 5, due_at = NULL, wake_at = NULL, in_flight = false")


def test_every_example_is_valid_now_and_one_whose_end_has_come_is_not(tmp_path):
    done = command_line("plan", "validate", *sorted((EXAMPLES / "plans").iterdir()))
    assert done.stdout.count("valid") == len(ORDER)
    over = tmp_path / "over.yaml"
    text = (EXAMPLES / "plans/banknote-blacklist.yaml").read_text(encoding="utf-8")
    over.write_text(text.replace("endAt: 2036-", "endAt: 2016-"), encoding="utf-8")
    done = command_line("plan", "validate", over, check=False)
    assert done.returncode == 3 and not done.stdout
    assert "over.yaml:19:21: spec.schedule.endAt: must be in the future; found 2016-11-28T05:00:00Z" in done.stderr, done
