"""Webhooks: the events of the log are posted to each receiver of the settings, signed, in order, and at least once."""

import json
import signal
from datetime import datetime, timedelta, timezone

import pytest
from harness.certificates import Authority
from harness.operations import JSON
from harness.plan import text_of
from harness.programs import command_line
from harness.receiver import Receiver, new_secret, verify
from harness.wait import wait_for

METRIC = 'tellercast_webhook_oldest_undelivered_timestamp_seconds{webhook="siem"}'


@pytest.fixture
def receiver():
    one = Receiver()
    yield one
    one.close()


@pytest.fixture
def other():
    one = Receiver()
    yield one
    one.close()


def webhook(stack, receiver, name="siem", **more):
    path = stack.folder / f"{name}.secret"
    if not path.exists():
        new_secret(path)
    return {"name": name, "url": receiver.url(), "secret_files": [str(path)], **more}


def begin(stack, *webhooks, orchestrators=1, **settings):
    for _ in range(orchestrators):
        stack.orchestrator(webhooks=list(webhooks), **settings)
    stack.import_fleet({"B1": ["A1"]}, ["L1"], labels={"L1": {"region": "emea"}})
    for one in webhooks:
        wait_for_webhook(stack, one["name"], lambda state: state["state"] != "new")
    return stack


def states(stack, number=0):
    return {state["name"]: state for state in stack.orchestrators[number].http.document("/v1/webhooks")["webhooks"]}


def wait_for_webhook(stack, name, condition, number=0):
    return wait_for(lambda: condition(state := states(stack, number).get(name, {"state": "new"})) and state, f"the state of {name}", 60)


def freeze(stack, reason="a storm", number=0):
    """An event of the kind freeze. Each has its own end: the same order again is none."""
    stack.frozen = getattr(stack, "frozen", 0) + 1
    until = f"{datetime.now(timezone.utc) + timedelta(hours=6, seconds=stack.frozen):%Y-%m-%dT%H:%M:%SZ}"
    http = stack.orchestrators[number].http
    answer = http.ask("POST", "/v1/freezes", json.dumps({"until": until, "reason": reason, "match": "region=emea"}),
                      {**JSON, **http.as_("ola")})
    assert answer.status == 201, answer
    return answer.json()["freeze"]


def webhook_command(stack, *words):
    return command_line("webhook", *words, *stack.http.at("ann"), check=False)


def reasons(messages):
    return [message["data"]["reason"] for message in messages]


def test_each_event_is_posted_once_in_order_with_a_signature_that_another_program_verifies(stack, receiver):
    begin(stack, webhook(stack, receiver))
    posts = {result: stack.http.metric(f'tellercast_webhook_posts_total{{result="{result}"}}') for result in ("delivered", "failed", "given_up")}
    assert set(posts.values()) == {0}, "each is there from the start"
    secret = new_secret(stack.folder / "siem.secret")  # it is read for each event
    numbers = [freeze(stack, f"storm {n} “quoted”") for n in range(3)]
    taken = receiver.wait_for(3)
    assert [message["data"]["freeze"] for message in taken] == numbers
    assert reasons(taken) == [f"storm {n} “quoted”" for n in range(3)]
    assert {message["type"] for message in taken} == {"freeze"}
    assert receiver.numbers() == sorted(set(receiver.numbers()))
    for headers, body in receiver.got:
        assert verify(secret, headers, body)
        assert not verify(b"x" * 32, headers, body) and not verify(secret, headers, body + b" ")
        assert headers["Content-Type"] == "application/json"
        assert headers["webhook-id"] == f"event-{json.loads(body)['position']}"
        assert abs(int(headers["webhook-timestamp"]) - datetime.now(timezone.utc).timestamp()) < 300
    state = wait_for_webhook(stack, "siem", lambda state: state["waiting"] == 0)
    assert state["state"] == "delivering" and state["host"] == f"127.0.0.1:{receiver.port}" and state["error"] is None


