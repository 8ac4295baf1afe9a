"""Several orchestrators on one stack."""

from harness.plan import fleet
from harness.wait import wait_for

BRANCHES = {f"B{b}": [f"B{b}-A{a}" for a in range(1, 5)] for b in range(1, 21)}
PULL = [f"P{p}" for p in range(1, 21)]
COUNT = 20 * 5 + 20


def start_testbed(stack, orchestrators):
    for _ in range(orchestrators):
        stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet(BRANCHES, PULL)
    return stack.simulated_fleet(fleet(BRANCHES, PULL), {"rules": [{"match": {"role": "any"}}]})


def check_each_ran_once(stack, simulated, rollout):
    rows = stack.database.instructions(rollout)
    assert len(rows) == COUNT
    assert {row["attempt"] for row in rows.values()} == {1}
    report = simulated.report()
    assert report["executions"]["executed"] == COUNT
    assert report["executions"]["double"] == 0
    assert stack.database.counters(rollout) == {"completed": COUNT}


def test_two_orchestrators_finish_a_rollout_and_nothing_runs_twice(stack):
    simulated = start_testbed(stack, 2)
    rollout = stack.submit()
    stack.wait_for_states(rollout, completed=COUNT)
    stack.wait_for_rollout(rollout)
    started = [message.json()["devices"] for message in stack.spy.messages("tc/v1/branch/+/start")]
    names = [device for devices in started for device in devices]
    assert sorted(names) == sorted(set(names)), "no device is started twice"
    answered = [orchestrator.http.metric("tellercast_asks_answered_total") for orchestrator in stack.orchestrators]
    assert all(count > 0 for count in answered), f"asks are shared: {answered}"
    check_each_ran_once(stack, simulated, rollout)


def test_two_orchestrators_when_one_dies_the_other_finishes(stack):
    simulated = start_testbed(stack, 2)
    rollout = stack.submit(disruptionBudget={"maxUnavailable": 1})
    wait_for(lambda: stack.database.states(rollout).get("completed", 0) >= 5, "it is under way")
    stack.orchestrators[1].kill()
    stack.wait_for_states(rollout, completed=COUNT)
    stack.wait_for_rollout(rollout)
    check_each_ran_once(stack, simulated, rollout)
