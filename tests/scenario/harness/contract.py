"""Schemathesis: it makes requests from docs/openapi.yaml, valid ones and others, and checks the answers by it."""

import collections
import json
import shutil
import subprocess

from .servers import ROOT

DOCUMENT = ROOT / "docs/openapi.yaml"
SETTINGS = ROOT / "tests/contract/schemathesis.toml"
SEED = 20
EXAMPLES = 12  # requests of each kind for an operation, beyond those at the bounds of its schemas
SECONDS = 3600


class ContractRun:
    """What a run did. `answers` has how often each operation had each status, as {"GET /v1/me": {200: 3}}."""

    def __init__(self, code, text, events):
        self.code, self.text = code, text
        self.answers = collections.defaultdict(collections.Counter)
        for event in events:
            recorder = event.get("ScenarioFinished", {}).get("recorder", {})
            for number, interaction in recorder.get("interactions", {}).items():
                request = recorder["cases"][number]["value"]
                response = interaction.get("response") or {}
                self.answers[f"{request['method']} {request['path']}"][response.get("status_code")] += 1

    @property
    def requests(self):
        return sum(sum(statuses.values()) for statuses in self.answers.values())

    def operations(self):
        """What was asked, without the methods that a path does not have."""
        return {operation for operation, statuses in self.answers.items() if set(statuses) != {405}}

    def reached(self):
        """The operations that had another answer than that the person may not do it."""
        return {operation for operation, statuses in self.answers.items() if set(statuses) - {401, 403}}

    def said(self):
        """One line for each operation, with its answers."""
        for operation in sorted(self.operations()):
            statuses = sorted(self.answers[operation].items(), key=str)
            yield f"{operation}: " + ", ".join(f"{count} x {status}" for status, count in statuses)


def check_contract(program, folder, url, token, known):
    """Runs `program`, which is schemathesis, in a folder of its own, with the token of a person. `known` has the values for each
    file that its settings name."""
    folder.mkdir()
    shutil.copy(SETTINGS, folder)
    for name, values in known.items():
        (folder / name).write_text("".join(f'"{value}"\n' for value in values), encoding="utf-8")
    done = subprocess.run(
        [program, "run", DOCUMENT, "--url", url, "--header", f"Authorization: Bearer {token}", "--checks", "all",
         "--seed", str(SEED), "--max-examples", str(EXAMPLES), "--continue-on-failure", "--generation-database", "none",
         "--no-color", "--report", "ndjson", "--report-ndjson-path", "events.ndjson"],
        cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    with open(folder / "events.ndjson", encoding="utf-8") as lines:
        return ContractRun(done.returncode, done.stdout + done.stderr, map(json.loads, lines))