def test_a_secret_is_replaced_with_both_in_force_and_no_event_lost(stack, receiver):
    begin(stack, own := webhook(stack, receiver))
    old, new = ((stack.folder / f"{name}.secret") for name in ("siem", "next"))
    after = new_secret(new)
    before = new_secret(old)  # a file that changes is read for the next event
    freeze(stack, "first")
    receiver.wait_for(1)
    assert verify(before, *receiver.got[-1]) and not verify(after, *receiver.got[-1])
    reload(stack, {**own, "secret_files": [str(new), str(old)]})
    freeze(stack, "second")
    receiver.wait_for(2)
    assert verify(before, *receiver.got[-1]) and verify(after, *receiver.got[-1])
    reload(stack, {**own, "secret_files": [str(new)]})
    freeze(stack, "third")
    assert reasons(receiver.wait_for(3)) == ["first", "second", "third"]
    assert verify(after, *receiver.got[-1]) and not verify(before, *receiver.got[-1])


def reload(stack, *webhooks, number=0):
    orchestrator = stack.orchestrators[number]
    before = orchestrator.text().count("settings.reloaded")
    orchestrator.file.write_text(text_of({**orchestrator.settings, "webhooks": list(webhooks)}), encoding="utf-8")
    orchestrator.send(signal.SIGHUP)
    orchestrator.wait_until(lambda: orchestrator.text().count("settings.reloaded") > before, "the settings are read again")


def test_a_secret_that_cannot_be_read_posts_nothing_and_is_told(stack, receiver):
    begin(stack, webhook(stack, receiver))
    secret = stack.folder / "siem.secret"
    secret.write_text("whsec_short\n", encoding="utf-8")
    freeze(stack, "first")
    state = wait_for_webhook(stack, "siem", lambda state: state["state"] == "failing")
    assert str(secret) in state["error"] and "whsec_short" not in state["error"] and receiver.got == []
    new_secret(secret)
    assert reasons(receiver.wait_for(1)) == ["first"]


def test_a_receiver_that_was_down_gets_all_events_in_order_and_delays_no_other(stack, receiver, other):
    begin(stack, webhook(stack, receiver), webhook(stack, other, "chat", kinds=["freeze"]))
    receiver.close()
    for n in range(3):
        freeze(stack, f"storm {n}")
    assert reasons(other.wait_for(3)) == ["storm 0", "storm 1", "storm 2"]
    state = wait_for_webhook(stack, "siem", lambda state: state["state"] == "failing" and state["tries"] >= 2)
    assert state["waiting"] == 3 and state["error"]
    assert stack.http.metric(METRIC) > 0
    assert stack.orchestrators[0].text().count("webhook.failing") == 1
    receiver.start()
    assert reasons(receiver.wait_for(3)) == ["storm 0", "storm 1", "storm 2"]
    wait_for(lambda: stack.http.metric(METRIC) == 0, "it does not fail")
    assert wait_for_webhook(stack, "siem", lambda state: state["state"] == "delivering")["waiting"] == 0


def test_an_event_that_is_not_taken_at_first_is_not_overtaken(stack, receiver):
    begin(stack, webhook(stack, receiver))
    receiver.hold.clear()
    receiver.failures = 1
    for n in range(3):
        freeze(stack, f"storm {n}")
    receiver.hold.set()
    assert reasons(receiver.wait_for(3)) == ["storm 0", "storm 1", "storm 2"]
    assert len(receiver.got) == 4


def test_a_receiver_that_does_not_answer_delays_no_other(stack, receiver, other):
    begin(stack, webhook(stack, receiver), webhook(stack, other, "chat"))
    receiver.hold.clear()
    freeze(stack, "first")
    wait_for(lambda: receiver.got, "the slow one got it")
    freeze(stack, "second")
    assert reasons(other.wait_for(2)) == ["first", "second"]
    assert receiver.events() == []
    receiver.hold.set()
    assert reasons(receiver.wait_for(2)) == ["first", "second"]


