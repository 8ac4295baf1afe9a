"""The numbers that `./run` counts in the JUnit files of test programs."""

import subprocess
import sys

import pytest
from harness.servers import ROOT

sys.path.insert(0, str(ROOT / "tests"))

from junit import Results  # noqa: E402

CASE = '<testcase name="one" status="{}">{}</testcase>'
EMPTY = '<testsuite tests="0"/>'


def suite(*cases):
    return f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"


PASSED, FAILED = CASE.format("run", ""), CASE.format("fail", '<failure message="no"/>')


def counted(folder, text, code, *options):
    """Returns the numbers of passed, failed and skipped tests, and the output."""
    file = folder / "part.xml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    done = subprocess.run([ROOT / "tests/count_results", *options, file, str(code)], capture_output=True, text=True, check=True)
    return tuple(map(int, done.stdout.split())), done.stderr


@pytest.mark.parametrize("text, code, counts", [
    (suite(PASSED, PASSED), 0, (2, 0, 0)),
    (suite(PASSED, FAILED), 8, (1, 1, 0)),
    (suite(PASSED, CASE.format("run", "<error/>")), 1, (1, 1, 0)),
    (suite(PASSED, CASE.format("run", "<skipped/>")), 0, (1, 0, 1)),
    (suite(PASSED, CASE.format("notrun", "<skipped/>")), 8, (1, 1, 0)),
], ids=["passed", "failed", "error", "skipped", "could not be started"])
def test_each_test_of_a_file_is_counted_by_what_became_of_it(tmp_path, text, code, counts):
    assert counted(tmp_path, text, code) == (counts, "")


@pytest.mark.parametrize("text, code, counts, said", [
    (None, 0, (0, 1, 0), "wrote no results"),
    (None, 139, (0, 1, 0), "ended with 139 and wrote no results"),
    (suite(PASSED)[:-20], 0, (0, 1, 0), "wrote no results that can be read"),
    (EMPTY, 0, (0, 1, 0), "ran no test"),
    (EMPTY, 5, (0, 1, 0), "ran no test"),
    (suite(PASSED), 3, (1, 1, 0), "ended with 3, although no test failed"),
], ids=["no file", "crashed", "broken off", "no test", "none collected", "ended badly"])
def test_a_run_that_reports_no_tests_counts_as_a_failure(tmp_path, text, code, counts, said):
    found, output = counted(tmp_path, text, code)
    assert found == counts and said in output


def test_of_tests_by_name_a_part_may_have_none(tmp_path):
    assert counted(tmp_path, EMPTY, 5, "--may-be-empty") == ((0, 0, 0), "")
    assert counted(tmp_path, EMPTY, 2, "--may-be-empty")[0] == (0, 1, 0)


def test_what_programs_in_python_write_is_read_as_they_meant_it(tmp_path):
    results = Results("part")
    results.add("good", 1.5)
    results.add("bad", failure="a text with \x00 and <&>\nand a second line")
    results.write(tmp_path / "part.xml")
    assert counted(tmp_path, None, 1) == ((1, 1, 0), "")
