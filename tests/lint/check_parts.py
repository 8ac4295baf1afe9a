#!/usr/bin/python3
"""Checks which part includes which: every #include "..." against the links that CMake declares, and against the table of
docs/architecture.md. A static library does not enforce its links: a program that also has the other library links without an
error."""

import json
import pathlib
import re
import subprocess
import sys

from parts.c_source import calls_between_files, cycles, includes_of, is_private

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/parts"
PAGE = "docs/architecture.md"
PRODUCT = ("base", "hosts", "topics", "pki", "tls", "config", "guard", "orchestrator", "clients")
TESTS = "tests"

EDGE = re.compile(r'"node\d+" -> "node\d+" +(?:\[ style = (\w+) \] )?// (\S+) -> (\S+)$', re.MULTILINE)
LIBRARY = re.compile(r'"node\d+" \[ label = "(?P<name>[\w.+-]+)(?:\\n\([^)]*\))?", shape = octagon \]')
OBJECT = re.compile(r"CMakeFiles/([\w.+-]+)\.dir/")


class Links:
    """The links and the sources of the targets, as CMake reports them."""

    def __init__(self, graph, commands):
        self.libraries = {match["name"] for match in LIBRARY.finditer(graph)}
        self.public, self.private = {}, {}
        for style, user, used in EDGE.findall(graph):
            kind = self.private if style == "dotted" else self.public
            kind.setdefault(user, set()).add(used)
        self.sources = {}
        for entry in json.loads(commands):
            path = pathlib.Path(entry["file"])
            if path.is_relative_to(ROOT) and not path.is_relative_to(BUILD):
                target = OBJECT.search(entry["command"])[1]
                self.sources.setdefault(target, set()).add(path.relative_to(ROOT).as_posix())

    def declared(self, target):
        return self.public.get(target, set()) | self.private.get(target, set())

    def seen(self, targets):
        """Returns these targets and all that they link publicly."""
        found, waiting = set(), list(targets)
        while waiting:
            target = waiting.pop()
            if target not in found:
                found.add(target)
                waiting.extend(self.public.get(target, ()))
        return found

    def owner(self, header):
        """Returns the library that a header belongs to; None: it belongs to each program that includes it."""
        path = pathlib.PurePosixPath(header)
        beside = [library for library in self.libraries
                  if any(pathlib.PurePosixPath(source).parent == path.parent for source in self.sources.get(library, ()))]
        own = [library for library in beside if path.with_suffix(".c").as_posix() in self.sources[library]]
        return own[0] if own else beside[0] if len(beside) == 1 else None


def configured():
    BUILD.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DBUILD_TESTING=ON",
                           f"--graphviz={BUILD}/links.dot"],
                          capture_output=True, text=True, check=False)
    if made.returncode != 0:
        sys.exit(f"check_parts.py: cmake: {made.stdout}{made.stderr}")
    return Links((BUILD / "links.dot").read_text(encoding="utf-8"),
                 (BUILD / "compile_commands.json").read_text(encoding="utf-8"))


# ---- links ----

def files_of(links, target):
    """Returns the sources and the headers of a target: (file, whether others may include it)."""
    files = {source: False for source in links.sources.get(target, ())}
    if target in links.libraries:
        for folder in {(ROOT / source).parent for source in files}:
            for header in sorted(folder.glob("*.h")):
                name = header.relative_to(ROOT).as_posix()
                if links.owner(name) == target:
                    files[name] = not is_private(name)
        return files
    waiting = list(files)
    while waiting:
        for _, header in includes_of(waiting.pop()):
            if header not in files and links.owner(header) is None:
                files[header] = False
                waiting.append(header)
    return files


def faults_of_links(links):
    """Includes without a link, links without an include, and public links that no header needs."""
    for target in sorted(links.sources):
        used, used_by_headers = set(), set()
        public = links.seen(links.public.get(target, ()))
        every = links.seen(links.declared(target))
        for file, is_public in sorted(files_of(links, target).items()):
            for line, header in includes_of(file):
                owner = links.owner(header)
                if owner in (None, target):
                    continue
                used.add(owner)
                if is_public:
                    used_by_headers.add(owner)
                if owner not in every:
                    yield f"{file}:{line}: includes {header} of {owner}, which {target} does not link"
                elif is_public and owner not in public:
                    yield f"{file}:{line}: includes {header} of {owner}, which {target} links PRIVATE"
        for library in sorted(links.declared(target) & links.libraries - used):
            yield f"{target}: links {library} and includes nothing of it"
        if target in links.libraries:
            for library in sorted(links.public.get(target, set()) & links.libraries & used - used_by_headers):
                yield f"{target}: links {library} for all who include it, and none of its own headers needs it"


# ---- the page ----

def rows_after(page, heading):
    """Yields the cells of the table under a heading of docs/architecture.md."""
    text = page.split(f"\n## {heading}\n", 1)
    lines = text[1].split("\n## ", 1)[0].splitlines() if len(text) == 2 else []
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    if not rows:
        sys.exit(f"{PAGE}: there is no table under \"{heading}\"")
    return rows


