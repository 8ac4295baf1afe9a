"""The log of events: each change of a rollout, a group, a freeze, an approval or an alarm is in it, in the order of the commits."""

import json
import random
import threading
from datetime import datetime, timedelta, timezone

from harness.operations import JSON, operate, submit_as
from harness.people import bearer, token_of
from harness.plan import plan
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}
NOTE = "INSERT INTO rollout_event (rollout_id, kind, actor, reason) VALUES (%s, 'paused', 'ann', %s)"


def lay_out(stack, **settings):
    stack.orchestrator(**settings)
    stack.import_fleet({"B1": ["A1"]})
    stack.add_artifact()
    return stack


def a_rollout(stack, name="one", **more):
    rollout = submit_as(stack, "ann", plan(name, schedule=LATER, **more))
    stack.wait_for_rollout(rollout, "awaiting_approval" if "approvals" in more else "running")
    return rollout


def log(stack, after=0):
    rows = stack.database.rows("SELECT * FROM event WHERE position > %s ORDER BY position", after)
    return [{**row["document"], "kind": row["kind"], "position": row["position"]} for row in rows]


def words(rows, *names):
    return [tuple(row.get(name) for name in names) for row in rows]


def newest(stack):
    return stack.database.value("SELECT position FROM event_head")


def test_an_event_that_is_committed_later_has_a_later_position(stack):
    rollout = a_rollout(lay_out(stack))
    start = newest(stack)
    first, second = stack.database.connect(), stack.database.connect()
    for connection in (first, second):
        connection.autocommit = False
        connection.cursor().execute("SET lock_timeout = '5s'")
    first.cursor().execute(NOTE, (rollout, "begun first"))
    second.cursor().execute(NOTE, (rollout, "committed first"))
    second.commit()
    seen = log(stack, start)
    assert words(seen, "reason") == [("committed first",)]
    first.commit()
    assert words(log(stack, seen[-1]["position"]), "reason") == [("begun first",)]
    for connection in (first, second):
        connection.close()


