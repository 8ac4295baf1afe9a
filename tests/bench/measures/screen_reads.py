"""Every read of the HTTP interface, as docs/openapi.yaml has them: a new one must have its paths here, or a reason why not. And the
floor of each: the statements that it runs, as the server's log has them, run again by prepared queries."""

import http.client
import json
import pathlib
import re
import time

import yaml
from harness.people import token_of
from harness.servers import ROOT
from harness.statements import statement

from .rig import DATABASE

# In braces: names of `Values`.
PATHS = {
    "listRollouts": ["/v1/rollouts", "/v1/rollouts?limit=1000", "/v1/rollouts?reference=ended-7"],
    "showRollout": ["/v1/rollouts/{wide}", "/v1/rollouts/{open}", "/v1/rollouts/{ended}", "/v1/rollouts/{waiting}"],
    "listInstructions": ["/v1/rollouts/{wide}/instructions", "/v1/rollouts/{wide}/instructions?limit=1000",
                         "/v1/rollouts/{wide}/instructions?state=failed", "/v1/rollouts/{wide}/instructions?state=installing",
                         "/v1/rollouts/{wide}/instructions?group=rest", "/v1/rollouts/{ended}/instructions?state=failed"],
    "listFailures": ["/v1/rollouts/{wide}/failures", "/v1/rollouts/{wide}/failures?by=code,label:city", "/v1/rollouts/{ended}/failures"],
    "listFailedDevices": ["/v1/rollouts/{wide}/failures/devices", "/v1/rollouts/{wide}/failures/devices?limit=1000",
                          "/v1/rollouts/{wide}/failures/devices?code=disk_full&model=selfserv-3",
                          "/v1/rollouts/{wide}/failures/devices?state=failing_now", "/v1/rollouts/{ended}/failures/devices"],
    "explainRollout": ["/v1/rollouts/{wide}/why", "/v1/rollouts/{open}/why", "/v1/rollouts/{waiting}/why", "/v1/rollouts/{ended}/why"],
    "forecastRollout": ["/v1/rollouts/{wide}/forecast", "/v1/rollouts/{open}/forecast", "/v1/rollouts/{ended}/forecast"],
    "listAmendments": ["/v1/rollouts/{wide}/amendments", "/v1/rollouts/{ended}/amendments"],
    "showOverview": ["/v1/overview"],
    "listApprovals": ["/v1/approvals"],
    "listReviews": ["/v1/reviews"],
    "listWebhooks": ["/v1/webhooks"],
    "listFreezes": ["/v1/freezes"],
    "showFreeze": ["/v1/freezes/{freeze}"],
    "previewLift": ["/v1/freezes/{freeze}/lift"],
    "listDevices": ["/v1/devices", "/v1/devices?limit=1000", "/v1/devices?after={device}", "/v1/devices?q={branch}", "/v1/devices?q=-A7",
                    "/v1/devices?q=7", "/v1/devices?q=0042-A3", "/v1/devices?label=city={city}", "/v1/devices?label=city={city}&limit=1000",
                    "/v1/devices?label=region=emea", "/v1/devices?label=region=emea&q=-A31", "/v1/devices?model=selfserv-3",
                    "/v1/devices?version=atm-app=4.7.2", "/v1/devices?version=atm-app=4.7.2&label=city={city}",
                    "/v1/devices?version=atm-app=9.9.9", "/v1/devices?state=retired", "/v1/devices?state=unavailable",
                    "/v1/devices?state=in_flight", "/v1/devices?state=idle", "/v1/devices?state=unavailable&label=region=emea",
                    "/v1/devices?online=true", "/v1/devices?online=false", "/v1/devices?online=unknown",
                    "/v1/devices?online=false&label=city={city}", "/v1/devices?label=region=nowhere"],
    "showDevice": ["/v1/devices/{device}", "/v1/devices/{branch}"],
    "explainDevice": ["/v1/devices/{device}/why", "/v1/devices/{busy}/why"],
    "explainBranch": ["/v1/branches/{branch}/why", "/v1/branches/{busy_branch}/why"],
    "listDeviceLogs": ["/v1/devices/{device}/logs"],
    "countVersions": ["/v1/versions", "/v1/versions?label=city={city}", "/v1/versions?label=region=emea", "/v1/versions?version=atm-app=4.7.2"],
    "listBranches": ["/v1/branches", "/v1/branches?limit=1000", "/v1/branches?q=branch%20123", "/v1/branches?label=city={city}",
                     "/v1/branches?label=region=emea", "/v1/branches?at_budget=true", "/v1/branches?without_machine=true",
                     "/v1/branches?q=nowhere"],
    "showBranch": ["/v1/branches/{branch}", "/v1/branches/{busy_branch}"],
    "listArtifacts": ["/v1/artifacts"],
    "listAffectedDevices": ["/v1/artifacts:affected?name=atm-app&version=4.7.2", "/v1/artifacts:affected?name=atm-app&version=9.9.9"],
    "showInstallation": ["/v1/installation"],
    "listKeys": ["/v1/keys"],
    "listKeyDevices": ["/v1/keys/{key}/devices"],
    "listUnknownOrders": ["/v1/unknown-orders"],
    "listActs": ["/v1/audit", "/v1/audit?limit=1000", "/v1/audit?person=person-7", "/v1/audit?verb=pause", "/v1/audit?object=rollout/42",
                 "/v1/audit?person=person-7&verb=cancel&object=rollout/8", "/v1/audit?since_ms={yesterday_ms}"],
    "showMe": ["/v1/me"],
    "listPeople": ["/v1/people", "/v1/people?limit=1000"],
    "showPerson": ["/v1/people/person-7"],
    "listTokens": ["/v1/tokens"],
}
# They read each device of a rollout, for an auditor's file: only their ratio to the floor counts.
DOCUMENTS = {"showDrift": ["/v1/rollouts/{ended}/drift"], "reportRollout": ["/v1/rollouts/{ended}/report"]}
LEFT_OUT = {
    "followEvents": "a stream: bench events", "readLog": "an act, which is recorded", "downloadArtifact": "a file",
    "showRevocationList": "needs an authority's key",
    "signIn": "needs an identity provider", "endSignIn": "needs an identity provider", "showMetrics": "reads no database",
    "showHealth": "reads no database", "showReadiness": "a probe, which writes", "showGuard": "reads no database",
}
READER = re.compile(r"^tellercastd reader \d+\|LOG:  duration: [\d.]+ ms  execute (\w+): ")
OTHER = re.compile(r"^tellercastd reader \d+\|LOG: ")
PARAMETERS = re.compile(r"^tellercastd reader \d+\|DETAIL:  parameters: (.*)$")
VALUE = re.compile(r"\$\d+ = (NULL|'(?:[^']|'')*')")
HEARD_S = 0.03  # until each session has read its settings
SESSION = "-c timezone=UTC -c synchronous_commit=on -c jit=off"  # SESSION_OPTIONS of orchestrator/store/session.c


