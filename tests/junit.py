"""Results of tests as JUnit files: `./run` counts them, and other programs show them."""

import pathlib
import xml.etree.ElementTree as ElementTree


class Results:
    """The results of one program of tests, written when it has run all of them."""

    def __init__(self, suite):
        self._suite = ElementTree.Element("testsuite", name=suite)
        self.passed = self.failed = 0

    def add(self, name, seconds=0, failure=None):
        """`failure` is the reason; without it the test passed."""
        case = ElementTree.SubElement(self._suite, "testcase", classname=self._suite.get("name"), name=name,
                                      time=f"{seconds:.3f}")
        if failure is None:
            self.passed += 1
        else:
            self.failed += 1
            ElementTree.SubElement(case, "failure", message=printable(failure.splitlines()[0])).text = printable(failure)

    def write(self, path):
        self._suite.set("tests", str(self.passed + self.failed))
        self._suite.set("failures", str(self.failed))
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".new")
        ElementTree.ElementTree(self._suite).write(unfinished, encoding="utf-8", xml_declaration=True)
        unfinished.replace(path)


def printable(text):
    """Returns the text without characters that XML cannot contain."""
    return "".join(character if character >= " " or character in "\t\n" else "?" for character in text)


def count(path):
    """Counts the passed, failed and skipped tests of a JUnit file. Raises OSError or ElementTree.ParseError."""
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).iter("testcase"):
        # ctest writes "notrun" for a program that it could not start.
        if case.find("failure") is not None or case.find("error") is not None or case.get("status") in ("fail", "notrun"):
            failed += 1
        elif case.find("skipped") is not None or case.get("status") == "disabled":
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped
