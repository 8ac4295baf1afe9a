"""Giving and taking roles that count in a scope."""

import re

import pytest
from harness.believing_nobody import Admins, opened
from harness.programs import command_line
from harness.wait import wait_for

WAITS = 4


@pytest.fixture
def testbed(stack):
    with opened(stack) as testbed:
        yield testbed


def test_a_scope_of_an_approver_takes_two_admins_and_narrowing_it_one(testbed):
    admins, http = Admins(testbed), testbed.http

    def scopes(role):
        found = [(row["scope"], row["confirmed_by"]) for row in admins.shown("zoe")["roles"] if row["role"] == role]
        return sorted(found, key=str)

    admins.expect("ada", 0, "person", "create", "zoe")
    admins.expect("ada", 0, "person", "grant", "zoe", "operator", "--match", "region=emea,latam;role=atm")
    assert scopes("operator") == [({"region": ["emea", "latam"], "role": ["atm"]}, "ada")]
    in_emea = ("person", "grant", "zoe", "approver", "--match", "region=emea")
    wide = ("person", "grant", "zoe", "approver", "--match", "region=apac,emea")
    admins.expect("ada", WAITS, *wide)
    admins.expect("ada", WAITS, *in_emea)
    assert scopes("approver") == [({"region": ["apac", "emea"]}, None), ({"region": ["emea"]}, None)]
    admins.expect("ben", 0, *wide)
    admins.expect("ada", 0, *in_emea)
    assert scopes("approver") == [({"region": ["emea"]}, "ada")], "it is narrower now"
    admins.expect("ada", WAITS, *wide)
    admins.expect("ada", WAITS, "person", "grant", "zoe", "approver")
    admins.expect("ada", 0, "person", "withdraw", "zoe", "approver", "--match", "region=apac,emea")
    assert scopes("approver") == [(None, None), ({"region": ["emea"]}, "ada")]
    admins.expect("ada", 0, "person", "withdraw", "zoe", "approver")
    assert scopes("approver") == []
    unknown = admins.run("ada", "person", "withdraw", "zoe", "operator", "--match", "region=emea")
    assert unknown.returncode == 1 and "zoe does not have role operator" in unknown.stderr
    wrong = admins.run("ada", "person", "grant", "zoe", "operator", "--match", "region")
    assert wrong.returncode == 1 and "allowed: label=value,value;label=value" in wrong.stderr
    for number in range(100):
        done = admins.run("ada", "person", "grant", "zoe", "viewer", "--match", f"site={number}{'x' * 200}")
        if done.returncode != 0:
            break
    assert "roles in more scopes than fit" in done.stderr and 3 < number < 99
    for name in ("ada", "ben"):
        admins.expect(name, 0 if name == "ada" else 1, "person", "grant", name, "admin", "--match", "region=emea")
    listed = command_line("person", "list", "--server", http.url, "--token-file", testbed.folder / "token-ben")
    assert re.search(r"ada +admin in region=emea", listed.stdout), listed.stdout
    wait_for(lambda: admins.run("ada", "person", "list").returncode != 0, "an admin in a scope manages no people")
    assert "needs role auditor or admin everywhere" in admins.run("ada", "person", "list").stderr