def check_that_no_read_is_forgotten():
    document = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text(encoding="utf-8"))
    reads = {path["get"]["operationId"] for path in document["paths"].values() if "get" in path}
    known = {*PATHS, *DOCUMENTS, *LEFT_OUT}
    if reads != known:
        raise SystemExit(f"screen: not measured, and without a reason in screen_reads.py: {sorted(reads - known)}; "
                         f"unknown to docs/openapi.yaml: {sorted(known - reads)}")


class Reader:
    """A person with a connection that stays open."""

    def __init__(self, port, person):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._headers = {"Authorization": f"Bearer {token_of(person)}"}

    def read(self, path):
        """Returns the seconds that it took, and the status."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        answer.read()
        return time.perf_counter() - began, answer.status

    def document(self, path):
        self._connection.request("GET", path, headers=self._headers)
        return json.loads(self._connection.getresponse().read())


class Log:
    """What the server says that a read runs. It tells of everybody's statements, so that it is asked for a moment alone."""

    def __init__(self, rig):
        self._rig, self._file = rig, pathlib.Path(rig.folder) / "postgres.log"
        rig.psql("ALTER SYSTEM SET log_line_prefix = '%a|'", "SELECT pg_reload_conf()")

    def _set(self, value):
        self._rig.psql(f"ALTER SYSTEM SET log_min_duration_statement = {value}", "SELECT pg_reload_conf()")
        time.sleep(HEARD_S)

    def of(self, act):
        """Returns what `act` returns, and the statements that it runs, each as its name and its parameters, as SQL has them."""
        self._set(0)
        place = self._file.stat().st_size
        answer = act()
        self._set(-1)
        with self._file.open("rb") as file:
            file.seek(place)
            lines = file.read().decode(errors="replace").splitlines()
        found, is_of_last = [], False  # to bind parameters is told apart, with them
        for line in lines:
            if begins := READER.match(line):
                found.append((begins[1], []))
                is_of_last = True
            elif OTHER.match(line):
                is_of_last = False
            elif (given := PARAMETERS.match(line)) and is_of_last:
                found[-1] = (found[-1][0], VALUE.findall(given[1]))
        return answer, found


class Floor:
    """The statements of a read by a session of its own."""

    def __init__(self, rig):
        self._connection = rig.postgres.connect(DATABASE)
        self._cursor = self._connection.cursor()
        for setting in SESSION.split("-c ")[1:]:
            self._cursor.execute(f"SET {setting.strip().replace('=', ' = ')}")
        self._prepared = set()

    def _prepare(self, name):
        if name not in self._prepared:
            text = statement(name)
            types = re.search(r"^-- types: (.*)$", text, re.MULTILINE)
            given = f"({types[1]})" if types and types[1].strip() else ""
            self._cursor.execute(f"PREPARE {name} {given} AS {text}")
            self._prepared.add(name)

    def run(self, statements):
        """Returns the seconds that they took together, with their answers."""
        for name, _ in statements:
            self._prepare(name)
        texts = [f"EXECUTE {name}" + (f" ({', '.join(values)})" if values else "") for name, values in statements]
        began = time.perf_counter()
        for text in texts if len(texts) == 1 else ["BEGIN", *texts, "COMMIT"]:
            self._cursor.execute(text)
            if self._cursor.description:
                self._cursor.fetchall()
        return time.perf_counter() - began
