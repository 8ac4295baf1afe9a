"""An operator refers to a rollout by its ID or its name. A word that fits two rollouts is refused."""

import json
import re

import pytest
from harness.plan import plan
from harness.programs import command_line

LATER = {"action": "configure", "artifact": None, "parameters": {"v": "1"},
         "schedule": {"startAt": "2099-01-01T00:00:00Z"}}
MANY = 20000
USAGE, ERROR, INVALID = 2, 1, 3


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.import_fleet(pull=["P1"])
    stack.as_ann = stack.http.at("ann")
    return stack


def submit(testbed, name):
    rollout = testbed.submit(name, **LATER)
    testbed.wait_for_rollout(rollout, "running")
    return rollout


def as_an_older_version(testbed, rollout, name):
    """Gives the rollout a name of digits, or one that begins with -, which only an older version accepted."""
    testbed.database.rows("UPDATE rollout SET name = %s WHERE id = %s", str(name), rollout)


def run(testbed, *words, check=False):
    return command_line(*words, *testbed.as_ann, check=check)


def commands_on_a_rollout():
    return set(re.findall(r"^tellercast rollout (\w+) ID\|NAME", command_line("help", "--markdown").stdout, re.MULTILINE))


def rollout_of(done):
    return json.loads(done.stdout)["rollout"]


@pytest.mark.parametrize("name", ["1", "20261201", "0", "007", "9" * 64])
def test_a_name_of_digits_is_refused_at_each_endpoint(testbed, name):
    document = plan(name, **LATER)
    assert document.count(f"name: '{name}'") == 1
    for text in (document, document.replace(f"'{name}'", name)):  # numbers of YAML make no difference
        answer = testbed.http.submit(text)
        assert answer.status == 422, answer
        assert [error["path"] for error in answer.json()["errors"]] == ["metadata.name"]
        assert "digits" in answer.json()["errors"][0]["detail"]
    assert testbed.orchestrators[0].submit_by_socket(document)["status"] == 422
    assert testbed.operator().submit(document)["status"] == 422
    file = testbed.folder / "plan.yaml"
    file.write_text(document, encoding="utf-8")
    assert run(testbed, "plan", "validate", file).returncode == INVALID
    assert testbed.http.document("/v1/rollouts")["rollouts"] == []


@pytest.mark.parametrize("name", ["-x", "--help", "-"])
def test_a_name_that_begins_as_an_option_is_refused_in_new_plans_and_found_in_old_ones(testbed, name):
    for document, path in ((plan(name, **LATER), "metadata.name"),
                           (plan("payday", groups=[{"name": name, "percentage": 100}], **LATER), "spec.groups[0].name")):
        answer = testbed.http.submit(document)
        assert answer.status == 422 and [error["path"] for error in answer.json()["errors"]] == [path], answer
        assert "would take for an option" in answer.json()["errors"][0]["detail"]
    rollout = submit(testbed, "payday")
    as_an_older_version(testbed, rollout, name)
    for words in ([f"name={name}"], ["--", name]):
        assert rollout_of(command_line("rollout", "status", "--json", "--server", testbed.http.url, *words)) == rollout


def test_a_command_on_a_word_that_fits_two_names_both_and_does_nothing(testbed):
    first, second = submit(testbed, "payday"), submit(testbed, "other")
    as_an_older_version(testbed, second, first)
    file = testbed.folder / "plan.yaml"
    file.write_text(plan("payday", **LATER), encoding="utf-8")
    before = testbed.database.everything()
    reason = ("--reason", "x")
    commands = (
        ["status"], ["watch"], ["wait"], ["instructions"], ["failures"], ["forecast"], ["drift"], ["report"], ["approve", *reason],
        ["reject", *reason], ["pause", *reason], ["resume", *reason], ["cancel", *reason], ["retry", *reason],
        ["promote", "all", *reason], ["exclude", "--match", "region=emea", *reason], ["skip", "A1", *reason],
        ["rollback", *reason], ["revise", file, *reason], ["amend", "--per-minute", "1", *reason], ["amendments"],
    )
    assert {words[0] for words in commands} == commands_on_a_rollout()
    for words in commands:
        done = run(testbed, "rollout", words[0], first, *words[1:])
        assert done.returncode == USAGE, (words, done.stdout, done.stderr)
        assert '"payday"' in done.stderr and f"the ID {second}" in done.stderr, done.stderr
        assert f"id={first}" in done.stderr and f"name={first}" in done.stderr
        assert done.stdout == ""
    assert testbed.database.everything() == before


def test_the_word_can_say_which_of_two_is_meant(testbed):
    first, second = submit(testbed, "payday"), submit(testbed, "other")
    as_an_older_version(testbed, second, first)
    assert rollout_of(run(testbed, "rollout", "status", f"id={first}", "--json", check=True)) == first
    assert rollout_of(run(testbed, "rollout", "status", f"name={first}", "--json", check=True)) == second
    assert rollout_of(run(testbed, "rollout", "status", "payday", "--json", check=True)) == first
    assert rollout_of(run(testbed, "rollout", "status", second, "--json", check=True)) == second
    assert run(testbed, "rollout", "status", "id=x").returncode == USAGE
    assert run(testbed, "rollout", "status", "name=nobody").returncode == ERROR
    run(testbed, "rollout", "cancel", f"name={first}", "--reason", "x", check=True)
    assert testbed.database.rollout(first)["state"] == "running"


def test_a_number_that_is_only_a_name_is_that_name(testbed):
    rollout = submit(testbed, "payday")
    as_an_older_version(testbed, rollout, 20261201)
    assert rollout_of(run(testbed, "rollout", "status", 20261201, "--json", check=True)) == rollout
    own = submit(testbed, "own")
    as_an_older_version(testbed, own, own)
    assert rollout_of(run(testbed, "rollout", "status", own, "--json", check=True)) == own
    done = run(testbed, "rollout", "status", 4711)
    assert done.returncode == ERROR and "4711" in done.stderr


def test_a_name_is_found_among_very_many_with_one_question(testbed):
    rollout = submit(testbed, "payday")
    testbed.database.rows(
        "INSERT INTO rollout (name, digest, plan, shared_claims, calendars, devices, author, door, state) "
        "SELECT 'of-' || n, digest, plan, shared_claims, calendars, devices, author, door, 'cancelled' "
        "FROM rollout, generate_series(1, %s) n", MANY)
    before = testbed.http.metric("tellercast_http_requests_total")
    assert rollout_of(run(testbed, "rollout", "status", "payday", "--json", check=True)) == rollout
    assert testbed.http.metric("tellercast_http_requests_total") - before == 3, "the name, the rollout, and this look"
    assert rollout_of(run(testbed, "rollout", "status", f"of-{MANY}", "--json", check=True)) == rollout + MANY
