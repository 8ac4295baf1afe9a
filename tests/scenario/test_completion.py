"""What the shells offer after some words of a command line, and the manual page: all are made from the table of commands."""

import os
import pty
import re
import select
import subprocess
import time

import pytest
from harness.programs import BIN, TELLERCAST
from harness.servers import ROOT

SHELLS = ("bash", "zsh", "fish")
MADE = BIN.parent / "clients/ctl/made"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("completion")
    for shell in SHELLS:
        script = subprocess.run([TELLERCAST, "completion", shell], capture_output=True, check=True, timeout=30).stdout
        (folder / shell).write_bytes(script)
    return folder


def run(shell, *words):
    done = subprocess.run([shell, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout


def of_bash(scripts, line):
    words = " ".join(f"'{word}'" for word in line.split(" "))
    last = len(line.split(" ")) - 1
    return run("bash", "-c", f"source {scripts / 'bash'}; COMP_WORDS=({words}); COMP_CWORD={last}; _tellercast; "
               r'printf "%s\n" "${COMPREPLY[@]}"').split()


def of_fish(scripts, line):
    found = run("fish", "--no-config", "-c", f"source {scripts / 'fish'}; complete -C '{line}'")
    return [row.split("\t")[0] for row in found.splitlines()]


def of_zsh(scripts, line):
    """zsh completes in its line editor alone, so it gets a terminal. Returns the words that it lists."""
    (scripts / ".zshrc").write_text("PROMPT='ready> '; unset zle_bracketed_paste; setopt nobeep; autoload -Uz compinit; "
                                    f"compinit -u -D; zstyle ':completion:*' list-prompt ''; source {scripts / 'zsh'}\n"
                                    "LISTMAX=10000; COLUMNS=200; LINES=200\n", encoding="utf-8")
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(ZDOTDIR=str(scripts), TERM="dumb", HOME=str(scripts))
        os.execvp("zsh", ["zsh", "-i"])
    try:
        shown = read_until(terminal, "ready> ")
        os.write(terminal, line.encode() + b"\t\t")
        shown = read_until(terminal, "\x07|ready> ", quiet=2)
        return re.findall(r"[\w-]+", shown.replace(line, "").replace(line.rstrip(), ""))
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)


def read_until(terminal, pattern, quiet=30):
    """Reads until the pattern is there and nothing more comes for a moment, or until nothing came for `quiet` seconds."""
    shown, deadline = "", time.monotonic() + 60
    while time.monotonic() < deadline:
        is_whole = re.search(pattern, shown)
        ready, _, _ = select.select([terminal], [], [], 0.5 if is_whole else quiet)
        if not ready:
            return shown
        shown += os.read(terminal, 65536).decode(errors="replace")
    return shown


OFFERS = {"bash": of_bash, "zsh": of_zsh, "fish": of_fish}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("line", "offered", "absent"), (
    ("tellercast r", ["rollout", "review"], ["device", "--json"]),
    ("tellercast rollout re", ["reject", "resume", "retry", "report"], ["pause", "approve"]),
    ("tellercast --server http://127.0.0.1:1 rollout re", ["reject", "resume"], ["review"]),
    ("tellercast rollout submit --via ", ["http", "mqtt", "socket"], ["--via"]),
    ("tellercast rollout submit --w", ["--wait"], ["--version"]),
    ("tellercast rollout pause 7 --re", ["--reason"], ["--role"]),
), ids=("first", "second", "after-a-value", "value", "option", "option-after-an-argument"))
def test_a_shell_offers_what_the_table_has(scripts, shell, line, offered, absent):
    found = OFFERS[shell](scripts, line)
    if len(offered) == 1 and shell == "zsh":  # it completes the word at once
        found = [word if word.startswith("--") else f"--{word}" for word in found] + [offered[0] for word in found if
                                                                                     offered[0].endswith(word)]
    assert set(offered) <= set(found), found
    assert not set(absent) & set(found), found


def test_another_shell_is_refused_with_those_that_there_are():
    done = subprocess.run([TELLERCAST, "completion", "csh"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2 and 'found "csh", allowed: bash, zsh or fish' in done.stderr


# How each installed program makes its page, and a setting or an option that is in it.
MANUALS = {"tellercastd.8": "webhooks:", "tellercast-node.8": "trusted_keys:", "tellercast-atm.8": "trusted_keys:",
           "tellercast-pull.8": "trusted_keys:", "tellercast-install.8": "--print-config", "tellercast-agent.1": "hold DURATION",
           "tellercast-install-file.8": "--keep-setuid", "tellercast-install-agent.8": "supervise PROGRAM"}


@pytest.mark.parametrize("name, part", MANUALS.items())
def test_the_build_makes_a_sound_manual_page_of_each_other_program(name, part):
    pages = [page for page in (BIN / "..").resolve().rglob(f"made/{name}")]
    assert len(pages) == 1 and run("mandoc", "-T", "lint", "-W", "error", str(pages[0])) == ""
    text = re.sub(".\x08", "", run("mandoc", "-T", "utf8", str(pages[0])))
    program = name.rpartition(".")[0]
    said = subprocess.run([BIN / program, "--help"], capture_output=True, text=True, check=True, timeout=30).stdout
    for line in said.splitlines():
        assert line.strip() in text, line
    assert part in text


def test_each_installed_program_has_a_manual_page():
    listed = {line for path in ROOT.rglob("CMakeLists.txt") if "build" not in path.relative_to(ROOT).parts
              for line in re.findall(r"(?:tellercast_program\(|install\((?:TARGETS|PROGRAMS) )(tellercast[\w-]*)", path.read_text(encoding="utf-8"))}
    assert len(listed) > 6 and listed - {"tellercast"} == {name.rpartition(".")[0] for name in MANUALS}


def test_the_build_makes_a_sound_manual_page_with_each_command():
    page = MADE / "tellercast.1"
    said = run("mandoc", "-T", "lint", "-W", "error", str(page)) if page.exists() else "there is none"
    assert said == ""
    text = run("mandoc", "-T", "utf8", str(page))
    text = re.sub(".\x08", "", text)
    listed = subprocess.run([TELLERCAST, "help"], capture_output=True, text=True, check=True, timeout=30).stdout.split("Options of every command")[0]
    commands = re.findall(r"^  ([a-z-]+(?: [a-z-]+)?)(?: [A-Z\[].*)?(?:$|  )", listed, re.M)
    assert len(commands) > 60
    for command in commands:
        assert f"tellercast {command}" in text, command
    assert "EXIT STATUS" in text and "--server URL" in text
