"""What the overview says needs attention, of rollouts that really failed."""

from harness.branches import begin, end, submit
from harness.operations import operate
from harness.wait import wait_for

EXPECTED = "2099-01-01T12:00:00Z"


def attention(stack):
    return [(row["kind"], row["name"], row["count"], row["detail"]) for row in stack.http.document("/v1/overview")["attention"]]


def test_what_fails_halts_or_is_stopped_by_an_abort_needs_attention_and_for_a_day_after_its_end(stack):
    begin(stack, {"B1": ["A1", "A2", "A3", "A4"]})
    assert attention(stack) == []
    again = submit(stack, "again", ["A1"], execution={"retries": 1, "retryOn": ["failed"], "backoff": "10m"})
    end(stack, again, "A1", "B1", "failed", code="disk_full")
    wait_for(lambda: attention(stack) == [("failing_now", "again", 1, "disk_full 1")], "one is failing now")
    operate(stack, again, "cancel")
    stack.wait_for_rollout(again, "cancelled")
    assert attention(stack) == []  # a person cancelled it

    refused = submit(stack, "refused", ["A2", "A4"], groups=[{"name": "all", "percentage": 100, "success": "50%"}])
    end(stack, refused, "A2", "B1", "rejected", code="policy")
    wait_for(lambda: attention(stack) == [("failures", "refused", 1, "")], "one has failed")
    end(stack, refused, "A4", "B1", "rejected", code="policy")
    stack.wait_for_rollout(refused, "halted")
    because = stack.database.rollout(refused)["detail"]
    assert attention(stack) == [("halted", "refused", None, because)] and "too few" in because

    stopped = submit(stack, "stopped", ["A3"], abort=[{"on": "failed", "count": 1, "then": "cancel"}])
    end(stack, stopped, "A3", "B1", "failed", code="disk_full")
    stack.wait_for_rollout(stopped, "cancelled")
    (aborted,) = (row for row in attention(stack) if row[0] == "aborted")
    assert aborted[1] == "stopped" and aborted[3]

    stack.database.rows("UPDATE rollout SET ended_at = ended_at - interval '1 day'")
    assert attention(stack) == []


def test_a_rollout_ends_late_from_five_minutes_on_and_until_it_ends_in_time(stack):
    """The overview and the alarm say the same. The forecast stands still, and the end of the plan moves."""
    begin(stack, {"B1": ["A1", "A2"]})
    schedule = {"startAt": "2099-01-01T00:00:00Z", "endAt": "2099-01-02T00:00:00Z"}
    rollouts = {name: submit(stack, name, [device], schedule=schedule) for name, device in (("near", "A1"), ("far", "A2"))}
    rows = stack.database.rows

    rows(f"CREATE FUNCTION expect() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.end_at := '{EXPECTED}'; RETURN NEW; END $$")
    rows("CREATE TRIGGER expect BEFORE INSERT OR UPDATE ON rollout_forecast FOR EACH ROW EXECUTE FUNCTION expect()")
    rows("UPDATE rollout_forecast SET rollout_id = rollout_id")

    def end_late_by(**minutes):
        for name, number in minutes.items():
            rows("UPDATE rollout SET ends_at = %s::timestamptz - %s * interval '1 min' WHERE id = %s", EXPECTED, number, rollouts[name])

    def late():
        alarms = {row["object"] for row in rows("SELECT object FROM alarm WHERE kind = 'ends_late'")}
        shown = {name for kind, name, *_ in attention(stack) if kind == "ends_late"}
        return shown if alarms == {rollouts[name] for name in shown} else None

    wait_for(lambda: stack.database.value("SELECT count(*) FROM rollout_forecast WHERE end_at = %s", EXPECTED) == 2, "both have a forecast")
    end_late_by(near=4, far=6)
    wait_for(lambda: late() == {"far"}, "it ends late by six minutes")
    end_late_by(far=4, near=6)
    wait_for(lambda: late() == {"far", "near"}, "the other one ends late, and this one by four minutes still")
    end_late_by(near=-1)
    wait_for(lambda: late() == {"far"}, "the other one ends in time")
    end_late_by(far=-1)
    wait_for(lambda: late() == set(), "both end in time")
