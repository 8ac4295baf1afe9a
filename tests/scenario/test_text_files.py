"""Every text file that people write is read, or refused with the reason: settings, plans, tokens, passwords."""

import hashlib
import os
import subprocess

import pytest
from harness.plan import plan
from harness.programs import BIN, TELLERCAST, command_line

INVALID, ERROR, USAGE = 3, 1, 2
MARK = "\ufeff"
PLAN = plan("marked", action="run", artifact=None, parameters={"a": "b"})
SETTINGS = "instance: here\nlog: {level: info}\n"


def forms(text):
    """What editors make of a text: (bytes, the reason why it is refused; None: it is read)."""
    return [
        ((MARK + text).encode(), None), (text.replace("\n", "\r\n").encode(), None),
        ((MARK + text.replace("\n", "\r\n")).encode(), None), (text.rstrip("\n").encode(), None),
        (text.replace("\n", "\r").encode(), None), (text.encode("utf-16"), "UTF-16"),
        (text.encode("utf-16-le"), "UTF-16"), (text.encode() + b"# Z\xfcrich\n", "not UTF-8"),
        (text.encode() + b"# \0\n", "control characters"), (text.encode() + b"x:\n\ty: z\n", "tab"), (b"", "empty"),
    ]


@pytest.mark.parametrize("content, reason", forms(PLAN))
def test_a_plan_in_any_form_is_read_or_refused_with_the_reason(tmp_path, content, reason):
    file = tmp_path / "plan.yaml"
    file.write_bytes(content)
    done = command_line("plan", "validate", file, check=False)
    assert done.returncode == (0 if reason is None else INVALID), done
    assert reason is None or (reason in done.stderr and f"{file}:" in done.stderr), done


@pytest.mark.parametrize("content, reason", forms(SETTINGS))
def test_settings_in_any_form_are_read_or_refused_with_the_reason(tmp_path, content, reason):
    file = tmp_path / "settings.yaml"
    file.write_bytes(content)
    done = subprocess.run([BIN / "tellercastd", "--config", file, "--print-config"], capture_output=True, text=True,
                          timeout=60, check=False)
    assert (done.returncode == 0) == (reason is None), done
    assert ('instance: "here"' in done.stdout) if reason is None else (reason in done.stderr), done


def test_a_pipe_without_a_writer_and_a_folder_are_refused_at_once(tmp_path):
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path, reason in ((pipe, "empty"), (tmp_path, "directory")):
        done = subprocess.run([TELLERCAST, "plan", "validate", path], capture_output=True, text=True, timeout=20,
                              check=False)
        assert done.returncode != 0 and reason in done.stderr, done


def test_a_plan_from_a_slow_pipe_is_read(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN, encoding="utf-8")
    script = 'read -r line < <(sleep 0.2; echo go); cat "$0"'
    done = subprocess.run(
        ["bash", "-c", f"'{TELLERCAST}' plan validate <(bash -c '{script}' '{file}')"], capture_output=True, text=True,
        timeout=60, check=False)
    assert done.returncode == 0, done


@pytest.fixture(scope="module")
def daemon(module_stack):
    tokens = module_stack.folder / "tokens"
    tokens.write_bytes((MARK + f"ann {hashlib.sha256(b'a-token').hexdigest()}\r\n").encode())
    return module_stack.orchestrator(http={"tokens_file": str(tokens)})


@pytest.mark.parametrize("content, reason", [
    (b"a-token", None), (b"a-token\r\n", None), ((MARK + "a-token\n").encode(), None), (b"a-token\r", None),
    ("a-token\n".encode("utf-16"), "control characters"), (b"a-tok\0en\n", "control characters"), (b"", "empty"),
    (b"\na-token\n", "empty"),
])
def test_a_token_file_in_any_form_is_read_or_refused_with_the_reason(daemon, tmp_path, content, reason):
    file = tmp_path / "token"
    file.write_bytes(content)
    done = command_line("rollout", "list", "--server", daemon.http.url, "--token-file", file, check=False)
    assert done.returncode == (0 if reason is None else ERROR), done
    assert reason is None or reason in done.stderr
    assert "a-tok" not in done.stderr
