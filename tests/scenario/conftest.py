"""Each test has its own stack, or its own house on one that they share; PostgreSQL is shared by the tests of one
process, a database a stack."""

import contextlib
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness.house import Bank, House  # noqa: E402
from harness.servers import ROOT, Postgres  # noqa: E402
from harness.stack import Stack  # noqa: E402

KEPT_LOGS = ROOT / "build/logs/scenarios"


@pytest.fixture(scope="session")
def scratch():
    """A folder with a short path, for Unix sockets' names are short; PostgreSQL's user may pass through."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="t-", dir=os.environ.get("TELLERCAST_SCRATCH", "/tmp")))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(scratch):
    server = Postgres(scratch)
    yield server
    server.stop()


@contextlib.contextmanager
def a_stack(postgres, scratch, prefix):
    folder = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=scratch))
    stack = Stack(postgres, folder, f"test-{folder.name}")
    yield stack
    stack.close()


@pytest.fixture
def stack(postgres, scratch, request):
    with a_stack(postgres, scratch, "s") as stack:
        request.node.stack = stack
        yield stack


@pytest.fixture(scope="module")
def module_stack(postgres, scratch):
    """For tests that change nothing."""
    with a_stack(postgres, scratch, "m") as stack:
        yield stack


@pytest.fixture(scope="session")
def bank_of_houses(postgres, scratch):
    with a_stack(postgres, scratch, "b") as stack:
        yield Bank(stack)


@pytest.fixture
def house(bank_of_houses, request):
    """For tests that can do with a fleet of their own on a stack of all."""
    house = request.node.stack = House(bank_of_houses)
    yield house
    if house.fleet is not None:
        house.fleet.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of each log, and keeps the whole of it."""
    report = (yield).get_result()
    stack = getattr(item, "stack", None)
    if not report.failed or stack is None:
        return
    kept = KEPT_LOGS / item.name
    kept.mkdir(parents=True, exist_ok=True)
    for log in stack.logs():
        shutil.copy(log, kept)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        report.sections.append((f"the end of {kept / log.name}", "\n".join(lines[-15:])))