def names_in(cell):
    return set(re.findall(r"`([^`]+)`", cell))


def whole_name(name, folder, folders):
    """Returns the full name of a folder that a row names from the top, or from the top of the row's own part."""
    for start in ("", "orchestrator/", "clients/ctl/"):
        if start + name in folders and folder.startswith(start.rstrip("/")):
            return start + name
    sys.exit(f"{PAGE}: the row of {folder} names {name}, which has no row")


class Page:
    def __init__(self, text):
        self.known, self.libraries = {}, {}
        rows = [[names_in(cell) for cell in row] for row in rows_after(text, "Which part may know which")]
        folders = {folder for row in rows for folder in row[0]}
        for (folder,), may_include, libraries in rows:
            self.known[folder] = {whole_name(name, folder, folders) for name in may_include}
            self.libraries[folder] = libraries
        self.working = {"orchestrator/" + names_in(row[0]).pop() for row in rows_after(text, "The parts")
                        if "orchestrator/" + names_in(row[0]).pop() in self.known}


def arrows():
    """Returns (from folder, to folder): a file and a line with it."""
    found = {}
    for top in PRODUCT:
        for path in sorted((ROOT / top).rglob("*.[ch]")):
            name = path.relative_to(ROOT).as_posix()
            folder = str(pathlib.PurePosixPath(name).parent)
            for line, header in includes_of(name):
                other = str(pathlib.PurePosixPath(header).parent)
                if other != folder:
                    found.setdefault((folder, other), f"{name}:{line}")
    return found


def faults_of_page(page, links):
    found = arrows()
    for (folder, other), where in sorted(found.items()):
        if other not in page.known.get(folder, ()):
            yield f"{where}: {folder} includes {other}, which is not in its row of {PAGE}"
    for folder, known in sorted(page.known.items()):
        for other in sorted(known):
            if (folder, other) not in found:
                yield f"{PAGE}: {folder} may know {other}, and includes nothing of it"
        if folder in page.working and known & page.working:
            yield f"{PAGE}: {folder} knows {', '.join(sorted(known & page.working))}; working parts do not know each other"
    for circle in cycles(page.known):
        yield f"{PAGE}: a circle: {' -> '.join(circle)}"
    yield from faults_of_libraries(page, links)


def faults_of_libraries(page, links):
    """Compares the external libraries that a folder links with its row."""
    linked = {folder: set() for folder in page.known}
    for target, sources in links.sources.items():
        for folder in {str(pathlib.PurePosixPath(source).parent) for source in sources} & set(linked):
            linked[folder] |= {name.split("::")[1] for name in links.declared(target) if "::" in name}
    for folder, libraries in sorted(linked.items()):
        if libraries != page.libraries[folder]:
            yield (f"{PAGE}: {folder} links {', '.join(sorted(libraries)) or 'nothing'}, and its row says "
                   f"{', '.join(sorted(page.libraries[folder])) or 'nothing'}")


# ---- files ----

# Tables of handlers: naming a function there does not call it.
TABLES = {"clients/ctl/commands": "commands", "orchestrator/intake": "http_routes"}


def every_file():
    for top in (*PRODUCT, TESTS):
        for path in sorted((ROOT / top).rglob("*.[ch]")):
            yield path.relative_to(ROOT).as_posix()


def faults_of_private_headers():
    for name in every_file():
        for line, header in includes_of(name):
            if is_private(header) and pathlib.PurePosixPath(header).parent != pathlib.PurePosixPath(name).parent \
                    and not name.startswith(TESTS):
                yield f"{name}:{line}: includes {header}, which is private to its folder"
    for name in every_file():
        if re.search(r"(_private|_state)\.h$", name) and name.startswith(PRODUCT) and not is_private(name) \
                and name != "orchestrator/rollout/rollout_state.h":
            yield f"{name}: is called private and does not begin with \"... Private to ...\""


def faults_of_circles():
    """Looks for circles among all headers, by their includes, and among the files of a folder, by their calls."""
    headers = {name: {header for _, header in includes_of(name)} for name in every_file() if name.endswith(".h")}
    for circle in cycles(headers):
        yield f"headers that include each other in a circle: {' -> '.join(circle)}"
    for folder in sorted({(ROOT / name).parent for name in every_file() if name.startswith(PRODUCT)}):
        name = folder.relative_to(ROOT).as_posix()
        calls = calls_between_files(folder)
        calls.pop(TABLES.get(name), None)
        for circle in cycles(calls):
            yield f"{name}: files that call each other in a circle: {' -> '.join(circle)}"


def main():
    links, page = configured(), Page((ROOT / PAGE).read_text(encoding="utf-8"))
    faults = [*faults_of_links(links), *faults_of_page(page, links), *faults_of_private_headers(), *faults_of_circles()]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults or not links.sources else 0


if __name__ == "__main__":
    sys.exit(main())
