"""The best and the worst end of a running rollout, and the curves beside them."""

import json
import signal
from datetime import datetime, timedelta, timezone

import pytest
from harness.operations import operate
from harness.programs import command_line
from harness.wait import wait_for

ATMS = {"devices": ["A1", "A2", "A3", "A4", "A5"]}
ONE = {"maxUnavailable": 1}
SHORT = {"dispatchTimeout": "10m", "answerTimeout": "10m", "receiveTimeout": "10m", "installTimeout": "30m"}


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2", "A3", "A4"], "B2": ["A5"]})
    return stack


def forecast_of(testbed, rollout, number=0):
    return testbed.orchestrators[number].http.document(f"/v1/rollouts/{rollout}/forecast")


def left(document, end):
    return datetime.fromisoformat(document[end]) - datetime.fromisoformat(document["at"])


def codes(document):
    return [assumption["code"] for assumption in document["assumptions"]]


def completed_by_forecast(document):
    """The devices that were done at the last forecast; the last point is the present."""
    return document["actual"][-2]["completed"] if len(document["actual"]) > 1 else None


def wait_for_computed(testbed, rollout):
    """Waits for a forecast of the conductor. Returns the document."""
    def computed():
        document = forecast_of(testbed, rollout)
        return document if document["forecast_at"] is not None else None
    return wait_for(computed, "the conductor has forecast it")


def complete(testbed, rollout, name, branch):
    testbed.wait_for_state(rollout, name, "dispatched")
    device = testbed.device(name, branch)
    device.ask()
    device.reply(device.wait_for_instruction(), "completed")
    testbed.wait_for_state(rollout, name, "completed")


def is_near(time, expected):
    return expected - timedelta(minutes=1) < time < expected + timedelta(minutes=1)


def test_both_ends_are_there_from_the_first_moment_until_the_rollout_ends(testbed):
    rollout = testbed.submit(selector={"devices": ["A5"]}, execution=SHORT)
    document = wait_for(lambda: next((document for document in [forecast_of(testbed, rollout)]
                                      if document["state"] == "running"), None), "it runs")
    assert document["best_end_at"] is not None and document["worst_end_at"] is not None, document
    document = wait_for_computed(testbed, rollout)
    assert is_near(left(document, "best_end_at"), timedelta(minutes=30)), document
    assert is_near(left(document, "worst_end_at"), timedelta(hours=1)), document
    assert {"first_try", "install_timeout", "all_attempts", "alone"} <= set(codes(document))
    (row,) = testbed.http.document("/v1/overview")["rollouts"]
    assert row["worst_end_at"] > row["forecast_end_at"] and row["worst_end_at"][:16] == document["worst_end_at"][:16], row
    shown = command_line("tonight", *testbed.http.at("ola")).stdout
    assert row["worst_end_at"][:19].replace("T", " ") + "Z" in shown and "AT BEST" in shown and "AT WORST" in shown, shown
    assert all(" " in assumption["text"] for assumption in document["assumptions"])
    operate(testbed, rollout, "pause")
    paused = forecast_of(testbed, rollout)
    assert paused["best_end_at"] is None and paused["worst_end_at"] is None and paused["assumptions"] == []
    assert paused["forecast"], "the curve stays"
    operate(testbed, rollout, "resume")
    resumed = forecast_of(testbed, rollout)
    assert resumed["best_end_at"] is not None and resumed["worst_end_at"] is not None
    complete(testbed, rollout, "A5", "B2")
    testbed.wait_for_rollout(rollout)
    ended = forecast_of(testbed, rollout)
    assert ended["best_end_at"] is None and ended["forecast_at"] is None
    assert ended["actual"][-1] == {"at": ended["ended_at"], "started": 1, "completed": 1, "failed": 0}
    assert [night["planned"] for night in ended["plan"]] == [1] and ended["devices"] == 1


