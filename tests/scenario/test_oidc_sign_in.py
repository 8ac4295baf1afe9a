"""Sign-in of people by OpenID Connect (authorization code with PKCE), and the sessions that it yields."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.browser import SESSION, SIGN_IN, Browser
from harness.identity_provider import AUDIENCE, CLIENT, SECRET, EcKey, IdentityProvider
from harness.wait import wait_for

ORIGIN = "https://tellercast.bank.example"


@pytest.fixture(scope="module")
def provider():
    provider = IdentityProvider()
    yield provider
    provider.close()


def open_at(stack, provider):
    """An orchestrator at which people of the provider sign in; ann is one, without roles of her own."""
    file = stack.folder / "client-secret"
    file.write_text(SECRET + "\n", encoding="utf-8")
    file.chmod(0o600)
    orchestrator = stack.orchestrator(oidc=provider.settings(client_id=CLIENT, client_secret_file=str(file),
                                                             redirect_url=f"{ORIGIN}/v1/login/callback"))
    stack.people.add("ann", [], [provider.alias("sub-of-ann")])
    stack.people.settle(orchestrator.http)
    wait_for(lambda: orchestrator.http.ask("GET", "/v1/login").status == 303, "people can sign in")
    return stack


@pytest.fixture(scope="module")
def opened(module_stack, provider):
    return open_at(module_stack, provider)


@pytest.fixture
def browser(opened, provider):
    provider.id_claims = {}
    return Browser(opened.http, provider)


def test_who_signs_in_is_a_person_until_they_sign_out(browser, opened):
    assert browser.sign_in(groups=["Night shift"])["person"] == "ann"
    assert SIGN_IN not in browser.cookies and len(browser.cookies[SESSION]) == 59
    me = browser.me().json()
    assert me["person"] == "ann" and me["roles"] == ["operator"] and me["credential"].startswith("session ")
    stolen = dict(browser.cookies)
    assert browser.ask("POST", "/v1/logout").status == 403 and browser.me().status == 200
    assert browser.ask("POST", "/v1/logout", Origin=ORIGIN).status == 200
    assert not browser.cookies
    browser.cookies = stolen
    wait_for(lambda: browser.me().status == 401, "the session has ended")
    acts = opened.database.rows("SELECT person, outcome FROM act WHERE verb IN ('sign_in', 'sign_out') ORDER BY number")
    assert [(act["person"], act["outcome"]) for act in acts[:3] if act["outcome"] == "done"] == [("ann", "done")] * 2
    stored = opened.database.rows("SELECT * FROM session")
    assert stolen[SESSION] not in str(stored)


def test_a_session_changes_nothing_for_another_site(browser):
    browser.sign_in(groups=["Night shift"])
    path = "/v1/tokens"
    for headers in ({}, {"Origin": "null"}, {"Origin": "https://evil.example"}, {"Origin": ORIGIN + "0"},
                    {"Origin": ORIGIN.replace("https", "http")}):
        answer = browser.ask("POST", path, **headers)
        assert answer.status == 403 and "Origin" in answer.json()["detail"], answer
    assert browser.ask("POST", path, Origin=ORIGIN).status == 201


def test_a_session_is_no_token_and_a_token_is_no_session(browser):
    browser.sign_in()
    secret = browser.cookies[SESSION]
    token = browser.ask("POST", "/v1/tokens", Origin=ORIGIN).json()["secret"]
    assert browser.http.ask("GET", "/v1/me", headers={"Authorization": f"Bearer {secret}"}).status == 401
    wait_for(lambda: browser.http.ask("GET", "/v1/me", headers={"Authorization": f"Bearer {token}"}).status == 200,
             "the token is known")
    browser.cookies = {SESSION: token}
    assert browser.me().status == 401


def refused(browser, query, status=403):
    answer = browser.end(query)
    assert answer.status == status and SESSION not in browser.cookies, answer
    return answer.body


def test_a_callback_that_does_not_belong_to_a_sign_in_of_this_browser_is_refused(browser, provider, opened):
    def changed(**parts):
        query = browser.begin()
        return {key: value for key, value in {**query, **parts}.items() if value is not None}

    other = Browser(browser.http, provider)
    bodies = {
        refused(browser, changed(state=None)),
        refused(browser, changed(state=other.begin()["state"])),
        refused(browser, changed(state="A" * 43)),
        refused(browser, changed(code=None)),
        refused(browser, changed(code="guessed")),
        refused(browser, changed(iss="https://other.example")),
        refused(browser, changed(error="access_denied")),
    }
    query = browser.begin()
    browser.cookies.clear()
    bodies.add(refused(browser, query))  # another browser's
    assert len(bodies) == 1
    assert "oidc.sign_in_refused" in opened.orchestrators[0].text()


def test_a_code_is_redeemed_once_and_only_with_the_verifier_of_its_sign_in(browser, provider):
    query = browser.begin()
    cookies = dict(browser.cookies)
    assert browser.end(query).status == 200
    browser.cookies = cookies
    refused(browser, query)  # replayed
    stolen = browser.begin()["code"]  # a code that another browser got, put into the answer of this one's sign-in
    refused(browser, {**browser.begin(), "code": stolen})


def test_an_id_token_that_is_not_right_is_refused(browser, provider):
    now = int(time.time())
    first = browser.begin()
    nonce = provider.codes[first["code"]]["nonce"]
    for claims in ({"nonce": nonce}, {"nonce": None}, {"aud": AUDIENCE}, {"iss": "https://other.example"},
                   {"exp": now - 90}, {"nbf": now + 500}, {"azp": "other"}, {"aud": [CLIENT, "other"]}, {"sub": None}):
        provider.id_claims = claims
        refused(browser, browser.begin())
    provider.id_claims = {}
    known = provider.keys
    provider.keys = [EcKey("one")]
    query = browser.begin()
    provider.keys, signing = known, provider.keys
    token, provider.token = provider.token, lambda claims: token(claims, signing[0])
    try:
        refused(browser, query)
    finally:
        provider.token = token
    browser.sign_in()


def test_a_rotated_key_counts_at_the_sign_in(browser, provider):
    provider.rotate(EcKey("three"))
    browser.sign_in()


def test_who_is_linked_to_nobody_gets_no_session(browser, provider, opened):
    body = refused(browser, browser.begin("sub-of-nobody", groups=["eyes"]))
    assert b"tellercast person link PERSON oidc" in body
    assert opened.database.value("SELECT count(*) FROM session WHERE alias LIKE '%%nobody'") == 0


def test_a_session_ends_with_its_alias_and_with_its_person(browser, provider, opened):
    opened.people.add("eve", [], [provider.alias("sub-of-eve"), ("mqtt_user", "eve")])
    opened.people.add("ada", ["admin"])
    opened.people.settle(browser.http)
    for path in (f"/v1/people/eve/unlink?kind=oidc&alias={provider.alias('sub-of-eve')[1].replace('#', '%23')}",
                 "/v1/people/eve/disable"):
        opened.people.add("eve", [], [provider.alias("sub-of-eve")])
        opened.people.settle(browser.http)
        browser.sign_in("sub-of-eve")
        assert browser.me().status == 200
        assert browser.http.ask("POST", path, headers=browser.http.as_("ada")).status == 200
        wait_for(lambda: browser.me().status == 401, "the session has ended")
        stolen, browser.cookies = dict(browser.cookies), {}
        opened.people.add("eve", [], [provider.alias("sub-of-eve")])
        opened.people.settle(browser.http)
        browser.cookies = stolen
        assert browser.me().status == 401, "the session does not come back with its alias"
        browser.cookies = {}
    assert browser.http.ask("POST", "/v1/people/eve/enable", headers=browser.http.as_("ada")).status == 200
    opened.people.settle(browser.http)
    browser.cookies = stolen
    assert browser.me().status == 401


def test_an_act_by_a_session_is_decided_again(browser, opened):
    def make_token():
        return browser.ask("POST", "/v1/tokens", Origin=ORIGIN)

    browser.sign_in()
    assert opened.people.act_before(make_token).status == 201
    answer = opened.people.act_before(make_token, ("DELETE FROM session WHERE person = 'ann'",))
    assert answer.status == 401 and answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"', answer


def test_a_provider_that_hangs_holds_up_nobody_else(browser, provider):
    provider.is_hanging = True
    waiting, query = Browser(browser.http, provider), None
    try:
        query = waiting.begin()
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(waiting.end, query)
            while not answer.done():
                assert browser.http.ask("GET", "/v1/rollouts").status == 200
            assert answer.result().status == 503
    finally:
        provider.is_hanging = False


def test_a_session_expires_and_a_person_has_few(browser, opened):
    for _ in range(3):
        browser.sign_in()
    opened.database.rows("INSERT INTO session SELECT lpad(n::text, 12, '0'), 'ann', s.alias, n::text, '', now(), '', s.expires_at "
                         "FROM generate_series(1, 30) n, (SELECT * FROM session WHERE person = 'ann' LIMIT 1) s")
    browser.sign_in()
    assert opened.database.value("SELECT count(*) FROM session WHERE person = 'ann'") == 20
    assert browser.me().status == 200
    opened.database.rows("UPDATE session SET expires_at = now()")
    opened.people.settle(browser.http)
    assert browser.me().status == 401
    browser.cookies.clear()
    browser.sign_in()
    assert opened.database.value("SELECT count(*) FROM session WHERE person = 'ann'") == 1


def test_a_daemon_ends_in_the_middle_of_a_sign_in(stack, provider):
    open_at(stack, provider)
    browser = Browser(stack.http, provider)
    query, asked = browser.begin(), provider.requests.count("/realm/token")
    provider.is_hanging = True
    try:
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(browser.end, query)
            wait_for(lambda: provider.requests.count("/realm/token") > asked, "the code is being redeemed")
            assert stack.orchestrators[0].stop() == 0
            assert answer.result().status == 503
    finally:
        provider.is_hanging = False
