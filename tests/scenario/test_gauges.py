"""Metrics with labels, of all rollouts together, and histograms: what alerts and dashboards read."""

import json
import re
from datetime import datetime, timedelta, timezone

import pytest
from harness.branches import MARKER, begin, complete, end, submit
from harness.operations import JSON, operate
from harness.wait import wait_for

ONE = {"maxUnavailable": 1}
WHOLE = [{"name": "all", "percentage": 100, "success": 0}]


@pytest.fixture
def testbed(stack):
    begin(stack, {"B1": ["A1", "A2"], "B2": ["C1"]})
    return stack


def metrics(testbed, number=0):
    """{name with labels: value}"""
    text = testbed.orchestrators[number].http.get("/metrics").body.decode()
    return {name: float(value) for name, value in re.findall(r"^(tellercast_\w+(?:{[^}]*})?) (\S+)$", text, re.M)}


def wait_for_metrics(testbed, condition, what):
    """The gauges are read every quarter of a minute."""
    return wait_for(lambda: condition(found := metrics(testbed)) and found, what, 90)


def test_gauges_show_rollouts_branches_and_approvals(testbed):
    rollout = submit(testbed, "upgrade", ["A1", "A2"], disruptionBudget=ONE, groups=WHOLE,
                     schedule={"endAt": "2099-01-01T00:00:00Z"})
    waits = testbed.submit("waits", selector={"devices": ["C1"]}, approvals={"required": 1})
    testbed.wait_for_rollout(waits, "awaiting_approval")
    found = wait_for_metrics(testbed, lambda seen: seen.get("tellercast_branches_at_budget") == 1
                             and seen.get('tellercast_rollouts{state="awaiting_approval"}') == 1, "a branch is at its budget")
    assert found['tellercast_rollouts{state="running"}'] == 1 and found["tellercast_approvals_waiting"] == 1
    submitted = testbed.database.value(f"SELECT extract(epoch FROM submitted_at)::bigint FROM rollout WHERE id = {waits}")
    assert found["tellercast_approvals_oldest_timestamp_seconds"] == submitted
    assert found['tellercast_instructions{state="created"}'] == 1 and found['tellercast_instructions{state="dispatched"}'] == 1
    assert found[f'tellercast_rollout_end_timestamp_seconds{{rollout="{rollout}"}}'] == 4070908800
    assert 0 < found["tellercast_oldest_due_timestamp_seconds"] <= found["tellercast_gauges_read_timestamp_seconds"]
    assert found["tellercast_branches_without_machine"] == 0 and found["tellercast_out_of_service_devices"] == 0
    assert found["tellercast_conducting"] == 1 and found["tellercast_broker_connected"] == 1


def test_a_branch_whose_machines_are_all_down_is_counted_and_failures_are_counted_by_code(testbed):
    rollout = submit(testbed, "breaks", ["A1", "A2"], groups=WHOLE)
    for machine in ("A1", "A2"):
        end(testbed, rollout, machine, "B1", "failed", code="out_of_service")
    testbed.wait_for_rollout(rollout, "halted")
    found = wait_for_metrics(testbed, lambda seen: seen.get("tellercast_branches_without_machine") == 1, "a branch has no machine")
    assert found["tellercast_out_of_service_devices"] == 2 and found['tellercast_failures_total{code="out_of_service"}'] == 2


def test_a_deadline_counts_as_a_failure_of_its_code(testbed):
    rollout = submit(testbed, "silent", ["C1"], execution={"dispatchTimeout": "1s"}, groups=WHOLE)
    testbed.wait_for_state(rollout, "C1", "timed_out")
    codes = {row["code"] for row in testbed.database.instructions(rollout).values()}
    assert len(codes) == 1
    assert wait_for(lambda: metrics(testbed).get(f'tellercast_failures_total{{code="{codes.copy().pop()}"}}'), "it is counted") == 1


def test_histograms_and_answers_count_what_was_waited_for(testbed):
    rollout = submit(testbed, "upgrade", ["A1"])
    complete(testbed, rollout, "A1", "B1")
    before = metrics(testbed)
    for _ in range(5):
        assert testbed.http.get("/v1/rollouts/999").status == 404
    found = wait_for(lambda: (after := metrics(testbed)).get('tellercast_http_responses_total{status="404"}', 0)
                     >= before.get('tellercast_http_responses_total{status="404"}', 0) + 5 and after, "they are counted")
    for name in ("database_statement", "cache_call", "broker_publish", "http_request"):
        count = found[f"tellercast_{name}_seconds_count"]
        assert count > 0 and found[f'tellercast_{name}_seconds_bucket{{le="+Inf"}}'] == count, name
    assert found["tellercast_http_request_seconds_count"] >= before["tellercast_http_request_seconds_count"] + 5


