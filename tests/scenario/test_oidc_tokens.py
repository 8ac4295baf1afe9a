"""Bearer JWTs of an identity provider at the HTTP endpoint."""

import hashlib
import hmac
import json
import subprocess
import time

import pytest
from harness.identity_provider import EcKey, IdentityProvider, RsaKey, base64url, encoded
from harness.people import bearer
from harness.plan import plan
from harness.programs import BIN
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}
AGAIN_S = 10  # PROVIDER_AGAIN_MS


@pytest.fixture(scope="module")
def provider():
    provider = IdentityProvider()
    yield provider
    provider.close()


@pytest.fixture
def own_provider():
    provider = IdentityProvider()
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def shared(module_stack, provider):
    """An orchestrator that trusts the provider, and knows ann, an operator, by it."""
    http = opened(module_stack, provider)
    module_stack.import_fleet({"B1": ["A1"]})
    module_stack.add_artifact()
    return module_stack, http


@pytest.fixture
def http(shared):
    return shared[1]


def opened(stack, provider, **settings):
    orchestrator = stack.orchestrator(oidc=provider.settings(**settings))
    stack.people.add("ann", ["operator"], [provider.alias("sub-of-ann")])
    wait_for(lambda: me(orchestrator.http, provider.access_token("sub-of-ann")).status == 200, "ann is known by her JWT")
    return orchestrator.http


def me(http, token):
    return http.ask("GET", "/v1/me", headers=bearer(token))


def submit(http, headers, document):
    return http.ask("POST", "/v1/rollouts", document, {"Content-Type": "application/yaml", **headers})


def test_a_jwt_of_the_provider_is_its_person(shared, provider):
    stack, http = shared
    answer = submit(http, bearer(provider.access_token("sub-of-ann")), plan(schedule=LATER))
    assert answer.status == 201, answer
    assert stack.database.rollout(answer.json()["rollout"])["author"] == "ann"


def test_a_jwt_that_is_not_right_is_refused_and_nothing_is_said(shared, provider):
    stack, http = shared
    key, now = provider.keys[0], int(time.time())
    good = provider.access_token("sub-of-ann")
    signed, _, signature = good.rpartition(".")
    secret = str(key.public()).encode()
    by_hmac = f"{encoded({'alg': 'HS256', 'kid': key.kid})}.{good.split('.')[1]}"
    refused = {
        "without a signature": f"{encoded({'alg': 'none', 'kid': key.kid})}.{good.split('.')[1]}.AAAA",
        "with an empty signature": f"{encoded({'alg': 'none'})}.{good.split('.')[1]}.",
        "by HMAC": f"{by_hmac}.{base64url(hmac.digest(secret, by_hmac.encode(), hashlib.sha256))}",
        "by another key": provider.access_token("sub-of-ann", EcKey(key.kid)),
        "by a key of another kind": provider.access_token("sub-of-ann", RsaKey(key.kid)),
        "changed": f"{signed[:-1]}{'A' if signed[-1] != 'A' else 'B'}.{signature}",
        "for another audience": provider.access_token("sub-of-ann", aud="tellercast"),
        "of another issuer": provider.access_token("sub-of-ann", iss=f"{provider.issuer}/"),
        "expired": provider.access_token("sub-of-ann", iat=now - 500, exp=now - 90),
        "not valid yet": provider.access_token("sub-of-ann", nbf=now + 500),
        "valid for ever": provider.access_token("sub-of-ann", exp=now + 10**9),
        "of another type": provider.access_token("sub-of-ann", headers={"typ": "logout+jwt"}),
        "with an extension": provider.access_token("sub-of-ann", headers={"crit": ["exp"]}),
        "too long": provider.access_token("sub-of-ann", more="A" * 9000),
    }
    before, answers = http.metric("tellercast_logins_refused_total"), set()
    for what, token in refused.items():
        answer = me(http, token)
        assert answer.status == 401 and 'error="invalid_token"' in answer.headers["WWW-Authenticate"], (what, answer)
        answers.add(answer.body)
    assert answers == {me(http, "tc_000000000000_" + "A" * 43).body}
    assert http.metric("tellercast_logins_refused_total") == before + len(refused) + 1
    assert me(http, good).status == 200
    assert "oidc.token_refused" in stack.orchestrators[0].text()


def test_the_roles_of_groups_count_with_the_jwt_alone(shared, provider):
    stack, http = shared
    plan_of_bob = plan("of-bob", schedule=LATER)
    stack.people.add("bob", [], [provider.alias("sub-of-bob")])
    token = provider.access_token("sub-of-bob", groups=["Night shift", "others"])
    wait_for(lambda: me(http, token).status == 200, "bob is known")
    assert me(http, token).json()["roles"] == ["operator"]
    assert me(http, provider.access_token("sub-of-bob")).json()["roles"] == []
    assert submit(http, bearer(token), plan_of_bob).status == 201
    made = http.ask("POST", "/v1/tokens", headers=bearer(token)).json()
    wait_for(lambda: me(http, made["secret"]).status == 200, "bob's own token is known")
    refused = submit(http, bearer(made["secret"]), plan("by-token", schedule=LATER))
    assert refused.status == 403 and "needs role operator" in refused.json()["detail"], refused


