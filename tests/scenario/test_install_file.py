"""The installer of single files, as its users call it."""
import subprocess

import pytest
from harness.programs import INSTALLER


def call(folder, *arguments, **variables):
    environment = {"TELLERCAST_ARTIFACT_NAME": "app", **variables}
    subprocess.run([INSTALLER, *arguments], cwd=folder, env=environment, check=True)


def mode(path):
    return path.stat().st_mode & 0o7777


@pytest.fixture
def setuid_program(tmp_path):
    """A set-user-ID program in a folder, and an artifact that shall replace it."""
    program = tmp_path / "app"
    program.write_bytes(b"#!/bin/true\nthe first\n")
    program.chmod(0o4755)
    (tmp_path / "artifact").write_bytes(b"#!/bin/true\nthe second\n")
    return program


def test_a_rollback_brings_no_setuid_program_back(setuid_program):
    folder = setuid_program.parent
    call(folder, "install", TELLERCAST_ARTIFACT_FILE="artifact", TELLERCAST_ARTIFACT_VERSION="2")
    assert mode(folder / ".tellercast") == 0o700
    assert mode(folder / ".tellercast" / "app.previous") == 0o755
    call(folder, "rollback")
    assert setuid_program.read_bytes().endswith(b"the first\n")
    assert mode(setuid_program) == 0o755


def test_a_rollback_with_keep_setuid_brings_a_setuid_program_back(setuid_program):
    folder = setuid_program.parent
    call(folder, "--keep-setuid", "install", TELLERCAST_ARTIFACT_FILE="artifact", TELLERCAST_ARTIFACT_VERSION="2")
    assert mode(setuid_program) == 0o4755
    call(folder, "--keep-setuid", "rollback")
    assert setuid_program.read_bytes().endswith(b"the first\n")
    assert mode(setuid_program) == 0o4755


def test_the_versions_action_closes_a_folder_that_was_open_to_readers(setuid_program):
    """As an earlier version left it: the kept program is within reach until the agent starts."""
    folder = setuid_program.parent
    kept = folder / ".tellercast"
    kept.mkdir(0o755)
    kept.chmod(0o755)
    (kept / "app.versions").write_text("")
    (kept / "app.previous").write_bytes(b"the one before\n")
    (kept / "app.previous").chmod(0o4755)
    call(folder, "versions")
    assert mode(kept) == 0o700
    assert mode(kept / "app.previous") == 0o4755, "versions does not know whether the bits are to be kept"
