"""The function that computes the windows of a zone for planning and previews."""

import json
import pathlib
import tempfile
from datetime import datetime, timezone

import pytest
from harness.stack import Stack

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
EVERY_DAY = list(range(1, 8))
LONG_AGO = "2020-01-01T00:00:00Z"


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def times(text):
    """`a b, c d`: windows from a to b and from c to d, in UTC."""
    return [tuple(at(time) for time in window.split()) for window in text.split(", ")] if text else []


@pytest.fixture(scope="module")
def database(postgres, scratch):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="w", dir=scratch))
    stack = Stack(postgres, folder, f"test-{folder.name}", None)
    stack.orchestrator()
    yield stack.database
    stack.close()


@pytest.fixture
def lay_out(database):
    def lay_out(zone, windows=(), calendars=None, submitted=LONG_AGO, **schedule):
        """`windows`: of (days as in a plan or None for all, start, hours), which may be a fraction."""
        canonical = {
            "windows": [
                {"days": [DAYS.index(day) + 1 for day in days.split()] if days else EVERY_DAY, "start": start,
                 "duration": int(hours * 3600)}
                for days, start, hours in windows
            ],
            "blackouts": [],
            **schedule,
        }
        rows = database.rows(
            "SELECT opens_at, closes_at FROM zone_windows(%s::jsonb, %s::jsonb, %s, ARRAY[%s]) ORDER BY 1",
            json.dumps(canonical), json.dumps(calendars or {}), submitted, zone,
        )
        return [(row["opens_at"], row["closes_at"]) for row in rows]

    return lay_out


# Local times on the wall clock. A skipped hour does not exist, and a repeated hour counts twice; a window that opens or closes
# in the repeated hour does so at its second occurrence.
NIGHTS = {
    "Berlin, one to four, spring": (
        "Europe/Berlin", "01:00", 3, "2038-03-27T12:00", "2038-03-29T12:00",
        "2038-03-28T00:00 2038-03-28T02:00, 2038-03-28T23:00 2038-03-29T02:00"),
    "Berlin, one to four, autumn": (
        "Europe/Berlin", "01:00", 3, "2038-10-30T12:00", "2038-11-01T12:00",
        "2038-10-30T23:00 2038-10-31T03:00, 2038-11-01T00:00 2038-11-01T03:00"),
    "Berlin, over midnight, spring": (
        "Europe/Berlin", "22:00", 6, "2038-03-27T12:00", "2038-03-28T12:00", "2038-03-27T21:00 2038-03-28T02:00"),
    "Berlin, over midnight, autumn": (
        "Europe/Berlin", "22:00", 6, "2038-10-30T12:00", "2038-10-31T12:00", "2038-10-30T20:00 2038-10-31T03:00"),
    "Berlin, begins in the hour that does not exist": (
        "Europe/Berlin", "02:30", 2, "2038-03-27T12:00", "2038-03-28T12:00", "2038-03-28T01:30 2038-03-28T02:30"),
    "Berlin, lies in the hour that does not exist": (
        "Europe/Berlin", "02:00", 1, "2038-03-27T12:00", "2038-03-28T12:00", ""),
    "Berlin, ends in the hour that comes twice": (
        "Europe/Berlin", "01:30", 1, "2038-10-30T12:00", "2038-10-31T12:00", "2038-10-30T23:30 2038-10-31T01:30"),
    "New York, one to four, spring": (
        "America/New_York", "01:00", 3, "2038-03-13T17:00", "2038-03-15T17:00",
        "2038-03-14T06:00 2038-03-14T08:00, 2038-03-15T05:00 2038-03-15T08:00"),
    "New York, one to four, autumn": (
        "America/New_York", "01:00", 3, "2038-11-06T16:00", "2038-11-08T17:00",
        "2038-11-07T06:00 2038-11-07T09:00, 2038-11-08T06:00 2038-11-08T09:00"),
    "New York, over midnight, autumn": (
        "America/New_York", "23:30", 4, "2038-11-06T16:00", "2038-11-07T16:00", "2038-11-07T03:30 2038-11-07T08:30"),
    "Kolkata never changes, and lies half an hour beside the others": (
        "Asia/Kolkata", "01:00", 3, "2038-03-27T12:00", "2038-03-29T12:00",
        "2038-03-27T19:30 2038-03-27T22:30, 2038-03-28T19:30 2038-03-28T22:30"),
    "Kolkata, over midnight": (
        "Asia/Kolkata", "22:00", 6, "2038-10-30T12:00", "2038-10-31T12:00", "2038-10-30T16:30 2038-10-30T22:30"),
    "A whole day that has 23 hours": (
        "Europe/Berlin", "00:00", 24, "2038-03-27T12:00", "2038-03-29T12:00",
        "2038-03-27T12:00 2038-03-29T12:00"),
}


@pytest.mark.parametrize("night", NIGHTS)
def test_windows_follow_the_clock_on_the_wall(lay_out, night):
    zone, start, hours, begin, end, expected = NIGHTS[night]
    assert lay_out(zone, [(None, start, hours)], startAt=f"{begin}Z", endAt=f"{end}Z") == times(expected)


