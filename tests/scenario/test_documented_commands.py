"""The commands of README and docs work as the pages say. Commands in blocks are run, in their order, against a stack; commands
in the text exist, with their options."""

import functools
import re
import shlex
import shutil
import subprocess

import pytest
from harness.programs import BIN
from harness.servers import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "docker/README.md",
         *sorted(page for page in (ROOT / "docs").glob("*.md") if page.name != "cli.md")]  # `tellercast help` writes this page
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:\./run|tellercastd?) [^`]+)`")
PROGRAM = re.compile(r"^(\./run|tellercast\w*|docker|openssl|echo|pg_\w+|cmake|mkdir|curl|\$ \S+)\b")

# Commands of blocks that are not run here, by how they begin, and why: perhaps the name of a test that does the same.
NOT_RUN = {
    "./run demo": "it builds everything; CONTRIBUTING: it is shown, not tested",
    "./run test": "it is what runs this",
    "docker ": "no container engine: test_the_services_of_the_trial_work_with_what_its_first_service_makes runs what it would",
    "openssl ": "they need the certificates of a bank",
    "tellercastd --config /etc": "the Redis of all scenarios has the users that it prints",
    "tellercastd audit expire ": "test_what_is_older_than_its_retention_is_exported_signed_and_then_deleted_and_nothing_else does it",
    "pg_dump ": "test_a_database_that_was_put_back_is_refused_at_the_start_and_nothing_is_done makes one",
    "tellercast pki crl pki --authority devices --":
        "test_a_delivered_list_shuts_out_what_was_revoked_and_the_broker_proves_it delivers one to a broker with certificates",
    "tellercast rollout break-glass":
        "test_one_person_with_the_role_starts_a_rollout_at_once_and_two_others_review_it breaks the glass, as nothing waits here",
    "tellercast rollout promote atm-app-4.7.2 pilot --past failed":
        "test_the_command_line_promotes_past_what_failed has a group that was not reached",
    "tellercast review accept": "likewise",
    "tellercast review object": "likewise",
    "tellercast webhook test ": "test_a_test_tells_what_the_receiver_answered has a receiver",
    "curl -N ": "test_who_comes_back_to_another_orchestrator_misses_nothing_and_gets_nothing_twice reads this stream, which does not end",
    "$ socat ": "test_C7_rollouts_arrive_by_http_by_message_and_by_socket submits by it",
}
# Further arguments that a command needs here, and its exit code if that is not 0.
AMENDED = {
    "tellercast rollout submit plan.yaml --wait": ("--timeout 1s", 6),  # its window opens at night
    "tellercast rollout watch 1": ("--timeout 1s", 6),
    "tellercast person grant paul approver": ("", 4),  # both times it is the same person
}


def blocks():
    """Returns (page, language, text) of each block, in order."""
    return [(page, *found) for page in PAGES for found in BLOCK.findall(page.read_text(encoding="utf-8"))]


def commands():
    """Returns (page, line) of each command in a block of commands."""
    return [(page, line.split(" #")[0].strip()) for page, language, text in blocks() if not language
            for line in text.splitlines() if PROGRAM.match(line)]


def not_run(line):
    return next((reason for begin, reason in NOT_RUN.items() if line.startswith(begin)), None)


@pytest.fixture
def run_line(stack):
    """Runs a line of a page in a folder that has the files which README.md names."""
    stack.orchestrator()
    folder = stack.folder / "commands"
    folder.mkdir()
    shutil.copy(ROOT / "config/examples/fleet-small.yaml", folder / "fleet.yaml")
    (folder / "atm-app-4.7.2.bin").write_bytes(bytes(5000))
    plans = [text for page, language, text in blocks() if page.name == "README.md" and language == "yaml"]
    (folder / "plan.yaml").write_text(plans[0], encoding="utf-8")
    environment = {"PATH": f"{BIN}:/usr/bin:/bin", "TELLERCAST_SERVER": stack.http.url, **stack.operator_environment(),
                   "TELLERCAST_SOCKET": str(stack.orchestrators[0].socket_path)}

    def run(line):
        return subprocess.run(shlex.split(line), cwd=folder, env=environment, capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, check=False)

    return run


def test_every_command_in_a_block_is_run_and_does_what_stands_there(run_line):
    lines = [line for _, line in commands() if not_run(line) is None]
    assert len(lines) >= 9
    for line in lines:
        more, code = AMENDED.get(line, ("", 0))
        done = run_line(f"{line} {more}")
        assert done.returncode == code, f"{line}: {done.returncode}\n{done.stdout}{done.stderr}"


def test_the_table_of_what_is_not_run_has_nothing_that_no_page_has():
    lines = [line for _, line in commands()]
    assert all(any(line.startswith(begin) for line in lines) for begin in NOT_RUN)
    assert set(AMENDED) <= set(lines)


def test_what_is_not_run_names_tests_that_exist():
    named = set(re.findall(r"\btest_\w+", " ".join(NOT_RUN.values())))
    there = {name for path in (ROOT / "tests/scenario").glob("test_*.py")
             for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)}
    assert len(named) == 9 and named <= there, named - there


