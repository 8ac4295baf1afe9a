"""Events as they come: who follows them misses none and gets none twice, sees no more than it may, and takes no more than its
share."""

import json
import subprocess
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone

import pytest
from harness.event_stream import EventStream
from harness.operations import JSON, operate, submit_as
from harness.people import RAISE, bearer, token_of
from harness.plan import plan
from harness.process import running
from harness.programs import BIN, command_line
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}
NOTE = "INSERT INTO rollout_event (rollout_id, kind, actor, reason) VALUES (%s, 'paused', 'ann', %s)"
LABELS = {"E1": {"region": "emea"}, "E2": {"region": "emea"}, "P1": {"region": "apac"}, "P2": {"region": "apac"}}


def lay_out(stack, orchestrators=1, **settings):
    for _ in range(orchestrators):
        stack.orchestrator(**settings)
    stack.import_fleet({"E1": ["E2"], "P1": ["P2"]}, labels=LABELS)
    stack.add_artifact()
    return stack


def a_rollout(stack, name="one", devices=(), schedule=LATER):
    rollout = submit_as(stack, "ann", plan(name, schedule=schedule, selector={"devices": list(devices)} if devices else {}))
    stack.wait_for_rollout(rollout, "running")
    return rollout


def note(stack, rollout, *reasons):
    for reason in reasons:
        stack.database.rows(NOTE, rollout, reason)


@contextmanager
def following(stack, person="ann", number=0, query="", **more):
    http = stack.orchestrators[number].http
    http.as_(person)
    stream = EventStream(http, person, query, **more).follow()
    wait_for(lambda: stream.position or stream.events, "the stream has begun")
    try:
        yield stream
    finally:
        stream.close()


def reasons(*streams):
    return [document.get("reason") for stream in streams for kind, document in stream.events if kind == "rollout"]


def test_who_comes_back_to_another_orchestrator_misses_nothing_and_gets_nothing_twice(stack):
    rollout = a_rollout(lay_out(stack, orchestrators=2))
    with following(stack, query="?kind=rollout") as first:
        note(stack, rollout, "1", "2")
        first.wait("rollout", reason="2")
    note(stack, rollout, "3", "4")
    with following(stack, number=1, query="?kind=rollout", after=first.position) as second:
        second.wait("rollout", reason="4")
        note(stack, rollout, "5")
        second.wait("rollout", reason="5")
    stack.orchestrators[0].stop()
    note(stack, rollout, "6")
    stack.orchestrators[0].start()
    stack.orchestrators[0].wait_until_ready()
    with following(stack, query="?kind=rollout", after=second.position) as third:
        third.wait("rollout", reason="6")
    assert reasons(first, second, third) == ["1", "2", "3", "4", "5", "6"]


def test_who_comes_back_from_far_behind_gets_it_all(stack):
    rollout = a_rollout(lay_out(stack))
    with following(stack, query="?kind=rollout") as first:
        position = first.position
    stack.database.rows("INSERT INTO rollout_event (rollout_id, kind, actor, reason) "
                        "SELECT %s, 'paused', 'ann', n::text FROM generate_series(1, 3000) n", rollout)
    with following(stack, query="?kind=rollout", after=position) as second:
        second.wait("rollout", reason="3000")
        assert reasons(second) == [str(number) for number in range(1, 3001)]


def test_a_stream_ends_at_the_end_of_its_orchestrator_which_does_not_wait_for_it(stack):
    lay_out(stack)
    with following(stack) as stream:
        assert stack.orchestrators[0].stop(10) == 0
        stream.wait_for_end()


