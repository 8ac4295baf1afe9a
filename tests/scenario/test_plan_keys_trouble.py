"""The keys of a plan about failures, on the real stack."""

from datetime import timedelta

import pytest
from harness.namespace import IN_FLIGHT, OLD_VERSION, VERSION
from harness.wait import wait_for

BROKEN = {
    "failed": {"failure": {"rate": 100}},
    "timed_out": {"silent": "atAsk"},
    "rejected": {"reject": "policy"},
    "out_of_service": {"outOfService": 100},
}
AT_WORK_FOR_LONG = {"installReports": 99, "install": {"min": "30s"}}
QUICK = {"answerTimeout": "1s", "dispatchTimeout": "10s"}


def pilot(namespace, names, **more):
    """A first group that passes in any case, but not soon, and the rest."""
    return [{"name": "pilot", "devices": namespace.ids(names), "success": 0, "soak": "1h", **more},
            {"name": "rest", "percentage": 100}]


# ---- abort ------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", BROKEN)
def test_spec_abort_on(namespace, what):
    namespace.open({"B": "A1 A2"}, [{"device": "A1", **BROKEN[what]}])
    rollout = namespace.submit(groups=pilot(namespace, "A1"), execution=QUICK,
                               abort=[{"on": what, "count": 1, "then": "pause"}])
    namespace.wait_until(rollout, "paused")
    assert namespace.states(rollout) == {"A1": "failed" if what == "out_of_service" else what, "A2": "created"}
    assert namespace.event(rollout, "aborted")["actor"] == "tellercast"


def test_spec_abort_on_out_of_service_counts_a_device_that_went_to_work_and_was_not_heard_of_again(namespace):
    namespace.open({"B": "A1 A2"}, [{"device": "A1", **AT_WORK_FOR_LONG}])
    rollout = namespace.submit(groups=pilot(namespace, "A1"), execution={"installTimeout": "1s"},
                               abort=[{"on": "out_of_service", "count": 1, "then": "pause"}])
    namespace.wait_until(rollout, "paused")
    assert namespace.row(rollout, "A1")["code"] == "install_timeout"


def test_spec_abort_then_pause(namespace):
    namespace.open({"B": "A1 A2"}, [{"device": "A1", **BROKEN["failed"]}])
    rollout = namespace.submit(groups=pilot(namespace, "A1", soak="1s"), abort=[{"on": "failed", "count": 1, "then": "pause"}])
    namespace.wait_until(rollout, "paused")
    assert namespace.operate(rollout, "resume", "bob").status == 200
    namespace.wait_until(rollout, "completed")  # an earlier count does not make it fire again
    assert namespace.states(rollout) == {"A1": "failed", "A2": "completed"}


def test_spec_abort_then_cancel_lets_finish_what_is_at_work(namespace):
    namespace.open({"B1": "A1", "B2": "A2 A3"}, [{"device": "A1", **BROKEN["failed"]},
                                                 {"device": "A2", "install": {"min": "2s"}}])
    rollout = namespace.submit(groups=pilot(namespace, "A1 A2"), abort=[{"on": "failed", "count": 1, "then": "cancel"}])
    namespace.wait_until(rollout, "cancelled")
    assert namespace.states(rollout) == {"A1": "failed", "A2": "completed", "A3": "cancelled"}
    namespace.testbed.let_pass()
    assert namespace.rollout_named("upgrade.rollback") == []


def wait_for_rollback(namespace, origin, **states):
    wait_for(lambda: namespace.rollout_named("upgrade.rollback"), "it is rolled back")
    rollback = namespace.rollout_named("upgrade.rollback")[0]
    assert rollback["rollback_of"] == origin
    assert rollback["plan"]["metadata"]["rollbackOf"] == namespace.id("upgrade")
    namespace.wait_until(rollback["id"], "completed")
    assert namespace.states(rollback["id"]) == states
    return rollback


def test_spec_abort_then_rollback_takes_back_what_completed(namespace):
    namespace.open({"B1": "A1", "B2": "A2 A3"}, [{"device": "A1", **BROKEN["failed"]},
                                                 {"device": "A2", "install": {"min": "1s"}}])
    rollout = namespace.submit(groups=pilot(namespace, "A1 A2"), abort=[{"on": "failed", "count": 1, "then": "rollback"}])
    namespace.wait_until(rollout, "cancelled")
    wait_for_rollback(namespace, rollout, A2="completed")
    assert namespace.version("A2") == OLD_VERSION
    assert "rollback_made" in namespace.events(rollout)


@pytest.mark.parametrize("minimum, state", [(4, "paused"), (5, "completed")])
def test_spec_abort_percentage_and_minimum(namespace, minimum, state):
    namespace.open({"B": "A1 A2 A3 A4"}, [{"device": "A1", **BROKEN["failed"]}, {"device": "A2", **BROKEN["failed"]}])
    rollout = namespace.submit(groups=[{"name": "all", "percentage": 100, "success": 0, "soak": "1s"}],
                               abort=[{"on": "failed", "percentage": 50, "minimum": minimum, "then": "pause"}])
    namespace.wait_until(rollout, "paused", "completed")
    assert namespace.database.rollout(rollout)["state"] == state
    assert namespace.states(rollout) == {"A1": "failed", "A2": "failed", "A3": "completed", "A4": "completed"}


def test_spec_abort_percentage_below_its_value_does_nothing(namespace):
    namespace.open({"B": "A1 A2 A3"}, [{"device": "A1", **BROKEN["failed"]}])
    rollout = namespace.submit(groups=[{"name": "all", "percentage": 100, "success": 0}],
                               abort=[{"on": "failed", "percentage": 34, "minimum": 3, "then": "pause"}])
    namespace.wait_until(rollout, "completed")
    assert "aborted" not in namespace.events(rollout)


