"""A preview shows in advance the counts that planning and the rollout itself have later, and writes nothing."""

import concurrent.futures
from datetime import datetime, timedelta, timezone

import pytest
from harness.operations import submit_as
from harness.plan import fleet, plan
from harness.wait import wait_for

UTC = timezone.utc
YAML = {"Content-Type": "application/yaml"}
LATER = {"startAt": "2038-01-10T00:00:00Z"}
NIGHTLY = [{"start": "01:00", "duration": "3h"}]
TWO_HOURS_NIGHTLY = [{"start": "01:00", "duration": "2h"}]
ZONES = ["Europe/Berlin", "Asia/Kolkata", "America/New_York"]


def ask_preview(stack, name="upgrade", **spec):
    return stack.http.ask("POST", "/v1/rollouts:preview", plan(name, **spec), YAML)


def preview(stack, name="upgrade", **spec):
    answer = ask_preview(stack, name, **spec)
    assert answer.status == 200, answer
    return answer.json()


def planned(stack, rollout):
    wait_for(lambda: stack.database.rollout(rollout)["state"] != "accepted", "the rollout is planned")
    return stack.database.instructions(rollout)


def nights(document):
    return {(night["group"], night["night"]): night["devices"] for night in document["nights"]}


def groups(document):
    return {group["name"]: group["devices"] for group in document["groups"]}


@pytest.fixture
def testbed(stack):
    """Thirty branches of one to five ATMs in three zones, and five devices without a branch."""
    stack.orchestrator()
    stack.add_artifact()
    branches = {f"B{n:02}": [f"B{n:02}-A{atm}" for atm in range(1 + n % 5)] for n in range(30)}
    zones = {branch: ZONES[n % 3] for n, branch in enumerate(branches)}
    stack.import_fleet(branches, [f"P{n}" for n in range(5)], zones=zones)
    return stack


