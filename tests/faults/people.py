"""The people of an installation, made as docs/operations.md says; what they leave in it, and what of that is lost later."""

import collections
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
SECRET_MODE = 0o600
BAD_VERSION, WHY = "6.6.6", "it eats cards"
TOMORROW = f"{datetime.now(timezone.utc) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"

# What is read and compared: the path, the list in the answer, the fields that tell its rows apart, and those that change by use.
List = collections.namedtuple("List", "path rows key changes", defaults=((),))
FREEZES = List("/v1/freezes?limit=1000", "freezes", ("freeze",))
WEBHOOKS = List("/v1/webhooks", "webhooks", ("name",), (
    "state", "position", "waiting", "more_wait", "delivered_at", "failing_since", "tries", "error"))
LISTS = (
    List("/v1/people?limit=1000", "people", ("person",)),
    List("/v1/tokens?limit=1000", "tokens", ("token",), ("last_used_at", "last_used_from")),
    List("/v1/audit?limit=1000", "acts", ("number",)),
    List("/v1/reviews?limit=1000", "reviews", ("review",)),
    List("/v1/artifacts", "blocked", ("name", "version")),
    FREEZES,
    WEBHOOKS,
)
AMENDMENTS = List("/v1/rollouts/{of}/amendments?limit=1000", "amendments", ("amendment",))  # and exclusions
DEVICE = "/v1/devices/{of}"


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
        """Freezes devices that the fleet does not have, so that all others go on."""
        answer = one.http.ask("POST", "/v1/freezes", json.dumps({"match": "model=none", "until": TOMORROW, "reason": WHY}),
                              {"Content-Type": "application/json", **self.headers(AUTHOR)})
        assert answer.status == 201, answer

    def ask(self, one, path):
        """Returns what this orchestrator answers an auditor."""
        return one.http.ask("GET", path, headers=self.headers(AUDITOR))

    def read(self, one):
        """Returns what an auditor is shown, by list and row."""
        return {each.rows: read_list(lambda path: self.ask(one, path), each) for each in LISTS}


def read_list(ask, each, of=""):
    """`ask`: returns the answer to a GET of a path. Returns the rows of all pages, without what changes by use."""
    rows, rest = {}, ""
    while True:
        answer = ask(each.path.format(of=of) + rest)
        assert answer.status == 200, f"{each.path.format(of=of)}: {answer}"
        page = answer.json()
        for row in page[each.rows]:
            rows[tuple(row[field] for field in each.key)] = {
                field: value for field, value in row.items() if field not in each.changes}
        if page.get("next") is None:
            return rows
        rest = f"&after={page['next']}"


def lost(before, after):
    """Returns what `before` has, and `after` has not, or with another content."""
    found = []
    for what, rows in before.items():
        for key, row in rows.items():
            now = after[what].get(key)
            if now is None or any(now.get(field) != value for field, value in row.items()):
                found.append(f"of {what}, {row} is now {now}")
    return found


def missing_numbers(acts):
    """Returns that these acts have gaps in their numbers, if they have."""
    numbers = sorted(number for number, in acts)
    return [] if numbers == list(range(1, len(numbers) + 1)) else [f"the numbers of acts have gaps: {numbers}"]
