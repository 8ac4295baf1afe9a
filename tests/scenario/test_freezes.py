"""A freeze: nothing starts in its scope, over all rollouts and at every orchestrator, until people lift it."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from harness.namespace import soon
from harness.operations import JSON, events, operate, submit_as
from harness.people import bearer, token_of
from harness.plan import VERSION, plan
from harness.programs import command_line
from harness.wait import wait_for

EMEA = {"region": ["emea"]}
IN_EMEA = ["E1", "E2", "E3", "E4", "L1", "L2"]
LABELS = {name: {"region": "emea" if name in IN_EMEA else "apac"} for name in (*IN_EMEA, "P1", "P2", "P3", "Q1")}
BUDGET = {"disruptionBudget": {"maxUnavailable": 3}}


def lay_out(stack, orchestrators=1, **settings):
    for _ in range(orchestrators):
        stack.orchestrator(**settings)
    stack.import_fleet({"E1": ["E2", "E3", "E4"], "P1": ["P2", "P3"]}, ["L1", "L2", "Q1"], labels=LABELS)
    stack.add_artifact()
    return stack


def until(**ahead):
    return f"{datetime.now(timezone.utc) + timedelta(**(ahead or {'hours': 6})):%Y-%m-%dT%H:%M:%S.%fZ}"


def order(stack, match="region=emea", person="ola", number=0, path="/v1/freezes", ends=None, **more):
    body = {"until": ends or until(), "reason": "a storm", **({"match": match} if match else {}), **more}
    http = stack.orchestrators[number].http
    return http.ask("POST", path, json.dumps(body), {**JSON, **http.as_(person)})


def freeze(stack, *words, **more):
    answer = order(stack, *words, **more)
    assert answer.status == 201 and answer.json()["state"] == "in_force", answer
    return answer.json()["freeze"]


def lift(stack, number, person="ola", at=0, reason="it is over"):
    http = stack.orchestrators[at].http
    return http.ask("POST", f"/v1/freezes/{number}/lift", json.dumps({"reason": reason}), {**JSON, **http.as_(person)})


def begin(stack, rollout, device, state):
    stack.wait_for_state(rollout, device.name, "dispatched")
    device.ask()
    claims = device.wait_for_instruction()
    device.reply(claims, state)
    stack.wait_for_state(rollout, device.name, state)
    return claims


def complete(stack, rollout, device):
    """The device gets what it has in flight, and completes it."""
    before = len(device.tokens())
    stack.wait_for_state(rollout, device.name, "dispatched")
    device.ask()
    wait_for(lambda: len(device.tokens()) > before, f"{device.name} has its instruction")
    device.reply(device.tokens()[-1], "completed", versions={"atm-app": VERSION})
    stack.wait_for_state(rollout, device.name, "completed")


def wait_for_claims(stack, name, device="P2"):
    """Returns when a rollout that came later was claimed, elsewhere: what starts on a frozen device would have started."""
    later = stack.submit(name, selector={"devices": [device]}, priority=0)
    stack.wait_for_state(later, device, "dispatched")
    operate(stack, later, "cancel")
    stack.wait_for_rollout(later, "cancelled")


def starts_since(stack, number):
    """The devices in the scope that were started a second or more after the freeze."""
    rows = stack.database.rows(
        "SELECT i.device FROM instruction i, freeze_order f JOIN device d ON true WHERE d.id = i.device AND f.id = %s "
        "AND i.dispatched_at > f.frozen_at + interval '1 s' AND d.labels @> ANY (f.patterns)", number)
    return [row["device"] for row in rows]


def retained(stack, device):
    return stack.spy.messages(f"tc/v1/device/{device}/instruction")[-1].payload


def test_a_freeze_starts_nothing_at_any_orchestrator_lets_finish_what_is_at_work_and_waits_until_it_is_lifted(stack):
    lay_out(stack, orchestrators=2)
    rollout = stack.submit("both", selector={"devices": ["E2", "E3", "E4", "L1", "P3"]}, execution={"backoff": "1s"}, **BUDGET)
    e2, e3, l1 = stack.device("E2", "E1"), stack.device("E3", "E1"), stack.device("L1")
    installing = begin(stack, rollout, e2, "installing")
    for name in ("E3", "E4", "L1", "P3"):
        stack.wait_for_state(rollout, name, "dispatched")
    wait_for(lambda: l1.tokens(), "L1 has it on its topic")
    l1.close()

    preview = order(stack, path="/v1/freezes:preview", number=1).json()
    assert preview == {"match": EMEA, "devices": 6, "has_more_devices": False, "withdrawn": 3, "may_have_it": 1, "finish": 1}
    assert stack.http.document("/v1/freezes")["freezes"] == [], "a preview freezes nothing"
    number = freeze(stack, number=1)
    e3.ask()
    e3.wait_for_nothing()
    for name in ("E3", "E4", "L1"):
        row = stack.wait_for_state(rollout, name, "created")
        assert (row["failures"], row["deferrals"]) == (0, 0), name
        assert [event["code"] for event in stack.database.events(row["id"])] == ["frozen"], name
    wait_for(lambda: retained(stack, "L1") == b"" and not stack.redis.keys("*L1*"), "L1's topic and cache are empty")
    stack.wait_for_state(rollout, "P3", "dispatched")
    e2.reply(installing, "completed", versions={"atm-app": VERSION})
    stack.wait_for_state(rollout, "E2", "completed")

    why = stack.http.document("/v1/devices/E4/why")
    assert "frozen" in str(why) and "frozen by ola until" in str(why), why
    another = stack.submit("another", selector={"devices": ["E4", "L2"]}, priority=100, **BUDGET)
    for i in range(6):
        wait_for_claims(stack, f"later-{i}")
    assert starts_since(stack, number) == []
    assert stack.database.states(another) == {"created": 2}
    assert [told["freeze"] for told in stack.http.document(f"/v1/rollouts/{rollout}")["freezes"]] == [number]
    assert stack.http.document("/v1/devices/E4")["freezes"][0]["reason"] == "a storm"
    assert stack.http.document("/v1/devices/P2")["freezes"] == []

    assert order(stack, ends=stack.http.document(f"/v1/freezes/{number}")["until"]).json()["existing"] is True
    answer = lift(stack, number, "bob", at=1)
    assert answer.status == 200 and answer.json()["waits"] is False and answer.json()["lifted"]["by"] == "bob", answer
    assert lift(stack, number).status == 409
    for at, name in ((rollout, "E3"), (another, "L2"), (rollout, "L1")):
        stack.wait_for_state(at, name, "dispatched")
    complete(stack, rollout, e3)
    for frozen in (rollout, another):
        kinds = [event for event in events(stack, frozen) if event[0] in ("frozen", "freeze_lifted")]
        assert kinds == [("frozen", "ola"), ("freeze_lifted", "bob")]
    report = stack.http.document(f"/v1/rollouts/{rollout}/report")
    assert any(event["kind"] == "frozen" and "region=emea" in event["reason"] for event in report["events"])


def group_states(stack, rollout):
    return [group["state"] for group in stack.http.document(f"/v1/rollouts/{rollout}")["groups"]]


def test_soaks_go_on_and_no_group_opens_whose_devices_a_freeze_touches(stack):
    lay_out(stack)
    groups = [{"name": "first", "devices": ["P2"], "soak": "1s"}, {"name": "rest", "percentage": 100}]
    rollout = stack.submit("in-groups", selector={"devices": ["P2", "E2"]}, groups=groups)
    elsewhere = stack.submit("elsewhere", selector={"devices": ["Q1", "P3"]},
                             groups=[{"name": "first", "devices": ["Q1"]}, {"name": "rest", "percentage": 100}])
    number = freeze(stack)
    complete(stack, rollout, stack.device("P2", "P1"))
    wait_for(lambda: group_states(stack, rollout) == ["passed", "waiting"], "the soak ends")
    complete(stack, elsewhere, stack.device("Q1"))
    wait_for(lambda: group_states(stack, elsewhere) == ["passed", "open"], "a group opens that it does not touch")
    started = stack.submit("started", selector={"devices": ["E3"]})
    wait_for(lambda: ("frozen", "ola") in events(stack, started), "it is known to be frozen")
    assert stack.database.rollout(started)["state"] == "running"
    assert group_states(stack, started) == ["waiting"] and group_states(stack, rollout) == ["passed", "waiting"]
    assert lift(stack, number).status == 200
    for at, name in ((rollout, "E2"), (started, "E3")):
        stack.wait_for_state(at, name, "dispatched")

    number = freeze(stack, None)
    waiting = stack.submit("waiting", selector={"devices": ["L1"]})
    wait_for(lambda: ("frozen", "ola") in events(stack, waiting), "it is known to be frozen")
    assert group_states(stack, waiting) == ["waiting"]
    assert stack.http.document(f"/v1/rollouts/{waiting}")["freezes"][0]["match"] == {}
    assert lift(stack, number).status == 200
    stack.wait_for_state(waiting, "L1", "dispatched")


def test_rollbacks_start_in_a_freeze_that_excepts_them_and_in_no_other(stack):
    lay_out(stack)
    rollout = stack.submit("forth", selector={"devices": ["E2"]})
    e2 = stack.device("E2", "E1")
    complete(stack, rollout, e2)
    stack.wait_for_rollout(rollout)
    urgent = stack.submit("urgent", selector={"devices": ["E2"]}, priority=100, schedule={"startAt": soon(3)})
    wait_for(lambda: group_states(stack, urgent) == ["open"], "it would start")
    strict = freeze(stack)
    operate(stack, rollout, "rollback")
    back = wait_for(lambda: stack.database.value("SELECT max(id) FROM rollout WHERE rollback_of = %s", rollout), "it is made")
    stack.wait_for_rollout(back, "running")
    wait_for(lambda: stack.database.value("SELECT due_at <= now() FROM instruction WHERE rollout_id = %s", urgent), "it is due")
    wait_for_claims(stack, "later")
    assert stack.database.states(back) == {"created": 1} and starts_since(stack, strict) == []
    lenient = freeze(stack, person="bob", **{"except": ["rollback"]})
    wait_for_claims(stack, "later-still")
    assert stack.database.states(back) == {"created": 1}, "the strict one is still in force"
    assert lift(stack, strict).status == 200
    complete(stack, back, e2)
    stack.wait_for_rollout(back)
    wait_for_claims(stack, "last")
    assert stack.database.states(urgent) == {"created": 1}
    assert stack.http.document(f"/v1/freezes/{lenient}")["except"] == ["rollback"]
    assert lift(stack, lenient).status == 200
    stack.wait_for_state(urgent, "E2", "dispatched")


def test_an_automatic_rollback_and_a_broken_glass_start_nothing_that_is_frozen(stack):
    lay_out(stack)
    stack.people.add("bea", ("break_glass",))
    rules = {"rollback": {"on": ["failed"]}, "execution": {"retries": 0}}
    rollout = stack.submit("fails", selector={"devices": ["E2", "E3"]}, **rules, **BUDGET)
    e2, e3 = stack.device("E2", "E1"), stack.device("E3", "E1")
    complete(stack, rollout, e2)
    installing = begin(stack, rollout, e3, "installing")
    number = freeze(stack)
    e3.reply(installing, "failed", code="install_failed")
    back = wait_for(lambda: stack.database.value("SELECT max(id) FROM rollout WHERE rollback_of = %s", rollout), "it is made")
    stack.wait_for_rollout(back, "running")
    urgent = submit_as(stack, "ann", plan("urgent", selector={"devices": ["E4"]}, approvals={"required": 2}))
    stack.wait_for_rollout(urgent, "awaiting_approval")
    operate(stack, urgent, "break-glass", "bea")
    stack.wait_for_rollout(urgent, "running")
    wait_for_claims(stack, "later")
    for frozen in (back, urgent):
        assert set(stack.database.states(frozen)) == {"created"}
    assert starts_since(stack, number) == []
    assert lift(stack, number).status == 200
    stack.wait_for_state(back, "E2", "dispatched")
    stack.wait_for_state(urgent, "E4", "dispatched")


def test_a_freeze_that_comes_while_broker_and_cache_are_away_gives_nothing_when_they_are_back(stack):
    orchestrator = lay_out(stack).orchestrators[0]
    given = stack.submit("given", selector={"devices": ["L1"]})
    stack.spy.wait_for("tc/v1/device/L1/instruction")
    stack.broker.stop()
    stack.redis_server.kill()
    claimed = stack.submit("claimed", selector={"devices": ["L2"]})
    stack.wait_for_state(claimed, "L2", "dispatched")
    number = freeze(stack)
    stack.wait_for_state(given, "L1", "created")
    stack.redis_server.start()
    stack.broker.start()
    orchestrator.wait_until_ready()
    for rollout, name in ((given, "L1"), (claimed, "L2")):
        stack.wait_for_state(rollout, name, "created")
        device = stack.device(name)
        device.ask()
        wait_for(device.answers, f"{name} is answered")
        assert not device.tokens(), name
        device.close()
    assert not any(message.payload for message in stack.spy.messages("tc/v1/device/L2/instruction")), "its topic never had it"
    assert starts_since(stack, number) == []
    assert lift(stack, number).status == 200
    for rollout, name in ((given, "L1"), (claimed, "L2")):
        stack.wait_for_state(rollout, name, "dispatched")


def test_two_people_lift_a_freeze_when_the_policy_says_so_and_only_those_that_it_names(stack):
    lay_out(stack, policy={"lift_freeze_by_two": True, "lift_freeze": ["ola", "olga", "bob"]})
    for name, roles in (("olga", ("operator",)), ("bob", ("approver",)), ("cid", ("operator", "approver")), ("vera", ("viewer",))):
        stack.people.add(name, roles)
    stack.people.settle(stack.http)
    number = freeze(stack)
    refused = {"vera": "needs role", "cid": "policy.lift_freeze"}
    for person, told in refused.items():
        answer = lift(stack, number, person)
        assert answer.status == 403 and told in answer.json()["detail"], answer
    ordered = lift(stack, number)
    assert ordered.status == 200 and ordered.json()["waits"] is True and ordered.json()["lift"]["by"] == "ola", ordered
    assert ordered.json()["state"] == "in_force"
    for person, told in (("ola", "another person must confirm it"), ("olga", "needs role approver")):
        answer = lift(stack, number, person)
        assert answer.status == 403 and told in answer.json()["detail"], answer
    confirmed = lift(stack, number, "bob").json()
    assert confirmed["waits"] is False and confirmed["state"] == "lifted" and confirmed["lifted"]["by"] == "bob"
    acts = stack.database.rows("SELECT person, verb, outcome FROM act WHERE object_kind = 'freeze' AND outcome = 'done' ORDER BY number")
    assert [(act["person"], act["verb"]) for act in acts] == [("ola", "freeze"), ("ola", "lift"), ("bob", "lift")]


def test_an_order_to_lift_counts_while_the_person_may_lift_and_no_longer(stack):
    lay_out(stack, policy={"lift_freeze_by_two": True})
    stack.people.add("olga", ("operator",))
    stack.people.add("bob", ("approver",))
    stack.people.add("emea", ("operator",), scope=EMEA)
    stack.people.settle(stack.http)
    rows = stack.database.rows
    changes = {"olga": ("UPDATE person SET disabled_at = now() WHERE name = 'olga'", "UPDATE person SET disabled_at = NULL WHERE name = 'olga'"),
               "emea": ("UPDATE person_role SET scope = '{\"region\": [\"apac\"]}' WHERE person = 'emea'",
                        "UPDATE person_role SET scope = '{\"region\": [\"emea\"]}' WHERE person = 'emea'")}
    for person, (taken, given) in changes.items():
        number = freeze(stack)
        assert lift(stack, number, person).json()["waits"] is True
        rows(taken)
        first = lift(stack, number, "bob").json()
        assert (first["waits"], first["state"], first["lift"]["by"]) == (True, "in_force", "bob"), first
        assert lift(stack, number, "bob").status == 403, "it waits for another person"
        assert lift(stack, number, "ola").json()["state"] == "lifted"
        rows(given)
        number = freeze(stack)
        assert lift(stack, number, person).json()["waits"] is True, person
        assert lift(stack, number, "bob").json()["state"] == "lifted", "the order counts again"
    rows("DELETE FROM person_role WHERE person = 'olga'")
    number = freeze(stack)
    rows("UPDATE freeze_order SET lift_ordered_by = 'olga', lift_reason = 'r', lift_ordered_at = now() WHERE id = %s", number)
    assert lift(stack, number, "bob").json()["waits"] is True, "olga has no role any more"


def test_a_freeze_is_alarmed_from_its_time_on_and_stays_in_force(stack):
    lay_out(stack)
    number = freeze(stack)
    metric = stack.http.metric
    wait_for(lambda: metric("tellercast_freezes") == 1, "it is counted")
    assert metric("tellercast_freezes_overdue") == 0 and "freeze.overdue" not in stack.orchestrators[0].text()
    stack.database.rows("UPDATE freeze_order SET until = now() WHERE id = %s", number)
    wait_for(lambda: metric("tellercast_freezes_overdue") == 1, "an alarm")
    assert f"freeze.overdue freezes=1 freeze={number} by=ola" in stack.orchestrators[0].text()
    rollout = stack.submit("late", selector={"devices": ["E2"]})
    wait_for_claims(stack, "later")
    assert stack.database.states(rollout) == {"created": 1} and starts_since(stack, number) == []
    assert stack.http.document("/v1/freezes?state=in_force")["freezes"][0]["is_overdue"] is True
    assert lift(stack, number).status == 200
    wait_for(lambda: metric("tellercast_freezes") == metric("tellercast_freezes_overdue") == 0, "the alarm ends")
    assert "freeze.none_overdue" in stack.orchestrators[0].text()


def test_an_operator_with_a_scope_freezes_lifts_and_sees_within_it_alone(stack):
    lay_out(stack)
    for name, scope in (("emea", {"region": ["emea"]}), ("apac", {"region": ["apac"]}), ("both", {"region": ["apac", "emea"]})):
        stack.people.add(name, ("operator", "viewer"), scope=scope)
    stack.people.settle(stack.http)
    for match, person, status in ((None, "emea", 403), ("region=apac", "emea", 403), ("region=emea,apac", "emea", 403),
                                  ("region=emea;model=x", "emea", 201), ("region=emea,apac", "both", 201),
                                  ("region=apac", "apac", 201), (None, "both", 403)):
        answer = order(stack, match, person)
        assert answer.status == status, (match, person, answer)
        if status == 403:
            assert "needs role operator or admin" in answer.json()["detail"]
            assert order(stack, match, person, path="/v1/freezes:preview").status == 403

    def seen(person):
        answer = stack.http.ask("GET", "/v1/freezes", headers=bearer(token_of(person)))
        return {row["freeze"]: row["match"] for row in answer.json()["freezes"]}

    everything = seen("both")
    numbers = {json.dumps(match, sort_keys=True): number for number, match in everything.items()}
    of_apac, of_both = numbers['{"region": ["apac"]}'], numbers['{"region": ["apac", "emea"]}']
    assert len(everything) == 3 and set(seen("emea")) == set(everything) - {of_apac}
    assert stack.http.ask("GET", f"/v1/freezes/{of_apac}", headers=bearer(token_of("emea"))).status == 404
    unseen = lift(stack, of_apac, "emea")
    assert unseen.status == 404 and "apac" not in str(unseen.json()) and "storm" not in str(unseen.json()), unseen
    assert lift(stack, of_both, "emea").status == 403
    assert lift(stack, of_apac, "apac").status == 200 and lift(stack, of_both, "both").status == 200
    assert lift(stack, 12345).status == 404


def test_a_hundred_freezes_are_in_force_at_most(stack):
    lay_out(stack)
    first = freeze(stack)
    stack.database.rows("INSERT INTO freeze_order (scope, patterns, except_rollback, until, reason, frozen_by, frozen_at) "
                        "SELECT scope, patterns, true, until, reason, frozen_by, frozen_at FROM freeze_order, generate_series(2, 100)")
    refused = order(stack, "region=apac")
    assert refused.status == 409 and refused.json()["detail"] == "100 freezes are in force already: lift one first", refused
    assert lift(stack, first).status == 200
    freeze(stack, "region=apac")


@pytest.mark.parametrize("body, path", [
    ({"until": "2020-01-01T00:00:00Z", "reason": "r"}, "until"), ({"until": "2099-01-01T00:00:00Z", "reason": "r"}, "until"),
    ({"reason": "r"}, "until"), ({"until": "x", "reason": "r"}, "until"), ({"until": None}, "reason"),
    ({"until": None, "reason": "r", "match": "emea"}, "match"), ({"until": None, "reason": "r", "except": ["all"]}, "except[0]"),
    ({"until": None, "reason": "r", "scope": "x"}, "scope")])
def test_a_wrong_order_says_where_and_what_is_allowed(module_stack, body, path):
    stack = module_stack
    if not stack.orchestrators:
        stack.orchestrator()
    body = {key: until() if key == "until" and value is None else value for key, value in body.items()}
    answer = stack.http.ask("POST", "/v1/freezes", json.dumps(body), {**JSON, **stack.http.as_("ola")})
    assert answer.status == 422, answer
    assert path in [error["path"] for error in answer.json()["errors"]], answer


def test_the_command_line_freezes_shows_and_lifts(stack, tmp_path):
    lay_out(stack)
    rollout = stack.submit("shown", selector={"devices": ["E2"]})
    stack.wait_for_state(rollout, "E2", "dispatched")

    def run(*words, person="ola"):
        return command_line(*words, *stack.http.at(person), check=False)

    draft = tmp_path / "draft.yaml"
    draft.write_text(plan("draft", selector={"devices": ["E3"]}), encoding="utf-8")
    wanted = ("freeze", "--match", "region=emea", "--until", "6h", "--reason", "a storm")
    tried = run(*wanted, "--dry-run")
    assert tried.returncode == 0 and tried.stdout == "" and "6 devices; withdrawn: 1 instruction" in tried.stderr, tried
    assert json.loads(run(*wanted, "--dry-run", "--json").stdout)["finish"] == 0
    assert "no freezes" in run("freeze", "list").stderr
    done = run(*wanted, "--except", "rollback")
    assert done.returncode == 0 and "region=emea  in force until" in done.stdout, done
    number = done.stdout.split()[1]
    listed = run("freeze", "list", "--state", "in_force")
    assert all(word in listed.stdout for word in (number, "region=emea", "in force", "rollback", "ola", "a storm")), listed
    for words in (("rollout", "list"), ("device", "list"), ("fleet", "list"), ("plan", "preview", draft)):
        shown = run(*words)
        assert f"FROZEN: freeze {number} of region=emea, except rollbacks, by ola until" in shown.stderr, shown
        assert "FROZEN" not in shown.stdout and "FROZEN" not in run(*words, "--json").stderr
    wait_for(lambda: ("frozen", "ola") in events(stack, rollout), "the rollout is known to be frozen")
    for words in (("rollout", "status", rollout), ("device", "show", "E2")):
        shown = run(*words).stdout
        assert "FROZEN" in shown and f"freeze {number} of region=emea" in shown, shown
    for wrong, told in (((*wanted[:4], "soon", *wanted[5:]), "--until"), (wanted[:5], "--reason is required"),
                        (("freeze", "lift"), "needs FREEZE"), (("freeze", "lifft", "1"), "did you mean")):
        refused = run(*wrong)
        assert refused.returncode == 2 and told in refused.stderr, refused
    lifted = run("freeze", "lift", number, "--reason", "it is over", person="bob")
    assert lifted.returncode == 0 and "region=emea  lifted" in lifted.stdout, lifted
    shown = run("freeze", "show", number).stdout
    assert "lifted by" in shown and "bob" in shown and "it is over" in shown, shown
    assert run("freeze", "lift", number, "--reason", "again").returncode == 1
    assert "FROZEN" not in run("rollout", "list").stderr


def test_the_overview_names_freezes_and_those_that_are_overdue(stack):
    lay_out(stack)

    def attention(kind):
        return [row["detail"] for row in stack.http.document("/v1/overview")["attention"] if row["kind"] == kind]

    freeze(stack, ends=until(seconds=2))
    freeze(stack, match="region=apac")
    assert any("apac" in detail and "a storm" in detail for detail in attention("frozen"))
    wait_for(lambda: any("emea" in detail for detail in attention("freeze_overdue")), "it is overdue")
    shown = command_line(*stack.http.at("ola"), "tonight", check=False)
    assert shown.returncode == 0 and "a storm" in shown.stdout and "Nothing needs attention" not in shown.stdout, shown


def test_an_order_to_lift_that_waits_for_a_second_person_is_in_the_list_of_approvals(stack):
    lay_out(stack, policy={"lift_freeze_by_two": True})
    number = freeze(stack)
    assert lift(stack, number).status in (200, 202)
    found = [row for row in stack.http.document("/v1/approvals")["approvals"] if row["kind"] == "lift_freeze"]
    assert len(found) == 1 and found[0]["what"]["freeze"] == number and found[0]["what"]["ordered_by"] == "ola", found
    listed = command_line("approval", "list", *stack.http.at("bob")).stdout
    assert "lift freeze" in listed and "lift_freeze" not in listed, listed
