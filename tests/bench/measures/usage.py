"""CPU seconds and memory of processes, from /proc."""

import os
import pathlib

TICKS = os.sysconf("SC_CLK_TCK")


def _fields(pid):
    """Returns the fields of /proc/PID/stat from the third on; the second may contain spaces."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def _children(parent):
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and int(_fields(entry.name)[1]) == parent:
                yield int(entry.name)
        except OSError:
            continue


def cpu_seconds(pid):
    """Returns the CPU seconds of the process and of its children, ended ones included: a PostgreSQL server with its backends."""
    own = _fields(pid)
    ticks = sum(int(number) for number in own[11:15])
    for child in _children(pid):
        try:
            ticks += sum(int(number) for number in _fields(child)[11:15])
        except OSError:
            continue
    return ticks / TICKS


class Meter:
    """The usage of each named process from now on."""

    def __init__(self, **pids):
        self._pids = pids
        self._before = {name: cpu_seconds(pid) for name, pid in pids.items()}

    def read(self):
        return {name: round(cpu_seconds(pid) - self._before[name], 2) for name, pid in self._pids.items()}


def memory_kib(pid):
    """Returns (resident now, the maximum so far)."""
    values = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(values["VmRSS"].split()[0]), int(values["VmHWM"].split()[0])
