#!/usr/bin/python3
"""Checks that packaging/debian-packages is the only file that names the Debian packages. Each of its lines is a purpose and a
package. Each reader asks for an existing purpose, and no other file names a library package."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = ROOT / "packaging/debian-packages"
READERS = ("README.md", "docker/Dockerfile")  # `./run` reads it as well, in scripts/setup.sh
MENTION = re.compile(r"sed -n 's/\^([\w-]+) //p' (\S*packages)")
LINE = re.compile(r"([a-z-]+) ([a-z0-9][a-z0-9.+-]+)")
OTHERS = ("README.md", "CONTRIBUTING.md", "run", ".ci/*", "scripts/*", "docker/*", "docs/*.md", "packaging/*")


def read_list():
    """Returns the purposes with their packages, and the faults of the list."""
    purposes, faults = {}, []
    for number, line in enumerate(LIST.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if match is None:
            faults.append(f"packaging/debian-packages:{number}: expected a purpose and a package; found {line!r}")
        elif match[2] in purposes.setdefault(match[1], []):
            faults.append(f"packaging/debian-packages:{number}: {match[2]} is there twice for {match[1]}")
        else:
            purposes[match[1]].append(match[2])
    return purposes, faults


def check_readers(purposes):
    for name in READERS:
        mentions = MENTION.findall((ROOT / name).read_text(encoding="utf-8"))
        if not mentions:
            yield f"{name}: does not take the packages from packaging/debian-packages"
        for purpose, _ in mentions:
            if purpose not in purposes:
                yield f"{name}: packaging/debian-packages has no purpose {purpose}; it has {', '.join(purposes)}"


def check_nobody_else_names_them(purposes):
    libraries = {package for packages in purposes.values() for package in packages if package.startswith("lib")}
    for path in sorted({path for pattern in OTHERS for path in ROOT.glob(pattern)} - {LIST}):
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for package in sorted(libraries & set(re.findall(r"lib[a-z0-9.+-]*[a-z0-9]", line))):
                yield f"{path.relative_to(ROOT)}:{number}: names the package {package}: packaging/debian-packages does that"


def main():
    purposes, faults = read_list()
    faults += [*check_readers(purposes), *check_nobody_else_names_them(purposes)]
    print("".join(f"{fault}\n" for fault in faults), end="", file=sys.stderr)
    return 1 if faults or not purposes else 0


if __name__ == "__main__":
    sys.exit(main())