def test_a_position_that_the_log_lacks_is_answered_with_a_reset_and_goes_on(stack):
    rollout = a_rollout(lay_out(stack))
    note(stack, rollout, *"12345")
    stack.database.rows("DELETE FROM event WHERE position <= (SELECT position - 2 FROM event_head)")
    stack.orchestrators[0].stop()
    stack.orchestrators[0].start()
    stack.orchestrators[0].wait_until_ready()
    for position, reason in (("1-1", "expired"), ("7-1", "unknown"), ("1-999999", "unknown")):
        with following(stack, after=position, query="?kind=rollout") as stream:
            assert stream.wait("reset") == {"reason": reason}, position
            note(stack, rollout, f"after {position}")
            stream.wait("rollout", reason=f"after {position}")
            assert reasons(stream) == [f"after {position}"]
    for position in ("1", "1-", "01-2", "1-02", "x", "1-2-3", "1-1234567890123456789"):
        answer = stack.http.ask("GET", f"/v1/events?after={position}", headers=stack.http.as_("ann"))
        assert answer.status == 400, (position, answer)


def test_a_slow_reader_is_dropped_and_the_others_go_on(stack):
    rollout = a_rollout(lay_out(stack))
    http = stack.http
    with following(stack, query="?kind=rollout") as quick:
        slow = EventStream(http, "ann", "?kind=rollout", receive=4096)
        long = "a long reason " * 30
        for part in range(8):
            stack.database.rows("INSERT INTO rollout_event (rollout_id, kind, actor, reason) "
                                "SELECT %s, 'paused', 'ann', %s || n FROM generate_series(1, 500) n", rollout, f"{part} {long}")
            quick.wait("rollout", reason=f"{part} {long}500")
        wait_for(lambda: http.metric("tellercast_event_readers_dropped_total") == 1, "the slow one is dropped")
        slow.follow()
        slow.wait_for_end()
        assert slow.events[-1] == ("reset", {"reason": "slow"})
        assert len(reasons(quick)) == 4000 and len(reasons(slow)) < 4000
        with following(stack, query="?kind=rollout", after=slow.position) as again:
            note(stack, rollout, "at last")
            again.wait("rollout", reason="at last")
        slow.close()


def test_a_scope_hides_events_and_reasons_that_are_not_its_own(stack):
    lay_out(stack)
    stack.people.add("emil", ["viewer"], scope={"region": ["emea"]})
    stack.people.add("aud", ["auditor"])
    stack.people.settle(stack.http)
    with following(stack, "emil") as scoped, following(stack, "aud") as whole:
        emea, apac = a_rollout(stack, "emea", ["E1", "E2"]), a_rollout(stack, "apac", ["P1", "P2"])
        both = a_rollout(stack, "both")
        for rollout in (emea, apac, both):
            operate(stack, rollout, "pause", actor="ann", reason="a person's words")
        body = {"until": "2098-01-01T00:00:00Z", "reason": "a storm"}
        for match in ("region=emea", "region=apac"):
            order = {**body, "until": until(), "match": match}
            answer = stack.http.ask("POST", "/v1/freezes", json.dumps(order), {**JSON, **stack.http.as_("ola")})
            assert answer.status == 201, answer
        stack.database.rows("INSERT INTO rollout_event (rollout_id, kind, actor, reason) VALUES (%s, 'aborted', 'tellercast', %s)",
                            both, "P1 failed")
        stack.people.add("eve", ["viewer"])
        stack.database.rows("INSERT INTO person_role (person, role, granted_by) VALUES ('eve', 'admin', 'ada')")
        operate(stack, emea, "resume", actor="ann", reason="the last")
        whole.wait("approval", what="role")
        for stream in (whole, scoped):
            stream.wait("rollout", event="resumed", rollout=emea)
            stream.wait("rollout", event="aborted", rollout=both)
            stream.wait("progress", rollout=emea, state="running")

    def seen(stream):
        return {document["name"] for _, document in stream.events if "name" in document}
    assert seen(scoped) == {"emea", "both"} and seen(whole) == {"emea", "apac", "both"}
    assert [document["match"] for kind, document in scoped.events if kind == "freeze"] == [{"region": ["emea"]}]
    assert len([kind for kind, _ in whole.events if kind == "freeze"]) == 2
    assert "reason" not in scoped.wait("rollout", event="aborted") and whole.wait("rollout", event="aborted")["reason"] == "P1 failed"
    assert scoped.wait("rollout", event="paused", rollout=both)["reason"] == "a person's words"
    assert not [1 for kind, _ in scoped.events if kind == "approval"]
    assert {document["name"] for kind, document in scoped.events if kind == "progress"} == {"emea"}


