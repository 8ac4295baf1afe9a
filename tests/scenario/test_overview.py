"""What the overview says needs attention, of rollouts that really failed."""

from harness.branches import begin, end, submit
from harness.operations import operate
from harness.wait import wait_for


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
