"""The times of instructions and the rules of a claim: windows, zones, daylight saving, blackouts, rates, groups, and the rules
of a branch."""

import signal
from datetime import datetime, timedelta, timezone

import pytest
import yaml
from harness.branches import MARKER, look_again
from harness.plan import plan, text_of
from harness.wait import wait_for

UTC = timezone.utc


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def start(stack, branches, zones=None, pull=(), **settings):
    stack.orchestrator(**settings)
    stack.import_fleet(branches, pull, zones=zones)
    stack.add_artifact()


def planned(stack, rollout):
    """Waits until the rollout is planned. Returns its instructions."""
    wait_for(lambda: stack.database.rollout(rollout)["state"] != "accepted", "the rollout is planned")
    return stack.database.instructions(rollout)


def windows(stack, rollout, zone):
    planned(stack, rollout)
    rows = stack.database.rows(
        "SELECT opens_at, closes_at FROM rollout_window JOIN rollout_zone USING (rollout_id, zone_no) "
        "WHERE rollout_id = %s AND zone = %s ORDER BY 1",
        rollout,
        zone,
    )
    return [(row["opens_at"], row["closes_at"]) for row in rows]


EVERY_NIGHT = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "01:00", "duration": "3h"}]


def test_each_device_is_planned_in_the_window_of_its_own_zone(stack):
    zones = {"B1": "Europe/Berlin", "B2": "America/New_York", "B3": "Asia/Shanghai", "B4": "Asia/Kolkata"}
    start(stack, {branch: [f"{branch}-A"] for branch in zones}, zones)
    rollout = stack.submit(schedule={"startAt": "2038-01-10T00:00:00Z", "windows": EVERY_NIGHT})
    rows = planned(stack, rollout)
    assert rows["B1-A"]["planned_at"] == at("2038-01-10T00:00")
    assert rows["B2-A"]["planned_at"] == at("2038-01-10T06:00")
    assert rows["B3-A"]["planned_at"] == at("2038-01-10T17:00")
    assert rows["B4-A"]["planned_at"] == at("2038-01-10T19:30")


def test_a_window_follows_the_clock_on_the_wall_across_both_daylight_saving_changes(stack):
    start(stack, {"B1": ["A1"]}, {"B1": "Europe/Berlin"})
    spring = stack.submit(
        "spring", schedule={"startAt": "2038-03-27T12:00:00Z", "endAt": "2038-03-30T00:00:00Z", "windows": EVERY_NIGHT}
    )
    assert windows(stack, spring, "Europe/Berlin") == [
        (at("2038-03-28T00:00"), at("2038-03-28T02:00")),  # one to four o'clock, of which two to three does not exist
        (at("2038-03-28T23:00"), at("2038-03-29T02:00")),
        (at("2038-03-29T23:00"), at("2038-03-30T00:00")),  # endAt cuts it
    ]
    autumn = stack.submit(
        "autumn", schedule={"startAt": "2038-10-30T12:00:00Z", "endAt": "2038-11-01T12:00:00Z", "windows": EVERY_NIGHT}
    )
    assert windows(stack, autumn, "Europe/Berlin") == [
        (at("2038-10-30T23:00"), at("2038-10-31T03:00")),  # four hours: two to three comes twice
        (at("2038-11-01T00:00"), at("2038-11-01T03:00")),
    ]


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_opens(stack):
    start(stack, {"B1": ["A1"]}, {"B1": "UTC"})
    nights = [{"days": ["fri"], "start": "22:00", "duration": "6h"}]
    rollout = stack.submit(
        schedule={"startAt": "2038-01-02T01:00:00Z", "endAt": "2038-01-12T00:00:00Z", "windows": nights}
    )
    assert windows(stack, rollout, "UTC") == [
        (at("2038-01-02T01:00"), at("2038-01-02T04:00")),  # Friday's window, which had begun before startAt
        (at("2038-01-08T22:00"), at("2038-01-09T04:00")),
    ]


