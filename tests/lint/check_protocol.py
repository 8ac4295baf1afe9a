#!/usr/bin/python3
"""Checks that the table of states in docs/protocol.md has the rules of orchestrator/rollout/vocabulary.def, and no
others, and that docs/protocol.md or docs/installers.md names each code that the agent may report. With --print it
prints the table as it should be."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/protocol.md"
RULES = ROOT / "orchestrator/rollout/vocabulary.def"
DEVICE_WORDS = ROOT / "topics/vocabulary.def"
AGENT = ROOT / "clients/agent"
CODE = re.compile(r'(?:(?<!_)refuse\(&?\w+,|(?:set_result|result_set)\(&?[\w.]+,(?: INSTALL_\w+,)?|defer\(result,|agent_\w+\(agent, (?:&?entry, )?REPORT_\w+,)'
                  r'[^"();]*"([a-z_]+)"')
HEAD = ["| from | on | to | why |", "|---|---|---|---|"]


def expected_rows():
    rules = re.findall(r'^INSTRUCTION_RULE\((\w+), (\w+), ON_(\w+), (\w+), (\w+), "([^"]*)"\)',
                       RULES.read_text(encoding="utf-8"), re.MULTILINE)
    return [f"| `{start.lower()}` {was.lower()} | {on.lower()} | `{end.lower()}` {becomes.lower()} | {why} |"
            for start, was, on, end, becomes, why in rules]


def untold_codes():
    """Returns the codes that no page has in backticks."""
    pages = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("protocol.md", "installers.md"))
    codes = {code for file in AGENT.rglob("*.c") for code in CODE.findall(file.read_text(encoding="utf-8"))}
    assert len(codes) > 20, codes
    codes |= set(re.findall(r'^DEVICE_CODE\(\w+, "(\w+)"\)', DEVICE_WORDS.read_text(encoding="utf-8"), re.MULTILINE))
    return sorted(code for code in codes if f"`{code}`" not in pages)


def main():
    expected = expected_rows()
    if "--print" in sys.argv[1:]:
        print("\n".join(HEAD + expected))
        return 0
    page = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^\| `\w+` \w+ \| \w+ \| `\w+` \w+ \| .*\|$", page, re.MULTILINE)
    for row in expected:
        if row not in found:
            print(f"docs/protocol.md: missing: {row}", file=sys.stderr)
    for row in found:
        if row not in expected:
            print(f"docs/protocol.md: no such rule: {row}", file=sys.stderr)
    untold = untold_codes()
    for code in untold:
        print(f"docs/protocol.md: does not name the code {code}", file=sys.stderr)
    return 0 if expected and found == expected and not untold else 1


if __name__ == "__main__":
    sys.exit(main())