def test_before_the_first_forecast_it_ends_at_its_end_at_worst(testbed):
    """As in the moment between the start of a rollout and the conductor's first look at it."""
    end = (datetime.now(timezone.utc) + timedelta(hours=9)).replace(microsecond=0)
    rollout = testbed.submit(selector=ATMS, disruptionBudget=ONE, schedule={"endAt": f"{end:%Y-%m-%dT%H:%M:%SZ}"})
    wait_for_computed(testbed, rollout)
    other = testbed.orchestrator()
    testbed.orchestrators[0].send(signal.SIGSTOP)  # it conducts
    testbed.database.rows("DELETE FROM rollout_forecast_point RETURNING 1")
    document = other.http.document(f"/v1/rollouts/{rollout}/forecast")
    testbed.orchestrators[0].send(signal.SIGCONT)
    assert document["forecast_at"] is None and codes(document) == ["not_computed"], document
    assert document["best_end_at"] == document["at"] and datetime.fromisoformat(document["worst_end_at"]) == end


def test_retries_put_off_the_worst_end_alone(testbed):
    once = wait_for_computed(testbed, testbed.submit("once", selector={"devices": ["A5"]}, execution=SHORT))
    execution = SHORT | {"retries": 2, "backoff": "1h"}
    again = wait_for_computed(testbed, testbed.submit("again", selector={"devices": ["A1"]}, execution=execution))
    assert is_near(left(once, "best_end_at"), timedelta(minutes=30)) and is_near(left(again, "best_end_at"), timedelta(minutes=30))
    assert is_near(left(once, "worst_end_at"), timedelta(hours=1))
    assert is_near(left(again, "worst_end_at"), timedelta(hours=3 + 1 + 2)), again


def test_it_is_there_while_a_group_awaits_an_approval(testbed):
    groups = [{"name": "pilot", "devices": ["A5"], "approval": "manual"}, {"name": "rest", "percentage": 100}]
    rollout = testbed.submit(selector=ATMS, groups=groups, disruptionBudget=ONE, execution=SHORT)
    complete(testbed, rollout, "A5", "B2")
    wait_for(lambda: testbed.http.document(f"/v1/rollouts/{rollout}")["groups"][0]["awaits_approval"], "it asks")
    document = wait_for(lambda: next((document for document in [forecast_of(testbed, rollout)]
                                      if completed_by_forecast(document) == 1), None), "it is forecast again")
    assert is_near(left(document, "best_end_at"), timedelta(hours=2)), document
    assert "approved_at_once" in codes(document) and "not_approved" not in codes(document)


def test_without_the_missing_approval_it_ends_at_its_end_at_worst(testbed):
    end = (datetime.now(timezone.utc) + timedelta(hours=9)).replace(microsecond=0)
    groups = [{"name": "pilot", "devices": ["A5"], "approval": "manual"}, {"name": "rest", "percentage": 100}]
    rollout = testbed.submit(selector=ATMS, groups=groups, execution=SHORT, schedule={"endAt": f"{end:%Y-%m-%dT%H:%M:%SZ}"})
    document = wait_for_computed(testbed, rollout)
    assert datetime.fromisoformat(document["worst_end_at"]) == end == datetime.fromisoformat(document["end_at"])
    assert is_near(left(document, "best_end_at"), timedelta(minutes=30 + 30)) and "not_approved" in codes(document)


def test_the_curve_stays_bounded_and_keeps_its_first_point(testbed):
    rollout = testbed.submit(selector=ATMS, disruptionBudget=ONE)
    wait_for_computed(testbed, rollout)
    testbed.database.rows(
        "INSERT INTO rollout_forecast_point SELECT %s, m, m, m, m, '{}', 0, 0, 0"
        " FROM generate_series(date_trunc('minute', now()) - interval '499 minutes', now() - interval '1 minute', '1 minute') m"
        " ON CONFLICT DO NOTHING RETURNING 1", rollout)
    document = wait_for(lambda: next((document for document in [forecast_of(testbed, rollout)]
                                      if len(document["forecast"]) < 300), None), "every second point is deleted")
    times = [datetime.fromisoformat(point["at"]) for point in document["forecast"]]
    assert 240 < len(times) < 260 and times == sorted(times)
    assert times[0] < datetime.fromisoformat(document["at"]) - timedelta(minutes=490)
    assert times[2] - times[1] == timedelta(minutes=2)
    assert document["forecast_at"] is not None and document["best_end_at"] > document["at"]


