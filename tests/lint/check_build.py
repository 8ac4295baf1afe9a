#!/usr/bin/python3
"""Checks that every target of the build gets its flags from tellercast_flags: folders make theirs by the functions of
cmake/Tellercast.cmake, and nothing sets flags for a whole directory."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAKERS = ROOT / "cmake/Tellercast.cmake"
DIRECTORY_WIDE = re.compile(
    r"^\s*(add_compile_options|add_compile_definitions|add_definitions|add_link_options|include_directories"
    r"|link_directories|link_libraries|set\(CMAKE_C_FLAGS)\b", re.MULTILINE | re.IGNORECASE)
BARE = re.compile(r"^\s*(add_executable|add_library)\b", re.MULTILINE | re.IGNORECASE)


def find(pattern, text):
    for match in pattern.finditer(text):
        yield text.count("\n", 0, match.start(1)) + 1, match[1]


def faults():
    folders = [path for path in sorted(ROOT.rglob("CMakeLists.txt")) if "build" not in path.relative_to(ROOT).parts]
    for path in [*folders, *sorted(ROOT.glob("cmake/*.cmake"))]:
        text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT)
        for line, word in find(DIRECTORY_WIDE, text):
            yield f"{name}:{line}: {word} is for a whole directory: set it for tellercast_flags, or for one target"
        if path != MAKERS:
            for line, word in find(BARE, text):
                yield f"{name}:{line}: {word} makes a target without the flags: use tellercast_archive or tellercast_executable"
    makers = MAKERS.read_text(encoding="utf-8")
    targets = len(re.findall(r"^\s*add_(?:executable|library)\(\$\{name\}", makers, re.MULTILINE))
    linked = len(re.findall(r"target_link_libraries\(\$\{name\} [^)]*\btellercast_flags\b", makers))
    if targets != linked or targets == 0:
        yield f"cmake/Tellercast.cmake: {targets} functions make a target, {linked} link tellercast_flags with it"


def main():
    found = list(faults())
    print("".join(f"{fault}\n" for fault in found), end="", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
