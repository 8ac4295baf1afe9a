"""Machines whose clocks are wrong."""

import time

LIBRARY = "/usr/$LIB/faketime/libfaketimeMT.so.1"


def clock_at(moment):
    """Returns the environment of a program whose clock shows `moment` (seconds since the epoch, or a date) when it starts,
    and goes on from there. Its monotonic clocks are right."""
    date = moment if isinstance(moment, str) else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment))
    return {"LD_PRELOAD": LIBRARY, "FAKETIME": f"@{date}", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "TZ": "UTC"}
