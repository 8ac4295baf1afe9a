"""The people of an installation, made as docs/operations.md says; what they leave in it, and what of that is lost later."""

import json
import subprocess
from datetime import datetime, timedelta, timezone

from harness.people import bearer
from harness.plan import APPLICATION
from harness.programs import command_line
from harness.wait import wait_for

ADMINS = ("ada", "ben")
AUTHOR, APPROVER, SECOND_APPROVER, BREAKER, AUDITOR = "alice", "bob", "carol", "gil", "eve"
ROLES = {AUTHOR: ["operator"], APPROVER: ["approver"], SECOND_APPROVER: ["approver"], BREAKER: ["break_glass"],
         AUDITOR: ["auditor"], "rita": ["operator", "--match", "branch=R1"]}
TAKE_TWO_ADMINS = ("approver", "break_glass")
OK, WAITS = 0, 4  # exit codes
NOT_FOUND = 404
SECRET_MODE = 0o600
BAD_VERSION, WHY = "6.6.6", "it eats cards"
TOMORROW = f"{datetime.now(timezone.utc) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"

# What is read and compared: the path, the list in the answer, and the fields that tell its rows apart.
LISTS = (
    ("/v1/people?limit=1000", "people", ("person",)),
    ("/v1/tokens?limit=1000", "tokens", ("token",)),
    ("/v1/audit?limit=1000", "acts", ("number",)),
    ("/v1/reviews?limit=1000", "reviews", ("review",)),
    ("/v1/artifacts", "blocked", ("name", "version")),
    ("/v1/freezes?limit=1000", "freezes", ("freeze",)),
)
CHANGES = {"last_used_at", "last_used_from"}  # by every use of a token


class People:
    """Their tokens are in `folder`."""

    def __init__(self, folder, authority, programs):
        """`authority`: the file of the one whose certificates the orchestrators show at HTTP."""
        self._folder, self._authority, self._programs = folder, authority, programs

    def file(self, name):
        return self._folder / f"token-of-{name}"

    def token(self, name):
        return self.file(name).read_text(encoding="utf-8")

    def headers(self, name):
        return bearer(self.token(name))

    def _keep(self, name, token):
        self.file(name).write_text(token.strip(), encoding="utf-8")
        self.file(name).chmod(SECRET_MODE)

    def act(self, one, name, *words, code=OK, programs=None):
        """Gives the command to this orchestrator. Returns what it prints."""
        done = command_line(*words, "--server", one.http.url, "--ca-file", self._authority, "--token-file", self.file(name),
                            check=False, programs=programs or self._programs)
        assert done.returncode == code, f"{name}: {words}: {done}"
        return done.stdout

    def make(self, orchestrators):
        """Makes the admins with the program of the first orchestrator, and the others by them. Returns when all know them."""
        one = orchestrators[0]
        for name in ADMINS:
            self._keep(name, subprocess.run([one.program, "admin", "create", name, "--config", one.file], check=True,
                                            capture_output=True, text=True, timeout=60).stdout)
        for name, role in ROLES.items():
            self._make_one(one, name, role)
        for other in orchestrators:
            for name in (*ADMINS, *ROLES):
                wait_for(lambda: other.http.ask("GET", "/v1/me", headers=self.headers(name)).status == 200,
                         f"{other.name} knows {name}")

    def _make_one(self, one, name, role):
        ada, ben = ADMINS
        takes_two = role[0] in TAKE_TWO_ADMINS
        code = WAITS if takes_two else OK
        self.act(one, ada, "person", "create", name)
        self.act(one, ada, "person", "grant", name, *role, code=code)
        if takes_two:
            self.act(one, ben, "person", "grant", name, *role)
        token = json.loads(self.act(one, ada, "token", "create", name, "--json", code=code))
        if takes_two:
            self.act(one, ben, "token", "confirm", token["token"])
        self._keep(name, token["secret"])

    def block(self, one):
        self.act(one, AUTHOR, "artifact", "block", APPLICATION, BAD_VERSION, "--reason", WHY)

    def freeze(self, one):
        """Freezes devices that the fleet does not have, so that all others go on. An older orchestrator knows no freezes."""
        answer = one.http.ask("POST", "/v1/freezes", json.dumps({"match": "model=none", "until": TOMORROW, "reason": WHY}),
                              {"Content-Type": "application/json", **self.headers(AUTHOR)})
        assert answer.status in (201, NOT_FOUND), answer

    def read(self, one):
        """Returns what an auditor is shown, by list and row; without the lists that this orchestrator does not know."""
        shown = {}
        for path, what, key in LISTS:
            answer = one.http.ask("GET", path, headers=self.headers(AUDITOR))
            if answer.status == NOT_FOUND:
                continue
            page = answer.json()
            assert page.get("next") is None, f"{path}: more than one page"
            shown[what] = {tuple(row[field] for field in key): row for row in page[what]}
        return shown


def lost(before, after):
    """Returns what `before` has, and `after` has not, or with another content, and which acts have no number."""
    found = []
    for what, rows in before.items():
        for key, row in rows.items():
            now = after[what].get(key)
            if now is None or any(now.get(field) != value for field, value in row.items() if field not in CHANGES):
                found.append(f"of {what}, {row} is now {now}")
    numbers = sorted(number for number, in after["acts"])
    if numbers != list(range(1, len(numbers) + 1)):
        found.append(f"the numbers of acts have gaps: {numbers}")
    return found
