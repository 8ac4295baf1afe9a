"""Machines whose clocks are wrong."""

import os
import time

import pytest

LIBRARY = "/usr/$LIB/faketime/libfaketimeMT.so.1"
# A program with a sanitizer does not start with it: both replace the functions that read the clock.
right_clocks_only = pytest.mark.skipif("TELLERCAST_SANITIZED" in os.environ, reason="a sanitizer reads the clock by itself")


def clock_at(moment):
    """Returns the environment of a program whose clock shows `moment` (seconds since the epoch, or a date) when it starts,
    and goes on from there. Its monotonic clocks are right."""
    date = moment if isinstance(moment, str) else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment))
    return {"LD_PRELOAD": LIBRARY, "FAKETIME": f"@{date}", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "TZ": "UTC"}