def test_a_day_of_the_week_is_that_of_the_zone_and_of_the_windows_opening(lay_out):
    week = {"startAt": "2038-01-04T00:00:00Z", "endAt": "2038-01-11T00:00:00Z"}  # from a Monday
    friday = [("fri", "22:00", 6)]
    assert lay_out("UTC", friday, **week) == times("2038-01-08T22:00 2038-01-09T04:00")
    assert lay_out("Asia/Kolkata", friday, **week) == times("2038-01-08T16:30 2038-01-08T22:30")
    assert lay_out("America/New_York", friday, **week) == times("2038-01-09T03:00 2038-01-09T09:00")
    several = [("mon wed", "01:00", 1), ("sun", "23:00", 2)]
    assert lay_out("UTC", several, **week) == times(
        "2038-01-04T00:00 2038-01-04T02:00, 2038-01-06T01:00 2038-01-06T02:00, 2038-01-10T23:00 2038-01-11T00:00"
    ), "Sunday's last hour and Monday's are one, and startAt and endAt cut"


def test_windows_that_touch_or_overlap_are_one(lay_out):
    night = {"startAt": "2038-01-04T12:00:00Z", "endAt": "2038-01-05T12:00:00Z"}
    overlapping = [(None, "22:00", 3), (None, "23:30", 3), (None, "02:30", 1)]
    assert lay_out("UTC", overlapping, **night) == times("2038-01-04T22:00 2038-01-05T03:30")


def test_without_windows_it_is_open_from_the_beginning_to_the_end(lay_out):
    assert lay_out("Asia/Kolkata", startAt="2038-01-04T12:00:00Z", endAt="2038-02-01T00:00:00Z") == times(
        "2038-01-04T12:00 2038-02-01T00:00")


def test_nothing_opens_before_it_was_submitted_or_after_the_end(lay_out):
    nights = [(None, "01:00", 3)]
    late = lay_out("UTC", nights, submitted="2038-01-05T02:00:00Z", startAt="2038-01-04T00:00:00Z",
                   endAt="2038-01-06T02:00:00Z")
    assert late == times("2038-01-05T02:00 2038-01-05T04:00, 2038-01-06T01:00 2038-01-06T02:00")
    assert lay_out("UTC", nights, startAt="2038-01-04T05:00:00Z", endAt="2038-01-05T01:00:00Z") == []


def blackout(begin, end):
    return {"from": begin, "to": end, "reason": ""}


def test_a_blackout_by_dates_is_of_whole_days_in_each_zone_and_by_times_the_same_everywhere(lay_out):
    week = {"startAt": "2038-03-26T12:00:00Z", "endAt": "2038-03-30T12:00:00Z"}
    dates = [blackout("2038-03-27", "2038-03-28")]
    # The 28th has 23 hours in Berlin.
    assert lay_out("Europe/Berlin", blackouts=dates, **week) == times(
        "2038-03-26T12:00 2038-03-26T23:00, 2038-03-28T22:00 2038-03-30T12:00")
    assert lay_out("Asia/Kolkata", blackouts=dates, **week) == times(
        "2038-03-26T12:00 2038-03-26T18:30, 2038-03-28T18:30 2038-03-30T12:00")
    exactly = [blackout("2038-03-27T10:00:00Z", "2038-03-27T11:30:00Z")]
    for zone in ("Europe/Berlin", "Asia/Kolkata"):
        assert lay_out(zone, blackouts=exactly, **week) == times(
            "2038-03-26T12:00 2038-03-27T10:00, 2038-03-27T11:30 2038-03-30T12:00")


def test_blackouts_of_the_plan_and_of_all_its_calendars_lie_over_each_other(lay_out):
    week = {"startAt": "2038-01-04T00:00:00Z", "endAt": "2038-01-09T00:00:00Z"}
    calendars = {
        "month-end": [blackout("2038-01-04", "2038-01-04"), blackout("2038-01-07", "2038-01-07")],
        "audit": [blackout("2038-01-05T23:00:00Z", "2038-01-06T01:30:00Z")],
    }
    own = [blackout("2038-01-05T12:00:00Z", "2038-01-06T01:00:00Z")]
    assert lay_out("UTC", [(None, "00:00", 4)], calendars, blackouts=own, **week) == times(
        "2038-01-05T00:00 2038-01-05T04:00, 2038-01-06T01:30 2038-01-06T04:00, 2038-01-08T00:00 2038-01-08T04:00")


def test_a_blackout_takes_the_part_of_a_night_that_it_covers(lay_out):
    """A window over midnight whose second day is closed ends at midnight."""
    night = {"startAt": "2038-01-04T12:00:00Z", "endAt": "2038-01-06T12:00:00Z"}
    closed = [blackout("2038-01-05", "2038-01-05")]
    assert lay_out("UTC", [(None, "22:00", 6)], blackouts=closed, **night) == times(
        "2038-01-04T22:00 2038-01-05T00:00, 2038-01-06T00:00 2038-01-06T04:00")


def test_windows_are_laid_out_for_a_year_at_most(lay_out):
    opened = lay_out("UTC", [("mon", "01:00", 1)], startAt="2038-01-01T00:00:00Z")
    assert opened[0] == (at("2038-01-04T01:00"), at("2038-01-04T02:00"))
    assert opened[-1][0] == at("2038-12-27T01:00") and len(opened) == 52
