"""When the first device of an ended rollout was started and the last one completed: kept, so that no read looks at its instructions."""

import signal

from harness.branches import begin, complete, submit
from harness.people import bearer, token_of
from harness.statements import rows_read
from harness.wait import wait_for

TRUTH = """SELECT rfc3339(min(dispatched_at)) AS first_start_at, rfc3339(max(ended_at) FILTER (WHERE state = 5)) AS last_completed_at
           FROM instruction WHERE rollout_id = %s"""


def kept(stack, rollout):
    return stack.database.rows("SELECT rfc3339(first_start_at) AS first_start_at, rfc3339(last_completed_at) AS last_completed_at, completed "
                               "FROM rollout_times WHERE rollout_id = %s", rollout)


def shown(stack, rollout, person=None):
    path = f"/v1/rollouts/{rollout}"
    document = stack.http.ask("GET", path, headers=bearer(token_of(person))).json() if person else stack.http.document(path)
    return {name: document[name] for name in ("first_start_at", "last_completed_at")}


def test_the_times_of_an_ended_rollout_are_kept_and_follow_late_reports(stack):
    begin(stack, {"B1": ["A1"], "B2": ["A2"]})
    stack.people.add("eva", ["viewer"], scope={"branch": ["B1"]})
    stack.people.add("max", ["viewer"], scope={"branch": ["B1", "B2"]})
    stack.people.settle(stack.http)
    rollout = submit(stack, "two", ["A1", "A2"])
    assert kept(stack, rollout) == [] and shown(stack, rollout) == {"first_start_at": None, "last_completed_at": None}
    complete(stack, rollout, "A1", "B1")
    complete(stack, rollout, "A2", "B2")
    stack.wait_for_rollout(rollout)
    truth = stack.database.row(TRUTH, rollout)
    assert shown(stack, rollout) == truth, "also before they are kept"
    wait_for(lambda: kept(stack, rollout) == [{**truth, "completed": 2}], "they are kept")
    assert shown(stack, rollout) == truth == shown(stack, rollout, "max") and None not in truth.values()
    assert shown(stack, rollout, "eva")["last_completed_at"] < truth["last_completed_at"], "those of the part"
    _, looked_at = rows_read(stack, "read_rollout", rollout=rollout)
    stack.orchestrators[0].send(signal.SIGSTOP)
    stack.database.rows("DELETE FROM rollout_times")
    _, looked_at_without = rows_read(stack, "read_rollout", rollout=rollout)
    assert looked_at_without == looked_at + 2, "no instruction is read"
    # As after a report that came late, and after another end.
    stack.database.rows("INSERT INTO rollout_times SELECT id, ended_at, 1, now(), now() FROM rollout WHERE id = %s", rollout)
    stack.orchestrators[0].send(signal.SIGCONT)
    assert shown(stack, rollout) == truth
    wait_for(lambda: kept(stack, rollout) == [{**truth, "completed": 2}], "they are kept again")
    stack.database.rows("UPDATE rollout_times SET ended_at = ended_at - interval '1 s', first_start_at = now()")
    assert shown(stack, rollout) == truth
    wait_for(lambda: kept(stack, rollout) == [{**truth, "completed": 2}], "they are kept again")