SHAPES = {
    "by percentage": [{"name": "pilot", "percentage": "7%"}, {"name": "rest", "percentage": "100%"}],
    "by count": [{"name": "few", "count": 3}, {"name": "more", "count": 50}, {"name": "all", "percentage": "100%"}],
    "by devices and branches": [
        {"name": "lab", "devices": ["B00", "B01-A0", "P3"]},
        {"name": "towns", "branches": ["B02", "B07"]},
        {"name": "half", "percentage": "50%"},
        {"name": "late-lab", "devices": ["B05", "B06"]},
        {"name": "rest", "percentage": "100%"},
    ],
    "not all": [{"name": "some", "percentage": "12.5%"}, {"name": "more", "percentage": "40%"}],
    "one empty": [
        {"name": "lab", "devices": ["P0"]},
        {"name": "nobody", "devices": ["P0"]},
        {"name": "rest", "percentage": "100%"},
    ],
    "none": None,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_preview_puts_as_many_in_each_group_and_night_as_planning_does(testbed, shape):
    spec = {
        "schedule": {**LATER, "windows": TWO_HOURS_NIGHTLY},
        "rate": {"perMinute": 3},
        "disruptionBudget": {"maxUnavailable": 2},
        "execution": {"installTimeout": "20m"},
        "groups": SHAPES[shape],
    }
    previewed = preview(testbed, **spec)
    rollout = testbed.submit(**spec)
    rows = planned(testbed, rollout)
    sizes = testbed.database.rows("SELECT name, devices FROM rollout_group WHERE rollout_id = %s", rollout)
    assert groups(previewed) == {row["name"]: row["devices"] for row in sizes}
    assert previewed["devices"] == len(rows)
    # The plan in the rollout's report is computed from its own rows and windows.
    report = testbed.http.document(f"/v1/rollouts/{rollout}/report")
    assert nights(previewed) == {(night["group"], night["night"]): night["planned"] for night in report["nights"]}
    assert sum(nights(previewed).values()) == len(rows)


def test_a_preview_of_a_selector_counts_only_what_it_takes(testbed):
    selector = {"matchExpressions": [{"key": "role", "operator": "In", "values": ["atm"]}], "branches": ["B03", "B04"]}
    previewed = preview(testbed, selector=selector, schedule=LATER)
    rollout = testbed.submit(selector=selector, schedule=LATER)
    assert previewed["devices"] == len(planned(testbed, rollout)) == 9
    assert groups(previewed) == {"all": 9}


def test_what_starts_tonight_and_what_waits_for_tomorrow_is_previewed(stack):
    stack.orchestrator()
    stack.add_artifact()
    branches = {f"B{n:02}": [f"B{n:02}-A", f"B{n:02}-B"] for n in range(12)}
    zones = {branch: "UTC" if n % 3 else "Asia/Kolkata" for n, branch in enumerate(branches)}
    document = fleet(branches, zones=zones)
    stack.import_fleet(branches, zones=zones)
    stack.simulated_fleet(document)
    now = datetime.now(UTC)
    opened = max(now - timedelta(minutes=10), now.replace(hour=0, minute=0))  # five and a half hours ago in India
    spec = {
        "schedule": {"windows": [{"start": f"{opened:%H:%M}", "duration": "4h"}]},
        "execution": {"installTimeout": "2s"},
        "groups": [
            {"name": "west", "branches": [branch for branch, zone in zones.items() if zone == "UTC"][:4]},
            {"name": "rest", "percentage": "100%"},
        ],
    }
    previewed = preview(stack, **spec)
    tonight = f"{opened:%Y-%m-%d}"
    rollout = stack.submit(**spec)
    west, rest = previewed["groups"]
    assert (west["devices"], rest["devices"]) == (12, 24)
    assert nights(previewed)[("west", tonight)] == 12
    tonight_of_rest = nights(previewed)[("rest", tonight)]
    assert tonight_of_rest == 12, "the other branches in the west; India's window has passed"
    stack.wait_for_states(rollout, completed=12 + tonight_of_rest, created=24 - tonight_of_rest)
    report = stack.http.document(f"/v1/rollouts/{rollout}/report")
    actual = {(night["group"], night["night"]): night["started"] for night in report["nights"] if night["started"]}
    assert actual == {key: count for key, count in nights(previewed).items() if key[1] == tonight}
    waiting = [row for row in stack.database.instructions(rollout).values() if row["state_name"] == "created"]
    assert {f"{row['due_at'] + timedelta(hours=5.5):%Y-%m-%d}" for row in waiting} == {
        night for group, night in nights(previewed) if night != tonight
    }


def test_a_preview_forecasts_turns_of_a_branch_soaks_and_the_end(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2", "A3", "A4", "A5"]}, zones={"B1": "UTC"})
    previewed = preview(
        stack,
        schedule={**LATER, "windows": NIGHTLY},
        disruptionBudget={"maxUnavailable": 2},
        execution={"installTimeout": "1h"},
        groups=[
            {"name": "lab", "devices": ["A1"], "success": "100%", "soak": "36h", "approval": "manual"},
            {"name": "rest", "percentage": "100%", "success": "98.5%"},
        ],
    )
    lab, rest = previewed["groups"]
    assert (lab["waits_for"], lab["first_start_at"], lab["last_end_at"]) == (
        [], "2038-01-10T01:00:00Z", "2038-01-10T02:00:00Z",
    )
    # Thirty-six hours after two o'clock it is two in the afternoon, and the next window is that of the twelfth. The four ATMs
    # take two turns of an hour each; then less than an hour of the window is left for the node.
    assert rest["waits_for"] == ["success 100 %", "soak 36h", "manual approval"]
    assert (rest["first_start_at"], rest["last_start_at"]) == ("2038-01-12T01:00:00Z", "2038-01-13T01:00:00Z")
    assert nights(previewed) == {("lab", "2038-01-10"): 1, ("rest", "2038-01-12"): 4, ("rest", "2038-01-13"): 1}
    assert previewed["last_end_at"] == "2038-01-13T02:00:00Z"
    assert previewed["cannot_fit"]["devices"] == previewed["never"]["devices"] == previewed["left_over"]["devices"] == 0


def test_a_preview_writes_nothing_at_all(testbed):
    testbed.submit("running")
    testbed.wait_for_states(1, dispatched=95, created=30)

    def picture():
        sequences = testbed.database.rows(
            "SELECT sequencename, last_value FROM pg_sequences WHERE sequencename <> 'claim_id_seq' ORDER BY 1")
        return testbed.database.everything(), sequences

    before = picture()
    for name in ("upgrade", "other"):
        preview(testbed, name, groups=SHAPES["by devices and branches"], disruptionBudget={"maxUnavailable": 1})
        ask_preview(testbed, name, selector={"devices": ["nobody"]})
    assert picture() == before


def test_a_preview_works_where_nothing_can_be_written(testbed):
    testbed.database.rows("ALTER DATABASE " + testbed.database.value("SELECT quote_ident(current_database())")
                          + " SET default_transaction_read_only = on")
    other = testbed.orchestrator(ready=False)
    wait_for(lambda: other.http.answers(), "its door is open")
    answer = other.http.ask("POST", "/v1/rollouts:preview", plan("upgrade"), YAML)
    assert answer.status == 200, answer


def test_a_preview_cannot_write_even_if_a_statement_of_it_would(testbed):
    """The function that computes nights is changed to draw a number, which the transaction refuses."""
    number = testbed.database.value("SELECT last_value FROM instruction_id")
    testbed.database.rows(
        "CREATE OR REPLACE FUNCTION window_nights(zone text, opens_at timestamptz, closes_at timestamptz, "
        "install_s bigint) RETURNS TABLE (night date, opens timestamptz, until timestamptz) LANGUAGE sql VOLATILE AS "
        "'SELECT current_date, opens_at, closes_at FROM (SELECT nextval(''instruction_id'')) taken'")
    answer = ask_preview(testbed)
    assert answer.status == 503 and "read-only transaction" in answer.json()["detail"]
    assert testbed.database.value("SELECT last_value FROM instruction_id") == number


WRONG = {
    "a key that is not there": {"selektor": {}},
    "an unknown branch and an unknown device": {"selector": {"branches": ["B00", "X9"], "devices": ["Y9"]}},
    "an unknown device of a group": {"groups": [{"name": "lab", "devices": ["Y9"]}]},
    "an unknown zone": {"schedule": {"timeZone": "Europe/Atlantis"}},
    "an unknown artifact": {"artifact": {"name": "atm-app", "version": "9.9.9"}},
    "an unknown calendar": {"schedule": {"calendars": ["month-end"]}},
    "an end that has passed": {"schedule": {"endAt": "2020-01-01T00:00:00Z"}},
    "an unknown rollout to supersede": {"supersedes": ["never-was"]},
    "nobody": {"selector": {"matchLabels": {"site": "moon"}}},
    "several at once": {
        "selector": {"devices": ["Y9"]}, "supersedes": ["never-was"],
        "artifact": {"name": "atm-app", "version": "9.9.9"},
        "schedule": {"timeZone": "Europe/Atlantis", "calendars": ["month-end"]},
    },
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_preview_meets_the_same_faults_as_a_submission(testbed, wrong):
    previewed = ask_preview(testbed, **WRONG[wrong])
    submitted = testbed.http.submit(plan(**WRONG[wrong]))
    assert previewed.status == submitted.status == 422
    assert previewed.json() == submitted.json()
    assert previewed.json()["errors"]


def test_a_preview_wants_a_plan_and_an_answer_to_who_asks(testbed):
    assert testbed.http.ask("POST", "/v1/rollouts:preview", "x", {"Content-Type": "text/plain"}).status == 415
    assert testbed.http.ask("POST", "/v1/rollouts:preview", "a: [", YAML).status == 422
    assert testbed.http.ask("POST", "/v1/rollouts:preview", "#" * 1_100_000, YAML).status == 413
    assert testbed.http.get("/v1/rollouts:preview").status == 405


def test_a_name_that_is_taken_is_a_fault_unless_its_plan_can_still_be_revised(testbed):
    testbed.submit("taken", schedule=LATER)
    wait_for(lambda: testbed.database.rollout(1)["state"] == "running", "it runs")
    assert ask_preview(testbed, "taken", schedule=LATER).status == 200, "it is the same plan"
    answer = ask_preview(testbed, "taken")
    assert answer.status == testbed.http.submit(plan("taken")).status == 409
    assert "taken by rollout 1" in answer.json()["detail"]
    waits = submit_as(testbed, "ann", plan("waits", approvals={"required": 1}))
    assert planned(testbed, waits)
    previewed = preview(testbed, "waits", approvals={"required": 2}, schedule=LATER)
    assert previewed["groups"][0]["waits_for"] == ["approval by 2 persons"]
    assert any(f"Rollout {waits} has this name" in sentence for sentence in previewed["assumptions"])
    assert [conflict["name"] for conflict in previewed["conflicts"]] == ["taken"], "it does not stand in its own way"


def test_rollouts_under_way_on_the_same_devices_are_listed_with_the_one_that_goes_first(testbed):
    for name, priority in (("low", 20), ("even", 50), ("high", 80)):
        devices = {"low": ["P0", "P1"], "even": ["P1"], "high": ["P1", "P2", "P4"]}[name]
        planned(testbed, testbed.submit(name, priority=priority, selector={"devices": devices}, preempt=name == "high",
                                        schedule=LATER))
    previewed = preview(testbed, selector={"devices": ["P0", "P1", "P2", "P3"]})
    assert previewed["conflicts"] == [
        {"rollout": 3, "name": "high", "state": "running", "priority": 80, "devices": 2, "first": "that",
         "preempts": True, "superseded": False},
        {"rollout": 2, "name": "even", "state": "running", "priority": 50, "devices": 1, "first": "that",
         "preempts": False, "superseded": False},
        {"rollout": 1, "name": "low", "state": "running", "priority": 20, "devices": 2, "first": "this",
         "preempts": False, "superseded": False},
    ]
    previewed = preview(testbed, selector={"devices": ["P1"]}, priority=70, preempt=True)
    assert [(c["name"], c["first"], c["preempts"]) for c in previewed["conflicts"]] == [
        ("high", "that", True), ("even", "this", True), ("low", "this", True)]
    previewed = preview(testbed, selector={"devices": ["P2"]}, supersedes=["high"])
    assert [(c["name"], c["first"], c["superseded"]) for c in previewed["conflicts"]] == [("high", "this", True)]
    assert not preview(testbed, selector={"devices": ["P3"]})["conflicts"]


def test_branches_that_can_never_satisfy_the_budget_are_named_and_so_planned(testbed):
    spec = {"schedule": LATER, "disruptionBudget": {"maxUnavailable": 1, "singleDevice": "skip"}}
    previewed = preview(testbed, **spec)
    single = [f"B{n:02}" for n in range(0, 30, 5)]  # of one ATM and the node
    never = previewed["never"]
    assert (never["branches"], never["devices"], never["examples"]) == (6, 12, single)
    assert "singleDevice" in never["why"]
    rollout = testbed.submit(**spec)
    rows = planned(testbed, rollout)
    cancelled = [name for name, row in rows.items() if row["code"] == "single_device"]
    assert len(cancelled) == never["devices"]
    assert sum(nights(previewed).values()) == previewed["devices"] - never["devices"] == len(rows) - len(cancelled)


def test_a_percentage_that_is_less_than_one_device_is_never_satisfied_either(testbed):
    budget = {"maxUnavailable": "30%", "singleDevice": "skip"}
    previewed = preview(testbed, schedule=LATER, disruptionBudget=budget)
    assert previewed["never"]["branches"] == 18, "of one, two and three ATMs"
    rollout = testbed.submit(schedule=LATER, disruptionBudget=budget)
    cancelled = [row for row in planned(testbed, rollout).values() if row["state_name"] == "cancelled"]
    assert len(cancelled) == previewed["never"]["devices"]


def test_devices_that_cannot_fit_their_window_are_named_and_so_planned(testbed):
    # The night of the tenth comes first in India, then in Europe; the end is before that of New York.
    spec = {
        "schedule": {**LATER, "endAt": "2038-01-10T03:00:00Z", "windows": NIGHTLY,
                     "blackouts": [{"from": "2038-01-11", "to": "2038-01-12"}]},
        "execution": {"installTimeout": "1h"},
        "groups": [{"name": "first", "percentage": "50%"}, {"name": "rest", "percentage": "100%"}],
    }
    previewed = preview(testbed, **spec)
    rollout = testbed.submit(**spec)
    rows = planned(testbed, rollout)
    homeless = sorted(name for name, row in rows.items() if row["planned_at"] is None)
    assert previewed["cannot_fit"]["devices"] == len(homeless)
    assert previewed["cannot_fit"]["examples"] == homeless[:100]
    assert "installTimeout, 1h" in previewed["cannot_fit"]["why"]
    # The first group has devices that never end, so its gate stays shut, and the other devices are left over.
    assert previewed["last_end_at"] is None
    assert [group["last_end_at"] for group in previewed["groups"]] == [None, None]
    assert previewed["groups"][1]["starts"] == 0
    assert previewed["left_over"]["why"] == "group first is never done, so its gate stays shut"
    assert sum(nights(previewed).values()) + previewed["cannot_fit"]["devices"] + previewed["left_over"]["devices"] == len(rows)


def test_who_would_come_after_the_last_window_is_left_over(testbed):
    previewed = preview(testbed, schedule={"startAt": "2038-01-10T00:00:00Z", "endAt": "2038-01-10T02:00:00Z"},
                        rate={"perMinute": 1}, execution={"installTimeout": "1h"})
    assert sum(nights(previewed).values()) == 60
    assert previewed["left_over"] == {"devices": previewed["devices"] - 60, "why": "their turn would come after the last window"}


def test_calendars_and_the_rate_of_the_settings_count(stack):
    stack.orchestrator(
        calendars={"month-end": [{"from": "2038-01-31", "to": "2038-02-01", "reason": "closing"}]},
        rate={"per_minute": 2},
    )
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2", "A3"]}, zones={"B1": "UTC"})
    schedule = {"startAt": "2038-01-31T00:00:00Z", "windows": NIGHTLY, "calendars": ["month-end"]}
    previewed = preview(stack, schedule=schedule, selector={"devices": ["A1", "A2", "A3"]})
    assert nights(previewed) == {("all", "2038-02-02"): 3}
    assert previewed["groups"][0]["last_start_at"] == "2038-02-02T01:01:00Z"
    assert any("2 a minute" in sentence for sentence in previewed["assumptions"])
    without = preview(stack, schedule={**schedule, "calendars": []}, rate={"perMinute": 60})
    assert set(nights(without)) == {("all", "2038-01-31")}


def test_submissions_do_not_wait_for_previews(testbed):
    """Previews compute nights, and submissions do not; a lock there holds up previews only."""
    testbed.database.rows(
        "CREATE OR REPLACE FUNCTION window_nights(zone text, opens_at timestamptz, closes_at timestamptz, "
        "install_s bigint) RETURNS TABLE (night date, opens timestamptz, until timestamptz) LANGUAGE sql STABLE AS "
        "'SELECT current_date, opens_at, opens_at + interval ''1 day'' FROM (SELECT pg_advisory_lock_shared(42)) held'")
    holder = testbed.postgres.connect(testbed.database._name)
    with concurrent.futures.ThreadPoolExecutor() as pool, holder.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(42)")
        held = [pool.submit(preview, testbed, f"preview-{number}") for number in range(3)]
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted"
        wait_for(lambda: testbed.database.value(waiting) == 3, "previews are held up")
        assert testbed.http.submit(plan("meanwhile", schedule=LATER)).status == 201
        assert not any(future.done() for future in held)
        cursor.execute("SELECT pg_advisory_unlock(42)")
        assert all(future.result()["devices"] > 0 for future in held)
    holder.close()


def test_a_group_without_devices_is_warned_of(testbed):
    groups = [{"name": "pilot", "branches": ["B01"]}, {"name": "again", "branches": ["B01"]},
              {"name": "rest", "percentage": 100}]
    previewed = preview(testbed, groups=groups)
    assert [warning.split(":")[0] for warning in previewed["warnings"]] == ["group again has no devices"]
    assert preview(testbed, groups=[groups[0], groups[2]])["warnings"] == []
