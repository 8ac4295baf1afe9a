"""The code that programs reached. The profiles hold clang's counters while a program runs, so that a killed program loses none.
A piece of code is "function hash counter"."""

import os
import pathlib
import subprocess


class Profiles:
    """The profiles in a folder; programs that are started from now on write them."""

    def __init__(self, folder):
        self._folder = pathlib.Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._before = {}  # counters of the programs that still run
        os.environ["LLVM_PROFILE_FILE"] = f"{self._folder}/%p%c.profraw"

    def reached(self):
        """Returns the pieces that were reached since the last call."""
        found = set()
        for profile in self._folder.glob("*.profraw"):
            running = pathlib.Path("/proc", profile.stem).exists()
            counts = read_counts(profile)
            before = self._before.pop(profile, {})
            found |= {piece for piece, count in counts.items() if count > before.get(piece, 0)}
            if running:
                self._before[profile] = counts
            else:
                profile.unlink()
        return found


def read_counts(profile):
    """Returns how often each reached piece was reached."""
    done = subprocess.run(["llvm-profdata", "merge", "-text", "-o", "-", profile], capture_output=True, text=True, check=False)
    if done.returncode != 0:  # the program ended before it had written the head
        return {}
    counts = {}
    for record in done.stdout.split("\n\n"):
        lines = [line for line in record.splitlines() if not line.startswith(("#", ":"))]
        if len(lines) < 3:
            continue
        name, number, size, *counters = lines
        counts |= {f"{name} {number} {index}": int(count)
                   for index, count in enumerate(counters[:int(size)]) if count != "0"}
    return counts