def until():
    return f"{datetime.now(timezone.utc) + timedelta(hours=2):%Y-%m-%dT%H:%M:%S.%fZ}"


@pytest.mark.parametrize("change", [
    "UPDATE token SET revoked_at = now(), revoked_by = 'ada' WHERE person = 'vic'",
    "DELETE FROM person_role WHERE person = 'vic'",
    "UPDATE person_role SET scope = '{\"region\": [\"emea\"]}' WHERE person = 'vic'",
    "UPDATE person SET disabled_at = now(), disabled_by = 'ada' WHERE name = 'vic'"])
def test_a_stream_ends_when_what_its_person_may_see_changes(stack, change):
    lay_out(stack)
    stack.people.add("vic", ["viewer"])
    stack.people.settle(stack.http)
    with following(stack, "vic") as stream, following(stack, "ann") as other:
        stack.database.rows(change)
        stack.database.rows(RAISE)
        stream.wait_for_end(10)
        assert not other.has_ended


def test_progress_of_rollouts_and_the_state_of_a_device_are_told_as_they_change(stack):
    lay_out(stack)
    with following(stack) as stream, following(stack, query="?device=E2") as own:
        assert own.wait("device", instruction=None)["presence"] in ("unknown", "offline")
        rollout = a_rollout(stack, devices=["E2"], schedule={})
        device = stack.device("E2", "E1")
        stack.wait_for_state(rollout, "E2", "dispatched")
        device.ask()
        claims = device.wait_for_instruction()
        stream.wait("progress", rollout=rollout, state="running")
        device.reply(claims, "completed", versions={"atm-app": "4.7.2"})
        own.wait("device", rollout=rollout, state="completed")
        stream.wait("progress", rollout=rollout, state="completed", counts={"completed": 1})
        assert {kind for kind, _ in own.events} == {"device"}
        assert not [1 for kind, _ in stream.events if kind == "device"]
    answer = stack.http.ask("GET", "/v1/events?device=none", headers=stack.http.as_("ann"))
    assert answer.status == 404, answer


def test_a_stream_that_need_not_follow_ends_when_it_has_what_there_is(stack):
    rollout = a_rollout(lay_out(stack))
    note(stack, rollout, "last")
    answer = stack.http.ask("GET", "/v1/events?after=1-0&follow=false&kind=rollout&kind=group", headers=stack.http.as_("ann"))
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/event-stream", answer
    kinds = [line for line in answer.body.decode().splitlines() if line.startswith("event: ")]
    assert kinds == ["event: rollout"] * 3 + ["event: group", "event: rollout"], kinds


def test_a_stream_that_need_not_follow_ends_with_the_position_that_it_has_reached(stack):
    lay_out(stack)
    stack.people.add("emil", ["viewer"], scope={"region": ["emea"]})
    stack.people.settle(stack.http)
    emea, apac = a_rollout(stack, "emea", ["E1", "E2"]), a_rollout(stack, "apac", ["P1", "P2"])
    note(stack, emea, "seen")
    note(stack, apac, "hidden", "and more")
    newest = stack.database.value("SELECT i.epoch || '-' || h.position FROM installation i, event_head h")

    def read(after, kinds=""):
        answer = stack.http.ask("GET", f"/v1/events?after={after}&follow=false{kinds}", headers=stack.http.as_("emil"))
        assert answer.status == 200, answer
        return [line for line in answer.body.decode().splitlines() if line]
    lines = read("1-0")
    assert [line for line in lines if line.startswith("id: ")][-1] == f"id: {newest}", lines
    assert sum('"seen"' in line for line in lines) == 1 and not [line for line in lines if "hidden" in line]
    progress = [line for place, line in enumerate(lines) if lines[place - 1] == "event: progress"]
    assert len(progress) == 1 and '"name" : "emea"' in progress[0], "also at the first look of somebody with this scope"
    assert read(newest, "&kind=rollout") == [f"id: {newest}"]
    note(stack, emea, "later")
    assert sum('"later"' in line for line in read(newest, "&kind=rollout")) == 1