def test_a_reader_beside_many_writers_gets_each_event_once_and_in_order(stack):
    rollout = a_rollout(lay_out(stack))
    start, writers, each = newest(stack), 6, 40
    ended = threading.Event()
    seen = []

    def write(number):
        wait = random.Random(number)
        connection = stack.database.connect()
        connection.autocommit = False
        for count in range(each):
            connection.cursor().execute(NOTE, (rollout, f"{number}.{count}"))
            ended.wait(wait.random() / 100)
            connection.commit()
        connection.close()

    def read():
        after = start
        connection = stack.database.connect()
        cursor = connection.cursor()
        while True:
            last = ended.is_set()
            cursor.execute("SELECT position, document ->> 'reason' FROM event WHERE position > %s ORDER BY position", (after,))
            rows = cursor.fetchall()
            seen.extend(rows)
            after = rows[-1][0] if rows else after
            if last:
                return

    reader = threading.Thread(target=read)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in (reader, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    ended.set()
    reader.join()
    assert sorted(reason for _, reason in seen) == sorted(f"{n}.{c}" for n in range(writers) for c in range(each))
    assert [position for position, _ in seen] == list(range(start + 1, start + 1 + writers * each))


def test_what_happens_to_a_rollout_and_its_approvals_is_in_the_log(stack):
    rollout = a_rollout(lay_out(stack), approvals={"required": 1})
    operate(stack, rollout, "approve", actor="bob")
    stack.wait_for_rollout(rollout, "running")
    operate(stack, rollout, "pause", actor="ann", reason="lunch")
    operate(stack, rollout, "cancel", actor="ann")
    stack.wait_for_rollout(rollout, "cancelled")
    rows = [row for row in log(stack) if row.get("rollout") == rollout]
    assert words(rows, "kind", "event", "what", "actor") == [
        ("rollout", "submitted", None, "ann"), ("approval", "waits", "rollout", "ann"), ("rollout", "planned", None, "tellercast"),
        ("approval", "approved", "rollout", "bob"), ("rollout", "started", None, "bob"),
        ("group", "group_opened", None, "tellercast"), ("rollout", "paused", None, "ann"),
        ("rollout", "cancel_ordered", None, "ann"), ("rollout", "cancelled", None, "tellercast")]
    assert rows[6]["reason"] == "lunch" and rows[6]["state"] == "paused" and rows[-1]["state"] == "cancelled"
    assert {row["name"] for row in rows} == {"one"}


def test_an_amendment_is_in_the_log_and_waits_for_an_approval(stack):
    rollout = a_rollout(lay_out(stack), approvals={"required": 1}, rate={"perMinute": 60})
    operate(stack, rollout, "approve", actor="bob")
    stack.wait_for_rollout(rollout, "running")
    start = newest(stack)
    for rate in (30, 90):
        body = {"rate": {"perMinute": rate}, "reason": "the line", "version": stack.database.rollout(rollout)["version"]}
        answer = stack.http.ask("POST", f"/v1/rollouts/{rollout}/amendments", json.dumps(body), {**JSON, **stack.http.as_("ann")})
        assert answer.status == 201, answer
    waiting = answer.json()["amendment"]
    answer = stack.http.ask("POST", f"/v1/rollouts/{rollout}/amendments/{waiting['amendment']}/approve",
                            json.dumps({"digest": waiting["digest"], "reason": "agreed"}), {**JSON, **stack.http.as_("bob")})
    assert answer.status == 200, answer
    assert words(log(stack, start), "kind", "event", "what", "amendment", "actor") == [
        ("amendment", "amended", None, 1, "ann"), ("amendment", "amendment_ordered", None, 2, "ann"),
        ("approval", "waits", "amendment", 2, "ann"), ("amendment", "amendment_approved", None, 2, "bob"),
        ("approval", "approved", "amendment", 2, "bob"), ("amendment", "amended", None, 2, "tellercast")]


def test_an_amendment_that_is_withdrawn_waits_for_no_approval_any_more(stack):
    rollout = a_rollout(lay_out(stack), approvals={"required": 1}, rate={"perMinute": 60})
    operate(stack, rollout, "approve", actor="bob")
    stack.wait_for_rollout(rollout, "running")
    start, path, as_ann = newest(stack), f"/v1/rollouts/{rollout}/amendments", {**JSON, **stack.http.as_("ann")}
    body = {"rate": {"perMinute": 90}, "reason": "the line", "version": stack.database.rollout(rollout)["version"]}
    waiting = stack.http.ask("POST", path, json.dumps(body), as_ann).json()["amendment"]
    answer = stack.http.ask("POST", f"{path}/{waiting['amendment']}/withdraw", json.dumps({"digest": waiting["digest"], "reason": "no need"}), as_ann)
    assert answer.status == 200, answer
    assert words(log(stack, start), "kind", "event", "what", "reason") == [
        ("amendment", "amendment_ordered", None, "the line"), ("approval", "waits", "amendment", "the line"),
        ("amendment", "amendment_withdrawn", None, "no need"), ("approval", "rejected", "amendment", "no need")]


def test_a_freeze_its_alarm_and_what_admins_order_are_in_the_log(stack):
    lay_out(stack)
    http = stack.http
    until = f"{datetime.now(timezone.utc) + timedelta(seconds=3):%Y-%m-%dT%H:%M:%S.%fZ}"
    body = {"until": until, "reason": "a storm", "match": "region=emea"}
    answer = http.ask("POST", "/v1/freezes", json.dumps(body), {**JSON, **http.as_("ola")})
    assert answer.status == 201, answer
    number = answer.json()["freeze"]
    wait_for(lambda: ("alarm", "raised") in words(log(stack), "kind", "event"), "the alarm of the overdue freeze")
    http.ask("POST", f"/v1/freezes/{number}/lift", json.dumps({"reason": "it is over"}), {**JSON, **http.as_("ola")})
    wait_for(lambda: ("alarm", "ended") in words(log(stack), "kind", "event"), "the end of the alarm")
    rows = [row for row in log(stack) if row.get("freeze") == number]
    assert words(rows, "kind", "event", "reason", "alarm") == [
        ("freeze", "frozen", "a storm", None), ("alarm", "raised", None, "freeze_overdue"),
        ("freeze", "freeze_lifted", "it is over", None), ("alarm", "ended", None, "freeze_overdue")]
    assert rows[0]["match"] == {"region": ["emea"]}

    for name in ("ada", "abe"):
        stack.people.add(name, ["admin"])
    stack.people.add("eve", ["viewer"])
    stack.people.settle(http)
    before = newest(stack)
    for admin in ("ada", "abe"):
        answer = http.ask("POST", "/v1/people/eve/grant?role=approver", headers=bearer(token_of(admin)))
        assert answer.status == 200, answer
    rows = log(stack, before)
    assert words(rows, "kind", "event", "what", "person", "role", "actor") == [
        ("approval", "waits", "role", "eve", "approver", "ada"), ("approval", "approved", "role", "eve", "approver", "abe")]


def test_old_events_are_deleted_and_positions_go_on(stack):
    a_rollout(lay_out(stack))
    before = newest(stack)
    stack.database.rows("UPDATE event SET at = at - interval '8 days' WHERE position < %s", before)
    stack.orchestrators[0].stop()
    stack.orchestrators[0].start()
    wait_for(lambda: stack.database.value("SELECT min(position) FROM event") == before, "the old ones are deleted")
    a_rollout(stack, "two")
    assert log(stack)[1]["position"] == before + 1