def test_each_stage_counts_how_long_instructions_were_in_it(testbed):
    rollout, device = submit(testbed, "upgrade", ["A1"]), testbed.device("A1", "B1")
    testbed.wait_for_state(rollout, "A1", "dispatched")
    device.ask()
    claims = device.wait_for_instruction()
    for state in ("sent", "received", "installing"):
        if state != "sent":
            device.reply(claims, state)
        testbed.wait_for_state(rollout, "A1", state)
    testbed.database.rows("UPDATE instruction SET installing_at = installing_at - interval '100 s' WHERE rollout_id = %s", rollout)
    device.reply(claims, "completed")
    testbed.wait_for_state(rollout, "A1", "completed")
    device.close()
    found = wait_for(lambda: (seen := metrics(testbed))['tellercast_stage_seconds_count{state="installing"}'] and seen, "it is counted")
    for state in ("created", "dispatched", "sent", "received"):
        assert found[f'tellercast_stage_seconds_count{{state="{state}"}}'] == 1, state
    assert 100 <= found['tellercast_stage_seconds_sum{state="installing"}'] < 220
    assert found['tellercast_stage_seconds_bucket{state="installing",le="60"}'] == 0
    assert found['tellercast_stage_seconds_bucket{state="installing",le="300"}'] == 1


def test_what_a_freeze_holds_is_not_due_and_what_it_does_not_hold_is(testbed):
    testbed.import_fleet({"B0": ["A"], "B1": ["A1", "A2"], "B2": ["C1", "C2"]}, [MARKER],
                         labels={name: {"region": "emea"} for name in ("A1", "A2")})
    frozen = submit(testbed, "frozen", ["A1", "A2"], disruptionBudget=ONE, groups=WHOLE)
    wait_for_metrics(testbed, lambda seen: seen["tellercast_oldest_due_timestamp_seconds"] > 0, "one waits in an open group")
    until = f"{datetime.now(timezone.utc) + timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}"
    body = {"until": until, "reason": "a storm", "match": "region=emea"}
    assert testbed.http.ask("POST", "/v1/freezes", json.dumps(body), {**JSON, **testbed.http.as_("ola")}).status == 201
    wait_for_metrics(testbed, lambda seen: seen["tellercast_oldest_due_timestamp_seconds"] == 0, "what is frozen is not due")
    testbed.database.rows("UPDATE instruction SET due_at = due_at - interval '2 h' WHERE rollout_id = %s", frozen)
    submit(testbed, "waits", ["C1", "C2"], disruptionBudget=ONE, groups=WHOLE)
    found = wait_for_metrics(testbed, lambda seen: seen["tellercast_oldest_due_timestamp_seconds"] > 0, "one is due that is not frozen")
    assert found["tellercast_oldest_due_timestamp_seconds"] > found["tellercast_gauges_read_timestamp_seconds"] - 3600


def test_one_of_two_orchestrators_conducts_and_the_other_takes_over(testbed):
    testbed.orchestrator()
    wait_for(lambda: [metrics(testbed, number)["tellercast_conducting"] for number in (0, 1)] == [1, 0], "the first conducts")
    testbed.orchestrators[0].stop()
    wait_for(lambda: metrics(testbed, 1)["tellercast_conducting"] == 1, "the second conducts", 90)


def test_a_paused_rollout_has_no_forecast_and_no_due_instruction(testbed):
    rollout = submit(testbed, "paused", ["A1", "A2"], disruptionBudget=ONE, groups=WHOLE)
    wait_for_metrics(testbed, lambda seen: f'tellercast_rollout_forecast_end_timestamp_seconds{{rollout="{rollout}"}}' in seen,
                     "there is a forecast")
    operate(testbed, rollout, "pause", "bob")
    found = wait_for_metrics(testbed, lambda seen: seen.get('tellercast_rollouts{state="paused"}') == 1, "it is paused")
    assert found["tellercast_oldest_due_timestamp_seconds"] == 0
    assert not [name for name in found if name.startswith("tellercast_rollout_forecast_end")]