def test_readers_have_a_limit_of_their_own_and_those_who_went_leave_theirs(stack):
    lay_out(stack, http={"event_readers": 8})
    people = [f"person{number}" for number in range(5)]
    for person in people:
        stack.people.add(person, ["viewer"])
    stack.people.settle(stack.http)
    with ExitStack() as streams:
        followed = [streams.enter_context(following(stack, person)) for person in people[:4] for _ in range(2)]
        for person, words in ((people[4], "http.event_readers"), (people[0], "http.event_readers")):
            refused = stack.http.ask("GET", "/v1/events", headers=bearer(token_of(person)))
            assert refused.status == 503 and words in refused.json()["detail"] and refused.headers["Retry-After"], refused
        assert stack.http.ask("GET", "/v1/rollouts", headers=bearer(token_of(people[0]))).status == 200
        followed[0].close()
        wait_for(lambda: stack.http.metric("tellercast_event_readers") == 7, "the one who went leaves")
        refused = stack.http.ask("GET", "/v1/events", headers=bearer(token_of(people[1])))
        assert refused.status == 503 and people[1] in refused.json()["detail"], refused
        with following(stack, people[4]):
            pass


def shown(stack, *words):
    return command_line("events", *words, *stack.http.at("ann")).stdout.splitlines()


def test_the_command_shows_events_from_a_position_on(stack):
    rollout = a_rollout(lay_out(stack))
    note(stack, rollout, "lunch")
    a_rollout(stack, "other")
    lines = shown(stack, "--rollout", "one")
    assert any(line.endswith(" rollout submitted, rollout 1 one, by ann") for line in lines), lines
    assert lines[-1].endswith(" rollout paused, rollout 1 one, by ann: lunch") and not any("other" in line for line in lines), lines
    assert sum(" group opened, rollout " in line for line in shown(stack)) == 2 and not any("group_opened" in line for line in lines)
    all_of_them = [json.loads(line) for line in shown(stack, "--json")]
    assert [event["event"] for event in all_of_them if event["kind"] == "group"] == ["group_opened"] * 2
    assert [json.loads(line) for line in shown(stack, "--json", "--since", all_of_them[2]["position"])] == all_of_them[3:]
    assert len(shown(stack, "--kind", "group")) == 2
    refused = command_line("events", "--kind", "weather", *stack.http.at("ann"), check=False)
    assert refused.returncode == 2 and '--kind: found "weather"' in refused.stderr, refused


def test_the_command_follows_events_across_a_restart(stack):
    rollout = a_rollout(lay_out(stack))
    since = f"1-{stack.database.value('SELECT position FROM event_head')}"
    command = [BIN / "tellercast", "events", "--follow", "--json", "--since", since, *map(str, stack.http.at("ann"))]
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        note(stack, rollout, "before")
        first = json.loads(program.stdout.readline())
        stack.orchestrators[0].stop()
        note(stack, rollout, "between")
        stack.orchestrators[0].start()
        stack.orchestrators[0].wait_until_ready()
        note(stack, rollout, "after")
        assert [event["reason"] for event in (first, *(json.loads(program.stdout.readline()) for _ in range(2)))] == [
            "before", "between", "after"]
        assert "retrying" in program.stderr.readline()
        assert program.stderr.readline() == "the server answers again\n"
