"""The relations of C files: includes, whether a header is private, and calls between the files of a folder."""

import functools
import pathlib
import re

from check_source import without_comments

ROOT = pathlib.Path(__file__).resolve().parents[3]
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)
TEXT = re.compile(r'"(?:\\.|[^"\\\n])*"')
WORD = re.compile(r"(?<!struct )(?<!enum )\b[a-z_]\w*\b")
# In the form of clang-format: other files see everything that begins a line and is not static.
NOT_SEEN = r"^(?!static |typedef |extern |return |#)[a-zA-Z_][\w \*]*?"
DEFINITION = re.compile(NOT_SEEN + r"\b([a-z_]\w*)(?:\([^;{}]*\)\n\{|(?:\[[^\]]*\])* = )", re.MULTILINE)


@functools.cache
def includes_of(name):
    """(line, header) of each header of this project that a file includes, by its path from the top."""
    text = (ROOT / name).read_text(encoding="utf-8")
    found = []
    for match in INCLUDE.finditer(text):
        beside = (pathlib.PurePosixPath(name).parent / match[1]).as_posix()
        for header in (match[1], beside):
            if (ROOT / header).is_file():
                found.append((text.count("\n", 0, match.start()) + 1, header))
                break
    return found


@functools.cache
def is_private(header):
    """Returns whether its first comment says "Private to ..."."""
    comment = re.match(r"/\*.*?\*/", (ROOT / header).read_text(encoding="utf-8"), re.DOTALL)
    return comment is not None and "Private to" in " ".join(comment[0].replace("*", " ").split())


def calls_between_files(folder):
    """Returns for each file in the folder, without its suffix, the files whose functions and tables it names."""
    texts = {path.stem: TEXT.sub('""', without_comments(path.read_text(encoding="utf-8")))
             for path in sorted(folder.glob("*.c"))}
    home = {name: stem for stem, text in texts.items() for name in DEFINITION.findall(text)}
    return {stem: {home[word] for word in WORD.findall(text) if word in home} - {stem} for stem, text in texts.items()}


def cycles(graph):
    """Returns the strongly connected parts of a graph that have more than one node, each as a sorted list."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            part = [stack.pop()]
            while part[-1] != node:
                part.append(stack.pop())
            if len(part) > 1:
                found.append(sorted(part))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found
