"""The fixtures of all scenarios. Each test has a stack of its own, or a namespace on a shared stack. The tests of one process
share PostgreSQL; each stack has a database of its own."""

import contextlib
import gc
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness.identities import Identities  # noqa: E402
from harness.guarded import GuardedInstallation  # noqa: E402
from harness.namespace import Testbed, Namespace  # noqa: E402
from harness.servers import ROOT, QuickPostgres  # noqa: E402
from harness.stack import SANITIZED, Stack  # noqa: E402
from harness.survivors import end_survivors  # noqa: E402

# What needs npm's oidc-provider, or promtool: `./run test --all` installs it.
NEEDED = {"test_identity_provider.py": "TELLERCAST_IDENTITY_PROVIDER", "test_alerts.py": "TELLERCAST_ALERTS"}
collect_ignore = [name for name, variable in NEEDED.items() if variable not in os.environ]

KEPT_LOGS = ROOT / "build/logs/scenarios"


def pytest_addoption(parser):
    parser.addoption("--contract", type=pathlib.Path, help="schemathesis; without it the tests that need it are not run")
    parser.addoption("--listed", type=pathlib.Path, help="a file with the names of tests that need no sanitizers")


def pytest_configure(config):
    """A thread of a test that ends by an exception fails the test."""
    config.addinivalue_line("markers", "plain_broker: the broker of its stack has an access list and neither TLS nor the guard")
    config.addinivalue_line("markers", "contract: checks the contract of the HTTP endpoint; needs --contract")
    config.addinivalue_line("markers", "denied_by_guard: somebody tries what the guard denies; in other tests that is a fault")
    config.addinivalue_line("filterwarnings", "error::pytest.PytestUnhandledThreadExceptionWarning")


def differs_with_sanitizers(item):
    """Whether the test's module runs less, or something else, with sanitizers."""
    return hasattr(item.module, "SANITIZED") or hasattr(item.module, "right_clocks_only")


def keep(config, items, is_wanted):
    config.hook.pytest_deselected(items=[item for item in items if not is_wanted(item)])
    items[:] = [item for item in items if is_wanted(item)]


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups
def pytest_collection_modifyitems(config, items):
    """With --listed a test runs once: as listed without sanitizers, else with them. A test that differs with them runs in
    both. Refuses a name in the list that no test has: otherwise a renamed test would run elsewhere unnoticed, or never. Tests that
    share a stack run in one process, which alone makes it."""
    keep(config, items, lambda item: config.option.contract or item.get_closest_marker("contract") is None)
    for item in items:
        if "module_stack" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))
    if config.option.listed is None:
        return
    lines = config.option.listed.read_text(encoding="utf-8").splitlines()
    names = {line for line in lines if line and not line.startswith("#")}
    unknown = names - {name_of(item) for item in items}
    if unknown:
        raise pytest.UsageError(f"{config.option.listed}: no such tests: {', '.join(sorted(unknown))}")
    if SANITIZED:
        keep(config, items, lambda item: name_of(item) not in names)
    else:
        keep(config, items, lambda item: name_of(item) in names or differs_with_sanitizers(item))


def pytest_collection_finish():
    """What is there now stays: gc.collect() after each test need not look at it."""
    gc.freeze()


def name_of(item):
    """Returns the test's name without parameters, as in the list. Lint makes sure that no two files have a test of the same
    name."""
    return item.originalname


@pytest.fixture(scope="session")
def scratch():
    """A folder with a short path, since names of Unix sockets must be short. PostgreSQL's user may enter it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="t-", dir=os.environ.get("TELLERCAST_SCRATCH", "/tmp")))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
    end_survivors(folder)


@pytest.fixture(scope="session")
def memory(scratch):
    """A folder for what needs no disk: in memory, where ./run says so."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="m-", dir=os.environ.get("TELLERCAST_MEMORY", scratch)))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
    end_survivors(folder)


@contextlib.contextmanager
def a_postgres(memory):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="p", dir=memory))
    folder.chmod(0o711)
    server = QuickPostgres(folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(memory):
    with a_postgres(memory) as server:
        yield server


@pytest.fixture(scope="session")
def identities(scratch):
    """The certificates of all secure stacks."""
    return Identities(scratch / "identities")


@contextlib.contextmanager
def a_stack(postgres, scratch, prefix, request):
    """A secure one, unless the test or its module is marked `plain_broker`."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=scratch))
    is_plain = request.node.get_closest_marker("plain_broker") is not None
    identities = None if is_plain else request.getfixturevalue("identities")
    stack = Stack(postgres, folder, f"test-{folder.name}", identities)
    yield stack
    try:
        stack.close(request.node.get_closest_marker("denied_by_guard") is not None)
    finally:
        end_survivors(folder)


@pytest.fixture
def stack(postgres, scratch, request):
    with a_stack(postgres, scratch, "s", request) as stack:
        request.node.stack = stack
        yield stack


@pytest.fixture
def guarded(stack):
    """The stack's orchestrator and clients on a broker of the test's own with the guard."""
    installation = GuardedInstallation(stack)
    yield installation
    installation.close()


@pytest.fixture
def own(memory, scratch, request):
    """A stack with a PostgreSQL of its own."""
    with a_postgres(memory) as postgres, a_stack(postgres, scratch, "o", request) as stack:
        request.node.stack = stack
        yield stack


@pytest.fixture(scope="module")
def module_stack(postgres, scratch, request):
    """A stack for all tests of a module that change nothing."""
    with a_stack(postgres, scratch, "m", request) as stack:
        yield stack


@pytest.fixture(scope="module")
def module_testbed(module_stack, request):
    """The result of the module's open_testbed() on the module's stack."""
    return request.module.open_testbed(module_stack)


@pytest.fixture
def untouched(module_testbed, request):
    """One testbed for all tests of a module that change nothing."""
    request.node.stack = module_testbed
    return module_testbed


@pytest.fixture(scope="session")
def testbed_of_namespaces(postgres, scratch, request):
    with a_stack(postgres, scratch, "b", request) as stack:
        yield Testbed(stack)


@pytest.fixture
def namespace(testbed_of_namespaces, request):
    """A fleet of the test's own on a stack that several tests share."""
    namespace = request.node.stack = Namespace(testbed_of_namespaces)
    yield namespace
    if namespace.fleet is not None:
        namespace.fleet.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of each log and keeps the whole logs. After the test nothing may hold its stack: the clients
    in it have two sockets each, and a process may have 1,024 with select()."""
    report = (yield).get_result()
    stack = getattr(item, "stack", None)
    if report.failed and stack is not None:
        keep_logs(item, stack, report)
    if call.when == "teardown":
        item.stack = None
        gc.collect()


def keep_logs(item, stack, report):
    kept = KEPT_LOGS / item.name
    kept.mkdir(parents=True, exist_ok=True)
    for log in stack.logs():
        shutil.copy(log, kept)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        report.sections.append((f"the end of {kept / log.name}", "\n".join(lines[-15:])))
