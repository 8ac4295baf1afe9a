"""The programs of older versions, which ./run faults builds."""

import pathlib

from harness.programs import BIN

HERE, BUILT = pathlib.Path(__file__).parent, BIN.parent.parent / "previous"
COMMIT = (HERE / "previous").read_text(encoding="utf-8").strip()
OLDEST_COMMIT = (HERE / "oldest_agents").read_text(encoding="utf-8").strip()
PREVIOUS, OLDEST = BUILT / COMMIT / "bin", BUILT / OLDEST_COMMIT / "bin"  # of the latter only the agents are built
