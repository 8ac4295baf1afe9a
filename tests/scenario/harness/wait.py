"""Waits for conditions, never for a fixed time."""

import time

# Generous: a busy machine with sanitizers is slow, and a condition that holds ends the wait at once.
DEADLINE_SECONDS = 60


def wait_for(condition, what, seconds=DEADLINE_SECONDS):
    """Calls `condition` until it returns a true value, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"in {seconds} s it did not come that {what}; last seen: {result!r}")
        time.sleep(0.02)
