"""The result of a measure, as a line of the table and as a file."""

import datetime
import json
import os
import pathlib
import statistics

from harness.servers import ROOT


def machine():
    """Describes the machine that was measured."""
    model = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown")
    return {"cores": len(os.sched_getaffinity(0)), "cpu": model, "kernel": os.uname().release,
            "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20}


def median(values):
    return statistics.median(values)


def median_ratio(real, floor):
    """Of the ratios of the runs: the two sides of a run came one after the other, so that both had the same machine."""
    return median([one / other for one, other in zip(real, floor, strict=True)])


class Result:
    """`ratio` must be at least (at_least) or at most `target` (None: it is only reported), and the absolute figure, if one is
    demanded, sufficient. The texts describe the two sides."""

    def __init__(self, name, scale, real, floor, ratio, target, at_least, is_enough=True, **details):
        self.name = name
        self.texts = (scale, real, floor)
        self.ratio = ratio
        self.target = target
        self.at_least = at_least
        self.is_enough = is_enough
        self.details = details

    def is_good(self):
        if self.target is None:
            return self.is_enough
        return self.is_enough and (self.ratio >= self.target if self.at_least else self.ratio <= self.target)

    def line(self, is_judged=True):
        scale, real, floor = self.texts
        bound = "none  " if self.target is None else f"{'≥' if self.at_least else '≤'} {self.target:.2f}"
        verdict = ("ok" if self.is_good() else "MISSED") if is_judged else "not judged"
        return f"{self.name:13} {scale:22} {real:24} {floor:24} ratio {self.ratio:5.2f}  target {bound}  {verdict}"

    def write(self):
        folder = ROOT / "build/bench"
        folder.mkdir(parents=True, exist_ok=True)
        scale, real, floor = self.texts
        document = {
            "name": self.name, "at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "machine": machine(), "scale": scale, "real": real, "floor": floor, "ratio": round(self.ratio, 3),
            "target": self.target, "target_is": "at least" if self.at_least else "at most", "good": self.is_good(),
            **self.details,
        }
        (folder / f"{self.name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