def test_another_orchestrator_goes_on_where_a_conductor_died_with_an_event_under_way(stack, receiver):
    begin(stack, webhook(stack, receiver), orchestrators=2)
    freeze(stack, "first")
    receiver.wait_for(1)
    receiver.hold.clear()
    freeze(stack, "second", number=1)
    wait_for(lambda: len(receiver.got) == 2, "the second is under way")
    stack.orchestrators[0].kill()
    receiver.status = 500
    receiver.hold.set()
    freeze(stack, "third", number=1)
    wait_for(lambda: len(receiver.got) >= 3, "the other one tries", 60)
    receiver.status = 200
    assert reasons(receiver.wait_for(3)) == ["first", "second", "third"]
    ids = [headers["webhook-id"] for headers, _ in receiver.got]
    assert ids[1] == ids[2], "the same event again has the same ID"


def conducts(one):
    return one.http.metric("tellercast_conducting") == 1


@pytest.mark.parametrize("answer", (200, 500))
def test_a_conductor_that_was_frozen_posts_nothing_that_another_one_has_posted(stack, receiver, answer):
    """It has read several events, and the first one is under way when it stops. `answer`: the answer that it gets when it goes on."""
    begin(stack, webhook(stack, receiver), orchestrators=2, lease="2s")
    conductor = next(one for one in stack.orchestrators if conducts(one))
    other, = (one for one in stack.orchestrators if one is not conductor)
    number = stack.orchestrators.index(other)
    receiver.status = 500
    for n in range(3):
        freeze(stack, f"storm {n}", number=number)
    tries = wait_for_webhook(stack, "siem", lambda state: state["tries"] >= 1 and state["waiting"] == 3, number)["tries"]
    receiver.hold.clear()
    receiver.statuses[tries] = answer
    wait_for(lambda: len(receiver.got) > tries, "the first one is under way")
    conductor.send(signal.SIGSTOP)
    wait_for(lambda: len(receiver.got) > tries + 1, "the other one posts it", 60)
    receiver.status = 200
    receiver.hold.set()
    wait_for(lambda: "storm 2" in reasons(receiver.events()), "the other one posts all", 60)
    conductor.send(signal.SIGCONT)
    wait_for(lambda: not conducts(conductor), "it knows that another one conducts")
    assert states(stack, number)["siem"]["state"] == "delivering"
    freeze(stack, "the last", number=number)
    wait_for(lambda: "the last" in reasons(receiver.events()), "the last one is posted", 60)
    taken = reasons(receiver.events())
    assert "storm 0" in taken and [taken.count(reason) for reason in ("storm 1", "storm 2", "the last")] == [1, 1, 1], taken


def test_an_event_that_was_taken_while_its_orchestrator_ended_is_not_posted_again(stack, receiver):
    begin(stack, webhook(stack, receiver))
    receiver.body = b"thank you"
    receiver.hold_body.clear()
    freeze(stack, "first")
    wait_for(lambda: receiver.answered == 1, "its status is sent")
    one = stack.orchestrators[0]
    assert one.stop(10) == 0
    receiver.hold_body.set()
    one.start()
    one.wait_until_ready()
    freeze(stack, "second")
    assert reasons(receiver.wait_for(2)) == ["first", "second"]
    assert len(receiver.got) == 2