def test_blackouts_are_taken_out_of_the_windows_to_the_end_of_their_last_day(stack):
    start(stack, {"B1": ["A1"]}, {"B1": "Europe/Berlin"})
    rollout = stack.submit(
        schedule={
            "startAt": "2038-01-10T00:00:00Z",
            "endAt": "2038-01-15T12:00:00Z",
            "windows": EVERY_NIGHT,
            "blackouts": [
                {"from": "2038-01-11", "to": "2038-01-12", "reason": "payday"},
                {"from": "2038-01-14T01:00:00Z", "to": "2038-01-14T02:00:00Z", "reason": "power"},
            ],
        }
    )
    assert windows(stack, rollout, "Europe/Berlin") == [
        (at("2038-01-10T00:00"), at("2038-01-10T03:00")),
        (at("2038-01-13T00:00"), at("2038-01-13T03:00")),
        (at("2038-01-14T00:00"), at("2038-01-14T01:00")),
        (at("2038-01-14T02:00"), at("2038-01-14T03:00")),
        (at("2038-01-15T00:00"), at("2038-01-15T03:00")),
    ]


def test_one_zone_for_all_puts_every_device_in_the_same_window(stack):
    start(stack, {"B1": ["A1"], "B2": ["A2"]}, {"B1": "Europe/Berlin", "B2": "Asia/Shanghai"})
    rollout = stack.submit(
        schedule={"startAt": "2038-01-10T00:00:00Z", "timeZone": "America/New_York", "windows": EVERY_NIGHT}
    )
    assert {row["planned_at"] for row in planned(stack, rollout).values()} == {at("2038-01-10T06:00")}