def test_another_orchestrator_continues_the_curve_and_keeps_what_was_planned(testbed):
    rollout = testbed.submit(selector=ATMS, disruptionBudget=ONE, execution=SHORT)
    first = wait_for_computed(testbed, rollout)
    complete(testbed, rollout, "A5", "B2")
    testbed.orchestrator()
    testbed.orchestrators[0].kill()

    def is_continued():
        document = forecast_of(testbed, rollout, 1)
        return document if document["forecast_at"] > first["at"] and completed_by_forecast(document) == 1 else None
    document = wait_for(is_continued, "the second one forecasts", seconds=90)
    assert document["forecast"][0]["at"] >= first["forecast"][0]["at"]
    assert document["plan"] == first["plan"] and sum(night["devices"] for night in document["plan"]) == 5
    assert testbed.database.value("SELECT count(*) FROM rollout_forecast_point WHERE rollout_id = %s", rollout) \
        == len(document["forecast"])


def test_a_rollout_that_is_not_there_has_no_forecast(testbed):
    assert testbed.http.ask("GET", "/v1/rollouts/77/forecast").status == 404


def test_the_command_says_when_it_ends_what_that_assumes_and_how_it_changed(testbed):
    rollout = testbed.submit(selector=ATMS, disruptionBudget=ONE, execution=SHORT)
    wait_for_computed(testbed, rollout)
    server = ("--server", testbed.http.url)
    shown = command_line("rollout", "forecast", "upgrade", *server).stdout
    for text in ("best end", "worst end", ", in ", "installTimeout", "planned", "done", "FORECAST AT"):
        assert text in shown, shown
    document = json.loads(command_line("rollout", "forecast", str(rollout), "--json", *server).stdout)
    assert document["rollout"] == rollout and document["forecast"] and document["plan"]
    operate(testbed, rollout, "cancel")
    testbed.wait_for_rollout(rollout, "cancelled")
    shown = command_line("rollout", "forecast", str(rollout), *server).stdout
    assert "best end" not in shown and "cancelled" in shown and "planned" in shown, shown


def test_a_forecast_waits_for_the_end_of_a_freeze_and_no_longer_than_it_is_in_force(testbed):
    rollout = testbed.submit("frozen", selector=ATMS, execution=SHORT, disruptionBudget=ONE)
    until = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=3)
    freeze = testbed.http.ask("POST", "/v1/freezes", json.dumps({"match": "branch=B2", "until": f"{until:%Y-%m-%dT%H:%M:%SZ}", "reason": "a storm"}),
                              {"Content-Type": "application/json", **testbed.http.as_("ann")})
    assert freeze.status == 201, freeze

    def frozen():
        document = forecast_of(testbed, rollout)
        return document if "frozen" in codes(document) else None

    document = wait_for(frozen, "the forecast knows the freeze", 60)
    assert until <= datetime.fromisoformat(document["best_end_at"]) < until + timedelta(hours=1)
    assert until + timedelta(hours=1) <= datetime.fromisoformat(document["worst_end_at"])
    lift = testbed.http.ask("POST", f"/v1/freezes/{freeze.json()['freeze']}/lift", json.dumps({"reason": "it is over"}),
                            {"Content-Type": "application/json", **testbed.http.as_("ann")})
    assert lift.status == 200, lift
    document = wait_for(lambda: frozen() is None and forecast_of(testbed, rollout), "the forecast forgets the freeze", 60)
    assert datetime.fromisoformat(document["best_end_at"]) < until


MANY = 70  # more rollouts than progress is remembered of


def test_each_of_many_running_rollouts_is_forecast_and_none_in_each_cycle(testbed):
    rollouts = [testbed.submit(f"many-{number}", selector={"devices": ["A1"]}, schedule={"startAt": "2099-01-01T00:00:00Z"})
                for number in range(MANY)]
    look = "SELECT rollout_id, max(at) AS at FROM rollout_forecast_point WHERE rollout_id = ANY (%s) GROUP BY 1"

    def times():
        found = {row["rollout_id"]: row["at"] for row in testbed.database.rows(look, rollouts)}
        return found if len(found) == MANY else None

    first = wait_for(times, "each rollout is forecast")

    def renewed():
        found = times()
        return found if found != first else None

    later = wait_for(renewed, "one is forecast again")
    again = {rollout: later[rollout] - first[rollout] for rollout in rollouts if later[rollout] != first[rollout]}
    assert min(again.values()) > timedelta(seconds=4), again