def test_spec_abort_counts_final_counts_no_failure_that_will_be_tried_again(namespace):
    namespace.open({"B": "A1 A2"}, [{"device": "A1", **BROKEN["failed"]}])
    rollout = namespace.submit(groups=pilot(namespace, "A1"), execution={"retries": 1, "backoff": "1s"},
                               abort=[{"on": "failed", "count": 1, "counts": "final", "then": "pause"}])
    namespace.wait_until(rollout, "paused")
    assert namespace.row(rollout, "A1")["attempt"] == 2 and namespace.states(rollout)["A1"] == "failed"


# ---- rollback ---------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["failed", "timed_out"])
def test_spec_rollback_on(namespace, what):
    namespace.open({"B": "A1 A2"}, [{"device": "A1", **BROKEN[what]}])
    rollout = namespace.submit(groups=[{"name": "all", "percentage": 100, "success": 0}], execution=QUICK,
                               rollback={"to": "previous", "on": [what]})
    namespace.wait_until(rollout, "completed")
    wait_for_rollback(namespace, rollout, A2="completed")
    assert namespace.version("A2") == OLD_VERSION


def test_spec_rollback_on_abort(namespace):
    namespace.open({"B1": "A1", "B2": "A2"}, [{"device": "A1", **BROKEN["failed"]}])
    rollout = namespace.submit(groups=pilot(namespace, "A1 A2"), abort=[{"on": "failed", "count": 1, "then": "cancel"}],
                               rollback={"to": "previous", "on": ["abort"]})
    namespace.wait_until(rollout, "cancelled")
    wait_for_rollback(namespace, rollout, A2="completed")
    assert namespace.version("A2") == OLD_VERSION


def test_spec_rollback_on_what_did_not_happen_does_nothing(namespace):
    namespace.open({"B": "A1"})
    rollout = namespace.submit(rollback={"to": "previous", "on": ["failed", "timed_out"]})
    namespace.wait_until(rollout, "completed")
    namespace.testbed.let_pass()
    assert namespace.rollout_named("upgrade.rollback") == []
    assert namespace.version("A1") == VERSION


# ---- execution --------------------------------------------------------------------------------

SILENCES = {
    "dispatchTimeout": ("atDispatch", "node_silent"),
    "answerTimeout": ("atAsk", "device_silent"),
    "receiveTimeout": ("afterReceived", "device_silent"),
}


@pytest.mark.parametrize("key", SILENCES)
def test_spec_execution(namespace, key):
    silence, code = SILENCES[key]
    namespace.open({"B": "A1"}, [{"device": "A1", "silent": silence}])
    rollout = namespace.submit(execution={key: "1s"})
    namespace.wait(rollout, A1="timed_out")
    assert namespace.row(rollout, "A1")["code"] == code
    namespace.wait_until(rollout, "halted")


def test_spec_execution_install_timeout(namespace):
    namespace.open({"B": "A1"}, [AT_WORK_FOR_LONG])
    rollout = namespace.submit(execution={"installTimeout": "1s"})
    namespace.wait(rollout, A1="timed_out")
    assert namespace.row(rollout, "A1")["code"] == "install_timeout"


def test_spec_execution_retries_and_backoff(namespace):
    namespace.open({"B": "A1"}, [BROKEN["failed"]])
    rollout = namespace.submit(execution={"retries": 2, "backoff": "1s"})
    namespace.wait_until(rollout, "halted")
    row = namespace.row(rollout, "A1")
    assert (row["state_name"], row["attempt"], row["failures"]) == ("failed", 3, 3)
    first, *_, last = [event["at"] for event in namespace.database.events(row["id"]) if event["state_name"] == "failed"]
    assert last - first >= timedelta(seconds=2)


@pytest.mark.parametrize("what, other", [("failed", "timed_out"), ("timed_out", "failed")])
def test_spec_execution_retry_on(namespace, what, other):
    namespace.open({"B": "A1 A2"}, [{"device": "A1", **BROKEN[what]}, {"device": "A2", **BROKEN[other]}])
    rollout = namespace.submit(execution={**QUICK, "retries": 1, "retryOn": [what], "backoff": "0s"},
                               groups=[{"name": "all", "percentage": 100, "success": 0}])
    namespace.wait_until(rollout, "halted")
    assert (namespace.row(rollout, "A1")["attempt"], namespace.row(rollout, "A2")["attempt"]) == (2, 1)


def test_spec_execution_defer_limit_is_no_failure_up_to_it(namespace):
    namespace.open({"B": "A1 A2"}, [{"device": "A1", "defer": 1}, {"device": "A2", "defer": 2}])
    rollout = namespace.submit(execution={"deferLimit": 1, "backoff": "0s"},
                               groups=[{"name": "all", "percentage": 100, "success": 50}])
    namespace.wait(rollout, A1="completed", A2="failed")
    assert (namespace.row(rollout, "A1")["failures"], namespace.row(rollout, "A1")["deferrals"]) == (0, 1)
    assert namespace.row(rollout, "A2")["code"] == "deferred_too_often"


def test_spec_execution_puts_no_device_to_work_twice_at_once(namespace):
    """Two rollouts of one device: the second waits, whatever its retries."""
    namespace.open({"B": "A1"}, [{"install": {"min": "500ms"}}])
    first = namespace.submit("first")
    namespace.wait(first, A1="received")
    second = namespace.submit("second")
    namespace.wait_until(second, "completed")
    assert namespace.row(first, "A1")["ended_at"] <= namespace.row(second, "A1")["dispatched_at"]
    assert not set(namespace.states(first).values()) & IN_FLIGHT
