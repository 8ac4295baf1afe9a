"""Processes that outlive the test which started them."""

import os
import pathlib
import signal

from .wait import wait_for

SECONDS = 10  # what was killed, or has nothing left to do, ends within it on a busy machine


def processes_in(folder):
    """Returns the command lines, by process ID, of the processes that have the folder's path in their command line or
    environment, or work in the folder."""
    found = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command, environment = ((process / name).read_bytes() for name in ("cmdline", "environ"))
            working = os.fsencode(os.readlink(process / "cwd"))
        except OSError:  # it has ended, or belongs to another user
            continue
        if os.fsencode(folder) in b"\0".join((command, environment, working)):
            found[int(process.name)] = command.replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def end_survivors(folder):
    """Fails when a process of the folder does not end by itself. Kills it, so that it does not slow down the next tests."""
    try:
        wait_for(lambda: not processes_in(folder), f"no process of {folder} is left", SECONDS)
    except AssertionError:
        survivors = processes_in(folder)
        for pid in survivors:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        assert not survivors, f"processes outlive their test: {survivors}"
