#!/usr/bin/python3
"""Checks that nothing that is shipped sets `insecure_loopback`, neither the orchestrators' setting nor the guard's option: no
settings, script or unit, and no example in a document. Tests set it, and documents may explain it in a sentence."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = (".ci", "config", "docker", "packaging", "scripts", "cmake")
FILES = ("run", "README.md", "CONTRIBUTING.md", "CMakeLists.txt", "CMakePresets.json")
SETS = re.compile(r"insecure_loopback\W+\"?(?:true|yes|on|1)\b", re.IGNORECASE)
EXAMPLE = re.compile(r"^\s*```.*?^\s*```", re.MULTILINE | re.DOTALL)


def texts():
    """Yields each shipped file with the parts of it that somebody may copy or run."""
    for path in [ROOT / name for name in FILES] + [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]:
        if path.is_file():
            yield path, path.read_text(encoding="utf-8", errors="replace")
    for path in sorted((ROOT / "docs").rglob("*.md")):
        yield path, "\n".join(EXAMPLE.findall(path.read_text(encoding="utf-8")))


def main():
    wrong = [path for path, text in texts() if SETS.search(text)]
    for path in wrong:
        print(f"{path.relative_to(ROOT)}: sets insecure_loopback, which is for tests alone", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