def mentioned(program):
    """Returns the words of each command of this program in the text of the pages, with the page."""
    return [(page.name, found.replace("…", "").split()[1:]) for page in PAGES
            for found in INLINE.findall(page.read_text(encoding="utf-8")) if found.split()[0] == program]


@functools.cache
def help_of(*names):
    return subprocess.run([BIN / "tellercast", "help", *names], capture_output=True, text=True, check=False)


def test_every_tellercast_command_in_the_text_exists_with_its_options():
    found = mentioned("tellercast")
    assert len(found) >= 8
    for page, words in found:
        names = [word for word in words[:2] if re.fullmatch(r"[a-z][a-z-]+", word)]
        done, general = help_of(*names), help_of()
        assert done.returncode == general.returncode == 0, f"{page}: tellercast {' '.join(words)}: {done.stderr}"
        for option in [word for word in words if word.startswith("--")]:
            assert option in done.stdout + general.stdout, f"{page}: tellercast {' '.join(words)}"


# What stands for a word of a usage. Another word in small letters is one of several, and one in capitals a name.
VALUES = {"TEXT": "why", "TIME": "6h", "REASON": "superseded", "GROUP": "rest", "SERIAL|CERTIFICATE": "0AB1", "ID|NAME": "1", "ID|NAME…": "1"}
FILES = {"FILE", "FILE…", "FOLDER", "CERTIFICATE"}


def value_of(word, path):
    if word.startswith("--") or word in VALUES:
        return VALUES.get(word, word)
    return path if word in FILES else word.split("|")[0] if word.islower() else "A1"


def test_a_command_that_has_all_that_its_usage_requires_is_no_usage_error(tmp_path):
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    usages = re.findall(r"^```\ntellercast (.*)\n```$", page, re.MULTILINE)
    assert len(usages) > 50
    nowhere = ["--server", "http://127.0.0.1:1", "--socket", tmp_path / "none", "--broker", "127.0.0.1:1"]
    for usage in usages:
        words = [value_of(word, tmp_path / "none.csv") for word in re.sub(r" \[[^]]*\]", "", usage).split()]
        done = subprocess.run([BIN / "tellercast", *words, *nowhere], capture_output=True, text=True, check=False, timeout=60,
                              stdin=subprocess.DEVNULL, cwd=tmp_path)
        assert done.returncode >= 0 and done.returncode != 2, f"{usage}: {done.returncode}: {done.stderr}"


def test_every_option_of_tellercastd_in_the_text_exists():
    help_text = subprocess.run([BIN / "tellercastd", "--help"], capture_output=True, text=True, check=True).stdout
    for page, words in mentioned("tellercastd"):
        assert all(word in help_text for word in words if word.startswith("--")), f"{page}: tellercastd {' '.join(words)}"


def test_every_command_of_run_in_the_text_exists():
    usage = subprocess.run([ROOT / "run", "help"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^  (?:\w+ \| )*(\w+)", usage, re.MULTILINE)) | {"up", "down", "status"}
    for page, words in mentioned("./run"):
        assert words[0] in known, f"{page}: ./run {' '.join(words)}"


def test_the_agents_settings_name_programs_where_cmake_installs_them():
    installed = re.search(r'CMAKE_INSTALL_PREFIX:PATH=(.*)', (BIN.parent / "CMakeCache.txt").read_text(encoding="utf-8"))
    settings = (ROOT / "config/examples/install-atm.yaml").read_text(encoding="utf-8")
    programs = set(re.findall(r"\S+/tellercast-install-file", settings))
    assert programs == {f"{installed[1]}/bin/tellercast-install-file"}


@pytest.mark.parametrize("role", ["node", "atm", "pull"])
def test_the_settings_of_each_agent_name_the_socket_of_its_privileged_half(role):
    unit = (ROOT / "packaging/tellercast-install@.socket").read_text(encoding="utf-8")
    path = re.search(r"^ListenSequentialPacket=(.*)$", unit, re.MULTILINE)[1].replace("%i", role)
    settings = (ROOT / f"config/examples/{role}.yaml").read_text(encoding="utf-8")
    assert f"  socket: {path} " in settings


@pytest.mark.parametrize("example, program", [("node", "node"), ("atm", "atm"), ("pull", "pull"), ("install-atm", "install")])
def test_the_example_settings_of_a_device_are_read_without_a_fault(example, program):
    done = subprocess.run([BIN / f"tellercast-{program}", "--config", ROOT / f"config/examples/{example}.yaml",
                           "--print-config"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done