def test_the_forecast_follows_the_rate_from_window_to_window(stack):
    start(stack, {"B1": [f"A{number:02}" for number in range(9)]}, {"B1": "UTC"})
    nights = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "01:00", "duration": "14m"}]
    rollout = stack.submit(
        schedule={"startAt": "2038-01-10T00:00:00Z", "windows": nights},
        rate={"perMinute": 1},
        execution={"installTimeout": "10m"},
    )
    # Ten devices, one a minute; of each window fourteen minutes are usable, less ten for the installation.
    times = sorted(row["planned_at"] for row in planned(stack, rollout).values())
    night = [at(f"2038-01-{day}T01:00") for day in (10, 11, 12)]
    assert times == [night[n // 4] + timedelta(minutes=n % 4) for n in range(10)]


def test_the_order_is_that_of_hashes_and_keeps_a_branch_together(stack):
    start(stack, {f"B{number}": [f"B{number}-A", f"B{number}-B"] for number in range(20)})
    rollout = stack.submit(schedule={"startAt": "2038-01-10T00:00:00Z"}, rate={"perMinute": 60})
    rows = sorted(planned(stack, rollout).values(), key=lambda row: row["planned_at"])
    expected = stack.database.rows(
        "SELECT id FROM device, rollout_seed('upgrade') AS seed "
        "ORDER BY (hashtextextended(branch, seed) >> 10 & x'3fffffffff0000'::bigint) "
        "+ (hashtextextended(id, seed) >> 48 & x'ffff'::bigint), id",
    )
    assert [row["device"] for row in rows] == [row["id"] for row in expected]
    branches = [row["branch"] for row in rows]
    assert all(branches[n : n + 3] == [branches[n]] * 3 for n in range(0, 60, 3)), "three of a branch after another"


def test_a_device_is_not_started_when_the_rest_of_its_window_is_too_short_to_install(stack):
    now = datetime.now(UTC)
    begun = now - timedelta(minutes=10)
    short = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": f"{begun:%H:%M}", "duration": "30m"}]
    start(stack, {"B1": ["A1"]}, {"B1": "UTC"})
    too_long = stack.submit("too-long", schedule={"windows": short}, execution={"installTimeout": "25m"})
    fits = stack.submit("fits", schedule={"windows": short}, execution={"installTimeout": "5m"})
    stack.wait_for_state(fits, "A1", "dispatched")
    row = stack.database.instruction(too_long, "A1")
    assert row["state_name"] == "created"
    assert row["due_at"] > now + timedelta(hours=23), "it goes to the next night"


def test_no_more_start_in_a_minute_than_the_rate_allows(stack):
    start(stack, {"B1": [f"A{number:02}" for number in range(30)]}, pull=[MARKER])
    rollout = stack.submit(rate={"perMinute": 7}, selector={"branches": ["B1"]})
    # All are due, as if their forecast times had long passed: only the rate holds them back.
    planned(stack, rollout)
    stack.database.rows("UPDATE instruction SET due_at = now() - interval '1 hour' WHERE due_at IS NOT NULL")
    wait_for(lambda: stack.database.states(rollout).get("dispatched", 0) >= 7, "seven are dispatched")
    look_again(stack)
    assert stack.http.metric("tellercast_instructions_claimed_total") == 7 + 1, "and the marker"
    assert stack.database.states(rollout) == {"dispatched": 7, "created": 24}


def test_a_branch_never_has_more_in_flight_than_its_budget_over_all_rollouts(stack):
    start(stack, {"B1": ["A1", "A2", "A3", "A4"], "B2": ["C1", "C2"]}, pull=[MARKER])
    budget = {"per": "branch", "maxUnavailable": 2}
    first = stack.submit("first", disruptionBudget=budget, selector={"devices": ["A1", "A2", "A3", "C1"]})
    stack.wait_for_states(first, dispatched=3, created=1)
    second = stack.submit("second", disruptionBudget=budget, selector={"devices": ["A4", "C2"]})
    stack.wait_for_states(second, dispatched=1, created=1)
    look_again(stack)
    in_flight = stack.database.rows("SELECT branch, count(*) FROM instruction WHERE in_flight GROUP BY 1 ORDER BY 1")
    assert [(row["branch"], row["count"]) for row in in_flight] == [("B1", 2), ("B2", 2)]


def test_a_node_goes_alone_and_last_of_its_branch(stack):
    start(stack, {"B1": ["A1", "A2"]}, pull=[MARKER])
    rollout = stack.submit(selector={"branches": ["B1"]})
    stack.wait_for_states(rollout, dispatched=2, created=1)
    look_again(stack)
    assert stack.database.instruction(rollout, "B1")["state_name"] == "created"
    for name in ("A1", "A2"):
        atm = stack.device(name, "B1")
        atm.ask()
        atm.reply(atm.wait_for_instruction(), "completed")
    stack.wait_for_state(rollout, "B1", "dispatched")
    # And while the node is in flight its ATMs wait, also for another rollout.
    other = stack.submit("other", selector={"devices": ["A1"]})
    planned(stack, other)
    node = stack.device("B1", "B1")
    node.ask()
    claims = node.wait_for_instruction()
    look_again(stack)
    assert stack.database.instruction(other, "A1")["state_name"] == "created"
    node.reply(claims, "completed")
    stack.wait_for_state(other, "A1", "dispatched")


def test_two_rollouts_never_run_on_one_device_at_once(stack):
    start(stack, {"B1": ["A1"]}, pull=[MARKER])
    first = stack.submit("first", selector={"devices": ["A1"]})
    stack.wait_for_states(first, dispatched=1)
    second = stack.submit("second", selector={"devices": ["A1"]})
    planned(stack, second)
    atm = stack.device("A1", "B1")
    atm.ask()
    assert atm.wait_for_instruction()["rollout"] == first
    look_again(stack)
    assert stack.database.states(second) == {"created": 1}
    atm.reply(atm.tokens()[0], "completed")
    stack.wait_for_states(second, dispatched=1)


def test_a_group_opens_when_the_one_before_has_reached_its_gate(stack):
    start(stack, {"B1": ["A1", "A2", "A3"]})
    rollout = stack.submit(
        selector={"devices": ["A1", "A2", "A3"]},
        groups=[{"name": "lab", "devices": ["A2"], "success": "100%"}, {"name": "rest", "percentage": "100%"}],
    )
    stack.wait_for_states(rollout, dispatched=1, created=2)
    assert stack.database.instruction(rollout, "A2")["state_name"] == "dispatched"
    lab = stack.device("A2", "B1")
    lab.ask()
    lab.reply(lab.wait_for_instruction(), "completed")
    stack.wait_for_states(rollout, completed=1, dispatched=2)
    groups = stack.database.rows("SELECT name, state, devices FROM rollout_group ORDER BY group_no")
    assert [tuple(group.values()) for group in groups] == [("lab", "passed", 1), ("rest", "open", 2)]


def test_a_gate_that_is_not_reached_halts_the_rollout_and_starts_nobody_else(stack):
    start(stack, {"B1": ["A1", "A2", "A3"]})
    rollout = stack.submit(
        selector={"devices": ["A1", "A2", "A3"]},
        groups=[{"name": "lab", "devices": ["A2"], "success": "100%"}, {"name": "rest", "percentage": "100%"}],
    )
    stack.wait_for_states(rollout, dispatched=1, created=2)
    lab = stack.device("A2", "B1")
    lab.ask()
    lab.reply(lab.wait_for_instruction(), "failed", code="no_space")
    stack.wait_for_rollout(rollout, "halted")
    assert "lab" in stack.database.rollout(rollout)["detail"]
    assert stack.database.states(rollout) == {"failed": 1, "created": 2}


def test_groups_by_percentage_and_count_are_cumulative_and_round_up(stack):
    start(stack, {"B1": [f"A{number:02}" for number in range(9)]})
    rollout = stack.submit(
        schedule={"startAt": "2038-01-10T00:00:00Z"},
        groups=[
            {"name": "few", "percentage": "11%"},
            {"name": "some", "percentage": "50%"},
            {"name": "all", "percentage": "100%"},
        ],
    )
    planned(stack, rollout)
    groups = stack.database.rows("SELECT devices FROM rollout_group WHERE rollout_id = %s ORDER BY group_no", rollout)
    assert [group["devices"] for group in groups] == [2, 3, 5]


def test_windows_are_laid_out_from_now_when_the_start_is_long_past(stack):
    start(stack, {"B1": ["A1"]})
    windows = [{"start": "00:00", "duration": "1d"}]
    rollout = stack.submit(schedule={"startAt": "2020-01-01T00:00:00Z", "windows": windows})
    stack.wait_for_states(rollout, dispatched=1, created=1)


def test_a_blackout_that_ends_before_it_begins_in_some_zone_takes_nothing_there(stack):
    start(stack, {"B1": ["A1"]})
    blackout = {"from": "2026-01-01", "to": "2026-01-01T00:00:00Z"}
    rollout = stack.submit(schedule={"timeZone": "America/New_York", "blackouts": [blackout]})
    stack.wait_for_states(rollout, dispatched=1, created=1)


def test_what_was_not_started_when_the_rollout_ends_expires(stack):
    start(stack, {"B1": ["A1"]})
    soon = datetime.now(UTC) + timedelta(seconds=2)
    rollout = stack.submit(schedule={"endAt": f"{soon:%Y-%m-%dT%H:%M:%SZ}"}, execution={"installTimeout": "1h"})
    stack.wait_for_states(rollout, expired=2)
    stack.wait_for_rollout(rollout, "halted")
    assert stack.database.instruction(rollout, "A1")["code"] == "rollout_ended"


@pytest.mark.parametrize("schedule, days", [
    ({}, None),
    ({"windows": EVERY_NIGHT}, 366),
    ({"windows": EVERY_NIGHT, "endAt": "2098-02-01T00:00:00Z"}, 31),
])
def test_a_rollout_ends_at_its_end_at_or_when_its_windows_are_laid_out_no_further(stack, schedule, days):
    start(stack, {"B1": ["A1"]})
    rollout = stack.submit(schedule={"startAt": "2098-01-01T00:00:00Z", **schedule})
    stack.wait_for_rollout(rollout, "running")
    (row,) = stack.database.rows("SELECT ends_at - '2098-01-01Z' AS lasts FROM rollout")
    assert row["lasts"] == (days and timedelta(days=days))
    if days is None:
        return
    assert stack.database.states(rollout) == {"created": 2}
    stack.database.rows("UPDATE rollout SET ends_at = now()")
    stack.wait_for_states(rollout, expired=2)
    stack.wait_for_rollout(rollout, "halted")


def test_a_rollout_is_planned_whole_or_not_at_all(stack):
    start(stack, {"B1": ["A1"]})
    # The planner's transaction fails at its last step, and must leave nothing.
    stack.database.rows("ALTER TABLE rollout ADD CONSTRAINT broken CHECK (state <> 'running')")
    rollout = stack.submit()
    wait_for(
        lambda: any("rollout.planning_failed" in log.read_text() for log in stack.logs()), "the planner said so"
    )
    assert stack.database.states(rollout) == {}
    assert stack.database.rollout(rollout)["state"] == "accepted"
    stack.database.rows("ALTER TABLE rollout DROP CONSTRAINT broken")
    stack.wait_for_states(rollout, dispatched=1, created=1)


def test_a_big_fleet_is_planned_once_a_device_with_counters_that_agree(stack):
    branches = {f"B{number:04}": [f"B{number:04}-A{atm}" for atm in range(4)] for number in range(500)}
    start(stack, branches)
    rollout = stack.submit(schedule={"startAt": "2038-01-10T00:00:00Z"})
    assert len(planned(stack, rollout)) == 2500
    assert stack.database.counters(rollout) == stack.database.states(rollout) == {"created": 2500}


def test_devices_come_in_without_their_branches_which_are_there_already(stack):
    start(stack, {"B1": ["A1"]})
    answer = stack.http.import_fleet("kind,id,branch,role,zone\ndevice,A2,B1,atm,\ndevice,P9,,pull,UTC\n", "text/csv")
    assert answer.status == 200, answer
    assert stack.database.value("SELECT count(*) FROM device WHERE id IN ('A2', 'P9')") == 2


def test_the_machines_of_a_branch_are_counted_with_every_fleet_that_is_imported(stack):
    def machines():
        return {row["id"]: row["machines"] for row in stack.database.rows("SELECT id, machines FROM branch")}

    start(stack, {"B1": ["A1", "A2"], "B2": ["A3"], "B3": []}, pull=["P1"])
    assert machines() == {"B1": 2, "B2": 1, "B3": 0}
    stack.import_fleet({"B2": ["A1"], "B3": ["A4"]})
    assert machines() == {"B1": 1, "B2": 2, "B3": 1}, "A1 has moved from B1 to B2"


def test_a_plan_is_checked_against_rollouts_and_calendars(stack):
    calendars = {"month-end": [{"from": "2038-01-29", "to": "2038-02-01", "reason": "closing"}]}
    start(stack, {"B1": ["A1"]}, calendars=calendars)
    first = stack.submit("first", schedule={"startAt": "2038-01-10T00:00:00Z", "calendars": ["month-end"]})
    assert stack.database.rollout(first)["calendars"] == calendars
    document = plan("second", supersedes=["first", "nobody"], selector={"completedIn": "neverland"},
                    schedule={"calendars": ["month-end", "month-begin"]})
    answer = stack.http.submit(document)
    assert answer.status == 422
    assert [(error["path"], error["detail"]) for error in answer.json()["errors"]] == [
        ("spec.supersedes[1]", 'found "nobody", allowed: a rollout that was submitted'),
        ("spec.selector.completedIn", 'found "neverland", allowed: a rollout that was submitted'),
        ("spec.schedule.calendars[1]", 'found "month-begin", allowed: a calendar of tellercastd\'s settings'),
    ]


def test_calendars_are_read_again_at_sighup_and_hold_for_plans_from_then_on(stack):
    start(stack, {"B1": ["A1"]}, calendars={"closed": []})
    orchestrator = stack.orchestrators[0]
    first = stack.submit("first", schedule={"startAt": "2038-01-10T00:00:00Z", "calendars": ["closed"]})
    day = {"from": "2038-01-10", "to": "2038-01-10", "reason": ""}
    orchestrator.file.write_text(text_of({**orchestrator.settings, "calendars": {"closed": [day]}}), encoding="utf-8")
    orchestrator.send(signal.SIGHUP)
    orchestrator.wait_until(lambda: "settings.reloaded" in orchestrator.text(), "the settings were read again")
    second = stack.submit("second", schedule={"startAt": "2038-01-10T00:00:00Z", "calendars": ["closed"]})
    assert windows(stack, first, "Europe/Berlin")[0][0] == at("2038-01-10T00:00")
    assert windows(stack, second, "Europe/Berlin")[0][0] == at("2038-01-10T23:00")


def test_a_rollout_has_one_rollback_at_most(stack):
    start(stack, {"B1": ["A1"]})
    later = {"startAt": "2038-01-10T00:00:00Z"}
    origin = stack.submit("first", schedule=later)
    document = yaml.safe_load(plan("back", action="rollback", schedule=later))
    document["metadata"]["rollbackOf"] = "first"
    answer = stack.http.submit(text_of(document))
    assert answer.status == 201
    assert stack.database.rollout(answer.json()["rollout"])["rollback_of"] == origin
    assert stack.http.submit(text_of(document)).json()["existing"]
    document["metadata"]["name"] = "back-again"
    assert stack.http.submit(text_of(document)).status == 409


def test_each_event_of_a_rollout_until_it_waits_for_approval_is_recorded(stack):
    start(stack, {"B1": ["A1"]})
    rollout = stack.submit(approvals={"required": 2}, groups=[
        {"name": "pilot", "percentage": 50, "soak": "48h", "approval": "manual"}, {"name": "rest", "percentage": 100}])
    stack.wait_for_rollout(rollout, "awaiting_approval")
    digest = stack.database.rollout(rollout)["digest"]
    events = stack.database.rows("SELECT kind, actor, digest FROM rollout_event ORDER BY id")
    assert [tuple(event.values()) for event in events] == [
        ("submitted", "loopback", digest), ("planned", "tellercast", digest)]
    groups = stack.database.rows("SELECT state, soak_s, manual FROM rollout_group ORDER BY group_no")
    assert [tuple(group.values()) for group in groups] == [("waiting", 172800, True), ("waiting", 0, False)]
    assert stack.database.states(rollout) == {"created": 2}


def test_the_sizes_of_groups_are_those_of_their_instructions_whoever_else_drew_ids(stack):
    start(stack, {f"B{number:02}": [f"B{number:02}-A{atm}" for atm in range(10)] for number in range(60)})
    groups = [
        {"name": "few", "count": 3}, {"name": "none", "count": 3}, {"name": "branch", "branches": ["B07"]},
        {"name": "half", "percentage": 50}, {"name": "lab", "devices": ["B03-A1"]}, {"name": "most", "percentage": 93},
    ]
    later = {"startAt": "2038-01-10T00:00:00Z"}
    for name in ("first", "second"):
        rollout = stack.submit(name, groups=groups, schedule=later)
        members = [row["group_no"] for row in planned(stack, rollout).values()]
        sizes = stack.database.rows("SELECT devices FROM rollout_group WHERE rollout_id = %s ORDER BY group_no", rollout)
        assert [size["devices"] for size in sizes] == [members.count(number) for number in range(1, 7)]
        assert sum(stack.database.counters(rollout).values()) == len(members) >= 600
        assert stack.database.rollout(rollout)["devices"] == len(members)
        stack.database.rows("SELECT nextval('instruction_id')")  # as another orchestrator does
