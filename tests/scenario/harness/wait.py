"""Waits for conditions, never for a fixed time."""

import time

# Generous: a busy machine with sanitizers is slow, and a condition that holds ends the wait at once.
DEADLINE_SECONDS = 60
# Between looks. Short at first, since much comes at once; then longer, since each look takes time from what it waits for.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.01, 0.05


def wait_for(condition, what, seconds=DEADLINE_SECONDS):
    """Calls `condition` until it returns a true value, and returns that."""
    deadline, pause = time.monotonic() + seconds, FIRST_PAUSE_SECONDS
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"in {seconds} s it did not come that {what}; last seen: {result!r}")
        time.sleep(pause)
        pause = min(pause * 1.3, LONGEST_PAUSE_SECONDS)