def test_an_act_by_a_jwt_is_decided_again_by_the_roles_of_its_groups_and_its_alias(shared, provider):
    stack, http = shared
    stack.people.add("cal", [], [provider.alias("sub-of-cal")])
    token = provider.access_token("sub-of-cal", groups=["Night shift"])
    wait_for(lambda: me(http, token).status == 200, "cal is known")
    answer = stack.people.act_before(lambda: submit(http, bearer(token), plan("by-group", schedule=LATER)))
    assert answer.status == 201, answer
    answer = stack.people.act_before(lambda: submit(http, bearer(token), plan("by-nobody", schedule=LATER)),
                                     ("DELETE FROM alias WHERE kind = 'oidc' AND person = 'cal'",))
    assert answer.status == 403 and "tellercast person link PERSON oidc" in answer.json()["detail"], answer


def test_who_is_linked_to_nobody_is_told_what_two_admins_must_do(shared, provider):
    stack, http = shared
    token = provider.access_token("sub-of-eve", groups=["Night shift", "eyes"])
    answer = me(http, token)
    kind, alias = provider.alias("sub-of-eve")
    assert answer.status == 403 and f"tellercast person link PERSON {kind} '{alias}'" in answer.json()["detail"], answer
    for name in ("ada", "ben"):
        stack.people.add(name, ["admin"])
        stack.people.known(http, name)
    stack.people.add("eve", [])
    link = f"/v1/people/eve/link?kind=oidc&alias={alias.replace('#', '%23')}"
    for name, waits in (("ada", True), ("ada", True), ("ben", False)):
        assert http.ask("POST", link, headers=http.as_(name)).json()["waits"] == waits
        assert me(http, token).status == 403 or not waits
    wait_for(lambda: me(http, token).status == 200, "eve is known")
    assert sorted(me(http, token).json()["roles"]) == ["approver", "operator"]
    assert http.ask("POST", "/v1/people/eve/disable", headers=http.as_("ada")).status == 200
    wait_for(lambda: me(http, token).status == 403, "eve is disabled")
    odd = me(http, provider.access_token("x'; reboot #"))
    assert odd.status == 401, odd


def test_a_rotated_key_counts_at_once_and_the_one_before_no_more(provider, http):
    old, new = provider.keys[0], RsaKey("two")
    provider.rotate(new)
    wait_for(lambda: me(http, provider.access_token("sub-of-ann")).status == 200, "the new key counts")
    assert me(http, provider.access_token("sub-of-ann", old)).status == 401


def test_a_key_that_nobody_has_is_looked_for_once_in_a_while(stack, own_provider):
    provider, http = own_provider, opened(stack, own_provider, keys_refresh="30m")
    seen = provider.requests.count("/realm/keys")
    unknown = provider.access_token("sub-of-ann", EcKey("nobodys"))
    began = time.monotonic()
    first = me(http, unknown)
    assert first.status == 503 and first.headers["Retry-After"], first
    wait_for(lambda: provider.requests.count("/realm/keys") == seen + 1, "the keys were read again")
    answers = [me(http, unknown).status for _ in range(200)]
    if time.monotonic() - began < AGAIN_S:
        assert set(answers) == {401} and provider.requests.count("/realm/keys") == seen + 1
    assert me(http, provider.access_token("sub-of-ann")).status == 200


def test_known_keys_count_while_the_provider_is_down_until_they_are_stale(stack, own_provider):
    provider, http = own_provider, opened(stack, own_provider, keys_max_age="4s")
    provider.is_down = True
    before = http.metric("tellercast_oidc_faults_total")
    wait_for(lambda: http.metric("tellercast_oidc_faults_total") > before, "the provider was asked in vain")
    wait_for(lambda: me(http, provider.access_token("sub-of-ann")).status == 503, "the keys are stale")
    assert "oidc.keys_not_read" in stack.orchestrators[0].text()
    provider.is_down = False
    wait_for(lambda: me(http, provider.access_token("sub-of-ann")).status == 200, "the keys count again")


def test_a_huge_slow_or_wrong_key_set_changes_nothing_and_keeps_nobody_waiting(provider, http):
    huge = json.dumps({"keys": [key.public() for key in provider.keys], "more": "A" * 300000}).encode()
    for bad in (huge, b"[" * 200000, b'{"keys":[]}', b"{", b'{"keys":[' + b",".join([b"{}"] * 65) + b"]}"):
        provider.keys_answer = bad
        before = http.metric("tellercast_oidc_faults_total")
        wait_for(lambda: http.metric("tellercast_oidc_faults_total") > before, "the key set was refused")
        assert me(http, provider.access_token("sub-of-ann")).status == 200
    provider.keys_answer, provider.is_slow = None, True
    before = http.metric("tellercast_oidc_faults_total")
    while http.metric("tellercast_oidc_faults_total") == before:
        assert me(http, provider.access_token("sub-of-ann")).status == 200
    provider.is_slow = False


def test_no_group_makes_an_admin(tmp_path):
    file = tmp_path / "tellercastd.yaml"
    for roles, said in (("[admin]", 'oidc.groups.Night shift[0]: found "admin", allowed: one of viewer|operator'),
                        ("[]", "oidc.groups.Night shift: found a list of 0, allowed: 1 to 4 members")):
        file.write_text(f"oidc:\n  groups: {{'Night shift': {roles}}}\n", encoding="utf-8")
        done = subprocess.run([BIN / "tellercastd", "--config", file, "--check-config"], capture_output=True, text=True,
                              timeout=30)
        assert done.returncode == 1 and said in done.stderr and ":2:" in done.stderr, done.stderr
