#!/usr/bin/python3
"""Checks that a statement that waits for the locks of many rows takes them in the order of IDs, as every other one does: else two of
them could deadlock. One that skips locked rows waits for none, and one that names its row by a key has one."""

import pathlib
import re
import sys

QUERIES = pathlib.Path(__file__).resolve().parents[2] / "orchestrator/store/queries"
LOCKING = re.compile(r"FOR (?:NO KEY )?UPDATE\b(?!(?: OF \w+)? SKIP LOCKED)")
INNER = re.compile(r"\(SELECT[^()]*\)")
ORDER = re.compile(r"ORDER BY (?:\w+\.)?(?:id|device)\s+(?:LIMIT :\w+\s+)?$")
ONE_ROW = re.compile(r"WHERE (?:\w+\.)?(?:id|device|name) = :\w+(?! = ANY)|LIMIT 1\s+$|\b(?:key_rotation|people|watermark|presence_watch)\b")


def faults_of(text):
    """Yields the locking clauses that lock many rows in no order."""
    text = INNER.sub("()", re.sub(r"--[^\n]*", "", text))
    for match in LOCKING.finditer(text):
        before = text[:match.start()]
        select = before[before.rindex("SELECT"):]
        if not ORDER.search(before) and not ONE_ROW.search(select):
            yield match.group(0)


def main():
    faults = [f"{path.relative_to(QUERIES.parents[2])}: {clause}: expected ORDER BY the ID before it"
              for path in sorted(QUERIES.rglob("*.sql")) for clause in faults_of(path.read_text(encoding="utf-8"))]
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