def test_a_receiver_that_is_gone_is_asked_again_only_when_the_settings_are_read_again(stack, receiver, other):
    begin(stack, own := webhook(stack, receiver), fails := webhook(stack, other, "chat"))
    receiver.status = other.status = 500
    freeze(stack, "first")
    wait_for_webhook(stack, "siem", lambda state: state["error"] == "the receiver answered 500")
    receiver.status = 410
    state = wait_for_webhook(stack, "siem", lambda state: "410" in (state["error"] or ""))
    tries, tries_of_other = len(receiver.got), len(other.got)
    freeze(stack, "second")
    receiver.status = 200
    # A test is posted beside the events.
    assert webhook_command(stack, "test", "siem").returncode == 0
    # Both pause as long; two more tries of the other one take longer than a pause of this one.
    wait_for(lambda: len(other.got) >= tries_of_other + 2, "the other one is tried again", 120)
    assert len(receiver.got) == tries + 1 and receiver.events() == [] and state["tries"] >= 2
    reload(stack, own, fails)
    assert reasons(receiver.wait_for(2)) == ["first", "second"]


def test_what_is_not_taken_for_a_day_is_given_up_and_the_next_one_has_its_own_day(stack, receiver):
    begin(stack, webhook(stack, receiver))
    receiver.status = 503
    freeze(stack, "first")
    wait_for_webhook(stack, "siem", lambda state: state["state"] == "failing")
    rows = stack.database.rows
    rows("UPDATE event SET at = at - interval '2 days'")
    rows("UPDATE webhook SET failing_since = failing_since - interval '25 h'")
    freeze(stack, "second")
    state = wait_for_webhook(stack, "siem", lambda state: state["given_up"] == 1)
    assert state["waiting"] == 1, "the second waits"
    kept, = rows("SELECT webhook, kind, error FROM undelivered_event")
    assert kept == {"webhook": "siem", "kind": "freeze", "error": "the receiver answered 503"}
    assert stack.http.metric('tellercast_webhook_posts_total{result="given_up"}') == 1
    assert "webhook.given_up webhook=siem" in stack.orchestrators[0].text()
    receiver.status = 200
    assert reasons(receiver.wait_for(1)) == ["second"]


def test_of_a_log_that_was_shortened_beyond_what_it_got_the_rest_is_delivered(stack, receiver):
    begin(stack, webhook(stack, receiver))
    receiver.status = 500
    for n in range(4):
        freeze(stack, f"storm {n}")
    wait_for_webhook(stack, "siem", lambda state: state["state"] == "failing")
    stack.database.rows("DELETE FROM event WHERE position <= (SELECT position FROM event WHERE document ->> 'reason' = 'storm 1')")
    receiver.status = 200
    assert reasons(receiver.wait_for(2)) == ["storm 2", "storm 3"]
    assert wait_for_webhook(stack, "siem", lambda state: state["waiting"] == 0)["missed"] == 1
    assert stack.orchestrators[0].text().count("webhook.missed") == 1


def test_a_position_that_the_log_has_not_reached_is_told_once_and_what_the_log_has_is_delivered(stack, receiver):
    begin(stack, webhook(stack, receiver))
    freeze(stack, "before")
    assert reasons(receiver.wait_for(1)) == ["before"]
    wait_for_webhook(stack, "siem", lambda state: state["waiting"] == 0)
    stack.database.rows("UPDATE webhook SET position = position + 1000000")
    freeze(stack, "after")
    assert "after" in reasons(receiver.wait_for(3)), "what was delivered before is delivered again"
    assert wait_for_webhook(stack, "siem", lambda state: state["waiting"] == 0)["missed"] == 1
    assert stack.orchestrators[0].text().count("webhook.missed") == 1


def test_an_answer_is_judged_by_its_status_however_long_it_is(stack, receiver):
    begin(stack, webhook(stack, receiver))
    receiver.body = b"thank you. " * 100_000
    freeze(stack, "first")
    freeze(stack, "second")
    assert reasons(receiver.wait_for(2)) == ["first", "second"]
    receiver.status = 500
    freeze(stack, "third")
    wait_for_webhook(stack, "siem", lambda state: state["error"] == "the receiver answered 500")
    assert reasons(receiver.events()) == ["first", "second"], "each once"


