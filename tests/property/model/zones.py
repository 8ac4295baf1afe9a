"""When a device may be at work, computed from the plan by Python's own calendar, without the database. Spans are [begin, end)
in milliseconds since the epoch; None: no end."""

import datetime
import zoneinfo

ZONES = (
    "UTC", "Europe/Berlin", "Europe/Lisbon", "Africa/Cairo", "Africa/Casablanca", "America/New_York",
    "America/St_Johns", "America/Santiago", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tokyo",
    "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Auckland", "Pacific/Apia", "Pacific/Chatham",
)
DAY = datetime.timedelta(days=1)
WEEKDAYS = "mon tue wed thu fri sat sun".split()
YEAR_MS = 366 * 86400_000


def ms_of(time):
    return round(time.timestamp() * 1000)


def time_of(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)


def instant(local, zone):
    """Returns the moment when the wall clock shows `local`: of a repeated hour the second; in a skipped hour as much later as
    the clock was put forward."""
    early = local.replace(tzinfo=zone, fold=0)
    late = local.replace(tzinfo=zone, fold=1)
    return ms_of(early if early.utcoffset() < late.utcoffset() else late)


def read_time(text):
    return ms_of(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")))


def closed_spans(blackouts, zone):
    """A blackout by dates includes its last day."""
    spans = []
    for blackout in blackouts:
        ends = []
        for key, more in (("from", datetime.timedelta()), ("to", DAY)):
            text = blackout[key]
            is_date = len(text) == len("2026-12-08")
            ends.append(instant(datetime.datetime.fromisoformat(text) + more, zone) if is_date else read_time(text))
        spans.append(tuple(ends))
    return spans


def opened_spans(schedule, begin_ms, end_ms, zone):
    windows = schedule.get("windows", [])
    if not windows:
        return [(begin_ms, end_ms)]
    last_ms = min(end_ms or begin_ms + YEAR_MS, begin_ms + YEAR_MS)
    spans = []
    for window in windows:
        hour, minute = map(int, window["start"].split(":"))
        length = datetime.timedelta(seconds=window["seconds"])
        day = time_of(begin_ms).astimezone(zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0) - DAY
        while instant(day, zone) < last_ms:
            if WEEKDAYS[day.weekday()] in window.get("days", WEEKDAYS):
                opens = day + datetime.timedelta(hours=hour, minutes=minute)
                spans.append((max(instant(opens, zone), begin_ms), min(instant(opens + length, zone), last_ms)))
            day += DAY
    return spans


def merge(spans):
    merged = []
    for begin, end in sorted(spans, key=lambda span: span[0]):
        if end is not None and end <= begin:
            continue
        if merged and (merged[-1][1] is None or merged[-1][1] >= begin):
            last = merged[-1]
            merged[-1] = (last[0], None if last[1] is None or end is None else max(last[1], end))
        else:
            merged.append((begin, end))
    return merged


def subtract(spans, holes):
    for hole_begin, hole_end in holes:
        left = []
        for begin, end in spans:
            if hole_end <= hole_begin or hole_end <= begin or (end is not None and end <= hole_begin):
                left.append((begin, end))
                continue
            if begin < hole_begin:
                left.append((begin, hole_begin))
            if end is None or hole_end < end:
                left.append((hole_end, end))
        spans = left
    return spans


def work_spans(schedule, submitted_ms, zone_name):
    """Returns all spans in which a device of this zone may be at work."""
    zone = zoneinfo.ZoneInfo(zone_name)
    begin_ms = max(submitted_ms, read_time(schedule["startAt"])) if "startAt" in schedule else submitted_ms
    end_ms = read_time(schedule["endAt"]) if "endAt" in schedule else None
    spans = merge(opened_spans(schedule, begin_ms, end_ms, zone))
    return subtract(spans, closed_spans(schedule.get("blackouts", []), zone))


def may_start(spans, now_ms, install_ms):
    return any(begin <= now_ms and (end is None or now_ms + install_ms <= end) for begin, end in spans)
