"""A plugin of pytest: writes the code that each test reached, and whether it passed, to a file in $TELLERCAST_REACHED, one line
of JSON a test."""

import json
import os
import pathlib
import time

import pytest
from profiles import Profiles

FOLDER = pathlib.Path(os.environ["TELLERCAST_REACHED"])
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
profiles = Profiles(FOLDER / WORKER)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    item.passed_all = getattr(item, "passed_all", True) and report.passed


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    began = time.monotonic()
    yield
    name, seconds = item.originalname, round(time.monotonic() - began, 2)
    with (FOLDER / f"{WORKER}.jsonl").open("a", encoding="utf-8") as file:
        json.dump({"test": name, "passed": item.passed_all, "seconds": seconds, "reached": sorted(profiles.reached())}, file)
        file.write("\n")