def test_a_webhook_that_a_reload_adds_begins_with_the_next_event_and_others_go_on(stack, receiver, other):
    begin(stack, own := webhook(stack, receiver, kinds=["freeze"]))
    freeze(stack, "before")
    receiver.wait_for(1)
    reload(stack, own, webhook(stack, other, "chat", kinds=["approval", "freeze"]))
    wait_for_webhook(stack, "chat", lambda state: state["state"] != "new")
    freeze(stack, "after")
    assert reasons(other.wait_for(1)) == ["after"] and reasons(receiver.wait_for(2)) == ["before", "after"]
    reload(stack, own)
    freeze(stack, "last")
    receiver.wait_for(3)
    assert reasons(other.events()) == ["after"] and states(stack)["chat"]["state"] == "removed"


def test_a_redirect_is_not_followed_and_a_certificate_of_another_authority_is_refused(stack, other):
    good, bad = Authority(stack.folder / "good", "good"), Authority(stack.folder / "bad", "bad")
    secure = Receiver(good.issue("receiver", "server"))
    try:
        begin(stack, webhook(stack, secure, ca_file=str(bad.certificate)))
        freeze(stack, "first")
        state = wait_for_webhook(stack, "siem", lambda state: state["state"] == "failing")
        assert "certificate" in state["error"] and secure.got == [] and "/hook" not in state["error"]
        reload(stack, webhook(stack, secure, ca_file=str(good.certificate)))
        secure.wait_for(1)
        secure.status, secure.headers = 302, {"Location": other.url()}
        freeze(stack, "second")
        wait_for_webhook(stack, "siem", lambda state: state["error"] == "the receiver answered 302")
        assert other.got == []
    finally:
        secure.close()


def test_a_certificate_for_another_host_is_refused(stack):
    authority = Authority(stack.folder / "good", "good")
    secure = Receiver(authority.issue("receiver", "server", address="DNS:elsewhere.example"))
    try:
        begin(stack, webhook(stack, secure, ca_file=str(authority.certificate)))
        freeze(stack, "first")
        state = wait_for_webhook(stack, "siem", lambda state: state["state"] == "failing")
        assert "subject name" in state["error"] and secure.got == [], state
    finally:
        secure.close()


def test_a_test_tells_what_the_receiver_answered(stack, receiver):
    begin(stack, webhook(stack, receiver))
    done = webhook_command(stack, "test", "siem")
    assert done.returncode == 0 and "took the test" in done.stderr, done
    assert [message["type"] for message in receiver.taken] == ["test"]
    receiver.status = 401
    done = webhook_command(stack, "test", "siem")
    assert done.returncode == 1 and "the receiver answered 401" in done.stderr, done
    assert webhook_command(stack, "test", "none").returncode == 1
    listed = json.loads(webhook_command(stack, "list", "--json").stdout)
    assert listed[0]["test_ordered_by"] == "ann" and "siem" in webhook_command(stack, "list").stdout
    assert stack.database.value("SELECT count(*) FROM act WHERE verb = 'test' AND object = 'siem' AND outcome = 'done'") == 2


@pytest.mark.parametrize("changed, told", [
    ({"url": "http://10.0.0.1/hook"}, "must be an https:// URL"),
    ({"url": "https://user:never-shown@siem.example/"}, "without a user"),
    ({"kinds": ["frost"]}, "frost"),
    ({"name": "a b"}, "an ID of"),
    ({"retries": 3}, "retries"),
])
def test_settings_that_cannot_work_are_refused_and_the_old_ones_stay(stack, receiver, changed, told):
    begin(stack, own := webhook(stack, receiver))
    orchestrator = stack.orchestrators[0]
    orchestrator.file.write_text(text_of({**orchestrator.settings, "webhooks": [{**own, **changed}]}), encoding="utf-8")
    orchestrator.send(signal.SIGHUP)
    orchestrator.wait_until(lambda: "settings.refused" in orchestrator.text(), "the settings are refused")
    assert told in orchestrator.text() and "never-shown" not in orchestrator.text()
    freeze(stack)
    receiver.wait_for(1)
